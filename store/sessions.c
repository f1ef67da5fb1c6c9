/* Sessions as they are. What changes them: session_changes.c and session_edits.c. */
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELECT_SESSION                                                                                     \
	"SELECT id, session_id, user_id, machine_id, application_id, status, started_at, ended_at, revision, " \
	"centre_revision, held_revision, start_guess OR end_boot IS NOT NULL FROM sessions "

static enum session_status status_of(const char *name)
{
	for (int status = 0; status < SESSION_STATUS_COUNT; status++)
		if (!strcmp(name, session_status_name((enum session_status)status)))
			return (enum session_status)status;
	return SESSION_ENDED; /* the table allows no other names */
}

static struct session read_session(const struct query *q)
{
	struct session s = {
		.id = query_get_int(q, 0, 0),
		.application_id = query_get_int(q, 4, 0),
		.started_at_ms = query_get_int(q, 6, 0),
		.ended_at_ms = query_get_int(q, 7, 0),
		.revision = query_get_int(q, 8, 0),
		.centre_revision = query_get_int(q, 9, 0),
		.held_revision = query_get_int(q, 10, 0),
		.guessed = query_get_int(q, 11, 0) != 0,
	};
	char status[16];
	query_get_text(q, 1, s.session_id, sizeof s.session_id);
	query_get_text(q, 2, s.user_id, sizeof s.user_id);
	query_get_text(q, 3, s.machine_id, sizeof s.machine_id);
	query_get_text(q, 5, status, sizeof status);
	s.status = status_of(status);
	return s;
}

static int read_one(struct query *q, struct session *out, bool *out_found, struct err *e)
{
	bool row = false;
	int rc = query_next(q, &row, e);
	if (!rc) {
		if (row)
			*out = read_session(q);
		*out_found = row;
	}
	query_end(q);
	return rc;
}

static void read_item(const struct query *q, void *item)
{
	*(struct session *)item = read_session(q);
}

static int read_all(struct query *q, struct session **out, size_t *out_count, struct err *e)
{
	return query_all(q, sizeof **out, read_item, out, out_count, e);
}

int store_session_open(struct store *store, struct session *out, bool *out_found, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE status <> 'ended'");
	return read_one(&q, out, out_found, e);
}

int session_find(struct store *store, const char *session_id, struct session *out, bool *out_found, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE session_id = ?");
	query_text(&q, session_id);
	return read_one(&q, out, out_found, e);
}

int store_session_lost(struct store *store, int64_t id, char out[NAME_TEXT], struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT lost_references FROM sessions WHERE id = ?");
	query_int(&q, id);
	int rc = query_next(&q, &row, e);
	out[0] = '\0';
	if (!rc && row)
		query_get_text(&q, 0, out, NAME_TEXT);
	query_end(&q);
	return rc;
}

int store_session_by_id(struct store *store, int64_t id, struct session *out, struct err *e)
{
	struct query q;
	bool found = false;
	query_start(&q, store, SELECT_SESSION "WHERE id = ?");
	query_int(&q, id);
	int rc = read_one(&q, out, &found, e);
	if (!rc && !found)
		rc = err_set(e, ERR_NOT_FOUND, "there is no session number %" PRId64, id);
	return rc;
}

int store_session_by_name(struct store *store, const char *session_id, struct session *out, struct err *e)
{
	struct query q;
	struct session *sessions;
	size_t count;
	query_start(&q, store, SELECT_SESSION "WHERE substr(session_id, 1, length(?1)) = lower(?1) LIMIT 2");
	query_text(&q, session_id);
	int rc = read_all(&q, &sessions, &count, e);
	if (rc)
		return rc;
	if (!count)
		rc = err_set(e, ERR_NOT_FOUND, "there is no session \"%.80s\"", session_id);
	else if (count > 1)
		rc = err_set(e, ERR_INVALID, "more than one session begins with \"%s\": write more of it", session_id);
	else
		*out = sessions[0];
	free(sessions);
	return rc;
}

int store_session_list(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "ORDER BY id DESC LIMIT ?");
	query_limit(&q, limit);
	return read_all(&q, out, out_count, e);
}

int store_sessions_unsent(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e)
{
	struct query q;
	query_start(&q, store, SELECT_SESSION "WHERE " SESSION_UNSENT " ORDER BY id LIMIT ?");
	query_limit(&q, limit);
	return read_all(&q, out, out_count, e);
}

/* From its first seq to before that of the next session, each seq was given to a point. */
static int count_pruned(struct store *store, const struct session *session, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "WITH span AS (SELECT first_seq AS low, coalesce((SELECT min(first_seq) FROM sessions WHERE id > ?1),"
	            " (SELECT max(seq) + 1 FROM points)) AS high FROM sessions WHERE id = ?1)"
	            " SELECT max(0, high - low) - (SELECT count(*) FROM points WHERE seq >= low AND seq < high) FROM span");
	query_int(&q, session->id);
	return query_one_int(&q, 0, out, e);
}

int store_session_content(struct store *store, const struct session *session, struct session_content *out,
                          struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT count(*), min(seq), max(seq), (SELECT count(*) FROM events WHERE session_id = ?2) FROM points"
	            " WHERE seq >= (SELECT first_seq FROM sessions WHERE id = ?1) AND session_id = ?1");
	query_int(&q, session->id);
	query_text(&q, session->session_id);
	int rc = query_next(&q, &row, e);
	int64_t first = rc ? 0 : query_get_int(&q, 1, 0), last = rc ? 0 : query_get_int(&q, 2, 0);
	struct session_content content = {0};
	if (!rc)
		content = (struct session_content){.points = query_get_int(&q, 0, 0), .events = query_get_int(&q, 3, 0)};
	query_end(&q);
	if (!rc && content.points) {
		query_start(&q, store, "SELECT recorded_at FROM points WHERE seq = ?");
		query_int(&q, first);
		rc = query_one_int(&q, 0, &content.first_point_ms, e);
	}
	if (!rc && content.points) {
		query_start(&q, store, "SELECT recorded_at FROM points WHERE seq = ?");
		query_int(&q, last);
		rc = query_one_int(&q, 0, &content.last_point_ms, e);
	}
	if (!rc)
		rc = count_pruned(store, session, &content.pruned, e);
	if (!rc)
		*out = content;
	return rc;
}
