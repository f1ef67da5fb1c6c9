#include "agent/cli/polyline.h"

#include <math.h>

/* A speed that is off by 1 m/s counts as much as a place that is off by 4 m. */
#define METRES_PER_MPS    4.0
#define TOLERANCE_LEAST_M 1.0
/* Nothing on earth is farther off than this: no vertex is worth more than its neighbour any longer. */
#define TOLERANCE_MOST_M 2e7

int64_t polyline_unwrap(int64_t lng_e7, int64_t near_e7)
{
	const int64_t turn = 2 * (int64_t)LNG_E7_MAX;
	while (lng_e7 - near_e7 > turn / 2)
		lng_e7 -= turn;
	while (lng_e7 - near_e7 < -turn / 2)
		lng_e7 += turn;
	return lng_e7;
}

/* How far `v` is beside the line a–b, and how much the speeds on both sides of it differ. */
static double deviation_m(const struct vertex *a, const struct vertex *v, const struct vertex *b)
{
	if ((v->speed_cmps == ROW_ABSENT) != (b->speed_cmps == ROW_ABSENT))
		return TOLERANCE_MOST_M;
	double k = cos((double)v->lat_e7 / 1e7 * M_PI / 180);
	double x = (double)(v->lng_e7 - a->lng_e7) * k, y = (double)v->lat_e7 - a->lat_e7;
	double bx = (double)(b->lng_e7 - a->lng_e7) * k, by = (double)b->lat_e7 - a->lat_e7;
	double length2 = bx * bx + by * by;
	double along = length2 > 0 ? fmin(1, fmax(0, (x * bx + y * by) / length2)) : 0;
	double off_m = hypot(x - along * bx, y - along * by) * METRES_PER_E7;
	double change_mps = fabs((double)v->speed_cmps - b->speed_cmps) / 100;
	return fmax(off_m, change_mps * METRES_PER_MPS);
}

/* `v` is let go of: what leads to `next` now is what led to both. */
static void merge(const struct vertex *v, struct vertex *next)
{
	int64_t fixes = (int64_t)v->fixes + next->fixes;
	if (next->speed_cmps == ROW_ABSENT)
		next->speed_cmps = v->speed_cmps;
	else if (v->speed_cmps != ROW_ABSENT)
		next->speed_cmps =
			(int32_t)(((int64_t)v->speed_cmps * v->fixes + (int64_t)next->speed_cmps * next->fixes) / fixes);
	next->fixes = fixes < INT32_MAX ? (int32_t)fixes : INT32_MAX;
	next->start |= v->start;
}

/* Lets go of vertices within the tolerance, never of two that follow each other. */
static void thin(struct polyline *line)
{
	struct vertex *v = line->vertices;
	bool force = line->tolerance_m > TOLERANCE_MOST_M, dropped = false;
	size_t kept = 1;
	for (size_t i = 1; i + 1 < line->count; i++) {
		bool inner = !v[i].start && !v[i + 1].start;
		dropped = !dropped && (force || (inner && deviation_m(&v[kept - 1], &v[i], &v[i + 1]) < line->tolerance_m));
		if (dropped)
			merge(&v[i], &v[i + 1]);
		else
			v[kept++] = v[i];
	}
	v[kept++] = v[line->count - 1];
	line->count = kept;
}

static void make_room(struct polyline *line)
{
	if (line->tolerance_m < TOLERANCE_LEAST_M)
		line->tolerance_m = TOLERANCE_LEAST_M;
	while (line->count > POLYLINE_MAX / 2) {
		size_t before = line->count;
		thin(line);
		if (line->count > before - before / 8)
			line->tolerance_m *= 2;
	}
}

void polyline_add(struct polyline *line, const struct point *point, bool start)
{
	if (line->count == POLYLINE_MAX)
		make_room(line);
	struct vertex *v = &line->vertices[line->count];
	*v = (struct vertex){.lng_e7 = point->lng_e7,
	                     .lat_e7 = point->lat_e7,
	                     .speed_cmps = point->speed_cmps,
	                     .fixes = 1,
	                     .start = start || !line->count};
	if (line->count)
		v->lng_e7 = polyline_unwrap(v->lng_e7, v[-1].lng_e7);
	line->count++;
}
