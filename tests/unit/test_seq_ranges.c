/* Multiranges as Postgres writes them. */
#include "sync/central/seq_ranges.h"

#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void texts_come_back(void **state)
{
	static const char *const texts[] = {"{}", "{[1,2)}", "{[1,11),[20,21),[300,1099511627776)}"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct ranges set = {0};
		struct buffer text = {0};
		struct err e = {0};
		assert_int_equal(seq_ranges_parse(texts[i], &set, &e), 0);
		assert_int_equal(seq_ranges_format(&set, &text, &e), 0);
		assert_string_equal((char *)text.bytes, texts[i]);
		ranges_free(&set);
		buffer_free(&text);
	}
}

static void values_are_inclusive(void **state)
{
	struct ranges set = {0};
	(void)state;
	assert_int_equal(seq_ranges_parse("{[1,11),[20,21)}", &set, NULL), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.items[0].first, 1);
	assert_int_equal(set.items[0].last, 10);
	assert_int_equal(set.items[1].first, 20);
	assert_int_equal(set.items[1].last, 20);
	ranges_free(&set);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[1,2)",
		"{[1,2)",
		"{[1,2)}x",
		"{[0,2)}",
		"{(1,2)}",
		"{[1,2]}",
		"{[2,1)}",
		"{[1,)}",
		"{[,3)}",
		"{[1,2),}",
		"{[1,2)[5,6)}",
		"{[1,1099511627777)}",
		"{[-5,3)}",
		"{[1,2) }",
		"{[1,2),[3,4)",
		"{[1,99999999999999999999)}",
		"{empty}",
		"{[1 ,2)}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct ranges set = {0};
		struct err e = {0};
		if (seq_ranges_parse(texts[i], &set, &e) != -ERR_INVALID)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_null(set.items);
	}
}

static void too_many_are_refused(void **state)
{
	struct buffer text = {0};
	struct ranges set = {0};
	struct err e = {0};
	(void)state;
	buffer_append(&text, "{", 1, &e);
	for (int i = 0; i <= 2 * RANGES_MAX; i++) {
		char part[64];
		int length = snprintf(part, sizeof part, "%s[%d,%d)", i ? "," : "", 2 * i + 1, 2 * i + 2);
		assert_int_equal(buffer_append(&text, part, (size_t)length, &e), 0);
	}
	buffer_append(&text, "}", 2, &e);
	assert_int_equal(seq_ranges_parse((char *)text.bytes, &set, &e), -ERR_LIMIT);
	buffer_free(&text);
}

static void ends_become_arrays(void **state)
{
	struct ranges set = {0};
	struct buffer firsts = {0}, lasts = {0};
	(void)state;
	assert_int_equal(seq_ranges_parse("{[1,11),[20,21)}", &set, NULL), 0);
	assert_int_equal(seq_ranges_arrays(&set, INT64_C(3) << 40, &firsts, &lasts, NULL), 0);
	assert_string_equal((char *)firsts.bytes, "{3298534883329,3298534883348}");
	assert_string_equal((char *)lasts.bytes, "{3298534883338,3298534883348}");
	ranges_free(&set);
	buffer_free(&firsts);
	buffer_free(&lasts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back),         cmocka_unit_test(values_are_inclusive),
		cmocka_unit_test(what_is_none_is_refused), cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(ends_become_arrays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
