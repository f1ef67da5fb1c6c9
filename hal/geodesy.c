#include "hal/geodesy.h"

#include <math.h>

/* WGS84: NIMA TR8350.2, table 3.1. */
static const double major_m = 6378137.0;
static const double flattening = 1 / 298.257223563;
static const double mean_radius_m = 6371008.8;

enum { ROUNDS_MOST = 200 };

/* Names as in the paper: U1 and U2 are reduced latitudes, λ the difference of longitude on the auxiliary sphere, σ the
 * angular distance on it, α the azimuth of the geodesic at the equator, σm its middle. */
struct inverse {
	double sin_u1, cos_u1, sin_u2, cos_u2;
	double sigma, sin_sigma, cos_sigma, cos2_alpha, cos_2sigma_m;
};

static double radians(int64_t degrees_e7)
{
	return (double)degrees_e7 / 1e7 * M_PI / 180;
}

/* The difference of two longitudes by the shorter way, across the antimeridian if need be. */
static double longitude_between(int32_t lng1_e7, int32_t lng2_e7)
{
	int64_t full = INT64_C(3600000000), difference = ((int64_t)lng2_e7 - lng1_e7) % full;
	if (difference > full / 2)
		difference -= full;
	else if (difference < -full / 2)
		difference += full;
	return radians(difference);
}

/* Equations 10, 11, 14–18 and 3: one round, from λ to a better λ. */
static double round_of(struct inverse *in, double length, double lambda)
{
	double sin_lambda = sin(lambda), cos_lambda = cos(lambda);
	double across = in->cos_u2 * sin_lambda;
	double along = in->cos_u1 * in->sin_u2 - in->sin_u1 * in->cos_u2 * cos_lambda;
	in->sin_sigma = sqrt(across * across + along * along);
	in->cos_sigma = in->sin_u1 * in->sin_u2 + in->cos_u1 * in->cos_u2 * cos_lambda;
	in->sigma = atan2(in->sin_sigma, in->cos_sigma);
	double sin_alpha = in->sin_sigma > 0 ? in->cos_u1 * in->cos_u2 * sin_lambda / in->sin_sigma : 0;
	in->cos2_alpha = 1 - sin_alpha * sin_alpha;
	/* Along the equator there is no middle in latitude, and what would be divided is multiplied by nothing. */
	in->cos_2sigma_m = in->cos2_alpha > 1e-15 ? in->cos_sigma - 2 * in->sin_u1 * in->sin_u2 / in->cos2_alpha : 0;
	double m = in->cos_2sigma_m;
	double c = flattening / 16 * in->cos2_alpha * (4 + flattening * (4 - 3 * in->cos2_alpha));
	return length + (1 - c) * flattening * sin_alpha *
	                    (in->sigma + c * in->sin_sigma * (m + c * in->cos_sigma * (2 * m * m - 1)));
}

/* Equations 3, 4, 6 and 19: from the sphere back to the ellipsoid. */
static double length_m(const struct inverse *in)
{
	double minor_m = major_m * (1 - flattening);
	double u2 = in->cos2_alpha * (major_m * major_m - minor_m * minor_m) / (minor_m * minor_m);
	double a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)));
	double b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)));
	double m = in->cos_2sigma_m, s = in->sin_sigma;
	double third = b / 6 * m * (-3 + 4 * s * s) * (-3 + 4 * m * m);
	double less = b * s * (m + b / 4 * (in->cos_sigma * (-1 + 2 * m * m) - third));
	return minor_m * a * (in->sigma - less);
}

static double great_circle_m(double lat1, double lat2, double length)
{
	double high = sin((lat2 - lat1) / 2), wide = sin(length / 2);
	double half = high * high + cos(lat1) * cos(lat2) * wide * wide;
	return 2 * mean_radius_m * asin(sqrt(fmin(1, half)));
}

double geodesy_distance_m(int32_t lat1_e7, int32_t lng1_e7, int32_t lat2_e7, int32_t lng2_e7)
{
	if (lat1_e7 == lat2_e7 && lng1_e7 == lng2_e7)
		return 0;
	double lat1 = radians(lat1_e7), lat2 = radians(lat2_e7), length = longitude_between(lng1_e7, lng2_e7);
	double u1 = atan((1 - flattening) * tan(lat1)), u2 = atan((1 - flattening) * tan(lat2));
	struct inverse in = {.sin_u1 = sin(u1), .cos_u1 = cos(u1), .sin_u2 = sin(u2), .cos_u2 = cos(u2)};
	double lambda = length;
	for (int i = 0; i < ROUNDS_MOST; i++) {
		double before = lambda;
		lambda = round_of(&in, length, before);
		if (fabs(lambda) > M_PI)
			break;
		if (fabs(lambda - before) < 1e-12)
			return length_m(&in);
	}
	return great_circle_m(lat1, lat2, length);
}
