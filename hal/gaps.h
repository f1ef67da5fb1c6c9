/* When nothing was recorded, and why. Pure: points and events in, a list of parts out. The unit asks with the rows of its
 * store, the centre with those of Postgres, and so both give the same answer.
 *
 * A gap is the time between two consecutive points (in order of time; marks are none), when it is longer than asked for.
 * It is cut into parts, each with one cause, which follow each other without overlap and add up to the gap. What was the case
 * is what the events have said last (hal/evidence.h). */
#ifndef ALZY_HAL_GAPS_H
#define ALZY_HAL_GAPS_H

#include "hal/err.h"
#include "hal/evidence.h"
#include "hal/ranges.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GAPS_MAX = 100000, /* more are ERR_LIMIT: whoever asks should ask for longer ones */
	GAPS_GRACE_MS =
		90000, /* so much later than it was due a heartbeat may come; what is shorter need not be told apart … */
	GAPS_MARGIN_MS = 5000, /* … and what is shorter than this never is, when nothing is known of it */
	GAPS_JUMP_M = 1000,    /* so far a receiver that stands may be wrong */
	GAPS_PART_MS = 1000,   /* a part is at least so long, when its gap has several */
};

/* The point at an end of a gap. */
struct gap_end {
	bool there; /* else the gap is open at this end: nothing was recorded before, or since */
	int32_t lat_e7, lng_e7, speed_cmps;
};

struct gap {
	int64_t from_ms, to_ms;
	struct gap_end before, after;
	enum gap_cause rows; /* not GAP_UNKNOWN: there were points in it, and this became of them */
};

/* In order of time. Zero-initialised it is empty; owns `items`: gaps_free. */
struct gaps {
	struct gap *items;
	size_t count, capacity;
	int64_t longer_ms;
	const struct ranges *dropped; /* borrowed; seqs that were dropped on purpose; NULL: none */
	int64_t last_seq;             /* of the last point that was told of */
	enum gap_cause missing;       /* what became of the points before the next one; GAP_UNKNOWN: nothing */
};
void gaps_free(struct gaps *gaps);

/* Begins with one gap, all of time, which points then cut. ERR_MEMORY. */
int gaps_begin(struct gaps *gaps, int64_t longer_ms, struct err *e);
/* The next point of one store by its seq, of whatever time. Points
 * whose seq is missing in between were dropped or removed. ERR_MEMORY, ERR_LIMIT. */
int gaps_point(struct gaps *gaps, const struct point *point, struct err *e);
/* To be called when all gaps are known. Nothing was recorded before first_ms, nor meant to be: a gap that is open at its
 * beginning begins there. One that began before now_ms ends at now_ms at the latest, whatever points lie ahead of it. */
void gaps_limit(struct gaps *gaps, int64_t first_ms, int64_t now_ms);
/* For who has found a gap by himself; in order of time. ERR_MEMORY, ERR_LIMIT. */
int gaps_add(struct gaps *gaps, const struct gap *gap, struct err *e);

struct gap_part {
	size_t gap; /* which, from 0 */
	int64_t from_ms, to_ms;
	enum gap_cause cause;
	char detail[GAP_DETAIL_TEXT];
};
/* The parts of all gaps that reach into from … to (and only as far), in order of time; *out is to free(). ERR_MEMORY. */
int gaps_explain(const struct gaps *gaps, const struct evidence *evidence, int64_t from_ms, int64_t to_ms,
                 struct gap_part **out, size_t *out_count, struct err *e);

#endif
