#include "agent/pending.h"

#include "hal/json.h"
#include "hal/list.h"

#include <stdlib.h>
#include <string.h>

/* Points for which memory is kept from one commit to the next. */
enum { ROOM_KEPT = 4096, POINTS_AT_ONCE = 128 };

static bool make_room(struct pending *p)
{
	return p->point_count < PENDING_POINTS_MAX &&
	       !list_grow(&p->points, p->point_count, &p->point_room, sizeof *p->points, "points", NULL);
}

bool pending_point(struct pending *p, const struct point *point, int64_t mono_ms)
{
	if (!make_room(p)) {
		p->dropped++;
		return false;
	}
	if (!p->point_count)
		p->oldest_ms = mono_ms;
	p->points[p->point_count++] = *point;
	return true;
}

void pending_event(struct pending *p, enum event_type type, struct moment at, bool in_session, cJSON *payload)
{
	if (p->event_count < PENDING_EVENTS_MAX)
		p->events[p->event_count++] = (struct pending_event){type, at, in_session, json_print(payload)};
	cJSON_Delete(payload);
}

void pending_know(struct pending *p, int64_t offset_ms)
{
	for (size_t i = 0; i < p->event_count; i++) {
		struct moment *at = &p->events[i].at;
		if (!at->known)
			*at = (struct moment){at->mono_ms + offset_ms, at->mono_ms, true};
	}
}

/* The first of the points at the end that were recorded since, and are in no session. */
static size_t points_since(const struct pending *p, int64_t at_ms)
{
	size_t least = p->change_count ? p->changes[p->change_count - 1].from : 0, from = p->point_count;
	while (from > least && p->points[from - 1].recorded_at_ms >= at_ms && !p->points[from - 1].session)
		from--;
	return from;
}

void pending_change(struct pending *p, const struct trips_decision *decision, int32_t session)
{
	if (p->change_count == PENDING_CHANGES_MAX)
		return;
	size_t from = session ? p->point_count : points_since(p, decision->at_ms);
	for (size_t i = from; i < p->point_count; i++)
		p->points[i].session = PENDING_SESSION;
	p->changes[p->change_count++] = (struct pending_change){*decision, session, from};
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static int write_points(const struct pending *p, size_t from, size_t to, const struct journey *journey,
                        struct store *store, struct err *e)
{
	struct point some[POINTS_AT_ONCE];
	int rc = 0;
	for (size_t count; !rc && from < to; from += count) {
		count = to - from < POINTS_AT_ONCE ? to - from : POINTS_AT_ONCE;
		memcpy(some, &p->points[from], count * sizeof *some);
		for (size_t i = 0; i < count; i++)
			if (some[i].session == PENDING_SESSION)
				some[i].session = (int32_t)journey->session.id;
		rc = store_append_points(store, some, count, e);
	}
	return rc;
}

static int write_points_and_changes(const struct pending *p, struct journey *journey, struct store *store,
                                    struct err *e)
{
	size_t at = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < p->change_count; i++) {
		const struct pending_change *change = &p->changes[i];
		rc = write_points(p, at, change->from, journey, store, e);
		if (!rc)
			rc = journey_change(journey, store, &change->decision, change->session, e);
		at = change->from;
	}
	return rc ? rc : write_points(p, at, p->point_count, journey, store, e);
}

static int write_events(const struct pending *p, const char *session_id, struct store *store, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < p->event_count; i++) {
		const struct pending_event *waiting = &p->events[i];
		struct event event = {
			.event_at_ms = waiting->at.at_ms, .mono_ms = waiting->at.mono_ms, .payload = waiting->payload};
		strcpy(event.event_type, event_type_text(waiting->type));
		if (waiting->in_session)
			strcpy(event.session_id, session_id);
		rc = store_append_event(store, &event, e);
	}
	return rc;
}

int pending_write(const struct pending *p, struct journey *journey, struct store *store, struct err *e)
{
	/* Events are of the session that was open; of the one that is opened here when none was. */
	char session_id[UUID_TEXT];
	strcpy(session_id, journey->session.session_id);
	int rc = write_points_and_changes(p, journey, store, e);
	return rc ? rc : write_events(p, *session_id ? session_id : journey->session.session_id, store, e);
}

static void free_events(struct pending *p)
{
	for (size_t i = 0; i < p->event_count; i++)
		free(p->events[i].payload);
	p->event_count = 0;
}

void pending_clear(struct pending *p)
{
	free_events(p);
	p->dropped = 0;
	p->point_count = p->change_count = 0;
	if (p->point_room > ROOM_KEPT) {
		free(p->points);
		p->points = NULL;
		p->point_room = 0;
	}
}

void pending_free(struct pending *p)
{
	free_events(p);
	free(p->points);
}
