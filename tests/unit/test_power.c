/* Inputs of ignition and supply: how they are written, files as they are in sysfs, and what is said of GPIO chips that are not
 * there. Then that a contact which bounces changes once. */
#include "agent/debounce.h"
#include "hal/power.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/alzy-power-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/online", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct power_input *open_input(const char *form, const char *what)
{
	char spec[512];
	struct power_input *input;
	struct err e;
	snprintf(spec, sizeof spec, form, what);
	assert_int_equal(power_open(&input, spec, &e), 0);
	return input;
}

static void how_inputs_are_written(void **state)
{
	(void)state;
	static const char *const right[] = {
		"none", "gpio:gpiochip0/17", "!gpio:gpiochip0/17", "gpio:/dev/gpiochip4/0", "file:/sys/x/online", "!file:/a b",
	};
	static const char *const wrong[] = {
		"",         "!",
		"!none",    "None",
		"gpio:",    "gpio:gpiochip0",
		"gpio:/17", "gpio:gpiochip0/",
		"file:",    "file:online",
		"pin:17",   "gpio:gpiochip0/17a",
		"/sys/x",   "gpio:gpiochip0/-1",
		" none",    "gpio:gpiochip0/65536",
		"!!file:/", "gpio:gpiochip0/4294967297",
	};
	struct err e;
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_int_equal(power_check(right[i], &e), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct power_input *untouched = NULL;
		assert_int_equal(power_check(wrong[i], &e), -ERR_CONFIG);
		assert_non_null(strstr(e.text, "write none, gpio:CHIP/LINE or file:/PATH"));
		assert_int_equal(power_open(&untouched, wrong[i], &e), -ERR_CONFIG);
		assert_null(untouched);
	}
	char longer[400] = "file:/";
	memset(longer + 6, 'x', 300);
	assert_int_equal(power_check(longer, &e), -ERR_CONFIG);
	memcpy(longer, "gpio:x", 6);
	strcpy(longer + 300, "/1");
	assert_int_equal(power_check(longer, &e), -ERR_CONFIG);
	assert_null(open_input("none", ""));
	power_close(NULL);
}

static void files_say_one_word(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int says; /* 1 on, 0 off, -1 neither */
	} texts[] = {
		{"1\n", 1},
		{"0\n", 0},
		{"1", 1},
		{"on\n", 1},
		{"OFF\n", 0},
		{"Charging\n", 1},
		{"Full\n", 1},
		{"Discharging", 0},
		{"Not charging\n", 1},
		{"Unknown", -1},
		{"", -1},
		{"\n", -1},
		{"10\n", -1},
		{"0\n1\n", 0},
		{" 1\n", -1},
		{"nothing of the kind, and much longer than any of the words would ever be in any file", -1},
	};
	struct power_input *plain = open_input("file:%s", path), *inverted = open_input("!file:%s", path);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct err e;
		bool on = false;
		write_text(texts[i].text);
		if (texts[i].says < 0) {
			assert_int_equal(power_read(plain, &on, &e), -ERR_INVALID);
			assert_non_null(strstr(e.text, path));
			continue;
		}
		assert_int_equal(power_read(plain, &on, &e), 0);
		assert_int_equal(on, texts[i].says);
		assert_int_equal(power_read(inverted, &on, &e), 0);
		assert_int_equal(on, !texts[i].says);
	}
	assert_int_equal(power_fd(plain), -1);
	power_close(plain);
	power_close(inverted);
}

static void a_file_may_come_and_go(void **state)
{
	(void)state;
	struct err e;
	bool on = true;
	struct power_input *input = open_input("file:%s", path);
	unlink(path);
	assert_int_equal(power_read(input, &on, &e), -ERR_NOT_FOUND);
	write_text("0\n");
	assert_int_equal(power_read(input, &on, &e), 0);
	assert_false(on);
	/* Nobody writes into a FIFO, and it is no reason to wait. */
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(power_read(input, &on, &e), -ERR_INVALID);
	power_close(input);
}

static void a_chip_that_is_not_there_is_named(void **state)
{
	(void)state;
	struct err e;
	bool on = true;
	struct power_input *missing = open_input("gpio:%s/3", "gpiochip99"), *other = open_input("gpio:%s/3", "null");
	struct power_input *file = open_input("gpio:%s/3", path);
	unlink(path);
	write_text("1");
	for (int again = 0; again < 2; again++) {
		assert_int_equal(power_read(missing, &on, &e), -ERR_NOT_FOUND);
		assert_string_equal(e.text, "can't open /dev/gpiochip99: No such file or directory");
		assert_int_equal(power_fd(missing), -1);
		assert_int_equal(power_read(other, &on, &e), -ERR_IO);
		assert_non_null(strstr(e.text, "can't have line 3 of /dev/null as an input: "));
		assert_int_equal(power_read(file, &on, &e), -ERR_IO);
	}
	assert_true(on);
	power_close(missing);
	power_close(other);
	power_close(file);
}

static void a_state_counts_once_it_has_held(void **state)
{
	(void)state;
	enum { HOLD = 500 };
	static const struct {
		int64_t at_ms;
		bool on, changes;
	} readings[] = {
		{0, true, true},     {100, true, false},  {200, false, false}, {300, true, false},
		{400, false, false}, {899, false, false}, {900, false, true},  {950, true, false},
		{960, false, false}, {1000, true, false}, {9000, true, true},  {9001, true, false},
	};
	struct debounce debounce = {0};
	assert_true(debounce_deadline(&debounce, HOLD) == INT64_MAX);
	for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
		assert_int_equal(debounce_feed(&debounce, readings[i].on, readings[i].at_ms, HOLD), readings[i].changes);
		if (readings[i].at_ms == 400)
			assert_true(debounce_deadline(&debounce, HOLD) == 900);
	}
	assert_true(debounce_deadline(&debounce, HOLD) == INT64_MAX);
	assert_true(debounce_feed(&debounce, false, 10000, 0)); /* without holding, at once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_inputs_are_written),          cmocka_unit_test(files_say_one_word),
		cmocka_unit_test(a_file_may_come_and_go),          cmocka_unit_test(a_chip_that_is_not_there_is_named),
		cmocka_unit_test(a_state_counts_once_it_has_held),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
