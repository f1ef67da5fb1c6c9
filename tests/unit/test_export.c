/* The writers of points, without a store: what they write, to the byte where that matters. */
#include "agent/cli/export.h"
#include "agent/cli/polyline.h"
#include "hal/text.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000123)

static const struct session session = {.id = 1,
                                       .session_id = "0f0e0d0c-0b0a-4908-8706-050403020100",
                                       .user_id = "a \"b\" <c> & \\d",
                                       .machine_id = "van\n7",
                                       .started_at_ms = T0,
                                       .revision = 1};

static struct point at(int64_t seconds, int32_t lat_e7, int32_t lng_e7)
{
	return (struct point){.seq = seconds + 1,
	                      .recorded_at_ms = T0 + seconds * 1000,
	                      .lat_e7 = lat_e7,
	                      .lng_e7 = lng_e7,
	                      .accuracy_dm = ROW_ABSENT,
	                      .speed_cmps = ROW_ABSENT,
	                      .heading_ddeg = ROW_ABSENT,
	                      .altitude_dm = ROW_ABSENT,
	                      .session = 1};
}

/* What the writer makes of these points; free() it. Points with source manual go where the writer wants them. */
static char *written(const struct export_writer *writer, const struct point *points, size_t count)
{
	char *text = NULL;
	size_t size;
	struct err e = {0};
	struct export x = {.out = open_memstream(&text, &size), .session = &session};
	const struct point *last = NULL;
	assert_int_equal(writer->begin(&x, &e), 0);
	for (size_t i = 0; i < count; i++)
		if (writer->mark && points[i].source == POINT_MANUAL)
			assert_int_equal(writer->mark(&x, &points[i], &e), 0);
	for (size_t i = 0; i < count; i++) {
		if (writer->mark && points[i].source == POINT_MANUAL)
			continue;
		x.session = points[i].session ? &session : NULL;
		assert_int_equal(writer->point(&x, &points[i], export_joint_of(last, &points[i]), &e), 0);
		last = &points[i];
	}
	assert_int_equal(writer->end(&x, &e), 0);
	if (writer->free)
		writer->free(&x);
	fclose(x.out);
	return text;
}

static int count_of(const char *text, const char *part)
{
	int count = 0;
	for (; (text = strstr(text, part)); text += strlen(part))
		count++;
	return count;
}

static void test_joints(void **state)
{
	(void)state;
	struct point a = at(0, 0, 0), b = at(300, 0, 0), c = at(301, 0, 0), d = at(-1, 0, 0), other = at(1, 0, 0);
	other.session = 2;
	assert_int_equal(export_joint_of(NULL, &a), EXPORT_TRACK);
	assert_int_equal(export_joint_of(&a, &a), EXPORT_JOINED);
	assert_int_equal(export_joint_of(&a, &b), EXPORT_JOINED);
	assert_int_equal(export_joint_of(&a, &c), EXPORT_SEGMENT);
	assert_int_equal(export_joint_of(&a, &d), EXPORT_SEGMENT);
	assert_int_equal(export_joint_of(&a, &other), EXPORT_TRACK);
}

static void test_csv(void **state)
{
	(void)state;
	struct point points[] = {at(0, -254518370, -492344600), at(1, 5, -5)};
	points[0].accuracy_dm = 35;
	points[0].speed_cmps = 1234;
	points[0].heading_ddeg = 3599;
	points[0].altitude_dm = -4;
	points[1].session = 0;
	points[1].source = POINT_MANUAL;
	char *text = written(&export_csv, points, 2);
	assert_string_equal(
		text, "seq,session_id,recorded_at,lat_deg,lng_deg,accuracy_m,speed_mps,heading_deg,altitude_m,source\r\n"
			  "1,0f0e0d0c-0b0a-4908-8706-050403020100,2023-11-14T22:13:20.123Z,-25.4518370,-49.2344600,3.5,12.34,359.9,"
			  "-0.4,gps\r\n"
			  "2,,2023-11-14T22:13:21.123Z,0.0000005,-0.0000005,,,,,manual\r\n");
	free(text);
}

static void test_gpx(void **state)
{
	(void)state;
	struct point points[] = {at(0, 10, 1800000000), at(1, 20, 30), at(400, 40, 50), at(401, 60, 70), at(402, 1, 2)};
	points[0].altitude_dm = 5;
	points[0].speed_cmps = 5;
	points[3].session = 0;
	points[4].source = POINT_MANUAL;
	char *text = written(&export_gpx, points, 5);
	assert_int_equal(count_of(text, "<trk>"), 2);
	assert_int_equal(count_of(text, "<trkseg>"), 3);
	assert_int_equal(count_of(text, "</trkseg>"), 3);
	assert_int_equal(count_of(text, "<trkpt "), 4);
	assert_int_equal(count_of(text, "<wpt "), 1);
	/* Waypoints come before tracks; 180° is -180° in GPX. */
	assert_true(strstr(text, "<wpt ") < strstr(text, "<trk>"));
	assert_non_null(strstr(text, "lat=\"0.0000010\" lon=\"-180.0000000\"><ele>0.5</ele><time>2023-11-14T22:13:20.123Z"
	                             "</time><extensions>"));
	assert_non_null(strstr(text, "<desc>van7, a &quot;b&quot; &lt;c&gt; &amp; \\d</desc>"));
	free(text);
}

static cJSON *parse(char *text)
{
	cJSON *tree = cJSON_Parse(text);
	if (!tree)
		fail_msg("no JSON: %s", text);
	free(text);
	return tree;
}

static const char *type_of(const cJSON *feature)
{
	const cJSON *geometry = cJSON_GetObjectItem(feature, "geometry");
	return cJSON_GetStringValue(cJSON_GetObjectItem(geometry, "type"));
}

static void test_geojson_lines_and_points(void **state)
{
	(void)state;
	struct point points[] = {at(0, 10, 20), at(1, 30, 40), at(2, 50, 60), at(3, 70, 80)};
	points[2].session = 0;
	points[3].source = POINT_MANUAL;
	cJSON *tree = parse(written(&export_geojson, points, 4));
	const cJSON *features = cJSON_GetObjectItem(tree, "features");
	assert_int_equal(cJSON_GetArraySize(features), 3);
	assert_string_equal(type_of(cJSON_GetArrayItem(features, 0)), "Point");
	assert_string_equal(type_of(cJSON_GetArrayItem(features, 1)), "LineString");
	assert_string_equal(type_of(cJSON_GetArrayItem(features, 2)), "Point");
	const cJSON *of_line = cJSON_GetObjectItem(cJSON_GetArrayItem(features, 1), "properties");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(of_line, "user_id")), session.user_id);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(of_line, "machine_id")), session.machine_id);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(of_line, "times")), 2);
	cJSON_Delete(tree);
	tree = parse(written(&export_geojson, NULL, 0));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "features")), 0);
	cJSON_Delete(tree);
}

static double number(const cJSON *array, int a, int b, int c)
{
	const cJSON *item = cJSON_GetArrayItem(cJSON_GetArrayItem(cJSON_GetArrayItem(array, a), b), c);
	assert_non_null(item);
	return item->valuedouble;
}

/* RFC 7946, 3.1.9: cut in two where it crosses, with the latitude and the time of the crossing, in either direction. */
static void test_geojson_at_the_antimeridian(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int east = i ? 1 : -1;
		struct point points[] = {at(0, 100000000, east * 1790000000), at(10, 140000000, -east * 1770000000)};
		cJSON *tree = parse(written(&export_geojson, points, 2));
		const cJSON *feature = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "features"), 0);
		const cJSON *lines = cJSON_GetObjectItem(cJSON_GetObjectItem(feature, "geometry"), "coordinates");
		const cJSON *times = cJSON_GetObjectItem(cJSON_GetObjectItem(feature, "properties"), "times");
		assert_string_equal(type_of(feature), "MultiLineString");
		assert_int_equal(cJSON_GetArraySize(lines), 2);
		assert_true(number(lines, 0, 1, 0) == east * 180.0 && number(lines, 1, 0, 0) == -east * 180.0);
		assert_true(fabs(number(lines, 0, 1, 1) - 11) < 1e-6 && fabs(number(lines, 1, 0, 1) - 11) < 1e-6);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(times, 0)), 2);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(times, 1), 0)),
		                    "2023-11-14T22:13:22.623Z");
		cJSON_Delete(tree);
	}
}

static void test_svg_leaves_out_marks_beyond_its_edge(void **state)
{
	(void)state;
	struct point points[] = {at(0, 520000000, 130000000), at(1, 520100000, 130100000), at(2, 520050000, 130050000),
	                         at(3, 530000000, -1700000000)};
	points[2].source = points[3].source = POINT_MANUAL;
	char *text = written(&export_svg, points, 4);
	assert_int_equal(count_of(text, "m0-95l80 95"), 1);
	free(text);
}

static void test_svg(void **state)
{
	(void)state;
	struct point points[] = {at(0, 520000000, 130000000), at(1, 520001000, 130000000), at(2, 520002000, 130001000),
	                         at(900, 520003000, 130002000)};
	for (int i = 0; i < 3; i++)
		points[i].speed_cmps = 500 * i;
	char *text = written(&export_svg, points, 4);
	assert_non_null(strstr(text, "Start 22:13"));
	assert_non_null(strstr(text, "not known"));
	assert_non_null(strstr(text, "machine van7 · a &quot;b&quot; &lt;c&gt;"));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "href"));
	free(text);
	text = written(&export_svg, NULL, 0);
	assert_non_null(strstr(text, "No points"));
	free(text);
	for (int i = 0; i < 2; i++) {
		int pole = i ? 1 : -1;
		struct point ends[] = {at(0, pole * LAT_E7_MAX, -LNG_E7_MAX), at(1, pole * LAT_E7_MAX, LNG_E7_MAX),
		                       at(2, -pole * LAT_E7_MAX, 0)};
		ends[0].speed_cmps = INT32_MAX;
		ends[1].speed_cmps = 0;
		text = written(&export_svg, ends, 3);
		assert_non_null(strstr(text, "</svg>"));
		free(text);
	}
}

static void test_no_locale_has_a_part(void **state)
{
	(void)state;
	struct point points[] = {at(0, 525000000, 134000000), at(1, 525100000, 134100000)};
	points[0].speed_cmps = 1250;
	const struct export_writer *const writers[] = {&export_csv, &export_gpx, &export_geojson, &export_svg};
	/* A locale with a comma; in a machine without one the test says nothing. */
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8"};
	for (int i = 0; i < 4; i++) {
		char *plain = written(writers[i], points, 2);
		for (int k = 0; k < 3 && !setlocale(LC_ALL, names[k]); k++)
			;
		char *other = written(writers[i], points, 2);
		setlocale(LC_ALL, "C");
		assert_string_equal(plain, other);
		free(plain);
		free(other);
	}
}

/* ---- the polyline ---- */

static void test_polyline_is_bounded_and_keeps_its_shape(void **state)
{
	(void)state;
	struct polyline *line = calloc(1, sizeof *line);
	/* A square of 2 km, driven round and round: corners must survive, the straight sides need no vertices. */
	static const int32_t corners[][2] = {{0, 0}, {0, 180000}, {180000, 180000}, {180000, 0}};
	int64_t added = 0;
	for (int turn = 0; turn < 2000; turn++)
		for (int side = 0; side < 4; side++)
			for (int step = 0; step < 200; step++, added++) {
				const int32_t *a = corners[side], *b = corners[(side + 1) % 4];
				struct point p = at(added, a[0] + (b[0] - a[0]) / 200 * step, a[1] + (b[1] - a[1]) / 200 * step);
				p.speed_cmps = 1000;
				polyline_add(line, &p, !added);
			}
	assert_in_range(line->count, 8000, POLYLINE_MAX);
	int on_corner = 0;
	int64_t fixes = 0;
	for (size_t i = 0; i < line->count; i++) {
		const struct vertex *v = &line->vertices[i];
		on_corner += v->lat_e7 % 180000 == 0 && v->lng_e7 % 180000 == 0;
		fixes += v->fixes;
		assert_int_equal(v->speed_cmps, 1000);
		assert_int_equal(v->start, i == 0);
	}
	assert_in_range(on_corner, 7998, 8000);
	assert_int_equal(fixes, added);
	assert_true(line->tolerance_m <= 2);
	free(line);
}

/* Segments of two vertices each, more than there is room for: whole ones go, and none is joined to another. */
static void test_polyline_of_many_gaps(void **state)
{
	(void)state;
	struct polyline *line = calloc(1, sizeof *line);
	for (int32_t i = 0; i < 3 * POLYLINE_MAX; i++) {
		struct point p = at(i, i * 1000, i / 2 * 1000);
		polyline_add(line, &p, i % 2 == 0);
	}
	assert_in_range(line->count, 1, POLYLINE_MAX);
	for (size_t i = 1; i < line->count; i++)
		if (line->vertices[i].lng_e7 != line->vertices[i - 1].lng_e7)
			assert_true(line->vertices[i].start);
	free(line);
}

static void test_polyline_over_the_antimeridian(void **state)
{
	(void)state;
	struct polyline *line = calloc(1, sizeof *line);
	static const int32_t lngs[] = {1790000000, -1790000000, -10, 10, 1790000000, -1790000000};
	static const int64_t unwrapped[] = {1790000000, 1810000000, 3599999990, 3600000010, 5390000000, 5410000000};
	for (int i = 0; i < 6; i++) {
		struct point p = at(i, 0, lngs[i]);
		polyline_add(line, &p, false);
		assert_true(line->vertices[i].lng_e7 == unwrapped[i]);
	}
	free(line);
}

/* ---- texts ---- */

static void test_texts(void **state)
{
	(void)state;
	char out[SHORT_TEXT];
	assert_string_equal(text_decimal(-5, 1, out), "-0.5");
	assert_string_equal(text_decimal(INT64_MIN, 0, out), "-9223372036854775808");
	assert_string_equal(text_decimal(1800000000, 7, out), "180.0000000");
	assert_string_equal(text_duration(59999, out), "59 s");
	assert_string_equal(text_duration(3 * 3600000 + 5 * 60000, out), "3 h 05 min");
	assert_string_equal(text_duration(-90000, out), "1 min");
	assert_string_equal(text_duration(INT64_C(86400000) * 4 + 7200000, out), "4 d 2 h");
	assert_string_equal(text_age(0, 180000, out), "3 min ago");
	assert_string_equal(text_age(180000, 0, out), "in 3 min");
	assert_string_equal(text_age(5, 0, out), "just now");
	assert_string_equal(text_size(999, out), "999 B");
	assert_string_equal(text_size(1000, out), "1.0 kB");
	assert_string_equal(text_size(999999, out), "999.9 kB");
	assert_string_equal(text_size(INT64_C(14900000000), out), "14.9 GB");
	struct err e = {0};
	assert_int_equal(text_check("x", "Jürgen", 16, &e), 0);
	assert_int_equal(text_check("x", "", 16, &e), -ERR_INVALID);
	assert_int_equal(text_check("x", "a\nb", 16, &e), -ERR_INVALID);
	assert_int_equal(text_check("x", "0123456789abcdef", 16, &e), -ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joints),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_gpx),
		cmocka_unit_test(test_geojson_lines_and_points),
		cmocka_unit_test(test_geojson_at_the_antimeridian),
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_svg_leaves_out_marks_beyond_its_edge),
		cmocka_unit_test(test_no_locale_has_a_part),
		cmocka_unit_test(test_polyline_is_bounded_and_keeps_its_shape),
		cmocka_unit_test(test_polyline_of_many_gaps),
		cmocka_unit_test(test_polyline_over_the_antimeridian),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
