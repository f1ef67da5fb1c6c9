/* What was the case, as far as events have said: a line of time on which each event may change the cause for which no point
 * would be recorded. Pure. docs/capture.md tells what each type of event is evidence of. */
#ifndef ALZY_HAL_EVIDENCE_H
#define ALZY_HAL_EVIDENCE_H

#include "hal/err.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GAP_CAUSE_LIST(X)                                                               \
	X(UNKNOWN, "unknown", "nothing says why")                                           \
	X(UNIT_OFF, "unit_off", "the unit was off")                                         \
	X(AGENT_STOPPED, "agent_stopped", "alzy-agentd was stopped")                        \
	X(AGENT_KILLED, "agent_killed", "alzy-agentd ended without being stopped")          \
	X(GPSD_GONE, "gpsd_gone", "gpsd could not be reached")                              \
	X(GPSD_SILENT, "gpsd_silent", "gpsd did not answer")                                \
	X(NO_RECEIVER, "no_receiver", "gpsd had no receiver")                               \
	X(RECEIVER_SILENT, "receiver_silent", "the receiver said nothing")                  \
	X(RECEIVER_STUCK, "receiver_stuck", "the receiver repeated the same time")          \
	X(NO_FIX, "no_fix", "the receiver had no fix")                                      \
	X(STANDING, "standing", "the vehicle stood")                                        \
	X(NOT_DUE, "not_due", "the next point was not due yet")                             \
	X(PAUSED, "paused", "the session was paused")                                       \
	X(NO_SESSION, "no_session", "no session was open")                                  \
	X(REFUSED, "refused", "all fixes were refused")                                     \
	X(TIME_UNKNOWN, "time_unknown", "positions came without a time")                    \
	X(DROPPED, "dropped", "points were dropped for want of room")                       \
	X(REMOVED, "removed", "points were recorded, and are not here any more")            \
	X(REJECTED, "rejected", "points were recorded, and the centre could not take them") \
	X(WAITING, "waiting", "points wait in memory for the store")                        \
	X(NOT_ARRIVED, "not_arrived", "whatever was recorded has not arrived")              \
	X(RECORDING, "recording", "nothing is known that would have kept points from being recorded")

enum gap_cause {
#define X(name, text, help) GAP_##name,
	GAP_CAUSE_LIST(X)
#undef X
		GAP_CAUSE_COUNT,
};
/* "unit_off", and "the unit was off". */
const char *gap_cause_name(enum gap_cause cause);
const char *gap_cause_text(enum gap_cause cause);
enum gap_cause gap_cause_by_name(const char *name); /* GAP_UNKNOWN for all others */

enum { GAP_DETAIL_TEXT = 48 };

/* From at_ms on. */
struct evidence_entry {
	int64_t at_ms;
	int64_t heartbeat_ms; /* how seldom a standing vehicle gets a point … */
	int64_t interval_ms;  /* … and one that moves; 0: unknown */
	enum gap_cause cause;
	char detail[GAP_DETAIL_TEXT];
};

/* What became known only at its end. */
struct evidence_span {
	int64_t from_ms, to_ms;
	enum gap_cause cause;
	char detail[GAP_DETAIL_TEXT];
	/* Holds only in a gap that does not end before it: a point in between shows that it began later. */
	bool until_point;
};

enum evidence_life { LIFE_UNKNOWN, LIFE_ENDED, LIFE_RUNNING };

/* Zero-initialised it knows nothing. Owns two arrays: evidence_free. */
struct evidence {
	struct evidence_entry *entries;
	struct evidence_span *spans;
	size_t entry_count, entry_capacity, span_count, span_capacity;

	/* What was said last. */
	enum evidence_life life;
	int64_t alive_ms; /* the last sign of life; of use unless LIFE_UNKNOWN */
	char boot[UUID_TEXT];
	char stop_reason[GAP_DETAIL_TEXT];
	bool supply_lost;
	int64_t heartbeat_ms, interval_ms;
	enum gap_cause source; /* GAP_UNKNOWN: it speaks */
	bool no_fix;
	bool paused;                   /* by a person */
	char refused[GAP_DETAIL_TEXT]; /* the reason; "": fixes are kept */
};
void evidence_free(struct evidence *evidence); /* leaves it zeroed */

/* The next event, in order of time. Types that say nothing of this, and payloads that can't be read, change nothing.
 * ERR_MEMORY. */
int evidence_add(struct evidence *evidence, const struct event *event, struct err *e);

/* An agent has started no later than what it tells next: what it replays is older. But not than these, in the writing of SQL: how
 * a session ended before it, it finds out when it has started. */
#define EVIDENCE_FOUND_LATER "'session_pause', 'session_end'"

/* … and it has stopped no earlier than what it told last of fixes, at their time: that of a receiver may step back. */
#define EVIDENCE_OF_FIXES "'fix_regained', 'fix_lost', 'fixes_missing', 'fixes_refused', 'fixes_kept'"

/* The types that say something, as an array in the writing of Postgres: "{agent_start,agent_stop,…}". Returns out. */
const char *evidence_types(char *out, size_t size);

/* As seen now, on the unit itself: no agent is running, in this boot, which has lasted for up_ms. */
int evidence_not_running(struct evidence *evidence, int64_t now_ms, const char *boot, int64_t up_ms, struct err *e);

/* What is known otherwise of from_ms … to_ms goes before what events have said. */
int evidence_known(struct evidence *evidence, int64_t from_ms, int64_t to_ms, enum gap_cause cause, struct err *e);

#endif
