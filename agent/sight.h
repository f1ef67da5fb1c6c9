/* What the receiver says now, of all its reports so far: what `alzy status` shows, and the best clock there is. Pure. */
#ifndef ALZY_AGENT_SIGHT_H
#define ALZY_AGENT_SIGHT_H

#include "hal/gnss.h"
#include "hal/live.h"

/* Nothing is known yet. */
void sight_clear(struct live_sight *sight);

/* What there is to see, and when nothing, why not. */
enum sight_state {
	SIGHT_GPSD_GONE,
	SIGHT_GPSD_SILENT,
	SIGHT_NO_RECEIVER,
	SIGHT_RECEIVER_SILENT,
	SIGHT_RECEIVER_STUCK,
	SIGHT_NO_TIME,
	SIGHT_WAITING, /* nothing was heard yet */
	SIGHT_NO_FIX,
	SIGHT_2D,
	SIGHT_3D,
};

enum sight_state sight_state(const struct live_sight *sight);

/* "gpsd_gone", "gpsd_silent", "no_receiver", "receiver_silent", "receiver_stuck", "no_time", "waiting", "no_fix", "2d",
 * "3d"; and the same in words. */
const char *sight_state_name(enum sight_state state);
const char *sight_state_text(enum sight_state state);

/* Takes one report of the receiver that is followed, or about the source; `stuck` as of receivers_stuck after it. */
void sight_feed(struct live_sight *sight, const struct gnss_report *report, enum gnss_silence stuck);

#endif
