/* Rows that the centre keeps aside, as its receipts have told. */
#include "store/internal.h"

static int rejected_known(struct store *store, const struct store_rejected *row, bool *out, struct err *e)
{
	struct query q;
	int64_t found = 0;
	query_start(&q, store, "SELECT 1 FROM rejected WHERE stream = ? AND seq = ? AND code IS ? AND reason IS ?");
	query_text(&q, stream_name(row->stream));
	query_int(&q, row->seq);
	query_text(&q, row->code);
	query_text(&q, row->reason);
	int rc = query_one_int(&q, 0, &found, e);
	*out = !rc && found;
	return rc;
}

static int put_rejected(struct store *store, const struct store_rejected *row, struct err *e)
{
	struct query q;
	query_start(&q, store, "INSERT OR REPLACE INTO rejected (stream, seq, code, reason) VALUES (?, ?, ?, ?)");
	query_text(&q, stream_name(row->stream));
	query_int(&q, row->seq);
	query_text(&q, row->code);
	query_text(&q, row->reason);
	return query_run(&q, e);
}

/* How many rejected rows are in `rows`; or lets go of them. */
static int rejected_within(struct store *store, enum stream stream, const struct ranges *rows, bool forget,
                           int64_t *out_count, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < rows->count && !rc; i++) {
		struct query q;
		int64_t count = 0;
		query_start(&q, store,
		            forget ? "DELETE FROM rejected WHERE stream = ? AND seq BETWEEN ? AND ?"
		                   : "SELECT count(*) FROM rejected WHERE stream = ? AND seq BETWEEN ? AND ?");
		query_text(&q, stream_name(stream));
		query_int(&q, rows->items[i].first);
		query_int(&q, rows->items[i].last);
		rc = forget ? query_run(&q, e) : query_one_int(&q, 0, &count, e);
		*out_count += count;
	}
	return rc;
}

int rejected_replace(struct store *store, enum stream stream, const struct ranges *among,
                     const struct store_rejected *rows, size_t count, struct err *e)
{
	int64_t known = 0;
	bool same = true;
	int rc = rejected_within(store, stream, among, false, &known, e);
	for (size_t i = 0; i < count && same && !rc; i++)
		rc = rejected_known(store, &rows[i], &same, e);
	/* Receipts repeat the same few rows. */
	if (rc || (same && known == (int64_t)count))
		return rc;
	rc = rejected_within(store, stream, among, true, &known, e);
	for (size_t i = 0; i < count && !rc; i++)
		rc = put_rejected(store, &rows[i], e);
	return rc;
}

int store_rejected_count(struct store *store, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT (SELECT count(*) FROM rejected) + (SELECT count(*) FROM set_aside)");
	return query_one_int(&q, 0, out, e);
}

static void read_rejected(const struct query *q, void *item)
{
	struct store_rejected *row = item;
	*row = (struct store_rejected){.stream = query_get_int(q, 0, 0) ? STREAM_EVENTS : STREAM_POINTS,
	                               .seq = query_get_int(q, 1, 0)};
	query_get_text(q, 2, row->code, sizeof row->code);
	query_get_text(q, 3, row->reason, sizeof row->reason);
}

int store_rejected_list(struct store *store, size_t limit, struct store_rejected **out, size_t *out_count,
                        struct err *e)
{
	struct query q;
	/* In the order of enum stream, which is not that of the alphabet. */
	query_start(&q, store,
	            "SELECT stream = 'events', seq, code, reason FROM rejected UNION ALL SELECT stream = 'events', seq,"
	            " '" STORE_SET_ASIDE "', reason FROM set_aside ORDER BY 1, 2 LIMIT ?");
	query_limit(&q, limit);
	return query_all(&q, sizeof **out, read_rejected, out, out_count, e);
}
