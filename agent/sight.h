/* What the receiver says now, of all its reports so far: what `alzy status` shows, and the best clock there is. Pure. */
#ifndef ALZY_AGENT_SIGHT_H
#define ALZY_AGENT_SIGHT_H

#include "hal/gnss.h"
#include "hal/live.h"

#include <stdbool.h>

/* Nothing is known yet. */
void sight_clear(struct live_sight *sight);

/* Takes one report of the receiver that is followed, or about the source. */
void sight_feed(struct live_sight *sight, const struct gnss_report *report);

#endif
