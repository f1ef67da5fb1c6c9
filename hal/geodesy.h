/* Distance on the ellipsoid. Pure. */
#ifndef ALZY_HAL_GEODESY_H
#define ALZY_HAL_GEODESY_H

#include <stdint.h>

/* The length of the geodesic between two places on WGS84, in metres; places in degrees × 1e7, any longitude.
 * By T. Vincenty, "Direct and inverse solutions of geodesics on the ellipsoid with application of nested equations",
 * Survey Review XXIII, 176 (1975): within 0.5 mm, and what ST_Distance(geography) of PostGIS says. His series does not
 * converge for places that are within about half a degree of being antipodal: for those it is the great circle on a
 * sphere of the mean radius (6371.009 km), within 0.6 %. Less than a microsecond, where it converges. */
double geodesy_distance_m(int32_t lat1_e7, int32_t lng1_e7, int32_t lat2_e7, int32_t lng2_e7);

#endif
