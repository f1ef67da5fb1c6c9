/* A unit that has sent as one device of its centre becomes another one there. What was recorded, and the journey that is
 * under way, are the first one's; so what comes now gets another identity, and a journey of its own. */
#include "store/internal.h"

#include <string.h>

/* Whether this unit is about to become another device than that under which it may have sent rows, which it may have been before
 * it was unpaired. */
static int is_another(struct store *store, const struct store_centre *centre, bool *out, struct err *e)
{
	struct query q;
	int64_t another = 0;
	query_start(&q, store,
	            "SELECT exchange_sent > 0 AND coalesce((SELECT id FROM devices),"
	            " CASE WHEN former_centre = ? THEN former_device END) <> ? FROM store");
	query_blob(&q, centre->public_key, sizeof centre->public_key);
	query_int(&q, centre->device_id);
	int rc = query_one_int(&q, 0, &another, e);
	*out = another;
	return rc;
}

/* Its own machine is not that of the next device; one that somebody has named stays. */
static int forget_own_machine(struct store *store, struct session *session, struct err *e)
{
	struct query q;
	int64_t own = 0;
	query_start(&q, store, "SELECT count(*) FROM devices WHERE machine_id = ?");
	query_text(&q, session->machine_id);
	int rc = query_one_int(&q, 0, &own, e);
	if (own)
		session->machine_id[0] = '\0';
	return rc;
}

/* With its last point: how it went on, its own device may know. No event tells of it, which this unit could not send. */
static int end_session(struct store *store, const struct session *session, struct err *e)
{
	struct session_content content;
	struct query q;
	int rc = store_session_content(store, session, &content, e);
	if (rc)
		return rc;
	query_start(
		&q, store,
		"UPDATE sessions SET status = 'ended', ended_at = max(started_at, ?1), updated_at = max(started_at, ?1),"
		" revision = max(revision, held_revision) + 1 WHERE id = ?2");
	query_int(&q, content.last_point_ms);
	query_int(&q, session->id);
	return query_run(&q, e);
}

/* What the agent has paused is over: another one begins when the vehicle moves. */
static int leave_session(struct store *store, struct session *out, struct err *e)
{
	struct session_change last = {0};
	bool open = false, any = false;
	int rc = store_session_open(store, out, &open, e);
	if (rc || !open) {
		out->status = SESSION_ENDED;
		return rc;
	}
	rc = store_session_last_change(store, &last, &any, e);
	if (!rc)
		rc = end_session(store, out, e);
	if (!rc)
		rc = forget_own_machine(store, out, e);
	if (out->status == SESSION_PAUSED && !last.by_person)
		out->status = SESSION_ENDED;
	return rc;
}

int become_leave(struct store *store, const struct store_centre *centre, struct session *out_left, struct err *e)
{
	bool another = false;
	int rc = is_another(store, centre, &another, e);
	*out_left = (struct session){.status = SESSION_ENDED};
	if (!rc && another)
		rc = leave_session(store, out_left, e);
	if (!rc && another)
		rc = fork_present(store, FORK_PERSON, e);
	return rc;
}

int become_go_on(struct store *store, const struct session *left, struct err *e)
{
	struct session session;
	if (left->status == SESSION_ENDED)
		return 0;
	int64_t now_ms = store_now_ms(store, NULL);
	int rc = store_session_start(store, left, now_ms, SESSION_BY_PAIRING, &session, e);
	if (!rc && left->status == SESSION_PAUSED)
		rc = store_session_change(store, SESSION_PAUSED, now_ms, SESSION_BY_PAIRING, &session, e);
	return rc;
}
