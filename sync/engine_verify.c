#include "sync/engine_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void verify_report_free(struct verify_report *report)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		verify_result_free(&report->results[s]);
	*report = (struct verify_report){0};
}

/* ---- rows of the store --------------------------------------------------------------------------------------- */

struct unit_source {
	struct verify_source source; /* first: a source is handed on as this */
	struct store *store;
	int32_t session; /* the store's number of the session that was looked up last */
	char session_id[UUID_TEXT];
};

static int name_session(struct unit_source *unit, struct verify_rows *rows, struct point *point, struct err *e)
{
	if (!point->session)
		return 0;
	if (point->session != unit->session) {
		struct session session;
		int rc = store_session_by_id(unit->store, point->session, &session, e);
		if (rc)
			return rc;
		unit->session = point->session;
		memcpy(unit->session_id, session.session_id, sizeof unit->session_id);
	}
	return verify_rows_session(rows, unit->session_id, &point->session, e);
}

static int read_rows(struct verify_source *source, int64_t first, int64_t last, struct verify_rows *out, struct err *e)
{
	struct unit_source *unit = (struct unit_source *)source;
	struct ranges wanted = {0};
	size_t most = (size_t)(last - first + 1);
	int rc = ranges_add(&wanted, first, last, e);
	if (source->stream == STREAM_POINTS)
		out->points = calloc(most, sizeof *out->points);
	else
		out->events = calloc(most, sizeof *out->events);
	if (!rc && !out->points && !out->events)
		rc = err_set(e, ERR_MEMORY, "out of memory for %zu rows", most);
	if (!rc && out->points)
		rc = store_read_points(unit->store, &wanted, out->points, most, &out->count, e);
	else if (!rc)
		rc = store_read_events(unit->store, &wanted, out->events, most, &out->count, e);
	for (size_t i = 0; i < out->count && out->points && !rc; i++)
		rc = name_session(unit, out, &out->points[i], e);
	ranges_free(&wanted);
	return rc;
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

static int digest_next(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct question_stream *asked = &asking->question.streams[search->stream];
	struct unit_source unit = {.source = {search->stream, read_rows}, .store = asking->store};
	if (!asked->blocks)
		asked->blocks = calloc(VERIFY_BLOCKS_MAX, sizeof *asked->blocks);
	if (!asked->blocks)
		return err_set(e, ERR_MEMORY, "out of memory for a question");
	verify_search_next(search, asked->blocks, &asked->block_count);
	return verify_digest_blocks(&unit.source, asked->blocks, asked->block_count, e);
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
	int rc = store_unsent(asking->store, search->stream, &unsent, e);
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
	for (int s = 0; s < STREAM_COUNT; s++)
		verify_search_begin(&searches[s], (enum stream)s, asking.question.streams[s].last_seq);
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

/* Rows of which the centre says too much: what is missing, and what differs, for its stretch is no proof any more. */
static int mend(struct asking *asking, const struct ranges *again, struct err *e)
{
	struct answer answer = {0};
	int rc = begin(asking, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = ranges_copy(&asking->question.streams[s].mend, &again[s], e);
	if (!rc)
		rc = ask(asking, &answer, e);
	answer_free(&answer);
	question_free(&asking->question);
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
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		rc = ranges_copy(&again[s], &found->results[s].fates[VERIFY_MISSING], e);
		if (!rc)
			rc = ranges_add_all(&again[s], &found->results[s].fates[VERIFY_DIFFERING], e);
	}
	if (!rc)
		rc = mend(&asking, again, e);
	resend.again = again;
	if (!rc)
		rc = engine_run(store, keys, carrier, &resend, report, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&again[s]);
	return rc;
}
