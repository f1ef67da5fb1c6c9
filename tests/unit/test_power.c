/* Inputs of ignition and supply: how they are written, files as they are in sysfs, and what is said of GPIO chips that are not
 * there. Then that a contact which bounces changes once, what the agent is told, and the command for a loss. */
#include "agent/command.h"
#include "agent/inputs.h"
#include "hal/power.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
	(void)state;
	return make_folder("online");
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

static void what_the_agent_is_told(void **state)
{
	(void)state;
	enum { HOLD = 500 };
	static const struct {
		int64_t at_ms;
		const char *text; /* NULL: the file is not there */
		enum input_news news;
		bool on, lost;
	} readings[] = {
		{0, NULL, INPUT_FAILED, false, false},
		{1000, NULL, INPUT_SAME, false, false},
		{2000, "1", INPUT_FIRST, true, false},
		{3000, "0", INPUT_DOUBTFUL, true, false},
		{3200, "0", INPUT_SAME, true, false},
		{3300, "1", INPUT_SAME, true, false},
		{4000, "0", INPUT_DOUBTFUL, true, false},
		{4500, "0", INPUT_CHANGED, false, false},
		{5000, NULL, INPUT_FAILED, false, false},
		{6000, NULL, INPUT_SAME, false, false},
		{7000, "0", INPUT_MENDED, false, false},
		{8000, "0", INPUT_SAME, false, false},
		{9000, NULL, INPUT_FAILED, false, false},
		{9000 + INPUT_LOST_MS - 1, NULL, INPUT_SAME, false, false},
		{9000 + INPUT_LOST_MS, NULL, INPUT_SAME, false, true},
		/* It reads again, but otherwise than before: that has to last. */
		{30000, "1", INPUT_DOUBTFUL, false, true},
		{30500, "1", INPUT_CHANGED, true, false},
		{31000, "?", INPUT_FAILED, true, false},
		{31000 + INPUT_LOST_MS, NULL, INPUT_SAME, true, true},
		{50000, "1", INPUT_MENDED, true, false},
	};
	struct inputs inputs;
	struct conf_unit conf = {.ignition = "none"};
	struct err e;
	snprintf(conf.supply, sizeof conf.supply, "file:%s", path);
	assert_int_equal(inputs_open(&inputs, &conf, &e), 0);
	assert_true(inputs_deadline(&inputs, HOLD) <= POWER_READ_MS);
	for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
		bool on = false;
		unlink(path);
		if (readings[i].text)
			write_text(readings[i].text);
		assert_int_equal(inputs_read(&inputs, INPUT_IGNITION, readings[i].at_ms, HOLD, &on, &e), INPUT_SAME);
		assert_int_equal(inputs_read(&inputs, INPUT_SUPPLY, readings[i].at_ms, HOLD, &on, &e), readings[i].news);
		assert_int_equal(inputs_lost(&inputs, INPUT_SUPPLY), readings[i].lost);
		struct live_input seen = inputs_state(&inputs, INPUT_SUPPLY);
		bool readable = readings[i].text && strcmp(readings[i].text, "?");
		if (readable)
			assert_int_equal(on, readings[i].on);
		assert_int_equal(*seen.problem == '\0', readable);
		assert_int_equal(seen.state, readable ? on : -1);
		bool doubtful = readings[i].news == INPUT_DOUBTFUL;
		if (doubtful || readings[i].news == INPUT_CHANGED)
			assert_true(inputs_deadline(&inputs, HOLD) == readings[i].at_ms + (doubtful ? HOLD : POWER_READ_MS));
	}
	inputs_close(&inputs);
	assert_true(inputs_deadline(&inputs, HOLD) == INT64_MAX);
}

/* Looks, as if it were then, until the command has ended. */
static int ends(struct command *command, int64_t at_ms, struct err *e)
{
	int rc = 0;
	for (int tries = 0; !rc && command->pid && tries < 1000; tries++) {
		rc = command_look(command, at_ms, e);
		usleep(10000);
	}
	assert_int_equal(command->pid, 0);
	return rc;
}

static void a_command_is_run_by_the_shell(void **state)
{
	(void)state;
	struct command command = {0};
	struct err e;
	char text[256], said[64] = "";
	snprintf(text, sizeof text, "read -r line; echo \"<$line> $((6 * 7))\" >%s", path);
	assert_int_equal(command_start(&command, text, 0, &e), 0);
	assert_int_equal(command_start(&command, text, 0, &e), -ERR_BUSY);
	assert_int_equal(ends(&command, 1, &e), 0);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(said, sizeof said, file));
	fclose(file);
	assert_string_equal(said, "<> 42\n");
	assert_int_equal(command_start(&command, "exit 3", 0, &e), 0);
	assert_int_equal(ends(&command, 1, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "it ended with status 3");
	assert_int_equal(command_start(&command, "kill -TERM $$", 0, &e), 0);
	assert_int_equal(ends(&command, 1, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "it was ended by signal 15");
	assert_int_equal(command_look(&command, 1, &e), 0); /* none runs */
}

static void a_command_has_a_minute(void **state)
{
	(void)state;
	struct command command = {0};
	struct err e;
	int ends_of_pipe[2];
	char byte;
	assert_int_equal(pipe(ends_of_pipe), 0);
	assert_int_equal(command_start(&command, "sleep 1000 & sleep 1000", 5000, &e), 0);
	close(ends_of_pipe[1]); /* the other copies of it are in the command and what it has started */
	assert_int_equal(command_look(&command, 5000 + COMMAND_MOST_MS - 1, &e), 0);
	assert_true(command.pid > 0);
	assert_int_equal(command_look(&command, 5000 + COMMAND_MOST_MS, &e), -ERR_INTERNAL);
	assert_string_equal(e.text, "it was ended after 60 s");
	assert_int_equal(command.pid, 0);
	assert_int_equal(read(ends_of_pipe[0], &byte, 1), 0); /* all are gone */
	close(ends_of_pipe[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_inputs_are_written),          cmocka_unit_test(files_say_one_word),
		cmocka_unit_test(a_file_may_come_and_go),          cmocka_unit_test(a_chip_that_is_not_there_is_named),
		cmocka_unit_test(a_state_counts_once_it_has_held), cmocka_unit_test(what_the_agent_is_told),
		cmocka_unit_test(a_command_is_run_by_the_shell),   cmocka_unit_test(a_command_has_a_minute),
	};
	return cmocka_run_group_tests(tests, set_up, remove_folder);
}
