/* Configuration files: defaults, every kind of error with its line, reload, and the samples that are delivered. */
#include "hal/conf_unit.h"
#include "sync/central/conf_central.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
	(void)state;
	return make_folder("alzy.conf");
}

static void write_bytes(const char *bytes, size_t count)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
}

static int load(const char *text, struct conf_unit *conf, struct err *e)
{
	write_bytes(text, strlen(text));
	return conf_load(&conf_unit_table, path, conf, e);
}

static void test_defaults(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit unit;
	struct conf_central central;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &unit, &e), 0);
	assert_string_equal(unit.gnss_source, "gpsd://127.0.0.1:2947");
	assert_int_equal(unit.commit_interval_ms, 20000);
	assert_int_equal(unit.capture_session, CAPTURE_SESSION_AUTO);
	assert_int_equal(conf_load(&conf_central_table, NULL, &central, &e), 0);
	assert_int_equal(central.plain_http, 0);
}

static void test_values(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit conf;
	assert_int_equal(
		load(
			"; a comment\n# another\n\n[store]\npath = /a b/c.db\ncommit_interval=500ms ; why\n"
			"[capture]\n  session = manual\n\tdistance = 7\n[gnss]\nsource = replay:/x=y.json\n[sync]\ninterval = 2h\n",
			&conf, &e),
		0);
	assert_string_equal(conf.store_path, "/a b/c.db");
	assert_string_equal(conf.gnss_source, "replay:/x=y.json");
	assert_int_equal(conf.commit_interval_ms, 500);
	assert_int_equal(conf.capture_session, CAPTURE_SESSION_MANUAL);
	assert_int_equal(conf.distance_m, 7);
	assert_int_equal(conf.sync_interval_ms, 7200000);
	assert_int_equal(conf.commit_points, 1000);
}

/* Each is refused, with its line and a word of help. */
static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *line, *said;
	} files[] = {
		{"[store]\npth = /x\n", ":2:", "path"},
		{"\n[stoer]\npath = /x\n", ":3:", "store"},
		{"path = /x\n", ":1:", ""},
		{"[store]\npath = /x\npath = /y\n", ":3:", "twice"},
		{"[store]\npath = x\n", ":2:", "/"},
		{"[store]\npath\n", ":2:", ""},
		{"[store\n", ":1:", "[section]"},
		{"[gnss]\n[store\npath = /x\n", ":2:", "[section]"},
		{"[store]\ncommit_interval = 20\n", ":2:", "unit"},
		{"[store]\ncommit_interval = 1.5s\n", ":2:", ""},
		{"[store]\ncommit_interval = -1s\n", ":2:", ""},
		{"[store]\ncommit_interval = 11m\n", ":2:", "10m"},
		{"[store]\ncommit_interval = 999999999999999999d\n", ":2:", ""},
		{"[store]\ncommit_points = 0\n", ":2:", "1 to 10000"},
		{"[store]\ncommit_points = 12x\n", ":2:", "whole"},
		{"[store]\ncommit_points =\n", ":2:", "whole"},
		{"[capture]\n\n\nsession = Auto\n", ":4:", "auto|manual"},
		{"[capture]\nsession = auto|manual\n", ":2:", "auto|manual"},
		{"[capture]\nsession =\n", ":2:", "auto|manual"},
		{"[gnss]\nsource = gpsd://host\n", ":2:", "HOST:PORT"},
		{"[gnss]\nsource = gpsd://:2947x\n", ":2:", "HOST:PORT"},
		{"[gnss]\nsource = gpsd://host:0\n", ":2:", "HOST:PORT"},
		{"[gnss]\nsource = gpsd://host:65536\n", ":2:", "HOST:PORT"},
		{"[gnss]\nsource = /dev/ttyUSB0\n", ":2:", "replay:FILE"},
		{"[gnss]\nsource = replay:\n", ":2:", "replay:FILE"},
		{"[sync]\nca_file = ca.pem\n", ":2:", "/"},
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct err e = {0};
		struct conf_unit conf = {.commit_points = 77};
		assert_int_equal(load(files[i].text, &conf, &e), -ERR_CONFIG);
		if (!strstr(e.text, path) || !strstr(e.text, files[i].line) || !strstr(e.text, files[i].said))
			fail_msg("%s: %s", files[i].text, e.text);
		assert_int_equal(conf.commit_points, 77);
	}
}

static void test_lines_that_inih_would_cut(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit conf;
	char text[1024] = "[store]\n# ";
	memset(text + strlen(text), 'x', 400);
	strcat(text, "\npath = /x\n");
	assert_int_equal(load(text, &conf, &e), -ERR_CONFIG);
	assert_non_null(strstr(e.text, ":2:"));
	write_bytes("[store]\npath = /x\0y\n", 20);
	assert_int_equal(conf_load(&conf_unit_table, path, &conf, &e), -ERR_CONFIG);
	assert_int_equal(conf_load(&conf_unit_table, "/nowhere/alzy.conf", &conf, &e), -ERR_CONFIG);
	assert_int_equal(conf_load(&conf_unit_table, folder, &conf, &e), -ERR_CONFIG);
}

/* It can be read once only, and must not count as a file that says nothing. */
static void test_a_pipe(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit conf;
	char name[64];
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "[store]\npath = /x\n", 18), 18);
	close(ends[1]);
	snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
	assert_int_equal(conf_load(&conf_unit_table, name, &conf, &e), -ERR_CONFIG);
	assert_non_null(strstr(e.text, "read twice"));
	close(ends[0]);
}

static void test_reload(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit running, loaded;
	char restart[256];
	assert_int_equal(load("[sync]\ninterval = 5m\n", &running, &e), 0);
	assert_int_equal(load("[sync]\ninterval = 1m\n[store]\npath = /other\n[gnss]\nsource = replay:/x\n", &loaded, &e),
	                 0);
	conf_reload(&conf_unit_table, &running, &loaded, restart, sizeof restart);
	assert_int_equal(running.sync_interval_ms, 60000);
	assert_string_equal(running.store_path, "/var/lib/alzy/store.db");
	assert_string_equal(restart, "gnss.source, store.path");
	conf_reload(&conf_unit_table, &running, &running, restart, sizeof restart);
	assert_string_equal(restart, "");
}

/* What conf_format says can be read again, and means the same. */
static void test_format(void **state)
{
	(void)state;
	static const struct conf_table *const tables[] = {&conf_unit_table, &conf_central_table};
	struct err e = {0};
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct conf_key *key = &tables[t]->keys[i];
			char before[16384] = "", after[16384] = "", value[CONF_TEXT_MAX], file[CONF_TEXT_MAX + 100];
			assert_true(tables[t]->size <= sizeof before);
			assert_int_equal(conf_load(tables[t], NULL, before, &e), 0);
			snprintf(file, sizeof file, "[%s]\n%s = %s\n", key->section, key->name,
			         conf_format(key, before, value, sizeof value));
			write_bytes(file, strlen(file));
			if (conf_load(tables[t], path, after, &e))
				fail_msg("%s", e.text);
			assert_memory_equal(before, after, tables[t]->size);
		}
}

/* A sample can be put into place as it is, and says what holds without it. */
static void test_samples(void **state)
{
	(void)state;
	struct err e = {0};
	struct conf_unit unit = {0}, unit_default = {0};
	struct conf_central central = {0}, central_default = {0};
	if (conf_load(&conf_unit_table, "packaging/samples/alzy.conf", &unit, &e) ||
	    conf_load(&conf_central_table, "packaging/samples/central.conf", &central, &e))
		fail_msg("%s", e.text);
	assert_int_equal(conf_load(&conf_unit_table, NULL, &unit_default, &e), 0);
	assert_int_equal(conf_load(&conf_central_table, NULL, &central_default, &e), 0);
	assert_memory_equal(&unit, &unit_default, sizeof unit);
	assert_memory_equal(&central, &central_default, sizeof central);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),   cmocka_unit_test(test_lines_that_inih_would_cut),
		cmocka_unit_test(test_reload),   cmocka_unit_test(test_format),
		cmocka_unit_test(test_samples),  cmocka_unit_test(test_a_pipe),
	};
	return cmocka_run_group_tests(tests, set_up, remove_folder);
}
