#include "sync/central/check.h"

#include "hal/hex.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/central/store_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 24, STRETCHES_AT_ONCE = 1000, NAMED_MOST = 1000 };

/* What can be found of rows. The last two are no fault. */
enum finding { LOST, UNKNOWN, TWICE, ALTERED, ASIDE_LOST, ASIDE_UNKNOWN, CONFLICT, UNPROVEN, FINDINGS };
static const struct {
	const char *name, *text;
	bool fault;
} findings[FINDINGS] = {
	[LOST] = {"lost", "said to be held, and in no table", true},
	[UNKNOWN] = {"unknown", "in the table, and not said to be held", true},
	[TWICE] = {"twice", "there more than once: here, or in a store that it moved from", true},
	[ALTERED] = {"altered", "not, or not all, what was received", true},
	[ASIDE_LOST] = {"rejected_lost", "said to be rejected, and not in alzy.rejected", true},
	[ASIDE_UNKNOWN] = {"rejected_unknown", "in alzy.rejected, and not said to be rejected", true},
	[CONFLICT] = {"conflict", "held with other content than a unit has sent since, which is in alzy.rejected", false},
	[UNPROVEN] = {"unproven", "without a digest of what was received", false},
};

static const char *const row_names[STREAM_COUNT] = {[STREAM_POINTS] = "point", [STREAM_EVENTS] = "event"};

/* One stream of the store that is looked at. */
struct look {
	struct check *check;
	const struct store_sets *sets;
	enum stream stream;
	struct ranges present, proven, found[FINDINGS];
};

static const char snapshot_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/* ---- ranges and rows --------------------------------------------------------------------------------------------- */

static int whole_stream(struct ranges *out, struct err *e)
{
	return ranges_add(out, 1, SEQ_MAX, e);
}

/* What the ranges say against what the tables have. */
static int check_ranges(struct look *look, struct err *e)
{
	const struct store_stream *said = &look->sets->streams[look->stream];
	struct ranges all = {0}, aside = {0}, known = {0};
	int rc = whole_stream(&all, e);
	if (!rc)
		rc = table_present(look->check->pg, look->sets->number, look->stream, &all, &look->present, e);
	if (!rc)
		rc = table_aside(look->check->pg, look->sets->number, look->stream, &all, &aside, e);
	if (!rc)
		rc = ranges_subtract(&look->found[LOST], &said->held, &look->present, e);
	if (!rc)
		rc = ranges_subtract(&look->found[UNKNOWN], &look->present, &said->held, e);
	if (!rc)
		rc = ranges_subtract(&look->found[ASIDE_LOST], &said->rejected, &aside, e);
	/* A row that was rejected, and taken when it was offered again, is held, and its rejection still told. */
	if (!rc)
		rc = ranges_copy(&known, &said->rejected, e);
	if (!rc)
		rc = ranges_add_all(&known, &said->held, e);
	if (!rc)
		rc = ranges_subtract(&look->found[ASIDE_UNKNOWN], &aside, &known, e);
	ranges_free(&all);
	ranges_free(&aside);
	ranges_free(&known);
	return rc;
}

/* A query of the seqs that have something about them, at most NAMED_MOST. */
static int find_seqs(struct look *look, const char *sql, struct ranges *out, struct err *e)
{
	char number[NUMBER_TEXT], most[NUMBER_TEXT];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, look->sets->number);
	snprintf(most, sizeof most, "%d", NAMED_MOST);
	int rc = pg_query(look->check->pg, &found, e, sql, 2, (const char *const[]){number, most});
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = ranges_add(out, pg_int(found, i, 0), pg_int(found, i, 0), e);
	pg_result_free(found);
	return rc;
}

/* The primary key of points has their time in it, so that it alone does not keep one from being there twice. */
static const char twice_sql[] =
	"SELECT id - ($1::bigint << 40) FROM alzy.points WHERE id > $1::bigint << 40"
	" AND id <= ($1::bigint << 40) + 1099511627775 GROUP BY id HAVING count(*) > 1 ORDER BY 1 LIMIT $2::int";
/* Rows that moved here (docs/protocol.md, "Copies of a store"), and are as they were in one of the places of before. */
#define MOVED_TWICE_SQL(id, table, same)                                                                            \
	"WITH RECURSIVE before AS (SELECT forked_from AS store_id FROM alzy.stores WHERE number = $1::int AND moved"    \
	" UNION SELECT p.forked_from FROM before JOIN alzy.stores p USING (store_id) WHERE p.moved)"                    \
	" SELECT DISTINCT here." id " - ($1::bigint << 40) FROM before JOIN alzy.stores s USING (store_id)"             \
	" JOIN " table " here ON here." id " > $1::bigint << 40 AND here." id " <= ($1::bigint << 40) + 1099511627775"  \
	" JOIN " table " there ON there." id " = (s.number::bigint << 40) + here." id " - ($1::bigint << 40) AND " same \
	" ORDER BY 1 LIMIT $2::int"
static const char *const moved_twice_sql[STREAM_COUNT] = {
	MOVED_TWICE_SQL("id", "alzy.points",
                    "there.recorded_at = here.recorded_at AND (there.lat, there.lng, there.accuracy, there.speed,"
                    " there.heading, there.altitude, there.source, there.session_id) IS NOT DISTINCT FROM (here.lat,"
                    " here.lng, here.accuracy, here.speed, here.heading, here.altitude, here.source, here.session_id)"),
	MOVED_TWICE_SQL("event_id", "public.events",
                    "(there.event_at, there.event_type, there.session_id, there.payload) IS NOT DISTINCT FROM"
                    " (here.event_at, here.event_type, here.session_id, here.payload)"),
};
static const char *const conflict_sql[STREAM_COUNT] = {
	"SELECT DISTINCT seq FROM alzy.rejected WHERE store_number = $1::int AND stream = 'points' AND code = 'conflict'"
	" ORDER BY seq LIMIT $2::int",
	"SELECT DISTINCT seq FROM alzy.rejected WHERE store_number = $1::int AND stream = 'events' AND code = 'conflict'"
	" ORDER BY seq LIMIT $2::int",
};

/* ---- stretches ---------------------------------------------------------------------------------------------------- */

/* The next stretches behind the one that ended with (first, last). */
static int read_stretches(struct look *look, const struct range *after, struct pg_result **out, struct err *e)
{
	char number[NUMBER_TEXT], first[NUMBER_TEXT], last[NUMBER_TEXT], most[NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, look->sets->number);
	snprintf(first, sizeof first, "%" PRId64, after->first);
	snprintf(last, sizeof last, "%" PRId64, after->last);
	snprintf(most, sizeof most, "%d", STRETCHES_AT_ONCE);
	return pg_query(look->check->pg, out, e,
	                "SELECT first_seq, last_seq, encode(digest, 'hex') FROM alzy.stretches WHERE store_number = $1::int"
	                " AND stream = $2 AND (first_seq, last_seq) > ($3::bigint, $4::bigint)"
	                " ORDER BY first_seq, last_seq LIMIT $5::int",
	                5, (const char *const[]){number, stream_name(look->stream), first, last, most});
}

/* blocks[i] is that of row i of `found`. */
static int judge_stretches(struct look *look, const struct pg_result *found, const struct verify_block *blocks,
                           struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < pg_rows(found) && !rc; i++) {
		rc = ranges_add(&look->proven, blocks[i].first, blocks[i].last, e);
		/* The digest of the same rows is the same, however many more a stretch that was changed by hand says that it has. */
		bool whole = !blocks[i].odd && blocks[i].rows == blocks[i].last - blocks[i].first + 1;
		if (!rc && (!whole || !hex_is(pg_text(found, i, 2), blocks[i].digest, ROWS_DIGEST)))
			rc = ranges_add(&look->found[ALTERED], blocks[i].first, blocks[i].last, e);
	}
	return rc;
}

/* *after moves on; it stays where it is when there are no more. Stretches may overlap, where rows were deleted by hand and came again:
 * each is looked at for itself. */
static int check_some_stretches(struct look *look, struct verify_block *blocks, struct range *after, struct err *e)
{
	struct table_source table = table_source(look->check->pg, look->sets, look->stream, false);
	struct pg_result *found = NULL;
	int rc = read_stretches(look, after, &found, e);
	size_t count = rc ? 0 : pg_rows(found), from = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		struct range stretch = {pg_int(found, i, 0), pg_int(found, i, 1)};
		blocks[i] = (struct verify_block){.first = stretch.first, .last = stretch.last};
		if (i > from && stretch.first <= blocks[i - 1].last) {
			rc = verify_digest_blocks(&table.source, blocks + from, i - from, e);
			from = i;
		}
		*after = stretch;
	}
	if (!rc)
		rc = verify_digest_blocks(&table.source, blocks + from, count - from, e);
	if (!rc)
		rc = judge_stretches(look, found, blocks, e);
	pg_result_free(found);
	return rc;
}

static int check_stretches(struct look *look, struct err *e)
{
	struct verify_block *blocks = calloc(STRETCHES_AT_ONCE, sizeof *blocks);
	struct range after = {0, 0}, before = {-1, -1};
	int rc = blocks ? 0 : err_set(e, ERR_MEMORY, "out of memory for stretches");
	while (!rc && (after.first != before.first || after.last != before.last)) {
		before = after;
		rc = check_some_stretches(look, blocks, &after, e);
	}
	free(blocks);
	return rc ? rc : ranges_subtract(&look->found[UNPROVEN], &look->present, &look->proven, e);
}

/* ---- a store -------------------------------------------------------------------------------------------------------- */

static void tell(struct look *look, const char *store_id, const char *device, cJSON *object)
{
	cJSON *one = cJSON_AddObjectToObject(object, stream_name(look->stream));
	cJSON_AddNumberToObject(one, "rows", (double)ranges_total(&look->present));
	look->check->rows[look->stream] += ranges_total(&look->present);
	look->check->unproven[look->stream] += ranges_total(&look->found[UNPROVEN]);
	for (int i = 0; i < FINDINGS; i++) {
		char ranges[256], rows[SHORT_TEXT];
		json_add_ranges(one, findings[i].name, &look->found[i]);
		if (!look->found[i].count)
			continue;
		look->check->faults += findings[i].fault;
		if (!look->check->json)
			printf("store %s, device %s: %s (%s): %s\n", store_id, device,
			       text_counted(ranges_total(&look->found[i]), row_names[look->stream], rows),
			       ranges_format(&look->found[i], ranges, sizeof ranges), findings[i].text);
	}
}

static int check_stream(struct look *look, struct err *e)
{
	int rc = check_ranges(look, e);
	if (!rc && look->stream == STREAM_POINTS)
		rc = find_seqs(look, twice_sql, &look->found[TWICE], e);
	if (!rc)
		rc = find_seqs(look, moved_twice_sql[look->stream], &look->found[TWICE], e);
	if (!rc)
		rc = find_seqs(look, conflict_sql[look->stream], &look->found[CONFLICT], e);
	return rc ? rc : check_stretches(look, e);
}

static int check_streams(struct check *check, const struct store_sets *sets, const char *store_id, const char *device,
                         struct err *e)
{
	cJSON *object = cJSON_CreateObject();
	int rc = 0;
	cJSON_AddStringToObject(object, "store_id", store_id);
	cJSON_AddNumberToObject(object, "device_id", (double)sets->device_id);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct look look = {.check = check, .sets = sets, .stream = (enum stream)s};
		rc = check_stream(&look, e);
		if (!rc)
			tell(&look, store_id, device, object);
		ranges_free(&look.present);
		ranges_free(&look.proven);
		for (int i = 0; i < FINDINGS; i++)
			ranges_free(&look.found[i]);
	}
	cJSON_AddItemToArray(check->stores, object);
	return rc;
}

static int check_store(struct check *check, const char *number, const char *store_id, const char *device, struct err *e)
{
	struct store_sets sets = {0};
	struct pg_result *found = NULL;
	int rc = pg_script(check->pg, snapshot_sql, e);
	if (!rc)
		rc = pg_query(check->pg, &found, e, "SELECT " STORE_SETS_COLUMNS " FROM alzy.stores WHERE number = $1::int", 1,
		              &number);
	if (!rc && pg_rows(found))
		rc = store_sets_read(found, &sets, e);
	if (!rc && sets.number)
		rc = check_streams(check, &sets, store_id, device, e);
	check->store_count++;
	pg_result_free(found);
	store_sets_free(&sets);
	pg_script(check->pg, "ROLLBACK", NULL);
	return rc ? err_wrap(e, "store %s", store_id) : 0;
}

/* ---- rows of no store ----------------------------------------------------------------------------------------------- */

/* Between the ids of one store and those of the next there is none: each gap is (low, high]. */
#define STRAY_SQL(id, table)                                                                                    \
	"WITH gaps AS (SELECT (lag(number, 1, 0) OVER (ORDER BY number)::bigint << 40) + 1099511627775 AS low,"     \
	" number::bigint << 40 AS high FROM alzy.stores UNION ALL SELECT (coalesce(max(number), 0)::bigint << 40)"  \
	" + 1099511627775, 9223372036854775807 FROM alzy.stores) SELECT t." id " FROM gaps g CROSS JOIN LATERAL"    \
	" (SELECT " id " FROM " table " WHERE " id " > g.low AND " id " <= g.high ORDER BY " id " LIMIT $1::int) t" \
	" ORDER BY 1 LIMIT $1::int"

static int check_stray(struct check *check, struct err *e)
{
	static const char *const sql[STREAM_COUNT] = {STRAY_SQL("id", "alzy.points"),
	                                              STRAY_SQL("event_id", "public.events")};
	char most[NUMBER_TEXT], rows[SHORT_TEXT];
	const char *value = most;
	int rc = 0;
	snprintf(most, sizeof most, "%d", NAMED_MOST);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct pg_result *found = NULL;
		cJSON *ids = cJSON_AddArrayToObject(check->stray, stream_name((enum stream)s));
		rc = pg_query(check->pg, &found, e, sql[s], 1, &value);
		/* As texts: a double does not tell such numbers apart. */
		for (size_t i = 0; !rc && i < pg_rows(found); i++)
			cJSON_AddItemToArray(ids, cJSON_CreateString(pg_text(found, i, 0)));
		if (!rc && pg_rows(found)) {
			check->faults++;
			if (!check->json)
				printf("%s%s: with an id that is of no store, the first one %s\n",
				       text_counted((int64_t)pg_rows(found), row_names[s], rows),
				       pg_rows(found) == NAMED_MOST ? " or more" : "", pg_text(found, 0, 0));
		}
		pg_result_free(found);
	}
	return rc;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */

int check_stores(struct check *check, const char *device, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_script(check->pg, snapshot_sql, e);
	if (!rc)
		rc = pg_query(check->pg, &found, e,
		              "SELECT s.number, s.store_id, concat_ws(' ', s.device_id, d.name) FROM alzy.stores s"
		              " JOIN alzy.devices d ON d.id = s.device_id WHERE $1::int IS NULL OR s.device_id = $1::int"
		              " ORDER BY s.number",
		              1, &device);
	if (!rc && device && !pg_rows(found))
		rc = err_set(e, ERR_NOT_FOUND, "there is no store of device %s", device);
	if (!rc && !device)
		rc = check_stray(check, e);
	pg_script(check->pg, "ROLLBACK", NULL);
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = check_store(check, pg_text(found, i, 0), pg_text(found, i, 1), pg_text(found, i, 2), e);
	pg_result_free(found);
	return rc;
}
