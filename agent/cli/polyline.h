/* A line of bounded size that keeps the shape of a track of any length: when it is full, vertices that say least are
 * let go of, with a tolerance that grows only as far as it must. */
#ifndef ALZY_AGENT_CLI_POLYLINE_H
#define ALZY_AGENT_CLI_POLYLINE_H

#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLYLINE_MAX = 65536 };

struct vertex {
	int64_t lng_e7; /* beyond ±180° when the track went over the antimeridian: neighbours are never a turn apart */
	int32_t lat_e7;
	int32_t speed_cmps; /* the mean of the fixes from the vertex before it to this one; ROW_ABSENT: not known */
	int32_t fixes;      /* how many those are */
	bool start;         /* not joined to the vertex before it */
};

/* Zero-initialised it is empty, and 1.5 MiB. */
struct polyline {
	struct vertex vertices[POLYLINE_MAX];
	size_t count;
	double tolerance_m; /* how far a vertex that was let go of may lie beside the line that is left */
};

/* `start`: the point is not joined to the one before it. */
void polyline_add(struct polyline *line, const struct point *point, bool start);

/* The longitude of `lng_e7`, as far turned that it is nearest to `near_e7`. */
int64_t polyline_unwrap(int64_t lng_e7, int64_t near_e7);

/* Metres for 1e-7 degrees on a meridian, on a sphere of the earth's mean radius, 6371008.8 m. */
#define METRES_PER_E7 0.011119508

#endif
