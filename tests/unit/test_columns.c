#include "sync/columns.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SESSIONS = 7 };

static void assert_same(const struct point *a, const struct point *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(a[i].recorded_at_ms == b[i].recorded_at_ms);
		assert_int_equal(a[i].lat_e7, b[i].lat_e7);
		assert_int_equal(a[i].lng_e7, b[i].lng_e7);
		assert_int_equal(a[i].altitude_dm, b[i].altitude_dm);
		assert_int_equal(a[i].accuracy_dm, b[i].accuracy_dm);
		assert_int_equal(a[i].speed_cmps, b[i].speed_cmps);
		assert_int_equal(a[i].heading_ddeg, b[i].heading_ddeg);
		assert_int_equal(a[i].session, b[i].session);
		assert_int_equal(a[i].source, b[i].source);
		assert_true(b[i].seq == 0);
	}
}

/* There, back, and exactly as many bytes. */
static size_t round_trip(const struct point *points, size_t count, int32_t sessions)
{
	struct err e;
	struct buffer block = {0};
	struct point *back = malloc((count + 1) * sizeof *back);
	assert_int_equal(columns_encode(points, count, &block, &e), 0);
	int rc = columns_decode(block.bytes, block.length, count, sessions, back, &e);
	if (rc)
		fail_msg("%s", e.text);
	assert_same(points, back, count);
	size_t length = block.length;
	free(back);
	buffer_free(&block);
	return length;
}

static int refused(const uint8_t *bytes, size_t length, size_t count)
{
	struct err e;
	/* Exactly as large as it is, so that a sanitizer sees what reads behind it. */
	uint8_t *copy = malloc(length ? length : 1);
	struct point *back = malloc((count ? count : 1) * sizeof *back);
	if (length)
		memcpy(copy, bytes, length);
	int rc = columns_decode(copy, length, count, SESSIONS, back, &e);
	free(back);
	free(copy);
	return rc;
}

static int32_t some_measure(void)
{
	switch (random_in(0, 5)) {
	case 0:
		return ROW_ABSENT;
	case 1:
		return INT32_MAX;
	case 2:
		return INT32_MIN + 1;
	case 3:
		return 0;
	default:
		return (int32_t)random_in(-100000, 100000);
	}
}

static struct point some_point(void)
{
	static const int64_t times[] = {TIME_MS_MIN, TIME_MS_MAX, 0, -1, INT64_C(1795304000000)};
	return (struct point){
		.recorded_at_ms = random_in(0, 1) ? times[random_in(0, 4)] : random_in(TIME_MS_MIN, TIME_MS_MAX),
		.lat_e7 = random_in(0, 3) ? (int32_t)random_in(-LAT_E7_MAX, LAT_E7_MAX) : LAT_E7_MAX,
		.lng_e7 = random_in(0, 3) ? (int32_t)random_in(-LNG_E7_MAX, LNG_E7_MAX) : -LNG_E7_MAX,
		.altitude_dm = some_measure(),
		.accuracy_dm = some_measure(),
		.speed_cmps = some_measure(),
		.heading_ddeg = some_measure(),
		.session = (int32_t)random_in(0, SESSIONS),
		.source = (uint8_t)random_in(0, POINT_SOURCE_COUNT - 1),
	};
}

/* A drive at 1 Hz. */
static struct point drive_point(size_t i)
{
	int32_t n = (int32_t)i;
	return (struct point){
		.recorded_at_ms = INT64_C(1795304000000) + 1000 * (int64_t)i,
		.lat_e7 = 525000000 + 900 * n,
		.lng_e7 = 134000000 + 1100 * n,
		.altitude_dm = 340 + n % 3,
		.accuracy_dm = ROW_ABSENT,
		.speed_cmps = 1390 + n % 5,
		.heading_ddeg = 450,
		.session = 1,
	};
}

static void any_values_come_back(void **state)
{
	(void)state;
	static const size_t counts[] = {1, 2, 3, 10, 500};
	struct point points[500];
	for (int round = 0; round < 500; round++) {
		size_t count = counts[round % 5];
		for (size_t i = 0; i < count; i++)
			points[i] = some_point();
		round_trip(points, count, SESSIONS);
	}
}

static void no_and_very_many_points_come_back(void **state)
{
	(void)state;
	enum { MANY = 20000 };
	assert_int_equal(round_trip(NULL, 0, 0), 0);
	struct point *points = malloc(MANY * sizeof *points);
	for (size_t i = 0; i < MANY; i++)
		points[i] = some_point();
	round_trip(points, MANY, SESSIONS);
	free(points);
}

static void runs_of_absent_values_come_back(void **state)
{
	(void)state;
	enum { COUNT = 64 };
	struct point points[COUNT];
	for (int round = 0; round < 200; round++) {
		uint64_t absent = round == 0 ? 0 : round == 1 ? UINT64_MAX : random_64() & random_64();
		for (size_t i = 0; i < COUNT; i++) {
			points[i] = drive_point(i);
			points[i].altitude_dm = absent >> i & 1 ? ROW_ABSENT : (int32_t)i;
			points[i].speed_cmps = absent >> (63 - i) & 1 ? ROW_ABSENT : -(int32_t)i;
		}
		round_trip(points, COUNT, SESSIONS);
	}
}

static void time_may_go_backwards(void **state)
{
	(void)state;
	struct point points[] = {drive_point(9), drive_point(3), drive_point(3), drive_point(100), drive_point(0)};
	points[2].recorded_at_ms = TIME_MS_MIN;
	points[3].recorded_at_ms = TIME_MS_MAX;
	round_trip(points, 5, SESSIONS);
}

static void even_movement_costs_next_to_nothing(void **state)
{
	(void)state;
	struct point points[1000];
	for (size_t i = 0; i < 1000; i++)
		points[i] = drive_point(i);
	/* A byte in each of time, lat, lng, altitude, speed, heading; nothing for what is absent or stays the same. */
	assert_in_range(round_trip(points, 1000, 1), 6000, 6060);
}

static void what_the_schema_cant_hold_is_not_written(void **state)
{
	(void)state;
	struct err e;
	struct buffer block = {0};
	struct point wrong[8];
	for (size_t i = 0; i < 8; i++)
		wrong[i] = drive_point(i);
	wrong[0].lat_e7 = LAT_E7_MAX + 1;
	wrong[1].lat_e7 = -LAT_E7_MAX - 1;
	wrong[2].lng_e7 = LNG_E7_MAX + 1;
	wrong[3].lng_e7 = -LNG_E7_MAX - 1;
	wrong[4].recorded_at_ms = TIME_MS_MAX + 1;
	wrong[5].recorded_at_ms = TIME_MS_MIN - 1;
	wrong[6].source = POINT_SOURCE_COUNT;
	wrong[7].session = -1;
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(columns_encode(&wrong[i], 1, &block, &e), -ERR_INVALID);
		assert_int_equal(block.length, 0);
	}
	buffer_free(&block);
}

/* One point, written by hand: the format of docs/protocol.md, not whatever the encoder makes. */
static void bytes_are_those_of_the_document(void **state)
{
	(void)state;
	struct point points[2] = {
		{.recorded_at_ms = 1000, .lat_e7 = -1, .lng_e7 = 64, .altitude_dm = 5, .session = 1, .source = POINT_FUSED},
		{.recorded_at_ms = 2000, .lat_e7 = -3, .lng_e7 = 65, .altitude_dm = ROW_ABSENT, .source = POINT_FUSED},
	};
	points[0].accuracy_dm = points[0].speed_cmps = ROW_ABSENT;
	points[1].accuracy_dm = points[1].speed_cmps = ROW_ABSENT;
	points[0].heading_ddeg = ROW_ABSENT;
	points[1].heading_ddeg = 7;
	static const uint8_t expected[] = {
		0xd0, 0x0f, 0xd0, 0x0f, /* time: 1000, +1000 */
		0x01, 0x03,             /* lat: -1, -2 */
		0x80, 0x01, 0x02,       /* lng: 64, +1 */
		0x01, 0x01, 0x0a,       /* altitude: one there, one absent; 5 */
		0x00, 0x02,             /* accuracy: none there, two absent */
		0x00, 0x02,             /* speed */
		0x00, 0x01, 0x01, 0x0e, /* heading: none there, one absent, one there; 7 */
		0x02, 0x02,             /* source: fused, twice */
		0x01, 0x01, 0x00, 0x01, /* session: the first, once; none, once */
	};
	struct err e;
	struct buffer block = {0};
	assert_int_equal(columns_encode(points, 2, &block, &e), 0);
	assert_int_equal(block.length, sizeof expected);
	assert_memory_equal(block.bytes, expected, sizeof expected);
	buffer_free(&block);
	round_trip(points, 2, 1);
}

static void values_out_of_bounds_are_refused(void **state)
{
	(void)state;
	/* time 0, lat, lng, altitude to heading absent, source, session */
	static const struct {
		const char *what;
		uint8_t bytes[32];
		size_t length;
		int rc;
	} cases[] = {
		{"the least point", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 15, 0},
		{"a byte left over", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, 16, -ERR_INVALID},
		{"source 4", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 4, 1, 0, 1}, 15, -ERR_INVALID},
		{"session 8 of 7", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 8, 1}, 15, -ERR_INVALID},
		{"session 7 of 7", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 7, 1}, 15, 0},
		{"a run of 0", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1}, 15, -ERR_INVALID},
		{"a run of 2", {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1}, 15, -ERR_INVALID},
		{"a mask of two empty runs", {0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 17, -ERR_INVALID},
		{"a mask longer than the points", {0, 0, 0, 0, 2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 15, -ERR_INVALID},
		{"90 degrees north", {0, 0x80, 0xa4, 0xa7, 0xda, 0x6, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 19, 0},
		{"1 cm more", {0, 0x82, 0xa4, 0xa7, 0xda, 0x6, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 19, -ERR_INVALID},
		{"0 in two bytes", {0x80, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 16, -ERR_INVALID},
		{"65 bits",
	     {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
	     24,
	     -ERR_INVALID},
		{"11 bytes",
	     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1},
	     22,
	     -ERR_INVALID},
		{"altitude that means absent",
	     {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
	     19,
	     -ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int rc = refused(cases[i].bytes, cases[i].length, 1);
		if (rc != cases[i].rc)
			fail_msg("%s: %d, not %d", cases[i].what, rc, cases[i].rc);
	}
}

static void more_points_than_bytes_are_refused_before_all_else(void **state)
{
	(void)state;
	struct err e;
	uint8_t bytes[30] = {0};
	/* Nothing may be written into `out`: there is none. */
	assert_int_equal(columns_decode(bytes, sizeof bytes, 11, 0, NULL, &e), -ERR_INVALID);
	assert_int_equal(columns_decode(bytes, sizeof bytes, SIZE_MAX, 0, NULL, &e), -ERR_INVALID);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct buffer block = {0};
	struct point points[40];
	for (size_t i = 0; i < 40; i++)
		points[i] = some_point();
	assert_int_equal(columns_encode(points, 40, &block, &e), 0);
	for (size_t length = 0; length < block.length; length++)
		assert_int_equal(refused(block.bytes, length, 40), -ERR_INVALID);
	assert_int_equal(refused(block.bytes, block.length, 39), -ERR_INVALID);
	assert_int_equal(refused(block.bytes, block.length, 41), -ERR_INVALID);
	buffer_free(&block);
}

static void garbage_never_gives_values_out_of_bounds(void **state)
{
	(void)state;
	uint8_t bytes[200];
	struct point out[40];
	struct err e;
	int taken = 0;
	for (int round = 0; round < 200000; round++) {
		size_t length = (size_t)random_in(0, sizeof bytes), count = (size_t)random_in(0, 8);
		/* Small bytes are more often a block than any bytes. */
		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)random_in(0, round % 2 ? 255 : 2);
		if (columns_decode(bytes, length, count, SESSIONS, out, &e))
			continue;
		taken++;
		for (size_t i = 0; i < count; i++) {
			assert_in_range(out[i].lat_e7 + LAT_E7_MAX, 0, 2 * LAT_E7_MAX);
			assert_true(out[i].recorded_at_ms >= TIME_MS_MIN && out[i].recorded_at_ms <= TIME_MS_MAX);
			assert_true(out[i].session >= 0 && out[i].session <= SESSIONS);
			assert_true(out[i].source < POINT_SOURCE_COUNT);
		}
	}
	assert_true(taken > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_values_come_back),
		cmocka_unit_test(no_and_very_many_points_come_back),
		cmocka_unit_test(runs_of_absent_values_come_back),
		cmocka_unit_test(time_may_go_backwards),
		cmocka_unit_test(even_movement_costs_next_to_nothing),
		cmocka_unit_test(what_the_schema_cant_hold_is_not_written),
		cmocka_unit_test(bytes_are_those_of_the_document),
		cmocka_unit_test(values_out_of_bounds_are_refused),
		cmocka_unit_test(more_points_than_bytes_are_refused_before_all_else),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(garbage_never_gives_values_out_of_bounds),
	};
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
