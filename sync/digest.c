#include "sync/digest.h"

#include "sync/keys.h"

#include <string.h>

/* A chain: digest of n rows = BLAKE2b-256(digest of the first n-1 · canonical bytes of row n); that of no rows is
 * BLAKE2b-256 of the stream's name below. One row is one block of the hash, so a chain costs no more than a stream. */

enum { ROW_BYTES_MAX = 192 };

struct row {
	uint8_t bytes[ROW_BYTES_MAX]; /* the digest so far, then the row */
	size_t length;
};

static void put(struct row *row, const void *bytes, size_t count)
{
	memcpy(row->bytes + row->length, bytes, count);
	row->length += count;
}

/* Two's complement, big-endian. */
static void put_int(struct row *row, int64_t value, size_t count)
{
	for (size_t i = 0; i < count; i++)
		row->bytes[row->length++] = (uint8_t)((uint64_t)value >> (8 * (count - 1 - i)));
}

/* Behind the text, zeros. */
static void put_text(struct row *row, const char *text, size_t width)
{
	size_t length = strnlen(text, width);
	memset(row->bytes + row->length, 0, width);
	put(row, text, length);
	row->length += width - length;
}

static void begin(struct row *row, const uint8_t digest[ROWS_DIGEST])
{
	row->length = 0;
	put(row, digest, ROWS_DIGEST);
}

static void put_point(struct row *row, const struct point *point, const struct session *sessions)
{
	const int32_t measures[] = {point->accuracy_dm, point->speed_cmps, point->heading_ddeg, point->altitude_dm};
	uint8_t present = 0;
	for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
		present |= (uint8_t)((measures[i] != ROW_ABSENT) << i);
	put_int(row, point->seq, 8);
	put_int(row, point->recorded_at_ms, 8);
	put_int(row, point->lat_e7, 4);
	put_int(row, point->lng_e7, 4);
	put_int(row, present, 1);
	for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
		put_int(row, measures[i] == ROW_ABSENT ? 0 : measures[i], 4);
	put_int(row, point->source, 1);
	put_text(row, point->session ? sessions[point->session - 1].session_id : "", UUID_TEXT - 1);
}

static void put_event(struct row *row, const struct event *event)
{
	uint8_t payload[32] = {0};
	if (event->payload)
		keys_digest(event->payload, strlen(event->payload), payload);
	put_int(row, event->seq, 8);
	put_int(row, event->event_at_ms, 8);
	put_text(row, event->session_id, UUID_TEXT - 1);
	put_text(row, event->event_type, EVENT_TYPE_TEXT);
	put_int(row, event->payload != NULL, 1);
	put(row, payload, sizeof payload);
}

void digest_begin(enum stream stream, uint8_t out[ROWS_DIGEST])
{
	static const char points[] = "alzy-points-v1", events[] = "alzy-events-v1"; /* each with its NUL */
	if (stream == STREAM_POINTS)
		keys_digest(points, sizeof points, out);
	else
		keys_digest(events, sizeof events, out);
}

void digest_more_points(const struct point *points, size_t count, const struct session *sessions,
                        uint8_t digest[ROWS_DIGEST])
{
	struct row row;
	for (size_t i = 0; i < count; i++) {
		begin(&row, digest);
		put_point(&row, &points[i], sessions);
		keys_digest(row.bytes, row.length, digest);
	}
}

void digest_more_events(const struct event *events, size_t count, uint8_t digest[ROWS_DIGEST])
{
	struct row row;
	for (size_t i = 0; i < count; i++) {
		begin(&row, digest);
		put_event(&row, &events[i]);
		keys_digest(row.bytes, row.length, digest);
	}
}

void digest_points(const struct point *points, size_t count, const struct session *sessions, uint8_t out[ROWS_DIGEST])
{
	digest_begin(STREAM_POINTS, out);
	digest_more_points(points, count, sessions, out);
}

void digest_events(const struct event *events, size_t count, uint8_t out[ROWS_DIGEST])
{
	digest_begin(STREAM_EVENTS, out);
	digest_more_events(events, count, out);
}
