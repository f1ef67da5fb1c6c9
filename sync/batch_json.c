#include "sync/batch_json.h"

#include "sync/document.h"
#include "sync/members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- fields that are neither number nor text --------------------------------------------------------------- */

static bool add_payload(cJSON *object, const struct member *m, const void *from)
{
	const struct event *event = from;
	return !event->payload || cJSON_AddStringToObject(object, m->name, event->payload);
}

static int get_payload(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct event *event = to;
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, m->name);
	if (!cJSON_IsString(text))
		return err_set(e, ERR_INVALID, "\"payload\" of event %" PRId64 " is no text", event->seq);
	event->payload = strdup(text->valuestring);
	return event->payload ? 0 : err_set(e, ERR_MEMORY, "out of memory for an event");
}

static const struct member_kind payload = {add_payload, get_payload};

static bool add_stream(cJSON *object, const struct member *m, const void *from)
{
	const enum stream *stream = (const void *)((const char *)from + m->at);
	return cJSON_AddStringToObject(object, m->name, stream_name(*stream));
}

static int get_stream(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	enum stream *out = (void *)((char *)to + m->at);
	char name[16];
	int rc = json_get_text(object, m->name, name, sizeof name, e);
	*out = STREAM_POINTS;
	while (!rc && *out < STREAM_COUNT && strcmp(name, stream_name(*out)))
		(*out)++;
	return rc || *out < STREAM_COUNT ? rc : err_set(e, ERR_INVALID, "\"stream\": \"%s\" is none", name);
}

static const struct member_kind stream = {add_stream, get_stream};

static bool add_basis(cJSON *object, const struct member *m, const void *from)
{
	const struct unit_state *state = from;
	return state->clock_basis == TIME_NONE ||
	       cJSON_AddStringToObject(object, m->name, time_basis_name(state->clock_basis));
}

/* One that is not known is none. */
static int get_basis(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct unit_state *state = to;
	char name[16] = "";
	int rc = json_get_text(object, m->name, name, sizeof name, e);
	state->clock_basis = time_basis_of(name);
	return rc;
}

static const struct member_kind basis = {add_basis, get_basis};

static bool has_reference(const void *from)
{
	return ((const struct batch *)from)->has_reference;
}

static void note_reference(void *to, bool there)
{
	((struct batch *)to)->has_reference = there;
}

static bool is_forked(const void *from)
{
	return ((const struct batch *)from)->forked_from[0];
}

/* ---- the document ------------------------------------------------------------------------------------------ */

static const struct member event_members[] = {
	{INT("seq", struct event, seq, 1, SEQ_MAX)},
	{INT("event_at_ms", struct event, event_at_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{TEXT_OR_NONE("session_id", struct event, session_id)},
	{TEXT("event_type", struct event, event_type)},
	{"payload", &payload, .optional = true},
	{0},
};

static const struct member session_members[] = {
	{UUID("session_id", struct session, session_id)},
	{TEXT_OR_NONE("user_id", struct session, user_id)},
	{TEXT_OR_NONE("machine_id", struct session, machine_id)},
	{INT_OR("application_id", struct session, application_id, 0, DOCUMENT_INT_MAX, 0)},
	{"status", .kind = &member_status},
	{INT("started_at_ms", struct session, started_at_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{INT("revision", struct session, revision, 1, DOCUMENT_INT_MAX)},
	{INT_OR("held_revision", struct session, held_revision, 0, DOCUMENT_INT_MAX, 0)},
	{INT_OR("centre_revision", struct session, centre_revision, 0, DOCUMENT_INT_MAX, 0)},
	{TRUE_OR_NOT("time_guessed", struct session, guessed)},
	{0},
};

static const struct member drop_members[] = {
	{"stream", &stream, .at = offsetof(struct drop, stream)},
	{INT("first", struct drop, first, 1, SEQ_MAX)},
	{INT("last", struct drop, last, 1, SEQ_MAX)},
	{TEXT("reason", struct drop, reason)},
	{INT("dropped_at_ms", struct drop, dropped_at_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{0},
};

static const struct member points_members[] = {
	{INT("last_seq", struct batch, last_seq[STREAM_POINTS], 0, SEQ_MAX)},
	/* Every seq that gets lost here is one point too few for the block, so that the reader refuses the batch. */
	{RANGES_OR_NONE("ranges", struct batch, point_ranges)},
	{RANGES_OR_NONE("unsure", struct batch, unsure[STREAM_POINTS])},
	{0},
};

static const struct member events_members[] = {
	{INT("last_seq", struct batch, last_seq[STREAM_EVENTS], 0, SEQ_MAX)},
	{RANGES_OR_NONE("unsure", struct batch, unsure[STREAM_EVENTS])},
	{LIST("rows", struct batch, events, event_count, event_members, BATCH_EVENTS_MAX)},
	{0},
};

static const struct member state_members[] = {
	{TEXT_OR_NONE("version", struct unit_state, version)},
	{INT_OR("unsent_points", struct unit_state, unsent_points, 0, SEQ_MAX, 0)},
	{INT_OR("unsent_events", struct unit_state, unsent_events, 0, SEQ_MAX, 0)},
	{INT_OR("oldest_unsent_ms", struct unit_state, oldest_unsent_ms, TIME_MS_MIN, TIME_MS_MAX, 0)},
	{INT_OR("free_bytes", struct unit_state, free_bytes, -1, DOCUMENT_INT_MAX, -1)},
	{INT("clock_ms", struct unit_state, clock_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{"clock_basis", &basis, .optional = true},
	{0},
};

static const struct member origin_members[] = {
	{UUID("store_id", struct batch, forked_from)},
	{TEXT_OR_NONE("because", struct batch, because)},
	{TRUE_OR_NOT("moved", struct batch, moved)},
	{0},
};

static const struct member batch_members[] = {
	{BYTES("sender", struct batch, sender)},
	{BYTES("reference", struct batch, reference), WHEN(has_reference), .note = note_reference},
	{UUID("store_id", struct batch, store_id)},
	{INT("exchange", struct batch, exchange, 1, DOCUMENT_INT_MAX)},
	{OBJECT_HERE("points", points_members)},
	{OBJECT_HERE("events", events_members)},
	{LIST("sessions", struct batch, sessions, session_count, session_members, BATCH_SESSIONS_MAX)},
	{LIST("drops", struct batch, drops, drop_count, drop_members, BATCH_DROPS_MAX)},
	{OBJECT("state", struct batch, state, state_members)},
	{OBJECT_HERE("forked_from", origin_members), WHEN(is_forked)},
	{INT_OR("checkpoint", struct batch, checkpoint, 1, DOCUMENT_INT_MAX, 0)},
	{TRUE_OR_NOT("retry", struct batch, retry)},
	{TRUE_OR_NOT("compare", struct batch, compare)},
	{0},
};

bool batch_json_make(const struct batch *batch, cJSON **out)
{
	cJSON *root = *out = cJSON_CreateObject();
	return root && members_add(root, batch_members, batch);
}

int batch_json_get(const cJSON *root, struct batch *out, struct err *e)
{
	return members_get(root, batch_members, out, e);
}
