/* How often somebody may come: a token bucket for each key, in a table of fixed size. Pure: time comes in.
 *
 * Kept as one number, the time at which the bucket will be full again (the generic cell rate algorithm). When the table
 * is full, whoever has been away for longest in a small group of it is forgotten: that costs nobody anything but a flooder
 * among very many a full bucket. */
#ifndef ALZY_SYNC_CENTRAL_LIMITS_H
#define ALZY_SYNC_CENTRAL_LIMITS_H

#include <stdint.h>

enum { LIMITS_KEY = 32, LIMITS_GROUP = 8, LIMITS_GROUPS = 1024 };

struct limits {
	int64_t per_minute; /* on the long run, and at once after a quiet minute; 0: no limit */
	struct limits_bucket {
		uint8_t key[LIMITS_KEY];
		int64_t full_us; /* 0: nobody's */
	} buckets[LIMITS_GROUPS][LIMITS_GROUP];
};

/* Counts one coming of `key` at now_ms (clock_mono_ms). 0: it may; else how many ms to wait before it may again, and
 * nothing was counted. */
int64_t limits_take(struct limits *limits, const uint8_t key[LIMITS_KEY], int64_t now_ms);

#endif
