/* Narrowing: a culprit is alone after few refusals, wherever it stands, and nothing stays behind. */
#include "sync/narrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POINTS = 5000, EVENTS = 1000, SESSIONS = 2000 };

/* What is unsent, in order; a batch takes the first of it. The culprit is the point or event at this place; -1: none. */
struct world {
	int64_t points, events, bad_point, bad_event;
	bool bad_session; /* of no row: any batch that is not bare has it */
	int refusals, batches;
};

static struct narrow wide(void)
{
	struct narrow narrow = {.widest = {POINTS, EVENTS, SESSIONS, false}};
	narrow_widen(&narrow);
	return narrow;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* One batch as narrow->now bids. Returns whether the culprit was alone in it. */
static bool send(struct world *w, struct narrow *narrow)
{
	int64_t points = least(w->points, narrow->now.points), events = least(w->events, narrow->now.events);
	bool bare = narrow->now.bare;
	w->batches++;
	if (!points && !events) {
		narrow_relax(narrow);
		return false;
	}
	bool refused = (w->bad_point >= 0 && w->bad_point < points) || (w->bad_event >= 0 && w->bad_event < events) ||
	               (w->bad_session && !bare);
	if (refused) {
		w->refusals++;
		return !narrow_refused(narrow, points, events, bare);
	}
	w->points -= points;
	w->events -= events;
	w->bad_point -= w->bad_point >= 0 ? points : 0;
	w->bad_event -= w->bad_event >= 0 ? events : 0;
	narrow_passed(narrow);
	return false;
}

static void test_finds_the_culprit(void **state)
{
	(void)state;
	static const int64_t places[] = {0, 1, 2, 499, 500, 2500, 4998, 4999};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int of_events = 0; of_events < 2; of_events++) {
			struct narrow narrow = wide();
			struct world w = {.points = POINTS, .events = EVENTS, .bad_point = -1, .bad_event = -1};
			*(of_events ? &w.bad_event : &w.bad_point) = of_events ? places[i] / 5 : places[i];
			while (!send(&w, &narrow))
				assert_true(w.batches < 100);
			assert_in_range(w.refusals, 1, 30);
			assert_int_equal(of_events ? w.bad_event : w.bad_point, 0);
		}
}

/* Once the culprit has gone, all the rest goes, in ever larger batches. */
static void test_widens_again(void **state)
{
	(void)state;
	struct narrow narrow = wide();
	struct world w = {.points = 20 * POINTS, .events = 0, .bad_point = 123, .bad_event = -1};
	while (!send(&w, &narrow))
		assert_true(w.batches < 100);
	w.points--;
	w.bad_point = -1;
	int before = w.batches;
	while (w.points) {
		assert_false(send(&w, &narrow));
		assert_true(w.batches - before < 100);
	}
	while (narrow_is(&narrow))
		assert_true(narrow_relax(&narrow));
	assert_int_equal(narrow.now.points, POINTS);
	assert_int_equal(narrow.now.events, EVENTS);
}

/* Where no row is guilty all rows pass, without the sessions that are of none of them. */
static void test_a_session_holds_no_row_back(void **state)
{
	(void)state;
	struct narrow narrow = wide();
	struct world w = {.points = POINTS, .events = 3, .bad_point = -1, .bad_event = -1, .bad_session = true};
	while (w.points || w.events) {
		assert_false(send(&w, &narrow));
		assert_true(w.batches < 200);
	}
	assert_true(w.bad_session);
}

static void test_nothing_to_narrow(void **state)
{
	(void)state;
	struct narrow narrow = wide();
	assert_false(narrow_refused(&narrow, 0, 0, false));
	assert_false(narrow_refused(&narrow, 1, 0, true));
	assert_false(narrow_is(&narrow));
	assert_false(narrow_relax(&narrow));
	assert_true(narrow_refused(&narrow, 1, 0, false)); /* but its session may be the culprit */
	assert_true(narrow.now.bare);
}

static void test_halving_ends(void **state)
{
	(void)state;
	struct limits limits = {POINTS, EVENTS, SESSIONS, false};
	int halved = 0;
	while (limits_halve(&limits))
		assert_true(++halved < 20);
	assert_int_equal(limits.points, 1);
	assert_int_equal(limits.events, 1);
	assert_int_equal(limits.sessions, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_culprit),
		cmocka_unit_test(test_widens_again),
		cmocka_unit_test(test_a_session_holds_no_row_back),
		cmocka_unit_test(test_nothing_to_narrow),
		cmocka_unit_test(test_halving_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
