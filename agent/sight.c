#include "agent/sight.h"

#include <string.h>

void sight_clear(struct live_sight *sight)
{
	*sight = (struct live_sight){.satellites_used = -1, .satellites_seen = -1, .hdop_centi = ROW_ABSENT};
}

/* What another receiver saw is nothing that this one sees. */
static void on_heard(struct live_sight *sight, const struct gnss_report *report, enum gnss_silence stuck)
{
	sight->silence = stuck;
	if (!strcmp(sight->device, report->device))
		return;
	memcpy(sight->device, report->device, sizeof sight->device);
	sight->satellites_used = sight->satellites_seen = -1;
	sight->hdop_centi = ROW_ABSENT;
}

/* A fix that is repeated gets no younger by that. */
static void on_position(struct live_sight *sight, const struct gnss_report *report)
{
	sight->mode = report->mode;
	if (!report->has_time)
		return;
	if (!sight->has_fix || sight->fix.recorded_at_ms != report->fix.recorded_at_ms)
		sight->fix_mono_ms = report->mono_ms;
	sight->has_fix = true;
	sight->fix = report->fix;
}

/* A newer gpsd may tell the precision alone, and the satellites in between. */
static void on_sky(struct live_sight *sight, const struct gnss_report *report)
{
	if (report->satellites_seen >= 0) {
		sight->satellites_used = report->satellites_used;
		sight->satellites_seen = report->satellites_seen;
	}
	if (report->hdop_centi != ROW_ABSENT)
		sight->hdop_centi = report->hdop_centi;
}

/* Nothing is known of the sky any more. */
static void on_nothing(struct live_sight *sight, enum gnss_silence silence)
{
	sight->mode = 0;
	sight->silence = silence;
	sight->satellites_used = sight->satellites_seen = -1;
	sight->hdop_centi = ROW_ABSENT;
}

void sight_feed(struct live_sight *sight, const struct gnss_report *report, enum gnss_silence stuck)
{
	if (report->kind <= GNSS_BAD)
		sight->gnss_connected = true;
	if (report->kind <= GNSS_SKY)
		on_heard(sight, report, stuck);
	switch (report->kind) {
	case GNSS_POSITION:
		on_position(sight, report);
		break;
	case GNSS_NO_FIX:
		sight->mode = report->mode;
		break;
	case GNSS_SKY:
		on_sky(sight, report);
		break;
	case GNSS_SILENT:
		sight->gnss_connected = report->silence != GNSS_SILENT_GPSD;
		on_nothing(sight, report->silence);
		break;
	case GNSS_UNPLUGGED:
		on_nothing(sight, GNSS_HEARD);
		break;
	case GNSS_GONE:
		sight->gnss_connected = false;
		on_nothing(sight, GNSS_HEARD);
		break;
	case GNSS_BACK:
		sight->gnss_connected = true;
		if (sight->silence == GNSS_SILENT_GPSD)
			sight->silence = GNSS_SILENT_RECEIVER;
		break;
	default:
		break;
	}
}

enum sight_state sight_state(const struct live_sight *sight)
{
	static const enum sight_state silences[] = {[GNSS_SILENT_GPSD] = SIGHT_GPSD_SILENT,
	                                            [GNSS_SILENT_NONE] = SIGHT_NO_RECEIVER,
	                                            [GNSS_SILENT_RECEIVER] = SIGHT_RECEIVER_SILENT,
	                                            [GNSS_SILENT_STUCK] = SIGHT_RECEIVER_STUCK,
	                                            [GNSS_SILENT_NO_TIME] = SIGHT_NO_TIME};
	if (sight->silence != GNSS_HEARD)
		return silences[sight->silence];
	if (!sight->gnss_connected)
		return SIGHT_GPSD_GONE;
	if (!sight->device[0] && !sight->mode)
		return SIGHT_WAITING;
	return sight->mode == 3 ? SIGHT_3D : sight->mode == 2 ? SIGHT_2D : SIGHT_NO_FIX;
}

static const struct {
	const char *name, *text;
} states[] = {
	[SIGHT_GPSD_GONE] = {"gpsd_gone", "gpsd can't be reached"},
	[SIGHT_GPSD_SILENT] = {"gpsd_silent", "gpsd does not answer: it hangs"},
	[SIGHT_NO_RECEIVER] = {"no_receiver", "gpsd has no receiver"},
	[SIGHT_RECEIVER_SILENT] = {"receiver_silent", "the receiver says nothing"},
	[SIGHT_RECEIVER_STUCK] = {"receiver_stuck", "the receiver repeats the same time"},
	[SIGHT_NO_TIME] = {"no_time", "the receiver gives positions without a time"},
	[SIGHT_WAITING] = {"waiting", "nothing was heard of a receiver yet"},
	[SIGHT_NO_FIX] = {"no_fix", "no fix"},
	[SIGHT_2D] = {"2d", "2D only"},
	[SIGHT_3D] = {"3d", "3D"},
};

const char *sight_state_name(enum sight_state state)
{
	return states[state].name;
}

const char *sight_state_text(enum sight_state state)
{
	return states[state].text;
}
