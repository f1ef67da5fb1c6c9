/* What the unit changes in a session: start, pause, resume, end, each with the event that tells of it. */
#include "store/event_types.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

static const char *cause_payload(enum session_cause cause)
{
	static const char *const payloads[SESSION_CAUSE_COUNT] = {
		[SESSION_BY_PERSON] = "{\"by\":\"person\"}",
		[SESSION_BY_MOVEMENT] = "{\"by\":\"agent\",\"why\":\"movement\"}",
		[SESSION_BY_IGNITION] = "{\"by\":\"agent\",\"why\":\"ignition\"}",
		[SESSION_BY_REST] = "{\"by\":\"agent\",\"why\":\"rest\"}",
		[SESSION_BY_GAP] = "{\"by\":\"agent\",\"why\":\"gap\"}",
		[SESSION_BY_STOP] = "{\"by\":\"agent\",\"why\":\"stop\"}",
		[SESSION_BY_PAIRING] = "{\"by\":\"person\",\"why\":\"pairing\"}",
	};
	return payloads[cause];
}

/* The event that tells of a change belongs to it: same transaction, same time. */
static int add_event(struct store *store, const struct session *session, enum event_type type, const struct when *when,
                     enum session_cause cause, struct err *e)
{
	struct event event = {.event_at_ms = when->at_ms,
	                      .mono_ms = when->mono_ms,
	                      .of_fix = when->of_fix,
	                      .payload = (char *)cause_payload(cause)};
	snprintf(event.session_id, sizeof event.session_id, "%s", session->session_id);
	snprintf(event.event_type, sizeof event.event_type, "%s", event_type_text(type));
	int64_t seq;
	return event_add(store, &event, &seq, e);
}

/* What is driven is the machine that the unit is in, unless somebody says otherwise. */
static int name_machine(struct store *store, struct session *s, struct err *e)
{
	struct query q;
	bool row = false;
	if (s->machine_id[0])
		return 0;
	query_start(&q, store, "SELECT machine_id FROM devices");
	int rc = query_next(&q, &row, e);
	if (!rc && row)
		query_get_text(&q, 0, s->machine_id, sizeof s->machine_id);
	query_end(&q);
	return rc;
}

static int insert_session(struct store *store, struct session *s, const struct when *when, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO sessions (session_id, user_id, machine_id, application_id, status, started_at,"
	            " created_at, updated_at, start_boot, start_mono, start_guess, device_id, account_id, first_seq)"
	            " VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?5, ?5, ?6, ?7, ?8, (SELECT id FROM devices),"
	            " (SELECT user_id FROM devices), (SELECT coalesce(max(seq), 0) + 1 FROM points))");
	query_text(&q, s->session_id);
	query_text(&q, s->user_id);
	query_text(&q, s->machine_id);
	query_int_unless(&q, s->application_id, 0);
	query_int(&q, s->started_at_ms);
	query_text(&q, store->clock.boot);
	query_int_unless(&q, when->mono_ms, 0);
	bool guess = when->waits && !when->of_fix;
	query_int(&q, guess);
	int rc = query_run(&q, e);
	s->guessed = guess;
	s->id = sqlite3_last_insert_rowid(store->db);
	return rc;
}

static int start(struct store *store, struct session *s, enum session_cause cause, struct err *e)
{
	struct session open;
	struct when when = {0};
	bool found = false;
	int rc = store_session_open(store, &open, &found, e);
	if (!rc && found)
		rc = err_set(e, ERR_STATE, "session %s is %s: end it before another is started", open.session_id,
		             session_status_name(open.status));
	if (!rc)
		rc = clock_when(store, s->started_at_ms, 0, cause != SESSION_BY_PERSON, &when, e);
	s->started_at_ms = when.at_ms;
	if (!rc)
		rc = name_machine(store, s, e);
	if (!rc)
		rc = insert_session(store, s, &when, e);
	return rc ? rc : add_event(store, s, EVENT_SESSION_START, &when, cause, e);
}

int store_session_start(struct store *store, const struct session *wanted, int64_t at_ms, enum session_cause cause,
                        struct session *out, struct err *e)
{
	struct session s = *wanted;
	s.status = SESSION_ACTIVE;
	s.started_at_ms = at_ms;
	s.ended_at_ms = 0;
	s.revision = 1;
	s.held_revision = s.centre_revision = 0;
	int rc = check_utf8("the user's name", s.user_id, e);
	if (!rc)
		rc = check_utf8("the machine's name", s.machine_id, e);
	if (!rc)
		rc = uuid_make(s.session_id, e);
	if (!rc)
		rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, start(store, &s, cause, e), e);
	if (!rc)
		*out = s;
	return rc;
}

/* How long a session that was started in this boot has lasted by then, by the monotonic clock; 0: it was in another. */
static int lasted(struct store *store, const struct session *s, const struct when *when, int64_t *out_ms, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT max(0, ? - start_mono) FROM sessions WHERE id = ? AND start_boot = ?");
	query_int(&q, when->mono_ms);
	query_int(&q, s->id);
	query_text(&q, store->clock.boot);
	return query_one_int(&q, 0, out_ms, e);
}

/* A clock that was set back must not end a session before it starts, nor at its start: then, and where both are a guess by the same
 * boot, the monotonic clock says how long it has lasted. */
static int after_start(struct store *store, const struct session *s, struct when *when, struct err *e)
{
	int64_t lasted_ms = 0;
	bool before = when->at_ms < s->started_at_ms;
	if (!before && (when->of_fix || !(when->waits && s->guessed && !store->clock.said)))
		return 0;
	when->of_fix = false;
	int rc = when->mono_ms ? lasted(store, s, when, &lasted_ms, e) : 0;
	if (!rc && (before || lasted_ms))
		when->at_ms = s->started_at_ms + lasted_ms;
	return rc;
}

static int update_session(struct store *store, const struct session *s, const struct when *when, struct err *e)
{
	struct query q;
	/* Above what the centre holds, which is more than this store has when it was restored from an older copy. */
	query_start(&q, store,
	            "UPDATE sessions SET status = ?, ended_at = ?, updated_at = ?, end_boot = ?, end_mono = ?,"
	            " revision = max(?, held_revision + 1)"
	            " WHERE id = ?");
	query_text(&q, session_status_name(s->status));
	query_int_unless(&q, s->status == SESSION_ENDED ? s->ended_at_ms : NO_TIME, NO_TIME);
	bool guess = when->waits && !when->of_fix && s->status == SESSION_ENDED;
	query_int(&q, when->at_ms);
	query_text(&q, guess ? store->clock.boot : NULL);
	query_int_unless(&q, guess ? when->mono_ms : NO_TIME, NO_TIME);
	query_int(&q, s->revision);
	query_int(&q, s->id);
	return query_run(&q, e);
}

static const enum event_type types[SESSION_STATUS_COUNT] = {
	[SESSION_ACTIVE] = EVENT_SESSION_RESUME,
	[SESSION_PAUSED] = EVENT_SESSION_PAUSE,
	[SESSION_ENDED] = EVENT_SESSION_END,
};

static int change(struct store *store, enum session_status status, int64_t at_ms, enum session_cause cause,
                  struct session *out, struct err *e)
{
	struct when when = {0};
	bool found = false;
	int rc = store_session_open(store, out, &found, e);
	if (!rc)
		rc = clock_when(store, at_ms, 0, cause != SESSION_BY_PERSON, &when, e);
	if (rc)
		return rc;
	if (!found)
		return err_set(e, ERR_STATE, "no session is open");
	if (out->status == status)
		return err_set(e, ERR_STATE, "session %s is %s already", out->session_id, session_status_name(status));
	rc = after_start(store, out, &when, e);
	if (rc)
		return rc;
	out->status = status;
	out->ended_at_ms = status == SESSION_ENDED ? when.at_ms : 0;
	out->revision++;
	out->guessed = out->guessed || (when.waits && !when.of_fix && status == SESSION_ENDED);
	rc = update_session(store, out, &when, e);
	return rc ? rc : add_event(store, out, types[status], &when, cause, e);
}

int store_session_change(struct store *store, enum session_status status, int64_t at_ms, enum session_cause cause,
                         struct session *out, struct err *e)
{
	struct session changed;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, change(store, status, at_ms, cause, &changed, e), e);
	if (!rc)
		*out = changed;
	return rc;
}

int store_session_last_change(struct store *store, struct session_change *out, bool *out_found, struct err *e)
{
#define CHANGES "event_type IN ('session_start', 'session_resume', 'session_pause', 'session_end')"
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT event_type, payload ->> '$.by' = 'person', at FROM (SELECT event_type, payload,"
	            " CASE WHEN of_fix THEN said_at ELSE 0 END AS at, 1 AS waits, number FROM waiting_events WHERE " CHANGES
	            " UNION ALL SELECT * FROM (SELECT event_type, payload, event_at, 0,"
	            " seq FROM events WHERE " CHANGES
	            " ORDER BY seq DESC LIMIT 1)) ORDER BY waits DESC, number DESC LIMIT 1");
#undef CHANGES
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		char type[EVENT_TYPE_TEXT];
		query_get_text(&q, 0, type, sizeof type);
		out->to = !strcmp(type, event_type_text(EVENT_SESSION_PAUSE)) ? SESSION_PAUSED
		          : !strcmp(type, event_type_text(EVENT_SESSION_END)) ? SESSION_ENDED
		                                                              : SESSION_ACTIVE;
		out->by_person = query_get_int(&q, 1, 0);
		out->at_ms = query_get_int(&q, 2, 0);
	}
	query_end(&q);
	if (!rc)
		*out_found = row;
	return rc;
}

int store_ignition_was_on(struct store *store, const char *boot, bool *out, struct err *e)
{
#define TYPES "event_type IN ('agent_start', 'ignition_on', 'ignition_off')"
	struct query q;
	int64_t on = 0;
	query_start(&q, store,
	            "WITH said AS (SELECT event_type, payload, 1 AS waits, number FROM waiting_events WHERE " TYPES
	            " UNION ALL SELECT event_type, payload, 0, seq FROM events WHERE " TYPES ")"
	            " SELECT (SELECT payload ->> '$.boot' = ? FROM said WHERE event_type = 'agent_start'"
	            "  ORDER BY waits DESC, number DESC LIMIT 1)"
	            " AND (SELECT event_type = 'ignition_on' FROM said WHERE event_type <> 'agent_start'"
	            "  ORDER BY waits DESC, number DESC LIMIT 1)");
#undef TYPES
	query_text(&q, boot);
	int rc = query_one_int(&q, 0, &on, e);
	*out = on;
	return rc;
}
