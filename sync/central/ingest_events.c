/* Events: binary COPY into public.events, and the comparison with what is there. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"
#include "sync/central/copy_binary.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t count_events(const struct batch *batch)
{
	return batch->event_count;
}

static int64_t seq_of(const struct batch *batch, size_t row)
{
	return batch->events[row].seq;
}

/* Runs are found before they are added: rows of a batch are mostly one behind the other. */
static int given(const struct batch *batch, struct ranges *out, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < batch->event_count && !rc; i++) {
		int64_t first = seq_of(batch, i), last = first;
		while (i + 1 < batch->event_count && seq_of(batch, i + 1) == last + 1) {
			last++;
			i++;
		}
		rc = ranges_add(out, first, last, e);
	}
	return rc;
}

static int64_t time_of(const struct batch *batch, size_t row)
{
	return batch->events[row].event_at_ms;
}

/* The batch has the session of each event. */
static const struct ingest_session *session_row(const struct ingest *in, size_t row)
{
	const char *name = in->batch->events[row].session_id;
	size_t at = 0;
	while (*name && strcmp(in->batch->sessions[at].session_id, name))
		at++;
	return *name ? &in->sessions[at] : NULL;
}

static void digest(const struct batch *batch, size_t row, size_t count, uint8_t out[ROWS_DIGEST])
{
	digest_events(batch->events + row, count, out);
}

/* ---- into the table ------------------------------------------------------------------------------------------ */

static const char copy_sql[] =
	"SAVEPOINT rows; COPY public.events (event_id, session_id, event_at, event_type, payload)"
	" FROM STDIN (FORMAT binary)";

enum {
	EVENT_COLUMNS = 5,
	EVENT_BYTES = COPY_ROW + 2 * COPY_8BYTES + COPY_TEXT + UUID_TEXT + COPY_TEXT + EVENT_TYPE_TEXT + COPY_TEXT +
	              EVENT_PAYLOAD_MAX,
};

/* Text, or NULL for NULL. */
static uint8_t *put_text(uint8_t *at, const char *text)
{
	return text ? copy_text(at, text, strlen(text)) : copy_null(at);
}

static uint8_t *put_event(uint8_t *at, const struct ingest *in, const struct event *event)
{
	at = copy_row(at, EVENT_COLUMNS);
	at = copy_int8(at, ingest_row_id(in, event->seq));
	at = put_text(at, *event->session_id ? event->session_id : NULL);
	at = copy_time(at, event->event_at_ms);
	at = put_text(at, event->event_type);
	return put_text(at, event->payload);
}

static int copy(struct ingest *in, const size_t *rows, size_t count, struct err *e)
{
	uint8_t bytes[COPY_HEADER + EVENT_BYTES + COPY_END], *at = copy_header(bytes);
	int rc = pg_copy_begin(in->pg, copy_sql, e);
	for (size_t i = 0; i < count && !rc; i++) {
		at = put_event(at, in, &in->batch->events[rows[i]]);
		if (i + 1 == count)
			at = copy_end(at);
		rc = pg_copy_put(in->pg, bytes, (size_t)(at - bytes), e);
		at = bytes;
	}
	int64_t written = 0;
	if (!rc)
		rc = pg_copy_end(in->pg, &written, e);
	return rc ? rc : written != (int64_t)count;
}

/* ---- what is there -------------------------------------------------------------------------------------------- */

static bool same(const struct ingest *in, size_t index, const struct pg_result *found, size_t row)
{
	const struct event *event = &in->batch->events[index];
	return !strcmp(pg_text(found, row, 1), event->session_id) && pg_int(found, row, 2) == event->event_at_ms &&
	       !strcmp(pg_text(found, row, 3), event->event_type) && pg_is_null(found, row, 4) == !event->payload &&
	       !strcmp(pg_text(found, row, 4), event->payload ? event->payload : "");
}

static const char compare_sql[] =
	"SELECT v.event_id, v.session_id, (extract(epoch FROM v.event_at) * 1000)::bigint, v.event_type,"
	" v.payload FROM unnest($1::bigint[], $2::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM public.events WHERE event_id BETWEEN r.first AND r.last") " v";

/* ---- for people ------------------------------------------------------------------------------------------------ */

static cJSON *content(const struct batch *batch, size_t row)
{
	const struct event *event = &batch->events[row];
	cJSON *object = cJSON_CreateObject();
	if (!object)
		return NULL;
	char time[TIME_TEXT];
	cJSON_AddStringToObject(object, "event_at", time_format(event->event_at_ms, time));
	cJSON_AddStringToObject(object, "event_type", event->event_type);
	json_add_text_or_null(object, "payload", event->payload);
	json_add_text_or_null(object, "session_id", event->session_id);
	return object;
}

const struct ingest_rows ingest_events = {
	.stream = STREAM_EVENTS,
	.count = count_events,
	.seq = seq_of,
	.given = given,
	.time_ms = time_of,
	.session = session_row,
	.copy = copy,
	.digest = digest,
	.compare_sql = compare_sql,
	.same = same,
	.content = content,
};
