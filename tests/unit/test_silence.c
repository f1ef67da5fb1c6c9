/* Which events explain that nothing was kept, and how few they are. */
#include "agent/silence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { S = 1000, MINUTE = 60 * S };

/* Every second from *now on, for so many seconds, the same. Returns the last news, and counts all in *events. */
static struct silence_news run(struct silence *s, int64_t *now, int seconds, int reason, int *events)
{
	struct silence_news last = {0};
	for (int i = 0; i < seconds; i++, *now += S) {
		struct silence_news news = reason ? silence_refused(s, reason, *now) : silence_good(s, *now);
		if (news.refused || news.kept) {
			last = news;
			(*events)++;
		}
	}
	return last;
}

static void test_a_minute(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t now = 5 * S;
	int events = 0;
	run(&s, &now, 100, 0, &events);
	run(&s, &now, 60, VERDICT_REFUSED_ACCURACY, &events);
	assert_int_equal(events, 0);
	struct silence_news news = run(&s, &now, 1, VERDICT_REFUSED_ACCURACY, &events);
	assert_int_equal(events, 1);
	assert_int_equal(news.refused, VERDICT_REFUSED_ACCURACY);
	assert_int_equal(news.count, 61);
	assert_int_equal(news.for_ms, MINUTE);
	run(&s, &now, 3600, VERDICT_REFUSED_ACCURACY, &events);
	assert_int_equal(events, 1); /* it holds */
}

static void test_it_is_over_when_fixes_have_been_good(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t now = 0;
	int events = 0;
	run(&s, &now, 90, VERDICT_REFUSED_SPEED, &events);
	run(&s, &now, 300, 0, &events);
	run(&s, &now, 70, VERDICT_REFUSED_SPEED, &events); /* not yet over */
	run(&s, &now, 600, 0, &events);
	assert_int_equal(events, 1);
	struct silence_news news = run(&s, &now, 1, 0, &events);
	assert_int_equal(events, 2);
	assert_int_equal(news.kept, VERDICT_REFUSED_SPEED);
	assert_int_equal(news.count, 160);
	assert_int_equal(news.for_ms, SILENCE_OVER_MS);
	run(&s, &now, 3600, 0, &events);
	assert_int_equal(events, 2);
}

static void test_another_reason(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t now = 0;
	int events = 0;
	run(&s, &now, 61, SILENCE_NO_TIME, &events);
	assert_int_equal(events, 1);
	run(&s, &now, 500, SILENCE_BAD, &events);
	assert_int_equal(events, 1);
	struct silence_news news = run(&s, &now, 101, SILENCE_BAD, &events);
	assert_int_equal(events, 2);
	assert_int_equal(news.refused, SILENCE_BAD);
}

static void test_no_session_ends_with_the_session(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t now = 0;
	int events = 0;
	run(&s, &now, 100, VERDICT_REFUSED_NO_SESSION, &events);
	run(&s, &now, 2000, 0, &events);
	assert_int_equal(events, 1);
	run(&s, &now, 100, VERDICT_REFUSED_NO_SESSION, &events);
	assert_int_equal(events, 2);
}

static void test_what_else_silences_explains_itself(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t now = 0;
	int events = 0;
	for (int i = 0; i < 100; i++) {
		run(&s, &now, 50, VERDICT_REFUSED_ACCURACY, &events);
		silence_other(&s);
	}
	assert_int_equal(events, 0);
}

/* Whatever comes in whatever order: each event costs a commit, so there are at most two in eleven minutes. */
static void test_few(void **state)
{
	(void)state;
	static const int reasons[] = {0, VERDICT_REFUSED_ACCURACY, VERDICT_REFUSED_SPEED, SILENCE_BAD, SILENCE_NO_TIME};
	srand(3);
	for (int round = 0; round < 20; round++) {
		struct silence s = {0};
		int64_t now = 0;
		int events = 0;
		while (now < 24 * 60 * MINUTE)
			run(&s, &now, 1 + rand() % (round < 10 ? 100 : 900), reasons[rand() % 5], &events);
		assert_in_range(events, 1, 2 * 24 * 60 / 11);
	}
}

static void test_missing(void **state)
{
	(void)state;
	static const struct {
		int64_t fix_ms, mono_ms, for_ms;
		bool recording, other;
		const char *why;
	} rows[] = {
		{1000 * S, 1 * S, 0, false, false, ""},
		{1120 * S, 121 * S, 0, false, false, ""},
		{1421 * S, 422 * S, 301 * S, false, false, "silent"},
		{2421 * S, 423 * S, 1000 * S, false, false, "time"},
		{3421 * S, 424 * S, 1000 * S, true, false, "recording"},
		{2000 * S, 605 * S, 0, false, false, ""}, /* back in time */
		{2001 * S, 606 * S, 0, false, false, ""},
		{9001 * S, 7606 * S, 0, false, true, ""}, /* explained otherwise */
	};
	struct silence s = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why;
		if (rows[i].other)
			silence_other(&s);
		assert_true(silence_fix(&s, rows[i].fix_ms, rows[i].mono_ms, rows[i].recording, &why) == rows[i].for_ms);
		if (rows[i].for_ms)
			assert_string_equal(why, rows[i].why);
	}
}

/* A recording that gpsd is fed with in a second is as silent as its times say; a leap of them is no refusal. */
static void test_fed_fast(void **state)
{
	(void)state;
	struct silence s = {0};
	int64_t mono = 5 * S, said = 1000000 * S, from = silence_now(&s, mono, said);
	for (int i = 0; i < 100; i++)
		silence_now(&s, mono += 2, said += S);
	assert_int_equal(silence_now(&s, mono, said) - from, 100 * S);
	silence_now(&s, mono += S, said += 24 * 60 * MINUTE);
	silence_now(&s, mono += S, said -= 24 * 60 * MINUTE);
	assert_int_equal(silence_now(&s, mono, said) - from, 102 * S);
	for (int i = 0; i < 100; i++) /* in life, read now sooner and now later */
		silence_now(&s, mono += S + (i % 2 ? 300 : -300), said += S);
	for (int i = 0; i < 100; i++) /* and stuck */
		silence_now(&s, mono += S, said);
	assert_int_equal(silence_now(&s, mono - MINUTE, said) - from, 302 * S);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(silence_reason_name(VERDICT_REFUSED_REPEATED), "repeated");
	assert_string_equal(silence_reason_name(VERDICT_REFUSED_NO_SESSION), "no_session");
	assert_string_equal(silence_reason_name(SILENCE_BAD), "bad");
	assert_string_equal(silence_reason_name(SILENCE_NO_TIME), "no_time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_minute),
		cmocka_unit_test(test_it_is_over_when_fixes_have_been_good),
		cmocka_unit_test(test_another_reason),
		cmocka_unit_test(test_no_session_ends_with_the_session),
		cmocka_unit_test(test_what_else_silences_explains_itself),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_fed_fast),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
