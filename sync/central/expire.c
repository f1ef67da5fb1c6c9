#include "sync/central/expire.h"

#include "sync/central/seq_ranges.h"
#include "sync/central/store_rows.h"
#include "sync/central/stretches.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_AT_ONCE = 5000, NUMBER_TEXT = 24, BUSY_TRIES = 20 };

static const char begin_sql[] = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL alzy.ingest = 'on'";

/* One stream of one store. */
struct expiring {
	struct pg *pg;
	const char *before; /* NULL: all */
	struct expire_report *report;
	int64_t number;
	enum stream stream;
	struct store_sets sets; /* under lock */
	bool more;
};

/* *set without `gone`. */
static int without(struct ranges *set, const struct ranges *gone, struct err *e)
{
	struct ranges left = {0};
	int rc = ranges_subtract(&left, set, gone, e);
	ranges_free(set);
	*set = left;
	return rc;
}

/* ---- stretches ------------------------------------------------------------------------------------------------- */

/* The parts of a stretch that stay, each as a block. */
static int keep_rest(const struct verify_block *stretch, const struct ranges *gone, struct stretches *rest,
                     struct err *e)
{
	struct ranges all = {0}, left = {0};
	int rc = ranges_add(&all, stretch->first, stretch->last, e);
	if (!rc)
		rc = ranges_subtract(&left, &all, gone, e);
	for (size_t i = 0; i < left.count && !rc; i++) {
		struct verify_block block = *stretch;
		block.first = left.items[i].first;
		block.last = left.items[i].last;
		rc = stretches_add(rest, &block, e);
	}
	ranges_free(&all);
	ranges_free(&left);
	return rc;
}

/* Of a stretch that still is what was received, the rest gets a digest of its own; of one that is not, the old one stays, so that
 * nobody's change is covered up. Comes before the rows are deleted. */
static int cut_stretches(struct expiring *x, const struct ranges *gone, struct err *e)
{
	struct table_source table = table_source(x->pg, &x->sets, x->stream, false);
	struct stretches touched = {0}, rest = {0};
	int rc = stretches_touched(x->pg, x->number, x->stream, gone, &touched, e);
	for (size_t i = 0; i < touched.count && !rc; i++) {
		struct verify_block now = {.first = touched.items[i].first, .last = touched.items[i].last};
		size_t from = rest.count;
		rc = verify_digest_blocks(&table.source, &now, 1, e);
		bool sound = !rc && !now.odd && !memcmp(now.digest, touched.items[i].digest, ROWS_DIGEST);
		if (!rc)
			rc = keep_rest(&touched.items[i], gone, &rest, e);
		if (!rc && sound)
			rc = verify_digest_blocks(&table.source, rest.items + from, rest.count - from, e);
	}
	if (!rc)
		rc = stretches_cut(x->pg, x->number, x->stream, gone, e);
	if (!rc && rest.count)
		rc = stretches_note(x->pg, x->number, x->stream, &rest, e);
	stretches_free(&touched);
	stretches_free(&rest);
	return rc;
}

/* ---- rows of a store -------------------------------------------------------------------------------------------- */

static int lock_store(struct expiring *x, struct err *e)
{
	char number[NUMBER_TEXT];
	const char *value = number;
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	int rc = pg_script(x->pg, begin_sql, e);
	if (!rc)
		rc = pg_query(x->pg, &found, e,
		              "SELECT " STORE_SETS_COLUMNS " FROM alzy.stores WHERE number = $1::int FOR UPDATE", 1, &value);
	if (!rc && pg_rows(found))
		rc = store_sets_read(found, &x->sets, e);
	pg_result_free(found);
	return rc;
}

/* The first of the rows that are to go, as ranges of seq. */
#define FIND_SQL(id, at, table)                                                                                     \
	"SELECT min(seq), max(seq), sum(rows) FROM (SELECT seq, rows, seq - row_number() OVER (ORDER BY seq) AS island" \
	" FROM (SELECT seq, count(*) AS rows FROM (SELECT " id " - ($1::bigint << 40) AS seq FROM " table " WHERE " id  \
	" > $1::bigint << 40 AND " id " <= ($1::bigint << 40) + 1099511627775 AND ($2::timestamptz IS NULL OR " at      \
	" < $2::timestamptz) ORDER BY " id " LIMIT $3::int) r GROUP BY seq) d) i GROUP BY island ORDER BY 1"
/* Notes by the way what all that has expired is older than. */
#define DELETE_SQL(id, at, table)                                                                                    \
	"WITH gone AS (DELETE FROM " table " t USING unnest($3::bigint[], $4::bigint[]) AS r(first, last) WHERE t." id   \
	" BETWEEN ($1::bigint << 40) + r.first AND ($1::bigint << 40) + r.last AND ($2::timestamptz IS NULL OR t." at    \
	" < $2::timestamptz) RETURNING t." at " AS at) UPDATE alzy.stores SET expired_before = greatest(expired_before," \
	" $2::timestamptz, (SELECT max(at) + interval '1 ms' FROM gone)) WHERE number = $1::int"
static const char *const find_sql[STREAM_COUNT] = {FIND_SQL("id", "recorded_at", "alzy.points"),
                                                   FIND_SQL("event_id", "event_at", "public.events")};
static const char *const delete_sql[STREAM_COUNT] = {DELETE_SQL("id", "recorded_at", "alzy.points"),
                                                     DELETE_SQL("event_id", "event_at", "public.events")};

static int find_rows(struct expiring *x, struct ranges *out, int64_t *out_rows, struct err *e)
{
	char number[NUMBER_TEXT], most[NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	snprintf(most, sizeof most, "%d", ROWS_AT_ONCE);
	int rc = pg_query(x->pg, &found, e, find_sql[x->stream], 3, (const char *const[]){number, x->before, most});
	*out_rows = 0;
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		rc = ranges_add(out, pg_int(found, i, 0), pg_int(found, i, 1), e);
		*out_rows += pg_int(found, i, 2);
	}
	pg_result_free(found);
	return rc;
}

static int delete_rows(struct expiring *x, const struct ranges *gone, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	char number[NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, x->number);
	int rc = seq_ranges_arrays(gone, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(x->pg, NULL, e, delete_sql[x->stream], 4,
		              (const char *const[]){number, x->before, (char *)firsts.bytes, (char *)lasts.bytes});
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

/* Of the rows in one transaction: ranges and stretches first, which need the rows. */
static int expire_rows(struct expiring *x, struct err *e)
{
	struct store_stream *said = &x->sets.streams[x->stream];
	struct ranges gone = {0};
	int64_t rows = 0;
	int rc = find_rows(x, &gone, &rows, e);
	if (!rc && gone.count)
		rc = cut_stretches(x, &gone, e);
	if (!rc && gone.count)
		rc = delete_rows(x, &gone, e);
	if (!rc)
		rc = without(&said->held, &gone, e);
	if (!rc)
		rc = ranges_add_all(&said->expired, &gone, e);
	if (!rc && gone.count)
		rc = store_sets_write(x->pg, &x->sets, e);
	x->more = rows == ROWS_AT_ONCE;
	if (!rc)
		x->report->rows[x->stream] += rows;
	ranges_free(&gone);
	return rc;
}

/* Rows kept aside have their own time in their content; what is none is as old as it is here. */
static const char aside_sql[] =
	"WITH old AS (SELECT stream, seq, digest FROM alzy.rejected WHERE store_number = $1::int AND stream = $2 AND"
	" CASE WHEN $3::timestamptz IS NULL THEN true WHEN content->>$4 ~ '^\\d{4}-[01]\\d-[0-3]\\dT[0-2]\\d:'"
	"  THEN (content->>$4)::timestamptz < $3::timestamptz ELSE rejected_at < $3::timestamptz END"
	" ORDER BY seq LIMIT $5::int) DELETE FROM alzy.rejected r USING old o WHERE r.store_number = $1::int"
	" AND r.stream = o.stream AND r.seq = o.seq AND r.digest = o.digest RETURNING r.seq";

static int expire_aside(struct expiring *x, struct err *e)
{
	struct store_stream *said = &x->sets.streams[x->stream];
	struct ranges deleted = {0}, left = {0}, gone = {0};
	char number[NUMBER_TEXT], most[NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	snprintf(most, sizeof most, "%d", ROWS_AT_ONCE);
	int rc = pg_query(x->pg, &found, e, aside_sql, 5,
	                  (const char *const[]){number, stream_name(x->stream), x->before,
	                                        x->stream == STREAM_POINTS ? "recorded_at" : "event_at", most});
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = ranges_add(&deleted, pg_int(found, i, 0), pg_int(found, i, 0), e);
	/* One that is held, or kept aside with other content too, is none that has expired. */
	if (!rc && deleted.count)
		rc = table_aside(x->pg, x->number, x->stream, &deleted, &left, e);
	if (!rc)
		rc = without(&deleted, &left, e);
	if (!rc)
		rc = ranges_intersect(&gone, &said->rejected, &deleted, e);
	if (!rc)
		rc = without(&said->rejected, &gone, e);
	if (!rc)
		rc = without(&gone, &said->held, e);
	if (!rc)
		rc = ranges_add_all(&said->expired, &gone, e);
	x->more = !rc && pg_rows(found) == ROWS_AT_ONCE;
	if (!rc && pg_rows(found))
		rc = store_sets_write(x->pg, &x->sets, e);
	if (!rc && pg_rows(found))
		rc = pg_query(
			x->pg, NULL, e,
			"UPDATE alzy.stores SET expired_before = greatest(expired_before, $2::timestamptz) WHERE number = $1::int",
			2, (const char *const[]){number, x->before});
	if (!rc)
		x->report->rejected += (int64_t)pg_rows(found);
	pg_result_free(found);
	ranges_free(&deleted);
	ranges_free(&left);
	ranges_free(&gone);
	return rc;
}

/* One short transaction. *report has what it has done only once that is committed. */
static int run_step(struct expiring *x, int (*step)(struct expiring *x, struct err *e), struct err *e)
{
	struct expire_report before = *x->report;
	int rc = lock_store(x, e);
	x->more = false;
	if (!rc && x->sets.number)
		rc = step(x, e);
	store_sets_free(&x->sets);
	if (!rc)
		rc = pg_script(x->pg, "COMMIT", e);
	else
		pg_script(x->pg, "ROLLBACK", NULL);
	if (rc)
		*x->report = before;
	return rc;
}

/* A gateway may have the store's row for a moment. */
static int run_patiently(struct expiring *x, int (*step)(struct expiring *x, struct err *e), struct err *e)
{
	int rc = -ERR_BUSY;
	for (int i = 0; i < BUSY_TRIES && rc == -ERR_BUSY; i++)
		rc = run_step(x, step, e);
	return rc;
}

static int expire_store(struct pg *pg, int64_t number, const char *before, struct expire_report *report, struct err *e)
{
	static int (*const steps[])(struct expiring * x, struct err * e) = {expire_rows, expire_aside};
	struct expire_report was = *report;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
			struct expiring x = {
				.pg = pg, .before = before, .report = report, .number = number, .stream = (enum stream)s, .more = true};
			while (!rc && x.more)
				rc = run_patiently(&x, steps[i], e);
		}
	report->stores += report->rows[STREAM_POINTS] + report->rows[STREAM_EVENTS] + report->rejected !=
	                  was.rows[STREAM_POINTS] + was.rows[STREAM_EVENTS] + was.rejected;
	return rc;
}

static int each_store(struct pg *pg, const char *before, const char *device, struct expire_report *report,
                      int (*work)(struct pg *pg, int64_t number, const char *before, struct expire_report *report,
                                  struct err *e),
                      struct err *e)
{
	struct pg_result *found = NULL;
	int rc =
		pg_query(pg, &found, e,
	             "SELECT number FROM alzy.stores WHERE $1::int IS NULL OR device_id = $1::int ORDER BY 1", 1, &device);
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = work(pg, pg_int(found, i, 0), before, report, e);
	pg_result_free(found);
	return rc;
}

/* ---- rows of no store -------------------------------------------------------------------------------------------- */

/* Events of before whose date nobody knows stand on 1970-01-01: these have no age. */
static const char *const loose_sql[STREAM_COUNT] = {
	"WITH old AS (SELECT id, recorded_at FROM alzy.points WHERE id < 1099511627776 AND ($2::int IS NULL OR device_id ="
	" $2::int) AND ($1::timestamptz IS NULL OR recorded_at < $1::timestamptz) ORDER BY id LIMIT $3::int)"
	" DELETE FROM alzy.points p USING old o WHERE p.id = o.id AND p.recorded_at = o.recorded_at RETURNING 1",
	"WITH old AS (SELECT event_id FROM public.events v WHERE event_id < 1099511627776 AND ($2::int IS NULL OR EXISTS"
	" (SELECT FROM alzy.sessions s WHERE s.session_id = v.session_id AND s.device_id = $2::int)) AND ($1::timestamptz"
	" IS NULL OR event_at < $1::timestamptz AND event_at >= '1970-01-02Z') ORDER BY event_id LIMIT $3::int)"
	" DELETE FROM public.events v USING old o WHERE v.event_id = o.event_id RETURNING 1",
};

static int expire_loose(struct pg *pg, const char *before, const char *device, struct expire_report *report,
                        struct err *e)
{
	char most[NUMBER_TEXT];
	snprintf(most, sizeof most, "%d", ROWS_AT_ONCE);
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t count = ROWS_AT_ONCE; count == ROWS_AT_ONCE;) {
			struct pg_result *found = NULL;
			int rc = pg_query(pg, &found, e, loose_sql[s], 3, (const char *const[]){before, device, most});
			count = rc ? 0 : pg_rows(found);
			pg_result_free(found);
			if (rc)
				return rc;
			report->rows[s] += (int64_t)count;
		}
	return 0;
}

/* The last position of a device is one of its points. */
static int expire_positions(struct pg *pg, const char *before, const char *device, struct expire_report *report,
                            struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e,
	                  "DELETE FROM alzy.last_positions WHERE ($1::timestamptz IS NULL OR recorded_at < $1::timestamptz)"
	                  " AND ($2::int IS NULL OR device_id = $2::int) RETURNING 1",
	                  2, (const char *const[]){before, device});
	if (!rc)
		report->positions += (int64_t)pg_rows(found);
	pg_result_free(found);
	return rc;
}

int expire_before(struct pg *pg, const char *before, const char *device, struct expire_report *report, struct err *e)
{
	int rc = each_store(pg, before, device, report, expire_store, e);
	if (!rc)
		rc = expire_loose(pg, before, device, report, e);
	if (!rc)
		rc = expire_positions(pg, before, device, report, e);
	return rc ? rc : expire_partitions(pg, before, report, e);
}

int expire_count(struct pg *pg, const char *before, const char *device, struct expire_report *out, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(
		pg, &found, e,
		"SELECT (SELECT count(*) FROM alzy.points WHERE ($1::timestamptz IS NULL OR recorded_at < $1::timestamptz)"
		"  AND ($2::int IS NULL OR device_id = $2::int)),"
		" (SELECT count(*) FROM public.events v LEFT JOIN alzy.stores t ON t.number = v.event_id >> 40"
		"  LEFT JOIN alzy.sessions s ON v.event_id < 1099511627776 AND s.session_id = v.session_id"
		"  WHERE ($1::timestamptz IS NULL OR event_at < $1::timestamptz AND (t.number IS NOT NULL OR event_at >="
		"  '1970-01-02Z')) AND ($2::int IS NULL OR coalesce(t.device_id, s.device_id) = $2::int)),"
		" (SELECT count(*) FROM alzy.rejected r JOIN alzy.stores t ON t.number = r.store_number"
		"  WHERE ($2::int IS NULL OR t.device_id = $2::int) AND CASE WHEN $1::timestamptz IS NULL THEN true"
		"   WHEN coalesce(content->>'recorded_at', content->>'event_at') ~ '^\\d{4}-[01]\\d-[0-3]\\dT[0-2]\\d:'"
		"   THEN coalesce(content->>'recorded_at', content->>'event_at')::timestamptz < $1::timestamptz"
		"   ELSE rejected_at < $1::timestamptz END),"
		" (SELECT count(*) FROM alzy.last_positions WHERE ($1::timestamptz IS NULL OR recorded_at < $1::timestamptz)"
		"  AND ($2::int IS NULL OR device_id = $2::int)),"
		" (SELECT count(*) FROM alzy.sessions WHERE $1::timestamptz IS NULL AND device_id = $2::int)",
		2, (const char *const[]){before, device});
	if (!rc)
		*out = (struct expire_report){.rows = {pg_int(found, 0, 0), pg_int(found, 0, 1)},
		                              .rejected = pg_int(found, 0, 2),
		                              .positions = pg_int(found, 0, 3),
		                              .sessions = pg_int(found, 0, 4)};
	pg_result_free(found);
	return rc;
}

/* ---- a right to be forgotten -------------------------------------------------------------------------------------- */

/* First of all: from here on nothing comes in that was recorded before. The stores' rows are locked one by one, so that what a
 * gateway is taking at this moment is in the tables when they are emptied. */
static int note_erasure(struct pg *pg, const char *device, struct err *e)
{
	int rc =
		pg_query(pg, NULL, e,
	             "INSERT INTO alzy.erasures (device_id, erased_at) VALUES ($1::int, date_trunc('milliseconds', now()))"
	             " ON CONFLICT (device_id) DO UPDATE SET erased_at = excluded.erased_at",
	             1, &device);
	return rc ? rc
	          : pg_query(pg, NULL, e,
	                     "UPDATE alzy.stores s SET erased_at = v.erased_at FROM alzy.erasures v"
	                     " WHERE v.device_id = s.device_id AND s.device_id = $1::int",
	                     1, &device);
}

/* All that the unit has told of: what has not come yet is not waited for. */
static int close_store(struct expiring *x, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct store_stream *said = &x->sets.streams[s];
		if (said->last)
			rc = ranges_add(&said->expired, 1, said->last, e);
		if (!rc)
			rc = without(&said->expired, &said->held, e);
		if (!rc)
			rc = without(&said->expired, &said->rejected, e);
		ranges_free(&said->dropped);
	}
	return rc ? rc : store_sets_write(x->pg, &x->sets, e);
}

static int erase_store(struct pg *pg, int64_t number, const char *before, struct expire_report *report, struct err *e)
{
	struct expiring x = {.pg = pg, .report = report, .number = number};
	int rc = expire_store(pg, number, before, report, e);
	return rc ? rc : run_patiently(&x, close_store, e);
}

/* Who, what and when: of a journey that began before nothing is known but that it was. */
static const char sessions_sql[] =
	"WITH s AS (UPDATE alzy.sessions s SET started_at = v.erased_at, ended_at = CASE WHEN status = 'ended' THEN"
	" greatest(v.erased_at, ended_at) END, lost_references = NULL, centre_changes = '{}',"
	" seen_revision = greatest(seen_revision, centre_revision), updated_at = now() FROM alzy.erasures v"
	" WHERE v.device_id = $1::int AND s.device_id = $1::int AND (s.started_at IS NULL OR s.started_at < v.erased_at)"
	" RETURNING s.session_id, s.started_at, s.ended_at), p AS (UPDATE public.sessions p SET user_id = NULL,"
	" machine_id = NULL, application_id = NULL, start_at = s.started_at AT TIME ZONE 'UTC',"
	" end_at = s.ended_at AT TIME ZONE 'UTC' FROM s WHERE p.session_id = s.session_id) SELECT count(*) FROM s";
static const char *const others_sql[] = {
	"UPDATE alzy.drops d SET reason = 'erased' FROM alzy.stores s WHERE s.store_id = d.store_id"
	" AND s.device_id = $1::int AND d.reason <> 'erased'",
	"DELETE FROM alzy.kept_aside WHERE content->>'device_id' = $1::int::text OR table_name = 'public.events'"
	" AND content->>'session_id' IN (SELECT session_id FROM alzy.sessions WHERE device_id = $1::int)",
};

static int erase_sessions(struct pg *pg, const char *device, struct expire_report *report, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_script(pg, begin_sql, e);
	if (!rc)
		rc = pg_query(pg, &found, e, sessions_sql, 1, &device);
	for (size_t i = 0; i < sizeof others_sql / sizeof *others_sql && !rc; i++)
		rc = pg_query(pg, NULL, e, others_sql[i], 1, &device);
	if (!rc)
		rc = pg_script(pg, "COMMIT", e);
	else
		pg_script(pg, "ROLLBACK", NULL);
	if (!rc)
		report->sessions += pg_int(found, 0, 0);
	pg_result_free(found);
	return rc;
}

int expire_erase(struct pg *pg, const char *device, struct expire_report *report, struct err *e)
{
	int rc = note_erasure(pg, device, e);
	if (!rc)
		rc = each_store(pg, NULL, device, report, erase_store, e);
	if (!rc)
		rc = expire_loose(pg, NULL, device, report, e);
	if (!rc)
		rc = expire_positions(pg, NULL, device, report, e);
	if (!rc)
		rc = erase_sessions(pg, device, report, e);
	return rc ? rc : expire_partitions(pg, NULL, report, e);
}
