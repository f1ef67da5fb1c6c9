/* Rows that Postgres does not take all together: which of them are at fault, and the others into their table. */
#include "sync/central/ingest_parts.h"

#include "hal/clock.h"
#include "hal/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	JUDGED_AT_ONCE = 1000, /* rows in one statement: they travel as JSON */
	JUDGED_MS = 10000,     /* so long for all; what is left then is left to the unit's next batch */
};

/* ---- asking ------------------------------------------------------------------------------------------------- */

static char *to_json(const struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++) {
		cJSON *row = rows->content(in->batch, index[i]);
		if (!cJSON_AddNumberToObject(row, "seq", (double)rows->seq(in->batch, index[i])) ||
		    !cJSON_AddItemToArray(array, row)) {
			cJSON_Delete(row);
			cJSON_Delete(array);
			return NULL;
		}
	}
	char *json = json_print(array);
	cJSON_Delete(array);
	return json;
}

static int ask(struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count,
               struct pg_result **out, struct err *e)
{
	char number[24], device[24], room[24], *json = to_json(in, rows, index, count);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for rows");
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	snprintf(room, sizeof room, "%" PRId64, in->streams[rows->stream].room);
	int rc =
		pg_query(in->pg, out, e,
	             "SELECT seq, code, reason FROM alzy.take($1, $2::int, $3::int, $4::jsonb, $5::int, $6::boolean)", 6,
	             (const char *const[]){stream_name(rows->stream), number, device, json, room, in->careful ? "t" : "f"});
	free(json);
	/* What the rows refer to was there a moment ago: somebody has deleted it meanwhile, and next time it is made anew. */
	if (rc && !strcmp(pg_sqlstate(in->pg), "23503"))
		return err_set(e, ERR_BUSY, "what rows refer to went away on their way: %s", e->text);
	return rc;
}

/* ---- what came of it ---------------------------------------------------------------------------------------- */

struct verdict {
	int64_t refused, doubtful; /* doubtful: maybe the table's fault, and not the row's */
	int64_t before;            /* the last seq that was refused */
	struct err first;          /* what was said of the first doubtful one */
};

static int refuse(struct ingest *in, const struct ingest_rows *rows, size_t row, const char *code, const char *why,
                  struct verdict *verdict, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	int64_t seq = rows->seq(in->batch, row);
	enum err_code kind = pg_error_code(code);
	if (seq != verdict->before + 1)
		stream->room -= 2;
	verdict->before = seq;
	verdict->refused++;
	if (kind != ERR_DATA && !verdict->doubtful++)
		err_set(&verdict->first, kind, "%s", why);
	int rc = ranges_add(&stream->refused, seq, seq, e);
	return rc ? rc : ingest_reject(in, rows, row, code, why, e);
}

/* `found` names those that were not taken, in order. Returns 1 when there is no room for more. */
static int apply(struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count,
                 const struct pg_result *found, struct verdict *verdict, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	size_t f = 0;
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		int64_t seq = rows->seq(in->batch, index[i]);
		bool named = f < pg_rows(found) && pg_int(found, f, 0) == seq;
		if (named && pg_is_null(found, f, 1)) {
			stream->left += (int64_t)(count - i);
			return 1;
		}
		rc = named ? refuse(in, rows, index[i], pg_text(found, f, 1), pg_text(found, f, 2), verdict, e)
		           : ranges_add(&stream->taken, seq, seq, e);
		f += named;
	}
	return rc;
}

int ingest_judge(struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct verdict verdict = {.before = -1};
	int64_t until_ms = clock_mono_ms() + JUDGED_MS;
	int rc = 0;
	for (size_t at = 0, some; at < count && !rc; at += some) {
		struct pg_result *found = NULL;
		some = count - at < JUDGED_AT_ONCE ? count - at : JUDGED_AT_ONCE;
		if (stream->room < 0 || clock_mono_ms() > until_ms) {
			stream->left += (int64_t)(count - at);
			break;
		}
		rc = ask(in, rows, index + at, some, &found, e);
		if (!rc)
			rc = apply(in, rows, index + at, some, found, &verdict, e);
		if (rc == 1)
			stream->left += (int64_t)(count - at - some);
		pg_result_free(found);
	}
	/* A broken trigger refuses every row: no fault of theirs. One that is refused while others pass has some part in it. */
	if (rc >= 0 && verdict.doubtful && verdict.doubtful == verdict.refused && !stream->taken.count)
		return err_set(e, verdict.first.code, "%s", verdict.first.text);
	return rc < 0 ? rc : 0;
}
