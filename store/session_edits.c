/* What the centre has changed in a session, or holds of it otherwise (hal/merge.h). */
#include "store/event_types.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

/* Tells which fields the centre has changed. The event makes a centre that forgets its change (it was restored from an older
 * dump) hear of it again: it misses the event, and with an event goes its session. */
static int add_changed(struct store *store, const struct session *s, unsigned fields, int64_t at_ms, struct err *e)
{
	char names[96] = "", payload[128];
	for (int field = 0; field < SESSION_FIELD_COUNT; field++)
		if (fields >> field & 1) {
			size_t length = strlen(names);
			snprintf(names + length, sizeof names - length, "%s%s", length ? " " : "",
			         session_field_name((enum session_field)field));
		}
	snprintf(payload, sizeof payload, "{\"by\":\"centre\",\"fields\":\"%s\"}", names);
	struct event event = {.event_at_ms = at_ms, .payload = payload};
	snprintf(event.session_id, sizeof event.session_id, "%s", s->session_id);
	snprintf(event.event_type, sizeof event.event_type, "%s", event_type_text(EVENT_SESSION_CHANGED));
	int64_t seq;
	return event_add(store, &event, &seq, e);
}

static int put_copy(struct store *store, const struct session *s, int64_t at_ms, struct err *e)
{
	struct query q;
	query_start(&q, store, "UPDATE sessions SET status = ?, ended_at = ?, updated_at = ?, revision = ? WHERE id = ?");
	query_text(&q, session_status_name(s->status));
	query_int_unless(&q, s->status == SESSION_ENDED ? s->ended_at_ms : NO_TIME, NO_TIME);
	query_int(&q, at_ms);
	query_int(&q, s->revision);
	query_int(&q, s->id);
	return query_run(&q, e);
}

/* What was changed here since is above the centre's revision already, and goes its own way. */
int session_apply_copy(struct store *store, const struct store_session_held *held, int64_t at_ms, struct err *e)
{
	struct session s, merged;
	bool found = false, taken = false;
	int rc = session_find(store, held->session_id, &s, &found, e);
	if (rc || !found || s.revision > held->revision)
		return rc;
	bool unseen = held->seen > s.centre_revision;
	merged = s;
	if (held->other)
		taken = merge_copy(&s, held->other, &merged);
	if (unseen && merged.revision <= held->revision)
		merged.revision = held->revision + 1;
	if (!taken && merged.revision == s.revision)
		return 0;
	rc = put_copy(store, &merged, at_ms, e);
	/* Another end is no news to those who read events. */
	return rc || s.status == merged.status ? rc : add_changed(store, &merged, 1U << SESSION_STATUS, at_ms, e);
}

/* The centre's changes are no change by the unit: the revision stays, and nothing of them is sent back. A session that
 * is not here was one of another store of this device. */
int session_apply_edits(struct store *store, const char *session_id, const struct session_edits *edits, int64_t at_ms,
                        struct err *e)
{
	struct session s;
	bool found = false;
	struct query q;
	int rc = session_find(store, session_id, &s, &found, e);
	if (rc || !found || edits->revision <= s.centre_revision)
		return rc;
	unsigned fields = merge_session(&s, edits, &s);
	query_start(&q, store,
	            "UPDATE sessions SET user_id = ?, machine_id = ?, application_id = ?, status = ?, started_at = ?5,"
	            " start_guess = start_guess AND started_at = ?5, ended_at = ?, updated_at = ?, centre_revision = ?"
	            " WHERE id = ?");
	query_text(&q, s.user_id);
	query_text(&q, s.machine_id);
	query_int_unless(&q, s.application_id, 0);
	query_text(&q, session_status_name(s.status));
	query_int(&q, s.started_at_ms);
	query_int_unless(&q, s.status == SESSION_ENDED ? s.ended_at_ms : NO_TIME, NO_TIME);
	query_int(&q, at_ms);
	query_int(&q, edits->revision);
	query_int(&q, s.id);
	rc = query_run(&q, e);
	return rc || !fields ? rc : add_changed(store, &s, fields, at_ms, e);
}
