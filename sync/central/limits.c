#include "sync/central/limits.h"

#include "sync/keys.h"

#include <string.h>

#define MINUTE_US INT64_C(60000000)

/* Nobody can choose keys so that they meet in one group and forget others: keys of devices can't be chosen at will, and
 * the digest of addresses is good enough for the few that one flooder has. */
static struct limits_bucket *find(struct limits *limits, const uint8_t key[LIMITS_KEY])
{
	uint8_t digest[32];
	keys_digest(key, LIMITS_KEY, digest);
	struct limits_bucket *group = limits->buckets[(digest[0] | digest[1] << 8) % LIMITS_GROUPS], *oldest = group;
	for (size_t i = 0; i < LIMITS_GROUP; i++) {
		if (!memcmp(group[i].key, key, LIMITS_KEY))
			return &group[i];
		if (group[i].full_us < oldest->full_us)
			oldest = &group[i];
	}
	memcpy(oldest->key, key, LIMITS_KEY);
	oldest->full_us = 0;
	return oldest;
}

int64_t limits_take(struct limits *limits, const uint8_t key[LIMITS_KEY], int64_t now_ms)
{
	if (!limits->per_minute)
		return 0;
	int64_t now_us = now_ms * 1000, each_us = MINUTE_US / limits->per_minute;
	struct limits_bucket *bucket = find(limits, key);
	int64_t full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + each_us;
	if (full_us - now_us > MINUTE_US)
		return (full_us - now_us - MINUTE_US + 999) / 1000;
	bucket->full_us = full_us;
	return 0;
}
