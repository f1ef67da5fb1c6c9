/* Rows: the names that both databases use, and times as people write them. */
#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void test_times_at_their_bounds(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} known[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-1000, "1969-12-31T23:59:59.000Z"},
		{951782399999, "2000-02-28T23:59:59.999Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{2147483648000, "2038-01-19T03:14:08.000Z"},
		{TIME_MS_MIN, "0001-01-01T00:00:00.000Z"},
		{TIME_MS_MAX, "9999-12-31T23:59:59.999Z"},
	};
	char text[TIME_TEXT];
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_string_equal(time_format(known[i].ms, text), known[i].text);
}

/* The C library's calendar, all over the range. */
static void test_times_are_those_of_the_c_library(void **state)
{
	(void)state;
	char text[TIME_TEXT], wanted[64];
	for (int64_t ms = TIME_MS_MIN; ms < TIME_MS_MAX - 86400000; ms += 86400000LL * 13 + 12345678) {
		int64_t fraction = ((ms % 1000) + 1000) % 1000;
		time_t seconds = (time_t)((ms - fraction) / 1000);
		struct tm tm;
		assert_non_null(gmtime_r(&seconds, &tm));
		snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
		assert_string_equal(time_format(ms, text), wanted);
	}
}

/* No number makes it write past its end. */
static void test_absurd_times_fit(void **state)
{
	(void)state;
	static const int64_t absurd[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_MIN / 2};
	char text[TIME_TEXT];
	for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++)
		assert_true(strlen(time_format(absurd[i], text)) < TIME_TEXT);
}

static void test_names_are_those_of_the_schema(void **state)
{
	(void)state;
	assert_string_equal(stream_name(STREAM_POINTS), "points");
	assert_string_equal(stream_name(STREAM_EVENTS), "events");
	assert_string_equal(point_source_name(POINT_GPS), "gps");
	assert_string_equal(point_source_name(POINT_NETWORK), "network");
	assert_string_equal(point_source_name(POINT_FUSED), "fused");
	assert_string_equal(point_source_name(POINT_MANUAL), "manual");
	assert_string_equal(session_status_name(SESSION_ACTIVE), "active");
	assert_string_equal(session_status_name(SESSION_ENDED), "ended");
	assert_string_equal(session_status_name(SESSION_PAUSED), "paused");
}

static void test_an_event_frees_its_payload_once(void **state)
{
	(void)state;
	struct event event = {.seq = 5, .payload = strdup("{}")};
	event_free(&event);
	assert_null(event.payload);
	assert_int_equal(event.seq, 5);
	event_free(&event);
	event_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_at_their_bounds),
		cmocka_unit_test(test_times_are_those_of_the_c_library),
		cmocka_unit_test(test_absurd_times_fit),
		cmocka_unit_test(test_names_are_those_of_the_schema),
		cmocka_unit_test(test_an_event_frees_its_payload_once),
	};
	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
