#include "agent/journey.h"

#include "store/event_types.h"

#include <string.h>

/* Reads the events backwards to the last session_pause: who wrote it? */
static int find_who_paused(struct journey *journey, struct store *store, struct err *e)
{
	enum { CHUNK = 64 };
	struct event events[CHUNK];
	int64_t last;
	bool found = false;
	int rc = store_last_seq(store, STREAM_EVENTS, &last, e);
	journey->paused_by_agent = false;
	for (; !rc && !found && last > 0; last -= CHUNK) {
		struct ranges ranges = {0};
		size_t count = 0;
		rc = ranges_add(&ranges, last > CHUNK ? last - CHUNK + 1 : 1, last, e);
		if (!rc)
			rc = store_read_events(store, &ranges, events, CHUNK, &count, e);
		ranges_free(&ranges);
		for (size_t i = rc ? 0 : count; i-- > 0;) {
			const struct event *event = &events[i];
			if (!found && !strcmp(event->event_type, event_type_text(EVENT_SESSION_PAUSE))) {
				found = true;
				journey->paused_by_agent =
					event->payload && strstr(event->payload, session_actor_name(SESSION_BY_AGENT));
			}
			event_free(&events[i]);
		}
	}
	return rc;
}

int journey_read(struct journey *journey, struct store *store, struct err *e)
{
	struct session session = {0};
	bool found;
	int rc = store_session_open(store, &session, &found, e);
	if (rc)
		return rc;
	journey->session = found ? session : (struct session){0};
	return found && session.status == SESSION_PAUSED ? find_who_paused(journey, store, e) : 0;
}

bool journey_active(const struct journey *journey)
{
	return journey->session.id && journey->session.status == SESSION_ACTIVE;
}

int journey_open(struct journey *journey, struct store *store, int64_t at_ms, struct err *e)
{
	int rc = journey_read(journey, store, e);
	if (!rc && !journey->session.id)
		rc = store_session_start(store, &(struct session){0}, at_ms, SESSION_BY_AGENT, &journey->session, e);
	else if (!rc && journey->session.status == SESSION_PAUSED && journey->paused_by_agent)
		rc = store_session_change(store, SESSION_ACTIVE, at_ms, SESSION_BY_AGENT, &journey->session, e);
	if (!rc && journey->kept_session == 0)
		journey->kept_session = journey->session.id;
	return rc;
}

int journey_close(struct journey *journey, struct store *store, const struct conf_unit *conf, struct err *e)
{
	struct session_content content = {0};
	int rc = journey_read(journey, store, e);
	if (rc || !journey_active(journey) || conf->capture_session != CAPTURE_SESSION_AUTO)
		return rc;
	rc = store_session_content(store, &journey->session, &content, e);
	if (rc || !content.points)
		return rc;
	int64_t at_ms = journey->kept_session == journey->session.id ? journey->kept_ms : content.last_point_ms;
	enum session_status status = conf->capture_stop == CAPTURE_STOP_PAUSE ? SESSION_PAUSED : SESSION_ENDED;
	rc = store_session_change(store, status, at_ms, SESSION_BY_AGENT, &journey->session, e);
	if (!rc && status == SESSION_ENDED)
		journey->session = (struct session){0};
	return rc;
}
