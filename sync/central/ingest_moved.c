/* Rows of a store to which rows move that conflict elsewhere: each must have had to leave the place that it comes from. */
#include "sync/central/ingest_parts.h"

#include "sync/central/seq_ranges.h"

#include <inttypes.h>

static const char origin_sql[] =
	"SELECT number, CASE $2 WHEN 'points' THEN points_held ELSE events_held END,"
	" CASE $2 WHEN 'points' THEN points_held + points_rejected + points_dropped + points_expired"
	"  ELSE events_held + events_rejected + events_dropped + events_expired END"
	" FROM alzy.stores WHERE store_id = $1::uuid";

/* Whether one of these rows is there. */
static int is_there(struct ingest *in, const struct ingest_rows *rows, int64_t origin, const struct ranges *held,
                    bool *out, struct err *e)
{
	struct pg_result *found = NULL;
	int64_t base = origin * (SEQ_MAX + 1);
	int rc = ingest_read_rows(in, rows, base, held, &found, e);
	for (size_t i = 0; !rc && i < pg_rows(found) && !*out; i++)
		*out = rows->same(in, ingest_find(rows, in->batch, pg_int(found, i, 0) - base), found, i);
	pg_result_free(found);
	return rc;
}

int ingest_moved(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, bool *out_undone,
                 struct err *e)
{
	struct ranges held = {0}, filled = {0}, free_places = {0}, overlap = {0};
	struct pg_result *found = NULL;
	bool there = false;
	int rc = pg_query(in->pg, &found, e, origin_sql, 2,
	                  (const char *const[]){in->batch->forked_from, stream_name(rows->stream)});
	if (!rc && pg_rows(found)) {
		rc = seq_ranges_parse(pg_text(found, 0, 1), &held, e);
		if (!rc)
			rc = seq_ranges_parse(pg_text(found, 0, 2), &filled, e);
	}
	if (!rc)
		rc = ranges_subtract(&free_places, fresh, &filled, e);
	if (!rc)
		rc = ranges_intersect(&overlap, fresh, &held, e);
	if (!rc && overlap.count)
		rc = is_there(in, rows, pg_int(found, 0, 0), &overlap, &there, e);
	*out_undone = free_places.count || there;
	in->receipt->forgotten |= *out_undone;
	pg_result_free(found);
	struct ranges *sets[] = {&held, &filled, &free_places, &overlap};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		ranges_free(sets[i]);
	return rc;
}
