/* Sessions: one journey is a row in each of alzy.sessions and public.sessions, written by the same statement. */
#include "sync/central/ingest_sessions.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char read_sql[] =
	"SELECT p.session_id IS NULL, s.id, s.device_id," INGEST_SESSION_COLUMNS
	" FROM unnest($1::text[]) WITH ORDINALITY AS g(session_id, n) LEFT JOIN public.sessions p USING (session_id)"
	" LEFT JOIN alzy.sessions s USING (session_id) ORDER BY g.n";

/* ---- what is held ------------------------------------------------------------------------------------------ */

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

/* Nobody but its device may say anything of a session, or have rows in it. */
static void say_foreign(struct ingest *in, struct ingest_session *session, const char *device)
{
	snprintf(session->code, sizeof session->code, "foreign");
	if (*device)
		snprintf(session->why, sizeof session->why, "session %s: it belongs to another device (%s)",
		         session->said.session_id, device);
	else
		snprintf(session->why, sizeof session->why, "session %s: it is here already, and of no device",
		         session->said.session_id);
	in->sessions_refused++;
}

static void read_one(struct ingest *in, const struct pg_result *found, size_t i)
{
	struct ingest_session *held = &in->sessions[i];
	held->id = 0;
	held->said = (struct receipt_session){0};
	memcpy(held->said.session_id, in->batch->sessions[i].session_id, sizeof held->said.session_id);
	if (pg_bool(found, i, 0))
		return;
	if (pg_is_null(found, i, 1) || pg_int(found, i, 2) != in->device_id) {
		say_foreign(in, held, pg_text(found, i, 2));
		return;
	}
	held->id = pg_int(found, i, 1);
	ingest_session_read(found, i, 3, &held->said);
}

static int read_held(struct ingest *in, const struct pg_result *found, struct err *e)
{
	int rc = 0;
	if (pg_rows(found) != in->batch->session_count)
		rc = err_set(e, ERR_INTERNAL, "sessions were asked for and not answered one by one");
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		read_one(in, found, i);
	return rc;
}

static int read_again(struct ingest *in, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(in->pg, &found, e, read_sql, 1, &in->sessions_asked);
	if (!rc)
		rc = read_held(in, found, e);
	pg_result_free(found);
	return rc;
}

/* ---- what is written --------------------------------------------------------------------------------------- */

/* In the order in which a change of public.sessions by another program takes them. */
static const char lock_sql[] =
	"WITH p AS (SELECT session_id FROM public.sessions WHERE session_id = ANY ($1::text[]) ORDER BY session_id"
	" FOR NO KEY UPDATE), s AS (SELECT s.id FROM alzy.sessions s WHERE s.session_id IN (SELECT session_id FROM p)"
	" ORDER BY s.session_id FOR NO KEY UPDATE) SELECT count(*) FROM s";

/* Read again under locks, so that what another program changes meanwhile is seen or waits. */
static int write_news(struct ingest *in, struct err *e)
{
	int rc = pg_query(in->pg, NULL, e, lock_sql, 1, &in->sessions_asked);
	if (!rc)
		rc = read_again(in, e);
	if (!rc)
		rc = ingest_sessions_write(in, false, e);
	if (!rc)
		rc = ingest_sessions_write(in, true, e);
	return rc ? rc : read_again(in, e);
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

int ingest_sessions_ask(struct ingest *in, struct pg_call *out, struct err *e)
{
	int rc = names_of(in->batch, &in->session_names, e);
	in->sessions_asked = (const char *)in->session_names.bytes;
	*out = (struct pg_call){.sql = read_sql, .count = 1, .values = &in->sessions_asked};
	return rc;
}

int ingest_sessions(struct ingest *in, struct err *e)
{
	bool news = false;
	int rc = check_events(in->batch, e);
	if (!rc)
		rc = read_held(in, in->sessions_found, e);
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		news |= ingest_session_is_news(in, i);
	if (!rc && news)
		rc = write_news(in, e);
	in->changed = in->changed || news;
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		if (!in->sessions[i].id && !in->sessions[i].code[0])
			rc = err_set(e, ERR_DATABASE, "session %s was not written", in->batch->sessions[i].session_id);
	return rc;
}
