#include "sync/backoff.h"

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}

int64_t backoff_after_failure(struct backoff *backoff, int64_t asked_ms, uint32_t chance)
{
	int64_t span_ms = BACKOFF_BASE_MS;
	for (int i = 0; i < backoff->failures && span_ms < BACKOFF_MOST_MS; i++)
		span_ms *= 2;
	if (span_ms > BACKOFF_MOST_MS)
		span_ms = BACKOFF_MOST_MS;
	if (span_ms < BACKOFF_MOST_MS)
		backoff->failures++;
	if (asked_ms < 0)
		asked_ms = 0;
	if (asked_ms > BACKOFF_ASKED_MOST_MS)
		asked_ms = BACKOFF_ASKED_MOST_MS;
	return asked_ms + (int64_t)(((uint64_t)chance * (uint64_t)(span_ms + 1)) >> 32);
}
