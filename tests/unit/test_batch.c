#include "sync/batch.h"
#include "sync/envelope.h"
#include "tests/unit/random.h"
#include "tests/unit/spoilt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#define STORE_ID "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d"
#define NOW      INT64_C(1795304000000)

static void uuid_of(unsigned number, char out[UUID_TEXT])
{
	snprintf(out, UUID_TEXT, "3f2b6c1e-98aa-4d02-b7c1-%012x", number);
}

static struct session some_session(unsigned number)
{
	struct session session = {.status = SESSION_ACTIVE, .started_at_ms = NOW, .revision = 1};
	uuid_of(number, session.session_id);
	return session;
}

static struct point some_point(int64_t seq, int32_t session)
{
	return (struct point){
		.seq = seq,
		.recorded_at_ms = NOW + seq * 1000,
		.lat_e7 = (int32_t)random_in(-LAT_E7_MAX, LAT_E7_MAX),
		.lng_e7 = (int32_t)random_in(-LNG_E7_MAX, LNG_E7_MAX),
		.accuracy_dm = random_in(0, 1) ? ROW_ABSENT : 35,
		.speed_cmps = random_in(0, 1) ? ROW_ABSENT : 1388,
		.heading_ddeg = random_in(0, 1) ? ROW_ABSENT : 453,
		.altitude_dm = random_in(0, 1) ? ROW_ABSENT : -12,
		.session = session,
		.source = POINT_GPS,
	};
}

/* Points 11..15 and 20, two events, two sessions. Owns what it holds: batch_free. */
static struct batch some_batch(void)
{
	struct err e;
	struct batch batch = {
		.store_id = STORE_ID,
		.exchange = 8123,
		.last_seq = {20, 9},
		.points = calloc(6, sizeof(struct point)),
		.point_count = 6,
		.events = calloc(2, sizeof(struct event)),
		.event_count = 2,
		.sessions = calloc(2, sizeof(struct session)),
		.session_count = 2,
		.state = {.version = "0.1.0",
	              .unsent_points = 6,
	              .unsent_events = 2,
	              .oldest_unsent_ms = NOW,
	              .free_bytes = INT64_C(1) << 40,
	              .clock_ms = NOW + 99},
	};
	memset(batch.sender, 0xab, sizeof batch.sender);
	assert_int_equal(ranges_add(&batch.point_ranges, 11, 15, &e), 0);
	assert_int_equal(ranges_add(&batch.point_ranges, 20, 20, &e), 0);
	for (int i = 0; i < 6; i++)
		batch.points[i] = some_point(i < 5 ? 11 + i : 20, i % 3);
	batch.sessions[0] = some_session(1);
	batch.sessions[1] = some_session(2);
	snprintf(batch.sessions[1].user_id, NAME_TEXT, "Zoë \"O'Neil\" \\ \t");
	snprintf(batch.sessions[1].machine_id, NAME_TEXT, "truck-042");
	batch.sessions[1].application_id = 3;
	batch.sessions[1].status = SESSION_ENDED;
	batch.sessions[1].ended_at_ms = NOW + 5;
	batch.sessions[1].revision = 4;
	batch.sessions[1].held_revision = 2;
	batch.sessions[1].centre_revision = 1795304000123;
	batch.sessions[1].guessed = true;
	batch.has_reference = true;
	memset(batch.reference, 0xab, sizeof batch.reference);
	strcpy(batch.forked_from, STORE_ID);
	strcpy(batch.because, "conflict");
	batch.moved = true;
	batch.checkpoint = 999999999999999;
	batch.events[0] = (struct event){.seq = 7, .event_at_ms = NOW, .event_type = "session_start"};
	uuid_of(1, batch.events[0].session_id);
	batch.events[0].payload = strdup("{ \"by\":\"agent\", \"é\": [1, 2.50, null] }");
	batch.events[1] = (struct event){.seq = 9, .event_at_ms = -5, .event_type = "fix_lost"};
	batch.drops = calloc(batch.drop_count = 2, sizeof *batch.drops);
	batch.drops[0] = (struct drop){STREAM_POINTS, 3, 10, "private \"trip\"", NOW};
	batch.drops[1] = (struct drop){STREAM_EVENTS, 1, 1, "é", NOW - 1};
	return batch;
}

static void assert_same_events(const struct batch *a, const struct batch *b)
{
	assert_int_equal(a->event_count, b->event_count);
	for (size_t i = 0; i < a->event_count; i++) {
		assert_true(a->events[i].seq == b->events[i].seq && a->events[i].event_at_ms == b->events[i].event_at_ms);
		assert_string_equal(a->events[i].session_id, b->events[i].session_id);
		assert_string_equal(a->events[i].event_type, b->events[i].event_type);
		assert_int_equal(!a->events[i].payload, !b->events[i].payload);
		if (a->events[i].payload)
			assert_string_equal(a->events[i].payload, b->events[i].payload);
	}
}

static void assert_same_sessions(const struct batch *a, const struct batch *b)
{
	assert_int_equal(a->session_count, b->session_count);
	for (size_t i = 0; i < a->session_count; i++) {
		const struct session *x = &a->sessions[i], *y = &b->sessions[i];
		assert_string_equal(x->session_id, y->session_id);
		assert_string_equal(x->user_id, y->user_id);
		assert_string_equal(x->machine_id, y->machine_id);
		assert_true(x->application_id == y->application_id && x->status == y->status);
		assert_true(x->started_at_ms == y->started_at_ms && x->ended_at_ms == y->ended_at_ms);
		assert_true(x->revision == y->revision && x->centre_revision == y->centre_revision && y->id == 0);
		assert_true(x->guessed == y->guessed);
		assert_true(x->held_revision == y->held_revision);
	}
}

static void assert_same(const struct batch *a, const struct batch *b)
{
	assert_memory_equal(a->sender, b->sender, sizeof a->sender);
	assert_string_equal(a->store_id, b->store_id);
	assert_true(a->exchange == b->exchange);
	assert_memory_equal(a->last_seq, b->last_seq, sizeof a->last_seq);
	assert_true(ranges_equal(&a->point_ranges, &b->point_ranges));
	assert_int_equal(a->point_count, b->point_count);
	for (size_t i = 0; i < a->point_count; i++) {
		const struct point *x = &a->points[i], *y = &b->points[i];
		assert_true(x->seq == y->seq && x->recorded_at_ms == y->recorded_at_ms && x->session == y->session);
		assert_true(x->lat_e7 == y->lat_e7 && x->lng_e7 == y->lng_e7 && x->source == y->source);
		assert_true(x->accuracy_dm == y->accuracy_dm && x->speed_cmps == y->speed_cmps);
		assert_true(x->heading_ddeg == y->heading_ddeg && x->altitude_dm == y->altitude_dm);
	}
	assert_same_events(a, b);
	assert_same_sessions(a, b);
	assert_string_equal(a->state.version, b->state.version);
	assert_true(a->state.unsent_points == b->state.unsent_points && a->state.unsent_events == b->state.unsent_events);
	assert_true(a->state.oldest_unsent_ms == b->state.oldest_unsent_ms);
	assert_true(a->state.free_bytes == b->state.free_bytes && a->state.clock_ms == b->state.clock_ms);
	assert_int_equal(a->drop_count, b->drop_count);
	for (size_t i = 0; i < a->drop_count; i++) {
		assert_true(a->drops[i].stream == b->drops[i].stream && a->drops[i].first == b->drops[i].first);
		assert_true(a->drops[i].last == b->drops[i].last && a->drops[i].dropped_at_ms == b->drops[i].dropped_at_ms);
		assert_string_equal(a->drops[i].reason, b->drops[i].reason);
	}
	assert_string_equal(a->forked_from, b->forked_from);
	assert_string_equal(a->because, b->because);
	assert_int_equal(a->moved, b->moved);
	assert_int_equal(a->checkpoint, b->checkpoint);
	assert_int_equal(a->has_reference, b->has_reference);
	assert_memory_equal(a->reference, b->reference, sizeof a->reference);
}

static void round_trip(const struct batch *batch)
{
	struct err e;
	struct buffer document = {0};
	struct batch back;
	if (batch_encode(batch, &document, &e) || batch_decode(document.bytes, document.length, &back, &e))
		fail_msg("%s", e.text);
	assert_same(batch, &back);
	batch_free(&back);
	buffer_free(&document);
}

static int encoded(const struct batch *batch)
{
	struct err e;
	struct buffer document = {0};
	int rc = batch_encode(batch, &document, &e);
	if (rc)
		assert_int_equal(document.length, 0);
	buffer_free(&document);
	return rc;
}

static void a_batch_comes_back(void **state)
{
	(void)state;
	struct batch batch = some_batch();
	round_trip(&batch);
	batch_free(&batch);
	batch_free(&batch);
	batch_free(NULL);
}

static void an_empty_batch_comes_back(void **state)
{
	(void)state;
	struct batch batch = {.store_id = STORE_ID, .exchange = 1, .state = {.free_bytes = -1, .clock_ms = NOW}};
	round_trip(&batch);
}

static void values_at_their_bounds_come_back(void **state)
{
	(void)state;
	struct batch batch = some_batch();
	batch.exchange = INT64_C(999999999999999);
	batch.last_seq[STREAM_POINTS] = batch.last_seq[STREAM_EVENTS] = batch.events[1].seq = SEQ_MAX;
	batch.events[0].event_at_ms = TIME_MS_MIN;
	batch.events[1].event_at_ms = TIME_MS_MAX;
	memset(batch.events[1].event_type, 'x', EVENT_TYPE_TEXT - 1);
	batch.events[1].payload = calloc(1, EVENT_PAYLOAD_MAX + 1);
	memset(batch.events[1].payload, '"', EVENT_PAYLOAD_MAX);
	memset(batch.sessions[1].user_id, 'u', NAME_TEXT - 1);
	batch.sessions[1].ended_at_ms = TIME_MS_MAX;
	batch.sessions[1].revision = INT64_C(999999999999999);
	batch.state.free_bytes = INT64_C(999999999999999);
	round_trip(&batch);
	batch_free(&batch);
}

static struct batch many(size_t points, size_t events, size_t sessions)
{
	struct err e;
	struct batch batch = {.store_id = STORE_ID,
	                      .exchange = 1,
	                      .last_seq = {(int64_t)points, (int64_t)events},
	                      .state = {.free_bytes = -1, .clock_ms = NOW}};
	batch.points = calloc(points + 1, sizeof *batch.points);
	batch.events = calloc(events + 1, sizeof *batch.events);
	batch.sessions = calloc(sessions + 1, sizeof *batch.sessions);
	batch.point_count = points;
	batch.event_count = events;
	batch.session_count = sessions;
	if (points)
		assert_int_equal(ranges_add(&batch.point_ranges, 1, (int64_t)points, &e), 0);
	for (size_t i = 0; i < points; i++)
		batch.points[i] = some_point((int64_t)i + 1, (int32_t)random_in(0, (int64_t)sessions));
	for (size_t i = 0; i < events; i++)
		batch.events[i] = (struct event){.seq = (int64_t)i + 1, .event_at_ms = NOW, .event_type = "mark"};
	for (size_t i = 0; i < sessions; i++)
		batch.sessions[i] = some_session((unsigned)i);
	return batch;
}

static void as_much_as_allowed_comes_back_and_no_more(void **state)
{
	(void)state;
	struct batch batch = many(BATCH_POINTS_MAX, BATCH_EVENTS_MAX, BATCH_SESSIONS_MAX);
	round_trip(&batch);
	batch_free(&batch);
	batch = many(BATCH_POINTS_MAX + 1, 0, 0);
	assert_int_equal(encoded(&batch), -ERR_LIMIT);
	batch_free(&batch);
	batch = many(0, BATCH_EVENTS_MAX + 1, 0);
	assert_int_equal(encoded(&batch), -ERR_LIMIT);
	batch_free(&batch);
	batch = many(0, 0, BATCH_SESSIONS_MAX + 1);
	assert_int_equal(encoded(&batch), -ERR_LIMIT);
	batch_free(&batch);
}

/* 1,500 payloads of 16 KiB are more than a document holds: the caller makes a smaller batch. */
static void a_document_that_would_be_too_large_is_not_made(void **state)
{
	(void)state;
	struct batch batch = many(0, 1500, 0);
	for (size_t i = 0; i < batch.event_count; i++) {
		batch.events[i].payload = malloc(EVENT_PAYLOAD_MAX + 1);
		memset(batch.events[i].payload, '1', EVENT_PAYLOAD_MAX);
		batch.events[i].payload[EVENT_PAYLOAD_MAX] = '\0';
	}
	assert_int_equal(encoded(&batch), -ERR_LIMIT);
	batch_free(&batch);
}

static void what_does_not_fit_together_is_not_written(void **state)
{
	(void)state;
	struct batch batch = some_batch();
#define REFUSED(change, back)                            \
	do {                                                 \
		change;                                          \
		assert_int_equal(encoded(&batch), -ERR_INVALID); \
		back;                                            \
		assert_int_equal(encoded(&batch), 0);            \
	} while (0)
	REFUSED(batch.points[5].seq = 21, batch.points[5].seq = 20);
	REFUSED(batch.point_count = 5, batch.point_count = 6);
	REFUSED(batch.points[0].session = 3, batch.points[0].session = 2);
	REFUSED(batch.points[0].session = -1, batch.points[0].session = 2);
	REFUSED(batch.points[0].lat_e7 = LAT_E7_MAX + 1, batch.points[0].lat_e7 = 0);
	REFUSED(batch.last_seq[STREAM_POINTS] = 19, batch.last_seq[STREAM_POINTS] = 20);
	REFUSED(batch.last_seq[STREAM_EVENTS] = 8, batch.last_seq[STREAM_EVENTS] = 9);
	REFUSED(batch.events[1].seq = 7, batch.events[1].seq = 9);
	REFUSED(batch.events[0].event_type[0] = '\0', batch.events[0].event_type[0] = 's');
	REFUSED(batch.events[0].event_at_ms = TIME_MS_MAX + 1, batch.events[0].event_at_ms = 1);
	REFUSED(batch.events[0].session_id[8] = '+', batch.events[0].session_id[8] = '-');
	REFUSED(batch.drops[0].last = 21, batch.drops[0].last = 20);
	REFUSED(batch.drops[0].first = 0, batch.drops[0].first = 1);
	REFUSED(batch.drops[1].reason[0] = '\0', batch.drops[1].reason[0] = 'x');
	REFUSED(batch.sessions[1].session_id[35] = '1', batch.sessions[1].session_id[35] = '2');
#undef REFUSED
	batch_free(&batch);
}

/* A name that is no UTF-8 must not keep a batch from arriving for ever. */
static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct batch back, batch = some_batch();
	snprintf(batch.sessions[0].user_id, NAME_TEXT, "a\xff\xc3g\xed\xa0\x80\xf5z\xe2\x82\xac\xc3");
	assert_int_equal(batch_encode(&batch, &document, &e), 0);
	assert_int_equal(batch_decode(document.bytes, document.length, &back, &e), 0);
	assert_string_equal(back.sessions[0].user_id, "a??g????z\xe2\x82\xac?");
	batch_free(&back);
	batch_free(&batch);
	buffer_free(&document);
}

/* ---- documents from outside -------------------------------------------------------------------------------- */

static int decode(const void *bytes, size_t length)
{
	struct err e = {0};
	struct batch batch;
	uint8_t *copy = malloc(length ? length : 1);
	if (length)
		memcpy(copy, bytes, length);
	int rc = batch_decode(copy, length, &batch, &e);
	if (!rc)
		batch_free(&batch);
	else
		assert_int_equal(e.code, -rc);
	free(copy);
	return rc;
}

static int decode_parts(const char *json, size_t length, const void *block, size_t block_length)
{
	uint8_t *bytes = malloc(4 + length + block_length);
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(length >> (24 - 8 * i));
	memcpy(bytes + 4, json, length);
	if (block_length)
		memcpy(bytes + 4 + length, block, block_length);
	int rc = decode(bytes, 4 + length + block_length);
	free(bytes);
	return rc;
}

static int decode_json(const char *json, const void *block, size_t block_length)
{
	return decode_parts(json, strlen(json), block, block_length);
}

static const char good[] =
	"{\"sender\":\"abababababababababababababababababababababababababababababababab\",\"store_id\":\"" STORE_ID
	"\",\"exchange\":8,\"points\":{\"last_seq\":20,\"ranges\":[[20,20]]},\"events\":{\"last_seq\":9,\"rows\":[{\"seq\":"
	"9,"
	"\"event_at_ms\":1,\"event_type\":\"mark\",\"payload\":\"{}\"}]},\"sessions\":[{\"session_id\":\"" STORE_ID
	"\",\"status\":\"ended\",\"started_at_ms\":1,\"ended_at_ms\":2,\"revision\":1}],\"state\":{\"clock_ms\":5}}";
static const uint8_t block[] = {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1};

static const struct spoilt spoilt[] = {
	{"\"exchange\":8", "\"exchange\":8, \"of a later version\":[{\"x\":null}]", 0},
	{"\"exchange\":8", "\"exchange\":0", -ERR_INVALID},
	{"\"exchange\":8", "\"exchange\":-8", -ERR_INVALID},
	{"\"exchange\":8", "\"exchange\":8.5", -ERR_INVALID},
	{"\"exchange\":8", "\"exchange\":1e300", -ERR_INVALID},
	{"\"exchange\":8", "\"exchange\":1000000000000000", -ERR_INVALID},
	{"\"exchange\":8", "\"exchange\":\"8\"", -ERR_INVALID},
	{"\"exchange\":8", "\"exchangE\":8", -ERR_INVALID},
	{"abab", "abac", 0},
	{"abab", "abaB", -ERR_INVALID},
	{"abab", "aba", -ERR_INVALID},
	{"\"store_id\":\"c0a8", "\"store_id\":\"C0A8", -ERR_INVALID},
	{"\"store_id\":\"c0a8", "\"store_id\":\"c0a80", -ERR_INVALID},
	{"\"store_id\":\"c0a8", "\"store_id\":\"-0a8", -ERR_INVALID},
	{"[[20,20]]", "[[20,20]", -ERR_INVALID},
	{"[[20,20]]", "[[21,21]]", -ERR_INVALID},
	{"[[20,20]]", "[[19,20]]", -ERR_INVALID},
	{"[[20,20]]", "[[20,19]]", -ERR_INVALID},
	{"[[20,20]]", "[[0,0]]", -ERR_INVALID},
	{"[[20,20]]", "[20,20]", -ERR_INVALID},
	{"[[20,20]]", "[]", -ERR_INVALID},
	{"[[20,20]]", "[[1,20001]]", -ERR_LIMIT},
	{"[[20,20]]", "[[1,1099511627775]]", -ERR_LIMIT},
	{"[[20,20]]", "[[1,1099511627776]]", -ERR_INVALID},
	{"\"last_seq\":20", "\"last_seq\":1099511627775", 0},
	{"\"last_seq\":20", "\"last_seq\":1099511627776", -ERR_INVALID},
	{"\"last_seq\":9", "\"last_seq\":8", -ERR_INVALID},
	{"\"seq\":9", "\"seq\":0", -ERR_INVALID},
	{"\"mark\"", "\"\"", -ERR_INVALID},
	{"\"mark\"", "null", -ERR_INVALID},
	{"\"mark\"", "\"0123456789012345678901234567890123456789012345678901234567890123\"", -ERR_INVALID},
	{"\"{}\"", "{}", -ERR_INVALID},
	{"\"{}\"", "null", -ERR_INVALID},
	{"\"{}\"", "\"\"", 0},
	{"\"{}\"", "\"\\u0000\"", -ERR_INVALID},
	{"\"{}\"", "\"\\\\u0000\"", 0},
	{"\"{}\"", "\"\n\"", -ERR_INVALID},
	{"\"{}\"", "\"\xc3<\"", -ERR_INVALID},
	{"\"{}\"", "\"\xed\xa0\x80\"", -ERR_INVALID},
	{"\"{}\"", "\"\xc0\x80\"", -ERR_INVALID},
	{"\"{}\"", "\"\xf0\x9f\x9a\x97\"", 0},
	{"\"payload\"", "\"session_id\"", -ERR_INVALID},
	{"\"ended\"", "\"Ended\"", -ERR_INVALID},
	{"\"ended\"", "1", -ERR_INVALID},
	{"\"ended\"", "\"active\"", 0},
	{"\"ended_at_ms\":2,", "", -ERR_INVALID},
	{"\"revision\":1", "\"revision\":0", -ERR_INVALID},
	{"\"clock_ms\":5", "\"clock_ms\":253402300799999", 0},
	{"\"clock_ms\":5", "\"clock_ms\":253402300800000", -ERR_INVALID},
	{"\"clock_ms\":5", "\"clock_ms\":-62135596800001", -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":1", 0},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":0", -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":999999999999999", 0},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":1000000000000000", -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":\"1\"", -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"checkpoint\":null", -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"forked_from\":{\"store_id\":\"" STORE_ID "\",\"moved\":true}", 0},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"forked_from\":{\"moved\":true}", -ERR_INVALID},
#define DROP(stream, first, last, reason)                                                                         \
	"{\"clock_ms\":5},\"drops\":[{\"stream\":" stream ",\"first\":" first ",\"last\":" last ",\"reason\":" reason \
	",\"dropped_at_ms\":5}]"
	{"{\"clock_ms\":5}", DROP("\"points\"", "1", "20", "\"why\""), 0},
	{"{\"clock_ms\":5}", DROP("\"events\"", "9", "9", "\"why\""), 0},
	{"{\"clock_ms\":5}", DROP("\"events\"", "9", "10", "\"why\""), -ERR_INVALID},
	{"{\"clock_ms\":5}", DROP("\"events\"", "9", "8", "\"why\""), -ERR_INVALID},
	{"{\"clock_ms\":5}", DROP("\"dots\"", "1", "1", "\"why\""), -ERR_INVALID},
	{"{\"clock_ms\":5}", DROP("\"points\"", "0", "1", "\"why\""), -ERR_INVALID},
	{"{\"clock_ms\":5}", DROP("\"points\"", "1", "1", "\"\""), -ERR_INVALID},
	{"{\"clock_ms\":5}", DROP("\"points\"", "1", "1", "7"), -ERR_INVALID},
	{"{\"clock_ms\":5}", "{\"clock_ms\":5},\"drops\":{}", -ERR_INVALID},
#undef DROP
	{"{\"clock_ms\":5}", "[]", -ERR_INVALID},
	{"{\"clock_ms\":5}", "[[[[[[[[]]]]]]]]", -ERR_INVALID},
};

static int decode_before_block(const char *json, size_t length)
{
	return decode_parts(json, length, block, sizeof block);
}

static void members_are_checked(void **state)
{
	(void)state;
	decode_spoilt(decode_before_block, good, spoilt, sizeof spoilt / sizeof *spoilt);
}

static void any_value_may_stand_anywhere(void **state)
{
	(void)state;
	char full[4096];
	int head = (int)sizeof good - 2; /* all but the last brace */
	snprintf(
		full, sizeof full,
		"%.*s,\"reference\":\"0123456789abcdef\",\"retry\":true,"
		"\"drops\":[{\"stream\":\"points\",\"first\":1,\"last\":2,\"reason\":\"why\",\"dropped_at_ms\":5}],"
		"\"forked_from\":{\"store_id\":\"" STORE_ID "\",\"because\":\"person\",\"moved\":true},"
		"\"latest\":{\"store_id\":\"" STORE_ID
		"\",\"stream\":\"events\",\"first\":1,\"last\":2,\"digest\":\"0123456789abcdef0123456789abcdef\",\"at_ms\":5}}",
		head, good);
	decode_twisted(decode_before_block, full);
}

static void sizes_are_checked(void **state)
{
	(void)state;
	assert_int_equal(decode("", 0), -ERR_INVALID);
	assert_int_equal(decode("\0\0\0", 3), -ERR_INVALID);
	assert_int_equal(decode("\0\0\0\0", 4), -ERR_INVALID);
	assert_int_equal(decode("\0\0\0\1", 4), -ERR_INVALID);
	assert_int_equal(decode("\xff\xff\xff\xff{}", 6), -ERR_INVALID);
	assert_int_equal(decode("\0\0\0\2{}", 6), -ERR_INVALID);
	assert_int_equal(decode_json("[]", NULL, 0), -ERR_INVALID);
	assert_int_equal(decode_json(good, block, sizeof block - 1), -ERR_INVALID);
	assert_int_equal(decode_json(good, block, 0), -ERR_INVALID);
}

/* Short to write and long to hold: refused before memory is taken for it. */
static void json_that_would_take_much_memory_is_refused(void **state)
{
	(void)state;
	enum { LENGTH = 4 << 20 };
	char *json = malloc(LENGTH + 1);
	static const char *const fillers[] = {"[", "0,", "{\"\":", "[],"};
	for (size_t f = 0; f < sizeof fillers / sizeof *fillers; f++) {
		size_t n = strlen(fillers[f]), at = (size_t)snprintf(json, LENGTH, "{\"x\":[");
		while (at + n < LENGTH) {
			memcpy(json + at, fillers[f], n);
			at += n;
		}
		json[at] = '\0';
		assert_int_equal(decode_json(json, NULL, 0), f % 2 ? -ERR_LIMIT : -ERR_INVALID);
	}
	free(json);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct batch batch = some_batch();
	struct buffer document = {0};
	assert_int_equal(batch_encode(&batch, &document, &e), 0);
	for (size_t length = 0; length < document.length; length++)
		assert_int_equal(decode(document.bytes, length), -ERR_INVALID);
	assert_int_equal(buffer_append(&document, "", 1, &e), 0);
	assert_int_equal(decode(document.bytes, document.length), -ERR_INVALID);
	buffer_free(&document);
	batch_free(&batch);
}

/* Whatever a changed document decodes to can be written again: so all that encoding checks holds. */
static void changed_documents_are_refused_or_sound(void **state)
{
	(void)state;
	struct err e;
	struct batch back, batch = some_batch();
	struct buffer document = {0};
	int taken = 0;
	assert_int_equal(batch_encode(&batch, &document, &e), 0);
	for (int round = 0; round < 20000; round++) {
		uint8_t *copy = malloc(document.length);
		memcpy(copy, document.bytes, document.length);
		for (int64_t changes = random_in(1, 3); changes; changes--)
			copy[random_in(0, (int64_t)document.length - 1)] = (uint8_t)random_64();
		if (batch_decode(copy, document.length, &back, &e) == 0) {
			taken++;
			assert_int_equal(encoded(&back), 0);
			free(batch_to_json(&back));
			batch_free(&back);
		}
		free(copy);
	}
	assert_true(taken > 0);
	buffer_free(&document);
	batch_free(&batch);
}

/* Whoever takes a batch must compare its sender with the envelope's: here they differ, and only so is it known. */
static void a_stolen_batch_still_names_its_sender(void **state)
{
	(void)state;
	struct err e;
	struct key_pair unit, centre, thief;
	struct buffer document = {0}, envelope = {0}, opened = {0};
	struct batch back, batch = some_batch();
	keys_generate(&unit);
	keys_generate(&centre);
	keys_generate(&thief);
	memcpy(batch.sender, unit.public_key, KEY_PUBLIC);
	assert_int_equal(batch_encode(&batch, &document, &e), 0);
	assert_int_equal(
		envelope_seal(ENVELOPE_BATCH, &thief, centre.public_key, document.bytes, document.length, &envelope, &e), 0);
	assert_int_equal(
		envelope_open(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, thief.public_key, &opened, &e), 0);
	assert_int_equal(batch_decode(opened.bytes, opened.length, &back, &e), 0);
	assert_memory_not_equal(back.sender, thief.public_key, KEY_PUBLIC);
	assert_memory_equal(back.sender, unit.public_key, KEY_PUBLIC);
	batch_free(&back);
	batch_free(&batch);
	buffer_free(&document);
	buffer_free(&envelope);
	buffer_free(&opened);
}

static void people_can_read_a_batch(void **state)
{
	(void)state;
	struct batch batch = some_batch();
	batch.points[0] = (struct point){.seq = 11,
	                                 .recorded_at_ms = NOW,
	                                 .lat_e7 = 525000001,
	                                 .lng_e7 = -134000000,
	                                 .accuracy_dm = 35,
	                                 .speed_cmps = 1388,
	                                 .heading_ddeg = 453,
	                                 .altitude_dm = ROW_ABSENT,
	                                 .session = 2,
	                                 .source = POINT_FUSED};
	char *text = batch_to_json(&batch);
	assert_non_null(text);
	assert_non_null(strstr(text, "{\"session_id\":\"3f2b6c1e-98aa-4d02-b7c1-000000000002\",\"seq\":11,"
	                             "\"recorded_at\":\"2026-11-21T23:33:20.000Z\",\"lat\":52.5000001,\"lng\":-13.4,"
	                             "\"accuracy\":3.5,\"speed\":13.88,\"heading\":45.3,\"altitude\":null,"
	                             "\"source\":\"fused\"}"));
	assert_non_null(strstr(text, "\"event_at\":\"2026-11-21T23:33:20.000Z\""));
	assert_non_null(strstr(text, "\"payload\":{\"by\":\"agent\",\"é\":[1,2.5,null]}"));
	assert_null(strstr(text, "_ms\""));
	cJSON *json = cJSON_Parse(text);
	assert_non_null(json);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "points"), "rows")), 6);
	cJSON_Delete(json);
	free(text);
	batch_free(&batch);
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_comes_back),
		cmocka_unit_test(an_empty_batch_comes_back),
		cmocka_unit_test(values_at_their_bounds_come_back),
		cmocka_unit_test(as_much_as_allowed_comes_back_and_no_more),
		cmocka_unit_test(a_document_that_would_be_too_large_is_not_made),
		cmocka_unit_test(what_does_not_fit_together_is_not_written),
		cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
		cmocka_unit_test(members_are_checked),
		cmocka_unit_test(any_value_may_stand_anywhere),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(json_that_would_take_much_memory_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(changed_documents_are_refused_or_sound),
		cmocka_unit_test(a_stolen_batch_still_names_its_sender),
		cmocka_unit_test(people_can_read_a_batch),
	};
	if (keys_start(&e))
		return 1;
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
