#include "agent/journey.h"

#include "hal/boot.h"
#include "hal/summary.h"

#include <stdlib.h>

int journey_read(struct journey *journey, struct store *store, struct err *e)
{
	struct journey read = {0};
	bool found;
	int rc = store_session_open(store, &read.session, &found, e);
	if (!rc && !found)
		read.session = (struct session){0};
	bool same = !rc && read.session.id == journey->session.id && read.session.status == journey->session.status &&
	            read.session.revision == journey->session.revision;
	/* What a person ends and what never was look the same, until it is asked. */
	if (same && found)
		read.last = journey->last;
	else if (!rc)
		rc = store_session_last_change(store, &read.last, &found, e);
	if (!rc)
		*journey = read;
	return rc;
}

static bool paused_by_agent(const struct journey *journey)
{
	return journey->session.status == SESSION_PAUSED && journey->last.to == SESSION_PAUSED && !journey->last.by_person;
}

enum trips_state journey_state(const struct journey *journey)
{
	if (!journey->session.id)
		return TRIPS_NONE;
	if (journey->session.status == SESSION_ACTIVE)
		return TRIPS_ACTIVE;
	return paused_by_agent(journey) ? TRIPS_PAUSED : TRIPS_HELD;
}

/* When the vehicle came to rest, by the last points of the session; the last one when it did not. */
static int find_rest(const struct journey *journey, struct store *store, int64_t *out_ms, struct err *e)
{
	enum { FEW = 256 };
	struct point *points = malloc(FEW * sizeof *points);
	struct ranges ranges = {0};
	size_t count = 0;
	int64_t last = 0;
	int rc =
		points ? store_last_seq(store, STREAM_POINTS, &last, e) : err_set(e, ERR_MEMORY, "out of memory for points");
	if (!rc && last)
		rc = ranges_add(&ranges, last > FEW ? last - FEW + 1 : 1, last, e);
	if (!rc && last)
		rc = store_read_points(store, &ranges, points, FEW, &count, e);
	for (bool any = false; count-- > 0;) {
		const struct point *p = &points[count];
		if (p->session != journey->session.id || p->source == POINT_MANUAL)
			continue;
		if (any && p->speed_cmps >= SUMMARY_MOVING_CMPS)
			break;
		*out_ms = p->recorded_at_ms;
		any = true;
		if (p->speed_cmps >= SUMMARY_MOVING_CMPS || p->speed_cmps == ROW_ABSENT)
			break;
	}
	ranges_free(&ranges);
	free(points);
	return rc;
}

int journey_found(const struct journey *journey, struct store *store, struct trips_found *out, struct err *e)
{
	struct session_content content = {0};
	int rc = journey->session.id ? store_session_content(store, &journey->session, &content, e) : 0;
	enum trips_state state = journey_state(journey);
	*out = (struct trips_found){
		.state = state,
		.last_ms = state == TRIPS_ACTIVE && content.points ? content.last_point_ms : journey->last.at_ms,
		.person = journey->last.by_person,
		.empty = state == TRIPS_ACTIVE && !content.points,
	};
	if (!rc)
		rc = store_ignition_was_on(store, boot_id(), &out->ignition_on, e);
	return rc || state != TRIPS_ACTIVE ? rc : find_rest(journey, store, &out->last_ms, e);
}

int journey_change(struct journey *journey, struct store *store, const struct trips_decision *decision, int32_t session,
                   struct err *e)
{
	int rc = journey_read(journey, store, e);
	struct session *open = &journey->session;
	bool ours = session < 0 || open->id == session, held = journey_state(journey) == TRIPS_HELD;
	if (rc || !ours || (held && !decision->over_person) || (open->id && open->status == decision->to))
		return rc;
	if (open->id)
		rc = store_session_change(store, decision->to, decision->at_ms, decision->cause, open, e);
	else if (decision->to == SESSION_ACTIVE)
		rc = store_session_start(store, &(struct session){0}, decision->at_ms, decision->cause, open, e);
	else
		return 0;
	journey->last = (struct session_change){decision->to, false, decision->at_ms};
	if (decision->to == SESSION_ENDED)
		*open = (struct session){0};
	return rc;
}
