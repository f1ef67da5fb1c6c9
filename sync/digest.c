#include "sync/digest.h"

#include <sodium.h>
#include <string.h>

/* One stream of BLAKE2b-256 over the name of the rows' stream and the canonical bytes of each row, which all have the
 * same length: so a digest says how many rows there are, and in what order. */

enum {
	ROW_BYTES_MAX = 160,
	SESSION_BYTES = 16,
	POINT_SESSION = 1 << 4, /* in the mask, behind the four measures */
	EVENT_PAYLOAD = 1,
	EVENT_SESSION = 2,
};

struct row {
	uint8_t bytes[ROW_BYTES_MAX];
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

/* The bytes that a UUID writes in hexadecimal; zeros for none. */
static void session_bytes(const char *uuid, uint8_t out[SESSION_BYTES])
{
	memset(out, 0, SESSION_BYTES);
	for (size_t n = 0; *uuid && n < 2 * SESSION_BYTES; uuid++)
		if (*uuid != '-') {
			out[n / 2] = (uint8_t)(out[n / 2] << 4 | (*uuid <= '9' ? *uuid - '0' : *uuid - 'a' + 10));
			n++;
		}
}

static void put_point(struct row *row, const struct point *point, const uint8_t session[SESSION_BYTES])
{
	const int32_t measures[] = {point->accuracy_dm, point->speed_cmps, point->heading_ddeg, point->altitude_dm};
	uint8_t present = point->session ? POINT_SESSION : 0;
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
	put(row, session, SESSION_BYTES);
}

static void put_event(struct row *row, const struct event *event)
{
	uint8_t payload[ROWS_DIGEST] = {0}, session[SESSION_BYTES];
	if (event->payload)
		crypto_generichash(payload, sizeof payload, (const uint8_t *)event->payload, strlen(event->payload), NULL, 0);
	session_bytes(event->session_id, session);
	put_int(row, event->seq, 8);
	put_int(row, event->event_at_ms, 8);
	put_text(row, event->event_type, EVENT_TYPE_TEXT);
	put_int(row, (event->payload ? EVENT_PAYLOAD : 0) | (*event->session_id ? EVENT_SESSION : 0), 1);
	put(row, payload, sizeof payload);
	put(row, session, sizeof session);
}

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct digest), "room for the state of BLAKE2b");

static crypto_generichash_state *state_of(struct digest *digest)
{
	return (crypto_generichash_state *)digest;
}

void digest_begin(struct digest *digest, enum stream stream)
{
	static const char *const names[STREAM_COUNT] = {"alzy-points-v1", "alzy-events-v1"}; /* each with its NUL */
	crypto_generichash_init(state_of(digest), NULL, 0, ROWS_DIGEST);
	crypto_generichash_update(state_of(digest), (const uint8_t *)names[stream], strlen(names[stream]) + 1);
}

void digest_more_points(struct digest *digest, const struct point *points, size_t count, const struct session *sessions)
{
	uint8_t session[SESSION_BYTES] = {0};
	int32_t last = 0; /* whose bytes these are: most points have the session of the one before */
	for (size_t i = 0; i < count; i++) {
		struct row row;
		row.length = 0;
		if (points[i].session != last) {
			last = points[i].session;
			session_bytes(last ? sessions[last - 1].session_id : "", session);
		}
		put_point(&row, &points[i], session);
		crypto_generichash_update(state_of(digest), row.bytes, row.length);
	}
}

void digest_more_events(struct digest *digest, const struct event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct row row;
		row.length = 0;
		put_event(&row, &events[i]);
		crypto_generichash_update(state_of(digest), row.bytes, row.length);
	}
}

void digest_end(struct digest *digest, uint8_t out[ROWS_DIGEST])
{
	crypto_generichash_final(state_of(digest), out, ROWS_DIGEST);
}

void digest_points(const struct point *points, size_t count, const struct session *sessions, uint8_t out[ROWS_DIGEST])
{
	struct digest digest;
	digest_begin(&digest, STREAM_POINTS);
	digest_more_points(&digest, points, count, sessions);
	digest_end(&digest, out);
}

void digest_events(const struct event *events, size_t count, uint8_t out[ROWS_DIGEST])
{
	struct digest digest;
	digest_begin(&digest, STREAM_EVENTS);
	digest_more_events(&digest, events, count);
	digest_end(&digest, out);
}

/* Counts stand in front of what they count, so that no two blocks with their seqs and sessions give the same bytes. */
void digest_packed(const void *block, size_t length, const struct ranges *seqs, const struct session *sessions,
                   size_t session_count, uint8_t out[ROWS_DIGEST])
{
	static const char name[] = "alzy-packed-v1";
	crypto_generichash_state state;
	struct row row = {.length = 0};
	crypto_generichash_init(&state, NULL, 0, ROWS_DIGEST);
	crypto_generichash_update(&state, (const uint8_t *)name, sizeof name);
	put_int(&row, (int64_t)seqs->count, 8);
	put_int(&row, (int64_t)session_count, 8);
	crypto_generichash_update(&state, row.bytes, row.length);
	for (size_t i = 0; i < seqs->count; i++) {
		row.length = 0;
		put_int(&row, seqs->items[i].first, 8);
		put_int(&row, seqs->items[i].last, 8);
		crypto_generichash_update(&state, row.bytes, row.length);
	}
	for (size_t i = 0; i < session_count; i++) {
		uint8_t session[SESSION_BYTES];
		session_bytes(sessions[i].session_id, session);
		crypto_generichash_update(&state, session, sizeof session);
	}
	crypto_generichash_update(&state, block, length);
	crypto_generichash_final(&state, out, ROWS_DIGEST);
}
