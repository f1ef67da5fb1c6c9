/* Does it move, or stand? Of good fixes in their order, with hysteresis: what stands drifts and jumps in the eyes of
 * its receiver, and what moves stops at lights. Pure.
 *
 * It stands when its speed was below 0.5 m/s (SUMMARY_MOVING_CMPS) for 10 s within the radius, or when a minute did not
 * take it out of the radius. It moves when several fixes in a row say so (their speed is 0.5 m/s or more; of a receiver
 * that gives none: they lie outside the radius) and have covered the radius together, by no more than the speeds can
 * explain. So no single fix ends a rest, and no jump without speed does. A rest whose position stays outside the radius
 * goes on there: it drifts. */
#ifndef ALZY_AGENT_MOTION_H
#define ALZY_AGENT_MOTION_H

#include "hal/rows.h"

#include <stdbool.h>
#include <stdint.h>

enum motion_state { MOTION_UNKNOWN, MOTION_MOVING, MOTION_STANDING };

/* Zero-initialised it is ready. */
struct motion {
	enum motion_state state;
	int64_t since_ms; /* the time of the first fix that moved, or of the first at rest */
	bool drifted;     /* with the last fix the rest has moved to another place */

	struct point last;    /* recorded_at_ms 0: none yet */
	struct point anchor;  /* where it stands, or the last place of which it is not sure that it was left */
	struct point outside; /* the first of the fixes in a row that lie outside the radius of the anchor … */
	int outside_count;    /* … and how many there are */
	struct point
		arrival; /* the first of the fixes below SUMMARY_MOVING_CMPS since when it has not moved on; recorded_at_ms 0: none */
	int64_t quiet_ms; /* since when there is no other */
	int loud;         /* how many others came in a row, behind the last of them */
	struct point run; /* the first of the fixes in a row that say that it moves … */
	int run_count;
	double run_m; /* … and how far their speeds have carried it at most */
};

/* Takes the next fix. `radius_m` is widened to the accuracy of the fix, up to five times. A time that does not go on is
 * ignored, and when it lies more than ten seconds back everything begins anew. */
void motion_feed(struct motion *motion, double radius_m, const struct point *fix);

/* The length of the geodesic between two points in metres. */
double motion_distance_m(const struct point *a, const struct point *b);

#endif
