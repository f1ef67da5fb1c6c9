/* Batches that went out as files, whose receipts may come back as files. */
#include "store/internal.h"

int store_note_written(struct store *store, int64_t exchange, const uint8_t digest[BATCH_DIGEST], struct err *e)
{
	struct query q;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	query_start(&q, store, "INSERT INTO written (exchange, digest) VALUES (?, ?)");
	query_int(&q, exchange);
	query_blob(&q, digest, BATCH_DIGEST);
	return change_end(store, query_run(&q, e), e);
}

int store_is_written(struct store *store, int64_t exchange, const uint8_t digest[BATCH_DIGEST], bool *out,
                     struct err *e)
{
	struct query q;
	int64_t found = 0;
	query_start(&q, store, "SELECT 1 FROM written WHERE exchange = ? AND digest = ?");
	query_int(&q, exchange);
	query_blob(&q, digest, BATCH_DIGEST);
	int rc = query_one_int(&q, 0, &found, e);
	if (!rc)
		*out = found;
	return rc;
}
