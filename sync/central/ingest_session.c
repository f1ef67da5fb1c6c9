/* One session of a batch beside what both tables hold of it. */
#include "sync/central/ingest_sessions.h"

#include <stdio.h>
#include <string.h>

/* INGEST_SESSION_COLUMNS, in their order. */
enum {
	EDIT_REVISION,
	EDIT_LOST,
	EDIT_SEEN,
	EDIT_CENTRE,
	EDIT_CHANGED,
	EDIT_VALUES = EDIT_CHANGED + SESSION_FIELD_COUNT
};

/* False when it is longer than a unit can hold: only in rows of before, since triggers look at what is changed. */
static bool read_text(const struct pg_result *found, size_t row, size_t column, char out[NAME_TEXT])
{
	return (size_t)snprintf(out, NAME_TEXT, "%s", pg_text(found, row, column)) < NAME_TEXT;
}

static bool read_time(const struct pg_result *found, size_t row, size_t column, int64_t *out)
{
	*out = pg_int(found, row, column);
	return !pg_is_null(found, row, column) && *out >= TIME_MS_MIN && *out <= TIME_MS_MAX;
}

static enum session_status read_status(const char *name)
{
	int status = SESSION_ACTIVE;
	while (status < SESSION_STATUS_COUNT - 1 && strcmp(name, session_status_name((enum session_status)status)))
		status++;
	return (enum session_status)status;
}

void ingest_session_read(const struct pg_result *found, size_t row, size_t column, struct receipt_session *out)
{
	struct session *values = &out->edits.values;
	size_t at = column + EDIT_VALUES;
	out->revision = values->revision = pg_int(found, row, column + EDIT_REVISION);
	snprintf(out->lost, sizeof out->lost, "%s", pg_text(found, row, column + EDIT_LOST));
	out->seen = pg_int(found, row, column + EDIT_SEEN);
	out->edits.revision = pg_int(found, row, column + EDIT_CENTRE);
	values->application_id = pg_int(found, row, at + 2);
	values->status = read_status(pg_text(found, row, at + 3));
	const bool fits[SESSION_FIELD_COUNT] = {
		[SESSION_USER] = read_text(found, row, at, values->user_id),
		[SESSION_MACHINE] = read_text(found, row, at + 1, values->machine_id),
		[SESSION_APPLICATION] = values->application_id >= 0,
		[SESSION_STARTED] = read_time(found, row, at + 4, &values->started_at_ms),
		[SESSION_STATUS] = read_time(found, row, at + 5, &values->ended_at_ms) || values->status != SESSION_ENDED,
	};
	for (size_t field = 0; field < SESSION_FIELD_COUNT; field++)
		out->edits.changed[field] = fits[field] ? pg_int(found, row, column + EDIT_CHANGED + field) : 0;
}

/* The unit has changed it since, or tells what it has seen of the centre's changes; which may be less than it told before, when
 * it was paired anew. A batch of before the one that was heard last has nothing to say. */
bool ingest_session_is_news(const struct ingest *in, size_t index)
{
	const struct session *session = &in->batch->sessions[index];
	const struct ingest_session *held = &in->sessions[index];
	if (held->code[0])
		return false;
	if (!held->id || session->revision != held->said.revision)
		return !held->id || session->revision > held->said.revision;
	return session->centre_revision > held->said.seen || (session->centre_revision < held->said.seen && in->newest);
}

void ingest_session_forget(const struct ingest *in, struct session *session)
{
	if (session->started_at_ms >= in->erased_ms)
		return;
	session->user_id[0] = session->machine_id[0] = '\0';
	session->application_id = 0;
	session->started_at_ms = in->erased_ms;
	if (session->ended_at_ms < in->erased_ms)
		session->ended_at_ms = in->erased_ms;
}

unsigned ingest_session_merge(const struct ingest *in, size_t index, struct session *out)
{
	const struct ingest_session *held = &in->sessions[index];
	*out = in->batch->sessions[index];
	unsigned keep = held->id ? merge_session(&in->batch->sessions[index], &held->said.edits, out) : 0;
	ingest_session_forget(in, out);
	return keep;
}
