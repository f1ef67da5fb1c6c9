/* Postgres by libpq: the only file that includes libpq-fe.h. Values are always bound, never put into SQL text. */
#ifndef ALZY_SYNC_CENTRAL_PG_H
#define ALZY_SYNC_CENTRAL_PG_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg;        /* a connection; one thread at a time */
struct pg_result; /* rows; owned by the caller: pg_result_free */

/* dsn as libpq understands it. ERR_DATABASE. */
int pg_open(struct pg **out, const char *dsn, struct err *e);
void pg_close(struct pg *pg);
/* Whether the connection is of use; reconnects once when it is not. ERR_DATABASE. */
int pg_ready(struct pg *pg, struct err *e);
/* From now on a call that Postgres leaves unanswered for so long ends with ERR_DATABASE, and the connection is given up.
 * Without it, a call waits for as long as it takes. */
void pg_bound(struct pg *pg, int64_t answer_ms);

/* What somebody has found to be so in the database, so as not to ask again: a short text, kept as long as the connection
 * is, and as there is room for it. */
void pg_note(struct pg *pg, const char *what);
bool pg_noted(const struct pg *pg, const char *what);

/* One statement with bound text parameters $1…; NULL is NULL. Errors: ERR_BUSY for 55P03 (lock_not_available), 40001 and
 * 40P01, ERR_PERMISSION for 42501, ERR_DATA for what is wrong with values (SQLSTATE classes 22 and 23, and all that somebody's
 * trigger may raise), ERR_DATABASE for what is wrong with the server, its schema or our statement; the text is Postgres'
 * own, with detail and SQLSTATE. `out` may be NULL when no rows are wanted. Statements that are asked for
 * again are prepared once per connection. */
int pg_query(struct pg *pg, struct pg_result **out, struct err *e, const char *sql, size_t count,
             const char *const *values);

/* One of several statements that go to Postgres together. */
struct pg_call {
	const char *sql;
	size_t count; /* of values */
	const char *const *values;
	struct pg_result *result; /* its rows, as of pg_query: the caller's to free, also after a failure */
};
enum { PG_CALLS_MAX = 8 };
/* One after the other, in one round trip, each as by pg_query; the first that fails is the last one that is run. Outside
 * a transaction they are one. */
int pg_queries(struct pg *pg, struct pg_call *calls, size_t count, struct err *e);
/* The SQLSTATE of the last failure on this connection, "" when none. */
const char *pg_sqlstate(const struct pg *pg);
/* The constraint that the last failure names, "" when none. */
const char *pg_constraint(const struct pg *pg);
/* The error that a failure with this SQLSTATE is, as above. */
enum err_code pg_error_code(const char *sqlstate);
/* Whether such a failure is one of the server or the moment, so that it says nothing about the rows at hand. */
bool pg_is_outage(const char *sqlstate);

/* Several statements without parameters, as in a migration or "BEGIN". */
int pg_script(struct pg *pg, const char *sql, struct err *e);

/* Rows and columns count from 0, and must be there. */
size_t pg_rows(const struct pg_result *result);
bool pg_is_null(const struct pg_result *result, size_t row, size_t column);
const char *pg_text(const struct pg_result *result, size_t row, size_t column); /* "" for NULL; borrowed */
int64_t pg_int(const struct pg_result *result, size_t row, size_t column);      /* 0 for NULL */
bool pg_bool(const struct pg_result *result, size_t row, size_t column);        /* false for NULL */
void pg_result_free(struct pg_result *result);                                  /* NULL is fine */

/* COPY … FROM STDIN (FORMAT binary): begin with the statement, hand over bytes, end. Any failure of a row shows at
 * the end, with the errors of pg_query. */
int pg_copy_begin(struct pg *pg, const char *sql, struct err *e);
int pg_copy_put(struct pg *pg, const void *bytes, size_t count, struct err *e);
/* *out_rows: so many were written, which are fewer than were put where a trigger passes over some. */
int pg_copy_end(struct pg *pg, int64_t *out_rows, struct err *e);

/* In SQL behind `unnest(…) AS r(first, last)`: what `rows` selects for each of these ranges. OFFSET 0 keeps the planner from taking
 * the two apart: it does not know how few rows lie in a range, and would hold thousands of ranges against thousands of rows. */
#define EACH_RANGE(rows) " CROSS JOIN LATERAL (" rows " OFFSET 0)"

#endif
