/* Rows that were rejected once, and are taken now that the unit has offered them again; and conflicts that are none any more. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The rows of `healed` with their digests: what is kept aside with other content stays there. */
static char *to_json(const struct ingest *in, const struct ingest_rows *rows, const struct ranges *healed)
{
	cJSON *array = cJSON_CreateArray();
	bool ok = array != NULL;
	for (size_t i = 0; i < healed->count; i++) {
		size_t row = ingest_find(rows, in->batch, healed->items[i].first);
		for (int64_t seq = healed->items[i].first; seq <= healed->items[i].last && ok; seq++, row++) {
			uint8_t digest[ROWS_DIGEST];
			cJSON *item = cJSON_CreateObject();
			rows->digest(in->batch, row, 1, digest);
			json_add_hex(item, "digest", digest, sizeof digest);
			ok = cJSON_AddNumberToObject(item, "seq", (double)seq) && cJSON_AddItemToArray(array, item);
		}
	}
	char *json = ok ? json_print(array) : NULL;
	cJSON_Delete(array);
	return json;
}

static int settle(struct ingest *in, const struct ingest_rows *rows, const struct ranges *healed, struct err *e)
{
	char number[24], *json = to_json(in, rows, healed);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for rows");
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	int rc = pg_query(in->pg, NULL, e, "SELECT alzy.settle($1, $2::int, $3::jsonb)", 3,
	                  (const char *const[]){stream_name(rows->stream), number, json});
	free(json);
	return rc;
}

int ingest_settle(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges now = {0}, healed = {0}, left = {0};
	int rc = ranges_copy(&now, &stream->taken, e);
	if (!rc)
		rc = ranges_add_all(&now, &stream->found, e);
	if (!rc)
		rc = ranges_intersect(&healed, &stream->rejected, &now, e);
	if (!rc && healed.count)
		rc = settle(in, rows, &healed, e);
	if (!rc)
		rc = ranges_subtract(&left, &stream->rejected, &healed, e);
	if (rc) {
		ranges_free(&left);
	} else {
		ranges_free(&stream->rejected);
		stream->rejected = left;
	}
	ranges_free(&now);
	ranges_free(&healed);
	return rc;
}

int ingest_settle_conflicts(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	const struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges now = {0}, same = {0}, healed = {0};
	int rc = ranges_copy(&now, &stream->held, e);
	if (!rc)
		rc = ranges_add_all(&now, &stream->taken, e);
	if (!rc)
		rc = ranges_add_all(&now, &stream->found, e);
	if (!rc)
		rc = ranges_intersect(&same, &stream->given, &now, e);
	if (!rc)
		rc = ranges_subtract(&healed, &same, &stream->conflicts, e);
	if (!rc && healed.count)
		rc = settle(in, rows, &healed, e);
	ranges_free(&now);
	ranges_free(&same);
	ranges_free(&healed);
	return rc;
}
