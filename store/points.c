#include "store/internal.h"

#include <stdlib.h>

/* One read of a walk: long enough to be fast, short enough to hold the log for a moment only. */
enum { WALK_POINTS = 1024 };

#define POINT_COLUMNS "seq, session_id, recorded_at, lat, lng, accuracy, speed, heading, altitude, source"

static struct point read_point(const struct query *q)
{
	return (struct point){
		.seq = query_get_int(q, 0, 0),
		.session = (int32_t)query_get_int(q, 1, 0),
		.recorded_at_ms = query_get_int(q, 2, 0),
		.lat_e7 = (int32_t)query_get_int(q, 3, 0),
		.lng_e7 = (int32_t)query_get_int(q, 4, 0),
		.accuracy_dm = (int32_t)query_get_int(q, 5, ROW_ABSENT),
		.speed_cmps = (int32_t)query_get_int(q, 6, ROW_ABSENT),
		.heading_ddeg = (int32_t)query_get_int(q, 7, ROW_ABSENT),
		.altitude_dm = (int32_t)query_get_int(q, 8, ROW_ABSENT),
		.source = (uint8_t)query_get_int(q, 9, 0),
	};
}

static int insert_point(struct store *store, const struct point *point, int64_t seq, struct err *e)
{
	struct query q;
	query_start_kept(&q, store, KEPT_ADD_POINT,
	                 "INSERT INTO points (" POINT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	query_int(&q, seq);
	query_int_unless(&q, point->session, 0);
	query_int(&q, point->recorded_at_ms);
	query_int(&q, point->lat_e7);
	query_int(&q, point->lng_e7);
	query_int_unless(&q, point->accuracy_dm, ROW_ABSENT);
	query_int_unless(&q, point->speed_cmps, ROW_ABSENT);
	query_int_unless(&q, point->heading_ddeg, ROW_ABSENT);
	query_int_unless(&q, point->altitude_dm, ROW_ABSENT);
	query_int(&q, point->source);
	return query_run(&q, e);
}

int store_append_points(struct store *store, struct point *points, size_t count, struct err *e)
{
	if (!count)
		return 0;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	int64_t last = 0;
	rc = store_last_seq(store, STREAM_POINTS, &last, e);
	for (size_t i = 0; i < count && !rc; i++)
		rc = insert_point(store, &points[i], last + 1 + (int64_t)i, e);
	rc = change_end(store, rc, e);
	for (size_t i = 0; i < count && !rc; i++)
		points[i].seq = last + 1 + (int64_t)i;
	return rc;
}

int store_last_seq(struct store *store, enum stream stream, int64_t *out_seq, struct err *e)
{
	struct query q;
	if (stream == STREAM_POINTS)
		query_start_kept(&q, store, KEPT_LAST_POINT, "SELECT max(seq) FROM points");
	else
		query_start_kept(&q, store, KEPT_LAST_EVENT, "SELECT max(seq) FROM events");
	return query_one_int(&q, 0, out_seq, e);
}

static int read_range(struct store *store, struct range range, struct point *out, size_t max, size_t *count,
                      struct err *e)
{
	struct query q;
	bool row = true;
	query_start(&q, store, "SELECT " POINT_COLUMNS " FROM points WHERE seq BETWEEN ? AND ? ORDER BY seq");
	query_int(&q, range.first);
	query_int(&q, range.last);
	int rc = 0;
	while (!(rc = query_next(&q, &row, e)) && row) {
		if (*count == max) {
			rc = err_set(e, ERR_LIMIT, "more than %zu points", max);
			break;
		}
		out[(*count)++] = read_point(&q);
	}
	query_end(&q);
	return rc;
}

int store_read_points(struct store *store, const struct ranges *ranges, struct point *out, size_t max,
                      size_t *out_count, struct err *e)
{
	size_t count = 0;
	for (size_t i = 0; i < ranges->count; i++) {
		int rc = read_range(store, ranges->items[i], out, max, &count, e);
		if (rc)
			return rc;
	}
	*out_count = count;
	return 0;
}

/* The next points of a walk behind `after`; fewer than WALK_POINTS when these are the last. */
static int walk_on(struct store *store, const struct point_filter *filter, int64_t after, int64_t end,
                   struct point *out, size_t *out_count, struct err *e)
{
	struct query q;
	bool row = true;
	size_t count = 0;
	query_start(&q, store,
	            "SELECT " POINT_COLUMNS " FROM points WHERE seq > ?1 AND seq <= ?2"
	            " AND (?3 IS NULL OR session_id = ?3) AND (?4 IS NULL OR recorded_at >= ?4)"
	            " AND (?5 IS NULL OR recorded_at < ?5) ORDER BY seq LIMIT ?6");
	query_int(&q, after);
	query_int(&q, end);
	query_int_unless(&q, filter->session, 0);
	query_int_unless(&q, filter->from_ms, 0);
	query_int_unless(&q, filter->to_ms, 0);
	query_int(&q, WALK_POINTS);
	int rc = 0;
	while (!(rc = query_next(&q, &row, e)) && row)
		out[count++] = read_point(&q);
	query_end(&q);
	*out_count = count;
	return rc;
}

int store_session_first_seq(struct store *store, int64_t id, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT first_seq FROM sessions WHERE id = ?");
	query_int(&q, id);
	return query_one_int(&q, 1, out, e);
}

int store_each_point(struct store *store, const struct point_filter *filter,
                     int (*each)(const struct point *point, void *user, struct err *e), void *user, struct err *e)
{
	/* In pieces, each a read transaction of its own, which is over before the caller sees a row: points never change,
	 * so the pieces fit together, and a slow caller can't keep the agent's log from being reused. It ends with the
	 * point that is the last one now, also while the agent goes on. */
	struct point *piece = malloc(WALK_POINTS * sizeof *piece);
	if (!piece)
		return err_set(e, ERR_MEMORY, "out of memory for a piece of the points");
	int64_t end = 0, first = filter->first_seq ? filter->first_seq : 1;
	size_t count = WALK_POINTS;
	int rc = store_last_seq(store, STREAM_POINTS, &end, e);
	if (!rc && filter->session && !filter->first_seq)
		rc = store_session_first_seq(store, filter->session, &first, e);
	for (int64_t after = first - 1; !rc && count == WALK_POINTS; after = count ? piece[count - 1].seq : end) {
		rc = walk_on(store, filter, after, end, piece, &count, e);
		for (size_t i = 0; i < count && !rc; i++)
			rc = each(&piece[i], user, e);
	}
	free(piece);
	return rc < 0 ? rc : 0;
}
