#include "sync/batch.h"

#include "sync/columns.h"
#include "sync/document.h"
#include "sync/envelope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 4 };

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	ranges_free(&batch->point_ranges);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&batch->unsure[s]);
	for (size_t i = 0; i < batch->event_count; i++)
		event_free(&batch->events[i]);
	free(batch->points);
	free(batch->events);
	free(batch->sessions);
	free(batch->drops);
	*batch = (struct batch){0};
}

/* ---- what holds in every batch, whichever side has it ------------------------------------------------------ */

static int check_limit(size_t count, size_t most, const char *what, struct err *e)
{
	if (count > most)
		return err_set(e, ERR_LIMIT, "a batch of %zu %s; %zu is the most", count, what, most);
	return 0;
}

static int check_events(const struct batch *batch, struct err *e)
{
	int64_t previous = 0;
	for (size_t i = 0; i < batch->event_count; i++) {
		const struct event *event = &batch->events[i];
		if (event->seq <= previous || event->seq > SEQ_MAX)
			return err_set(e, ERR_INVALID, "the seqs of events don't rise at %" PRId64, event->seq);
		previous = event->seq;
		if (!event->event_type[0])
			return err_set(e, ERR_INVALID, "event %" PRId64 " has no type", event->seq);
		if (event->event_at_ms < TIME_MS_MIN || event->event_at_ms > TIME_MS_MAX)
			return err_set(e, ERR_INVALID, "event %" PRId64 " is outside all time", event->seq);
		if (event->session_id[0] && !document_is_uuid(event->session_id))
			return err_set(e, ERR_INVALID, "the session of event %" PRId64 " is no UUID", event->seq);
		if (event->payload && strlen(event->payload) > EVENT_PAYLOAD_MAX)
			return err_set(e, ERR_LIMIT, "the payload of event %" PRId64 " is too long", event->seq);
	}
	if (previous > batch->last_seq[STREAM_EVENTS])
		return err_set(e, ERR_INVALID, "event %" PRId64 " is above the last that the store has given out", previous);
	return 0;
}

static int check_sessions(const struct batch *batch, struct err *e)
{
	for (size_t i = 0; i < batch->session_count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(batch->sessions[i].session_id, batch->sessions[k].session_id) == 0)
				return err_set(e, ERR_INVALID, "session %s stands in the batch twice", batch->sessions[i].session_id);
	return 0;
}

static int check_drops(const struct batch *batch, struct err *e)
{
	for (size_t i = 0; i < batch->drop_count; i++) {
		const struct drop *drop = &batch->drops[i];
		if (drop->first < 1 || drop->first > drop->last || drop->last > batch->last_seq[drop->stream])
			return err_set(e, ERR_INVALID,
			               "dropped are %s %" PRId64 " to %" PRId64 ", and the store has given out %" PRId64,
			               stream_name(drop->stream), drop->first, drop->last, batch->last_seq[drop->stream]);
		if (!drop->reason[0])
			return err_set(e, ERR_INVALID, "%s %" PRId64 " are dropped for no reason", stream_name(drop->stream),
			               drop->first);
	}
	return 0;
}

static int check_batch(const struct batch *batch, struct err *e)
{
	int64_t named = ranges_total(&batch->point_ranges);
	if (named != (int64_t)batch->point_count)
		return err_set(e, ERR_INVALID, "the ranges name %" PRId64 " points, and %zu are there", named,
		               batch->point_count);
	if (ranges_highest(&batch->point_ranges) > batch->last_seq[STREAM_POINTS])
		return err_set(e, ERR_INVALID, "the batch has points above the last that the store has given out");
	int rc = check_events(batch, e);
	if (!rc)
		rc = check_drops(batch, e);
	return rc ? rc : check_sessions(batch, e);
}

/* ---- encoding --------------------------------------------------------------------------------------------- */

static bool add_points(cJSON *root, const struct batch *batch)
{
	cJSON *points = cJSON_AddObjectToObject(root, "points");
	bool ok = points && document_add_int(points, "last_seq", batch->last_seq[STREAM_POINTS]);
	/* Every seq that gets lost here is one point too few for the block, so that the reader refuses the batch. */
	if (batch->point_count)
		json_add_ranges(points, "ranges", &batch->point_ranges);
	if (batch->unsure[STREAM_POINTS].count)
		json_add_ranges(points, "unsure", &batch->unsure[STREAM_POINTS]);
	return ok;
}

static bool add_event(cJSON *rows, const struct event *event)
{
	cJSON *row = document_add_item(rows);
	return row && document_add_int(row, "seq", event->seq) &&
	       document_add_int(row, "event_at_ms", event->event_at_ms) &&
	       document_add_text_unless_empty(row, "session_id", event->session_id) &&
	       document_add_text_unless_empty(row, "event_type", event->event_type) &&
	       (!event->payload || cJSON_AddStringToObject(row, "payload", event->payload));
}

static bool add_events(cJSON *root, const struct batch *batch)
{
	cJSON *events = cJSON_AddObjectToObject(root, "events");
	bool ok = events && document_add_int(events, "last_seq", batch->last_seq[STREAM_EVENTS]);
	if (batch->unsure[STREAM_EVENTS].count)
		json_add_ranges(events, "unsure", &batch->unsure[STREAM_EVENTS]);
	cJSON *rows = ok && batch->event_count ? cJSON_AddArrayToObject(events, "rows") : NULL;
	for (size_t i = 0; i < batch->event_count && ok; i++)
		ok = add_event(rows, &batch->events[i]);
	return ok;
}

static bool add_session(cJSON *array, const struct session *session)
{
	cJSON *item = document_add_item(array);
	return item && document_add_text_unless_empty(item, "session_id", session->session_id) &&
	       document_add_text_unless_empty(item, "user_id", session->user_id) &&
	       document_add_text_unless_empty(item, "machine_id", session->machine_id) &&
	       document_add_int_unless(item, "application_id", session->application_id, 0) &&
	       document_add_text_unless_empty(item, "status", session_status_name(session->status)) &&
	       document_add_int(item, "started_at_ms", session->started_at_ms) &&
	       (session->status != SESSION_ENDED || document_add_int(item, "ended_at_ms", session->ended_at_ms)) &&
	       document_add_int(item, "revision", session->revision) &&
	       document_add_int_unless(item, "held_revision", session->held_revision, 0) &&
	       document_add_int_unless(item, "centre_revision", session->centre_revision, 0);
}

static bool add_sessions(cJSON *root, const struct batch *batch)
{
	if (!batch->session_count)
		return true;
	cJSON *array = cJSON_AddArrayToObject(root, "sessions");
	bool ok = array != NULL;
	for (size_t i = 0; i < batch->session_count && ok; i++)
		ok = add_session(array, &batch->sessions[i]);
	return ok;
}

static bool add_drops(cJSON *root, const struct batch *batch)
{
	cJSON *array = batch->drop_count ? cJSON_AddArrayToObject(root, "drops") : NULL;
	bool ok = array || !batch->drop_count;
	for (size_t i = 0; i < batch->drop_count && ok; i++) {
		const struct drop *drop = &batch->drops[i];
		cJSON *item = document_add_item(array);
		ok = item && document_add_text_unless_empty(item, "stream", stream_name(drop->stream)) &&
		     document_add_int(item, "first", drop->first) && document_add_int(item, "last", drop->last) &&
		     document_add_text_unless_empty(item, "reason", drop->reason) &&
		     document_add_int(item, "dropped_at_ms", drop->dropped_at_ms);
	}
	return ok;
}

static bool add_state(cJSON *root, const struct unit_state *state)
{
	/* Some file systems claim to have any amount. */
	int64_t free_bytes = state->free_bytes < DOCUMENT_INT_MAX ? state->free_bytes : DOCUMENT_INT_MAX;
	cJSON *object = cJSON_AddObjectToObject(root, "state");
	return object && document_add_text_unless_empty(object, "version", state->version) &&
	       document_add_int_unless(object, "unsent_points", state->unsent_points, 0) &&
	       document_add_int_unless(object, "unsent_events", state->unsent_events, 0) &&
	       document_add_int_unless(object, "oldest_unsent_ms", state->oldest_unsent_ms, 0) &&
	       document_add_int_unless(object, "free_bytes", free_bytes, -1) &&
	       document_add_int(object, "clock_ms", state->clock_ms) &&
	       document_add_text_unless_empty(object, "clock_basis",
	                                      state->clock_basis == TIME_NONE ? "" : time_basis_name(state->clock_basis));
}

/* Everything but the points themselves; the caller deletes *out also after a failure. */
static bool add_origin(cJSON *root, const struct batch *batch)
{
	cJSON *object = batch->forked_from[0] ? cJSON_AddObjectToObject(root, "forked_from") : NULL;
	return !batch->forked_from[0] ||
	       (object && document_add_text_unless_empty(object, "store_id", batch->forked_from) &&
	        document_add_text_unless_empty(object, "because", batch->because) &&
	        (!batch->moved || cJSON_AddTrueToObject(object, "moved")));
}

static bool add_latest(cJSON *root, const struct latest_stretch *latest)
{
	cJSON *object = latest->rows.last ? cJSON_AddObjectToObject(root, "latest") : NULL;
	return !latest->rows.last || (object && document_add_text_unless_empty(object, "store_id", latest->store_id) &&
	                              document_add_text_unless_empty(object, "stream", stream_name(latest->stream)) &&
	                              document_add_stretch(object, &latest->rows));
}

static bool make_json(const struct batch *batch, cJSON **out)
{
	cJSON *root = *out = cJSON_CreateObject();
	if (!root)
		return false;
	json_add_hex(root, "sender", batch->sender, sizeof batch->sender);
	if (batch->has_reference)
		json_add_hex(root, "reference", batch->reference, sizeof batch->reference);
	return document_add_text_unless_empty(root, "store_id", batch->store_id) &&
	       document_add_int(root, "exchange", batch->exchange) && add_points(root, batch) && add_events(root, batch) &&
	       add_sessions(root, batch) && add_drops(root, batch) && add_state(root, &batch->state) &&
	       add_origin(root, batch) && add_latest(root, &batch->latest) &&
	       (!batch->retry || cJSON_AddTrueToObject(root, "retry")) &&
	       (!batch->compare || cJSON_AddTrueToObject(root, "compare"));
}

static int check_points(const struct batch *batch, struct err *e)
{
	size_t i = 0;
	for (size_t r = 0; r < batch->point_ranges.count; r++)
		for (int64_t seq = batch->point_ranges.items[r].first; seq <= batch->point_ranges.items[r].last; seq++, i++)
			if (batch->points[i].seq != seq)
				return err_set(e, ERR_INVALID, "point %" PRId64 " stands where the ranges name %" PRId64,
				               batch->points[i].seq, seq);
	for (i = 0; i < batch->point_count; i++)
		if (batch->points[i].session < 0 || (size_t)batch->points[i].session > batch->session_count)
			return err_set(e, ERR_INVALID, "point %" PRId64 " is of a session that the batch does not have",
			               batch->points[i].seq);
	return 0;
}

static int check_outgoing(const struct batch *batch, struct err *e)
{
	int rc = check_limit(batch->point_count, BATCH_POINTS_MAX, "points", e);
	if (!rc)
		rc = check_limit(batch->event_count, BATCH_EVENTS_MAX, "events", e);
	if (!rc)
		rc = check_limit(batch->session_count, BATCH_SESSIONS_MAX, "sessions", e);
	if (!rc)
		rc = check_limit(batch->drop_count, BATCH_DROPS_MAX, "drops", e);
	if (!rc)
		rc = check_batch(batch, e);
	return rc ? rc : check_points(batch, e);
}

static int encode(const struct batch *batch, const cJSON *json, bool complete, struct buffer *out, struct err *e)
{
	size_t before = out->length;
	uint8_t length[LENGTH_BYTES] = {0};
	int rc = buffer_append(out, length, sizeof length, e);
	if (!rc)
		rc = document_write(json, complete, out, e);
	if (!rc) {
		size_t count = out->length - before - LENGTH_BYTES;
		for (int i = 0; i < LENGTH_BYTES; i++)
			out->bytes[before + (size_t)i] = (uint8_t)(count >> (8 * (LENGTH_BYTES - 1 - i)));
		rc = columns_encode(batch->points, batch->point_count, out, e);
	}
	if (!rc && out->length - before > ENVELOPE_DOCUMENT_MAX)
		rc = err_set(e, ERR_LIMIT, "a batch of %zu bytes is larger than %d", out->length - before,
		             ENVELOPE_DOCUMENT_MAX);
	if (rc)
		out->length = before;
	return rc;
}

int batch_encode(const struct batch *batch, struct buffer *out, struct err *e)
{
	int rc = check_outgoing(batch, e);
	if (rc)
		return rc;
	cJSON *json;
	bool complete = make_json(batch, &json);
	rc = encode(batch, json, complete, out, e);
	cJSON_Delete(json);
	return rc;
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

static int get_origin(const cJSON *root, struct batch *out, struct err *e)
{
	const cJSON *object;
	if (!cJSON_GetObjectItemCaseSensitive(root, "forked_from"))
		return 0;
	int rc = json_get_object(root, "forked_from", &object, e);
	if (!rc)
		rc = document_get_uuid(object, "store_id", out->forked_from, e);
	if (!rc)
		rc = document_get_text_or_empty(object, "because", out->because, sizeof out->because, e);
	out->moved = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "moved"));
	return rc;
}

static int get_stream_name(const cJSON *object, enum stream *out, struct err *e)
{
	char name[16];
	int rc = json_get_text(object, "stream", name, sizeof name, e);
	*out = STREAM_POINTS;
	while (!rc && *out < STREAM_COUNT && strcmp(name, stream_name(*out)))
		(*out)++;
	return rc || *out < STREAM_COUNT ? rc : err_set(e, ERR_INVALID, "\"stream\": \"%s\" is none", name);
}

static int get_latest(const cJSON *root, struct latest_stretch *out, struct err *e)
{
	const cJSON *object;
	if (!cJSON_GetObjectItemCaseSensitive(root, "latest"))
		return 0;
	int rc = json_get_object(root, "latest", &object, e);
	if (!rc)
		rc = document_get_uuid(object, "store_id", out->store_id, e);
	if (!rc)
		rc = get_stream_name(object, &out->stream, e);
	return rc ? rc : document_get_stretch(object, 1, BATCH_POINTS_MAX, &out->rows, e);
}

static int get_head(const cJSON *root, struct batch *out, struct err *e)
{
	int rc = json_get_hex(root, "sender", out->sender, sizeof out->sender, e);
	if (!rc)
		rc = document_get_uuid(root, "store_id", out->store_id, e);
	if (!rc)
		rc = json_get_int(root, "exchange", 1, DOCUMENT_INT_MAX, &out->exchange, e);
	if (!rc)
		rc = get_origin(root, out, e);
	out->has_reference = cJSON_GetObjectItemCaseSensitive(root, "reference") != NULL;
	if (!rc && out->has_reference)
		rc = json_get_hex(root, "reference", out->reference, sizeof out->reference, e);
	return rc;
}

static int get_state(const cJSON *root, struct unit_state *out, struct err *e)
{
	const cJSON *state;
	int rc = json_get_object(root, "state", &state, e);
	if (!rc)
		rc = document_get_text_or_empty(state, "version", out->version, sizeof out->version, e);
	if (!rc)
		rc = document_get_int_or(state, "unsent_points", 0, SEQ_MAX, 0, &out->unsent_points, e);
	if (!rc)
		rc = document_get_int_or(state, "unsent_events", 0, SEQ_MAX, 0, &out->unsent_events, e);
	if (!rc)
		rc = document_get_int_or(state, "oldest_unsent_ms", TIME_MS_MIN, TIME_MS_MAX, 0, &out->oldest_unsent_ms, e);
	if (!rc)
		rc = document_get_int_or(state, "free_bytes", -1, DOCUMENT_INT_MAX, -1, &out->free_bytes, e);
	if (!rc)
		rc = json_get_int(state, "clock_ms", TIME_MS_MIN, TIME_MS_MAX, &out->clock_ms, e);
	char basis[16] = "";
	if (!rc)
		rc = document_get_text_or_empty(state, "clock_basis", basis, sizeof basis, e);
	out->clock_basis = time_basis_of(basis);
	return rc;
}

static int get_session(const cJSON *item, struct session *out, struct err *e)
{
	int rc = document_get_uuid(item, "session_id", out->session_id, e);
	if (!rc)
		rc = document_get_text_or_empty(item, "user_id", out->user_id, sizeof out->user_id, e);
	if (!rc)
		rc = document_get_text_or_empty(item, "machine_id", out->machine_id, sizeof out->machine_id, e);
	if (!rc)
		rc = document_get_int_or(item, "application_id", 0, DOCUMENT_INT_MAX, 0, &out->application_id, e);
	if (!rc)
		rc = document_get_status(item, &out->status, &out->ended_at_ms, e);
	if (!rc)
		rc = json_get_int(item, "started_at_ms", TIME_MS_MIN, TIME_MS_MAX, &out->started_at_ms, e);
	if (!rc)
		rc = json_get_int(item, "revision", 1, DOCUMENT_INT_MAX, &out->revision, e);
	if (!rc)
		rc = document_get_int_or(item, "held_revision", 0, DOCUMENT_INT_MAX, 0, &out->held_revision, e);
	if (!rc)
		rc = document_get_int_or(item, "centre_revision", 0, DOCUMENT_INT_MAX, 0, &out->centre_revision, e);
	return rc;
}

static int get_sessions(const cJSON *root, struct batch *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int rc = document_get_items(root, "sessions", BATCH_SESSIONS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->sessions = calloc(count, sizeof *out->sessions);
	if (!out->sessions)
		return err_set(e, ERR_MEMORY, "out of memory for %zu sessions", count);
	for (; item && !rc; item = item->next)
		rc = get_session(item, &out->sessions[out->session_count++], e);
	return rc;
}

static int get_drop(const cJSON *item, struct drop *out, struct err *e)
{
	int rc = get_stream_name(item, &out->stream, e);
	if (!rc)
		rc = json_get_int(item, "first", 1, SEQ_MAX, &out->first, e);
	if (!rc)
		rc = json_get_int(item, "last", 1, SEQ_MAX, &out->last, e);
	if (!rc)
		rc = json_get_text(item, "reason", out->reason, sizeof out->reason, e);
	if (!rc)
		rc = json_get_int(item, "dropped_at_ms", TIME_MS_MIN, TIME_MS_MAX, &out->dropped_at_ms, e);
	return rc;
}

static int get_drops(const cJSON *root, struct batch *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int rc = document_get_items(root, "drops", BATCH_DROPS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->drops = calloc(count, sizeof *out->drops);
	if (!out->drops)
		return err_set(e, ERR_MEMORY, "out of memory for %zu drops", count);
	for (; item && !rc; item = item->next)
		rc = get_drop(item, &out->drops[out->drop_count++], e);
	return rc;
}

static int get_event(const cJSON *item, struct event *out, struct err *e)
{
	int rc = json_get_int(item, "seq", 1, SEQ_MAX, &out->seq, e);
	if (!rc)
		rc = json_get_int(item, "event_at_ms", TIME_MS_MIN, TIME_MS_MAX, &out->event_at_ms, e);
	if (!rc)
		rc = document_get_text_or_empty(item, "session_id", out->session_id, sizeof out->session_id, e);
	if (!rc)
		rc = json_get_text(item, "event_type", out->event_type, sizeof out->event_type, e);
	const cJSON *payload = cJSON_GetObjectItemCaseSensitive(item, "payload");
	if (rc || !payload)
		return rc;
	if (!cJSON_IsString(payload))
		return err_set(e, ERR_INVALID, "\"payload\" of event %" PRId64 " is no text", out->seq);
	out->payload = strdup(payload->valuestring);
	return out->payload ? 0 : err_set(e, ERR_MEMORY, "out of memory for an event");
}

static int get_events(const cJSON *root, struct batch *out, struct err *e)
{
	const cJSON *events, *item;
	size_t count;
	int rc = json_get_object(root, "events", &events, e);
	if (!rc)
		rc = json_get_int(events, "last_seq", 0, SEQ_MAX, &out->last_seq[STREAM_EVENTS], e);
	if (!rc)
		rc = document_get_ranges_or_none(events, "unsure", &out->unsure[STREAM_EVENTS], e);
	if (!rc)
		rc = document_get_items(events, "rows", BATCH_EVENTS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->events = calloc(count, sizeof *out->events);
	if (!out->events)
		return err_set(e, ERR_MEMORY, "out of memory for %zu events", count);
	for (; item && !rc; item = item->next)
		rc = get_event(item, &out->events[out->event_count++], e);
	return rc;
}

static int get_point_ranges(const cJSON *root, struct batch *out, struct err *e)
{
	const cJSON *points;
	int rc = json_get_object(root, "points", &points, e);
	if (!rc)
		rc = json_get_int(points, "last_seq", 0, SEQ_MAX, &out->last_seq[STREAM_POINTS], e);
	if (!rc)
		rc = document_get_ranges_or_none(points, "ranges", &out->point_ranges, e);
	if (!rc)
		rc = document_get_ranges_or_none(points, "unsure", &out->unsure[STREAM_POINTS], e);
	return rc;
}

static int get_points(const uint8_t *block, size_t length, struct batch *out, struct err *e)
{
	int64_t count = ranges_total(&out->point_ranges);
	if (count > BATCH_POINTS_MAX)
		return err_set(e, ERR_LIMIT, "a batch of %" PRId64 " points; %d is the most", count, BATCH_POINTS_MAX);
	out->point_count = (size_t)count;
	out->packed = block;
	out->packed_length = length;
	return 0;
}

int batch_unpack(struct batch *batch, struct err *e)
{
	if (batch->points || !batch->packed)
		return 0;
	struct point *points = calloc(batch->point_count + 1, sizeof *points);
	if (!points)
		return err_set(e, ERR_MEMORY, "out of memory for %zu points", batch->point_count);
	int rc = columns_decode(batch->packed, batch->packed_length, batch->point_count, (int32_t)batch->session_count,
	                        points, e);
	size_t i = 0;
	for (size_t r = 0; r < batch->point_ranges.count && !rc; r++)
		for (int64_t seq = batch->point_ranges.items[r].first; seq <= batch->point_ranges.items[r].last; seq++)
			points[i++].seq = seq;
	if (rc)
		free(points);
	else
		batch->points = points;
	return rc;
}

static int get_all(const cJSON *root, const uint8_t *block, size_t length, struct batch *out, struct err *e)
{
	int rc = get_head(root, out, e);
	out->retry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "retry"));
	out->compare = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "compare"));
	if (!rc)
		rc = get_latest(root, &out->latest, e);
	if (!rc)
		rc = get_state(root, &out->state, e);
	if (!rc)
		rc = get_sessions(root, out, e);
	if (!rc)
		rc = get_events(root, out, e);
	if (!rc)
		rc = get_drops(root, out, e);
	if (!rc)
		rc = get_point_ranges(root, out, e);
	if (!rc)
		rc = get_points(block, length, out, e);
	return rc ? rc : check_batch(out, e);
}

/* The JSON in front of the block of points. */
static int split(const uint8_t *document, size_t length, size_t *out_json_length, struct err *e)
{
	size_t count = 0;
	for (size_t i = 0; i < LENGTH_BYTES && i < length; i++)
		count = count << 8 | document[i];
	if (length < LENGTH_BYTES || count > length - LENGTH_BYTES)
		return err_set(e, ERR_INVALID, "the batch is cut off");
	*out_json_length = count;
	return 0;
}

int batch_open(const void *document, size_t length, struct batch *out, struct err *e)
{
	const uint8_t *bytes = document;
	size_t json_length = 0;
	cJSON *root;
	if (length > ENVELOPE_DOCUMENT_MAX)
		return err_set(e, ERR_LIMIT, "a batch of %zu bytes is larger than %d", length, ENVELOPE_DOCUMENT_MAX);
	int rc = split(bytes, length, &json_length, e);
	if (!rc)
		rc = document_read((const char *)bytes + LENGTH_BYTES, json_length, &root, e);
	if (rc)
		return rc;
	struct batch batch = {0};
	size_t before = LENGTH_BYTES + json_length;
	rc = get_all(root, bytes + before, length - before, &batch, e);
	cJSON_Delete(root);
	if (rc)
		batch_free(&batch);
	else
		*out = batch;
	return rc;
}

int batch_decode(const void *document, size_t length, struct batch *out, struct err *e)
{
	struct batch batch;
	int rc = batch_open(document, length, &batch, e);
	if (rc)
		return rc;
	rc = batch_unpack(&batch, e);
	batch.packed = NULL;
	batch.packed_length = 0;
	if (rc)
		batch_free(&batch);
	else
		*out = batch;
	return rc;
}

/* ---- for people ------------------------------------------------------------------------------------------- */

static bool add_measure(cJSON *object, const char *name, int32_t value, double unit)
{
	return value == ROW_ABSENT ? cJSON_AddNullToObject(object, name) != NULL
	                           : cJSON_AddNumberToObject(object, name, value / unit) != NULL;
}

static bool add_point(cJSON *array, const struct batch *batch, const struct point *point)
{
	char time[TIME_TEXT];
	cJSON *item = document_add_item(array);
	if (!item)
		return false;
	json_add_text_or_null(item, "session_id", point->session ? batch->sessions[point->session - 1].session_id : "");
	return document_add_int(item, "seq", point->seq) &&
	       cJSON_AddStringToObject(item, "recorded_at", time_format(point->recorded_at_ms, time)) &&
	       cJSON_AddNumberToObject(item, "lat", point->lat_e7 / 1e7) &&
	       cJSON_AddNumberToObject(item, "lng", point->lng_e7 / 1e7) &&
	       add_measure(item, "accuracy", point->accuracy_dm, 10) &&
	       add_measure(item, "speed", point->speed_cmps, 100) &&
	       add_measure(item, "heading", point->heading_ddeg, 10) &&
	       add_measure(item, "altitude", point->altitude_dm, 10) &&
	       cJSON_AddStringToObject(item, "source", point_source_name((enum point_source)point->source));
}

/* Takes the place of `item` in `object`, under its name without the last `cut` characters. */
static void replace(cJSON *object, const cJSON *item, cJSON *by, size_t cut)
{
	size_t length = strlen(item->string) - cut;
	if (by && cJSON_ReplaceItemInObjectCaseSensitive(object, item->string, by))
		by->string[length] = '\0';
}

/* Milliseconds in members "…_ms" become a time as people write it, and the text of a payload the JSON that it is. */
static void say_plainly(cJSON *object)
{
	char time[TIME_TEXT];
	for (cJSON *item = object->child, *next; item; item = next) {
		next = item->next;
		size_t length = item->string ? strlen(item->string) : 0;
		if (item->child)
			say_plainly(item);
		else if (length > 3 && strcmp(item->string + length - 3, "_ms") == 0)
			replace(object, item, cJSON_CreateString(time_format((int64_t)item->valuedouble, time)), 3);
		else if (cJSON_IsString(item) && length && strcmp(item->string, "payload") == 0)
			replace(object, item, cJSON_Parse(item->valuestring), 0);
	}
}

char *batch_to_json(const struct batch *batch)
{
	cJSON *root;
	bool ok = make_json(batch, &root);
	cJSON *rows = ok ? cJSON_AddArrayToObject(cJSON_GetObjectItemCaseSensitive(root, "points"), "rows") : NULL;
	for (size_t i = 0; i < batch->point_count && rows; i++)
		if (!add_point(rows, batch, &batch->points[i]))
			rows = NULL;
	if (rows)
		say_plainly(root);
	char *text = rows ? json_print(root) : NULL;
	cJSON_Delete(root);
	return text;
}
