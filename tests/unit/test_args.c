/* Command lines: what is understood, and that what is not is named. */
#include "hal/args.h"
#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct got {
	bool json, has_lat;
	const char *word, *user;
	int64_t limit, from_ms;
	int32_t lat_e7;
};

/* Reads a command line, given as one text with words apart by '|', as a verb would. */
static int read_line(const char *line, struct got *got, struct err *e)
{
	static char copy[512];
	char *argv[16] = {"verb"};
	int argc = 1;
	bool help;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *rest = copy, *word; *copy && (word = strsep(&rest, "|"));)
		argv[argc++] = word;
	*got = (struct got){.limit = 20};
	const struct arg args[] = {
		{"--json", ARG_FLAG, &got->json, .help = ""},
		{"--user", ARG_TEXT, &got->user, "USER", .help = ""},
		{"--limit", ARG_COUNT, &got->limit, "N", .help = ""},
		{"--lat", ARG_DEGREES, &got->lat_e7, "DEGREES", .help = "", .given = &got->has_lat},
		{"--from", ARG_TIME, &got->from_ms, "TIME", .help = ""},
		{"WORD", ARG_TEXT, &got->word, .help = "", .required = true},
	};
	return args_read(argc, argv, "alzy verb", "", args, 6, NULL, &help, e);
}

static void test_options_and_words(void **state)
{
	(void)state;
	struct err e = {0};
	struct got got;
	assert_int_equal(read_line("--json|here|--user|ana|--limit=5|--lat|-25.4518370", &got, &e), 0);
	assert_true(got.json && got.has_lat);
	assert_string_equal(got.word, "here");
	assert_string_equal(got.user, "ana");
	assert_int_equal(got.limit, 5);
	assert_int_equal(got.lat_e7, -254518370);
	assert_int_equal(read_line("here", &got, &e), 0);
	assert_true(!got.json && !got.has_lat && got.limit == 20 && !got.user);
	assert_int_equal(read_line("--|--json", &got, &e), 0);
	assert_string_equal(got.word, "--json");
	assert_int_equal(read_line("-", &got, &e), 0);
	assert_string_equal(got.word, "-");
}

static void test_bad_lines_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *line, *named;
	} lines[] = {
		{"", "WORD"},
		{"a|b", "b"},
		{"a|--jsn", "--jsn"},
		{"a|--json=1", "--json"},
		{"a|--user", "USER"},
		{"a|--user|--json", "USER"},
		{"a|--lat|--from", "DEGREES"},
		{"a|--limit|-1", "-1"},
		{"a|--limit|5x", "5x"},
		{"a|--limit|99999999999999999999", "--limit"},
		{"a|--limit|", "--limit"},
		{"a|--lat|north", "north"},
		{"a|--lat|180.0000001", "--lat"},
		{"a|--lat|1e2", "1e2"},
		{"a|--lat|.", "--lat"},
		{"a|--lat|1,5", "1,5"},
		{"a|--from|yesterday", "yesterday"},
	};
	struct got got;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct err e = {0};
		assert_int_equal(read_line(lines[i].line, &got, &e), -ERR_USAGE);
		assert_non_null(strstr(e.text, lines[i].named));
	}
}

static void test_degrees_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int32_t e7;
	} places[] = {{"0", 0},
	              {"180", LNG_E7_MAX},
	              {"-180.0", -LNG_E7_MAX},
	              {"0.0000001", 1},
	              {"-0.0000001", -1},
	              {"+7.5", 75000000},
	              {".5", 5000000},
	              {"52.", 520000000},
	              {"0.1", 1000000},
	              {"13.40499999", 134050000},
	              {"0.00000005", 1},
	              {"0.00000004999", 0},
	              {"89.9999999", 899999999}};
	struct err e = {0};
	struct got got;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char line[64];
		snprintf(line, sizeof line, "a|--lat|%s", places[i].text);
		assert_int_equal(read_line(line, &got, &e), 0);
		assert_int_equal(got.lat_e7, places[i].e7);
	}
}

static void test_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {{"1970-01-01", 0},
	             {"1970-01-01T00:00:00Z", 0},
	             {"2026-11-21T23:33:00.123Z", INT64_C(1795303980123)},
	             {"2026-11-21T23:33:00.1235Z", INT64_C(1795303980124)},
	             {"2026-11-21T23:33:59.9996Z", INT64_C(1795304040000)},
	             {"2026-11-22T00:33:00+01:00", INT64_C(1795303980000)},
	             {"2026-11-21t23:33:00z", INT64_C(1795303980000)},
	             {"2026-11-21 23:33:00Z", INT64_C(1795303980000)},
	             {"2024-02-29", INT64_C(1709164800000)},
	             {"0001-01-01", TIME_MS_MIN},
	             {"9999-12-31T23:59:59.999999Z", TIME_MS_MAX}};
	static const char *const wrong[] = {"",
	                                    "2026",
	                                    "2026-13-01",
	                                    "2026-02-29",
	                                    "2026-11-21T",
	                                    "2026-11-21T25:00:00Z",
	                                    "2026-11-21T10:00:00",
	                                    "2026-11-21T10:00:00.Z",
	                                    "2026-11-21T10:00:00+1:00",
	                                    "2026-11-21T10:00:00Zx",
	                                    "0000-01-01",
	                                    "21.11.2026"};
	struct err e = {0};
	int64_t ms;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		assert_int_equal(args_parse_time(times[i].text, &ms, &e), 0);
		assert_true(ms == times[i].ms);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(args_parse_time(wrong[i], &ms, &e), -ERR_USAGE);
}

static void test_times_are_read_as_they_are_written(void **state)
{
	(void)state;
	struct err e = {0};
	char text[TIME_TEXT];
	int64_t ms;
	for (int64_t at = TIME_MS_MIN; at <= TIME_MS_MAX; at += INT64_C(86400000) * 97 + 12345678) {
		assert_int_equal(args_parse_time(time_format(at, text), &ms, &e), 0);
		assert_true(ms == at);
	}
}

static const char *ran;

static int run_one(int argc, char **argv, struct err *e)
{
	(void)e;
	ran = argc > 1 ? argv[1] : argv[0];
	return 0;
}

static int run_two(int argc, char **argv, struct err *e)
{
	(void)argc;
	ran = argv[0];
	return err_set(e, ERR_STATE, "not now");
}

static int main_line(const char *line)
{
	static char copy[256];
	static const struct verb verbs[] = {{"one", run_one, ""}, {"two words", run_two, ""}};
	char *argv[8] = {"program"};
	int argc = 1;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *rest = copy, *word; *copy && (word = strsep(&rest, " "));)
		argv[argc++] = word;
	ran = NULL;
	return args_main(argc, argv, "program", "", verbs, 2);
}

static void test_verbs(void **state)
{
	(void)state;
	unsetenv("ALZY_CONFIG");
	assert_int_equal(main_line("one word"), 0);
	assert_string_equal(ran, "word");
	assert_int_equal(main_line("two words"), ERR_STATE);
	assert_string_equal(ran, "words");
	assert_int_equal(main_line("two"), ERR_USAGE);
	assert_int_equal(main_line("two others"), ERR_USAGE);
	assert_int_equal(main_line("three"), ERR_USAGE);
	assert_int_equal(main_line(""), ERR_USAGE);
	assert_null(ran);
	assert_null(getenv("ALZY_CONFIG"));
	assert_int_equal(main_line("--config /etc/other one"), 0);
	assert_string_equal(getenv("ALZY_CONFIG"), "/etc/other");
	assert_string_equal(ran, "one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_and_words),
		cmocka_unit_test(test_bad_lines_are_named),
		cmocka_unit_test(test_degrees_are_exact),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_are_read_as_they_are_written),
		cmocka_unit_test(test_verbs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
