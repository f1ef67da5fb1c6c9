/* How far, how long, how fast: what the points of a session say, in one walk over them in order of seq. Pure. The
 * view alzy.session_summaries says the same at the centre, by the same rules:
 *
 * - Marks (source manual) are counted, and are part of nothing else.
 * - A segment lies between two consecutive points. It moves when either end does: a speed of at least 0.5 m/s, or
 *   without a speed, the segment's length divided by its time.
 * - The distance is the length of the segments that move, on the ellipsoid. Nothing is smoothed, and no outlier is left
 *   out: what is stored counts.
 * - A segment of more than 5 minutes is silence, neither moving nor standing: nobody knows what was in it. What it adds
 *   to the distance is also told apart, as bridged.
 * - A stop is at least 2 minutes of standing segments in a row. */
#ifndef ALZY_HAL_SUMMARY_H
#define ALZY_HAL_SUMMARY_H

#include "hal/rows.h"

#include <stdint.h>

enum {
	SUMMARY_MOVING_CMPS = 50,
	SUMMARY_SILENCE_MS = 300000,
	SUMMARY_STOP_MS = 120000,
};

/* Zero-initialised it is that of no points. */
struct summary {
	int64_t points, marks;       /* all, and those of them that a person made */
	int64_t first_ms, last_ms;   /* the least and the greatest time; of use when points > marks, as all that follows */
	double distance_m;           /* of that … */
	double bridged_m;            /* … across silence */
	int64_t moving_ms, still_ms; /* of segments that move, and that don't … */
	int64_t silent_ms;           /* … and of silence. Segments whose time goes back add nothing to any of them */
	int64_t stops;
	int32_t max_speed_cmps; /* what the receiver itself said; ROW_ABSENT: it never did */
	/* The box around the way that was taken: each segment goes the shorter way around the globe. west > east: across
	 * the antimeridian. Once around the globe is -180 to 180. */
	int32_t south_e7, north_e7, west_e7, east_e7;

	/* For the next point. */
	struct point last;
	int64_t standing_ms;                   /* in a row */
	int64_t lng_e7, least_e7, greatest_e7; /* longitudes that go on across the antimeridian */
};

/* The next point of the session, by its seq. */
void summary_add(struct summary *summary, const struct point *point);

/* Metres per second over all the time from first to last; and while moving, silence left out. Negative: unknown. */
double summary_mean_mps(const struct summary *summary);
double summary_moving_mps(const struct summary *summary);

#endif
