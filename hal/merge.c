#include "hal/merge.h"

#include <stdbool.h>
#include <string.h>

const char *session_field_name(enum session_field field)
{
	static const char *const names[SESSION_FIELD_COUNT] = {
		[SESSION_USER] = "user_id",       [SESSION_MACHINE] = "machine_id", [SESSION_APPLICATION] = "application_id",
		[SESSION_STARTED] = "started_at", [SESSION_STATUS] = "status",
	};
	return names[field];
}

static bool is_centres(enum session_field field, const struct session *unit, const struct session_edits *centre)
{
	bool changed_since = centre->changed[field] > unit->centre_revision;
	if (field != SESSION_STATUS)
		return changed_since;
	bool ended_there = centre->values.status == SESSION_ENDED;
	if (ended_there != (unit->status == SESSION_ENDED))
		return ended_there;
	/* One whose start is another too has corrected both, and its end goes with its start. */
	bool same_start = unit->started_at_ms == centre->values.started_at_ms;
	if (ended_there && !changed_since && same_start && unit->held_revision != centre->values.revision)
		return centre->values.ended_at_ms > unit->ended_at_ms;
	return changed_since && unit->revision <= centre->values.revision;
}

static void take(struct session *out, const struct session *from, enum session_field field)
{
	switch (field) {
	case SESSION_USER:
		memcpy(out->user_id, from->user_id, sizeof out->user_id);
		break;
	case SESSION_MACHINE:
		memcpy(out->machine_id, from->machine_id, sizeof out->machine_id);
		break;
	case SESSION_APPLICATION:
		out->application_id = from->application_id;
		break;
	case SESSION_STARTED:
		out->started_at_ms = from->started_at_ms;
		break;
	default:
		out->status = from->status;
		out->ended_at_ms = from->ended_at_ms;
	}
}

/* Whether `held` has an end that the unit's record lacks. */
static bool ends_later(const struct session *unit, const struct session *held)
{
	return held->status == SESSION_ENDED && (unit->status != SESSION_ENDED || unit->ended_at_ms < held->ended_at_ms);
}

bool merge_copy(const struct session *unit, const struct session *held, struct session *out)
{
	bool taken = ends_later(unit, held);
	*out = *unit;
	if (taken)
		take(out, held, SESSION_STATUS);
	bool same = out->status == held->status && out->started_at_ms == held->started_at_ms &&
	            (out->status != SESSION_ENDED || out->ended_at_ms == held->ended_at_ms);
	out->revision = held->revision + !same;
	return taken;
}

unsigned merge_session(const struct session *unit, const struct session_edits *centre, struct session *out)
{
	struct session merged = *unit;
	unsigned theirs = 0;
	for (int field = 0; field < SESSION_FIELD_COUNT; field++)
		if (is_centres((enum session_field)field, unit, centre)) {
			take(&merged, &centre->values, (enum session_field)field);
			theirs |= 1U << field;
		}
	if (merged.status == SESSION_ENDED && merged.ended_at_ms < merged.started_at_ms)
		merged.ended_at_ms = merged.started_at_ms;
	*out = merged;
	return theirs;
}
