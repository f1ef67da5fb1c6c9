/* Distances on the ellipsoid, against what PostGIS 3.3 says by a way of its own (Karney's, from GeographicLib). */
#include "hal/geodesy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	int32_t lat1_e7, lng1_e7, lat2_e7, lng2_e7;
	double m;
} known[] = {
	{0, 0, 0, 10000000, 111319.49079327}, /* a degree of the equator */
	{0, 0, 10000000, 0, 110574.38855780},
	{0, 0, 900000000, 0, 10001965.72931272}, /* a quarter of a meridian */
	{900000000, 0, -900000000, 0, 20003931.45862545},
	{900000000, 123456789, 900000000, -1000000000, 0}, /* the pole has every longitude */
	{899999999, 0, 899999999, 1800000000, 0.02233879}, /* across the pole */
	{0, 1799999999, 0, -1799999999, 0.02226390},       /* across the antimeridian */
	{-168000000, 1799950000, -168001000, -1799950000, 1066.03846853},
	{600000000, -1750000000, 600000000, 1750000000, 557468.58585615},
	{0, -1800000000, 0, 1800000000, 0},
	{406000000, -738000000, 516000000, -5000000, 5551759.40031868},
	{-379510334, 1444248679, -376528211, 1439264983, 54972.07849203},
	{-253787160, -491839060, -254280070, -492999700, 12891.65281679},
	{-899000000, 450000000, -898000000, -450000000, 24975.52208152},
	{525200066, 134049540, 525200067, 134049540, 0.01112772}, /* a step of the resolution */
	{525200066, 134049540, 525200066, 134049541, 0.00678794},
	{0, 0, 1, 1, 0.01569035},
	{0, 0, 5000000, 1795000000, 19936288.57896531}, /* almost antipodal, and still converging */
};

static double both_ways(int32_t lat1_e7, int32_t lng1_e7, int32_t lat2_e7, int32_t lng2_e7)
{
	double there = geodesy_distance_m(lat1_e7, lng1_e7, lat2_e7, lng2_e7);
	double back = geodesy_distance_m(lat2_e7, lng2_e7, lat1_e7, lng1_e7);
	assert_true(fabs(there - back) < 1e-3);
	return there;
}

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		double m = both_ways(known[i].lat1_e7, known[i].lng1_e7, known[i].lat2_e7, known[i].lng2_e7);
		if (!(fabs(m - known[i].m) <= (known[i].m < 1e5 ? 1e-6 : 5e-4)))
			fail_msg("row %zu: %.8f m, not %.8f", i, m, known[i].m);
	}
}

static void test_same_place(void **state)
{
	(void)state;
	static const int32_t places[][2] = {{0, 0}, {900000000, 5}, {-900000000, 0}, {10, 1800000000}, {1, -1800000000}};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		assert_true(geodesy_distance_m(places[i][0], places[i][1], places[i][0], places[i][1]) == 0);
}

/* Where the series does not converge, the sphere answers, and says so within 0.6 %. */
static void test_antipodal(void **state)
{
	(void)state;
	static const struct {
		int32_t lat1_e7, lat2_e7, lng2_e7;
		double m;
	} rows[] = {
		{0, 5000000, 1797000000, 19944127.42075046},
		{0, 0, 1800000000, 20003931.45862545},
		{0, 0, 1799000000, 20003008.42150941},
		{300000000, -300000000, 1800000000, 20003931.45862545},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double m = both_ways(rows[i].lat1_e7, 0, rows[i].lat2_e7, rows[i].lng2_e7);
		if (!(fabs(m - rows[i].m) < 0.006 * rows[i].m))
			fail_msg("row %zu: %.1f m, not %.1f", i, m, rows[i].m);
	}
}

/* All over the globe it is a number, and no shorter way leads by a third place. */
static void test_triangles(void **state)
{
	(void)state;
	enum { STEP_E7 = 150000000, SLACK_M = 120000 };
	for (int32_t lat_e7 = -900000000; lat_e7 <= 900000000; lat_e7 += STEP_E7)
		for (int64_t lng_e7 = -1800000000; lng_e7 <= 1800000000; lng_e7 += STEP_E7) {
			double direct = geodesy_distance_m(-123456789, 987654321, lat_e7, (int32_t)lng_e7);
			double first = geodesy_distance_m(-123456789, 987654321, 473737373, -17000000);
			double second = geodesy_distance_m(473737373, -17000000, lat_e7, (int32_t)lng_e7);
			assert_true(direct >= 0 && direct < 20003932 + SLACK_M);
			assert_true(direct <= first + second + SLACK_M); /* the slack is that of the sphere, at the antipode */
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_same_place),
		cmocka_unit_test(test_antipodal),
		cmocka_unit_test(test_triangles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
