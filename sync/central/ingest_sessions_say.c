/* What the unit is told of sessions: of those in the batch, and of others that the centre has changed. */
#include "sync/central/ingest_sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sessions with changes by the centre in one receipt, the oldest change first; more come with the next. */
enum { UNSEEN_MAX = 200 };

/* Also of the stores that this one goes on for: its unit has their sessions, too. */
static const char unseen_sql[] =
	"WITH RECURSIVE line AS (SELECT $1::uuid AS id UNION SELECT f.forked_from FROM line"
	"  JOIN alzy.stores f ON f.store_id = line.id WHERE f.forked_from IS NOT NULL)"
	" SELECT s.session_id," INGEST_SESSION_COLUMNS " FROM alzy.sessions s JOIN public.sessions p USING (session_id)"
	" WHERE s.store_id IN (SELECT id FROM line) AND s.centre_revision > s.seen_revision"
	" AND s.session_id <> ALL ($2::text[]) ORDER BY s.centre_revision LIMIT $3::int";

/* What the unit has seen is not said again. */
static void forget_seen(struct receipt_session *said)
{
	if (said->edits.revision <= said->seen)
		said->edits.revision = 0;
	for (int field = 0; field < SESSION_FIELD_COUNT; field++)
		if (!said->edits.revision || said->edits.changed[field] <= said->seen)
			said->edits.changed[field] = 0;
}

static bool has_times(const struct session *values)
{
	return values->started_at_ms >= TIME_MS_MIN && values->started_at_ms <= TIME_MS_MAX &&
	       (values->status != SESSION_ENDED ||
	        (values->ended_at_ms >= TIME_MS_MIN && values->ended_at_ms <= TIME_MS_MAX));
}

/* Whether the unit must hear what is held of its session: that of a later revision, which may be its own, so that the batch is one
 * of before, as it knows; an end that it has not said; or, of a record that was passed over, anything else. */
static bool differs(const struct ingest *in, size_t index)
{
	const struct ingest_session *held = &in->sessions[index];
	const struct session *values = &held->said.edits.values;
	struct session said = in->batch->sessions[index], merged, copy;
	if (!held->id || held->code[0] || !has_times(values))
		return false;
	ingest_session_forget(in, &said);
	if (said.revision < values->revision || merge_copy(&said, values, &copy))
		return true;
	ingest_session_merge(in, index, &merged);
	merge_copy(&merged, values, &copy);
	return !held->news && copy.revision > values->revision;
}

static size_t unseen_room(const struct ingest *in)
{
	size_t room = RECEIPT_SESSIONS_MAX - in->batch->session_count;
	return room < UNSEEN_MAX ? room : UNSEEN_MAX;
}

void ingest_unseen_ask(struct ingest *in, struct pg_call *out)
{
	snprintf(in->unseen_most, sizeof in->unseen_most, "%zu", unseen_room(in));
	in->unseen_asked[0] = in->batch->store_id;
	in->unseen_asked[1] = in->sessions_asked;
	in->unseen_asked[2] = in->unseen_most;
	*out = (struct pg_call){.sql = unseen_sql, .count = 3, .values = in->unseen_asked};
}

static void list_unseen(struct ingest *in)
{
	struct receipt *receipt = in->receipt;
	const struct pg_result *found = in->unseen_found;
	for (size_t i = 0; i < pg_rows(found); i++) {
		struct receipt_session *said = &receipt->sessions[receipt->session_count++];
		snprintf(said->session_id, sizeof said->session_id, "%s", pg_text(found, i, 0));
		ingest_session_read(found, i, 1, said);
		said->differs = has_times(&said->edits.values);
	}
}

static bool has_rows(const struct batch *batch, size_t index)
{
	for (size_t i = 0; i < batch->point_count; i++)
		if (batch->points[i].session == (int32_t)index + 1)
			return true;
	for (size_t i = 0; i < batch->event_count; i++)
		if (!strcmp(batch->events[i].session_id, batch->sessions[index].session_id))
			return true;
	return false;
}

/* Of a session that is another device's, and has no row here, this unit has nothing to say: nothing more is to come of it. */
static void pass_over_foreign(const struct ingest *in, size_t index, struct receipt_session *said)
{
	if (strcmp(in->sessions[index].code, "foreign") != 0 || has_rows(in->batch, index))
		return;
	said->revision = in->batch->sessions[index].revision;
	said->refused[0] = '\0';
}

int ingest_sessions_say(struct ingest *in, struct err *e)
{
	size_t count = in->batch->session_count, unseen = pg_rows(in->unseen_found);
	in->receipt->sessions = calloc(count + unseen + 1, sizeof *in->receipt->sessions);
	if (!in->receipt->sessions)
		return err_set(e, ERR_MEMORY, "out of memory for a receipt");
	for (size_t i = 0; i < count; i++) {
		struct receipt_session *said = &in->receipt->sessions[i];
		*said = in->sessions[i].said;
		memcpy(said->refused, in->sessions[i].why, sizeof said->refused);
		said->differs = differs(in, i);
		/* What was written just now is not to be said again, whatever a trigger makes of it: only the end is told. */
		if (in->sessions[i].news && !said->edits.changed[SESSION_STARTED])
			said->edits.values.started_at_ms = in->batch->sessions[i].started_at_ms;
		pass_over_foreign(in, i, said);
	}
	in->receipt->session_count = count;
	list_unseen(in);
	for (size_t i = 0; i < in->receipt->session_count; i++)
		forget_seen(&in->receipt->sessions[i]);
	return 0;
}
