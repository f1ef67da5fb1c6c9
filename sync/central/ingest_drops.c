/* What a unit tells to have let go of. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What is held beats what was dropped, and what has expired stays so. A rejected row that the unit has let go of is kept
 * aside no longer. */
static int let_go(struct ingest_stream *stream, const struct drop *drop, struct err *e)
{
	struct ranges gone = {0};
	int rc = ranges_add(&gone, drop->first, drop->last, e);
	if (!rc)
		rc = ranges_remove(&stream->rejected, &gone, e);
	if (!rc)
		rc = ranges_remove(&gone, &stream->held, e);
	if (!rc)
		rc = ranges_remove(&gone, &stream->expired, e);
	if (!rc)
		rc = ranges_add_all(&stream->dropped, &gone, e);
	ranges_free(&gone);
	return rc;
}

static int add_told(cJSON *told, const struct drop *drop, struct err *e)
{
	char time[TIME_TEXT];
	cJSON *object = cJSON_CreateObject();
	if (!object)
		return err_set(e, ERR_MEMORY, "out of memory for what was dropped");
	cJSON_AddStringToObject(object, "stream", stream_name(drop->stream));
	cJSON_AddNumberToObject(object, "first_seq", (double)drop->first);
	cJSON_AddNumberToObject(object, "last_seq", (double)drop->last);
	cJSON_AddStringToObject(object, "reason", drop->reason);
	cJSON_AddStringToObject(object, "dropped_at", time_format(drop->dropped_at_ms, time));
	cJSON_AddItemToArray(told, object);
	return 0;
}

static int write_told(struct ingest *in, const cJSON *told, struct err *e)
{
	char number[24], *json = json_print(told);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for what was dropped");
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	int rc = pg_query(in->pg, NULL, e, "SELECT alzy.let_go($1::uuid, $2::int, $3::jsonb)", 3,
	                  (const char *const[]){in->batch->store_id, number, json});
	free(json);
	return rc;
}

int ingest_drops(struct ingest *in, struct err *e)
{
	cJSON *told = cJSON_CreateArray();
	int rc = 0;
	for (size_t i = 0; i < in->batch->drop_count && !rc; i++) {
		const struct drop *drop = &in->batch->drops[i];
		struct ingest_stream *stream = &in->streams[drop->stream];
		/* It may be a range of its own, and part in two what it stands in. Without room the unit tells it again later. */
		if ((stream->room -= 2) < 0)
			continue;
		rc = let_go(stream, drop, e);
		if (!rc)
			rc = add_told(told, drop, e);
	}
	in->changed = in->changed || cJSON_GetArraySize(told);
	if (!rc && cJSON_GetArraySize(told))
		rc = write_told(in, told, e);
	cJSON_Delete(told);
	return rc;
}
