/* What is news of sessions, into both tables: all together, as is fastest, or by halves until what Postgres refuses is alone. */
#include "sync/central/ingest_sessions.h"

#include "hal/json.h"
#include "hal/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Sessions of the batch that are news, of those that are held or of those that are not, and the statement that writes them. */
struct news {
	const char *sql;
	bool fresh;
	size_t *index, count;         /* in the batch */
	char code[RECEIPT_CODE_TEXT]; /* why some of them were refused last */
};

/* news->index[at..at + count) as the statement takes them. */
static char *news_json(const struct ingest *in, const struct news *news, size_t at, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = at; i < at + count; i++) {
		struct session merged;
		unsigned keep = ingest_session_merge(in, news->index[i], &merged);
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
	/* The centre has given the session an id that is taken: no fault of the session, and the next one may be free. */
	if (rc && !strcmp(pg_sqlstate(in->pg), "23505") && !strcmp(pg_constraint(in->pg), "sessions_pkey"))
		return err_set(e, ERR_DATABASE,
		               "the ids of alzy.sessions are behind its rows: alzy-central migrate mends that");
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

int ingest_sessions_write(struct ingest *in, bool fresh, struct err *e)
{
	struct news news = {fresh ? insert_sql : update_sql, fresh,
	                    calloc(in->batch->session_count + 1, sizeof *news.index), 0, ""};
	if (!news.index)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	for (size_t i = 0; i < in->batch->session_count; i++)
		if (fresh == !in->sessions[i].id && ingest_session_is_news(in, i))
			news.index[news.count++] = i;
	int rc = write_all(in, &news, e);
	free(news.index);
	return rc;
}
