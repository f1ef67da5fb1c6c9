/* Which report of an epoch stands for it, and what closes it. */
#include "agent/epoch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* `fields` of accuracy, speed, heading and altitude are there. Which report it is shows in its latitude. */
static struct gnss_report position(int64_t time_ms, int64_t mono_ms, int fields, int32_t lat, const char *device)
{
	struct gnss_report report = {.kind = GNSS_POSITION, .mono_ms = mono_ms, .has_time = time_ms > 0, .mode = 3};
	report.fix = (struct point){.recorded_at_ms = time_ms, .lat_e7 = lat};
	int32_t *const values[] = {&report.fix.accuracy_dm, &report.fix.speed_cmps, &report.fix.heading_ddeg,
	                           &report.fix.altitude_dm};
	for (int i = 0; i < 4; i++)
		*values[i] = i < fields ? 1 : ROW_ABSENT;
	strcpy(report.device, device);
	return report;
}

static struct gnss_report other(enum gnss_report_kind kind, const char *device)
{
	struct gnss_report report = {.kind = kind};
	strcpy(report.device, device);
	return report;
}

static void feeds_nothing(struct epoch *epoch, struct gnss_report report)
{
	struct gnss_report fix;
	assert_false(epoch_feed(epoch, &report, &fix));
}

static void feeds(struct epoch *epoch, struct gnss_report report, int32_t lat)
{
	struct gnss_report fix;
	assert_true(epoch_feed(epoch, &report, &fix));
	assert_int_equal(fix.fix.lat_e7, lat);
}

static void the_fullest_report_stands_for_its_epoch(void **state)
{
	(void)state;
	struct epoch epoch = {0};
	feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
	feeds_nothing(&epoch, position(1000, 0, 4, 12, "a"));
	feeds_nothing(&epoch, position(1000, 0, 2, 13, "a"));
	feeds(&epoch, position(2000, 0, 2, 21, "a"), 12);
	/* On a tie the last, whatever its fields are. */
	feeds_nothing(&epoch, position(2000, 0, 2, 22, "a"));
	feeds(&epoch, position(3000, 0, 0, 31, "a"), 22);
	struct gnss_report fix;
	assert_true(epoch_close(&epoch, &fix));
	assert_int_equal(fix.fix.lat_e7, 31);
	assert_false(epoch_close(&epoch, &fix));
}

static void a_late_report_is_counted_and_ignored(void **state)
{
	(void)state;
	struct epoch epoch = {0};
	feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
	feeds(&epoch, position(2000, 0, 1, 21, "a"), 11);
	feeds(&epoch, other(GNSS_NO_FIX, "a"), 21);
	feeds_nothing(&epoch, position(2000, 0, 4, 22, "a"));
	assert_int_equal(epoch.late, 1);
	assert_false(epoch.open);
	/* Time may step back: only the epoch closed last is remembered. */
	feeds_nothing(&epoch, position(1000, 0, 1, 12, "a"));
	feeds(&epoch, position(2000, 0, 1, 23, "a"), 12);
	assert_int_equal(epoch.late, 1);
}

static void a_position_without_a_time_is_counted_and_ignored(void **state)
{
	(void)state;
	struct epoch epoch = {0};
	feeds_nothing(&epoch, position(0, 0, 4, 1, "a"));
	feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
	feeds_nothing(&epoch, position(0, 0, 4, 2, "a"));
	feeds_nothing(&epoch, position(1000, 0, 1, 12, "a"));
	feeds(&epoch, other(GNSS_END, ""), 12);
	assert_int_equal(epoch.no_time, 2);
}

static void two_receivers_are_never_one_epoch(void **state)
{
	(void)state;
	struct epoch epoch = {0};
	feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
	feeds(&epoch, position(2000, 0, 1, 21, "b"), 11);
	/* One without a fix says nothing about the other. */
	feeds_nothing(&epoch, other(GNSS_NO_FIX, "a"));
	feeds_nothing(&epoch, position(2000, 0, 1, 22, "b"));
	/* Nor is a vehicle at two places at once. */
	feeds(&epoch, position(2000, 0, 4, 23, "a"), 22);
	feeds_nothing(&epoch, position(2000, 0, 4, 24, "b"));
	assert_int_equal(epoch.late, 2);
	feeds_nothing(&epoch, position(3000, 0, 1, 31, "b"));
	feeds(&epoch, other(GNSS_NO_FIX, "b"), 31);
}

static void what_closes_and_what_does_not(void **state)
{
	(void)state;
	static const struct {
		enum gnss_report_kind kind;
		bool closes;
	} kinds[] = {{GNSS_NO_FIX, true}, {GNSS_GONE, true}, {GNSS_END, true},
	             {GNSS_SKY, false},   {GNSS_BAD, false}, {GNSS_BACK, false}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct epoch epoch = {0};
		feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
		if (kinds[i].closes)
			feeds(&epoch, other(kinds[i].kind, "a"), 11);
		else
			feeds_nothing(&epoch, other(kinds[i].kind, "a"));
		assert_int_equal(epoch.open, !kinds[i].closes);
	}
}

static void age_closes(void **state)
{
	(void)state;
	struct epoch epoch = {.silence_ms = EPOCH_SILENCE_MS};
	struct gnss_report fix;
	assert_true(epoch_deadline(&epoch) == INT64_MAX);
	feeds_nothing(&epoch, position(1000, 100, 1, 11, "a"));
	feeds_nothing(&epoch, position(1000, 1100, 1, 12, "a"));
	assert_int_equal(epoch_deadline(&epoch), 2100);
	assert_false(epoch_tick(&epoch, 2099, &fix));
	assert_true(epoch_tick(&epoch, 2100, &fix));
	assert_int_equal(fix.fix.lat_e7, 12);
	assert_true(epoch_deadline(&epoch) == INT64_MAX);
	/* Also when nobody looked at the time: what was read too late is late. */
	feeds_nothing(&epoch, position(2000, 4000, 1, 21, "a"));
	feeds(&epoch, position(2000, 6000, 4, 22, "a"), 21);
	assert_int_equal(epoch.late, 1);
	/* A stuck receiver repeats itself: that is one fix, and no word of progress. */
	epoch.late = 0;
	int closed = 0;
	for (int64_t ms = 10000; ms < 70000; ms += 1000) {
		struct gnss_report report = position(3000, ms, 4, 31, "a");
		closed += epoch_feed(&epoch, &report, &fix);
	}
	assert_int_equal(closed, 1);
	assert_int_equal(epoch.late, 58);
}

static void a_recording_knows_no_silence(void **state)
{
	(void)state;
	struct epoch epoch = {0};
	struct gnss_report fix;
	feeds_nothing(&epoch, position(1000, 0, 1, 11, "a"));
	assert_true(epoch_deadline(&epoch) == INT64_MAX);
	assert_false(epoch_tick(&epoch, 1000000, &fix));
	feeds_nothing(&epoch, position(1000, 1000000, 4, 12, "a"));
	feeds(&epoch, position(2000, 1000000, 4, 21, "a"), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fullest_report_stands_for_its_epoch),
		cmocka_unit_test(a_late_report_is_counted_and_ignored),
		cmocka_unit_test(a_position_without_a_time_is_counted_and_ignored),
		cmocka_unit_test(two_receivers_are_never_one_epoch),
		cmocka_unit_test(what_closes_and_what_does_not),
		cmocka_unit_test(age_closes),
		cmocka_unit_test(a_recording_knows_no_silence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
