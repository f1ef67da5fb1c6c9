/* Partitions are made before the batch's transaction, so that waiting for one never happens inside it. */
#include "sync/central/ingest_parts.h"

#include <stdio.h>
#include <string.h>

enum {
	MONTHS_MAX = 64,   /* of one batch; rows of further ones find the default partition */
	MONTH_TEXT = 12,   /* "2026-11-01" */
	YEAR_FIRST = 1970, /* the bounds of alzy.ensure_partitions */
	YEAR_BEHIND = 2100,
};

struct months {
	char names[MONTHS_MAX][MONTH_TEXT];
	size_t count;
};

static void add_month(struct months *months, int64_t time_ms)
{
	char time[TIME_TEXT], name[MONTH_TEXT];
	int year = 0;
	time_format(time_ms, time);
	snprintf(name, sizeof name, "%.7s-01", time);
	sscanf(time, "%d", &year);
	if (year < YEAR_FIRST || year >= YEAR_BEHIND)
		return;
	for (size_t i = 0; i < months->count; i++)
		if (!strcmp(months->names[i], name))
			return;
	if (months->count < MONTHS_MAX)
		memcpy(months->names[months->count++], name, sizeof name);
}

static void list_months(const struct batch *batch, struct months *out)
{
	enum { DAY_MS = 86400000 };
	int64_t day = 0;
	for (size_t i = 0; i < batch->point_count; i++) {
		int64_t its_day = batch->points[i].recorded_at_ms / DAY_MS;
		if (i && its_day == day)
			continue;
		day = its_day;
		add_month(out, batch->points[i].recorded_at_ms);
	}
}

bool ingest_partitions_known(const struct pg *pg, const struct batch *batch)
{
	struct months months = {.count = 0};
	size_t known = 0;
	list_months(batch, &months);
	while (known < months.count && pg_noted(pg, months.names[known]))
		known++;
	return known == months.count;
}

int ingest_partitions(struct pg *pg, const struct batch *batch, struct err *e)
{
	struct months months = {.count = 0};
	char array[MONTHS_MAX * MONTH_TEXT + 2] = "{";
	size_t unknown = 0;
	list_months(batch, &months);
	for (size_t i = 0; i < months.count; i++)
		if (!pg_noted(pg, months.names[i])) {
			strcat(array, unknown++ ? "," : "");
			strcat(array, months.names[i]);
		}
	strcat(array, "}");
	int rc = !unknown ? 0
	                  : pg_query(pg, NULL, e,
	                             "SELECT alzy.ensure_partitions(m AT TIME ZONE 'UTC', m AT TIME ZONE 'UTC')"
	                             " FROM unnest($1::timestamp[]) m"
	                             " WHERE to_regclass('alzy.points_' || to_char(m, 'YYYY_MM')) IS NULL",
	                             1, (const char *const[]){array});
	for (size_t i = 0; i < months.count && !rc; i++)
		pg_note(pg, months.names[i]);
	return rc;
}
