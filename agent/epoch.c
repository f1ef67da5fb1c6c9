#include "agent/epoch.h"

#include <string.h>

static int completeness(const struct point *fix)
{
	return (fix->accuracy_dm != ROW_ABSENT) + (fix->speed_cmps != ROW_ABSENT) + (fix->heading_ddeg != ROW_ABSENT) +
	       (fix->altitude_dm != ROW_ABSENT);
}

static bool same_device(const struct epoch *epoch, const struct gnss_report *report)
{
	return !strcmp(epoch->best.device, report->device);
}

static bool same_epoch(const struct epoch *epoch, const struct gnss_report *report)
{
	return same_device(epoch, report) && epoch->best.fix.recorded_at_ms == report->fix.recorded_at_ms;
}

bool epoch_close(struct epoch *epoch, struct gnss_report *out_fix)
{
	if (!epoch->open)
		return false;
	*out_fix = epoch->best;
	epoch->open = false;
	epoch->any_closed = true;
	return true;
}

int64_t epoch_deadline(const struct epoch *epoch)
{
	return epoch->open && epoch->silence_ms ? epoch->begun_ms + epoch->silence_ms : INT64_MAX;
}

bool epoch_tick(struct epoch *epoch, int64_t now_mono_ms, struct gnss_report *out_fix)
{
	return now_mono_ms >= epoch_deadline(epoch) && epoch_close(epoch, out_fix);
}

static bool feed_position(struct epoch *epoch, const struct gnss_report *report, struct gnss_report *out_fix)
{
	if (!report->has_time) {
		epoch->no_time++;
		return false;
	}
	bool closed = epoch_tick(epoch, report->mono_ms, out_fix);
	if (epoch->open && same_epoch(epoch, report)) {
		if (completeness(&report->fix) >= completeness(&epoch->best.fix))
			epoch->best = *report;
		return false;
	}
	closed = closed || epoch_close(epoch, out_fix);
	/* Also of another receiver: there is one place at a time. */
	if (epoch->any_closed && epoch->best.fix.recorded_at_ms == report->fix.recorded_at_ms) {
		epoch->late++;
		return closed;
	}
	epoch->open = true;
	epoch->best = *report;
	epoch->begun_ms = report->mono_ms;
	return closed;
}

bool epoch_feed(struct epoch *epoch, const struct gnss_report *report, struct gnss_report *out_fix)
{
	switch (report->kind) {
	case GNSS_POSITION:
		return feed_position(epoch, report, out_fix);
	case GNSS_NO_FIX:
		/* Another receiver without a fix says nothing about the one that has one. */
		return same_device(epoch, report) && epoch_close(epoch, out_fix);
	case GNSS_UNPLUGGED:
	case GNSS_SILENT:
	case GNSS_GONE:
	case GNSS_END:
		return epoch_close(epoch, out_fix);
	default:
		return false;
	}
}
