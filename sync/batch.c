#include "sync/batch.h"

#include "sync/batch_json.h"
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
	bool complete = batch_json_make(batch, &json);
	rc = encode(batch, json, complete, out, e);
	cJSON_Delete(json);
	return rc;
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

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
	int rc = batch_json_get(root, out, e);
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
