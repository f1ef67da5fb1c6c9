#include "store/event_types.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELECT_SESSION                                                                                     \
	"SELECT id, session_id, user_id, machine_id, application_id, status, started_at, ended_at, revision, " \
	"centre_revision, held_revision, start_guess OR end_boot IS NOT NULL FROM sessions "

/* No time that a row can have. */
#define NO_TIME INT64_MIN

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

static enum session_status status_of(const char *name)
{
	for (int status = 0; status < SESSION_STATUS_COUNT; status++)
		if (!strcmp(name, session_status_name((enum session_status)status)))
			return (enum session_status)status;
	return SESSION_ENDED; /* the table allows no other names */
}

static struct session read_session(const struct query *q)
{
	struct session s = {
		.id = query_get_int(q, 0, 0),
		.application_id = query_get_int(q, 4, 0),
		.started_at_ms = query_get_int(q, 6, 0),
		.ended_at_ms = query_get_int(q, 7, 0),
		.revision = query_get_int(q, 8, 0),
		.centre_revision = query_get_int(q, 9, 0),
		.held_revision = query_get_int(q, 10, 0),
		.guessed = query_get_int(q, 11, 0) != 0,
	};
	char status[16];
	query_get_text(q, 1, s.session_id, sizeof s.session_id);
	query_get_text(q, 2, s.user_id, sizeof s.user_id);
	query_get_text(q, 3, s.machine_id, sizeof s.machine_id);
	query_get_text(q, 5, status, sizeof status);
	s.status = status_of(status);
	return s;
}

static int read_one(struct query *q, struct session *out, bool *out_found, struct err *e)
{
	bool row = false;
	int rc = query_next(q, &row, e);
	if (!rc) {
		if (row)
			*out = read_session(q);
		*out_found = row;
	}
	query_end(q);
	return rc;
}

static void read_item(const struct query *q, void *item)
{
	*(struct session *)item = read_session(q);
}

static int read_all(struct query *q, struct session **out, size_t *out_count, struct err *e)
{
	return query_all(q, sizeof **out, read_item, out, out_count, e);
}

int store_session_open(struct store *store, struct session *out, bool *out_found, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE status <> 'ended'");
	return read_one(&q, out, out_found, e);
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
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE session_id = ?");
	query_text(&q, held->session_id);
	int rc = read_one(&q, &s, &found, e);
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
	query_start(&q, store, SELECT_SESSION "WHERE session_id = ?");
	query_text(&q, session_id);
	int rc = read_one(&q, &s, &found, e);
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

int store_session_lost(struct store *store, int64_t id, char out[NAME_TEXT], struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT lost_references FROM sessions WHERE id = ?");
	query_int(&q, id);
	int rc = query_next(&q, &row, e);
	out[0] = '\0';
	if (!rc && row)
		query_get_text(&q, 0, out, NAME_TEXT);
	query_end(&q);
	return rc;
}

int store_session_by_id(struct store *store, int64_t id, struct session *out, struct err *e)
{
	struct query q;
	bool found = false;
	query_start(&q, store, SELECT_SESSION "WHERE id = ?");
	query_int(&q, id);
	int rc = read_one(&q, out, &found, e);
	if (!rc && !found)
		rc = err_set(e, ERR_NOT_FOUND, "there is no session number %" PRId64, id);
	return rc;
}

int store_session_by_name(struct store *store, const char *session_id, struct session *out, struct err *e)
{
	struct query q;
	struct session *sessions;
	size_t count;
	query_start(&q, store, SELECT_SESSION "WHERE substr(session_id, 1, length(?1)) = lower(?1) LIMIT 2");
	query_text(&q, session_id);
	int rc = read_all(&q, &sessions, &count, e);
	if (rc)
		return rc;
	if (!count)
		rc = err_set(e, ERR_NOT_FOUND, "there is no session \"%.80s\"", session_id);
	else if (count > 1)
		rc = err_set(e, ERR_INVALID, "more than one session begins with \"%s\": write more of it", session_id);
	else
		*out = sessions[0];
	free(sessions);
	return rc;
}

int store_session_list(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "ORDER BY id DESC LIMIT ?");
	query_limit(&q, limit);
	return read_all(&q, out, out_count, e);
}

int store_sessions_unsent(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE " SESSION_UNSENT " ORDER BY id LIMIT ?");
	query_limit(&q, limit);
	return read_all(&q, out, out_count, e);
}

/* From its first seq to before that of the next session, each seq was given to a point. */
static int count_pruned(struct store *store, const struct session *session, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "WITH span AS (SELECT first_seq AS low, coalesce((SELECT min(first_seq) FROM sessions WHERE id > ?1),"
	            " (SELECT max(seq) + 1 FROM points)) AS high FROM sessions WHERE id = ?1)"
	            " SELECT max(0, high - low) - (SELECT count(*) FROM points WHERE seq >= low AND seq < high) FROM span");
	query_int(&q, session->id);
	return query_one_int(&q, 0, out, e);
}

int store_session_content(struct store *store, const struct session *session, struct session_content *out,
                          struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT count(*), min(seq), max(seq), (SELECT count(*) FROM events WHERE session_id = ?2) FROM points"
	            " WHERE seq >= (SELECT first_seq FROM sessions WHERE id = ?1) AND session_id = ?1");
	query_int(&q, session->id);
	query_text(&q, session->session_id);
	int rc = query_next(&q, &row, e);
	int64_t first = rc ? 0 : query_get_int(&q, 1, 0), last = rc ? 0 : query_get_int(&q, 2, 0);
	struct session_content content = {0};
	if (!rc)
		content = (struct session_content){.points = query_get_int(&q, 0, 0), .events = query_get_int(&q, 3, 0)};
	query_end(&q);
	if (!rc && content.points) {
		query_start(&q, store, "SELECT recorded_at FROM points WHERE seq = ?");
		query_int(&q, first);
		rc = query_one_int(&q, 0, &content.first_point_ms, e);
	}
	if (!rc && content.points) {
		query_start(&q, store, "SELECT recorded_at FROM points WHERE seq = ?");
		query_int(&q, last);
		rc = query_one_int(&q, 0, &content.last_point_ms, e);
	}
	if (!rc)
		rc = count_pruned(store, session, &content.pruned, e);
	if (!rc)
		*out = content;
	return rc;
}
