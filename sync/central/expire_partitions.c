/* Months of which nothing is left: their partitions go, by whoever owns them, as a gateway does not. */
#include "sync/central/expire.h"

#include <stdio.h>

enum { NAME_TEXT_MAX = 32, SQL_TEXT = 256 };

/* Those that alzy.ensure_partitions has made; one of a month to come, or of this one, is waiting for its rows. */
static const char list_sql[] =
	"SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'alzy.points'::regclass"
	" AND relname ~ '^points_[0-9]{4}_[0-9]{2}$' AND relnamespace = 'alzy'::regnamespace"
	" AND (to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'"
	"  <= least($1::timestamptz, now()) AND pg_has_role(relowner, 'MEMBER') ORDER BY 1";

static int is_empty(struct pg *pg, const char *name, bool *out, struct err *e)
{
	char sql[SQL_TEXT];
	struct pg_result *found = NULL;
	snprintf(sql, sizeof sql, "SELECT (NOT EXISTS (SELECT FROM alzy.%s))::int", name);
	int rc = pg_query(pg, &found, e, sql, 0, NULL);
	if (!rc)
		*out = pg_int(found, 0, 0);
	pg_result_free(found);
	return rc;
}

/* Under a lock that nobody who is at work is made to wait behind for long. Rows may have come meanwhile. */
static int drop_locked(struct pg *pg, const char *name, bool *out_dropped, struct err *e)
{
	char sql[SQL_TEXT];
	bool empty = false;
	snprintf(sql, sizeof sql,
	         "BEGIN; SET LOCAL lock_timeout = '100ms'; LOCK TABLE ONLY alzy.points, alzy.points_default, alzy.%s"
	         " IN ACCESS EXCLUSIVE MODE",
	         name);
	int rc = pg_script(pg, sql, e);
	if (!rc)
		rc = is_empty(pg, name, &empty, e);
	snprintf(sql, sizeof sql, "DROP TABLE alzy.%s; COMMIT", name);
	if (!rc && empty)
		rc = pg_script(pg, sql, e);
	*out_dropped = !rc && empty;
	if (!*out_dropped)
		pg_script(pg, "ROLLBACK", NULL);
	return rc;
}

static int drop_if_empty(struct pg *pg, const char *name, struct expire_report *report, struct err *e)
{
	char sql[SQL_TEXT];
	bool empty = false, dropped = false;
	int rc = is_empty(pg, name, &empty, e);
	if (rc || !empty)
		return rc;
	/* What was deleted is still in the file, and looking through that under the lock would take long. */
	snprintf(sql, sizeof sql, "VACUUM alzy.%s", name);
	rc = pg_script(pg, sql, e);
	if (!rc)
		rc = drop_locked(pg, name, &dropped, e);
	report->partitions += dropped;
	report->partitions_busy += rc == -ERR_BUSY;
	return rc == -ERR_BUSY ? 0 : rc;
}

int expire_partitions(struct pg *pg, const char *before, struct expire_report *report, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e, list_sql, 1, &before);
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		char name[NAME_TEXT_MAX];
		snprintf(name, sizeof name, "%s", pg_text(found, i, 0));
		rc = drop_if_empty(pg, name, report, e);
	}
	pg_result_free(found);
	return rc;
}
