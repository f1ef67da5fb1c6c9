#include "agent/receivers.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[RECEIVERS_SAME] = "same",     [RECEIVERS_FIRST] = "first",   [RECEIVERS_UNPLUGGED] = "unplugged",
	[RECEIVERS_SILENT] = "silent", [RECEIVERS_NO_FIX] = "no_fix", [RECEIVERS_PREFERRED] = "preferred",
};

const char *receivers_why_name(enum receivers_why why)
{
	return names[why];
}

static bool is_of_a_receiver(const struct gnss_report *report)
{
	return report->kind == GNSS_POSITION || report->kind == GNSS_NO_FIX || report->kind == GNSS_SKY;
}

static struct receiver *find(struct receivers *all, const char *device)
{
	for (int i = 0; i < all->count; i++)
		if (!strcmp(all->known[i].device, device))
			return &all->known[i];
	return NULL;
}

static struct receiver *place_for_another(struct receivers *all)
{
	if (all->count < RECEIVERS_MAX)
		return &all->known[all->count++];
	struct receiver *place = NULL;
	for (int i = 0; i < RECEIVERS_MAX; i++)
		if (&all->known[i] != all->followed && (!place || all->known[i].heard_ms < place->heard_ms))
			place = &all->known[i];
	return place;
}

static struct receiver *add(struct receivers *all, const char *device)
{
	struct receiver *receiver = place_for_another(all);
	*receiver = (struct receiver){0};
	strcpy(receiver->device, device);
	return receiver;
}

/* Where it stands in the order of preference; those that are not named stand behind all that are. */
static int rank(const struct receivers *all, const struct receiver *receiver)
{
	int place = 0;
	if (!strcmp(all->order, "auto"))
		return 0;
	for (const char *at = all->order; *at; place++) {
		char name[GNSS_DEVICE_TEXT];
		at += strspn(at, ", ");
		size_t length = strcspn(at, ", ");
		snprintf(name, sizeof name, "%.*s", (int)length, at);
		if (!fnmatch(name, receiver->device, 0))
			return place;
		at += length;
	}
	return place;
}

/* After gpsd hung, each has to be silent anew to be called silent. */
static void go_on(struct receivers *all, int64_t mono_ms)
{
	for (int i = 0; all->paused && i < all->count; i++) {
		struct receiver *receiver = &all->known[i];
		receiver->heard_ms = receiver->well_since_ms = receiver->progress_ms = mono_ms;
		receiver->well_ms = receiver->was_well ? mono_ms : 0;
	}
	all->paused = false;
}

/* Whether one that is well can take its place: it will, with its next report. */
static bool another_is_well(const struct receivers *all, const struct receiver *receiver, int64_t now_ms)
{
	for (int i = 0; i < all->count; i++) {
		const struct receiver *other = &all->known[i];
		if (other != receiver && other->was_well && now_ms - other->well_ms < all->timeout_ms)
			return true;
	}
	return false;
}

/* Once it is stuck, it is so for the same reason until it goes on: one that says now this, now that, is no news each time. */
static void judge_progress(const struct receivers *all, struct receiver *receiver, const struct gnss_report *report,
                           bool well)
{
	if (report->kind != GNSS_SKY)
		receiver->claims = report->kind == GNSS_POSITION;
	/* After a silence gpsd may first say what it knew before. */
	bool anew = report->mono_ms - receiver->heard_ms >= all->timeout_ms;
	if (well || !receiver->claims || anew) {
		receiver->progress_ms = report->mono_ms;
		receiver->stuck = GNSS_HEARD;
	} else if (!receiver->stuck && report->mono_ms - receiver->progress_ms >= all->timeout_ms &&
	           !another_is_well(all, receiver, report->mono_ms)) {
		bool timeless = report->kind == GNSS_POSITION && !report->has_time;
		receiver->stuck = timeless ? GNSS_SILENT_NO_TIME : GNSS_SILENT_STUCK;
	}
}

/* Returns whether the receiver is well by this report. */
static bool note(const struct receivers *all, struct receiver *receiver, const struct gnss_report *report)
{
	int64_t now_ms = report->mono_ms;
	bool position = report->kind == GNSS_POSITION && report->has_time;
	bool well = position && (!receiver->was_well || report->fix.recorded_at_ms != receiver->recorded_at_ms);
	if (report->kind == GNSS_NO_FIX || (well && (!receiver->was_well || now_ms - receiver->well_ms >= all->timeout_ms)))
		receiver->well_since_ms = now_ms;
	if (well) {
		receiver->was_well = true;
		receiver->well_ms = now_ms;
		receiver->recorded_at_ms = report->fix.recorded_at_ms;
	}
	judge_progress(all, receiver, report, well);
	receiver->unplugged = false;
	receiver->heard_ms = now_ms;
	return well;
}

/* Why `other`, which has just spoken, is to be followed instead. */
static enum receivers_why judge(const struct receivers *all, const struct receiver *other, bool well, int64_t now_ms)
{
	const struct receiver *followed = all->followed;
	if (!followed)
		return RECEIVERS_FIRST;
	if (followed == other)
		return RECEIVERS_SAME;
	if (followed->unplugged)
		return RECEIVERS_UNPLUGGED;
	if (now_ms - followed->heard_ms >= all->timeout_ms)
		return RECEIVERS_SILENT;
	if (well && (!followed->was_well || now_ms - followed->well_ms >= all->timeout_ms))
		return RECEIVERS_NO_FIX;
	if (well && now_ms - other->well_since_ms >= all->timeout_ms && rank(all, other) < rank(all, followed))
		return RECEIVERS_PREFERRED;
	return RECEIVERS_SAME;
}

static void follow(struct receivers *all, struct receiver *receiver, enum receivers_why why,
                   struct receivers_change *out)
{
	*out = (struct receivers_change){.why = why};
	if (all->followed)
		strcpy(out->from, all->followed->device);
	strcpy(out->to, receiver->device);
	all->followed = receiver;
}

static bool take_spoken(struct receivers *all, const struct gnss_report *report, struct receivers_change *out)
{
	struct receiver *receiver = find(all, report->device);
	if (!receiver)
		receiver = add(all, report->device);
	go_on(all, report->mono_ms);
	bool well = note(all, receiver, report);
	enum receivers_why why = judge(all, receiver, well, report->mono_ms);
	if (why != RECEIVERS_SAME)
		follow(all, receiver, why, out);
	return receiver == all->followed;
}

enum gnss_silence receivers_stuck(const struct receivers *receivers)
{
	return receivers->followed ? receivers->followed->stuck : GNSS_HEARD;
}

bool receivers_take(struct receivers *receivers, const struct gnss_report *report, struct receivers_change *out)
{
	bool ours = true, closed = report->kind == GNSS_UNPLUGGED;
	out->why = RECEIVERS_SAME;
	if (is_of_a_receiver(report)) {
		ours = take_spoken(receivers, report, out);
	} else if (closed || (report->kind == GNSS_BAD && report->device[0])) {
		struct receiver *receiver = find(receivers, report->device);
		ours = !receivers->followed || receiver == receivers->followed;
		if (receiver)
			receiver->unplugged |= closed;
	} else if (report->kind == GNSS_SILENT) {
		receivers->paused |= report->silence == GNSS_SILENT_GPSD;
	} else if (report->kind == GNSS_GONE) {
		for (int i = 0; i < receivers->count; i++)
			receivers->known[i].unplugged = true;
	}
	receivers->refused += !ours && report->kind != GNSS_SKY && !closed;
	return ours;
}
