/* Events that wait for the time, until they become events. */
#include "store/event_types.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	int64_t number, mono_ms, said_ms; /* said_ms NO_TIME: the receiver said nothing */
	struct event event;               /* of_fix: its time is said_ms */
	bool marks;                       /* its point is at … */
	int32_t lat_e7, lng_e7;
};

char *payload_with(const char *payload, const char *member)
{
	char *out = NULL;
	size_t blank = payload ? strspn(payload, " \t\r\n") : 0;
	int rc;
	if (!payload) {
		rc = asprintf(&out, "{%s}", member);
	} else if (payload[blank] != '{') {
		rc = asprintf(&out, "{%s,\"payload\":%s}", member, payload);
	} else {
		const char *rest = payload + blank + 1;
		bool empty = rest[strspn(rest, " \t\r\n")] == '}';
		rc = asprintf(&out, "{%s%s%s", member, empty ? "" : ",", rest);
	}
	return rc < 0 ? NULL : out;
}

int waiting_insert(struct store *store, const struct event *event, int64_t boot, const struct point *place,
                   struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO waiting_events (boot, mono, said_at, session_id, event_type, payload, lat, lng,"
	            " of_fix) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	query_int(&q, boot);
	query_int(&q, event->mono_ms);
	query_int_unless(&q, store->clock.said || event->of_fix ? event->event_at_ms : NO_TIME, NO_TIME);
	query_text(&q, event->session_id);
	query_text(&q, event->event_type);
	query_text(&q, event->payload);
	query_int_unless(&q, place ? place->lat_e7 : NO_TIME, NO_TIME);
	query_int_unless(&q, place ? place->lng_e7 : NO_TIME, NO_TIME);
	query_int(&q, event->of_fix);
	return query_run(&q, e);
}

static int read_waiting(const struct query *q, struct waiting *out, struct err *e)
{
	*out = (struct waiting){
		.number = query_get_int(q, 0, 0),
		.mono_ms = query_get_int(q, 1, 0),
		.said_ms = query_get_int(q, 2, NO_TIME),
		.event.of_fix = query_get_int(q, 8, 0) != 0,
		.marks = query_get_int(q, 6, NO_TIME) != NO_TIME,
		.lat_e7 = (int32_t)query_get_int(q, 6, 0),
		.lng_e7 = (int32_t)query_get_int(q, 7, 0),
	};
	query_get_text(q, 3, out->event.session_id, sizeof out->event.session_id);
	query_get_text(q, 4, out->event.event_type, sizeof out->event.event_type);
	const unsigned char *payload = sqlite3_column_text(q->stmt, 5);
	if (payload && !(out->event.payload = strdup((const char *)payload)))
		return err_set(e, ERR_MEMORY, "out of memory for an event");
	return 0;
}

/* The first that waits for this boot; number 0: none does. */
static int first_waiting(struct store *store, int64_t boot, struct waiting *out, struct err *e)
{
	struct query q;
	bool row = false;
	*out = (struct waiting){0};
	query_start(&q, store,
	            "SELECT number, mono, said_at, session_id, event_type, payload, lat, lng, of_fix FROM waiting_events"
	            " WHERE boot = ? ORDER BY number LIMIT 1");
	query_int(&q, boot);
	int rc = query_next(&q, &row, e);
	if (!rc && row)
		rc = read_waiting(&q, out, e);
	query_end(&q);
	return rc;
}

/* When the receiver said nothing then, what it said next tells it. */
static int as_said(struct store *store, int64_t boot, const struct waiting *waiting, int64_t *last_ms, int64_t *out_ms,
                   struct err *e)
{
	struct query q;
	query_start(
		&q, store,
		"SELECT said_at - mono + ?1 FROM waiting_events WHERE boot = ?2 AND number >= ?3 AND said_at IS NOT NULL"
		" ORDER BY number LIMIT 1");
	query_int(&q, waiting->mono_ms);
	query_int(&q, boot);
	query_int(&q, waiting->number);
	int rc = query_one_int(&q, *last_ms == NO_TIME ? 0 : *last_ms, out_ms, e);
	*last_ms = *out_ms;
	return rc;
}

static int promote_mark(struct store *store, struct waiting *waiting, int64_t at_ms, struct err *e)
{
	struct point point = {
		.recorded_at_ms = at_ms,
		.lat_e7 = waiting->lat_e7,
		.lng_e7 = waiting->lng_e7,
		.accuracy_dm = ROW_ABSENT,
		.speed_cmps = ROW_ABSENT,
		.heading_ddeg = ROW_ABSENT,
		.altitude_dm = ROW_ABSENT,
		.source = POINT_MANUAL,
	};
	struct query q;
	int64_t session;
	query_start(&q, store, "SELECT id FROM sessions WHERE session_id = ?");
	query_text(&q, waiting->event.session_id);
	int rc = query_one_int(&q, 0, &session, e);
	point.session = (int32_t)session;
	return rc ? rc : store_append_points(store, &point, 1, e);
}

/* The time of a session's start or end was a guess. */
static int correct_session(struct store *store, const struct event *event, struct err *e)
{
	struct query q;
	if (!strcmp(event->event_type, event_type_text(EVENT_SESSION_START)))
		query_start(&q, store,
		            "UPDATE sessions SET started_at = ?1, ended_at = max(ended_at, ?1), updated_at = ?1,"
		            " revision = max(revision, held_revision) + 1 WHERE session_id = ?2 AND started_at <> ?1");
	else if (!strcmp(event->event_type, event_type_text(EVENT_SESSION_END)))
		query_start(&q, store,
		            "UPDATE sessions SET ended_at = max(started_at, ?1), updated_at = ?1,"
		            " revision = max(revision, held_revision) + 1"
		            " WHERE session_id = ?2 AND status = 'ended' AND ended_at <> max(started_at, ?1)");
	else
		return 0;
	query_int(&q, event->event_at_ms);
	query_text(&q, event->session_id);
	return query_run(&q, e);
}

static int add_member(struct event *event, const char *member, struct err *e)
{
	char *payload = payload_with(event->payload, member);
	if (!payload)
		return err_set(e, ERR_MEMORY, "out of memory for the payload of an event");
	free(event->payload);
	event->payload = payload;
	return 0;
}

static int promote(struct store *store, struct waiting *waiting, int64_t at_ms, bool estimated, struct err *e)
{
	struct event *event = &waiting->event;
	char member[32];
	int64_t seq;
	event->event_at_ms = at_ms = at_ms < TIME_MS_MIN ? TIME_MS_MIN : at_ms > TIME_MS_MAX ? TIME_MS_MAX : at_ms;
	int rc = estimated ? add_member(event, "\"time_estimated\":true", e) : 0;
	if (!rc && waiting->marks)
		rc = promote_mark(store, waiting, at_ms, e);
	if (!rc && waiting->marks)
		rc = store_last_seq(store, STREAM_POINTS, &seq, e);
	if (!rc && waiting->marks)
		rc = run_seq(store, STREAM_POINTS, seq, &seq, e);
	if (!rc && waiting->marks) {
		snprintf(member, sizeof member, "\"seq\":%" PRId64, seq);
		rc = add_member(event, member, e);
	}
	if (!rc)
		rc = event_insert(store, event, &seq, e);
	return rc ? rc : correct_session(store, event, e);
}

static int forget(struct store *store, int64_t number, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM waiting_events WHERE number = ?");
	query_int(&q, number);
	return query_run(&q, e);
}

int waiting_promote(struct store *store, int64_t boot, const int64_t *offset_ms, bool estimated, struct err *e)
{
	struct waiting waiting;
	int64_t last_ms = NO_TIME, at_ms;
	int rc = first_waiting(store, boot, &waiting, e);
	while (!rc && waiting.number) {
		if (waiting.event.of_fix)
			at_ms = waiting.said_ms;
		else if (offset_ms)
			at_ms = waiting.mono_ms + *offset_ms;
		else
			rc = as_said(store, boot, &waiting, &last_ms, &at_ms, e);
		if (!rc)
			rc = promote(store, &waiting, at_ms, estimated, e);
		if (!rc)
			rc = forget(store, waiting.number, e);
		event_free(&waiting.event);
		if (!rc)
			rc = first_waiting(store, boot, &waiting, e);
	}
	return rc;
}
