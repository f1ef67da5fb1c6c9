/* Sessions: one journey is a row in each of alzy.sessions and public.sessions, written by the same statement. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The newer revision wins; `ended` never goes back. A reference to somebody unknown here costs that reference. */
static const char write_sql[] =
	"WITH given AS ("
	" SELECT g.session_id, u.user_id, m.machine_id, a.application_id, g.status, g.started_at, g.ended_at, g.revision,"
	"  nullif(concat_ws(' ', CASE WHEN g.user_id IS NOT NULL AND u.user_id IS NULL THEN 'user_id' END,"
	"   CASE WHEN g.machine_id IS NOT NULL AND m.machine_id IS NULL THEN 'machine_id' END,"
	"   CASE WHEN g.application_id IS NOT NULL AND a.application_id IS NULL THEN 'application_id' END), '') AS lost"
	" FROM jsonb_to_recordset($1::jsonb) AS g(session_id text, user_id text, machine_id text, application_id bigint,"
	"  status alzy.session_status, started_at timestamptz, ended_at timestamptz, revision bigint)"
	" LEFT JOIN public.users u ON u.user_id = g.user_id LEFT JOIN public.machines m ON m.machine_id = g.machine_id"
	" LEFT JOIN public.applications a ON a.application_id = g.application_id"
	"), taken AS ("
	" INSERT INTO alzy.sessions AS s (device_id, user_id, session_id, status, started_at, ended_at, revision,"
	"  lost_references)"
	" SELECT d.id, d.user_id, g.session_id, g.status, g.started_at, g.ended_at, g.revision, g.lost"
	" FROM given g JOIN alzy.devices d ON d.id = $2::int"
	" ON CONFLICT (session_id) DO UPDATE SET"
	"  status = CASE WHEN s.status = 'ended' THEN s.status ELSE excluded.status END,"
	"  started_at = excluded.started_at,"
	"  ended_at = CASE WHEN excluded.status = 'ended' THEN excluded.ended_at ELSE s.ended_at END,"
	"  revision = excluded.revision, lost_references = excluded.lost_references, updated_at = now()"
	"  WHERE s.revision < excluded.revision AND s.device_id = excluded.device_id"
	" RETURNING s.session_id, s.ended_at"
	") INSERT INTO public.sessions (session_id, user_id, machine_id, start_at, application_id, end_at)"
	" SELECT g.session_id, g.user_id, g.machine_id, g.started_at AT TIME ZONE 'UTC', g.application_id,"
	"  t.ended_at AT TIME ZONE 'UTC' FROM given g JOIN taken t USING (session_id)"
	" ON CONFLICT (session_id) DO UPDATE SET user_id = excluded.user_id, machine_id = excluded.machine_id,"
	"  start_at = excluded.start_at, application_id = excluded.application_id, end_at = excluded.end_at";

static const char read_sql[] =
	"SELECT p.session_id IS NULL, s.id, s.device_id, s.revision, s.lost_references"
	" FROM unnest($1::text[]) WITH ORDINALITY AS g(session_id, n) LEFT JOIN public.sessions p USING (session_id)"
	" LEFT JOIN alzy.sessions s USING (session_id) ORDER BY g.n";

/* "{UUID,UUID}": batch_decode has seen to it that they are UUIDs. */
static int names_of(const struct batch *batch, struct buffer *out, struct err *e)
{
	int rc = buffer_append(out, "{", 1, e);
	for (size_t i = 0; i < batch->session_count && !rc; i++) {
		char name[UUID_TEXT + 1];
		int length = snprintf(name, sizeof name, "%s%s", i ? "," : "", batch->sessions[i].session_id);
		rc = buffer_append(out, name, (size_t)length, e);
	}
	return rc ? rc : buffer_append(out, "}", 2, e);
}

static int read_one(struct ingest *in, const struct pg_result *found, size_t i, struct err *e)
{
	struct ingest_session *held = &in->sessions[i];
	const char *name = in->batch->sessions[i].session_id;
	bool unknown = !strcmp(pg_text(found, i, 0), "t");
	*held = (struct ingest_session){0};
	if (unknown)
		return 0;
	if (pg_is_null(found, i, 1))
		return err_set(e, ERR_REFUSED,
		               "session %s is held here as one of no device: its name was not this unit's to give", name);
	if (pg_int(found, i, 2) != in->device_id)
		return err_set(e, ERR_REFUSED, "session %s belongs to another device (%" PRId64 "): is this unit a copy of it?",
		               name, pg_int(found, i, 2));
	held->id = pg_int(found, i, 1);
	held->revision = pg_int(found, i, 3);
	snprintf(held->lost, sizeof held->lost, "%s", pg_text(found, i, 4));
	return 0;
}

static int read_held(struct ingest *in, const char *names, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(in->pg, &found, e, read_sql, 1, &names);
	if (!rc && pg_rows(found) != in->batch->session_count)
		rc = err_set(e, ERR_INTERNAL, "sessions were asked for and not answered one by one");
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		rc = read_one(in, found, i, e);
	pg_result_free(found);
	return rc;
}

static cJSON *to_json(const struct session *session)
{
	cJSON *object = cJSON_CreateObject();
	if (!object)
		return NULL;
	char time[TIME_TEXT];
	cJSON_AddStringToObject(object, "session_id", session->session_id);
	json_add_text_or_null(object, "user_id", session->user_id);
	json_add_text_or_null(object, "machine_id", session->machine_id);
	if (session->application_id)
		cJSON_AddNumberToObject(object, "application_id", (double)session->application_id);
	cJSON_AddStringToObject(object, "status", session_status_name(session->status));
	cJSON_AddStringToObject(object, "started_at", time_format(session->started_at_ms, time));
	if (session->status == SESSION_ENDED)
		cJSON_AddStringToObject(object, "ended_at", time_format(session->ended_at_ms, time));
	cJSON_AddNumberToObject(object, "revision", (double)session->revision);
	return object;
}

/* Writes the sessions of which the batch has a newer revision. */
static int write_newer(struct ingest *in, bool *out_written, struct err *e)
{
	char device[24];
	cJSON *newer = cJSON_CreateArray();
	for (size_t i = 0; i < in->batch->session_count; i++)
		if (in->batch->sessions[i].revision > in->sessions[i].revision)
			cJSON_AddItemToArray(newer, to_json(&in->batch->sessions[i]));
	*out_written = cJSON_GetArraySize(newer) > 0;
	char *json = json_print(newer);
	cJSON_Delete(newer);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	int rc = *out_written ? pg_query(in->pg, NULL, e, write_sql, 2, (const char *const[]){json, device}) : 0;
	free(json);
	return rc;
}

/* The header promises it; else an event could be put into a session of another device. */
static int check_events(const struct batch *batch, struct err *e)
{
	size_t at = 0;
	for (size_t i = 0; i < batch->event_count; i++) {
		const char *name = batch->events[i].session_id;
		if (!*name || (at < batch->session_count && !strcmp(batch->sessions[at].session_id, name)))
			continue;
		for (at = 0; at < batch->session_count && strcmp(batch->sessions[at].session_id, name);)
			at++;
		if (at == batch->session_count)
			return err_set(e, ERR_INVALID, "event %" PRId64 " is of a session that the batch does not have",
			               batch->events[i].seq);
	}
	return 0;
}

int ingest_sessions(struct ingest *in, struct err *e)
{
	struct buffer names = {0};
	bool written = false;
	int rc = check_events(in->batch, e);
	if (rc || !in->batch->session_count)
		return rc;
	rc = names_of(in->batch, &names, e);
	if (!rc)
		rc = read_held(in, (const char *)names.bytes, e);
	if (!rc)
		rc = write_newer(in, &written, e);
	if (!rc && written)
		rc = read_held(in, (const char *)names.bytes, e);
	in->changed = in->changed || written;
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		if (!in->sessions[i].id)
			rc = err_set(e, ERR_DATABASE, "session %s was not written", in->batch->sessions[i].session_id);
	buffer_free(&names);
	return rc;
}
