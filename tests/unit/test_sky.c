/* The sky on a terminal: what is read from gpsd's JSON, where it is drawn, and that nothing is wider than a line. */
#include "agent/cli/sky.h"
#include "agent/sight.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct satellite satellites[SKY_SATELLITES_MAX];
static char lines[SKY_ROWS][SKY_LINE];

static size_t draw(const char *json)
{
	size_t count = sky_read(json, strlen(json), satellites);
	sky_draw(satellites, count, lines);
	return count;
}

static void satellites_have_the_names_that_people_know(void **state)
{
	(void)state;
	static const char json[] =
		"[{\"PRN\":5,\"el\":33.0,\"az\":116.0,\"ss\":21.0,\"used\":false,\"gnssid\":0,\"svid\":5},"
		"{\"PRN\":70,\"el\":10.0,\"az\":0.0,\"ss\":40.5,\"used\":true,\"gnssid\":6,\"svid\":6,\"freqid\":3},"
		"{\"PRN\":301,\"el\":90.0,\"az\":360.0,\"ss\":44.0,\"used\":true,\"gnssid\":2,\"svid\":1},"
		"{\"PRN\":133,\"used\":false,\"gnssid\":1,\"svid\":133},"
		"{\"PRN\":17,\"el\":-91,\"az\":400,\"ss\":-1,\"used\":true},"
		"\"no satellite\",{\"gnssid\":99,\"svid\":1}]";
	assert_int_equal(draw(json), 6);
	assert_string_equal(satellites[0].name, "E01"); /* used and strong */
	assert_string_equal(satellites[1].name, "R06");
	assert_string_equal(satellites[2].name, "17"); /* gpsd does not know the system */
	assert_true(isnan(satellites[2].elevation_deg) && isnan(satellites[2].azimuth_deg) &&
	            isnan(satellites[2].snr_dbhz));
	assert_string_equal(satellites[3].name, "G05");
	assert_string_equal(satellites[5].name, "S133");
	cJSON *list = sky_json(satellites, 6);
	char *text = cJSON_PrintUnformatted(cJSON_GetArrayItem(list, 5));
	assert_string_equal(
		text, "{\"name\":\"S133\",\"prn\":133,\"elevation\":null,\"azimuth\":null,\"snr\":null,\"used\":false}");
	free(text);
	cJSON_Delete(list);
}

static void nothing_is_no_sky(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "[]", "[{", "{}", "null", "[1,2,[]]", "[{\"PRN\":1}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(draw(texts[i]), 0);
	cJSON *list = sky_json(NULL, 0);
	assert_true(cJSON_IsNull(list));
	cJSON_Delete(list);
	assert_non_null(strchr(lines[0], 'N'));
}

/* The letter of a satellite stands where it is. */
static void north_is_up_and_east_is_right(void **state)
{
	(void)state;
	static const struct {
		int elevation, azimuth, row, column;
	} places[] = {{90, 0, 8, 16}, {0, 0, 0, 16}, {0, 90, 8, 32}, {0, 180, 16, 16}, {0, 270, 8, 0}, {45, 90, 8, 24}};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char json[128];
		snprintf(json, sizeof json, "[{\"gnssid\":0,\"svid\":12,\"el\":%d,\"az\":%d,\"used\":true}]",
		         places[i].elevation, places[i].azimuth);
		assert_int_equal(draw(json), 1);
		assert_int_equal(strncmp(lines[places[i].row] + places[i].column, "G12", 3), 0);
	}
	assert_non_null(strstr(lines[1], "G12*"));
	/* Below the horizon there is nothing to draw. */
	draw("[{\"gnssid\":0,\"svid\":12,\"el\":-5,\"az\":90,\"used\":false}]");
	for (int row = 0; row < SKY_ROWS; row++)
		assert_true(!strstr(lines[row], "g12") || row == 1);
}

static void a_line_is_never_too_long(void **state)
{
	(void)state;
	for (int count = 0; count < 300; count += 7) {
		char json[40000] = "[";
		size_t used = 1;
		for (int i = 0; i < count; i++)
			used += (size_t)snprintf(
				json + used, sizeof json - used,
				"%s{\"PRN\":99999,\"gnssid\":1,\"svid\":999,\"el\":%d,\"az\":%d,\"ss\":254,\"used\":true}",
				i ? "," : "", i % 91, i * 7 % 361);
		snprintf(json + used, sizeof json - used, "]");
		assert_int_equal(draw(json), count < SKY_SATELLITES_MAX ? count : SKY_SATELLITES_MAX);
		for (int row = 0; row < SKY_ROWS; row++)
			assert_true(strlen(lines[row]) <= SKY_WIDTH);
	}
}

static void each_cause_has_its_word(void **state)
{
	(void)state;
	static const struct {
		struct gnss_report report;
		const char *word;
		enum gnss_silence stuck;
	} steps[] = {
		{{.kind = GNSS_GONE}, "gpsd_gone", GNSS_HEARD},
		{{.kind = GNSS_BACK}, "waiting", GNSS_HEARD},
		{{.kind = GNSS_SILENT, .silence = GNSS_SILENT_NONE}, "no_receiver", GNSS_HEARD},
		{{.kind = GNSS_NO_FIX, .device = "a", .mode = 1}, "no_fix", GNSS_HEARD},
		{{.kind = GNSS_POSITION, .device = "a", .mode = 2}, "2d", GNSS_HEARD},
		{{.kind = GNSS_POSITION, .device = "a", .mode = 3}, "3d", GNSS_HEARD},
		{{.kind = GNSS_SKY, .device = "a", .satellites_seen = 9}, "3d", GNSS_HEARD},
		{{.kind = GNSS_SKY, .device = "a", .satellites_seen = 9}, "receiver_stuck", GNSS_SILENT_STUCK},
		{{.kind = GNSS_POSITION, .device = "a", .mode = 3}, "no_time", GNSS_SILENT_NO_TIME},
		{{.kind = GNSS_SILENT, .silence = GNSS_SILENT_RECEIVER}, "receiver_silent", GNSS_HEARD},
		{{.kind = GNSS_SILENT, .silence = GNSS_SILENT_GPSD}, "gpsd_silent", GNSS_HEARD},
		{{.kind = GNSS_BACK}, "receiver_silent", GNSS_HEARD},
		{{.kind = GNSS_NO_FIX, .device = "a"}, "no_fix", GNSS_HEARD},
		{{.kind = GNSS_UNPLUGGED, .device = "a"}, "no_fix", GNSS_HEARD},
		{{.kind = GNSS_GONE}, "gpsd_gone", GNSS_HEARD},
	};
	struct live_sight sight;
	sight_clear(&sight);
	assert_string_equal(sight_state_name(sight_state(&sight)), "gpsd_gone");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		sight_feed(&sight, &steps[i].report, steps[i].stuck);
		assert_string_equal(sight_state_name(sight_state(&sight)), steps[i].word);
	}
	assert_int_equal(sight.satellites_seen, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(satellites_have_the_names_that_people_know),
		cmocka_unit_test(nothing_is_no_sky),
		cmocka_unit_test(north_is_up_and_east_is_right),
		cmocka_unit_test(a_line_is_never_too_long),
		cmocka_unit_test(each_cause_has_its_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
