/* Why a fix was kept, and why not: one name for each reason, in counters, in `alzy status` and in agent_stop. */
#ifndef ALZY_HAL_VERDICT_H
#define ALZY_HAL_VERDICT_H

#include <stdbool.h>

/* What was kept, then, from THINNED on, what was not. */
#define VERDICT_LIST(X)                                                                                         \
	X(KEPT_ALL, "kept_all", "nothing thins: the interval is 0")                                                 \
	X(KEPT_FIRST, "kept_first", "the first one, also after the session was changed by a person")                \
	X(KEPT_INTERVAL, "kept_interval", "moving, and the interval has passed")                                    \
	X(KEPT_DISTANCE, "kept_distance", "the distance was covered; or standing, and the position has drifted")    \
	X(KEPT_ANGLE, "kept_angle", "turned by the angle")                                                          \
	X(KEPT_SPEED, "kept_speed", "faster or slower by speed_delta")                                              \
	X(KEPT_DEPARTURE, "kept_departure", "moving again, with the fixes since it began to")                       \
	X(KEPT_REST, "kept_rest", "came to rest")                                                                   \
	X(KEPT_LAST, "kept_last", "moving, and the last one before a silence or a stop")                            \
	X(KEPT_HEARTBEAT, "kept_heartbeat", "standing, and the heartbeat has passed")                               \
	X(THINNED, "thinned", "a good fix, not needed")                                                             \
	X(REFUSED_REPEATED, "refused_repeated", "its time does not go on: a stuck receiver, or the time went back") \
	X(REFUSED_ACCURACY, "refused_accuracy", "worse than accuracy_max")                                          \
	X(REFUSED_SPEED, "refused_speed", "too far from the one before: faster than speed_max")                     \
	X(REFUSED_SIMULATED, "refused_simulated", "the receiver says that it is simulated")                         \
	X(REFUSED_TIME, "refused_time", "its time is far from what is known, and no other fix agrees with it")      \
	X(REFUSED_NO_SESSION, "refused_no_session", "outside a session (session = manual), or paused by a person")

enum verdict {
#define X(name, text, help) VERDICT_##name,
	VERDICT_LIST(X)
#undef X
		VERDICT_COUNT,
};

const char *verdict_name(enum verdict verdict); /* "kept_all", … */

/* Whether the fix is stored. */
static inline bool verdict_kept(enum verdict verdict)
{
	return verdict < VERDICT_THINNED;
}

#endif
