/* What one store lets go of. */
#include "sync/central/expire_parts.h"
#include "sync/central/seq_ranges.h"
#include "sync/central/stretches.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BUSY_TRIES = 20 };

/* ---- stretches ------------------------------------------------------------------------------------------------- */

/* Of a stretch that still is what was received, the rest gets a digest of its own; of one that is not, the old one stays, so that
 * nobody's change is covered up. Comes before the rows are deleted. */
static int cut_stretches(struct expiring *x, const struct ranges *gone, struct err *e)
{
	struct table_source table = table_source(x->all->pg, &x->sets, x->stream, false);
	struct stretches touched = {0}, rest = {0};
	int rc = stretches_touched(x->all->pg, x->number, x->stream, gone, &touched, e);
	for (size_t i = 0; i < touched.count && !rc; i++) {
		struct verify_block now = {.first = touched.items[i].first, .last = touched.items[i].last};
		size_t from = rest.count;
		rc = verify_digest_blocks(&table.source, &now, 1, e);
		bool sound = !rc && !now.odd && !memcmp(now.digest, touched.items[i].digest, ROWS_DIGEST);
		if (!rc)
			rc = stretches_rest(&touched.items[i], gone, &rest, e);
		if (!rc && sound)
			rc = verify_digest_blocks(&table.source, rest.items + from, rest.count - from, e);
	}
	if (!rc)
		rc = stretches_cut(x->all->pg, x->number, x->stream, gone, e);
	if (!rc && rest.count)
		rc = stretches_note(x->all->pg, x->number, x->stream, &rest, e);
	stretches_free(&touched);
	stretches_free(&rest);
	return rc;
}

/* ---- rows of a store -------------------------------------------------------------------------------------------- */

static int lock_store(struct expiring *x, struct err *e)
{
	char number[EXPIRE_NUMBER_TEXT];
	const char *value = number;
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	int rc = pg_script(x->all->pg, EXPIRE_BEGIN, e);
	if (!rc)
		rc = pg_query(x->all->pg, &found, e,
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
	char number[EXPIRE_NUMBER_TEXT], most[EXPIRE_NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	snprintf(most, sizeof most, "%d", EXPIRE_AT_ONCE);
	int rc =
		pg_query(x->all->pg, &found, e, find_sql[x->stream], 3, (const char *const[]){number, x->all->before, most});
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
	char number[EXPIRE_NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, x->number);
	int rc = seq_ranges_arrays(gone, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(x->all->pg, NULL, e, delete_sql[x->stream], 4,
		              (const char *const[]){number, x->all->before, (char *)firsts.bytes, (char *)lasts.bytes});
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
		rc = ranges_remove(&said->held, &gone, e);
	if (!rc)
		rc = ranges_add_all(&said->expired, &gone, e);
	if (!rc && gone.count)
		rc = store_sets_write(x->all->pg, &x->sets, e);
	x->more = rows == EXPIRE_AT_ONCE;
	if (!rc)
		x->all->report->rows[x->stream] += rows;
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

static int delete_aside(struct expiring *x, struct ranges *out, int64_t *out_rows, struct err *e)
{
	char number[EXPIRE_NUMBER_TEXT], most[EXPIRE_NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, x->number);
	snprintf(most, sizeof most, "%d", EXPIRE_AT_ONCE);
	int rc = pg_query(x->all->pg, &found, e, aside_sql, 5,
	                  (const char *const[]){number, stream_name(x->stream), x->all->before,
	                                        x->stream == STREAM_POINTS ? "recorded_at" : "event_at", most});
	*out_rows = rc ? 0 : (int64_t)pg_rows(found);
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = ranges_add(out, pg_int(found, i, 0), pg_int(found, i, 0), e);
	pg_result_free(found);
	return rc;
}

/* One that is held, or kept aside with other content too, is none that has expired. */
static int note_aside(struct expiring *x, struct ranges *deleted, struct err *e)
{
	struct store_stream *said = &x->sets.streams[x->stream];
	struct ranges left = {0}, gone = {0};
	int rc = table_aside(x->all->pg, x->number, x->stream, deleted, &left, e);
	if (!rc)
		rc = ranges_remove(deleted, &left, e);
	if (!rc)
		rc = ranges_intersect(&gone, &said->rejected, deleted, e);
	if (!rc)
		rc = ranges_remove(&said->rejected, &gone, e);
	if (!rc)
		rc = ranges_remove(&gone, &said->held, e);
	if (!rc)
		rc = ranges_add_all(&said->expired, &gone, e);
	ranges_free(&left);
	ranges_free(&gone);
	return rc ? rc : store_sets_write(x->all->pg, &x->sets, e);
}

static int note_before(struct expiring *x, struct err *e)
{
	char number[EXPIRE_NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, x->number);
	return pg_query(
		x->all->pg, NULL, e,
		"UPDATE alzy.stores SET expired_before = greatest(expired_before, $2::timestamptz) WHERE number = $1::int", 2,
		(const char *const[]){number, x->all->before});
}

static int expire_aside(struct expiring *x, struct err *e)
{
	struct ranges deleted = {0};
	int64_t rows;
	int rc = delete_aside(x, &deleted, &rows, e);
	x->more = rows == EXPIRE_AT_ONCE;
	if (!rc && rows)
		rc = note_aside(x, &deleted, e);
	if (!rc && rows)
		rc = note_before(x, e);
	if (!rc)
		x->all->report->rejected += rows;
	ranges_free(&deleted);
	return rc;
}

/* One short transaction. *report has what it has done only once that is committed. */
static int run_step(struct expiring *x, int (*step)(struct expiring *x, struct err *e), struct err *e)
{
	struct expire_report before = *x->all->report;
	int rc = lock_store(x, e);
	x->more = false;
	if (!rc && x->sets.number)
		rc = step(x, e);
	store_sets_free(&x->sets);
	if (!rc)
		rc = pg_script(x->all->pg, "COMMIT", e);
	else
		pg_script(x->all->pg, "ROLLBACK", NULL);
	if (rc)
		*x->all->report = before;
	return rc;
}

int expire_patiently(struct expiring *x, int (*step)(struct expiring *x, struct err *e), struct err *e)
{
	int rc = -ERR_BUSY;
	for (int i = 0; i < BUSY_TRIES && rc == -ERR_BUSY; i++)
		rc = run_step(x, step, e);
	return rc;
}

int expire_store(const struct expire *all, int64_t number, struct err *e)
{
	static int (*const steps[])(struct expiring * x, struct err * e) = {expire_rows, expire_aside};
	struct expire_report *report = all->report, was = *report;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
			struct expiring x = {.all = all, .number = number, .stream = (enum stream)s, .more = true};
			while (!rc && x.more)
				rc = expire_patiently(&x, steps[i], e);
		}
	report->stores += report->rows[STREAM_POINTS] + report->rows[STREAM_EVENTS] + report->rejected !=
	                  was.rows[STREAM_POINTS] + was.rows[STREAM_EVENTS] + was.rejected;
	return rc;
}
