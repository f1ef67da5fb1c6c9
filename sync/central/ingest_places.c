/* A row that conflicts moves from store to store (docs/protocol.md, "Copies of a store"), so it may be in any of these: those
 * before, which it has left, or those behind, to which it would move. Before fresh rows are taken they are looked for there. */
#include "sync/central/ingest_parts.h"

#include "sync/central/seq_ranges.h"
#include "sync/central/store_rows.h"

#include <inttypes.h>
#include <stdio.h>

/* A store before that is gone is there all the same, with nothing in it. UNION: who forges a circle gets no further than once
 * around it. */
static const char places_sql[] =
	"WITH RECURSIVE before AS ("
	" SELECT forked_from AS store_id FROM alzy.stores WHERE number = $1::int AND moved"
	" UNION SELECT p.forked_from FROM before JOIN alzy.stores p USING (store_id) WHERE p.moved"
	"), behind AS ("
	" SELECT m.store_id FROM alzy.stores s JOIN alzy.stores m ON m.forked_from = s.store_id AND m.moved"
	"  AND m.device_id = s.device_id WHERE s.number = $1::int"
	" UNION SELECT m.store_id FROM behind b JOIN alzy.stores m ON m.forked_from = b.store_id AND m.moved"
	"), places AS (SELECT store_id, false AS is_behind FROM before UNION ALL SELECT store_id, true FROM behind)"
	" SELECT coalesce(number, 0), is_behind,"
	"  CASE $2 WHEN 'points' THEN points_held ELSE events_held END,"
	"  CASE $2 WHEN 'points' THEN points_rejected ELSE events_rejected END,"
	"  CASE $2 WHEN 'points' THEN points_dropped ELSE events_dropped END,"
	"  CASE $2 WHEN 'points' THEN points_expired ELSE events_expired END,"
	"  CASE WHEN isfinite(greatest(expired_before, erased_at)) THEN"
	"   ceil(extract(epoch FROM greatest(expired_before, erased_at)) * 1000)::bigint END"
	" FROM places LEFT JOIN alzy.stores USING (store_id) ORDER BY is_behind DESC";

/* One of them, and which of the fresh rows it has. */
struct place {
	int64_t number;
	bool behind;
	struct ranges held, rejected, dropped, expired;
	int64_t expired_ms; /* as in struct ingest */
	struct ranges same, empty;
};

static void place_free(struct place *place)
{
	struct ranges *sets[] = {&place->held,    &place->rejected, &place->dropped,
	                         &place->expired, &place->same,     &place->empty};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		ranges_free(sets[i]);
}

static int place_read(const struct pg_result *found, size_t row, struct place *out, struct err *e)
{
	struct ranges *sets[] = {&out->held, &out->rejected, &out->dropped, &out->expired};
	int rc = 0;
	*out = (struct place){.number = pg_int(found, row, 0), .behind = pg_bool(found, row, 1)};
	out->expired_ms = pg_is_null(found, row, 6) ? TIME_MS_MAX : pg_int(found, row, 6);
	for (size_t i = 0; i < sizeof sets / sizeof *sets && !rc; i++)
		rc = seq_ranges_parse(pg_text(found, row, 2 + i), sets[i], e);
	return rc;
}

static int find_held(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct place *place,
                     struct err *e)
{
	struct ranges overlap = {0};
	struct pg_result *found = NULL;
	int64_t base = store_base(place->number);
	int rc = ranges_intersect(&overlap, fresh, &place->held, e);
	if (!rc && overlap.count)
		rc = ingest_read_rows(in, rows, base, &overlap, &found, e);
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t seq = pg_int(found, i, 0) - base;
		if (rows->same(in, ingest_find(rows, in->batch, seq), found, i))
			rc = ranges_add(&place->same, seq, seq, e);
	}
	pg_result_free(found);
	ranges_free(&overlap);
	return rc;
}

static int find_aside(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh,
                      struct place *place, struct err *e)
{
	struct ranges overlap = {0};
	int rc = ranges_intersect(&overlap, fresh, &place->rejected, e);
	if (!rc && overlap.count)
		rc = ingest_match_aside(in, rows, place->number, &overlap, &place->same, e);
	ranges_free(&overlap);
	return rc;
}

/* What is older than something that has expired there may be that itself. */
static int find_expired(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh,
                        struct place *place, struct err *e)
{
	struct ranges overlap = {0}, younger = {0}, older = {0};
	int rc = ranges_intersect(&overlap, fresh, &place->expired, e);
	if (!rc)
		rc = ingest_younger(in, rows, &overlap, place->expired_ms, &younger, e);
	if (!rc)
		rc = ranges_subtract(&older, &overlap, &younger, e);
	if (!rc)
		rc = ranges_add_all(&place->same, &older, e);
	ranges_free(&overlap);
	ranges_free(&younger);
	ranges_free(&older);
	return rc;
}

static int find_empty(const struct ranges *fresh, struct place *place, struct err *e)
{
	struct ranges filled = {0};
	const struct ranges *sets[] = {&place->held, &place->rejected, &place->dropped, &place->expired};
	int rc = 0;
	for (size_t i = 0; i < sizeof sets / sizeof *sets && !rc; i++)
		rc = ranges_add_all(&filled, sets[i], e);
	if (!rc)
		rc = ranges_subtract(&place->empty, fresh, &filled, e);
	ranges_free(&filled);
	return rc;
}

static int look(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct place *place,
                struct err *e)
{
	int rc = find_held(in, rows, fresh, place, e);
	if (!rc)
		rc = find_aside(in, rows, fresh, place, e);
	if (!rc)
		rc = find_expired(in, rows, fresh, place, e);
	return rc ? rc : find_empty(fresh, place, e);
}

/* Takes out of *fresh what is behind. */
static int pass_on(struct ingest *in, const struct ingest_rows *rows, const struct ranges *behind, struct ranges *fresh,
                   struct err *e)
{
	struct ranges left = {0};
	int rc = ranges_add_all(&in->streams[rows->stream].conflicts, behind, e);
	if (!rc)
		rc = ranges_subtract(&left, fresh, behind, e);
	ranges_free(fresh);
	*fresh = left;
	return rc;
}

int ingest_places(struct ingest *in, const struct ingest_rows *rows, struct ranges *fresh, bool *out_undone,
                  struct err *e)
{
	char number[24];
	struct pg_result *found = NULL;
	*out_undone = false;
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	int rc = pg_query(in->pg, &found, e, places_sql, 2, (const char *const[]){number, stream_name(rows->stream)});
	/* Those behind come first: a row that is there is not asked how it came to move. */
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		struct place place;
		rc = place_read(found, i, &place, e);
		if (!rc)
			rc = look(in, rows, fresh, &place, e);
		if (!rc && place.behind)
			rc = pass_on(in, rows, &place.same, fresh, e);
		else if (!rc)
			*out_undone |= place.same.count || place.empty.count;
		place_free(&place);
	}
	in->receipt->forgotten |= *out_undone;
	pg_result_free(found);
	return rc;
}
