#include "agent/debounce.h"

bool debounce_feed(struct debounce *debounce, bool on, int64_t now_mono_ms, int64_t hold_ms)
{
	if (debounce->known && on == debounce->on) {
		debounce->leaving = false;
		return false;
	}
	if (debounce->known && !debounce->leaving) {
		debounce->leaving = true;
		debounce->since_ms = now_mono_ms;
	}
	if (debounce->known && now_mono_ms - debounce->since_ms < hold_ms)
		return false;
	*debounce = (struct debounce){.known = true, .on = on};
	return true;
}

int64_t debounce_deadline(const struct debounce *debounce, int64_t hold_ms)
{
	return debounce->leaving ? debounce->since_ms + hold_ms : INT64_MAX;
}
