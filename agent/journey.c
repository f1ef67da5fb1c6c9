#include "agent/journey.h"

int journey_read(struct journey *journey, struct store *store, struct err *e)
{
	struct session session = {0};
	bool found;
	int rc = store_session_open(store, &session, &found, e);
	if (rc)
		return rc;
	journey->session = found ? session : (struct session){0};
	return found && session.status == SESSION_PAUSED ? store_paused_by_agent(store, &journey->paused_by_agent, e) : 0;
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
