/* Rows that may go, and what stays of them. */
#include "store/internal.h"

#include <string.h>

/* ---- which blocks are accounted for ------------------------------------------------------------------------ */

static int forget_blocks(struct store *store, enum stream stream, struct range gone, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "DELETE FROM blocks WHERE digest IS NULL AND stream = ?1 AND first_seq <= ?3 AND last_seq >= ?2");
	query_text(&q, stream_name(stream));
	query_int(&q, gone.first);
	query_int(&q, gone.last);
	return query_run(&q, e);
}

static int count_blocks(struct store *store, enum stream stream, int64_t first, int64_t last, int64_t *out,
                        struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT count(*) FROM blocks WHERE stream = ? AND first_seq BETWEEN ? AND ?");
	query_text(&q, stream_name(stream));
	query_int(&q, first);
	query_int(&q, last);
	return query_one_int(&q, 0, out, e);
}

/* Notes the whole blocks in the range. Most receipts complete none, which takes one look to see. */
static int note_blocks(struct store *store, enum stream stream, struct range held, int64_t centre_ms, struct err *e)
{
	int64_t size = stream_block(stream), known = 0;
	int64_t first = (held.first + size - 2) / size * size + 1, end = held.last / size * size;
	if (first > end)
		return 0;
	int rc = count_blocks(store, stream, first, end, &known, e);
	if (rc || known == (end - first + 1) / size)
		return rc;
	struct query q;
	query_start(&q, store,
	            "WITH RECURSIVE wanted (first) AS (SELECT ?2 UNION ALL SELECT first + ?4 FROM wanted"
	            " WHERE first + ?4 < ?3) INSERT INTO blocks (stream, first_seq, last_seq, receipted_at)"
	            " SELECT ?1, first, first + ?4 - 1, ?5 FROM wanted WHERE true ON CONFLICT DO NOTHING");
	query_text(&q, stream_name(stream));
	query_int(&q, first);
	query_int(&q, end);
	query_int(&q, size);
	query_int(&q, centre_ms);
	return query_run(&q, e);
}

int blocks_follow(struct store *store, enum stream stream, const struct ranges *was, const struct ranges *is,
                  int64_t centre_ms, struct err *e)
{
	struct ranges gone = {0};
	int rc = ranges_subtract(&gone, was, is, e);
	for (size_t i = 0; i < gone.count && !rc; i++)
		rc = forget_blocks(store, stream, gone.items[i], e);
	for (size_t i = 0; i < is->count && !rc; i++)
		rc = note_blocks(store, stream, is->items[i], centre_ms, e);
	ranges_free(&gone);
	return rc;
}

/* ---- pruning ----------------------------------------------------------------------------------------------- */

/* A block is of one run: its digest is of the seqs by which the centre knows it. Rejected rows stay until a person has decided, and while not all of them are known, all rows. A unit that the centre
 * has stopped deletes nothing. */
#define MAY_GO                                                                                              \
	"b.digest IS NULL AND c.standing IS NULL AND c.rejected_cut = 0 AND b.receipted_at <= c.centre_at - ?1" \
	" AND b.last_seq < CASE b.stream WHEN 'points' THEN (SELECT max(seq) FROM points)"                      \
	"  ELSE (SELECT max(seq) FROM events) END"                                                              \
	" AND NOT EXISTS (SELECT 1 FROM retry o WHERE o.stream = b.stream"                                      \
	"  AND o.seq BETWEEN b.first_seq AND b.last_seq)"                                                       \
	" AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.stream = b.stream"                                       \
	"  AND r.first_row > b.first_seq AND r.first_row <= b.last_seq)"                                        \
	" AND NOT EXISTS (SELECT 1 FROM rejected r WHERE r.stream = b.stream"                                   \
	"  AND r.seq BETWEEN b.first_seq AND b.last_seq)"

int store_prunable(struct store *store, int64_t keep_ms, enum stream *out_stream, struct store_block *out,
                   bool *out_found, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT b.stream = 'events', b.first_seq, b.last_seq FROM blocks b JOIN centre c WHERE " MAY_GO
	            " LIMIT 1");
	query_int(&q, keep_ms);
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		*out_stream = query_get_int(&q, 0, 0) ? STREAM_EVENTS : STREAM_POINTS;
		*out = (struct store_block){.first = query_get_int(&q, 1, 0), .last = query_get_int(&q, 2, 0)};
	}
	if (!rc)
		*out_found = row;
	query_end(&q);
	return rc;
}

/* *out is false when the rows may not go (any more): a receipt has come in between. */
static int keep_digest(struct store *store, enum stream stream, const struct store_block *block, int64_t keep_ms,
                       bool *out, struct err *e)
{
	struct query q;
	int64_t done = 0;
	query_start(&q, store,
	            "UPDATE blocks AS b SET rows = ?4, digest = ?5 FROM centre c WHERE b.stream = ?2 AND b.first_seq = ?3"
	            " AND " MAY_GO " RETURNING 1");
	query_int(&q, keep_ms);
	query_text(&q, stream_name(stream));
	query_int(&q, block->first);
	query_int(&q, block->rows);
	query_blob(&q, block->digest, sizeof block->digest);
	int rc = query_one_int(&q, 0, &done, e);
	*out = done;
	return rc;
}

static int delete_rows(struct store *store, enum stream stream, const struct store_block *block, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            stream == STREAM_POINTS ? "DELETE FROM points WHERE seq BETWEEN ? AND ?"
	                                    : "DELETE FROM events WHERE seq BETWEEN ? AND ?");
	query_int(&q, block->first);
	query_int(&q, block->last);
	return query_run(&q, e);
}

int store_prune(struct store *store, enum stream stream, const struct store_block *block, int64_t keep_ms,
                struct err *e)
{
	bool may_go = false;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = keep_digest(store, stream, block, keep_ms, &may_go, e);
	if (!rc && may_go)
		rc = delete_rows(store, stream, block, e);
	return change_end(store, rc, e);
}

int store_pruned_block(struct store *store, enum stream stream, int64_t first, struct store_block *out, bool *out_found,
                       struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT last_seq, rows, digest FROM blocks WHERE stream = ? AND first_seq = ? AND digest IS NOT NULL");
	query_text(&q, stream_name(stream));
	query_int(&q, first);
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		*out = (struct store_block){.first = first, .last = query_get_int(&q, 0, 0), .rows = query_get_int(&q, 1, 0)};
		memcpy(out->digest, sqlite3_column_blob(q.stmt, 2), sizeof out->digest);
	}
	if (!rc)
		*out_found = row;
	query_end(&q);
	return rc;
}

int store_pruned(struct store *store, enum stream stream, const struct ranges *within, struct ranges *out,
                 struct err *e)
{
	struct ranges pruned = {0};
	int rc = 0;
	for (size_t i = 0; i < within->count && !rc; i++) {
		struct query q;
		/* A block that reaches into the range begins less than a block before it. */
		query_start(&q, store,
		            "SELECT first_seq, last_seq FROM blocks WHERE stream = ?1 AND first_seq BETWEEN ?2 - ?4 AND ?3"
		            " AND last_seq >= ?2 AND digest IS NOT NULL ORDER BY first_seq");
		query_text(&q, stream_name(stream));
		query_int(&q, within->items[i].first);
		query_int(&q, within->items[i].last);
		query_int(&q, stream_block(stream));
		rc = query_ranges(&q, &pruned, e);
	}
	if (!rc)
		rc = ranges_intersect(out, &pruned, within, e);
	ranges_free(&pruned);
	if (rc)
		ranges_free(out);
	return rc;
}
