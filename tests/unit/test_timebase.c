/* When the time is known, by what, and what becomes of fixes that say something else. */
#include "agent/timebase.h"

#include "hal/rows.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define YEAR (365 * DAY)

/* UTC when the monotonic clock was 0. */
static int64_t boot_ms;
static struct timebase tb;
static struct timebase_news news;

static void start(const char *floor, int64_t wall_ms)
{
	struct era era;
	assert_true(time_parse("2026-11-22T12:00:00Z", &boot_ms));
	era_start(&era, floor, false, boot_ms);
	timebase_start(&tb, &era, 0, wall_ms);
}

static int begin(void **state)
{
	(void)state;
	start("auto", 0);
	return 0;
}

static int64_t fix(int64_t mono_ms, int64_t lie_ms)
{
	int64_t said = boot_ms + mono_ms + lie_ms;
	news = (struct timebase_news){0};
	timebase_fix(&tb, mono_ms, &said, &news);
	return said;
}

/* From …, every …, so many. */
static int64_t fixes(int64_t mono_ms, int64_t every_ms, int count, int64_t lie_ms)
{
	for (int i = 0; i < count; i++)
		fix(mono_ms + i * every_ms, lie_ms);
	return mono_ms + (count - 1) * every_ms;
}

static void look(int64_t mono_ms, int64_t wall_ms, bool synchronized)
{
	news = (struct timebase_news){0};
	timebase_look(&tb, mono_ms, wall_ms, synchronized, &news);
}

/* ---- a receiver ------------------------------------------------------------------------------------------------- */

static const struct {
	int64_t every_ms, jitter_ms;
	double pace; /* seconds of its time in a second */
	int count;
	bool known;
} receivers[] = {
	{1000, 0, 1, 5, true},     {1000, 0, 1, 4, false},     {1000, 200, 1, 6, true},    {100, 50, 1, 41, true},
	{100, 50, 1, 40, false},   {200, 0, 1, 21, true},      {HOUR, 0, 1, 3, true},      {HOUR, 300, 1, 2, false},
	{60000, 100, 1, 3, true},  {1000, 0, 1.3, 500, false}, {100, 0, 1.3, 5000, false}, {1000, 0, 0.8, 500, false},
	{1000, 0, 0, 500, false},                              /* stuck */
	{1, 0, 1000, 5000, false},                             /* a recording as fast as it goes */
	{10, 0, 100, 5000, false}, {HOUR, 0, 1.0001, 4, true}, /* a crystal that is off by 100 ppm */
	{1000, 400, 1, 500, true}, {30000, 0, 1, 3, true},     {1000, 0, -1, 500, false},
};

static void it_is_believed_when_it_keeps_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof receivers / sizeof *receivers; i++) {
		begin(NULL);
		for (int n = 0; n < receivers[i].count; n++) {
			int64_t mono = n * receivers[i].every_ms;
			int64_t said = boot_ms + (int64_t)((double)mono * receivers[i].pace);
			mono += n % 2 ? receivers[i].jitter_ms : 0;
			timebase_fix(&tb, mono, &said, &news);
		}
		if (timebase_known(&tb) != receivers[i].known)
			fail_msg("receiver %zu is %s", i, receivers[i].known ? "not believed" : "believed");
		assert_int_equal(timebase_hopeless(&tb), !receivers[i].known && receivers[i].count > 100);
	}
}

/* What needs only more time is waited for, and what disagrees with itself each time, or for long, is not. */
static void when_there_is_no_hope(void **state)
{
	(void)state;
	assert_false(timebase_hopeless(&tb));
	fixes(0, 1000, 3, 0);
	assert_false(timebase_hopeless(&tb));
	fix(3000, YEAR); /* one that is wrong */
	fix(4000, 0);
	assert_false(timebase_hopeless(&tb));
	for (int i = 5; i < 12; i++)
		fix(i * 1000, i % 2 * YEAR);
	assert_true(timebase_hopeless(&tb));
	fixes(12000, 1000, 6, 0);
	assert_false(timebase_hopeless(&tb));
	begin(NULL);
	fix(0, 0); /* a recording of two fixes */
	assert_false(timebase_hopeless(&tb));
	fix(1, 1000);
	assert_true(timebase_hopeless(&tb));
	begin(NULL);
	for (int i = 0; i < 100; i++) /* one with ten fixes a second, of which several at a time agree */
		fix(i, i * 100);
	assert_true(timebase_hopeless(&tb));
}

static void what_is_far_from_what_is_known_is_strange(void **state)
{
	(void)state;
	assert_false(timebase_strange(&tb, 0, 0));
	fixes(0, 1000, 5, 0);
	assert_false(timebase_strange(&tb, 9000, boot_ms + 9000 + 59000));
	assert_true(timebase_strange(&tb, 9000, boot_ms + 9000 - 61000));
	start("none", 5000);
	assert_false(timebase_strange(&tb, 0, 0));
}

static void then_time_goes_on_by_the_monotonic_clock(void **state)
{
	(void)state;
	assert_false(timebase_known(&tb));
	fixes(1000, 1000, 5, 0);
	assert_true(news.changed);
	assert_int_equal(tb.basis, TIME_GNSS);
	assert_int_equal(tb.since_mono_ms, 5000);
	assert_true(timebase_at(&tb, 77000) == boot_ms + 77000);
	assert_true(timebase_at(&tb, 1) == boot_ms + 1); /* also for what was before */
	fixes(6000, 1000, 1000, 300);
	assert_false(news.changed); /* not by a little */
	assert_true(timebase_at(&tb, 77000) == boot_ms + 77000);
}

static void one_wrong_fix_changes_nothing(void **state)
{
	(void)state;
	fixes(0, 1000, 3, 0);
	fix(3000, 5 * YEAR);
	fix(4000, 0);
	assert_false(timebase_known(&tb));
	fixes(5000, 1000, 4, 0);
	assert_int_equal(tb.basis, TIME_GNSS);
	assert_true(fix(9000, 5 * YEAR) == boot_ms + 9000 + 5 * YEAR); /* as the receiver said */
	assert_false(news.changed || news.repaired || news.doubted);
	assert_true(timebase_at(&tb, 9000) == boot_ms + 9000);
	/* Leap seconds that a receiver has not yet heard of: it moves once it keeps to it. */
	fixes(10000, 1000, 4, 18000);
	assert_true(timebase_at(&tb, 9000) == boot_ms + 9000);
	fix(14000, 18000);
	assert_true(news.changed);
	assert_true(timebase_at(&tb, 9000) == boot_ms + 27000);
}

/* ---- rollover --------------------------------------------------------------------------------------------------- */

static void a_rollover_is_repaired_and_told_once(void **state)
{
	(void)state;
	assert_true(fix(0, -ERA_MS) == boot_ms);
	assert_true(news.repaired);
	assert_int_equal(tb.shift, 1);
	fixes(1000, 1000, 10, -ERA_MS);
	assert_false(news.repaired);
	assert_true(timebase_at(&tb, 0) == boot_ms);
	assert_true(fix(20000, 0) == boot_ms + 20000);
	assert_true(news.repaired);
	assert_int_equal(tb.shift, 0);
	assert_true(fix(21000, 2 * ERA_MS) == boot_ms + 21000);
	assert_int_equal(tb.shift, -2);
}

static void what_contradicts_ntp_is_doubtful(void **state)
{
	(void)state;
	look(0, boot_ms, true);
	assert_true(news.changed);
	assert_int_equal(tb.basis, TIME_NTP);
	assert_true(fix(1000, 3 * YEAR) == boot_ms + 1000 + 3 * YEAR);
	fix(2000, 3 * YEAR);
	assert_false(news.doubted); /* they may stand alone */
	fix(3000, 3 * YEAR);
	assert_true(news.doubted);
	fixes(4000, 1000, 3600, 3 * YEAR);
	assert_false(news.doubted);
	assert_true(tb.doubtful);
	assert_int_equal(tb.basis, TIME_NTP);
	assert_true(timebase_at(&tb, 0) == boot_ms);
	/* 1024 weeks, though, are what they are. */
	assert_true(fix(4000000, ERA_MS - HOUR) == boot_ms + 4000000 - HOUR);
	fixes(4001000, 1000, 5, 50);
	assert_false(tb.doubtful);
	assert_int_equal(tb.basis, TIME_GNSS);
}

static void a_receiver_that_lied_is_found_out_by_the_centre(void **state)
{
	(void)state;
	fixes(0, 1000, 3600, 7 * YEAR);
	assert_int_equal(tb.basis, TIME_GNSS);
	assert_true(timebase_at(&tb, 0) == boot_ms + 7 * YEAR);
	news = (struct timebase_news){0};
	timebase_receipt(&tb, boot_ms + 200, 4 * HOUR, &news);
	assert_true(news.changed);
	assert_int_equal(tb.basis, TIME_RECEIPT);
	assert_true(timebase_at(&tb, 0) == boot_ms + 200);
	fixes(4 * HOUR + 1000, 1000, TIMEBASE_STRAYS, 7 * YEAR);
	assert_true(news.doubted);
	fixes(4 * HOUR + 5000, 1000, 5, 0);
	assert_int_equal(tb.basis, TIME_GNSS);
	assert_true(timebase_at(&tb, 0) == boot_ms + 200); /* not by a little */
	/* A month later the crystal has drifted by two minutes, and nobody is doubtful. */
	fix(30 * DAY, 120000);
	assert_false(tb.doubtful);
}

/* ---- what stands alone ------------------------------------------------------------------------------------------ */

static int strays(int64_t mono_ms, int64_t lie_ms)
{
	fix(mono_ms, lie_ms);
	return news.strays;
}

static void one_wrong_fix_stands_alone(void **state)
{
	(void)state;
	static const int64_t lies[] = {3 * DAY, -3 * DAY, 2 * 60000, 5 * YEAR};
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		begin(NULL);
		fixes(0, 1000, 3600, 0);
		assert_int_equal(news.strays, 0);
		int64_t known_ms = timebase_at(&tb, 0);
		assert_int_equal(strays(3600000, lies[i]), 1);
		assert_int_equal(strays(3601000, 0), 0);
		/* Every other one is wrong, and so are two in a row that do not go on from each other. */
		for (int64_t at_ms = 3602000; at_ms < 3700000; at_ms += 2000) {
			assert_int_equal(strays(at_ms, lies[i]), 1);
			assert_int_equal(strays(at_ms + 1000, 0), 0);
		}
		assert_int_equal(strays(3700000, lies[i]), 1);
		assert_int_equal(strays(3701000, 2 * lies[i] + 2 * HOUR), 1);
		assert_int_equal(strays(3702000, lies[i] - HOUR), 1);
		assert_true(timebase_at(&tb, 0) == known_ms);
	}
}

/* The first time was wrong: the receiver is believed at once when others agree, and what is known moves once that is sustained. */
static void what_is_sustained_is_a_step(void **state)
{
	(void)state;
	fixes(0, 1000, 10, 3 * DAY);
	assert_true(timebase_at(&tb, 0) == boot_ms + 3 * DAY);
	assert_int_equal(strays(10000, 0), 1);
	assert_int_equal(strays(11000, 0), 2);
	assert_int_equal(strays(12000, 0), TIMEBASE_STRAYS);
	assert_true(timebase_at(&tb, 0) == boot_ms + 3 * DAY);
	assert_int_equal(strays(13000, 0), TIMEBASE_STRAYS);
	assert_int_equal(strays(14000, 0), TIMEBASE_STRAYS);
	assert_true(timebase_at(&tb, 0) == boot_ms);
	assert_int_equal(strays(15000, 0), 0);
}

/* NTP tells the time, and a recording is fed as fast as it goes: all but its first two are believed as they come. */
static void a_recording_goes_on_from_itself(void **state)
{
	(void)state;
	look(0, boot_ms, true);
	for (int64_t i = 0; i < 1000; i++)
		assert_int_equal(strays(1000 + i, i * 60000 - YEAR), i < 2 ? i + 1 : TIMEBASE_STRAYS);
	/* A hole in it, and a wrong one. */
	assert_int_equal(strays(2000, 2000 * 60000 - YEAR), 1);
	assert_int_equal(strays(2001, 2001 * 60000 - YEAR), 2);
	assert_int_equal(strays(2002, 2002 * 60000 - YEAR), TIMEBASE_STRAYS);
	assert_int_equal(strays(2003, 3 * DAY - YEAR), 1);
	assert_int_equal(strays(2004, 2004 * 60000 - YEAR), 1);
}

static void without_a_known_time_none_does(void **state)
{
	(void)state;
	assert_int_equal(strays(0, 3 * DAY), 0);
	start("none", boot_ms);
	fixes(0, 1000, 10, 0);
	assert_int_equal(strays(10000, 3 * DAY), 0);
}

/* ---- the system clock ------------------------------------------------------------------------------------------- */

static void a_clock_that_nobody_has_set_is_not_believed(void **state)
{
	(void)state;
	static const char *const clocks[] = {"1970-01-01T00:00:05Z", "2000-01-01", "2038-01-19T03:14:08Z", "2026-11-22"};
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t wall;
		assert_true(time_parse(clocks[i], &wall));
		start("auto", wall);
		look(10000, wall + 10000, false);
		assert_false(timebase_known(&tb) || news.changed || news.steps);
		assert_true(timebase_at(&tb, 20000) == wall + 20000); /* the best guess */
		fixes(30000, 1000, 5, 0);
		assert_true(timebase_known(&tb) && timebase_at(&tb, 0) == boot_ms);
	}
	/* NTP from before alzy was built is none. */
	start("auto", 0);
	look(10000, 10000, true);
	assert_false(timebase_known(&tb));
}

static void steps_are_told(void **state)
{
	(void)state;
	start("auto", boot_ms);
	look(10000, boot_ms + 10000, true);
	look(20000, boot_ms + 21500, true); /* slewed */
	assert_int_equal(news.steps, 0);
	look(30000, boot_ms + 30000 - HOUR, true);
	assert_int_equal(news.steps, 1);
	assert_true(news.step_from_ms == boot_ms + 31500 && news.step_to_ms == boot_ms + 30000 - HOUR);
	assert_true(news.changed); /* NTP says that it was wrong */
	look(40000, boot_ms + 40000 - HOUR, false);
	assert_false(news.steps || news.changed);
	look(50000, boot_ms + 9 * YEAR, false);
	assert_int_equal(news.steps, 1);
	assert_false(news.changed);
	assert_true(timebase_at(&tb, 50000) == boot_ms + 50000 - HOUR);
}

/* A clock that steps to and fro every second for a day, and a receiver that is a rollover off every other second. */
static void what_goes_on_for_ever_is_rationed(void **state)
{
	(void)state;
	int told = 0, steps = 0, repaired = 0, doubted = 0;
	start("auto", boot_ms);
	look(0, boot_ms, true);
	for (int64_t at_ms = 1000; at_ms <= DAY; at_ms += 1000) {
		bool odd = at_ms / 1000 % 2;
		look(at_ms, boot_ms + at_ms + (odd ? HOUR : 0), false);
		told += news.steps > 0;
		steps += news.steps;
		if (news.steps)
			assert_true(news.step_to_ms == boot_ms + at_ms + (odd ? HOUR : 0));
		fix(at_ms, odd ? ERA_MS : 0);
		repaired += news.repaired;
		fixes(at_ms, 100, 3, odd ? 3 * YEAR : 0);
		doubted += news.doubted;
	}
	assert_in_range(told, DAY / TIMEBASE_TOLD_MS, TIMEBASE_TOLD + DAY / TIMEBASE_TOLD_MS);
	assert_true(steps > 86400 - 600 && steps <= 86400);
	assert_in_range(repaired, TIMEBASE_TOLD, TIMEBASE_TOLD + DAY / TIMEBASE_TOLD_MS);
	assert_in_range(doubted, TIMEBASE_TOLD, TIMEBASE_TOLD + DAY / TIMEBASE_TOLD_MS);
}

/* ---- without a floor -------------------------------------------------------------------------------------------- */

static void without_a_floor_any_fix_is_the_clock(void **state)
{
	(void)state;
	start("none", 5000);
	assert_true(timebase_known(&tb));
	assert_int_equal(tb.basis, TIME_SYSTEM);
	assert_true(timebase_at(&tb, 10) == 5010);
	look(1000, boot_ms, true);
	assert_int_equal(news.steps, 1);
	assert_false(news.changed);
	assert_true(fix(2000, -20 * YEAR) == boot_ms + 2000 - 20 * YEAR);
	assert_true(timebase_at(&tb, 2500) == boot_ms + 2500 - 20 * YEAR);
	fix(3000, 0);
	assert_true(timebase_at(&tb, 2500) == boot_ms + 2500);
	assert_false(timebase_hopeless(&tb));
}

/* ---- at random ---------------------------------------------------------------------------------------------------- */

/* Fixes that are right nine times of ten, of changing rates, with rollovers, and looks at a clock that steps about: what
 * is known is right, from the first moment, and for ever. */
static void whatever_happens_what_is_known_is_right(void **state)
{
	(void)state;
	random_start();
	for (int round = 0; round < 300; round++) {
		begin(NULL);
		bool misled = false; /* by a system clock years off, but within the bounds: then a rollover is not repaired */
		int64_t mono = random_in(0, HOUR), wall = random_in(0, 2) ? random_in(0, 70 * YEAR) : 0;
		for (int i = 0; i < 400; i++) {
			mono += random_in(0, 20) ? random_in(90, 1100) : random_in(0, 2 * HOUR);
			if (random_in(0, 9) == 0) {
				wall += random_in(0, 3) ? 0 : random_in(-YEAR, YEAR);
				look(mono, mono + wall, false);
				int64_t off_ms = mono + wall - boot_ms;
				misled |= era_holds(&tb.era, mono + wall) && (off_ms > 3 * YEAR || off_ms < -3 * YEAR);
			}
			int64_t lie = random_in(0, 9) ? random_in(-100, 0) : random_in(-YEAR / 2, YEAR);
			fix(mono, lie + (random_in(0, 2) ? 0 : -ERA_MS));
			int64_t wrong = timebase_at(&tb, mono) - boot_ms - mono;
			if (timebase_known(&tb) && (wrong > 1000 || wrong < -1000))
				fail_msg("round %d, fix %d: wrong by %lld ms", round, i, (long long)wrong);
		}
		assert_true(timebase_known(&tb) || misled);
	}
}

/* An old recording at the pace of life, beside a system clock that is about right. */
static void what_stays_outside_the_bounds_is_not_believed(void **state)
{
	(void)state;
	start("auto", boot_ms);
	look(1000, boot_ms + 1000, false);
	fix(2000, -7 * YEAR);
	assert_true(news.doubted && !news.repaired);
	assert_int_equal(fix(3000, -7 * YEAR), boot_ms + 3000 - 7 * YEAR);
	assert_false(timebase_hopeless(&tb));
	fixes(4000, 1000, 20, -7 * YEAR);
	assert_false(timebase_known(&tb));
	assert_true(timebase_hopeless(&tb));
	fixes(30000, 1000, 20, 0);
	assert_int_equal(tb.basis, TIME_GNSS);
	assert_false(timebase_hopeless(&tb) || tb.doubtful);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(it_is_believed_when_it_keeps_up),
		TEST(when_there_is_no_hope),
		TEST(what_is_far_from_what_is_known_is_strange),
		TEST(then_time_goes_on_by_the_monotonic_clock),
		TEST(one_wrong_fix_changes_nothing),
		TEST(a_rollover_is_repaired_and_told_once),
		TEST(what_contradicts_ntp_is_doubtful),
		TEST(one_wrong_fix_stands_alone),
		TEST(what_is_sustained_is_a_step),
		TEST(a_recording_goes_on_from_itself),
		TEST(without_a_known_time_none_does),
		TEST(a_receiver_that_lied_is_found_out_by_the_centre),
		TEST(a_clock_that_nobody_has_set_is_not_believed),
		TEST(steps_are_told),
		TEST(what_goes_on_for_ever_is_rationed),
		TEST(without_a_floor_any_fix_is_the_clock),
		TEST(what_stays_outside_the_bounds_is_not_believed),
		TEST(whatever_happens_what_is_known_is_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
