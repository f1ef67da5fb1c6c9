/* Several receivers behind one gpsd: which of them is followed. Only its reports make the track, so that two are never
 * woven into one. Pure: reports in, a decision out.
 *
 * A receiver is *well* while it gives positions whose time goes on. The first that speaks is followed, and stays so until
 *
 *	unplugged   gpsd has closed it, or went away, and another speaks before it
 *	silent      it has said nothing for the timeout, and another speaks
 *	no_fix      it was not well for the timeout, or never yet, and another is well
 *	preferred   one that stands before it in the order of preference was well for the whole timeout
 *
 * While gpsd hangs, nobody is silent. */
#ifndef ALZY_AGENT_RECEIVERS_H
#define ALZY_AGENT_RECEIVERS_H

#include "hal/gnss.h"

#include <stdbool.h>
#include <stdint.h>

/* More than so many are not told apart: of the others, the one heard longest ago is forgotten. */
enum { RECEIVERS_MAX = 8 };

enum receivers_why {
	RECEIVERS_SAME,  /* no change */
	RECEIVERS_FIRST, /* none was followed before */
	RECEIVERS_UNPLUGGED,
	RECEIVERS_SILENT,
	RECEIVERS_NO_FIX,
	RECEIVERS_PREFERRED,
};

struct receiver {
	char device[GNSS_DEVICE_TEXT];
	bool unplugged;         /* gpsd has closed it, and it has not spoken since */
	bool was_well;          /* once at least … */
	int64_t well_ms;        /* … and when last, monotonic; */
	int64_t well_since_ms;  /* without a break since then */
	int64_t heard_ms;       /* its last report, monotonic */
	int64_t recorded_at_ms; /* the time of its last position */
};

/* Zero-initialised it is ready, save for the two settings. */
struct receivers {
	const char
		*order; /* borrowed: names, commas between them, the preferred first, * and ? as in a shell; "auto": none is */
	int64_t timeout_ms; /* > 0 */
	struct receiver known[RECEIVERS_MAX];
	int count;
	struct receiver *followed; /* one of `known`; NULL: none yet */
	bool paused;               /* gpsd hangs */
	int64_t refused;           /* positions, and words that there is no fix, of others than the followed one */
};

struct receivers_change {
	enum receivers_why why;
	char from[GNSS_DEVICE_TEXT], to[GNSS_DEVICE_TEXT]; /* unless why is RECEIVERS_SAME */
};

/* Takes one report, of any kind. Returns whether it is to be used: it is of the receiver that is followed from now on, or
 * of none in particular. */
bool receivers_take(struct receivers *receivers, const struct gnss_report *report, struct receivers_change *out);

/* "unplugged", "silent", "no_fix", "preferred" */
const char *receivers_why_name(enum receivers_why why);

#endif
