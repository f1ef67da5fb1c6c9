/* What this unit has knowingly let go of. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

static int put_drop(struct store *store, enum stream stream, struct range range, const char *reason, int64_t at_ms,
                    struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO drops (stream, first_seq, last_seq, reason, dropped_at) VALUES (?, ?, ?, ?, ?)");
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	query_int(&q, range.last);
	query_text(&q, reason);
	query_int(&q, at_ms);
	return query_run(&q, e);
}

/* What was to be offered again, or had been set aside, is neither now. */
static int settle(struct store *store, enum stream stream, struct range range, struct err *e)
{
	static const char *const sql[] = {"DELETE FROM retry WHERE stream = ? AND seq BETWEEN ? AND ?",
	                                  "DELETE FROM set_aside WHERE stream = ? AND seq BETWEEN ? AND ?"};
	int rc = 0;
	for (size_t i = 0; i < sizeof sql / sizeof *sql && !rc; i++) {
		struct query q;
		query_start(&q, store, sql[i]);
		query_text(&q, stream_name(stream));
		query_int(&q, range.first);
		query_int(&q, range.last);
		rc = query_run(&q, e);
	}
	return rc;
}

static int put_drops(struct store *store, enum stream stream, const struct ranges *ranges, const char *reason,
                     int64_t at_ms, struct err *e)
{
	struct ranges known = {0}, fresh = {0};
	int64_t last = 0;
	int rc = store_last_seq(store, stream, &last, e);
	if (!rc && ranges_highest(ranges) > last)
		rc = err_set(e, ERR_INVALID, "%s above the last that this store has given out can't be dropped",
		             stream_name(stream));
	if (!rc)
		rc = store_dropped(store, stream, &known, e);
	if (!rc)
		rc = ranges_subtract(&fresh, ranges, &known, e);
	for (size_t i = 0; i < fresh.count && !rc; i++)
		rc = put_drop(store, stream, fresh.items[i], reason, at_ms, e);
	for (size_t i = 0; i < fresh.count && !rc; i++)
		rc = settle(store, stream, fresh.items[i], e);
	ranges_free(&known);
	ranges_free(&fresh);
	return rc;
}

int store_drop(struct store *store, enum stream stream, const struct ranges *ranges, const char *reason, int64_t at_ms,
               struct err *e)
{
	if (!*reason || strlen(reason) >= NAME_TEXT)
		return err_set(e, ERR_INVALID, "the reason of a drop has 1 to %d bytes", NAME_TEXT - 1);
	int rc = check_utf8("the reason", reason, e);
	if (!rc)
		rc = change_begin(store, e);
	return rc ? rc : change_end(store, put_drops(store, stream, ranges, reason, at_ms, e), e);
}

int store_drop_undo(struct store *store, const char *reason, struct err *e)
{
	struct query q;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	query_start(&q, store, "DELETE FROM drops WHERE reason = ?");
	query_text(&q, reason);
	return change_end(store, query_run(&q, e), e);
}

int store_dropped(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT first_seq, last_seq FROM drops WHERE stream = ? ORDER BY first_seq");
	query_text(&q, stream_name(stream));
	return query_ranges(&q, out, e);
}

/* One that the centre accounts for needs no telling, unless it does so because it has rejected a row of it. */
#define UNTOLD                                                                                       \
	"NOT EXISTS (SELECT 1 FROM accounted a WHERE a.stream = d.stream AND a.first_seq <= d.first_seq" \
	" AND a.last_seq >= d.last_seq) OR EXISTS (SELECT 1 FROM rejected r WHERE r.stream = d.stream"   \
	" AND r.seq BETWEEN d.first_seq AND d.last_seq)"

static void read_drop(const struct query *q, void *item)
{
	struct drop *drop = item;
	*drop = (struct drop){.stream = query_get_int(q, 0, 0) ? STREAM_EVENTS : STREAM_POINTS,
	                      .first = query_get_int(q, 1, 0),
	                      .last = query_get_int(q, 2, 0),
	                      .dropped_at_ms = query_get_int(q, 4, 0)};
	query_get_text(q, 3, drop->reason, sizeof drop->reason);
}

int store_drop_list(struct store *store, bool untold, size_t limit, struct drop **out, size_t *out_count, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "SELECT stream = 'events', first_seq, last_seq, reason, dropped_at FROM drops d"
	            " WHERE ?1 = 0 OR " UNTOLD " ORDER BY stream = 'events', first_seq LIMIT ?2");
	query_int(&q, untold);
	query_limit(&q, limit);
	return query_all(&q, sizeof **out, read_drop, out, out_count, e);
}

/* ---- what a receipt makes of them --------------------------------------------------------------------------- */

static int remove_drop(struct store *store, const struct drop *drop, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM drops WHERE stream = ? AND first_seq = ?");
	query_text(&q, stream_name(drop->stream));
	query_int(&q, drop->first);
	return query_run(&q, e);
}

/* What a receipt says, in rows of this file. */
struct said {
	const struct ranges *accounted, *dropped; /* by stream */
	const struct store_rejected *rejected;
	size_t rejected_count;
};

static bool is_rejected(const struct said *said, const struct drop *drop)
{
	for (size_t i = 0; i < said->rejected_count; i++) {
		const struct store_rejected *row = &said->rejected[i];
		if (row->stream == drop->stream && row->seq >= drop->first && row->seq <= drop->last)
			return true;
	}
	return false;
}

/* The part that is accounted for, and not as dropped, is none any more. */
static int follow(struct store *store, const struct said *said, const struct drop *drop, struct err *e)
{
	struct ranges whole = {0}, held = {0}, accounted = {0}, left = {0};
	int rc = ranges_add(&whole, drop->first, drop->last, e);
	if (!rc)
		rc = ranges_intersect(&accounted, &whole, &said->accounted[drop->stream], e);
	if (!rc)
		rc = ranges_subtract(&held, &accounted, &said->dropped[drop->stream], e);
	if (!rc && held.count)
		rc = ranges_subtract(&left, &whole, &held, e);
	if (!rc && held.count)
		rc = remove_drop(store, drop, e);
	for (size_t i = 0; i < left.count && !rc; i++)
		rc = put_drop(store, drop->stream, left.items[i], drop->reason, drop->dropped_at_ms, e);
	ranges_free(&whole);
	ranges_free(&held);
	ranges_free(&accounted);
	ranges_free(&left);
	return rc;
}

int drops_follow(struct store *store, const struct ranges accounted[STREAM_COUNT],
                 const struct ranges dropped[STREAM_COUNT], const struct store_rejected *rejected, size_t count,
                 struct err *e)
{
	const struct said said = {accounted, dropped, rejected, count};
	struct drop *drops = NULL;
	size_t drop_count = 0;
	int rc = store_drop_list(store, false, SIZE_MAX, &drops, &drop_count, e);
	/* One of a row that is rejected is still to be told. */
	for (size_t i = 0; i < drop_count && !rc; i++)
		if (!is_rejected(&said, &drops[i]))
			rc = follow(store, &said, &drops[i], e);
	free(drops);
	return rc;
}
