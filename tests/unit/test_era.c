/* Floor, ceiling, and repair by whole 1024 weeks. */
#include "hal/era.h"

#include "hal/clock.h"
#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t at(const char *text)
{
	int64_t ms;
	assert_true(time_parse(text, &ms));
	return ms;
}

static void what_is_a_floor(void **state)
{
	(void)state;
	int64_t ms;
	assert_true(era_floor_valid("auto", &ms) && era_floor_valid("none", &ms));
	assert_true(era_floor_valid("2010-02-28", &ms));
	assert_true(ms == at("2010-02-28T00:00:00Z"));
	static const char *const bad[] = {"", "never", "2010-02-30", "2010-2-28", "2010-02-28T00:00:00Z", "AUTO"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(era_floor_valid(bad[i], &ms));
}

/* Built at the end of 2026, so the floor is a year before, and the ceiling in 2045. */
static const struct {
	const char *floor, *learnt, *time, *known;
	int shift;
} cases[] = {
	{"auto", NULL, "2026-11-22T12:00:00Z", NULL, 0},
	{"auto", NULL, "2007-04-08T12:00:00Z", NULL, 1},  /* rolled over */
	{"auto", NULL, "1987-08-23T12:00:00Z", NULL, 2},  /* … twice */
	{"auto", NULL, "2065-07-21T12:00:00Z", NULL, -2}, /* a wrong host clock the other way */
	{"auto", NULL, "2046-07-08T12:00:00Z", NULL, -1},
	{"auto", NULL, "2019-09-23T12:00:00Z", NULL, 1}, /* what an old recording costs when the clock stands in 1970 */
	{"auto", NULL, "2026-05-01T12:00:00Z", NULL, 0}, /* before the build: a year is granted */
	/* NTP or the centre say what time it is: only a repair that agrees is one. */
	{"auto", NULL, "2007-04-08T12:00:00Z", "2026-11-22T20:00:00Z", 1},
	{"auto", NULL, "2046-07-08T12:00:00Z", "2026-11-22T20:00:00Z", -1},
	{"auto", NULL, "2007-04-05T12:00:00Z", "2026-11-22T20:00:00Z", 0},
	{"auto", NULL, "2033-04-08T12:00:00Z", "2026-11-22T20:00:00Z", 0},
	{"auto", NULL, "2026-11-22T12:00:00Z", "2026-11-22T20:00:00Z", 0},
	/* It has been 2044 already: a receiver that says 2025 has rolled over, one that says 2030 is right, and what was learnt wrong. */
	{"auto", "2044-10-01T00:00:00Z", "2025-11-25T12:00:00Z", NULL, 1},
	{"auto", "2044-10-01T00:00:00Z", "2006-04-09T12:00:00Z", NULL, 2},
	{"auto", "2044-10-01T00:00:00Z", "2030-11-22T12:00:00Z", NULL, 0},
	{"auto", "2033-11-22T12:00:00Z", "2026-11-22T12:00:00Z", NULL, 0}, /* lied by years for an hour */
	{"auto", "2026-11-22T12:00:00Z", "2026-11-22T11:59:00Z", NULL, 0},
	{"auto", "2046-07-08T12:00:00Z", "2026-11-22T12:00:00Z", NULL, 0}, /* could have been a rollover: says nothing */
	/* A date is the floor, whatever else is known. */
	{"2010-01-01", NULL, "2009-12-31T23:59:59Z", NULL, 1},
	{"2010-01-01", NULL, "2010-01-01T00:00:00Z", NULL, 0},
	{"2010-01-01", NULL, "2026-11-22T12:00:00Z", NULL, 0},
	{"2010-01-01", NULL, "2007-04-08T12:00:00Z", "2026-01-22T20:00:00Z", 1},
	{"2010-01-01", "2025-01-01T00:00:00Z", "2012-11-22T12:00:00Z", "2026-11-22T20:00:00Z", 0},
	{"2010-01-01", NULL, "2031-11-22T12:00:00Z", "2031-11-22T20:00:00Z", -1},
	{"none", NULL, "1980-01-06T00:00:00Z", NULL, 0},
	{"none", NULL, "1980-01-06T00:00:00Z", "2026-11-22T20:00:00Z", 0},
};

static void the_shift_of_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct era era;
		era_start(&era, cases[i].floor, false, at("2026-11-22T00:00:00Z"));
		if (cases[i].learnt)
			era_learn(&era, at(cases[i].learnt), false);
		int64_t known_ms = cases[i].known ? at(cases[i].known) : 0;
		int shift = era_shift(&era, at(cases[i].time), cases[i].known ? &known_ms : NULL, 0);
		if (shift != cases[i].shift)
			fail_msg("case %zu: %s is moved by %d, not by %d", i, cases[i].time, shift, cases[i].shift);
	}
}

/* A unit that NTP or the centre have told of 2048: its ceiling moves on. */
/* A system clock that nobody has set, but that may be about right. */
static void no_decade_from_the_system_clock(void **state)
{
	(void)state;
	static const struct {
		const char *floor, *time, *wall;
		int shift;
	} clocks[] = {
		{"auto", "2019-09-23T12:00:00Z", "2026-11-22T20:00:00Z", 0}, /* an old recording */
		{"auto", "2007-04-08T12:00:00Z", "2026-11-22T20:00:00Z", 1},
		{"auto", "2007-04-08T12:00:00Z", "2026-01-01T20:00:00Z", 1}, /* it stood while the machine was off */
		{"auto", "2007-04-08T12:00:00Z", "2038-01-19T20:00:00Z", 0}, /* who knows */
		{"auto", "2046-07-08T12:00:00Z", "2026-11-22T20:00:00Z", -1},
		{"auto", "2019-09-23T12:00:00Z", "2000-01-01T00:00:00Z", 1}, /* a clock outside the bounds says nothing */
		{"2020-01-01", "2019-09-23T12:00:00Z", "2026-11-22T20:00:00Z", 1},
	};
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct era era;
		era_start(&era, clocks[i].floor, false, at("2026-11-22T00:00:00Z"));
		assert_int_equal(era_shift(&era, at(clocks[i].time), NULL, at(clocks[i].wall)), clocks[i].shift);
	}
}

static void twenty_years_on(void **state)
{
	(void)state;
	struct era era;
	era_start(&era, "auto", false, at("2026-11-22T00:00:00Z"));
	assert_false(era_holds(&era, at("2048-01-01")));
	era_learn(&era, at("2048-01-01"), true);
	assert_true(era_holds(&era, at("2049-01-01")));
	assert_int_equal(era_shift(&era, at("2049-01-01"), NULL, 0), 0);
	assert_int_equal(era_shift(&era, at("2028-08-01"), NULL, 0), 1);
}

static void every_time_finds_its_place(void **state)
{
	(void)state;
	struct era era;
	era_start(&era, "auto", false, era_build_ms());
	for (int64_t ms = TIME_MS_MIN; ms < TIME_MS_MAX; ms += INT64_C(777777777777))
		assert_true(era_holds(&era, ms + era_shift(&era, ms, NULL, 0) * ERA_MS));
	era_start(&era, "auto", true, era_build_ms());
	assert_true(era.none);
}

/* What the Makefile has put in: of these sources, and no later than now. */
static void the_date_of_the_build(void **state)
{
	(void)state;
	assert_true(era_build_ms() >= at("2026-11-21"));
	assert_true(era_build_ms() < clock_wall_ms() + 86400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_floor),
		cmocka_unit_test(the_shift_of_a_time),
		cmocka_unit_test(twenty_years_on),
		cmocka_unit_test(every_time_finds_its_place),
		cmocka_unit_test(no_decade_from_the_system_clock),
		cmocka_unit_test(the_date_of_the_build),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
