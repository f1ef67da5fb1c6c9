#include "sync/central/stretches.h"

#include "hal/hex.h"
#include "hal/json.h"
#include "hal/list.h"
#include "sync/batch.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_TEXT = 24 };

void stretches_free(struct stretches *stretches)
{
	free(stretches->items);
	*stretches = (struct stretches){0};
}

int stretches_add(struct stretches *stretches, const struct verify_block *block, struct err *e)
{
	int rc = list_grow(&stretches->items, stretches->count, &stretches->capacity, sizeof *block, "stretches", e);
	if (!rc)
		stretches->items[stretches->count++] = *block;
	return rc;
}

int stretches_rest(const struct verify_block *stretch, const struct ranges *gone, struct stretches *out, struct err *e)
{
	struct ranges all = {0}, left = {0};
	int rc = ranges_add(&all, stretch->first, stretch->last, e);
	if (!rc)
		rc = ranges_subtract(&left, &all, gone, e);
	for (size_t i = 0; i < left.count && !rc; i++) {
		struct verify_block block = *stretch;
		block.first = left.items[i].first;
		block.last = left.items[i].last;
		rc = stretches_add(out, &block, e);
	}
	ranges_free(&all);
	ranges_free(&left);
	return rc;
}

/* A stretch is at most a batch of points long: that bounds where one may begin that reaches into a range. */
#define TOUCHED                                                                                           \
	" s.store_number = $1::int AND s.stream = $2 AND s.first_seq BETWEEN r.first - $5::bigint AND r.last" \
	" AND s.last_seq >= r.first"
static const char touched_sql[] =
	"WITH gone AS (SELECT * FROM unnest($3::bigint[], $4::bigint[]) AS r(first, last))"
	" SELECT DISTINCT s.first_seq, s.last_seq, encode(s.digest, 'hex') FROM alzy.stretches s JOIN gone r ON" TOUCHED
	" WHERE NOT EXISTS (SELECT FROM gone g WHERE g.first <= s.first_seq AND g.last >= s.last_seq) ORDER BY 1";
static const char cut_sql[] =
	"DELETE FROM alzy.stretches s USING unnest($3::bigint[], $4::bigint[]) AS r(first, last) WHERE" TOUCHED;

static int run(struct pg *pg, const char *sql, int64_t number, enum stream stream, const struct ranges *gone,
               struct pg_result **out, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	char number_text[NUMBER_TEXT], longest[NUMBER_TEXT];
	snprintf(number_text, sizeof number_text, "%" PRId64, number);
	snprintf(longest, sizeof longest, "%d", BATCH_POINTS_MAX);
	int rc = seq_ranges_arrays(gone, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(pg, out, e, sql, 5,
		              (const char *const[]){number_text, stream_name(stream), (char *)firsts.bytes, (char *)lasts.bytes,
		                                    longest});
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

int stretches_touched(struct pg *pg, int64_t number, enum stream stream, const struct ranges *gone,
                      struct stretches *out, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = run(pg, touched_sql, number, stream, gone, &found, e);
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		struct verify_block block = {.first = pg_int(found, i, 0), .last = pg_int(found, i, 1)};
		if (hex_read(pg_text(found, i, 2), block.digest, sizeof block.digest))
			rc = stretches_add(out, &block, e);
	}
	pg_result_free(found);
	return rc;
}

int stretches_cut(struct pg *pg, int64_t number, enum stream stream, const struct ranges *gone, struct err *e)
{
	return run(pg, cut_sql, number, stream, gone, NULL, e);
}

static const char note_sql[] =
	"INSERT INTO alzy.stretches (store_number, stream, first_seq, last_seq, digest)"
	" SELECT $1::int, $2, g.first_seq, g.last_seq, decode(g.digest, 'hex') FROM jsonb_to_recordset($3::jsonb)"
	"  AS g(first_seq bigint, last_seq bigint, digest text) ON CONFLICT DO NOTHING";

int stretches_note(struct pg *pg, int64_t number, enum stream stream, const struct stretches *stretches, struct err *e)
{
	char number_text[NUMBER_TEXT];
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < stretches->count; i++) {
		const struct verify_block *block = &stretches->items[i];
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
	snprintf(number_text, sizeof number_text, "%" PRId64, number);
	int rc = pg_query(pg, NULL, e, note_sql, 3, (const char *const[]){number_text, stream_name(stream), json});
	free(json);
	return rc;
}
