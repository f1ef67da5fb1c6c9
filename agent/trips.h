/* When a journey begins, pauses, goes on and ends. Pure: what is known of movement, ignition, people and time in,
 * decisions out, one after the other. All times are those of the fixes; between fixes they go on by the monotonic
 * clock.
 *
 *	            moves, ignition               rests for stop_timeout
 *	   NONE ───────────────────────> ACTIVE ────────────────────────> PAUSED
 *	    ^                              ^ │                              │ │
 *	    │          a person            │ │ a person     moves, ignition │ │ … for end_timeout
 *	    │<─────────────────────────────┼─┤<─────────────────────────────┘ │
 *	    │                              │ v                                │
 *	    │                      resumes HELD                               │
 *	    └<────────────────────────────────────────────────────────────────┘
 *
 * A rest counts from the first fix at rest, a silence from the last fix. A journey starts with the first fix that
 * moved, and is paused and ended when it came to rest, however long after that it becomes known. What a person does
 * wins: after an end, movement counts only when the vehicle has rested, and an ignition when it was off; after a pause, only a person resumes, unless
 * `resumes` says that movement after a rest does; after a start, a rest counts only when the vehicle has moved. */
#ifndef ALZY_AGENT_TRIPS_H
#define ALZY_AGENT_TRIPS_H

#include "agent/motion.h"
#include "hal/conf_unit.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum trips_state {
	TRIPS_NONE,   /* no session is open */
	TRIPS_ACTIVE, /* one is */
	TRIPS_PAUSED, /* the agent has paused it */
	TRIPS_HELD,   /* a person has */
};

struct trips_rules {
	enum capture_session mode;
	int64_t stop_timeout_ms, end_timeout_ms;
	bool resumes; /* also a session that a person has paused */
};

struct trips_decision {
	enum session_status to; /* SESSION_ACTIVE: starts, or resumes */
	enum session_cause cause;
	int64_t at_ms;
	bool over_person; /* resumes what a person has paused */
};

enum trips_ignition { TRIPS_IGNITION_UNKNOWN, TRIPS_IGNITION_OFF, TRIPS_IGNITION_ON };

/* Zero-initialised: nothing is known. */
struct trips {
	enum trips_state state;
	bool must_rest;  /* before movement counts */
	bool must_move;  /* before a rest counts */
	int64_t rest_ms; /* since when it is paused, or was ended, by the agent */
	enum session_cause rest_cause;
	int64_t from_ms;   /* a rest counts from here at the earliest */
	int64_t behind_ms; /* the first fix behind a silence that was the rest: what moves on as before, begins anew here */
	int64_t now_ms;
	int64_t fix_ms, fix_mono_ms; /* of the last fix; 0: there was none, ever */
	enum motion_state motion;
	int64_t motion_ms; /* since when */
	bool seen;         /* a fix, since the agent has started */
	bool must_go_off;  /* the ignition, before it counts: it was on when a person made the last change */
	enum trips_ignition ignition;
	int64_t ignition_mono_ms, ignition_ms; /* since when; the latter from the first fix on */
};

/* What the agent finds as it starts. */
struct trips_found {
	enum trips_state state;
	int64_t last_ms;  /* of the last point in the session, or when it was paused, or the last one ended; 0: not known */
	bool person;      /* a person has made the last change */
	bool ignition_on; /* when it was last looked at, since the machine was started: it may have been on ever since */
	bool empty;       /* nothing was recorded in the session yet */
};
void trips_open(struct trips *trips, const struct trips_found *found, int64_t now_mono_ms);

/* Somebody else has changed the session. */
void trips_changed(struct trips *trips, enum trips_state state);

/* It is at least now_ms; the fix of that time, if there is one, follows. */
void trips_time(struct trips *trips, int64_t now_ms);
/* What now_ms is when no fix comes. */
int64_t trips_now(const struct trips *trips, int64_t now_mono_ms);

/* A good fix, and what motion.h says after it. */
void trips_fix(struct trips *trips, const struct motion *motion, int64_t fix_ms, int64_t mono_ms);

/* A fix that is too coarse for a point, and yet shows that the vehicle has moved on: neither a silence nor a rest. It
 * begins nothing, and resumes nothing. */
void trips_followed(struct trips *trips, int64_t fix_ms, int64_t mono_ms);

/* The ignition was found on or off; only a change means something, from the first fix on: before that the time is not known. */
void trips_ignition(struct trips *trips, bool on, int64_t mono_ms);
/* Nobody knows any more; whoever decides by it should go by movement meanwhile. */
void trips_ignition_lost(struct trips *trips);

/* Whether something is to be done now. To be called after each of the above until it says no; what it says counts as done. */
bool trips_decide(struct trips *trips, const struct trips_rules *rules, struct trips_decision *out);

/* The agent stops: what to do with a session that is under way, to pause or to end it. Decisions as above. */
bool trips_stop(struct trips *trips, const struct trips_rules *rules, enum session_status to,
                struct trips_decision *out);

#endif
