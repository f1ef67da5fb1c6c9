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
	snprintf(asking->question.store_id, sizeof asking->question.store_id, "%s", store_id(asking->store));
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = store_last_seq(asking->store, (enum stream)s, &asking->question.streams[s].last_seq, e);
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

/* Of a block whose rows are pruned, the digest that was kept; of all others, that of the rows. */
static int digest_blocks(struct store *store, enum stream stream, struct verify_block *blocks, size_t count,
                         struct err *e)
{
	struct unit_rows rows = unit_rows(store, stream);
	int rc = 0;
	for (size_t from = 0, i = 0; i < count && !rc; i++) {
		struct store_block kept;
		bool pruned = false;
		rc = store_pruned_block(store, stream, blocks[i].first, &kept, &pruned, e);
		if (!rc && pruned) {
			blocks[i] =
				(struct verify_block){.first = kept.first, .last = kept.last, .rows = kept.rows, .pruned = true};
			memcpy(blocks[i].digest, kept.digest, sizeof kept.digest);
		}
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
	return digest_blocks(asking->store, search->stream, asked->blocks, asked->block_count, e);
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
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = verify_search_take(&searches[s], asking->question.streams[s].blocks,
		                        asking->question.streams[s].block_count, &answer.streams[s], e);
	answer_free(&answer);
	return rc;
}

static int finish(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct ranges unsent = {0};
	struct ranges aside = {0};
	int rc = store_unsent(asking->store, search->stream, &unsent, e);
	if (!rc)
		rc = store_aside(asking->store, search->stream, &aside, e);
	if (!rc)
		rc = ranges_add_all(&unsent, &aside, e);
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

int engine_verify(struct store *store, const struct key_pair *keys, struct carrier *carrier,
                  struct verify_report *report, struct err *e)
{
	struct asking asking = {.store = store, .keys = keys, .carrier = carrier, .report = report};
	struct verify_search searches[STREAM_COUNT];
	bool more = true;
	*report = (struct verify_report){0};
	int rc = begin(&asking, e);
	for (int s = 0; s < STREAM_COUNT; s++) {
		verify_search_begin(&searches[s], (enum stream)s, asking.question.streams[s].last_seq);
		if (!rc)
			rc = store_dropped(store, (enum stream)s, &searches[s].dropped, e);
	}
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

/* What this unit still has of what is missing or differs. */
static int to_send_again(struct store *store, enum stream stream, const struct verify_result *found, struct ranges *out,
                         struct err *e)
{
	struct ranges wrong = {0}, pruned = {0};
	int rc = ranges_copy(&wrong, &found->fates[VERIFY_MISSING], e);
	if (!rc)
		rc = ranges_add_all(&wrong, &found->fates[VERIFY_DIFFERING], e);
	if (!rc)
		rc = store_pruned(store, stream, &wrong, &pruned, e);
	if (!rc)
		rc = ranges_subtract(out, &wrong, &pruned, e);
	ranges_free(&wrong);
	ranges_free(&pruned);
	return rc;
}

int engine_repair(struct store *store, const struct key_pair *keys, struct carrier *carrier,
                  const struct verify_report *found, const struct engine_options *options, struct engine_report *report,
                  struct err *e)
{
	struct verify_report asked = {0};
	struct asking asking = {.store = store, .keys = keys, .carrier = carrier, .report = &asked};
	struct ranges again[STREAM_COUNT] = {{0}};
	struct engine_options resend = *options;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = to_send_again(store, (enum stream)s, &found->results[s], &again[s], e);
	if (!rc)
		rc = mend(&asking, found, e);
	resend.again = again;
	if (!rc)
		rc = engine_run(store, keys, carrier, &resend, report, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&again[s]);
	return rc;
}
