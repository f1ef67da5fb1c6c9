#include "agent/sight.h"

#include <string.h>

/* Another receiver without a fix ends the fix of the one that had it only when that one has been silent for so long. */
enum { FIX_SILENCE_MS = 10000 };

void sight_clear(struct live_sight *sight)
{
	*sight = (struct live_sight){.satellites_used = -1, .satellites_seen = -1, .hdop_centi = ROW_ABSENT};
}

static void on_position(struct live_sight *sight, const struct gnss_report *report)
{
	sight->mode = report->mode;
	if (!report->has_time)
		return;
	sight->has_fix = true;
	sight->fix_mono_ms = report->mono_ms;
	sight->fix = report->fix;
	memcpy(sight->device, report->device, sizeof sight->device);
}

static bool on_no_fix(struct live_sight *sight, const struct gnss_report *report)
{
	bool ours = !strcmp(report->device, sight->device);
	if (!ours && sight->has_fix && report->mono_ms - sight->fix_mono_ms < FIX_SILENCE_MS)
		return false;
	sight->mode = report->mode;
	return true;
}

static void on_sky(struct live_sight *sight, const struct gnss_report *report)
{
	sight->satellites_used = report->satellites_used;
	sight->satellites_seen = report->satellites_seen;
	sight->hdop_centi = report->hdop_centi;
}

bool sight_feed(struct live_sight *sight, const struct gnss_report *report)
{
	if (report->kind != GNSS_END)
		sight->gnss_connected = report->kind != GNSS_GONE;
	switch (report->kind) {
	case GNSS_POSITION:
		on_position(sight, report);
		return true;
	case GNSS_NO_FIX:
		return on_no_fix(sight, report);
	case GNSS_SKY:
		on_sky(sight, report);
		return true;
	case GNSS_GONE:
		sight->mode = 0;
		return true;
	default:
		return true;
	}
}
