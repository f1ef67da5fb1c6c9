#include "sync/central/verify_centre.h"

#include "hal/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 24 };

/* One snapshot of everything. */
static const char look_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'";
/* As ingest does: under the lock of the store's row. */
static const char mend_sql[] = "BEGIN; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '60s';"
							   " SET LOCAL synchronous_commit = on";

static int find_store(struct pg *pg, int64_t device_id, const struct question *question, bool lock,
                      struct store_sets *out, struct err *e)
{
	const char *store_id = question->store_id;
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e,
	                  lock ? "SELECT " STORE_SETS_COLUMNS " FROM alzy.stores WHERE store_id = $1::uuid FOR UPDATE"
	                       : "SELECT " STORE_SETS_COLUMNS " FROM alzy.stores WHERE store_id = $1::uuid",
	                  1, &store_id);
	if (!rc && pg_rows(found))
		rc = store_sets_read(found, out, e);
	if (!rc && out->number && out->device_id != device_id)
		rc = err_set(e, ERR_REFUSED, "store %s belongs to another device (%" PRId64 ")", store_id, out->device_id);
	pg_result_free(found);
	return rc;
}

/* Rows above the last that the unit has given out: the first of them. */
static int look_beyond(struct pg *pg, int64_t number, enum stream stream, int64_t last, struct ranges *out,
                       struct err *e)
{
	static const char *const sql[STREAM_COUNT] = {
		"SELECT id - $1::bigint FROM alzy.points WHERE id > $1::bigint + $2::bigint"
		" AND id <= $1::bigint + 1099511627775 ORDER BY id LIMIT $3::int",
		"SELECT event_id - $1::bigint FROM public.events WHERE event_id > $1::bigint + $2::bigint"
		" AND event_id <= $1::bigint + 1099511627775 ORDER BY event_id LIMIT $3::int",
	};
	char base[NUMBER_TEXT], above[NUMBER_TEXT], most[NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(base, sizeof base, "%" PRId64, store_base(number));
	snprintf(above, sizeof above, "%" PRId64, last);
	snprintf(most, sizeof most, "%d", VERIFY_NAMED_MAX);
	int rc = pg_query(pg, &found, e, sql[stream], 3, (const char *const[]){base, above, most});
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = ranges_add(out, pg_int(found, i, 0), pg_int(found, i, 0), e);
	pg_result_free(found);
	return rc;
}

/* Which rows there are in the blocks that differ, of which the unit has no rows to ask about in parts. */
static int look_there(struct pg *pg, int64_t number, enum stream stream, const struct question_stream *asked,
                      struct answer_stream *out, struct err *e)
{
	struct ranges within = {0}, aside = {0};
	int rc = 0;
	for (size_t i = 0; i < asked->block_count && !rc; i++)
		if (asked->blocks[i].pruned && ranges_contain(&out->differing, asked->blocks[i].first))
			rc = ranges_add(&within, asked->blocks[i].first, asked->blocks[i].last, e);
	if (!rc && within.count)
		rc = table_present(pg, number, stream, &within, &out->there, e);
	if (!rc && within.count)
		rc = ranges_intersect(&aside, &out->rejected, &within, e);
	if (!rc)
		rc = ranges_add_all(&out->there, &aside, e);
	ranges_free(&within);
	ranges_free(&aside);
	return rc;
}

static int compare_blocks(struct pg *pg, const struct store_sets *sets, enum stream stream,
                          const struct question_stream *asked, struct answer_stream *out, struct err *e)
{
	struct table_source table = table_source(pg, sets, stream, true);
	struct verify_block *found = calloc(asked->block_count + 1, sizeof *found);
	if (!found)
		return err_set(e, ERR_MEMORY, "out of memory for %zu blocks", asked->block_count);
	for (size_t i = 0; i < asked->block_count; i++)
		found[i] = asked->blocks[i];
	int rc = verify_digest_blocks(&table.source, found, asked->block_count, e);
	if (!rc)
		rc = verify_compare(asked->blocks, found, asked->block_count, out, e);
	out->rejected = table.rejected;
	if (!rc)
		rc = look_there(pg, sets->number, stream, asked, out, e);
	free(found);
	return rc;
}

static int answer_stream(struct pg *pg, const struct store_sets *sets, enum stream stream,
                         const struct question_stream *asked, struct answer_stream *out, struct err *e)
{
	const struct store_stream *said = &sets->streams[stream];
	struct ranges about = {0};
	int rc = compare_blocks(pg, sets, stream, asked, out, e);
	for (size_t i = 0; i < asked->block_count && !rc; i++)
		rc = ranges_add(&about, asked->blocks[i].first, asked->blocks[i].last, e);
	if (!rc)
		rc = ranges_intersect(&out->dropped, &said->dropped, &about, e);
	if (!rc)
		rc = ranges_intersect(&out->expired, &said->expired, &about, e);
	if (!rc && sets->number)
		rc = look_beyond(pg, sets->number, stream, asked->last_seq, &out->beyond, e);
	ranges_free(&about);
	return rc;
}

/* What the unit has found out when it was asked. */
static int note_proof(struct pg *pg, int64_t number, const struct question_proof *proof, struct err *e)
{
	char text[NUMBER_TEXT], asked[TIME_TEXT];
	snprintf(text, sizeof text, "%" PRId64, number);
	return pg_query(pg, NULL, e,
	                "UPDATE alzy.stores SET proof_asked_at = least($2::timestamptz, verify_asked_at), proof_at = now(),"
	                " proof_outcome = $3, proof = $4 WHERE number = $1::int AND verify_asked_at IS NOT NULL",
	                4,
	                (const char *const[]){text, time_format(proof->asked_ms, asked), proof->outcome, proof->sentence});
}

static int work(struct pg *pg, int64_t device_id, const struct question *question, bool mend, struct answer *out,
                struct err *e)
{
	struct store_sets sets = {0};
	int rc = find_store(pg, device_id, question, mend || question->proof.asked_ms, &sets, e);
	if (!rc && question->proof.asked_ms && sets.number)
		rc = note_proof(pg, sets.number, &question->proof, e);
	if (!rc && mend && sets.number)
		rc = mend_store(pg, &sets, question, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = answer_stream(pg, &sets, (enum stream)s, &question->streams[s], &out->streams[s], e);
	store_sets_free(&sets);
	return rc;
}

int verify_centre(struct pg *pg, int64_t device_id, const struct question *question,
                  const uint8_t question_digest[ENVELOPE_DIGEST], struct answer *out, struct err *e)
{
	struct answer answer = {.centre_ms = clock_wall_ms()};
	struct err local = {0};
	bool mend = question->streams[STREAM_POINTS].mend.count || question->streams[STREAM_EVENTS].mend.count;
	memcpy(answer.store_id, question->store_id, sizeof answer.store_id);
	memcpy(answer.question_digest, question_digest, sizeof answer.question_digest);
	int rc = pg_script(pg, mend || question->proof.asked_ms ? mend_sql : look_sql, &local);
	if (!rc)
		rc = work(pg, device_id, question, mend, &answer, &local);
	if (!rc)
		rc = pg_script(pg, "COMMIT", &local);
	else
		pg_script(pg, "ROLLBACK", NULL);
	if (!rc) {
		*out = answer;
		return 0;
	}
	answer_free(&answer);
	/* Whatever Postgres has against data here, it is not the unit's. */
	return err_set(e, local.code == ERR_DATA ? ERR_DATABASE : local.code, "%s", local.text);
}
