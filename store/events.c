#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/evidence.h"
#include "hal/json.h"
#include "store/event_types.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table refuses the same; here it is said with the place, and by the parser that will read it again. */
static int check_event(const struct event *event, struct err *e)
{
	if (!event_type_valid(event->event_type))
		return err_set(e, ERR_INVALID,
		               "\"%.80s\" is no event type: a-z, 0-9 and _, at most %d characters, the first one a letter",
		               event->event_type, EVENT_TYPE_TEXT - 1);
	if (!event->payload)
		return 0;
	size_t length = strlen(event->payload);
	if (length > EVENT_PAYLOAD_MAX)
		return err_set(e, ERR_INVALID, "the payload of an event has at most %d bytes, this one %zu", EVENT_PAYLOAD_MAX,
		               length);
	cJSON *value;
	int rc = check_utf8("the payload", event->payload, e);
	if (rc)
		return rc;
	rc = json_parse(event->payload, length, &value, e);
	if (rc)
		return err_wrap(e, "the payload of the event");
	cJSON_Delete(value);
	return 0;
}

int event_insert(struct store *store, const struct event *event, int64_t *out_seq, struct err *e)
{
	int64_t last;
	int rc = store_last_seq(store, STREAM_EVENTS, &last, e);
	if (rc)
		return rc;
	struct query q;
	query_start_kept(&q, store, KEPT_ADD_EVENT,
	                 "INSERT INTO events (seq, session_id, event_at, event_type, payload) VALUES (?, ?, ?, ?, ?)");
	query_int(&q, last + 1);
	query_text(&q, event->session_id);
	query_int(&q, event->event_at_ms);
	query_text(&q, event->event_type);
	query_text(&q, event->payload);
	rc = query_run(&q, e);
	if (!rc)
		*out_seq = last + 1;
	return rc;
}

int event_add(struct store *store, const struct event *event, int64_t *out_seq, struct err *e)
{
	struct event meant = *event;
	struct when when;
	int64_t boot;
	int rc = clock_when(store, event->event_at_ms, event->mono_ms, event->of_fix, &when, e);
	meant.event_at_ms = when.at_ms;
	meant.mono_ms = when.mono_ms;
	if (rc || !when.waits)
		return rc ? rc : event_insert(store, &meant, out_seq, e);
	*out_seq = 0;
	rc = boot_number(store, store->clock.boot, when.mono_ms, &boot, e);
	return rc ? rc : waiting_insert(store, &meant, boot, NULL, e);
}

int store_append_event(struct store *store, struct event *event, struct err *e)
{
	int64_t seq = 0;
	int rc = check_event(event, e);
	if (!rc)
		rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, event_add(store, event, &seq, e), e);
	if (!rc)
		event->seq = seq;
	return rc;
}

static int mark(struct store *store, struct point *point, bool own, struct event *event, struct err *e)
{
	struct when when;
	int64_t boot, seq;
	char member[32];
	int rc = clock_when(store, event->event_at_ms, event->mono_ms, false, &when, e);
	if (!rc && when.waits && !own) {
		event->mono_ms = when.mono_ms;
		rc = boot_number(store, store->clock.boot, when.mono_ms, &boot, e);
		return rc ? rc : waiting_insert(store, event, boot, point, e);
	}
	/* By as much as the event's time was not UTC, the point's was not. */
	if (!own)
		point->recorded_at_ms += when.at_ms - event->event_at_ms;
	if (!rc)
		rc = store_append_points(store, point, 1, e);
	if (rc)
		return rc;
	rc = fork_seq(store, STREAM_POINTS, point->seq, &seq, e);
	if (rc)
		return rc;
	snprintf(member, sizeof member, "\"seq\":%" PRId64, seq);
	char *payload = payload_with(event->payload, member);
	if (!payload)
		return err_set(e, ERR_MEMORY, "out of memory for a mark");
	free(event->payload);
	event->payload = payload;
	return event_add(store, event, &event->seq, e);
}

int store_append_mark(struct store *store, struct point *point, bool own, struct event *event, struct err *e)
{
	int rc = check_event(event, e);
	if (!rc)
		rc = change_begin(store, e);
	return rc ? rc : change_end(store, mark(store, point, own, event, e), e);
}

static int read_event(const struct query *q, struct event *out, struct err *e)
{
	*out = (struct event){.seq = query_get_int(q, 0, 0), .event_at_ms = query_get_int(q, 2, 0)};
	query_get_text(q, 1, out->session_id, sizeof out->session_id);
	query_get_text(q, 3, out->event_type, sizeof out->event_type);
	const unsigned char *payload = sqlite3_column_text(q->stmt, 4);
	if (payload && !(out->payload = strdup((const char *)payload)))
		return err_set(e, ERR_MEMORY, "out of memory for an event");
	return 0;
}

static int read_range(struct store *store, struct range range, struct event *out, size_t max, size_t *count,
                      struct err *e)
{
	struct query q;
	bool row = true;
	query_start(&q, store,
	            "SELECT seq, session_id, event_at, event_type, payload FROM events"
	            " WHERE seq BETWEEN ? AND ? ORDER BY seq");
	query_int(&q, range.first);
	query_int(&q, range.last);
	int rc = 0;
	while (!rc && !(rc = query_next(&q, &row, e)) && row) {
		if (*count == max)
			rc = err_set(e, ERR_LIMIT, "more than %zu events", max);
		else
			rc = read_event(&q, &out[*count], e);
		*count += !rc;
	}
	query_end(&q);
	return rc;
}

int store_read_events(struct store *store, const struct ranges *ranges, struct event *out, size_t max,
                      size_t *out_count, struct err *e)
{
	size_t count = 0;
	int rc = 0;
	for (size_t i = 0; i < ranges->count && !rc; i++)
		rc = read_range(store, ranges->items[i], out, max, &count, e);
	if (!rc) {
		*out_count = count;
		return 0;
	}
	while (count)
		event_free(&out[--count]);
	return rc;
}

int store_each_event(struct store *store, int (*each)(const struct event *event, void *user, struct err *e), void *user,
                     struct err *e)
{
	struct query q;
	bool row = true;
	/* The time of one that waits for it: that of its fix, or by what its boot knows, else the best guess. */
	query_start(
		&q, store,
		"SELECT seq, session_id, CASE event_type WHEN 'agent_start' THEN min(event_at, coalesce((SELECT event_at"
		" FROM events AS n WHERE n.seq > events.seq AND n.event_type NOT IN (" EVIDENCE_FOUND_LATER ")"
		" ORDER BY n.seq LIMIT 1), event_at)) WHEN 'agent_stop' THEN max(event_at, coalesce((SELECT max(event_at)"
		" FROM events AS b WHERE b.event_type IN (" EVIDENCE_OF_FIXES ") AND b.seq < events.seq AND b.seq >"
		" (SELECT max(seq) FROM events AS s"
		" WHERE s.seq < events.seq AND s.event_type = 'agent_start')), event_at))"
		" ELSE event_at END AS at, event_type, payload, 0 AS waits FROM events"
		" UNION ALL"
		" SELECT w.number, w.session_id, coalesce(CASE WHEN w.of_fix THEN w.said_at END, b.utc_offset + w.mono,"
		" CASE WHEN b.boot_id = ?1 THEN ?2 + w.mono END, b.previous_at + w.mono - b.first_mono, w.said_at),"
		" w.event_type, w.payload, 1 FROM waiting_events AS w JOIN boots AS b ON b.number = w.boot"
		" ORDER BY at, waits, seq");
	query_text(&q, boot_id());
	query_int(&q, clock_wall_ms() - clock_mono_ms());
	int rc = 0;
	while (!rc && !(rc = query_next(&q, &row, e)) && row) {
		struct event event;
		rc = read_event(&q, &event, e);
		if (query_get_int(&q, 5, 0))
			event.seq = 0;
		if (!rc)
			rc = each(&event, user, e);
		event_free(&event);
	}
	query_end(&q);
	return rc;
}
