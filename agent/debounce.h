/* A contact bounces, a starter pulls the supply down for a moment: a state counts once it has held for a while. Pure. */
#ifndef ALZY_AGENT_DEBOUNCE_H
#define ALZY_AGENT_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised it is ready: nothing is known. */
struct debounce {
	bool known, on;   /* what counts */
	bool leaving;     /* the last reading was not what counts … */
	int64_t since_ms; /* … and so was every one since then, monotonic */
};

/* Takes a reading. Returns whether what counts has changed; the first reading counts at once. */
bool debounce_feed(struct debounce *debounce, bool on, int64_t now_mono_ms, int64_t hold_ms);

/* When a reading is to be taken although nothing has happened; INT64_MAX: never. */
int64_t debounce_deadline(const struct debounce *debounce, int64_t hold_ms);

#endif
