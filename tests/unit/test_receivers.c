/* Which of several receivers is followed: told as short stories, and then as properties that hold for any of them. */
#include "agent/receivers.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 10000 };

static struct receivers receivers;
static struct receivers_change change;

static void begin(const char *order)
{
	receivers = (struct receivers){.order = order, .timeout_ms = TIMEOUT_MS};
}

static bool feed(enum gnss_report_kind kind, const char *device, int64_t at_ms)
{
	struct gnss_report report = {.kind = kind, .mono_ms = at_ms, .has_time = true, .fix.recorded_at_ms = 1 + at_ms};
	snprintf(report.device, sizeof report.device, "%s", device);
	return receivers_take(&receivers, &report, &change);
}

/* A fix a second, from…to, in seconds; each is taken, or none. */
static void fixes(const char *device, int from, int to, bool taken)
{
	for (int second = from; second <= to; second++)
		assert_int_equal(feed(GNSS_POSITION, device, second * 1000), taken);
}

static void changed(enum receivers_why why, const char *from, const char *to)
{
	assert_string_equal(receivers_why_name(change.why), receivers_why_name(why));
	assert_string_equal(change.from, from);
	assert_string_equal(change.to, to);
}

static void one_alone_is_followed_whatever_it_says(void **state)
{
	(void)state;
	begin("auto");
	assert_true(feed(GNSS_SKY, "a", 0));
	changed(RECEIVERS_FIRST, "", "a");
	assert_true(feed(GNSS_NO_FIX, "a", 100));
	fixes("a", 1, 3, true);
	assert_true(feed(GNSS_NO_FIX, "a", 900000));
	fixes("a", 8000, 8001, true);
	assert_int_equal(change.why, RECEIVERS_SAME);
	assert_int_equal(receivers.refused, 0);
}

static void two_with_a_fix_are_not_woven_together(void **state)
{
	(void)state;
	begin("auto");
	for (int second = 0; second < 3600; second++) {
		assert_true(feed(GNSS_POSITION, "a", second * 1000));
		assert_false(feed(GNSS_POSITION, "b", second * 1000 + 100));
		assert_false(feed(GNSS_SKY, "b", second * 1000 + 200));
	}
	assert_int_equal(receivers.refused, 3600);
}

static void the_first_fix_wins_at_once(void **state)
{
	(void)state;
	begin("a, b");
	assert_true(feed(GNSS_NO_FIX, "a", 0));
	assert_false(feed(GNSS_NO_FIX, "b", 100));
	assert_true(feed(GNSS_POSITION, "b", 1000));
	changed(RECEIVERS_NO_FIX, "a", "b");
	assert_false(feed(GNSS_NO_FIX, "a", 1100));
}

static void a_fix_that_is_lost_is_waited_for(void **state)
{
	(void)state;
	begin("auto");
	fixes("a", 0, 10, true);
	for (int second = 11; second < 20; second++) {
		assert_true(feed(GNSS_NO_FIX, "a", second * 1000));
		assert_false(feed(GNSS_POSITION, "b", second * 1000 + 500));
	}
	assert_true(feed(GNSS_NO_FIX, "a", 20000));
	assert_true(feed(GNSS_POSITION, "b", 20500));
	changed(RECEIVERS_NO_FIX, "a", "b");
	for (int second = 21; second < 300; second++) { /* nobody is preferred: it stays with b */
		assert_false(feed(GNSS_POSITION, "a", second * 1000));
		assert_true(feed(GNSS_POSITION, "b", second * 1000));
	}
}

static void silence_is_enough_for_one_without_a_fix(void **state)
{
	(void)state;
	begin("auto");
	fixes("/dev/ttyUSB0", 0, 10, true);
	/* Unplugged, and plugged in again as another device, which has no fix yet. */
	assert_false(feed(GNSS_NO_FIX, "/dev/ttyUSB1", 15000));
	assert_false(feed(GNSS_NO_FIX, "/dev/ttyUSB1", 19999));
	assert_true(feed(GNSS_NO_FIX, "/dev/ttyUSB1", 20000));
	changed(RECEIVERS_SILENT, "/dev/ttyUSB0", "/dev/ttyUSB1");
	fixes("/dev/ttyUSB1", 21, 30, true);
}

static void what_gpsd_has_closed_is_not_waited_for(void **state)
{
	(void)state;
	begin("auto");
	fixes("/dev/ttyUSB0", 0, 10, true);
	assert_true(feed(GNSS_UNPLUGGED, "/dev/ttyUSB0", 10100));
	assert_true(feed(GNSS_NO_FIX, "/dev/ttyUSB1", 11000));
	changed(RECEIVERS_UNPLUGGED, "/dev/ttyUSB0", "/dev/ttyUSB1");
	assert_false(feed(GNSS_UNPLUGGED, "/dev/ttyUSB0", 11100));
	assert_false(feed(GNSS_UNPLUGGED, "never seen", 11200));
	/* It speaks again: not unplugged any more. */
	begin("auto");
	fixes("a", 0, 1, true);
	assert_true(feed(GNSS_UNPLUGGED, "a", 1100));
	fixes("a", 2, 3, true);
	assert_false(feed(GNSS_POSITION, "b", 3500));
}

static void one_that_repeats_its_time_is_not_well(void **state)
{
	(void)state;
	struct gnss_report stuck = {.kind = GNSS_POSITION, .has_time = true, .fix.recorded_at_ms = 77, .device = "a"};
	begin("auto");
	for (stuck.mono_ms = 0; stuck.mono_ms < TIMEOUT_MS; stuck.mono_ms += 1000) {
		assert_true(receivers_take(&receivers, &stuck, &change));
		assert_false(feed(GNSS_POSITION, "b", stuck.mono_ms + 500));
	}
	assert_true(feed(GNSS_POSITION, "b", TIMEOUT_MS));
	changed(RECEIVERS_NO_FIX, "a", "b");
}

static void the_preferred_one_returns_when_it_is_well_for_long(void **state)
{
	(void)state;
	begin("/dev/ttyACM*,/dev/ttyS0");
	fixes("/dev/ttyS0", 0, 100, true);
	fixes("/dev/ttyACM1", 101, 105, false);
	fixes("/dev/ttyS0", 102, 105, true);
	assert_false(feed(GNSS_NO_FIX, "/dev/ttyACM1", 106000)); /* begins anew */
	for (int second = 107; second < 116; second++) {
		assert_true(feed(GNSS_POSITION, "/dev/ttyS0", second * 1000));
		assert_false(feed(GNSS_POSITION, "/dev/ttyACM1", second * 1000));
	}
	assert_true(feed(GNSS_POSITION, "/dev/ttyACM1", 116000));
	changed(RECEIVERS_PREFERRED, "/dev/ttyS0", "/dev/ttyACM1");
	fixes("/dev/ttyS0", 117, 120, false);
	/* One that is not named stands behind those that are. */
	fixes("/dev/ttyUSB0", 117, 120, false);
}

static void while_gpsd_hangs_nobody_is_silent(void **state)
{
	(void)state;
	struct gnss_report hangs = {.kind = GNSS_SILENT, .silence = GNSS_SILENT_GPSD};
	begin("auto");
	fixes("a", 0, 10, true);
	assert_true(receivers_take(&receivers, &hangs, &change));
	assert_true(feed(GNSS_BACK, "", 500000));
	assert_false(feed(GNSS_POSITION, "b", 500100)); /* is the first to speak */
	fixes("a", 501, 510, true);
	assert_false(feed(GNSS_POSITION, "b", 519999));
	assert_true(feed(GNSS_POSITION, "b", 520000)); /* "a" does not come back */
	changed(RECEIVERS_SILENT, "a", "b");
}

/* A gpsd that is started anew may call the same receiver by another name. */
static void after_gpsd_was_away_who_speaks_first_is_followed(void **state)
{
	(void)state;
	begin("auto");
	fixes("a", 0, 10, true);
	assert_true(feed(GNSS_GONE, "", 10500));
	assert_true(feed(GNSS_BACK, "", 11000));
	assert_true(feed(GNSS_NO_FIX, "b", 11100));
	changed(RECEIVERS_UNPLUGGED, "a", "b");
	assert_true(feed(GNSS_GONE, "", 12000));
	fixes("b", 13, 14, true);
	assert_false(feed(GNSS_POSITION, "a", 14100));
}

static void what_is_of_no_receiver_is_for_all(void **state)
{
	(void)state;
	begin("auto");
	assert_true(feed(GNSS_BAD, "a", 0)); /* nobody is followed yet */
	fixes("a", 0, 1, true);
	assert_true(feed(GNSS_BAD, "", 1000));
	assert_true(feed(GNSS_BAD, "a", 1000));
	assert_false(feed(GNSS_BAD, "b", 1000));
	assert_true(feed(GNSS_END, "", 1000));
	assert_true(feed(GNSS_DEVICES, "", 1000));
	assert_int_equal(receivers.refused, 1);
}

static void more_than_can_be_told_apart(void **state)
{
	(void)state;
	char name[16];
	begin("auto");
	fixes("a", 0, 0, true);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "b%d", i);
		assert_false(feed(GNSS_POSITION, name, 1 + i));
	}
	assert_int_equal(receivers.count, RECEIVERS_MAX);
	fixes("a", 1, 1, true);
}

/* Whatever three receivers do: only the followed one is taken, and it is left as long as it is well only for the preferred one. */
static void properties(void **state)
{
	(void)state;
	static const char *const names[] = {"a", "b", "c"};
	bool speaks[] = {true, true, true};
	int64_t now_ms = 0, well_ms[] = {-TIMEOUT_MS, -TIMEOUT_MS, -TIMEOUT_MS};
	int changes = 0;
	random_start();
	begin("b");
	for (int i = 0; i < 200000; i++) {
		int64_t who = random_in(0, 2);
		now_ms += random_in(0, 700);
		if (random_in(0, 200) == 0)
			speaks[who] = !speaks[who];
		if (!speaks[who])
			continue;
		bool fix = random_in(0, 30) != 0;
		const struct receiver *before = receivers.followed;
		bool taken = feed(fix ? GNSS_POSITION : GNSS_NO_FIX, names[who], now_ms);
		assert_int_equal(taken, !strcmp(receivers.followed->device, names[who]));
		if (before && before != receivers.followed) {
			changes++;
			assert_true(taken);
			if (now_ms - well_ms[before->device[0] - 'a'] < TIMEOUT_MS)
				changed(RECEIVERS_PREFERRED, before->device, "b");
		}
		well_ms[who] = fix ? now_ms : well_ms[who];
	}
	assert_true(changes > 10);
}

static enum gnss_silence position(int64_t at_ms, bool has_time, int64_t time_ms)
{
	struct gnss_report report = {.kind = GNSS_POSITION, .mono_ms = at_ms, .has_time = has_time, .device = "a"};
	report.fix.recorded_at_ms = time_ms;
	receivers_take(&receivers, &report, &change);
	return receivers_stuck(&receivers);
}

static void one_whose_time_does_not_go_on_is_stuck(void **state)
{
	(void)state;
	begin("auto");
	assert_int_equal(receivers_stuck(&receivers), GNSS_HEARD);
	for (int64_t at_ms = 0; at_ms < TIMEOUT_MS; at_ms += 100)
		assert_int_equal(position(at_ms, true, 77), GNSS_HEARD);
	assert_int_equal(position(TIMEOUT_MS, true, 77), GNSS_SILENT_STUCK);
	feed(GNSS_SKY, "a", TIMEOUT_MS + 100); /* satellites are no progress */
	assert_int_equal(receivers_stuck(&receivers), GNSS_SILENT_STUCK);
	assert_int_equal(position(TIMEOUT_MS + 200, false, 0), GNSS_SILENT_STUCK); /* no other news */
	assert_int_equal(position(TIMEOUT_MS + 300, true, 78), GNSS_HEARD);
	/* Only satellites, after a fix: the fix is not going on. */
	feed(GNSS_SKY, "a", 2 * TIMEOUT_MS);
	assert_int_equal(receivers_stuck(&receivers), GNSS_HEARD);
	feed(GNSS_SKY, "a", 2 * TIMEOUT_MS + 300);
	assert_int_equal(receivers_stuck(&receivers), GNSS_SILENT_STUCK);
	/* It was silent, and has not had its time since. */
	assert_int_equal(position(4 * TIMEOUT_MS, true, 78), GNSS_HEARD);
	assert_int_equal(position(5 * TIMEOUT_MS - 1, true, 78), GNSS_HEARD);
	assert_int_equal(position(5 * TIMEOUT_MS, true, 78), GNSS_SILENT_STUCK);
	/* No fix is another state; what comes after it has the whole time again. */
	feed(GNSS_NO_FIX, "a", 6 * TIMEOUT_MS - 1);
	assert_int_equal(receivers_stuck(&receivers), GNSS_HEARD);
	for (int64_t at_ms = 6 * TIMEOUT_MS; at_ms < 7 * TIMEOUT_MS - 1; at_ms += 999)
		assert_int_equal(position(at_ms, false, 0), GNSS_HEARD);
	assert_int_equal(position(7 * TIMEOUT_MS - 1, false, 0), GNSS_SILENT_NO_TIME);
	/* Another one that is well is followed soon. */
	begin("auto");
	position(0, true, 77);
	position(TIMEOUT_MS - 1, true, 77);
	feed(GNSS_POSITION, "b", TIMEOUT_MS - 1);
	assert_int_equal(position(TIMEOUT_MS, true, 77), GNSS_HEARD);
	feed(GNSS_POSITION, "b", TIMEOUT_MS + 1);
	changed(RECEIVERS_NO_FIX, "a", "b");
	assert_int_equal(receivers_stuck(&receivers), GNSS_HEARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_is_followed_whatever_it_says),
		cmocka_unit_test(two_with_a_fix_are_not_woven_together),
		cmocka_unit_test(the_first_fix_wins_at_once),
		cmocka_unit_test(a_fix_that_is_lost_is_waited_for),
		cmocka_unit_test(silence_is_enough_for_one_without_a_fix),
		cmocka_unit_test(what_gpsd_has_closed_is_not_waited_for),
		cmocka_unit_test(one_that_repeats_its_time_is_not_well),
		cmocka_unit_test(one_whose_time_does_not_go_on_is_stuck),
		cmocka_unit_test(the_preferred_one_returns_when_it_is_well_for_long),
		cmocka_unit_test(while_gpsd_hangs_nobody_is_silent),
		cmocka_unit_test(after_gpsd_was_away_who_speaks_first_is_followed),
		cmocka_unit_test(what_is_of_no_receiver_is_for_all),
		cmocka_unit_test(more_than_can_be_told_apart),
		cmocka_unit_test(properties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
