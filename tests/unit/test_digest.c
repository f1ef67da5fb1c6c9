#include "sync/digest.h"

#include "hal/err.h"
#include "sync/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct session sessions[2] = {
	{.session_id = "3f2b6c1e-98aa-4d02-b7c1-5e9d20417f63"},
	{.session_id = "4f2b6c1e-98aa-4d02-b7c1-5e9d20417f63"},
};

static const struct point point = {
	.seq = 7,
	.recorded_at_ms = INT64_C(1795304000000),
	.lat_e7 = 525000001,
	.lng_e7 = -134000002,
	.accuracy_dm = 35,
	.speed_cmps = 0,
	.heading_ddeg = 453,
	.altitude_dm = ROW_ABSENT,
	.session = 1,
	.source = POINT_FUSED,
};

static void digest_of_point(const struct point *p, uint8_t out[ROWS_DIGEST])
{
	digest_points(p, 1, sessions, out);
}

static void every_field_of_a_point_counts(void **state)
{
	(void)state;
	uint8_t before[ROWS_DIGEST], after[ROWS_DIGEST];
	digest_of_point(&point, before);
#define CHANGED(change)                                      \
	do {                                                     \
		struct point p = point;                              \
		p.change;                                            \
		digest_of_point(&p, after);                          \
		assert_memory_not_equal(before, after, ROWS_DIGEST); \
	} while (0)
	CHANGED(seq = 8);
	CHANGED(seq = 7 + (INT64_C(1) << 39));
	CHANGED(recorded_at_ms++);
	CHANGED(recorded_at_ms = -point.recorded_at_ms);
	CHANGED(lat_e7++);
	CHANGED(lng_e7++);
	CHANGED(accuracy_dm++);
	CHANGED(speed_cmps = -1);
	CHANGED(speed_cmps = ROW_ABSENT);
	CHANGED(heading_ddeg = 0);
	CHANGED(altitude_dm = 0);
	CHANGED(session = 0);
	CHANGED(session = 2);
	CHANGED(source = POINT_GPS);
#undef CHANGED
	struct point same = point;
	digest_of_point(&same, after);
	assert_memory_equal(before, after, ROWS_DIGEST);
}

/* The number of a session in a batch is nobody's name for it. */
static void only_the_name_of_a_session_counts(void **state)
{
	(void)state;
	uint8_t before[ROWS_DIGEST], after[ROWS_DIGEST];
	const struct session swapped[2] = {sessions[1], sessions[0]};
	struct point p = point;
	digest_points(&p, 1, sessions, before);
	p.session = 2;
	digest_points(&p, 1, swapped, after);
	assert_memory_equal(before, after, ROWS_DIGEST);
}

/* The bytes of its name are those of no session. */
static void a_session_named_by_zeros_is_one(void **state)
{
	(void)state;
	uint8_t before[ROWS_DIGEST], after[ROWS_DIGEST];
	const struct session zeros = {.session_id = "00000000-0000-0000-0000-000000000000"};
	struct point p = point;
	struct event event = {.seq = 7, .event_type = "mark"};
	digest_points(&p, 1, &zeros, before);
	p.session = 0;
	digest_points(&p, 1, &zeros, after);
	assert_memory_not_equal(before, after, ROWS_DIGEST);
	digest_events(&event, 1, before);
	memcpy(event.session_id, zeros.session_id, sizeof event.session_id);
	digest_events(&event, 1, after);
	assert_memory_not_equal(before, after, ROWS_DIGEST);
}

/* Points that change sessions have each their own, also when one comes back. */
static void each_point_has_its_own_session(void **state)
{
	(void)state;
	static const int32_t of[][4] = {{1, 2, 1, 0}, {1, 2, 2, 0}, {1, 1, 1, 0}, {1, 2, 1, 1}, {1, 2, 1, 2}, {0, 2, 1, 0}};
	enum { COUNT = sizeof of / sizeof *of };
	uint8_t digest[COUNT][ROWS_DIGEST];
	for (int i = 0; i < COUNT; i++) {
		struct point rows[4] = {point, point, point, point};
		for (int k = 0; k < 4; k++)
			rows[k].session = of[i][k];
		digest_points(rows, 4, sessions, digest[i]);
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(digest[i], digest[k], ROWS_DIGEST);
	}
}

static void every_field_of_an_event_counts(void **state)
{
	(void)state;
	uint8_t before[ROWS_DIGEST], after[ROWS_DIGEST];
	char payload[] = "{\"by\": \"agent\"}", respaced[] = "{\"by\":\"agent\"}", nothing[] = "";
	struct event event = {.seq = 7, .event_at_ms = INT64_C(1795304000000), .event_type = "mark", .payload = payload};
	snprintf(event.session_id, sizeof event.session_id, "%s", sessions[0].session_id);
	digest_events(&event, 1, before);
#define CHANGED(change)                                      \
	do {                                                     \
		struct event saved = event;                          \
		change;                                              \
		digest_events(&event, 1, after);                     \
		assert_memory_not_equal(before, after, ROWS_DIGEST); \
		event = saved;                                       \
	} while (0)
	CHANGED(event.seq++);
	CHANGED(event.event_at_ms++);
	CHANGED(event.session_id[0] = '\0');
	CHANGED(event.session_id[35] = '4');
	CHANGED(strcpy(event.event_type, "marks"));
	CHANGED(event.payload = respaced);
	CHANGED(event.payload = nothing);
	CHANGED(event.payload = NULL);
	event.payload = NULL;
	digest_events(&event, 1, before);
	CHANGED(event.payload = nothing);
#undef CHANGED
}

static void order_and_number_of_rows_count(void **state)
{
	(void)state;
	uint8_t a[ROWS_DIGEST], b[ROWS_DIGEST];
	struct point rows[3] = {point, point, point}, swapped[3];
	for (int i = 0; i < 3; i++)
		rows[i].seq = i + 1;
	memcpy(swapped, rows, sizeof rows);
	swapped[0] = rows[1];
	swapped[1] = rows[0];
	digest_points(rows, 3, sessions, a);
	digest_points(swapped, 3, sessions, b);
	assert_memory_not_equal(a, b, ROWS_DIGEST);
	digest_points(rows, 2, sessions, b);
	assert_memory_not_equal(a, b, ROWS_DIGEST);
	digest_points(NULL, 0, NULL, a);
	digest_events(NULL, 0, b);
	assert_memory_not_equal(a, b, ROWS_DIGEST);
}

static void assert_hex(const uint8_t digest[ROWS_DIGEST], const char *expected)
{
	char hex[2 * ROWS_DIGEST + 1];
	for (int i = 0; i < ROWS_DIGEST; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(hex, expected);
}

/* Computed by another program from docs/protocol.md alone: what a unit and a centre of other versions compute too. */
static void digests_are_those_of_the_document(void **state)
{
	(void)state;
	uint8_t digest[ROWS_DIGEST];
	struct point rows[2] = {point, {.seq = 8, .lat_e7 = -1, .accuracy_dm = ROW_ABSENT}};
	rows[1].recorded_at_ms = -1;
	rows[1].speed_cmps = rows[1].heading_ddeg = ROW_ABSENT;
	rows[1].altitude_dm = -120;
	char payload[] = "{\"by\":\"agent\"}";
	struct event events[2] = {{.seq = 1, .event_at_ms = 2, .event_type = "session_start", .payload = payload},
	                          {.seq = 3, .event_at_ms = -4, .event_type = "mark"}};
	snprintf(events[0].session_id, sizeof events[0].session_id, "%s", sessions[0].session_id);
	digest_points(NULL, 0, NULL, digest);
	assert_hex(digest, "b64405e66a83d175560d2521169f74c969bdc02af2849ad545415e2bca458685");
	digest_points(rows, 2, sessions, digest);
	assert_hex(digest, "be77147f32583f6ca70a8de08a5a1b85ad2d700c629169a5d188a8e9ddffc2bb");
	digest_events(events, 2, digest);
	assert_hex(digest, "68cc7e610ee3a5c98ac9d35ea57961d9527c2dc513a067dd44be8e3945bb8252");
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_point_counts),     cmocka_unit_test(only_the_name_of_a_session_counts),
		cmocka_unit_test(a_session_named_by_zeros_is_one),   cmocka_unit_test(each_point_has_its_own_session),
		cmocka_unit_test(every_field_of_an_event_counts),    cmocka_unit_test(order_and_number_of_rows_count),
		cmocka_unit_test(digests_are_those_of_the_document),
	};
	if (keys_start(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
