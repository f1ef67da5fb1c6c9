/* When to try again: exponential backoff with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Pure: time and chance come in. */
#ifndef ALZY_SYNC_BACKOFF_H
#define ALZY_SYNC_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_BASE_MS = 2000, BACKOFF_MOST_MS = 15 * 60 * 1000, BACKOFF_ASKED_MOST_MS = 60 * 60 * 1000 };

struct backoff {
	int failures; /* in a row */
};

/* After a success. */
void backoff_reset(struct backoff *backoff);

/* After a failure: how long to wait, in ms: `asked_ms`, which the centre asked for (itself bounded to an hour), plus a
 * time that is uniform in 0..min(MOST, BASE × 2^failures). The chance is on top of what was asked, so that units which
 * were all told the same do not come back together. `chance` is a random number of 32 bits. */
int64_t backoff_after_failure(struct backoff *backoff, int64_t asked_ms, uint32_t chance);

#endif
