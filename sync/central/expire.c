#include "sync/central/expire.h"

#include "sync/central/expire_parts.h"

#include <stdio.h>

int expire_each_store(const struct expire *all, int (*work)(const struct expire *all, int64_t number, struct err *e),
                      struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(all->pg, &found, e,
	                  "SELECT number FROM alzy.stores WHERE $1::int IS NULL OR device_id = $1::int ORDER BY 1", 1,
	                  &all->device);
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = work(all, pg_int(found, i, 0), e);
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

int expire_loose(const struct expire *all, struct err *e)
{
	char most[EXPIRE_NUMBER_TEXT];
	snprintf(most, sizeof most, "%d", EXPIRE_AT_ONCE);
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t count = EXPIRE_AT_ONCE; count == EXPIRE_AT_ONCE;) {
			struct pg_result *found = NULL;
			int rc =
				pg_query(all->pg, &found, e, loose_sql[s], 3, (const char *const[]){all->before, all->device, most});
			count = rc ? 0 : pg_rows(found);
			pg_result_free(found);
			if (rc)
				return rc;
			all->report->rows[s] += (int64_t)count;
		}
	return 0;
}

/* The last position of a device is one of its points. */
int expire_positions(const struct expire *all, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(all->pg, &found, e,
	                  "DELETE FROM alzy.last_positions WHERE ($1::timestamptz IS NULL OR recorded_at < $1::timestamptz)"
	                  " AND ($2::int IS NULL OR device_id = $2::int) RETURNING 1",
	                  2, (const char *const[]){all->before, all->device});
	if (!rc)
		all->report->positions += (int64_t)pg_rows(found);
	pg_result_free(found);
	return rc;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

int expire_before(struct pg *pg, const char *before, const char *device, struct expire_report *report, struct err *e)
{
	const struct expire all = {pg, before, device, report};
	int rc = expire_each_store(&all, expire_store, e);
	if (!rc)
		rc = expire_loose(&all, e);
	if (!rc)
		rc = expire_positions(&all, e);
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
