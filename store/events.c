/* Events as they stand in their table, and as they are read. */
#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/evidence.h"
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

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
