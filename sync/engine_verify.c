#include "sync/engine_verify.h"

#include "sync/unit_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void verify_report_free(struct verify_report *report)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		verify_result_free(&report->results[s]);
	*report = (struct verify_report){0};
}

/* ---- one exchange --------------------------------------------------------------------------------------------- */

struct asking {
	struct store *store;
	const struct identity *identity;
	const struct key_pair *keys;
	struct carrier *carrier;
	struct verify_report *report;
	struct store_centre centre;
	struct question question;
};

static int begin(struct asking *asking, struct err *e)
{
	bool paired;
	int rc = store_centre_get(asking->store, &asking->centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	memcpy(asking->question.sender, asking->keys->public_key, KEY_PUBLIC);
	memcpy(asking->question.store_id, asking->identity->store_id, sizeof asking->question.store_id);
	for (int s = 0; s < STREAM_COUNT; s++)
		asking->question.streams[s].last_seq = asking->identity->streams[s].last;
	return rc;
}

static int seal_question(const struct asking *asking, struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	int rc = question_encode(&asking->question, &document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_QUESTION, asking->keys, asking->centre.public_key, document.bytes, document.length,
		                   out, e);
	buffer_free(&document);
	return rc;
}

static int open_answer(const struct asking *asking, const struct buffer *question, const struct buffer *sealed,
                       struct answer *out, struct err *e)
{
	struct buffer document = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	int rc = envelope_open(sealed->bytes, sealed->length, ENVELOPE_ANSWER, asking->keys, asking->centre.public_key,
	                       &document, e);
	if (!rc)
		rc = answer_decode(document.bytes, document.length, out, e);
	buffer_free(&document);
	if (rc)
		return err_wrap(e, "what %s answered is no answer of this centre", asking->centre.url);
	envelope_digest(question->bytes, question->length, digest);
	if (strcmp(out->store_id, asking->question.store_id) || memcmp(out->question_digest, digest, sizeof digest)) {
		answer_free(out);
		return err_set(e, ERR_FORGED, "the centre's answer is for another question than the one that was asked");
	}
	if (out->standing)
		return receipt_standing_explain(out->standing, out->device_id, out->device_name, e);
	return 0;
}

/* Asks asking->question. */
static int ask(struct asking *asking, struct answer *out, struct err *e)
{
	struct buffer question = {0}, sealed = {0};
	int rc = seal_question(asking, &question, e);
	if (!rc)
		rc = asking->carrier->start(asking->carrier, "/v1/verify", question.bytes, question.length, e);
	if (!rc)
		rc = asking->carrier->finish(asking->carrier, &sealed, &asking->report->retry_ms, e);
	if (!rc) {
		asking->report->exchanges++;
		asking->report->bytes_sent += (int64_t)question.length;
		asking->report->bytes_received += (int64_t)sealed.length;
		rc = open_answer(asking, &question, &sealed, out, e);
	}
	buffer_free(&question);
	buffer_free(&sealed);
	return rc;
}

/* ---- a whole proof --------------------------------------------------------------------------------------------- */

/* The block with this first seq, when its rows are pruned: with the digest that was kept. */
static int find_pruned(const struct asking *asking, enum stream stream, struct verify_block *block, struct err *e)
{
	struct store_block kept;
	int64_t row = identity_row(asking->identity, stream, block->first);
	bool pruned = false;
	int rc = row ? store_pruned_block(asking->store, stream, row, &kept, &pruned, e) : 0;
	if (rc || !pruned)
		return rc;
	*block = (struct verify_block){
		.first = block->first, .last = block->first + kept.last - kept.first, .rows = kept.rows, .pruned = true};
	memcpy(block->digest, kept.digest, sizeof kept.digest);
	return 0;
}

/* Of a block whose rows are pruned, the digest that was kept; of all others, that of the rows. */
static int digest_blocks(const struct asking *asking, enum stream stream, struct verify_block *blocks, size_t count,
                         struct err *e)
{
	struct unit_rows rows = unit_rows(asking->store, asking->identity, stream);
	int rc = 0;
	for (size_t from = 0, i = 0; i < count && !rc; i++) {
		rc = find_pruned(asking, stream, &blocks[i], e);
		bool pruned = blocks[i].pruned;
		if (!rc && (pruned || i + 1 == count))
			rc = verify_digest_blocks(&rows.source, blocks + from, i + !pruned - from, e);
		if (pruned)
			from = i + 1;
	}
	return rc;
}

static int digest_next(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct question_stream *asked = &asking->question.streams[search->stream];
	if (!asked->blocks)
		asked->blocks = calloc(VERIFY_BLOCKS_MAX, sizeof *asked->blocks);
	if (!asked->blocks)
		return err_set(e, ERR_MEMORY, "out of memory for a question");
	verify_search_next(search, asked->blocks, &asked->block_count);
	return digest_blocks(asking, search->stream, asked->blocks, asked->block_count, e);
}

/* One question about both streams, and its answer. *out_more says whether there was still something to ask. */
static int round_trip(struct asking *asking, struct verify_search searches[STREAM_COUNT], bool *out_more, struct err *e)
{
	struct answer answer = {0};
	size_t blocks = 0;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		rc = digest_next(asking, &searches[s], e);
		blocks += asking->question.streams[s].block_count;
	}
	/* Also a store without rows asks once: whether the centre has any of it. */
	*out_more = blocks || !asking->report->exchanges;
	if (rc || !*out_more)
		return rc;
	rc = ask(asking, &answer, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		/* What others have added to a store that this unit has left is no business of its. */
		if (!asking->identity->present)
			ranges_free(&answer.streams[s].beyond);
		rc = verify_search_take(&searches[s], asking->question.streams[s].blocks,
		                        asking->question.streams[s].block_count, &answer.streams[s], e);
	}
	answer_free(&answer);
	return rc;
}

static int finish(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct ranges unsent = {0};
	struct ranges rows = {0}, aside = {0};
	int rc = identity_unsent(asking->store, asking->identity, search->stream, &unsent, e);
	if (!rc)
		rc = store_aside(asking->store, search->stream, &rows, e);
	if (!rc)
		rc = identity_seqs(asking->identity, search->stream, &rows, &aside, e);
	if (!rc)
		rc = ranges_add_all(&unsent, &aside, e);
	ranges_free(&rows);
	ranges_free(&aside);
	if (!rc)
		rc = verify_search_end(search, &unsent, e);
	ranges_free(&unsent);
	if (!rc) {
		asking->report->results[search->stream] = search->result;
		search->result = (struct verify_result){0};
	}
	return rc;
}

/* What was dropped, by the seqs of the identity. */
static int find_dropped(const struct asking *asking, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges rows = {0};
	int rc = store_dropped(asking->store, stream, &rows, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &rows, out, e);
	ranges_free(&rows);
	return rc;
}

/* All seqs that rows of the identity have: what was renamed leaves holes. */
static int begin_search(const struct asking *asking, enum stream stream, struct verify_search *search, struct err *e)
{
	const struct identity_stream *rows = &asking->identity->streams[stream];
	struct verify_piece *pieces = calloc(rows->count + 1, sizeof *pieces);
	size_t count = 0;
	if (!pieces)
		return err_set(e, ERR_MEMORY, "out of memory for a proof");
	for (size_t i = 0; i < rows->count; i++) {
		const struct identity_run *run = &rows->runs[i];
		if (run->count)
			pieces[count++] = (struct verify_piece){run->seq, run->seq + run->count - 1, run->row - run->seq};
	}
	int rc = verify_search_begin(search, stream, rows->last, pieces, count, e);
	free(pieces);
	return rc ? rc : find_dropped(asking, stream, &search->dropped, e);
}

int engine_verify(struct store *store, const struct identity *identity, const struct key_pair *keys,
                  struct carrier *carrier, struct verify_report *report, struct err *e)
{
	struct asking asking = {.store = store, .identity = identity, .keys = keys, .carrier = carrier, .report = report};
	struct verify_search searches[STREAM_COUNT] = {0};
	bool more = true;
	*report = (struct verify_report){0};
	int rc = begin(&asking, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = begin_search(&asking, (enum stream)s, &searches[s], e);
	while (!rc && more)
		rc = round_trip(&asking, searches, &more, e);
	for (int s = 0; s < STREAM_COUNT; s++) {
		if (!rc)
			rc = finish(&asking, &searches[s], e);
		verify_search_free(&searches[s]);
	}
	question_free(&asking.question);
	if (rc)
		verify_report_free(report);
	return rc;
}

/* ---- repair ---------------------------------------------------------------------------------------------------- */

/* Rows of which the centre says too much: what is missing or lost, and what differs, for its stretch is no proof any more. */
static int mend(struct asking *asking, const struct verify_report *found, struct err *e)
{
	static const enum verify_fate wrong[] = {VERIFY_MISSING, VERIFY_LOST, VERIFY_DIFFERING};
	struct answer answer = {0};
	int rc = begin(asking, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < sizeof wrong / sizeof *wrong && !rc; i++)
			rc = ranges_add_all(&asking->question.streams[s].mend, &found->results[s].fates[wrong[i]], e);
	if (!rc)
		rc = ask(asking, &answer, e);
	answer_free(&answer);
	question_free(&asking->question);
	return rc;
}

/* Rows that the centre has named as conflicts: somebody there may have decided since, and then they are none. */
static int add_conflicts(const struct asking *asking, enum stream stream, struct ranges *seqs, struct err *e)
{
	struct store_rejected *rejected = NULL;
	struct ranges rows = {0}, named = {0};
	size_t count = 0;
	int rc = store_rejected_list(asking->store, RANGES_MAX, &rejected, &count, e);
	for (size_t i = 0; i < count && !rc; i++)
		if (rejected[i].stream == stream && !strcmp(rejected[i].code, "conflict"))
			rc = ranges_add(&rows, rejected[i].seq, rejected[i].seq, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &rows, &named, e);
	if (!rc)
		rc = ranges_add_all(seqs, &named, e);
	free(rejected);
	ranges_free(&rows);
	ranges_free(&named);
	return rc;
}

/* What this unit still has of what is missing, differs or was a conflict. */
static int to_send_again(const struct asking *asking, enum stream stream, const struct verify_result *found,
                         struct ranges *out, struct err *e)
{
	struct ranges wrong = {0}, rows = {0}, gone = {0}, pruned = {0};
	int rc = ranges_copy(&wrong, &found->fates[VERIFY_MISSING], e);
	if (!rc)
		rc = ranges_add_all(&wrong, &found->fates[VERIFY_DIFFERING], e);
	if (!rc)
		rc = add_conflicts(asking, stream, &wrong, e);
	if (!rc)
		rc = identity_rows(asking->identity, stream, &wrong, &rows, e);
	if (!rc)
		rc = store_pruned(asking->store, stream, &rows, &gone, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &gone, &pruned, e);
	if (!rc)
		rc = ranges_subtract(out, &wrong, &pruned, e);
	ranges_free(&wrong);
	ranges_free(&rows);
	ranges_free(&gone);
	ranges_free(&pruned);
	return rc;
}

int engine_repair(struct store *store, const struct identity *identity, const struct key_pair *keys,
                  struct carrier *carrier, const struct verify_report *found, const struct engine_options *options,
                  struct engine_report *report, struct err *e)
{
	struct verify_report asked = {0};
	struct asking asking = {.store = store, .identity = identity, .keys = keys, .carrier = carrier, .report = &asked};
	struct ranges again[STREAM_COUNT] = {{0}};
	struct engine_options resend = *options;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = to_send_again(&asking, (enum stream)s, &found->results[s], &again[s], e);
	if (!rc)
		rc = mend(&asking, found, e);
	resend.again = again;
	resend.store_id = identity->store_id;
	if (!rc)
		rc = engine_run(store, keys, carrier, &resend, report, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&again[s]);
	return rc;
}

/* ---- for the centre --------------------------------------------------------------------------------------------- */

/* A proof for whoever has asked for it at the centre. */
struct proving {
	struct store *store;
	const struct key_pair *keys;
	struct carrier *carrier;
	const struct engine_options *options;
	struct engine_report *report;
	bool heals;  /* what the centre has lost is sent again first … */
	bool healed; /* … and was */
};

static int tell(const struct proving *p, const struct identity *identity, const struct verify_report *found,
                struct err *e)
{
	struct verify_report told = {0};
	struct asking asking = {
		.store = p->store, .identity = identity, .keys = p->keys, .carrier = p->carrier, .report = &told};
	struct question_proof *proof = &asking.question.proof;
	struct answer answer = {0};
	int rc = begin(&asking, e);
	if (!rc) {
		proof->asked_ms = p->report->verify_ms;
		snprintf(proof->outcome, sizeof proof->outcome, "%s", verify_outcome(found->results));
		verify_sentence(found->results, proof->sentence);
		rc = ask(&asking, &answer, e);
	}
	if (!rc && identity->present)
		memcpy(p->report->proof, proof->sentence, sizeof proof->sentence);
	answer_free(&answer);
	question_free(&asking.question);
	return rc;
}

/* Whoever asks for a proof wants the rows, and may be far from this unit. What differs is for people to decide. What can't be done
 * is seen when it is proved anew. */
static bool heal(const struct proving *p, const struct identity *identity, struct verify_report *found)
{
	struct engine_options options = {.batch_points = p->options->batch_points, .stop = p->options->stop};
	struct engine_report sent = {0};
	bool lost = false;
	for (int s = 0; s < STREAM_COUNT; s++)
		lost = lost || found->results[s].fates[VERIFY_MISSING].count || found->results[s].fates[VERIFY_LOST].count;
	if (!lost)
		return false;
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&found->results[s].fates[VERIFY_DIFFERING]);
	engine_repair(p->store, identity, p->keys, p->carrier, found, &options, &sent, NULL);
	engine_report_add(p->report, &sent);
	return true;
}

static int prove_identity(struct proving *p, const struct identity *identity, struct err *e)
{
	struct verify_report found = {0};
	int rc = engine_verify(p->store, identity, p->keys, p->carrier, &found, e);
	if (!rc && p->heals && heal(p, identity, &found))
		p->healed = true;
	else if (!rc)
		rc = tell(p, identity, &found, e);
	verify_report_free(&found);
	/* A store that was left may belong to another device by now, whose business it is. */
	return rc == -ERR_REFUSED && !identity->present ? 0 : rc;
}

static int prove_all(struct proving *p, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(p->store, &all, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		if (all[i].present || all[i].streams[STREAM_POINTS].last || all[i].streams[STREAM_EVENTS].last)
			rc = prove_identity(p, &all[i], e);
	identities_free(all, count);
	return rc;
}

int engine_prove(struct store *store, const struct key_pair *keys, struct carrier *carrier,
                 const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct proving p = {
		.store = store, .keys = keys, .carrier = carrier, .options = options, .report = report, .heals = true};
	struct engine_options rest = {.batch_points = options->batch_points, .stop = options->stop};
	struct engine_report sent;
	int rc = prove_all(&p, e);
	if (rc || !p.healed)
		return rc;
	/* By what the centre says then, there may be more that it lacks. */
	rc = engine_run(store, keys, carrier, &rest, &sent, e);
	engine_report_add(report, &sent);
	p.heals = false;
	return rc ? rc : prove_all(&p, e);
}
