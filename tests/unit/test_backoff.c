/* Backoff and schedule: pure, so that all of their bounds can be tried. */
#include "sync/backoff.h"
#include "sync/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t span_after(int failures)
{
	int64_t span = BACKOFF_BASE_MS;
	while (failures-- > 0 && span < BACKOFF_MOST_MS)
		span *= 2;
	return span < BACKOFF_MOST_MS ? span : BACKOFF_MOST_MS;
}

static void test_grows_to_a_bound(void **state)
{
	(void)state;
	struct backoff b = {0};
	for (int i = 0; i < 100000; i++)
		assert_int_equal(backoff_after_failure(&b, 0, UINT32_MAX), span_after(i));
	assert_int_equal(span_after(99), BACKOFF_MOST_MS);
	backoff_reset(&b);
	assert_int_equal(backoff_after_failure(&b, 0, UINT32_MAX), BACKOFF_BASE_MS);
}

/* "Full jitter": anything from 0 to the bound, all alike. */
static void test_jitter_is_full_and_even(void **state)
{
	(void)state;
	enum { BINS = 10, TRIES = 100000 };
	int bins[BINS] = {0};
	uint32_t chance = 1;
	for (int i = 0; i < TRIES; i++) {
		struct backoff b = {.failures = 5};
		chance = chance * 1664525u + 1013904223u;
		int64_t wait = backoff_after_failure(&b, 0, chance);
		assert_in_range(wait, 0, span_after(5));
		bins[wait * BINS / (span_after(5) + 1)]++;
	}
	for (int i = 0; i < BINS; i++)
		assert_in_range(bins[i], TRIES / BINS * 9 / 10, TRIES / BINS * 11 / 10);
	assert_int_equal(backoff_after_failure(&(struct backoff){.failures = 5}, 0, 0), 0);
}

static void test_what_the_centre_asks_for(void **state)
{
	(void)state;
	struct backoff b = {0};
	assert_int_equal(backoff_after_failure(&b, 30000, 0), 30000);
	assert_in_range(backoff_after_failure(&b, 30000, UINT32_MAX), 30000, 30000 + span_after(1));
	assert_int_equal(backoff_after_failure(&b, INT64_MAX, 0), BACKOFF_ASKED_MOST_MS);
	assert_int_equal(backoff_after_failure(&b, -5, 0), 0);
}

enum { INTERVAL = 900000, T0 = 1000000 };

static struct schedule started(void)
{
	struct schedule s;
	schedule_start(&s, INTERVAL, T0);
	return s;
}

static void test_first_run_is_at_once(void **state)
{
	(void)state;
	struct schedule s = started();
	assert_int_equal(schedule_wait(&s, T0), 0);
}

static void test_outcomes(void **state)
{
	(void)state;
	struct schedule s = started();
	schedule_ran(&s, SCHEDULE_DONE, 0, T0, 0);
	assert_int_equal(schedule_wait(&s, T0), INTERVAL);
	schedule_ran(&s, SCHEDULE_DONE, 0, T0, UINT32_MAX);
	assert_in_range(schedule_wait(&s, T0), INTERVAL * 9 / 10, INTERVAL);
	schedule_ran(&s, SCHEDULE_NOT_READY, 0, T0, 0);
	assert_int_equal(schedule_wait(&s, T0), SCHEDULE_SOON_MS);
	schedule_ran(&s, SCHEDULE_UNPAIRED, 0, T0, 0);
	assert_int_equal(schedule_wait(&s, T0), SCHEDULE_UNPAIRED_MS);
	schedule_paired(&s, T0 + 1000);
	assert_int_equal(schedule_wait(&s, T0 + 1000), 0);
	schedule_ran(&s, SCHEDULE_STOPPED, 0, T0, 0);
	assert_int_equal(schedule_wait(&s, T0), SCHEDULE_STOPPED_MS);
	schedule_ran(&s, SCHEDULE_FAILED, 0, T0, UINT32_MAX);
	assert_int_equal(schedule_wait(&s, T0), BACKOFF_BASE_MS);
	schedule_ran(&s, SCHEDULE_FAILED, 0, T0, UINT32_MAX);
	assert_int_equal(schedule_wait(&s, T0), 2 * BACKOFF_BASE_MS);
	assert_int_equal(schedule_wait(&s, T0 + 10 * INTERVAL), 0);
	schedule_ran(&s, SCHEDULE_DONE, 0, T0, 0);
	schedule_ran(&s, SCHEDULE_FAILED, 0, T0, UINT32_MAX); /* a success has made it forget */
	assert_int_equal(schedule_wait(&s, T0), BACKOFF_BASE_MS);
}

static void test_a_network_cuts_the_wait_short(void **state)
{
	(void)state;
	struct schedule s = started();
	schedule_ran(&s, SCHEDULE_DONE, 0, T0, 0);
	schedule_network(&s, T0 + 60000);
	assert_int_equal(schedule_wait(&s, T0 + 60000), SCHEDULE_SETTLE_MS);
	schedule_network(&s, T0 + 61000); /* a second event does not put it off */
	assert_int_equal(schedule_wait(&s, T0 + 61000), SCHEDULE_SETTLE_MS - 1000);
}

/* A link that comes and goes once a second for an hour. */
static void test_a_flapping_network_causes_few_runs(void **state)
{
	(void)state;
	struct schedule s = started();
	int runs = 0;
	for (int64_t now = T0; now < T0 + 3600000; now += 1000) {
		schedule_network(&s, now);
		if (!schedule_wait(&s, now)) {
			schedule_ran(&s, SCHEDULE_FAILED, 0, now, UINT32_MAX);
			runs++;
		}
	}
	assert_in_range(runs, 3600000 / SCHEDULE_APART_MS / 2, 3600000 / SCHEDULE_APART_MS + 5);
}

static void test_a_network_does_not_override_the_centre(void **state)
{
	(void)state;
	struct schedule s = started();
	schedule_ran(&s, SCHEDULE_FAILED, 120000, T0, 0);
	assert_int_equal(schedule_wait(&s, T0), 120000);
	schedule_network(&s, T0 + 20000);
	assert_int_equal(schedule_wait(&s, T0 + 20000), 100000);
	schedule_ran(&s, SCHEDULE_STOPPED, 0, T0, 0);
	schedule_network(&s, T0 + 20000);
	assert_int_equal(schedule_wait(&s, T0), SCHEDULE_STOPPED_MS);
	schedule_paired(&s, T0 + 30000);
	assert_int_equal(schedule_wait(&s, T0 + 30000), 0);
}

static void test_a_shorter_interval_counts_at_once(void **state)
{
	(void)state;
	struct schedule s = started();
	schedule_ran(&s, SCHEDULE_DONE, 0, T0, 0);
	schedule_interval(&s, 10000, T0 + 1000);
	assert_int_equal(schedule_wait(&s, T0 + 1000), 10000);
	schedule_ran(&s, SCHEDULE_FAILED, 600000, T0, 0);
	schedule_interval(&s, 1000, T0);
	assert_int_equal(schedule_wait(&s, T0), 600000);
}

/* A month without a centre: never silent for longer than the bound, never a storm. */
static void test_a_month_of_failures(void **state)
{
	(void)state;
	struct schedule s = started();
	uint32_t chance = 7;
	int runs = 0;
	int64_t now = T0, month = INT64_C(30) * 86400000;
	while (now < T0 + month) {
		int64_t wait = schedule_wait(&s, now);
		assert_in_range(wait, 0, BACKOFF_MOST_MS);
		now += wait;
		chance = chance * 1664525u + 1013904223u;
		schedule_ran(&s, SCHEDULE_FAILED, 0, now, chance);
		runs++;
	}
	/* The mean wait is half the bound. */
	assert_in_range(runs, month / BACKOFF_MOST_MS * 18 / 10, month / BACKOFF_MOST_MS * 22 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_a_bound),
		cmocka_unit_test(test_jitter_is_full_and_even),
		cmocka_unit_test(test_what_the_centre_asks_for),
		cmocka_unit_test(test_first_run_is_at_once),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_a_network_cuts_the_wait_short),
		cmocka_unit_test(test_a_flapping_network_causes_few_runs),
		cmocka_unit_test(test_a_network_does_not_override_the_centre),
		cmocka_unit_test(test_a_shorter_interval_counts_at_once),
		cmocka_unit_test(test_a_month_of_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
