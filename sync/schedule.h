/* When alzy-syncd tries next. Pure: time and chance come in, so that a month is tested in milliseconds. All times are
 * of clock_mono_ms.
 *
 *   run ──done──────> every interval (a little less, by chance, so that units do not march in step)
 *    │ ──failed────> backoff.h; a network that comes cuts the wait short, but never what the centre asked for
 *    │ ──stopped───> every hour, by a receipt: only a person can help, and pairing anew shows at once
 *    │ ──unpaired──> every minute; pairing shows at once
 *    └ ──not ready─> soon: no store yet, or `alzy sync` is at it
 */
#ifndef ALZY_SYNC_SCHEDULE_H
#define ALZY_SYNC_SCHEDULE_H

#include "sync/backoff.h"

#include <stdint.h>

enum {
	SCHEDULE_SOON_MS = 5000,   /* how often to look whether there is a store */
	SCHEDULE_SETTLE_MS = 2000, /* a network that came is left this long to get its routes and names in order */
	SCHEDULE_APART_MS = 10000, /* a network that comes and goes causes no more than one try in this time */
	SCHEDULE_UNPAIRED_MS = 60000,
	SCHEDULE_STOPPED_MS = 3600000,
};

enum schedule_outcome { SCHEDULE_DONE, SCHEDULE_FAILED, SCHEDULE_STOPPED, SCHEDULE_UNPAIRED, SCHEDULE_NOT_READY };

struct schedule {
	int64_t interval_ms;
	int64_t next_ms;            /* when to run */
	int64_t ran_ms;             /* when the last run ended */
	int64_t not_before_ms;      /* what the centre asked for */
	enum schedule_outcome last; /* of the last run */
	struct backoff backoff;
};

/* The first run is due at once. */
void schedule_start(struct schedule *schedule, int64_t interval_ms, int64_t now_ms);

/* How long to sleep until the next run; 0: it is due. */
int64_t schedule_wait(const struct schedule *schedule, int64_t now_ms);

/* After a run. `asked_ms` is what the centre asked to wait, 0 nothing. */
void schedule_ran(struct schedule *schedule, enum schedule_outcome outcome, int64_t asked_ms, int64_t now_ms,
                  uint32_t chance);

/* A network came. */
void schedule_network(struct schedule *schedule, int64_t now_ms);

/* The unit was paired (anew): what was refused before says nothing any more. */
void schedule_paired(struct schedule *schedule, int64_t now_ms);

/* The configuration changed. */
void schedule_interval(struct schedule *schedule, int64_t interval_ms, int64_t now_ms);

#endif
