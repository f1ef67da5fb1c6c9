#include "sync/central/erase.h"

#include "sync/central/expire_parts.h"

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
			rc = ranges_remove(&said->expired, &said->held, e);
		if (!rc)
			rc = ranges_remove(&said->expired, &said->rejected, e);
		ranges_free(&said->dropped);
	}
	return rc ? rc : store_sets_write(x->all->pg, &x->sets, e);
}

static int erase_store(const struct expire *all, int64_t number, struct err *e)
{
	struct expiring x = {.all = all, .number = number};
	int rc = expire_store(all, number, e);
	return rc ? rc : expire_patiently(&x, close_store, e);
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
	int rc = pg_script(pg, EXPIRE_BEGIN, e);
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

int erase_device(struct pg *pg, const char *device, struct expire_report *report, struct err *e)
{
	const struct expire all = {pg, NULL, device, report};
	int rc = note_erasure(pg, device, e);
	if (!rc)
		rc = expire_each_store(&all, erase_store, e);
	if (!rc)
		rc = expire_loose(&all, e);
	if (!rc)
		rc = expire_positions(&all, e);
	if (!rc)
		rc = erase_sessions(pg, device, report, e);
	return rc ? rc : expire_partitions(pg, NULL, report, e);
}
