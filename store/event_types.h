/* Every event type that alzy writes by itself, in one table. People may add their own with `alzy event`. */
#ifndef ALZY_STORE_EVENT_TYPES_H
#define ALZY_STORE_EVENT_TYPES_H

#include <stdbool.h>

#define EVENT_TYPE_LIST(X)                                                                                          \
	X(SESSION_START, "session_start", "a session was started; payload: by, why")                                    \
	X(SESSION_PAUSE, "session_pause", "the session was paused; payload: by, why")                                   \
	X(SESSION_RESUME, "session_resume", "the session goes on; payload: by, why")                                    \
	X(SESSION_END, "session_end", "the session was ended; payload: by, why")                                        \
	X(SESSION_CHANGED, "session_changed", "the centre has changed the session; payload: by, fields")                \
	X(AGENT_START, "agent_start", "alzy-agentd started; payload: version, boot, up_s, heartbeat_s, interval_s")     \
	X(AGENT_STOP, "agent_stop",                                                                                     \
	  "alzy-agentd was stopped; payload: reason, and counts of reports, epochs, kept and refused fixes")            \
	X(AGENT_RELOAD, "agent_reload", "it keeps points more or less often now; payload: heartbeat_s, interval_s")     \
	X(FIX_LOST, "fix_lost", "the receiver has no fix any more; payload: mode")                                      \
	X(FIX_REGAINED, "fix_regained", "the receiver has a fix (again); payload: mode, device")                        \
	X(GNSS_GONE, "gnss_gone", "gpsd can't be reached any more")                                                     \
	X(GNSS_BACK, "gnss_back", "gpsd is there (again)")                                                              \
	X(GNSS_SILENT, "gnss_silent", "gpsd is there, and nothing of use comes of a receiver; payload: cause, for_s")   \
	X(GNSS_HEARD, "gnss_heard", "a receiver goes on")                                                               \
	X(RECEIVER_CHANGED, "receiver_changed", "another receiver is followed; payload: from, to, why")                 \
	X(IGNITION_ON, "ignition_on", "the ignition is on")                                                             \
	X(IGNITION_OFF, "ignition_off", "the ignition is off")                                                          \
	X(POWER_LOST, "power_lost", "the supply of the unit has failed")                                                \
	X(POWER_BACK, "power_back", "the supply of the unit is there again")                                            \
	X(INPUT_LOST, "input_lost", "ignition or supply can't be read; payload: input, problem")                        \
	X(INPUT_BACK, "input_back", "its state is known again; payload: input, on")                                     \
	X(FIXES_REFUSED, "fixes_refused", "nothing is kept, because all is refused; payload: reason, count, for_s")     \
	X(FIXES_MISSING, "fixes_missing", "by its time, fixes are missing before this one; payload: reason, for_s")     \
	X(FIXES_KEPT, "fixes_kept", "… which is over; payload: reason, count")                                          \
	X(OVERRUN, "overrun", "reports were lost because the store was too slow for too long; payload: reports, for_s") \
	X(TIME_REPAIRED, "time_repaired", "times of fixes are moved from here on; payload: weeks")                      \
	X(TIME_DOUBTFUL, "time_doubtful", "the receiver's time contradicts what is known; payload: said, basis")        \
	X(CLOCK_STEP, "clock_step", "the system clock was set; payload: from, to, count")                               \
	X(MARK, "mark", "a person marked this place; payload: seq of the point, note")

enum event_type {
#define X(name, text, help) EVENT_##name,
	EVENT_TYPE_LIST(X)
#undef X
		EVENT_TYPE_COUNT,
};

/* As in the column event_type: "session_start", … */
const char *event_type_text(enum event_type type);

/* [a-z][a-z0-9_]*, shorter than EVENT_TYPE_TEXT: what `alzy event` accepts. */
bool event_type_valid(const char *text);

#endif
