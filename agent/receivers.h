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
 * While gpsd hangs, nobody is silent.
 *
 * A receiver that claims a fix, and whose positions have had no new time for the timeout, is *stuck*, unless
 * another is well: as good as silent, however much it says. */
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
	bool unplugged;          /* gpsd has closed it, and it has not spoken since */
	bool was_well;           /* once at least … */
	int64_t well_ms;         /* … and when last, monotonic; */
	int64_t well_since_ms;   /* without a break since then */
	int64_t heard_ms;        /* its last report, monotonic */
	int64_t recorded_at_ms;  /* the time of its last position */
	int64_t progress_ms;     /* when it was well last, or had no fix, or was heard first, monotonic */
	bool claims;             /* a fix, by its last word on that */
	enum gnss_silence stuck; /* GNSS_SILENT_STUCK or GNSS_SILENT_NO_TIME; GNSS_HEARD: it is not */
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

/* Whether the one that is followed is stuck: GNSS_SILENT_STUCK, GNSS_SILENT_NO_TIME, or GNSS_HEARD. */
enum gnss_silence receivers_stuck(const struct receivers *receivers);

/* "unplugged", "silent", "no_fix", "preferred" */
const char *receivers_why_name(enum receivers_why why);

#endif
