/* What becomes of gpsd's reports, line by line, read from a real file. */
#include "hal/gnss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/alzy-replay-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct gnss *open_file(void)
{
	struct gnss *gnss;
	struct err e;
	char source[64];
	snprintf(source, sizeof source, "replay:%s", path);
	assert_int_equal(gnss_open(&gnss, source, 10000, &e), 0);
	assert_true(gnss_can_wait(gnss));
	return gnss;
}

static struct gnss *open_replay(const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return open_file();
}

static struct gnss_report next(struct gnss *gnss)
{
	struct gnss_report report;
	struct err e;
	bool got;
	assert_int_equal(gnss_read(gnss, 10000, &report, &got, &e), 0);
	assert_true(got);
	return report;
}

/* The one report of a replay of `text`. */
static struct gnss_report only(const char *text)
{
	struct gnss *gnss = open_replay(text);
	struct gnss_report report = next(gnss);
	assert_int_equal(next(gnss).kind, GNSS_END);
	gnss_close(gnss);
	return report;
}

static void the_kinds(struct gnss *gnss, const char *wanted)
{
	for (const char *c = wanted; *c; c++) {
		static const char letters[] = {
			[GNSS_POSITION] = 'P',  [GNSS_NO_FIX] = 'N', [GNSS_SKY] = 'S',  [GNSS_BAD] = 'B', [GNSS_DEVICES] = 'D',
			[GNSS_UNPLUGGED] = 'U', [GNSS_GONE] = 'G',   [GNSS_BACK] = 'K', [GNSS_END] = 'E'};
		assert_int_equal(letters[next(gnss).kind], *c);
	}
	gnss_close(gnss);
}

#define TPV(rest) "{\"class\":\"TPV\",\"mode\":3,\"lat\":46.5,\"lon\":6.25" rest "}\n"

static void every_value_goes_where_it_belongs(void **state)
{
	(void)state;
	struct gnss_report r = only("{\"class\":\"TPV\",\"device\":\"/dev/ttyACM0\",\"status\":2,\"mode\":3,"
	                            "\"time\":\"2025-04-11T23:14:08.250Z\",\"lat\":45.065772049,\"lon\":-7.65906134,"
	                            "\"altHAE\":304.639,\"altMSL\":257.44,\"alt\":1,\"epx\":3,\"epy\":4,\"track\":190.06,"
	                            "\"speed\":12.346,\"eph\":9.26}\n");
	assert_int_equal(r.kind, GNSS_POSITION);
	assert_int_equal(r.mode, 3);
	assert_true(r.has_time && r.mono_ms > 0);
	assert_string_equal(r.device, "/dev/ttyACM0");
	assert_true(r.fix.recorded_at_ms == 1744413248250);
	assert_int_equal(r.fix.lat_e7, 450657720);
	assert_int_equal(r.fix.lng_e7, -76590613);
	assert_int_equal(r.fix.accuracy_dm, 93);
	assert_int_equal(r.fix.speed_cmps, 1235);
	assert_int_equal(r.fix.heading_ddeg, 1901);
	assert_int_equal(r.fix.altitude_dm, 2574);
	assert_int_equal(r.fix.source, POINT_GPS);
	assert_int_equal(r.fix.session, 0);
}

static void what_is_not_there_is_absent(void **state)
{
	(void)state;
	struct gnss_report r = only(TPV(""));
	assert_int_equal(r.kind, GNSS_POSITION);
	assert_false(r.has_time);
	assert_string_equal(r.device, "");
	assert_int_equal(r.fix.accuracy_dm, ROW_ABSENT);
	assert_int_equal(r.fix.speed_cmps, ROW_ABSENT);
	assert_int_equal(r.fix.heading_ddeg, ROW_ABSENT);
	assert_int_equal(r.fix.altitude_dm, ROW_ABSENT);
}

static void second_choices(void **state)
{
	(void)state;
	assert_int_equal(only(TPV(",\"epx\":3,\"epy\":4")).fix.accuracy_dm, 50);
	assert_int_equal(only(TPV(",\"epx\":3")).fix.accuracy_dm, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"altHAE\":-12.3")).fix.altitude_dm, -123);
	assert_int_equal(only(TPV(",\"status\":5")).fix.source, POINT_FUSED);
	assert_int_equal(only(TPV(",\"status\":6")).fix.source, POINT_FUSED);
	assert_int_equal(only(TPV(",\"status\":7")).fix.source, POINT_GPS);
	/* Without a line break at the end of the file, too. */
	assert_int_equal(only("{\"class\":\"TPV\",\"mode\":1}").kind, GNSS_NO_FIX);
	assert_int_equal(only("{\"class\":\"TPV\"}").kind, GNSS_NO_FIX);
}

static void what_is_out_of_range_is_absent(void **state)
{
	(void)state;
	assert_int_equal(only(TPV(",\"speed\":-1")).fix.speed_cmps, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"speed\":1e300")).fix.speed_cmps, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"speed\":\"5\"")).fix.speed_cmps, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"eph\":1e9")).fix.accuracy_dm, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"eph\":-1,\"epx\":3,\"epy\":4")).fix.accuracy_dm, 50);
	assert_int_equal(only(TPV(",\"track\":360")).fix.heading_ddeg, 3600);
	assert_int_equal(only(TPV(",\"track\":361")).fix.heading_ddeg, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"track\":-1")).fix.heading_ddeg, ROW_ABSENT);
	assert_int_equal(only(TPV(",\"altMSL\":-1e12")).fix.altitude_dm, ROW_ABSENT);
	/* A position is not lost for a speed that is NaN, which is no JSON. */
	struct gnss_report r = only(TPV(",\"speed\":NaN,\"track\":-Infinity,\"eph\":nan,\"altMSL\":5,\"datum\":\"nan\""));
	assert_int_equal(r.kind, GNSS_POSITION);
	assert_int_equal(r.fix.speed_cmps, ROW_ABSENT);
	assert_int_equal(r.fix.heading_ddeg, ROW_ABSENT);
	assert_int_equal(r.fix.accuracy_dm, ROW_ABSENT);
	assert_int_equal(r.fix.altitude_dm, 50);
}

static void a_position_that_is_none_is_bad(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"{\"class\":\"TPV\",\"mode\":3}",
		"{\"class\":\"TPV\",\"mode\":2,\"lat\":46.5}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":90.0000001,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":46.5,\"lon\":-180.1}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":NaN,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":1e999,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":\"46.5\",\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":null,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":7,\"lat\":46.5,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":\"3\",\"lat\":46.5,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":2.5,\"lat\":46.5,\"lon\":6}",
		"{\"class\":\"TPV\",\"mode\":3,\"lat\":46.5,\"lon\":6.2", /* cut short: libgps would give the half of it */
		"{\"lat\":46.5}",
		"[1,2,3]",
		"hello",
		"\x01\xff\xfe",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_int_equal(only(lines[i]).kind, GNSS_BAD);
	assert_int_equal(only("{\"class\":\"TPV\",\"mode\":3,\"lat\":-90,\"lon\":180}").fix.lng_e7, 1800000000);
}

static void garbage_is_no_time(void **state)
{
	(void)state;
	static const char *const times[] = {
		"\"1899-12-31T00:00:00.000Z\"",
		"\"1970-01-01T00:00:00.000Z\"",
		"\"2025-13-01T00:00:00Z\"",
		"\"2025-01-01T24:00:00Z\"",
		"\"2025-01-01T00:00:00\"",
		"\"2025-01-01\"",
		"\"NaN\"",
		"NaN",
		"1744413248.25",
		"\"\"",
		"null",
		"\"2025-01-01T00:00:00.1.2Z\"",
		"\"20250101T000000Z\"",
		"\"2025-02-30T00:00:00Z\"",
	};
	char line[256];
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		snprintf(line, sizeof line, "{\"class\":\"TPV\",\"mode\":3,\"lat\":1,\"lon\":2,\"time\":%s}", times[i]);
		struct gnss_report r = only(line);
		assert_int_equal(r.kind, GNSS_POSITION);
		assert_false(r.has_time);
	}
	/* Rounded, and with any number of digits. */
	assert_true(only(TPV(",\"time\":\"1970-01-01T00:00:01.9996Z\"")).fix.recorded_at_ms == 2000);
	assert_true(only(TPV(",\"time\":\"1970-01-01T00:00:01Z\"")).fix.recorded_at_ms == 1000);
	assert_true(only(TPV(",\"time\":\"2016-12-31T23:59:60.5Z\"")).has_time);
}

static void satellites(void **state)
{
	(void)state;
	struct gnss_report r = only("{\"class\":\"SKY\",\"device\":\"a\",\"hdop\":0.87,\"nSat\":20,\"uSat\":11}\n");
	assert_int_equal(r.kind, GNSS_SKY);
	assert_int_equal(r.hdop_centi, 87);
	assert_int_equal(r.satellites_seen, 20);
	assert_int_equal(r.satellites_used, 11);
	r = only("{\"class\":\"SKY\",\"satellites\":[{\"PRN\":1,\"used\":true},{\"PRN\":2,\"used\":false}]}\n");
	assert_int_equal(r.satellites_seen, 2);
	assert_int_equal(r.satellites_used, 1);
	assert_int_equal(r.hdop_centi, ROW_ABSENT);
	/* What gpsd has counted itself is not looked at, wherever it stands; and nothing behind it is lost. */
	r = only("{\"class\":\"SKY\",\"nSat\":3,\"uSat\":2,\"satellites\": "
	         "[{\"PRN\":1,\"used\":true},{\"PRN\":x}],\"hdop\":2}\n");
	assert_int_equal(r.satellites_seen, 3);
	assert_int_equal(r.satellites_used, 2);
	assert_int_equal(r.hdop_centi, 200);
	r = only("{\"class\":\"SKY\",\"nSat\":3,\"uSat\":2,\"satellites\":[{\"a\":\"]\"},{\"b\":[1]}],\"hdop\":2}\n");
	assert_int_equal(r.hdop_centi, 200);
	r = only("{\"class\":\"SKY\"}\n");
	assert_int_equal(r.satellites_seen, -1);
}

static void lines_of_every_kind(void **state)
{
	(void)state;
	the_kinds(
		open_replay("{\"class\":\"VERSION\",\"release\":\"3.22\"}\r\n{\"class\":\"DEVICES\",\"devices\":[]}\r\n"
	                "\r\n  \n" TPV("") "garbage\n{\"class\":\"PPS\"}\n" TPV(
						"") "{\"class\":\"DEVICE\",\"path\":\"/dev/a\",\"activated\":0}\n"
	                        "{\"class\":\"DEVICE\",\"path\":\"/dev/a\",\"activated\":\"2026-11-22T02:58:26.731Z\"}\n"
	                        "{\"class\":\"TELEPATHY\",\"mode\":3,\"lat\":[1,{}]}\n"),
		"DPBPUDE");
	/* Two objects on one line are two reports, and what follows them is looked at too. */
	the_kinds(
		open_replay("{\"class\":\"TPV\",\"mode\":1} {\"class\":\"SKY\"}{\"class\":\"TPV\",\"mode\":0} x\n" TPV("")),
		"NSNBPE");
	the_kinds(open_replay(""), "EE");
	the_kinds(open_replay("\n\n"), "E");
}

static void write_long(FILE *file, size_t length)
{
	fputs("{\"class\":\"TPV\",\"mode\":1,\"x\":\"", file);
	for (size_t i = 0; i < length; i++)
		fputc('x', file);
	fputs("\"}\n", file);
}

static void a_line_too_long_is_one_bad_report(void **state)
{
	(void)state;
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(TPV(""), file);
	write_long(file, 60000); /* fits */
	write_long(file, 70000);
	fputs(TPV(""), file);
	write_long(file, 1000000);
	fputs(TPV(""), file);
	for (int i = 0; i < 200000; i++)
		fputc('y', file);
	assert_int_equal(fclose(file), 0);
	the_kinds(open_file(), "PNBPBPBE");
}

static void nesting_without_end_is_bad(void **state)
{
	(void)state;
	static char line[65000];
	memset(line, '[', sizeof line - 1);
	assert_int_equal(only(line).kind, GNSS_BAD);
}

static void sources_that_can_not_be(void **state)
{
	(void)state;
	static const struct {
		const char *source;
		enum err_code code;
	} sources[] = {{"replay:/no/such/file", ERR_NOT_FOUND},
	               {"replay:/", ERR_IO},
	               {"gpsd://localhost", ERR_GNSS},
	               {"gpsd://:2947", ERR_GNSS},
	               {"tcp://x", ERR_GNSS},
	               {"gpsd://h:", ERR_GNSS}};
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		struct gnss *gnss = NULL;
		struct err e;
		assert_int_equal(gnss_open(&gnss, sources[i].source, 10000, &e), -(int)sources[i].code);
		assert_null(gnss);
	}
	gnss_close(NULL);
}

static void waking_ends_a_wait(void **state)
{
	(void)state;
	/* A fifo that somebody holds open, and says nothing, makes a reader wait. */
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	FILE *quiet = fopen(path, "r+e");
	assert_non_null(quiet);
	struct gnss *gnss = open_file();
	struct gnss_report report;
	struct err e;
	bool got = true;
	assert_int_equal(gnss_read(gnss, 10, &report, &got, &e), 0);
	assert_false(got);
	gnss_wake(gnss);
	assert_int_equal(gnss_read(gnss, 1000000, &report, &got, &e), 0);
	assert_false(got);
	fputs(TPV(""), quiet);
	fflush(quiet);
	assert_int_equal(next(gnss).kind, GNSS_POSITION);
	gnss_close(gnss);
	fclose(quiet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_goes_where_it_belongs),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(second_choices),
		cmocka_unit_test(what_is_out_of_range_is_absent),
		cmocka_unit_test(a_position_that_is_none_is_bad),
		cmocka_unit_test(garbage_is_no_time),
		cmocka_unit_test(satellites),
		cmocka_unit_test(lines_of_every_kind),
		cmocka_unit_test(a_line_too_long_is_one_bad_report),
		cmocka_unit_test(nesting_without_end_is_bad),
		cmocka_unit_test(sources_that_can_not_be),
		cmocka_unit_test(waking_ends_a_wait),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
