#include "sync/central/pg.h"

#include "hal/clock.h"
#include "hal/utf8.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PREPARED_MAX = 128,
	NAME_BYTES = 16, /* of a prepared statement: "s" and its index */
	NOTES_MAX = 128,
	NOTE_TEXT = 16,
};

struct pg {
	PGconn *connection;
	char sqlstate[6], constraint[64];
	bool stale;                   /* the server no longer knows what was prepared: start anew */
	int64_t answer_ms;            /* how long an answer may take; 0: as long as it likes */
	int64_t until_ms;             /* when that of the present call is over, on the monotonic clock */
	char *prepared[PREPARED_MAX]; /* statement text; its name is "s" and its index */
	size_t prepared_count;
	char notes[NOTES_MAX][NOTE_TEXT];
	size_t note_count;
};

/* The handle that callers see is libpq's own result. */
static PGresult *rows(const struct pg_result *result)
{
	return (PGresult *)result;
}

/* All that is known of a connection. */
static void forget(struct pg *pg)
{
	for (size_t i = 0; i < pg->prepared_count; i++)
		free(pg->prepared[i]);
	pg->prepared_count = 0;
	pg->note_count = 0;
}

/* Notices have no reader here: what matters of a migration is asked for afterwards. */
static void ignore_notice(void *user, const PGresult *result)
{
	(void)user;
	(void)result;
}

/* libpq ends its messages with a line feed, and some have several lines: ours are one. */
static const char *one_line(const char *text, char *out, size_t size)
{
	utf8_line(text, ' ', out, size);
	for (size_t length = strlen(out); length && out[length - 1] == ' '; length--)
		out[length - 1] = '\0';
	return out;
}

static bool has_prefix(const char *sqlstate, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(sqlstate, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* What is left are data, and whatever code somebody's own trigger chooses to raise for them. */
enum err_code pg_error_code(const char *sqlstate)
{
	static const char *const busy[] = {"55P03", "40001", "40P01"};
	static const char *const others[] = {"00", "01", "02", "03", "08", "0A", "0B", "0F", "25", "26", "28", "2B", "2D",
	                                     "34", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0", "HV", "XX"};
	if (has_prefix(sqlstate, busy, sizeof busy / sizeof *busy))
		return ERR_BUSY;
	if (!strcmp(sqlstate, "42501"))
		return ERR_PERMISSION;
	return has_prefix(sqlstate, others, sizeof others / sizeof *others) ? ERR_DATABASE : ERR_DATA;
}

/* Fills *e from a failed result, or from the connection when there is none. */
static int fail(struct pg *pg, const PGresult *result, struct err *e)
{
	char message[ERR_TEXT_MAX], detail[ERR_TEXT_MAX];
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	if (!sqlstate) {
		pg->sqlstate[0] = '\0';
		return err_set(e, ERR_DATABASE, "Postgres: %s",
		               one_line(PQerrorMessage(pg->connection), message, sizeof message));
	}
	snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", sqlstate);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	snprintf(pg->constraint, sizeof pg->constraint, "%s", constraint ? constraint : "");
	/* 0A000: a cached plan that a migration has made useless. 26000, 42P05: a pooler between us has given us another
	 * server, which lacks the statement, or has one of that name from somebody else. */
	pg->stale |= !strcmp(sqlstate, "0A000") || !strcmp(sqlstate, "26000") || !strcmp(sqlstate, "42P05");
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *more = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	return err_set(e, pg_error_code(sqlstate), "%s%s%s (SQLSTATE %s)",
	               one_line(primary ? primary : "", message, sizeof message), more ? "; " : "",
	               more ? one_line(more, detail, sizeof detail) : "", sqlstate);
}

/* ---- waiting: the connection never blocks, so that a server that stands still holds nobody for ever -------------- */

static void begin_call(struct pg *pg)
{
	pg->until_ms = pg->answer_ms ? clock_mono_ms() + pg->answer_ms : INT64_MAX;
}

/* The server has not answered in time. What it does from now on reaches nobody. */
static int give_up(struct pg *pg, struct err *e)
{
	shutdown(PQsocket(pg->connection), SHUT_RDWR);
	pg->stale = true;
	pg->sqlstate[0] = '\0';
	return err_set(e, ERR_DATABASE, "Postgres has not answered for %d s", (int)(pg->answer_ms / 1000));
}

/* Until all is sent, and, when `answered`, a result is there. */
static int await(struct pg *pg, bool answered, struct err *e)
{
	for (;;) {
		int unsent = PQflush(pg->connection);
		if (unsent < 0)
			return fail(pg, NULL, e);
		if (!unsent && (!answered || !PQisBusy(pg->connection)))
			return 0;
		struct pollfd fd = {PQsocket(pg->connection), (short)(POLLIN | (unsent ? POLLOUT : 0)), 0};
		int64_t left = pg->until_ms == INT64_MAX ? -1 : pg->until_ms - clock_mono_ms();
		if ((pg->answer_ms && left <= 0) || (poll(&fd, 1, (int)left) == 0))
			return give_up(pg, e);
		if (fd.revents & ~POLLOUT && !PQconsumeInput(pg->connection))
			return fail(pg, NULL, e);
	}
}

/* The next result of what was sent; NULL behind the last. */
static int next_result(struct pg *pg, PGresult **out, struct err *e)
{
	int rc = await(pg, true, e);
	*out = rc ? NULL : PQgetResult(pg->connection);
	return rc;
}

/* Behind a failure in a row of calls all that follow are told that they were not run: the failure is what counts. */
static bool is_fine(ExecStatusType status)
{
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY ||
	       status == PGRES_COPY_IN || status == PGRES_PIPELINE_ABORTED;
}

/* Takes all results of what was sent, and keeps the last one, or the failure of one. */
static int finish_call(struct pg *pg, int sent, PGresult **out, struct err *e)
{
	PGresult *result, *last = NULL;
	int rc = sent ? 0 : fail(pg, NULL, e), lost = rc;
	while (!lost && !(lost = next_result(pg, &result, rc ? NULL : e)) && result) {
		ExecStatusType status = PQresultStatus(result);
		if (!rc && !is_fine(status))
			rc = fail(pg, result, e);
		PQclear(last);
		last = result;
		if (status == PGRES_COPY_IN)
			break; /* it ends with pg_copy_end */
	}
	rc = rc ? rc : lost;
	if (rc || !out)
		PQclear(last);
	else
		*out = last;
	return rc;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static int start_session(struct pg *pg, struct err *e)
{
	if (PQstatus(pg->connection) != CONNECTION_OK)
		return fail(pg, NULL, e);
	PQsetNoticeReceiver(pg->connection, ignore_notice, NULL);
	PQsetnonblocking(pg->connection, 1);
	pg->stale = false;
	/* What a database or a role has as its settings must not change what is read and kept: with fewer digits a number
	 * that is kept as text or JSON would be another one. No statement here has a better plan for some values than for
	 * others: one plan is made, and kept. */
	return pg_script(pg,
	                 "SET timezone TO 'UTC'; SET datestyle TO 'ISO, YMD'; SET extra_float_digits TO 1;"
	                 " SET quote_all_identifiers TO off; SET standard_conforming_strings TO on;"
	                 " SET transform_null_equals TO off; SET client_min_messages TO warning;"
	                 " SET plan_cache_mode TO force_generic_plan",
	                 e);
}

int pg_open(struct pg **out, const char *dsn, struct err *e)
{
	/* What stands before dbname can be overruled by the dsn, what stands behind it can't. */
	const char *const names[] = {"connect_timeout", "tcp_user_timeout", "fallback_application_name",
	                             "dbname",          "client_encoding",  NULL};
	const char *const values[] = {"10", "30000", "alzy-central", dsn, "UTF8", NULL};
	struct pg *pg = calloc(1, sizeof *pg);
	if (!pg || !(pg->connection = PQconnectdbParams(names, values, 1))) {
		free(pg);
		return err_set(e, ERR_MEMORY, "out of memory for a connection to Postgres");
	}
	int rc = start_session(pg, e);
	if (rc) {
		pg_close(pg);
		return rc;
	}
	*out = pg;
	return 0;
}

void pg_close(struct pg *pg)
{
	if (!pg)
		return;
	forget(pg);
	PQfinish(pg->connection);
	free(pg);
}

void pg_bound(struct pg *pg, int64_t answer_ms)
{
	pg->answer_ms = answer_ms;
}

/* Nobody speaks unasked but a server that goes, or one that has gone. */
static bool is_quiet(const struct pg *pg)
{
	struct pollfd fd = {PQsocket(pg->connection), POLLIN, 0};
	return PQtransactionStatus(pg->connection) == PQTRANS_IDLE && poll(&fd, 1, 0) == 0;
}

int pg_ready(struct pg *pg, struct err *e)
{
	if (PQstatus(pg->connection) == CONNECTION_OK && !pg->stale) {
		/* A round trip tells whether the server is still there; it also ends what somebody left open. */
		bool open = PQtransactionStatus(pg->connection) != PQTRANS_IDLE;
		if (is_quiet(pg) || !pg_script(pg, open ? "ROLLBACK" : "", NULL))
			return 0;
	}
	forget(pg);
	PQreset(pg->connection);
	return start_session(pg, e);
}

void pg_note(struct pg *pg, const char *what)
{
	if (pg->note_count < NOTES_MAX && !pg_noted(pg, what))
		snprintf(pg->notes[pg->note_count++], NOTE_TEXT, "%s", what);
}

bool pg_noted(const struct pg *pg, const char *what)
{
	for (size_t i = 0; i < pg->note_count; i++)
		if (!strcmp(pg->notes[i], what))
			return true;
	return false;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

/* The name of the prepared statement; one that finds no place in the cache is prepared anew each time, without a name. */
static int prepare(struct pg *pg, const char *sql, size_t count, char name[NAME_BYTES], struct err *e)
{
	size_t i = 0;
	while (i < pg->prepared_count && pg->prepared[i] != sql && strcmp(pg->prepared[i], sql))
		i++;
	name[0] = '\0';
	if (i < PREPARED_MAX)
		snprintf(name, NAME_BYTES, "s%zu", i);
	if (i < pg->prepared_count)
		return 0;
	char *copy = i < PREPARED_MAX ? strdup(sql) : NULL;
	if (i < PREPARED_MAX && !copy)
		return err_set(e, ERR_MEMORY, "out of memory for a statement");
	begin_call(pg);
	int rc = finish_call(pg, PQsendPrepare(pg->connection, name, sql, (int)count, NULL), NULL, e);
	if (!rc && copy)
		pg->prepared[pg->prepared_count++] = copy;
	else
		free(copy);
	return rc;
}

int pg_query(struct pg *pg, struct pg_result **out, struct err *e, const char *sql, size_t count,
             const char *const *values)
{
	char name[NAME_BYTES];
	int rc = prepare(pg, sql, count, name, e);
	if (rc)
		return rc;
	begin_call(pg);
	return finish_call(pg, PQsendQueryPrepared(pg->connection, name, (int)count, values, NULL, NULL, 0),
	                   (PGresult **)out, e);
}

int pg_queries(struct pg *pg, struct pg_call *calls, size_t count, struct err *e)
{
	char names[PG_CALLS_MAX][NAME_BYTES];
	PGresult *end = NULL;
	int rc = 0, sent = 1;
	for (size_t i = 0; i < count && !rc; i++)
		rc = prepare(pg, calls[i].sql, calls[i].count, names[i], e);
	if (rc)
		return rc;
	begin_call(pg);
	PQenterPipelineMode(pg->connection);
	for (size_t i = 0; i < count && sent; i++)
		sent = PQsendQueryPrepared(pg->connection, names[i], (int)calls[i].count, calls[i].values, NULL, NULL, 0);
	sent = sent && PQpipelineSync(pg->connection);
	for (size_t i = 0; i < count; i++) {
		int failed = finish_call(pg, sent, (PGresult **)&calls[i].result, rc ? NULL : e);
		rc = rc ? rc : failed;
	}
	if (sent)
		sent = !next_result(pg, &end, NULL) && PQresultStatus(end) == PGRES_PIPELINE_SYNC;
	PQclear(end);
	pg->stale |= !sent || !PQexitPipelineMode(pg->connection);
	return rc;
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

const char *pg_constraint(const struct pg *pg)
{
	return pg->constraint;
}

bool pg_is_outage(const char *sqlstate)
{
	/* As in alzy.take. */
	static const char *const outages[] = {"08", "25", "40", "53", "55", "57", "58", "F0", "XX001", "XX002"};
	return !*sqlstate || has_prefix(sqlstate, outages, sizeof outages / sizeof *outages);
}

int pg_script(struct pg *pg, const char *sql, struct err *e)
{
	begin_call(pg);
	return finish_call(pg, PQsendQuery(pg->connection, sql), NULL, e);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

size_t pg_rows(const struct pg_result *result)
{
	return (size_t)PQntuples(rows(result));
}

bool pg_is_null(const struct pg_result *result, size_t row, size_t column)
{
	return PQgetisnull(rows(result), (int)row, (int)column);
}

const char *pg_text(const struct pg_result *result, size_t row, size_t column)
{
	return PQgetvalue(rows(result), (int)row, (int)column);
}

int64_t pg_int(const struct pg_result *result, size_t row, size_t column)
{
	return strtoll(pg_text(result, row, column), NULL, 10);
}

bool pg_bool(const struct pg_result *result, size_t row, size_t column)
{
	return !strcmp(pg_text(result, row, column), "t");
}

void pg_result_free(struct pg_result *result)
{
	PQclear(rows(result));
}

/* ---- COPY -------------------------------------------------------------------------------------------------------- */

int pg_copy_begin(struct pg *pg, const char *sql, struct err *e)
{
	return pg_script(pg, sql, e);
}

int pg_copy_put(struct pg *pg, const void *bytes, size_t count, struct err *e)
{
	/* libpq takes an int; a gigabyte at a time is always one. */
	const char *from = bytes;
	begin_call(pg);
	for (size_t piece; count; from += piece, count -= piece) {
		piece = count < 1 << 30 ? count : 1 << 30;
		if (PQputCopyData(pg->connection, from, (int)piece) != 1)
			return fail(pg, NULL, e);
		int rc = await(pg, false, e);
		if (rc)
			return rc;
	}
	return 0;
}

int pg_copy_end(struct pg *pg, int64_t *out_rows, struct err *e)
{
	PGresult *result = NULL;
	begin_call(pg);
	int rc = finish_call(pg, PQputCopyEnd(pg->connection, NULL) == 1, &result, e);
	if (!rc)
		*out_rows = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return rc;
}
