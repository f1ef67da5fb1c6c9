/* Sets of seq against the plainest thing that does the same: one flag for each number. */
#include "hal/ranges.h"
#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNIVERSE = 200 };

struct flags {
	bool in[UNIVERSE + 2]; /* 1..UNIVERSE */
};

static void add(struct ranges *set, int64_t first, int64_t last)
{
	struct err e = {0};
	if (ranges_add(set, first, last, &e))
		fail_msg("%s", e.text);
}

static void assert_same(const struct ranges *set, const struct flags *flags)
{
	int64_t total = 0, highest = 0;
	for (int64_t seq = 0; seq <= UNIVERSE + 1; seq++) {
		assert_int_equal(ranges_contain(set, seq), flags->in[seq]);
		if (seq)
			assert_int_equal(ranges_cover(set, seq - 1, seq), flags->in[seq - 1] && flags->in[seq]);
		total += flags->in[seq];
		if (flags->in[seq])
			highest = seq;
	}
	assert_int_equal(ranges_total(set), total);
	assert_int_equal(ranges_highest(set), highest);
	for (size_t i = 0; i < set->count; i++) {
		assert_true(set->items[i].first <= set->items[i].last);
		if (i)
			assert_true(set->items[i].first > set->items[i - 1].last + 1); /* sorted, apart, not even touching */
	}
}

static void make_random(struct ranges *set, struct flags *flags)
{
	*flags = (struct flags){0};
	for (int n = rand() % 30; n > 0; n--) {
		int64_t first = 1 + rand() % UNIVERSE, last = first + rand() % (1 + rand() % 30);
		if (last > UNIVERSE)
			last = UNIVERSE;
		add(set, first, last);
		for (int64_t seq = first; seq <= last; seq++)
			flags->in[seq] = true;
	}
	assert_same(set, flags);
}

static void check_arithmetic(const struct ranges *a, const struct flags *fa, const struct ranges *b,
                             const struct flags *fb)
{
	struct ranges less = {0}, both = {0}, either = {0};
	struct flags fless = {0}, fboth = {0}, feither = {0};
	for (int seq = 1; seq <= UNIVERSE; seq++) {
		fless.in[seq] = fa->in[seq] && !fb->in[seq];
		fboth.in[seq] = fa->in[seq] && fb->in[seq];
		feither.in[seq] = fa->in[seq] || fb->in[seq];
	}
	assert_int_equal(ranges_subtract(&less, a, b, NULL), 0);
	assert_int_equal(ranges_intersect(&both, a, b, NULL), 0);
	assert_int_equal(ranges_copy(&either, a, NULL), 0);
	assert_true(ranges_equal(&either, a));
	assert_int_equal(ranges_add_all(&either, b, NULL), 0);
	assert_same(&less, &fless);
	assert_same(&both, &fboth);
	assert_same(&either, &feither);
	assert_int_equal(ranges_equal(a, b), !memcmp(fa, fb, sizeof *fa));
	assert_int_equal(ranges_remove(&either, b, NULL), 0);
	assert_same(&either, &fless);
	ranges_free(&less);
	ranges_free(&both);
	ranges_free(&either);
}

static void check_take(const struct ranges *set, const struct flags *flags, int64_t most)
{
	struct ranges taken = {0};
	struct flags wanted = {0};
	int64_t left = most;
	for (int seq = 1; seq <= UNIVERSE; seq++)
		wanted.in[seq] = flags->in[seq] && left-- > 0;
	assert_int_equal(ranges_take(&taken, set, most, NULL), 0);
	assert_same(&taken, &wanted);
	ranges_free(&taken);
}

static void test_random_sets_are_what_flags_say(void **state)
{
	(void)state;
	srand(20261121);
	for (int round = 0; round < 3000; round++) {
		struct ranges a = {0}, b = {0};
		struct flags fa, fb;
		make_random(&a, &fa);
		make_random(&b, &fb);
		check_arithmetic(&a, &fa, &b, &fb);
		check_take(&a, &fa, rand() % UNIVERSE);
		ranges_free(&a);
		ranges_free(&b);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct ranges set = {0};
	struct err e = {0};
	assert_int_equal(ranges_add(&set, 0, 1, &e), -ERR_INVALID);
	assert_int_equal(ranges_add(&set, 2, 1, &e), -ERR_INVALID);
	assert_int_equal(ranges_add(&set, -5, -1, &e), -ERR_INVALID);
	assert_int_equal(ranges_add(&set, 1, SEQ_MAX + 1, &e), -ERR_INVALID);
	assert_int_equal(ranges_add(&set, INT64_MIN, INT64_MAX, &e), -ERR_INVALID);
	assert_int_equal(set.count, 0);
	assert_int_equal(ranges_highest(&set), 0);
	add(&set, SEQ_MAX, SEQ_MAX);
	add(&set, 1, 1);
	assert_int_equal(ranges_total(&set), 2);
	add(&set, 1, SEQ_MAX);
	assert_int_equal(set.count, 1);
	assert_true(ranges_total(&set) == SEQ_MAX && ranges_highest(&set) == SEQ_MAX);
	ranges_free(&set);
	ranges_free(&set);
	ranges_free(NULL);
}

static void test_too_many_fragments_are_refused_and_the_rest_stays(void **state)
{
	(void)state;
	struct ranges set = {0}, all = {0}, holes = {0};
	struct err e = {0};
	for (int64_t i = 1; i <= RANGES_MAX; i++)
		add(&set, 2 * i, 2 * i);
	assert_int_equal(ranges_add(&set, 1000000, 1000000, &e), -ERR_LIMIT);
	assert_int_equal(set.count, RANGES_MAX);
	add(&set, 3, 3); /* what joins ranges is no further fragment */
	assert_int_equal(set.count, RANGES_MAX - 1);
	add(&set, 1000000, 1000000);
	add(&all, 1, SEQ_MAX);
	assert_int_equal(ranges_subtract(&holes, &all, &set, &e), -ERR_LIMIT);
	assert_int_equal(holes.count, RANGES_MAX);
	ranges_free(&set);
	ranges_free(&all);
	ranges_free(&holes);
}

static void test_format(void **state)
{
	(void)state;
	struct ranges set = {0};
	char text[200], small[20];
	assert_string_equal(ranges_format(&set, text, sizeof text), "none");
	add(&set, 1, 5);
	add(&set, 8, 8);
	add(&set, 10, 12);
	assert_string_equal(ranges_format(&set, text, sizeof text), "1-5, 8, 10-12");
	for (int64_t i = 1; i < 50; i++)
		add(&set, i * 100, i * 100 + 7);
	for (size_t size = 1; size <= sizeof small; size++) {
		memset(small, '#', sizeof small);
		ranges_format(&set, small, size);
		assert_non_null(memchr(small, '\0', size));
		for (size_t i = size; i < sizeof small; i++)
			assert_int_equal(small[i], '#');
	}
	ranges_format(&set, text, sizeof text);
	assert_non_null(strstr(text, "100-107"));
	assert_string_equal(text + strlen(text) - strlen("…"), "…");
	ranges_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sets_are_what_flags_say),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_too_many_fragments_are_refused_and_the_rest_stays),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
