/* Sessions: one journey is a row in each of alzy.sessions and public.sessions, written by the same statement. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"
#include "hal/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sessions with changes by the centre in one receipt, the oldest change first; more come with the next. */
enum { UNSEEN_MAX = 200 };

/* Who and what is known here: a reference to somebody unknown costs that reference. */
#define GIVEN                                                                                                         \
	"WITH given AS ("                                                                                                 \
	" SELECT g.*, u.user_id AS known_user, m.machine_id AS known_machine, a.application_id AS known_application,"     \
	"  g.user_id IS NOT NULL AND u.user_id IS NULL AS lost_user,"                                                     \
	"  g.machine_id IS NOT NULL AND m.machine_id IS NULL AS lost_machine,"                                            \
	"  g.application_id IS NOT NULL AND a.application_id IS NULL AS lost_application"                                 \
	" FROM jsonb_to_recordset($1::jsonb) AS g(session_id text, user_id text, machine_id text, application_id bigint," \
	"  status alzy.session_status, started_at timestamptz, ended_at timestamptz, revision bigint, seen bigint,"       \
	"  guessed boolean,"                                                                                              \
	"  keep_user boolean, keep_machine boolean, keep_application boolean, keep_started boolean, keep_status boolean)" \
	" LEFT JOIN public.users u ON u.user_id = g.user_id LEFT JOIN public.machines m ON m.machine_id = g.machine_id"   \
	" LEFT JOIN public.applications a ON a.application_id = g.application_id"                                         \
	")"

static const char insert_sql[] =
	GIVEN ", taken AS ("
		  " INSERT INTO alzy.sessions (device_id, user_id, session_id, status, started_at, ended_at, revision,"
		  "  seen_revision, store_id, time_guessed, lost_references)"
		  " SELECT d.id, o.id, g.session_id, g.status, g.started_at, g.ended_at, g.revision, g.seen, $3::uuid,"
		  "  g.guessed,"
		  "  nullif(concat_ws(' ', CASE WHEN g.lost_user THEN 'user_id' END,"
		  "   CASE WHEN g.lost_machine THEN 'machine_id' END,"
		  "   CASE WHEN g.lost_application THEN 'application_id' END), '')"
		  " FROM given g JOIN alzy.devices d ON d.id = $2::int LEFT JOIN alzy.users o ON o.id = d.user_id"
		  " ON CONFLICT (session_id) DO NOTHING RETURNING session_id"
		  "), written AS ("
		  " INSERT INTO public.sessions (session_id, user_id, machine_id, start_at, application_id, end_at)"
		  " SELECT g.session_id, g.known_user, g.known_machine, g.started_at AT TIME ZONE 'UTC', g.known_application,"
		  "  g.ended_at AT TIME ZONE 'UTC' FROM given g JOIN taken t USING (session_id) ON CONFLICT DO NOTHING"
		  " RETURNING session_id) SELECT count(*) FROM written";

/* What is kept is what the centre has changed itself: hal/merge.h says which. */
static const char update_sql[] =
	GIVEN ", taken AS ("
		  " UPDATE alzy.sessions s SET status = CASE WHEN g.keep_status THEN s.status ELSE g.status END,"
		  "  started_at = CASE WHEN g.keep_started THEN s.started_at ELSE g.started_at END,"
		  "  ended_at = CASE WHEN g.keep_status AND s.status <> 'ended' OR NOT g.keep_status AND g.status <> 'ended'"
		  "   THEN NULL ELSE greatest(CASE WHEN g.keep_status THEN s.ended_at ELSE g.ended_at END,"
		  "   CASE WHEN g.keep_started THEN s.started_at ELSE g.started_at END) END,"
		  "  revision = g.revision, seen_revision = g.seen, store_id = $3::uuid, time_guessed = g.guessed,"
		  "  updated_at = now(),"
		  "  lost_references = nullif(concat_ws(' ',"
		  "   CASE WHEN CASE WHEN g.keep_user THEN 'user_id' = ANY (string_to_array(s.lost_references, ' '))"
		  "    ELSE g.lost_user END THEN 'user_id' END,"
		  "   CASE WHEN CASE WHEN g.keep_machine THEN 'machine_id' = ANY (string_to_array(s.lost_references, ' '))"
		  "    ELSE g.lost_machine END THEN 'machine_id' END,"
		  "   CASE WHEN CASE WHEN g.keep_application THEN"
		  "    'application_id' = ANY (string_to_array(s.lost_references, ' '))"
		  "    ELSE g.lost_application END THEN 'application_id' END), '')"
		  " FROM given g WHERE s.session_id = g.session_id AND s.device_id = $2::int"
		  " RETURNING s.session_id, s.started_at, s.ended_at"
		  "), written AS ("
		  " UPDATE public.sessions p SET start_at = t.started_at AT TIME ZONE 'UTC',"
		  "  end_at = t.ended_at AT TIME ZONE 'UTC',"
		  "  user_id = CASE WHEN g.keep_user THEN p.user_id ELSE g.known_user END,"
		  "  machine_id = CASE WHEN g.keep_machine THEN p.machine_id ELSE g.known_machine END,"
		  "  application_id = CASE WHEN g.keep_application THEN p.application_id ELSE g.known_application END"
		  " FROM given g JOIN taken t USING (session_id) WHERE p.session_id = g.session_id RETURNING p.session_id)"
		  " SELECT count(*) FROM written";

/* Of those that were to be new, how many are there by now: another gateway may have brought some meanwhile. */
static const char there_sql[] =
	"SELECT count(*) FROM jsonb_to_recordset($1::jsonb) AS g(session_id text) JOIN alzy.sessions s USING (session_id)"
	" JOIN public.sessions p USING (session_id)";

/* In the order in which a change of public.sessions by another program takes them. */
static const char lock_sql[] =
	"WITH p AS (SELECT session_id FROM public.sessions WHERE session_id = ANY ($1::text[]) ORDER BY session_id"
	" FOR NO KEY UPDATE), s AS (SELECT s.id FROM alzy.sessions s WHERE s.session_id IN (SELECT session_id FROM p)"
	" ORDER BY s.session_id FOR NO KEY UPDATE) SELECT count(*) FROM s";

#define MS(column) "CASE WHEN isfinite(" column ") THEN floor(extract(epoch FROM " column ") * 1000)::bigint END"
#define EDIT_COLUMNS                                                                                              \
	" s.revision, s.lost_references, s.seen_revision, s.centre_revision, (s.centre_changes->>'user_id')::bigint," \
	" (s.centre_changes->>'machine_id')::bigint, (s.centre_changes->>'application_id')::bigint,"                  \
	" (s.centre_changes->>'started_at')::bigint, (s.centre_changes->>'status')::bigint, p.user_id, p.machine_id," \
	" p.application_id, s.status, " MS("s.started_at") ", " MS("s.ended_at")
enum {
	EDIT_REVISION,
	EDIT_LOST,
	EDIT_SEEN,
	EDIT_CENTRE,
	EDIT_CHANGED,
	EDIT_VALUES = EDIT_CHANGED + SESSION_FIELD_COUNT
};

static const char read_sql[] =
	"SELECT p.session_id IS NULL, s.id, s.device_id," EDIT_COLUMNS
	" FROM unnest($1::text[]) WITH ORDINALITY AS g(session_id, n) LEFT JOIN public.sessions p USING (session_id)"
	" LEFT JOIN alzy.sessions s USING (session_id) ORDER BY g.n";

/* Also of the stores that this one goes on for: its unit has their sessions, too. */
static const char unseen_sql[] =
	"WITH RECURSIVE line AS (SELECT $1::uuid AS id UNION SELECT f.forked_from FROM line"
	"  JOIN alzy.stores f ON f.store_id = line.id WHERE f.forked_from IS NOT NULL)"
	" SELECT s.session_id," EDIT_COLUMNS " FROM alzy.sessions s JOIN public.sessions p USING (session_id)"
	" WHERE s.store_id IN (SELECT id FROM line) AND s.centre_revision > s.seen_revision"
	" AND s.session_id <> ALL ($2::text[]) ORDER BY s.centre_revision LIMIT $3::int";

/* ---- what is held ------------------------------------------------------------------------------------------ */

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

/* EDIT_COLUMNS, of which `column` is the first. */
static void read_edits(const struct pg_result *found, size_t row, size_t column, struct receipt_session *out)
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
	if (!strcmp(pg_text(found, i, 0), "t"))
		return;
	if (pg_is_null(found, i, 1) || pg_int(found, i, 2) != in->device_id) {
		say_foreign(in, held, pg_text(found, i, 2));
		return;
	}
	held->id = pg_int(found, i, 1);
	read_edits(found, i, 3, &held->said);
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

static cJSON *to_json(const struct session *session, unsigned keep)
{
	static const char *const keeps[SESSION_FIELD_COUNT] = {"keep_user", "keep_machine", "keep_application",
	                                                       "keep_started", "keep_status"};
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
	cJSON_AddNumberToObject(object, "seen", (double)session->centre_revision);
	cJSON_AddBoolToObject(object, "guessed", session->guessed);
	for (int field = 0; field < SESSION_FIELD_COUNT; field++)
		cJSON_AddBoolToObject(object, keeps[field], keep >> field & 1);
	return object;
}

/* The unit has changed it since, or tells what it has seen of the centre's changes; which may be less than it told before, when
 * it was paired anew. A batch of before the one that was heard last has nothing to say. */
static bool is_news(const struct ingest *in, const struct session *session, const struct ingest_session *held)
{
	if (held->code[0])
		return false;
	if (!held->id || session->revision != held->said.revision)
		return !held->id || session->revision > held->said.revision;
	return session->centre_revision > held->said.seen || (session->centre_revision < held->said.seen && in->newest);
}

/* Of a journey that began before its device was erased, nothing is taken but that there was one. */
static void forget_erased(const struct ingest *in, struct session *session)
{
	if (session->started_at_ms >= in->erased_ms)
		return;
	session->user_id[0] = session->machine_id[0] = '\0';
	session->application_id = 0;
	session->started_at_ms = in->erased_ms;
	if (session->ended_at_ms < in->erased_ms)
		session->ended_at_ms = in->erased_ms;
}

/* Sessions of the batch that are news, of those that are held or of those that are not, and the statement that writes them. */
struct news {
	const char *sql;
	bool fresh;
	size_t *index, count;         /* in the batch */
	char code[RECEIPT_CODE_TEXT]; /* why some of them were refused last */
};

/* What is to be held of the batch's session, and which fields of it are the centre's own. */
static unsigned merge(const struct ingest *in, size_t index, struct session *out)
{
	const struct ingest_session *held = &in->sessions[index];
	*out = in->batch->sessions[index];
	unsigned keep = held->id ? merge_session(&in->batch->sessions[index], &held->said.edits, out) : 0;
	forget_erased(in, out);
	return keep;
}

/* news->index[at..at + count) as the statement takes them. */
static char *news_json(const struct ingest *in, const struct news *news, size_t at, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = at; i < at + count; i++) {
		struct session merged;
		unsigned keep = merge(in, news->index[i], &merged);
		/* The fields of the merged one that are kept are the centre's own, which are not written. */
		cJSON_AddItemToArray(array, to_json(&merged, keep));
	}
	char *json = json_print(array);
	cJSON_Delete(array);
	return json;
}

/* Whether all of these are written: a trigger may pass over some without a word. */
static int check_written(struct ingest *in, const struct news *news, const struct pg_result *written, const char *json,
                         size_t count, bool *out, struct err *e)
{
	struct pg_result *there = NULL;
	*out = pg_int(written, 0, 0) == (int64_t)count;
	int rc = *out || !news->fresh ? 0 : pg_query(in->pg, &there, e, there_sql, 1, &json);
	if (there)
		*out = pg_int(there, 0, 0) == (int64_t)count;
	pg_result_free(there);
	return rc;
}

static int write_in_savepoint(struct ingest *in, const struct news *news, const char *json, size_t count, bool *out_all,
                              struct err *e)
{
	enum { SAVEPOINT, WRITE, CONSTRAINTS, CALLS };
	char device[24];
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	struct pg_call calls[CALLS] = {
		[SAVEPOINT] = {.sql = "SAVEPOINT sessions"},
		[WRITE] = {.sql = news->sql, .count = 3, .values = (const char *const[]){json, device, in->batch->store_id}},
		[CONSTRAINTS] = {.sql = in->careful ? "SET CONSTRAINTS ALL IMMEDIATE" : ""},
	};
	int rc = pg_queries(in->pg, calls, CALLS, e);
	if (!rc)
		rc = check_written(in, news, calls[WRITE].result, json, count, out_all, e);
	for (int i = 0; i < CALLS; i++)
		pg_result_free(calls[i].result);
	return rc;
}

/* Writes some of them. Returns 1 when Postgres refuses that, with *e saying why: then none is written. */
static int try_some(struct ingest *in, struct news *news, size_t at, size_t count, struct err *e)
{
	bool all = false;
	char *json = news_json(in, news, at, count);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	int rc = write_in_savepoint(in, news, json, count, &all, e);
	free(json);
	for (size_t i = at; i < at + count; i++)
		in->sessions[news->index[i]].news = !rc && all;
	if ((!rc && all) || (rc && pg_is_outage(pg_sqlstate(in->pg))))
		return rc;
	snprintf(news->code, sizeof news->code, "%s", rc ? pg_sqlstate(in->pg) : "unwritten");
	if (!rc)
		rc = err_set(e, ERR_DATA, "not written, as a trigger of the database passes over it");
	/* When there is nothing to go back to, the first failure is the one to tell of. */
	return pg_script(in->pg, "ROLLBACK TO SAVEPOINT sessions; RELEASE SAVEPOINT sessions", NULL) ? rc : 1;
}

/* What was refused, and how much of that may be the table's fault, and not the session's. */
struct tally {
	size_t refused, doubtful;
	struct err first; /* of the doubtful ones */
};

static void refuse(struct ingest *in, size_t index, const char *code, const struct err *why, struct tally *tally)
{
	struct ingest_session *session = &in->sessions[index];
	enum err_code kind = pg_error_code(code);
	snprintf(session->code, sizeof session->code, "%s", code);
	int named = snprintf(session->why, sizeof session->why, "session %s: ", in->batch->sessions[index].session_id);
	utf8_line(why->text, ' ', session->why + named, sizeof session->why - (size_t)named);
	in->sessions_refused++;
	tally->refused++;
	if (kind != ERR_DATA && !tally->doubtful++)
		tally->first = *why;
}

/* Halves what is refused together until the culprits are alone. */
static int judge(struct ingest *in, struct news *news, size_t at, size_t count, struct tally *tally, struct err *e)
{
	struct err why = {0};
	int rc = try_some(in, news, at, count, &why);
	if (rc < 0)
		*e = why;
	if (rc < 1)
		return rc;
	if (count == 1) {
		refuse(in, news->index[at], news->code, &why, tally);
		return 0;
	}
	rc = judge(in, news, at, count / 2, tally, e);
	return rc ? rc : judge(in, news, at + count / 2, count - count / 2, tally, e);
}

/* All together, as is fastest. What that refuses is tried once more as a whole: a reference that went away meanwhile is known to be
 * lost by then. */
static int write_all(struct ingest *in, struct news *news, struct err *e)
{
	struct tally tally = {0};
	int rc = news->count ? try_some(in, news, 0, news->count, e) : 0;
	if (rc == 1)
		rc = judge(in, news, 0, news->count, &tally, e);
	/* As with rows: what refuses every one of them is broken, and no session is at fault. */
	if (!rc && tally.doubtful && tally.doubtful == news->count)
		rc = err_set(e, tally.first.code, "%s", tally.first.text);
	return rc;
}

static int write_some(struct ingest *in, bool fresh, const char *sql, struct err *e)
{
	struct news news = {sql, fresh, calloc(in->batch->session_count + 1, sizeof *news.index), 0, ""};
	if (!news.index)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	for (size_t i = 0; i < in->batch->session_count; i++)
		if (fresh == !in->sessions[i].id && is_news(in, &in->batch->sessions[i], &in->sessions[i]))
			news.index[news.count++] = i;
	int rc = write_all(in, &news, e);
	free(news.index);
	return rc;
}

/* Read again under locks, so that what another program changes meanwhile is seen or waits. */
static int write_news(struct ingest *in, struct err *e)
{
	int rc = pg_query(in->pg, NULL, e, lock_sql, 1, &in->sessions_asked);
	if (!rc)
		rc = read_again(in, e);
	if (!rc)
		rc = write_some(in, false, update_sql, e);
	if (!rc)
		rc = write_some(in, true, insert_sql, e);
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
		news |= is_news(in, &in->batch->sessions[i], &in->sessions[i]);
	if (!rc && news)
		rc = write_news(in, e);
	in->changed = in->changed || news;
	for (size_t i = 0; i < in->batch->session_count && !rc; i++)
		if (!in->sessions[i].id && !in->sessions[i].code[0])
			rc = err_set(e, ERR_DATABASE, "session %s was not written", in->batch->sessions[i].session_id);
	return rc;
}

/* ---- what the unit is told --------------------------------------------------------------------------------- */

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
	forget_erased(in, &said);
	if (said.revision < values->revision || merge_copy(&said, values, &copy))
		return true;
	merge(in, index, &merged);
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
		read_edits(found, i, 1, said);
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
