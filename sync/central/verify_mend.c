/* Mending: what the centre says that it holds becomes what it has. */
#include "sync/central/verify_centre.h"

#include "hal/json.h"
#include "sync/batch.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 24 };

/* *set = *set without `mend`, and with `real`, which is inside of it. */
static int make_true(struct ranges *set, const struct ranges *mend, const struct ranges *real, struct err *e)
{
	struct ranges is = {0};
	int rc = ranges_subtract(&is, set, mend, e);
	if (!rc)
		rc = ranges_add_all(&is, real, e);
	ranges_free(set);
	*set = is;
	return rc;
}

/* ---- stretches ------------------------------------------------------------------------------------------------- */

/* A list of blocks that grows. */
struct blocks {
	struct verify_block *items;
	size_t count, capacity;
};

static int add_block(struct blocks *blocks, struct range range, struct err *e)
{
	if (blocks->count == blocks->capacity) {
		size_t capacity = blocks->capacity ? 2 * blocks->capacity : 64;
		struct verify_block *items = realloc(blocks->items, capacity * sizeof *items);
		if (!items)
			return err_set(e, ERR_MEMORY, "out of memory for stretches");
		blocks->items = items;
		blocks->capacity = capacity;
	}
	blocks->items[blocks->count++] = (struct verify_block){.first = range.first, .last = range.last};
	return 0;
}

/* A stretch is at most a batch of points long: that bounds where one may begin that reaches into a range. */
static const char cut_sql[] =
	"WITH lost AS (SELECT * FROM unnest($3::bigint[], $4::bigint[]) AS r(first, last)"
	"), cut AS (DELETE FROM alzy.stretches s USING lost r WHERE s.store_number = $1::int AND s.stream = $2"
	" AND s.first_seq BETWEEN r.first - $5::bigint AND r.last AND s.last_seq >= r.first"
	" RETURNING s.first_seq, s.last_seq"
	") SELECT DISTINCT first_seq, last_seq FROM cut c"
	" WHERE NOT EXISTS (SELECT FROM lost r WHERE r.first <= c.first_seq AND r.last >= c.last_seq) ORDER BY 1";

/* Deletes the stretches that tell of rows which are not there. *left are their parts outside of `mend`. */
static int cut_stretches(struct pg *pg, const char *number, enum stream stream, const struct ranges *mend,
                         const struct ranges *lost, struct blocks *left, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	struct pg_result *found = NULL;
	char longest[NUMBER_TEXT];
	snprintf(longest, sizeof longest, "%d", BATCH_POINTS_MAX);
	int rc = seq_ranges_arrays(lost, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(
			pg, &found, e, cut_sql, 5,
			(const char *const[]){number, stream_name(stream), (char *)firsts.bytes, (char *)lasts.bytes, longest});
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		struct ranges stretch = {0}, rest = {0};
		rc = ranges_add(&stretch, pg_int(found, i, 0), pg_int(found, i, 1), e);
		if (!rc)
			rc = ranges_subtract(&rest, &stretch, mend, e);
		for (size_t k = 0; k < rest.count && !rc; k++)
			rc = add_block(left, rest.items[k], e);
		ranges_free(&stretch);
		ranges_free(&rest);
	}
	pg_result_free(found);
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

static const char note_sql[] =
	"INSERT INTO alzy.stretches (store_number, stream, first_seq, last_seq, digest)"
	" SELECT $1::int, $2, g.first_seq, g.last_seq, decode(g.digest, 'hex') FROM jsonb_to_recordset($3::jsonb)"
	"  AS g(first_seq bigint, last_seq bigint, digest text) ON CONFLICT DO NOTHING";

static int note_stretches(struct pg *pg, const char *number, enum stream stream, const struct blocks *blocks,
                          struct err *e)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < blocks->count; i++) {
		const struct verify_block *block = &blocks->items[i];
		if (block->odd || block->rows != block->last - block->first + 1)
			continue;
		cJSON *stretch = cJSON_CreateObject();
		cJSON_AddNumberToObject(stretch, "first_seq", (double)block->first);
		cJSON_AddNumberToObject(stretch, "last_seq", (double)block->last);
		json_add_hex(stretch, "digest", block->digest, sizeof block->digest);
		cJSON_AddItemToArray(array, stretch);
	}
	char *json = json_print(array);
	cJSON_Delete(array);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for stretches");
	int rc = pg_query(pg, NULL, e, note_sql, 3, (const char *const[]){number, stream_name(stream), json});
	free(json);
	return rc;
}

/* The unit has just found the rest of these stretches to be the same, so that it can be told anew what they are. */
static int mend_stretches(struct pg *pg, const struct store_sets *sets, enum stream stream, const struct ranges *mend,
                          const struct ranges *lost, struct err *e)
{
	struct blocks left = {0};
	struct table_source table = table_source(pg, sets, stream, false);
	char number[NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, sets->number);
	int rc = cut_stretches(pg, number, stream, mend, lost, &left, e);
	if (!rc && left.count)
		rc = verify_digest_blocks(&table.source, left.items, left.count, e);
	if (!rc && left.count)
		rc = note_stretches(pg, number, stream, &left, e);
	free(left.items);
	return rc;
}

/* ---- a store ---------------------------------------------------------------------------------------------------- */

static int mend_stream(struct pg *pg, struct store_sets *sets, enum stream stream, const struct ranges *mend,
                       struct err *e)
{
	struct store_stream *said = &sets->streams[stream];
	struct ranges present = {0}, lost = {0}, aside = {0};
	int rc = table_present(pg, sets->number, stream, mend, &present, e);
	if (!rc)
		rc = ranges_subtract(&lost, mend, &present, e);
	if (!rc)
		rc = table_aside(pg, sets->number, stream, &lost, &aside, e);
	if (!rc)
		rc = make_true(&said->held, mend, &present, e);
	if (!rc)
		rc = make_true(&said->rejected, mend, &aside, e);
	if (!rc && lost.count)
		rc = mend_stretches(pg, sets, stream, mend, &lost, e);
	ranges_free(&present);
	ranges_free(&lost);
	ranges_free(&aside);
	return rc;
}

static int write_sets(struct pg *pg, const struct store_sets *sets, struct err *e)
{
	const struct store_stream *s = sets->streams;
	const struct ranges *of[] = {&s[0].held, &s[0].rejected, &s[1].held, &s[1].rejected};
	struct buffer texts[4] = {{0}};
	char number[NUMBER_TEXT];
	int rc = 0;
	snprintf(number, sizeof number, "%" PRId64, sets->number);
	for (size_t i = 0; i < 4 && !rc; i++)
		rc = seq_ranges_format(of[i], &texts[i], e);
	if (!rc)
		rc = pg_query(pg, NULL, e,
		              "UPDATE alzy.stores SET points_held = $2::int8multirange, points_rejected = $3::int8multirange,"
		              " events_held = $4::int8multirange, events_rejected = $5::int8multirange WHERE number = $1::int",
		              5,
		              (const char *const[]){number, (char *)texts[0].bytes, (char *)texts[1].bytes,
		                                    (char *)texts[2].bytes, (char *)texts[3].bytes});
	for (size_t i = 0; i < 4; i++)
		buffer_free(&texts[i]);
	return rc;
}

int mend_store(struct pg *pg, struct store_sets *sets, const struct question *question, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		if (question->streams[s].mend.count)
			rc = mend_stream(pg, sets, (enum stream)s, &question->streams[s].mend, e);
	return rc ? rc : write_sets(pg, sets, e);
}
