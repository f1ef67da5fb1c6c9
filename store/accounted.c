/* What the centre accounts for, as this unit believes, and what is left to be sent. */
#include "store/internal.h"

int store_accounted(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT first_seq, last_seq FROM accounted WHERE stream = ? ORDER BY first_seq");
	query_text(&q, stream_name(stream));
	return query_ranges(&q, out, e);
}

static int remove_range(struct store *store, enum stream stream, struct range range, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM accounted WHERE stream = ? AND first_seq = ?");
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	return query_run(&q, e);
}

static int put_range(struct store *store, enum stream stream, struct range range, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO accounted (stream, first_seq, last_seq) VALUES (?, ?, ?)"
	            " ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq");
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	query_int(&q, range.last);
	return query_run(&q, e);
}

/* The accounted ranges, which are `held`, become `wanted`. Both lists are in order of `first`, so one walk finds what differs. Most
 * receipts lengthen one range, and writing thousands of others anew each time would wear the flash for nothing. */
int accounted_replace(struct store *store, enum stream stream, const struct ranges *held, const struct ranges *wanted,
                      struct err *e)
{
	int rc = 0;
	size_t h = 0, w = 0;
	while (!rc && (h < held->count || w < wanted->count)) {
		const struct range *old = h < held->count ? &held->items[h] : NULL;
		const struct range *new = w < wanted->count ? &wanted->items[w] : NULL;
		if (!new || (old && old->first < new->first)) {
			rc = remove_range(store, stream, *old, e);
			h++;
			continue;
		}
		if (!old || old->first > new->first || old->last != new->last)
			rc = put_range(store, stream, *new, e);
		h += old && old->first == new->first;
		w++;
	}
	return rc;
}

int given_out(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	int64_t last;
	int rc = store_last_seq(store, stream, &last, e);
	return rc || !last ? rc : ranges_add(out, 1, last, e);
}

int subtract_first(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e)
{
	int rc = ranges_subtract(out, a, b, e);
	return rc == -ERR_LIMIT ? 0 : rc;
}

/* What the centre does not account for, and this unit has not dropped. */
static int find_holes(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges all = {0}, accounted = {0}, dropped = {0}, left = {0};
	int rc = given_out(store, stream, &all, e);
	if (!rc)
		rc = store_accounted(store, stream, &accounted, e);
	if (!rc)
		rc = subtract_first(&left, &all, &accounted, e);
	if (!rc)
		rc = store_dropped(store, stream, &dropped, e);
	if (!rc)
		rc = subtract_first(out, &left, &dropped, e);
	ranges_free(&all);
	ranges_free(&accounted);
	ranges_free(&dropped);
	ranges_free(&left);
	return rc;
}

/* The holes that are pruned, or those that are not. */
static int part_of_holes(struct store *store, enum stream stream, bool pruned, struct ranges *out, struct err *e)
{
	struct ranges holes = {0}, gone = {0};
	int rc = find_holes(store, stream, &holes, e);
	if (!rc)
		rc = store_pruned(store, stream, &holes, &gone, e);
	if (!rc)
		rc = pruned ? ranges_copy(out, &gone, e) : subtract_first(out, &holes, &gone, e);
	ranges_free(&holes);
	ranges_free(&gone);
	if (rc)
		ranges_free(out);
	return rc;
}

/* `sql` gives ranges of the stream, in order. */
static int read_ranges(struct store *store, enum stream stream, const char *sql, struct ranges *out, struct err *e)
{
	struct query q;
	query_start(&q, store, sql);
	query_text(&q, stream_name(stream));
	return query_ranges(&q, out, e);
}

int store_retries(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	return read_ranges(store, stream, "SELECT seq, seq FROM retry WHERE stream = ? ORDER BY seq", out, e);
}

int store_aside(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	return read_ranges(store, stream, "SELECT seq, seq FROM set_aside WHERE stream = ? ORDER BY seq", out, e);
}

/* Makes of what the centre does not account for what is to be sent. */
static int add_retries(struct store *store, enum stream stream, struct ranges *unsent, struct err *e)
{
	struct ranges retries = {0}, aside = {0}, all = *unsent;
	*unsent = (struct ranges){0};
	int rc = store_retries(store, stream, &retries, e);
	if (!rc)
		rc = ranges_add_all(&all, &retries, e);
	if (!rc)
		rc = store_aside(store, stream, &aside, e);
	if (!rc)
		rc = ranges_subtract(unsent, &all, &aside, e);
	/* As many holes as a set can have: the first of them are enough to go on with, and close the rest's way. */
	if (rc == -ERR_LIMIT)
		rc = 0;
	if (rc)
		ranges_free(unsent);
	ranges_free(&all);
	ranges_free(&retries);
	ranges_free(&aside);
	return rc;
}

int store_unsent(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	int rc = part_of_holes(store, stream, false, out, e);
	return rc ? rc : add_retries(store, stream, out, e);
}

int store_lost(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	return part_of_holes(store, stream, true, out, e);
}

/* The time of the first row at or behind the first unsent seq; rows before it are receipted. */
static int first_time(struct store *store, enum stream stream, const struct ranges *unsent, int64_t *out, struct err *e)
{
	if (!unsent->count)
		return 0;
	struct query q;
	query_start(&q, store,
	            stream == STREAM_POINTS ? "SELECT recorded_at FROM points WHERE seq >= ? ORDER BY seq LIMIT 1"
	                                    : "SELECT event_at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1");
	query_int(&q, unsent->items[0].first);
	return query_one_int(&q, 0, out, e);
}

int store_backlog(struct store *store, struct store_backlog *out, struct err *e)
{
	int64_t total[STREAM_COUNT] = {0}, time[STREAM_COUNT] = {0}, sessions;
	int rc = 0;
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++) {
		struct ranges unsent = {0};
		rc = store_unsent(store, (enum stream)stream, &unsent, e);
		total[stream] = ranges_total(&unsent);
		if (!rc)
			rc = first_time(store, (enum stream)stream, &unsent, &time[stream], e);
		ranges_free(&unsent);
	}
	struct query q;
	if (rc)
		return rc;
	query_start(&q, store, "SELECT count(*) FROM sessions WHERE " SESSION_UNSENT);
	rc = query_one_int(&q, 0, &sessions, e);
	if (rc)
		return rc;
	int64_t oldest = time[STREAM_POINTS];
	if (!oldest || (time[STREAM_EVENTS] && time[STREAM_EVENTS] < oldest))
		oldest = time[STREAM_EVENTS];
	*out = (struct store_backlog){total[STREAM_POINTS], total[STREAM_EVENTS], sessions, oldest};
	return 0;
}
