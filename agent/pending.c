#include "agent/pending.h"

#include "hal/json.h"

#include <stdlib.h>
#include <string.h>

/* Points for which memory is kept from one commit to the next. */
enum { ROOM_FIRST = 64, ROOM_KEPT = 4096 };

static bool make_room(struct pending *p)
{
	if (p->point_count < p->point_room)
		return true;
	size_t room = p->point_room ? p->point_room * 2 : ROOM_FIRST;
	struct point *points = room <= PENDING_POINTS_MAX ? realloc(p->points, room * sizeof *points) : NULL;
	if (!points)
		return false;
	p->points = points;
	p->point_room = room;
	return true;
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

int pending_write_points(struct pending *p, struct store *store, struct err *e)
{
	return store_append_points(store, p->points, p->point_count, e);
}

int pending_write_events(const struct pending *p, struct store *store, const char *session_id, struct err *e)
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
	p->point_count = 0;
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
