/* Rows that go to the centre although it has rejected them, and rows that do not go although it has never had them. */
#include "store/internal.h"

/* ---- offering ------------------------------------------------------------------------------------------------- */

/* Runs `sql` for one range of the stream, or for all of it. */
static int run_for(struct store *store, const char *sql, enum stream stream, struct range range, struct err *e)
{
	struct query q;
	query_start(&q, store, sql);
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	query_int(&q, range.last);
	return query_run(&q, e);
}

#define NOT_DROPPED                                                                                          \
	" AND NOT EXISTS (SELECT 1 FROM drops AS d WHERE d.stream = r.stream AND v.seq BETWEEN d.first_seq AND " \
	"d.last_seq)"
#define KNOWN(table)                                                                                           \
	"INSERT OR REPLACE INTO retry (stream, seq) SELECT r.stream, v.seq FROM rejected AS r JOIN " table " AS v" \
	" USING (seq) WHERE r.stream = ? AND v.seq BETWEEN ? AND ? AND r.code IS NOT 'conflict'" NOT_DROPPED
#define ACCOUNTED(table)                                                                                        \
	"INSERT OR REPLACE INTO retry (stream, seq) SELECT r.stream, v.seq FROM accounted AS r JOIN " table " AS v" \
	" ON v.seq BETWEEN r.first_seq AND r.last_seq WHERE r.stream = ? AND v.seq BETWEEN ? AND ?" NOT_DROPPED

/* Only rows that are still in the store can be sent, and those that were let go of are not. What was set aside is simply unsent
 * again. */
static int offer(struct store *store, enum stream stream, struct range range, bool any, struct err *e)
{
	static const char *const known[STREAM_COUNT] = {KNOWN("points"), KNOWN("events")};
	static const char *const accounted[STREAM_COUNT] = {ACCOUNTED("points"), ACCOUNTED("events")};
	int rc = run_for(store, (any ? accounted : known)[stream], stream, range, e);
	return rc ? rc : run_for(store, "DELETE FROM set_aside WHERE stream = ? AND seq BETWEEN ? AND ?", stream, range, e);
}

static int count_unsent(struct store *store, int64_t *out, struct err *e)
{
	int64_t count = 0;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges unsent = {0};
		rc = store_unsent(store, (enum stream)s, &unsent, e);
		count += ranges_total(&unsent);
		ranges_free(&unsent);
	}
	*out = count;
	return rc;
}

static int offer_all(struct store *store, const struct ranges wanted[STREAM_COUNT], struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		if (!wanted)
			rc = offer(store, (enum stream)s, (struct range){1, SEQ_MAX}, false, e);
		for (size_t i = 0; wanted && i < wanted[s].count && !rc; i++)
			rc = offer(store, (enum stream)s, wanted[s].items[i], true, e);
	}
	return rc;
}

int store_retry(struct store *store, const struct ranges wanted[STREAM_COUNT], int64_t *out_count, struct err *e)
{
	int64_t before = 0, after = 0;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = count_unsent(store, &before, e);
	if (!rc)
		rc = offer_all(store, wanted, e);
	if (!rc)
		rc = count_unsent(store, &after, e);
	rc = change_end(store, rc, e);
	if (!rc)
		*out_count = after - before;
	return rc;
}

/* ---- what becomes of an offer ------------------------------------------------------------------------------- */

int store_retry_packed(struct store *store, enum stream stream, const struct ranges *rows, int64_t exchange,
                       struct err *e)
{
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < rows->count && !rc; i++) {
		struct query q;
		query_start(&q, store, "UPDATE retry SET exchange = ? WHERE stream = ? AND seq BETWEEN ? AND ?");
		query_int(&q, exchange);
		query_text(&q, stream_name(stream));
		query_int(&q, rows->items[i].first);
		query_int(&q, rows->items[i].last);
		rc = query_run(&q, e);
	}
	return change_end(store, rc, e);
}

int retry_answered(struct store *store, int64_t exchange, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM retry WHERE exchange <= ?");
	query_int(&q, exchange);
	int rc = query_run(&q, e);
	return rc ? rc
	          : sql_run(
					store,
					"DELETE FROM set_aside AS s WHERE EXISTS (SELECT 1 FROM accounted AS a WHERE a.stream = s.stream"
					" AND s.seq BETWEEN a.first_seq AND a.last_seq)",
					e);
}

int retry_forget(struct store *store, struct err *e)
{
	return sql_run(store, "DELETE FROM retry; DELETE FROM set_aside", e);
}

/* ---- setting aside ------------------------------------------------------------------------------------------- */

int store_set_aside(struct store *store, enum stream stream, int64_t seq, const char *reason, struct err *e)
{
	struct query q;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	query_start(&q, store, "INSERT OR REPLACE INTO set_aside (stream, seq, reason) VALUES (?, ?, ?)");
	query_text(&q, stream_name(stream));
	query_int(&q, seq);
	query_text(&q, reason);
	return change_end(store, query_run(&q, e), e);
}
