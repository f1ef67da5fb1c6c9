#include "sync/central/pg.h"

#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREPARED_MAX = 128 };

struct pg {
	PGconn *connection;
	char sqlstate[6];
	bool stale;                   /* the server no longer knows what was prepared: start anew */
	char *prepared[PREPARED_MAX]; /* statement text; its name is "s" and its index */
	size_t prepared_count;
};

/* The handle that callers see is libpq's own result. */
static PGresult *rows(const struct pg_result *result)
{
	return (PGresult *)result;
}

static void forget_prepared(struct pg *pg)
{
	for (size_t i = 0; i < pg->prepared_count; i++)
		free(pg->prepared[i]);
	pg->prepared_count = 0;
	pg->stale = false;
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
	snprintf(out, size, "%s", text);
	for (size_t length = strlen(out); length && out[length - 1] == '\n'; length--)
		out[length - 1] = '\0';
	for (char *c = out; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return out;
}

static enum err_code code_of(const char *sqlstate)
{
	static const struct {
		const char *prefix;
		enum err_code code;
	} codes[] = {
		{"22", ERR_DATA},    {"23", ERR_DATA},    {"55P03", ERR_BUSY},
		{"40001", ERR_BUSY}, {"40P01", ERR_BUSY}, {"42501", ERR_PERMISSION},
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (!strncmp(sqlstate, codes[i].prefix, strlen(codes[i].prefix)))
			return codes[i].code;
	return ERR_DATABASE;
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
	/* 0A000: a cached plan that a migration has made useless. 26000: a pooler between us lost the statement. */
	pg->stale |= !strcmp(sqlstate, "0A000") || !strcmp(sqlstate, "26000");
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *more = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	return err_set(e, code_of(sqlstate), "%s%s%s (SQLSTATE %s)",
	               one_line(primary ? primary : "", message, sizeof message), more ? "; " : "",
	               more ? one_line(more, detail, sizeof detail) : "", sqlstate);
}

static int start_session(struct pg *pg, struct err *e)
{
	if (PQstatus(pg->connection) != CONNECTION_OK)
		return fail(pg, NULL, e);
	PQsetNoticeReceiver(pg->connection, ignore_notice, NULL);
	return pg_script(pg, "SET timezone TO 'UTC'; SET datestyle TO 'ISO, YMD'; SET client_min_messages TO warning", e);
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
	forget_prepared(pg);
	PQfinish(pg->connection);
	free(pg);
}

int pg_ready(struct pg *pg, struct err *e)
{
	/* Only a round trip tells whether the server is still there; it also ends what somebody left open. */
	if (PQstatus(pg->connection) == CONNECTION_OK && !pg->stale) {
		bool open = PQtransactionStatus(pg->connection) != PQTRANS_IDLE;
		if (!pg_script(pg, open ? "ROLLBACK" : "", NULL))
			return 0;
	}
	forget_prepared(pg);
	PQreset(pg->connection);
	return start_session(pg, e);
}

/* The name of the prepared statement; one that finds no place in the cache is prepared anew each time, without a name. */
static int prepare(struct pg *pg, const char *sql, size_t count, char name[16], struct err *e)
{
	size_t i = 0;
	while (i < pg->prepared_count && strcmp(pg->prepared[i], sql))
		i++;
	name[0] = '\0';
	if (i < PREPARED_MAX)
		snprintf(name, 16, "s%zu", i);
	if (i < pg->prepared_count)
		return 0;
	char *copy = i < PREPARED_MAX ? strdup(sql) : NULL;
	if (i < PREPARED_MAX && !copy)
		return err_set(e, ERR_MEMORY, "out of memory for a statement");
	PGresult *result = PQprepare(pg->connection, name, sql, (int)count, NULL);
	int rc = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : fail(pg, result, e);
	PQclear(result);
	if (!rc && copy)
		pg->prepared[pg->prepared_count++] = copy;
	else
		free(copy);
	return rc;
}

int pg_query(struct pg *pg, struct pg_result **out, struct err *e, const char *sql, size_t count,
             const char *const *values)
{
	char name[16];
	int rc = prepare(pg, sql, count, name, e);
	if (rc)
		return rc;
	PGresult *result = PQexecPrepared(pg->connection, name, (int)count, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		rc = fail(pg, result, e);
	if (rc || !out)
		PQclear(result);
	else
		*out = (struct pg_result *)result;
	return rc;
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

int pg_script(struct pg *pg, const char *sql, struct err *e)
{
	PGresult *result = PQexec(pg->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	int rc = 0;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		rc = fail(pg, result, e);
	PQclear(result);
	return rc;
}

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

size_t pg_columns(const struct pg_result *result)
{
	return (size_t)PQnfields(rows(result));
}

const char *pg_column_name(const struct pg_result *result, size_t column)
{
	return PQfname(rows(result), (int)column);
}

void pg_result_free(struct pg_result *result)
{
	PQclear(rows(result));
}

int pg_copy_begin(struct pg *pg, const char *sql, struct err *e)
{
	PGresult *result = PQexec(pg->connection, sql);
	int rc = PQresultStatus(result) == PGRES_COPY_IN ? 0 : fail(pg, result, e);
	PQclear(result);
	return rc;
}

int pg_copy_put(struct pg *pg, const void *bytes, size_t count, struct err *e)
{
	/* libpq takes an int; a gigabyte at a time is always one. */
	const char *from = bytes;
	for (size_t piece; count; from += piece, count -= piece) {
		piece = count < 1 << 30 ? count : 1 << 30;
		if (PQputCopyData(pg->connection, from, (int)piece) != 1)
			return fail(pg, NULL, e);
	}
	return 0;
}

int pg_copy_end(struct pg *pg, struct err *e)
{
	int rc = PQputCopyEnd(pg->connection, NULL) == 1 ? 0 : fail(pg, NULL, e);
	for (PGresult *result; (result = PQgetResult(pg->connection)); PQclear(result))
		if (!rc && PQresultStatus(result) != PGRES_COMMAND_OK)
			rc = fail(pg, result, e);
	return rc;
}
