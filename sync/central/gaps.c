/* alzy-central gaps: when nothing of a device was recorded, and why, by what has arrived of it from all its stores. */
#include "hal/gaps_print.h"

#include "hal/clock.h"
#include "sync/central/central_common.h"
#include "sync/central/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 24, TYPES_TEXT = 1024 };

/* One snapshot; and no compiling of queries that are run once. */
static const char snapshot_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off";

struct reading {
	struct pg *pg;
	const char *device;
	const struct gaps_asked *asked;
	int64_t now_ms;
	struct evidence evidence;
	struct gaps gaps;
	int64_t last_ms; /* of all that has arrived; TIME_MS_MIN: nothing has */
};

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* In order of time; an agent has started no later than what comes next in its store, for what it replays is older, and stopped no
 * earlier than what it has told before, for the time of a receiver may step back. */
static int read_events(struct reading *r, struct err *e)
{
	char types[TYPES_TEXT];
	struct pg_result *rows = NULL;
	int rc = pg_query(r->pg, &rows, e,
	                  "SELECT (extract(epoch FROM at) * 1000)::bigint, event_type, payload FROM (SELECT event_id,"
	                  " event_type, payload, CASE event_type WHEN 'agent_start' THEN least(event_at, (SELECT event_at"
	                  " FROM public.events n WHERE n.event_id > e.event_id"
	                  " AND n.event_id <= (s.number::bigint << 40) + 1099511627775 AND isfinite(n.event_at)"
	                  " AND n.event_type NOT IN (" EVIDENCE_FOUND_LATER ") ORDER BY n.event_id LIMIT 1))"
	                  " WHEN 'agent_stop' THEN greatest(event_at, (SELECT max(event_at) FROM public.events b"
	                  "  WHERE b.event_type IN (" EVIDENCE_OF_FIXES ")"
	                  "  AND b.event_id < e.event_id AND isfinite(b.event_at) AND b.event_id > (SELECT a.event_id"
	                  "   FROM public.events a WHERE a.event_id < e.event_id AND a.event_id > s.number::bigint << 40"
	                  "   AND a.event_type = 'agent_start' ORDER BY a.event_id DESC LIMIT 1)))"
	                  " ELSE event_at END AS at FROM alzy.stores s"
	                  " JOIN public.events e ON event_id > s.number::bigint << 40"
	                  " AND event_id <= (s.number::bigint << 40) + 1099511627775"
	                  " WHERE device_id = $1::bigint AND isfinite(event_at)) AS said"
	                  " WHERE event_type = ANY ($2::text[]) ORDER BY at, event_id",
	                  2, (const char *const[]){r->device, evidence_types(types, sizeof types)});
	for (size_t i = 0; !rc && i < pg_rows(rows); i++) {
		struct event event = {.event_at_ms = pg_int(rows, i, 0)};
		snprintf(event.event_type, sizeof event.event_type, "%s", pg_text(rows, i, 1));
		event.payload = strdup(pg_text(rows, i, 2));
		if (!event.payload)
			rc = err_set(e, ERR_MEMORY, "out of memory for an event");
		if (!rc)
			rc = evidence_add(&r->evidence, &event, e);
		event_free(&event);
	}
	if (!rc && pg_rows(rows))
		r->last_ms = pg_int(rows, pg_rows(rows) - 1, 0);
	pg_result_free(rows);
	return rc;
}

/* The first event of any kind; of a device of which nothing has come, when it was paired or added. */
static int read_first(struct reading *r, int64_t *out_ms, struct err *e)
{
	struct pg_result *rows = NULL;
	int rc = pg_query(r->pg, &rows, e,
	                  "SELECT (extract(epoch FROM coalesce(min(event_at), (SELECT coalesce(paired_at, created_at)"
	                  "  FROM alzy.devices WHERE id = $1::int AND NOT EXISTS (SELECT FROM alzy.points"
	                  "   WHERE device_id = $1::int)))) * 1000)::bigint FROM alzy.stores s"
	                  " JOIN public.events ON event_id > s.number::bigint << 40"
	                  " AND event_id <= (s.number::bigint << 40) + 1099511627775"
	                  " WHERE device_id = $1::int AND isfinite(event_at)",
	                  1, &r->device);
	if (!rc)
		*out_ms = pg_is_null(rows, 0, 0) ? TIME_MS_MAX : pg_int(rows, 0, 0);
	pg_result_free(rows);
	return rc;
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

/* The points from the last one before … to the first one behind the time that is asked for; each with the one before it in order
 * of time, where the two are too far apart, or there is none. What became of those between two points of one store
 * says its ranges; behind the last that came of a store which another followed, they are on a card that was lost, or to come. */
static const char gaps_sql[] =
	"WITH asked AS (SELECT timestamptz 'epoch' + $2::bigint * interval '1 ms' AS low,"
	"  timestamptz 'epoch' + $3::bigint * interval '1 ms' AS high),"
	" around AS (SELECT"
	"  coalesce((SELECT max(recorded_at) FROM alzy.points WHERE device_id = $1::int AND source <> 'manual'"
	"   AND recorded_at < low), '-infinity') AS low,"
	"  coalesce((SELECT min(recorded_at) FROM alzy.points WHERE device_id = $1::int AND source <> 'manual'"
	"   AND recorded_at >= high), 'infinity') AS high FROM asked),"
	" pairs AS (SELECT p.id, recorded_at, lat, lng, speed, lag(p.id) OVER w AS id0, lag(recorded_at) OVER w AS at0,"
	"  lag(lat) OVER w AS lat0, lag(lng) OVER w AS lng0, lag(speed) OVER w AS speed0"
	"  FROM alzy.points p, around WHERE device_id = $1::int AND source <> 'manual'"
	"  AND recorded_at BETWEEN low AND high WINDOW w AS (ORDER BY recorded_at, p.id))"
	" SELECT (extract(epoch FROM at0) * 1000)::bigint, round(lat0 * 10000000)::bigint,"
	"  round(lng0 * 10000000)::bigint, round((speed0 * 100)::numeric)::bigint,"
	"  (extract(epoch FROM recorded_at) * 1000)::bigint, round(lat * 10000000)::bigint,"
	"  round(lng * 10000000)::bigint, round((speed * 100)::numeric)::bigint,"
	"  CASE WHEN between_two && s.points_dropped THEN 'dropped' WHEN between_two && s.points_expired THEN 'removed'"
	"   WHEN between_two && s.points_rejected THEN 'rejected' WHEN NOT between_two <@ s.points_held THEN 'not_arrived'"
	"   WHEN NOT int8range((id0 & 1099511627775) + 1, greatest(old.points_last, id0 & 1099511627775) + 1)"
	"    <@ old.points_held + old.points_rejected + old.points_dropped + old.points_expired THEN 'not_arrived' END"
	" FROM pairs LEFT JOIN alzy.stores s ON s.number = id >> 40 AND id0 >> 40 = id >> 40 AND id > id0 + 1"
	"  AND NOT s.moved"
	" LEFT JOIN alzy.stores old ON old.number = id0 >> 40 AND id0 >> 40 <> id >> 40 AND NOT old.moved,"
	" LATERAL (SELECT int8range(CASE WHEN s.number IS NOT NULL THEN (id0 & 1099511627775) + 1 END,"
	"   CASE WHEN s.number IS NOT NULL THEN id & 1099511627775 END) AS between_two) b"
	" WHERE at0 IS NULL OR recorded_at - at0 > $4::bigint * interval '1 ms' ORDER BY recorded_at, id LIMIT $5::int";

static struct gap_end read_end(const struct pg_result *rows, size_t row, size_t column)
{
	return (struct gap_end){
		.there = !pg_is_null(rows, row, column),
		.lat_e7 = (int32_t)pg_int(rows, row, column + 1),
		.lng_e7 = (int32_t)pg_int(rows, row, column + 2),
		.speed_cmps = pg_is_null(rows, row, column + 3) ? ROW_ABSENT : (int32_t)pg_int(rows, row, column + 3),
	};
}

static int read_gaps(struct reading *r, struct err *e)
{
	char from[NUMBER_TEXT], to[NUMBER_TEXT], longer[NUMBER_TEXT], most[NUMBER_TEXT];
	struct pg_result *rows = NULL;
	snprintf(from, sizeof from, "%" PRId64, r->asked->from_ms);
	snprintf(to, sizeof to, "%" PRId64, r->asked->to_ms);
	snprintf(longer, sizeof longer, "%" PRId64, r->asked->longer_ms);
	snprintf(most, sizeof most, "%d", GAPS_MAX + 1);
	int rc = pg_query(r->pg, &rows, e, gaps_sql, 5, (const char *const[]){r->device, from, to, longer, most});
	for (size_t i = 0; !rc && i < pg_rows(rows); i++) {
		struct gap gap = {.before = read_end(rows, i, 0), .after = read_end(rows, i, 4), .to_ms = pg_int(rows, i, 4)};
		gap.from_ms = gap.before.there ? pg_int(rows, i, 0) : TIME_MS_MIN;
		gap.rows = gap_cause_by_name(pg_text(rows, i, 8));
		rc = gaps_add(&r->gaps, &gap, e);
	}
	pg_result_free(rows);
	return rc;
}

/* From the last point on: when its store, or a later one, has given out points behind those that have come, they lie there, wherever
 * that is. */
static const char tail_sql[] =
	"SELECT (extract(epoch FROM recorded_at) * 1000)::bigint, round(lat * 10000000)::bigint,"
	" round(lng * 10000000)::bigint, round((speed * 100)::numeric)::bigint,"
	" CASE WHEN EXISTS (SELECT FROM alzy.stores s WHERE s.device_id = $1::int AND s.number >= id >> 40 AND NOT s.moved"
	"   AND NOT int8range(coalesce(upper(points_held), 1), greatest(points_last + 1, upper(points_held), 1))"
	"    <@ points_rejected + points_dropped + points_expired) THEN 'not_arrived' END"
	" FROM alzy.points WHERE device_id = $1::int AND source <> 'manual' ORDER BY recorded_at DESC, id DESC LIMIT 1";

static int read_tail(struct reading *r, struct err *e)
{
	struct pg_result *rows = NULL;
	int rc = pg_query(r->pg, &rows, e, tail_sql, 1, &r->device);
	struct gap gap = {.from_ms = TIME_MS_MIN, .to_ms = TIME_MS_MAX};
	if (!rc && pg_rows(rows)) {
		gap.from_ms = pg_int(rows, 0, 0);
		gap.before = read_end(rows, 0, 0);
		gap.rows = gap_cause_by_name(pg_text(rows, 0, 4));
		if (gap.from_ms > r->last_ms)
			r->last_ms = gap.from_ms;
	}
	pg_result_free(rows);
	return rc ? rc : gaps_add(&r->gaps, &gap, e);
}

/* Until when something is known: a store of which nothing is missing tells of all the time until its newest batch was made, which
 * may have come by a stick long after. A clock that is ahead makes nothing known. */
static int read_end_of_evidence(struct reading *r, struct err *e)
{
	struct pg_result *rows = NULL;
	int rc = pg_query(
		r->pg, &rows, e,
		"SELECT (extract(epoch FROM least(last_batch_at, (unit_state ->> 'clock')::timestamptz)) * 1000)::bigint"
		" FROM alzy.store_status JOIN alzy.stores s USING (number, last_batch_at)"
		" WHERE s.device_id = $1::bigint AND points_missing = 0 AND events_missing = 0"
		" AND last_batch_at = (SELECT max(last_batch_at) FROM alzy.stores WHERE device_id = $1::bigint)",
		1, &r->device);
	if (!rc && pg_rows(rows) && pg_int(rows, 0, 0) > r->last_ms)
		r->last_ms = pg_int(rows, 0, 0);
	pg_result_free(rows);
	return rc ? rc : evidence_known(&r->evidence, r->last_ms, INT64_MAX, GAP_NOT_ARRIVED, e);
}

static int check_device(struct reading *r, struct err *e)
{
	struct pg_result *rows = NULL;
	int rc = pg_query(r->pg, &rows, e, "SELECT FROM alzy.devices WHERE id = $1::bigint", 1, &r->device);
	if (!rc && !pg_rows(rows))
		rc = err_set(e, ERR_NOT_FOUND, "there is no device %s; alzy-central device list shows them", r->device);
	pg_result_free(rows);
	return rc;
}

static int read_device(struct reading *r, struct err *e)
{
	int64_t first_ms = TIME_MS_MAX;
	int rc = pg_script(r->pg, snapshot_sql, e);
	if (!rc)
		rc = check_device(r, e);
	if (!rc)
		rc = read_events(r, e);
	if (!rc)
		rc = read_first(r, &first_ms, e);
	r->gaps.longer_ms = r->asked->longer_ms;
	if (!rc)
		rc = read_gaps(r, e);
	if (!rc)
		rc = read_tail(r, e);
	if (!rc)
		gaps_limit(&r->gaps, first_ms, r->now_ms);
	return rc ? rc : read_end_of_evidence(r, e);
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

static int explain(struct reading *r, struct err *e)
{
	struct gap_part *parts = NULL;
	size_t count = 0;
	int rc = gaps_explain(&r->gaps, &r->evidence, r->asked->from_ms, r->asked->to_ms, &parts, &count, e);
	if (!rc)
		rc = gaps_print(r->asked, parts, count, e);
	free(parts);
	return rc;
}

int central_gaps(int argc, char **argv, struct err *e)
{
	struct gaps_asked asked = {0};
	struct central central = {0};
	struct reading r = {.asked = &asked, .now_ms = clock_wall_ms(), .last_ms = TIME_MS_MIN};
	char device_text[NUMBER_TEXT];
	int64_t device = 0;
	bool help;
	const struct arg args[] = {
		{"--device", ARG_COUNT, &device, "NUMBER", .help = "whose rows", .required = true},
		GAPS_ARGS(&asked),
	};
	int rc = args_read(argc, argv, "alzy-central gaps",
	                   "Lists when nothing of a device was recorded, and why, as far as it "
	                   "has arrived.",
	                   args, sizeof args / sizeof *args, NULL, &help, e);
	if (rc || help)
		return rc;
	snprintf(device_text, sizeof device_text, "%" PRId64, device);
	r.device = device_text;
	rc = gaps_asked_check(&asked, e);
	if (!rc)
		rc = central_open(&central, CENTRAL_DATABASE, e);
	r.pg = central.pg;
	if (!rc)
		rc = read_device(&r, e);
	central_close(&central);
	if (!rc)
		rc = explain(&r, e);
	gaps_free(&r.gaps);
	evidence_free(&r.evidence);
	return rc;
}
