/* Several reports, one fix: an epoch is the consecutive positions of one receiver that carry the same time. Pure:
 * reports and time in, fixes out.
 *
 * The fix of an epoch is the report with most of accuracy, speed, heading and altitude, and on a tie the last. It is
 * closed by a position with another time or of another receiver, by its age (a receiver that is stuck repeats itself),
 * by the receiver's loss of fix, by the source going away or ending, and by epoch_close. A position without a time, and
 * one with the time of the epoch that was closed last, of whatever receiver, are counted and otherwise ignored. */
#ifndef ALZY_AGENT_EPOCH_H
#define ALZY_AGENT_EPOCH_H

#include "hal/gnss.h"

#include <stdbool.h>
#include <stdint.h>

/* At 4800 baud the reports of one epoch are spread over up to 1.01 s. */
enum { EPOCH_SILENCE_MS = 2000 };

/* Zero-initialised it is ready. */
struct epoch {
	int64_t silence_ms; /* so long an epoch lasts at most; 0: no limit (a source that can be made to wait) */
	bool open;
	struct gnss_report best; /* of the open epoch, or of the one closed last */
	int64_t begun_ms;        /* when the first report of the open epoch was read, monotonic */
	bool any_closed;
	int64_t late, no_time; /* reports that were ignored, since the beginning */
};

/* Returns whether a fix was closed, which is then in *out_fix (kind GNSS_POSITION, with a time). */
bool epoch_feed(struct epoch *epoch, const struct gnss_report *report, struct gnss_report *out_fix);
bool epoch_tick(struct epoch *epoch, int64_t now_mono_ms, struct gnss_report *out_fix);
bool epoch_close(struct epoch *epoch, struct gnss_report *out_fix);

/* When epoch_tick may have something to close; INT64_MAX: never. */
int64_t epoch_deadline(const struct epoch *epoch);

#endif
