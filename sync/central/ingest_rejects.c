/* Rows that are kept aside, in alzy.rejected. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"
#include "hal/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { REJECTS_AT_ONCE = 500 };

int ingest_rejects_flush(struct ingest *in, struct err *e)
{
	if (!cJSON_GetArraySize(in->rejects))
		return 0;
	in->changed = true;
	char number[24], *json = json_print(in->rejects);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for rejected rows");
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	int rc =
		pg_query(in->pg, NULL, e,
	             "INSERT INTO alzy.rejected (store_number, stream, seq, digest, code, reason, content, rejected_at)"
	             " SELECT $1::int, r.stream, r.seq, decode(r.digest, 'hex'), r.code, r.reason, r.content, now()"
	             " FROM jsonb_to_recordset($2::jsonb) AS r(stream text, seq bigint, digest text, code text,"
	             " reason text, content jsonb) ON CONFLICT (store_number, stream, seq, digest) DO UPDATE"
	             " SET code = excluded.code, reason = excluded.reason, rejected_at = excluded.rejected_at"
	             " WHERE (rejected.code, rejected.reason) IS DISTINCT FROM (excluded.code, excluded.reason)",
	             2, (const char *const[]){number, json});
	free(json);
	cJSON_Delete(in->rejects);
	in->rejects = cJSON_CreateArray();
	return rc;
}

int ingest_reject(struct ingest *in, const struct ingest_rows *rows, size_t row, const char *code, const char *why,
                  struct err *e)
{
	uint8_t digest[ROWS_DIGEST];
	char reason[RECEIPT_REASON_TEXT];
	cJSON *reject = cJSON_CreateObject(), *content = rows->content(in->batch, row);
	if (!reject || !content || !cJSON_AddItemToObject(reject, "content", content)) {
		cJSON_Delete(reject);
		cJSON_Delete(content);
		return err_set(e, ERR_MEMORY, "out of memory for a rejected row");
	}
	utf8_line(why, ' ', reason, sizeof reason);
	rows->digest(in->batch, row, 1, digest);
	cJSON_AddStringToObject(reject, "stream", stream_name(rows->stream));
	cJSON_AddNumberToObject(reject, "seq", (double)rows->seq(in->batch, row));
	json_add_hex(reject, "digest", digest, sizeof digest);
	cJSON_AddStringToObject(reject, "code", code);
	cJSON_AddStringToObject(reject, "reason", reason);
	cJSON_AddItemToArray(in->rejects, reject);
	in->receipt->streams[rows->stream].refused++;
	return cJSON_GetArraySize(in->rejects) < REJECTS_AT_ONCE ? 0 : ingest_rejects_flush(in, e);
}
