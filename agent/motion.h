/* Does it move, or stand? Of good fixes in their order, with hysteresis: what stands drifts and jumps in the eyes of
 * its receiver, and what moves stops at lights. Pure.
 *
 * It stands when its speed was below 0.5 m/s (SUMMARY_MOVING_CMPS) for 10 s within the radius, or when a minute did not
 * take it out of the radius. It moves when several fixes in a row lie outside the radius and say that they move (their
 * speed is 0.5 m/s or more; of a receiver that gives none: they lie outside), and have covered the radius together, on a
 * way that is neither longer than the speeds can explain nor much shorter: so no single fix ends a rest, no jump without
 * speed does, and no speed without a way. A rest whose position stays outside the radius goes on there: it drifts. */
#ifndef ALZY_AGENT_MOTION_H
#define ALZY_AGENT_MOTION_H

#include "hal/rows.h"

#include <stdbool.h>
#include <stdint.h>

enum motion_state { MOTION_UNKNOWN, MOTION_MOVING, MOTION_STANDING };

/* Fixes in a row. */
struct motion_row {
	struct point first;
	int count;
	double way_m;     /* that they say they have gone: by their speeds, or without, from each to the next */
	double longest_m; /* of the steps from each to the next */
};

/* Zero-initialised it is ready. */
struct motion {
	enum motion_state state;
	int64_t since_ms; /* the time of the first fix that moved, or of the first at rest */
	bool drifted;     /* with the last fix the rest has moved to another place */

	struct point last;         /* recorded_at_ms 0: none yet */
	double pace_mps;           /* to that from the one before it, of a receiver that gives no speed */
	struct point anchor;       /* where it stands, or the last place of which it is not sure that it was left */
	int anchor_count;          /* of how many fixes at rest that is the mean */
	bool restless;             /* it stands, though its speeds did not say so */
	struct motion_row outside; /* of the radius of the anchor */
	struct motion_row run;     /* that say that it moves */
	struct motion_row loud;    /* so, while it may be at rest since … */
	struct point arrival;      /* … the first of those below SUMMARY_MOVING_CMPS; recorded_at_ms 0: none */
	int64_t quiet_ms;          /* since when there is no other */
};

/* Takes the next fix. `radius_m` is widened to the accuracy of the fix, up to five times. A time that does not go on is
 * ignored, and when it lies more than ten seconds back everything begins anew. */
void motion_feed(struct motion *motion, double radius_m, const struct point *fix);

/* The length of the geodesic between two points in metres. */
double motion_distance_m(const struct point *a, const struct point *b);

#endif
