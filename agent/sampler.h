/* Which fixes are worth keeping: each gets a verdict. Pure: state, thresholds and a fix in; a verdict out. What is kept
 * is what the receiver said, in its order: nothing is resampled, smoothed or snapped.
 *
 * A fix is refused when it can't be true. One that contradicts the last that was believed (its time does not go on, or
 * it would have been faster than speed_max) is refused as well, until the third in a row that agree among themselves:
 * then it was that last one that was wrong, or the receiver's time has really stepped back. (The fourth, when the
 * receiver gives no speed, and only a way that goes on as fast tells it.) What is sent again, the same place at the
 * same time, tells nothing of that, however long it is.
 *
 * Of the good ones, what moves is kept by interval, distance, angle and change of speed, what stands by heartbeat
 * (motion.h). Fixes that may be the beginning of a departure are held back until it is one. */
#ifndef ALZY_AGENT_SAMPLER_H
#define ALZY_AGENT_SAMPLER_H

#include "agent/motion.h"
#include "hal/conf_unit.h"
#include "hal/rows.h"
#include "hal/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 is: no limit, and for the first two, every fix. */
struct sampling {
	int64_t interval_ms, heartbeat_ms; /* moving, and standing */
	int64_t distance_m, angle_deg, speed_delta_mps;
	int64_t accuracy_max_m, speed_max_mps;
	int64_t standing_radius_m;
	bool simulated; /* are welcome */
	bool repeated;  /* times that do not go on are no fault */
};

/* What [capture] says: a preset, and what is said beside it. */
struct sampling sampling_of(const struct conf_unit *conf);

enum {
	SAMPLER_HELD = 16,
	SAMPLER_SEEN = 1024, /* good fixes are known again: a quarter of an hour at one a second */
};

/* When and where a good fix was. */
struct sampler_seen {
	int64_t recorded_at_ms;
	int32_t lat_e7, lng_e7;
};

/* Where it was last, and before that; recorded_at_ms 0: nowhere yet. */
struct sampler_way {
	struct point last, before;
};

/* Zero-initialised it is ready. */
struct sampler {
	struct motion motion;
	struct sampler_way believed; /* what was not refused */
	struct sampler_way rival;    /* what contradicts it, in a row; `rivals` of them agree among themselves */
	int rivals;
	struct sampler_seen seen[SAMPLER_SEEN]; /* a ring */
	size_t seen_next;
	struct point coarse; /* the last place of which it is sure that it was there, also by fixes that are too coarse … */
	bool went;           /* … of which this one has shown that it has gone on */
	struct point leg;    /* where the last 20 m of the way, or more, ended; recorded_at_ms 0: nowhere yet … */
	int32_t course_ddeg; /* … and their direction, of use when has_course */
	bool has_course;
	struct point kept; /* the last one, with a heading by the way if need be; recorded_at_ms 0: none */
	bool passed_by;    /* the last good fix moved, and was not kept */
	int64_t early_ms;  /* … was so much earlier than its interval, so that the next one is not as well */
	struct point held[SAMPLER_HELD]; /* may be a departure */
	size_t held_count, recalled_count;
};

/* Judges the next fix. The first recalled_count of held[] are then to be kept before it, for the reason
 * VERDICT_KEPT_DEPARTURE; when they came they were VERDICT_THINNED. */
enum verdict sampler_feed(struct sampler *sampler, const struct sampling *sampling, const struct point *fix,
                          bool simulated);

/* The last good fix, when it moved and was not kept, so that the track goes as far as is known when nothing follows: once. It
 * was VERDICT_THINNED, and is kept for the reason VERDICT_KEPT_LAST. */
bool sampler_last(struct sampler *sampler, struct point *out);

/* Whether nothing has followed the last good fix for long when this one comes, which is fed next. */
bool sampler_hole(const struct sampler *sampler, const struct point *fix);

/* The next good fix is kept, whatever was kept before it. */
void sampler_begin_anew(struct sampler *sampler);

#endif
