#include "store/internal.h"

#include "hal/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int status;
	enum err_code code;
	const char *advice;
} codes[] = {
	{SQLITE_BUSY, ERR_BUSY, "another process is writing"},
	{SQLITE_LOCKED, ERR_BUSY, "another connection is writing"},
	{SQLITE_FULL, ERR_IO, "the disk is full"},
	{SQLITE_IOERR, ERR_IO, "the disk does not do its work"},
	{SQLITE_CORRUPT, ERR_STORE, "it is damaged"},
	{SQLITE_NOTADB, ERR_STORE, "it is no SQLite database, or damaged"},
	{SQLITE_READONLY, ERR_PERMISSION, "this user may not write it or its folder, which even reading needs"},
	{SQLITE_CANTOPEN, ERR_PERMISSION, "this user may not open it, or make the files beside it"},
	{SQLITE_PERM, ERR_PERMISSION, "this user may not use it"},
	{SQLITE_AUTH, ERR_PERMISSION, "this user may not use it"},
	{SQLITE_NOMEM, ERR_MEMORY, "out of memory"},
	{SQLITE_CONSTRAINT, ERR_INVALID, "the row is refused"},
	{SQLITE_MISMATCH, ERR_INVALID, "the row is refused"},
	{SQLITE_TOOBIG, ERR_LIMIT, "a value is too long"},
};

int sql_error(sqlite3 *db, const char *path, struct err *e)
{
	int status = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	int number = db ? sqlite3_system_errno(db) : 0;
	const char *detail = db ? sqlite3_errmsg(db) : "no connection";
	if (status == SQLITE_IOERR_NOMEM)
		status = SQLITE_NOMEM;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (codes[i].status != (status & 0xff))
			continue;
		bool system = number && (codes[i].code == ERR_IO || codes[i].code == ERR_PERMISSION);
		bool full = system && number == ENOSPC;
		return err_set(e, codes[i].code, "the store %s: %s (%s)", path, full ? "the disk is full" : codes[i].advice,
		               system ? strerror(number) : detail);
	}
	return err_set(e, ERR_INTERNAL, "the store %s: %s (SQLite code %d)", path, detail, status);
}

int sql_run(struct store *store, const char *sql, struct err *e)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) ? sql_error(store->db, store->path, e) : 0;
}

int sql_bracket(struct store *store, enum kept kept, struct err *e)
{
	static const char *const texts[] = {[KEPT_BEGIN] = "BEGIN IMMEDIATE",
	                                    [KEPT_COMMIT] = "COMMIT",
	                                    [KEPT_SAVEPOINT] = "SAVEPOINT change",
	                                    [KEPT_RELEASE] = "RELEASE change"};
	struct query q;
	query_start_kept(&q, store, kept, texts[kept]);
	return query_run(&q, e);
}

int change_begin(struct store *store, struct err *e)
{
	bool nested = store->in_transaction || store->depth;
	if (nested && sqlite3_get_autocommit(store->db))
		return err_set(e, ERR_STATE, "the store %s: an earlier failure has ended this transaction", store->path);
	int rc = sql_bracket(store, nested ? KEPT_SAVEPOINT : KEPT_BEGIN, e);
	if (!rc)
		store->depth++;
	return rc;
}

int change_end(struct store *store, int rc, struct err *e)
{
	store->depth--;
	bool nested = store->in_transaction || store->depth;
	if (!rc)
		rc = sql_bracket(store, nested ? KEPT_RELEASE : KEPT_COMMIT, e);
	/* SQLite rolls back by itself after some failures; there is nothing to undo then. */
	if (rc && !sqlite3_get_autocommit(store->db))
		sql_run(store, nested ? "ROLLBACK TO change; RELEASE change" : "ROLLBACK", NULL);
	return rc;
}

static void prepare(struct query *q, const char *sql, unsigned flags)
{
	q->status = sqlite3_prepare_v3(q->store->db, sql, -1, flags, &q->stmt, NULL);
}

void query_start(struct query *q, struct store *store, const char *sql)
{
	*q = (struct query){.store = store};
	prepare(q, sql, 0);
}

void query_start_kept(struct query *q, struct store *store, enum kept kept, const char *sql)
{
	*q = (struct query){.store = store, .stmt = store->kept[kept], .kept = true};
	if (!q->stmt)
		prepare(q, sql, SQLITE_PREPARE_PERSISTENT);
	store->kept[kept] = q->stmt;
}

static void note(struct query *q, int status)
{
	if (!q->status)
		q->status = status;
}

void query_int(struct query *q, int64_t value)
{
	q->bound++;
	if (!q->status)
		note(q, sqlite3_bind_int64(q->stmt, q->bound, value));
}

void query_int_unless(struct query *q, int64_t value, int64_t absent)
{
	if (value != absent)
		query_int(q, value);
	else
		q->bound++; /* what is not bound is NULL */
}

void query_limit(struct query *q, size_t limit)
{
	query_int(q, limit < INT32_MAX ? (int64_t)limit : INT32_MAX);
}

void query_text(struct query *q, const char *text)
{
	q->bound++;
	if (!q->status && text && *text)
		note(q, sqlite3_bind_text(q->stmt, q->bound, text, -1, SQLITE_STATIC));
}

void query_blob(struct query *q, const void *bytes, size_t count)
{
	q->bound++;
	if (!q->status)
		note(q, sqlite3_bind_blob64(q->stmt, q->bound, bytes, count, SQLITE_STATIC));
}

int query_next(struct query *q, bool *out_row, struct err *e)
{
	int status = q->status ? q->status : sqlite3_step(q->stmt);
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return sql_error(q->store->db, q->store->path, e);
	*out_row = status == SQLITE_ROW;
	return 0;
}

int query_run(struct query *q, struct err *e)
{
	bool row = true;
	int rc = 0;
	while (!rc && row)
		rc = query_next(q, &row, e);
	query_end(q);
	return rc;
}

void query_end(struct query *q)
{
	if (q->kept && q->stmt) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
	} else {
		sqlite3_finalize(q->stmt);
	}
	q->stmt = NULL;
}

int64_t query_get_int(const struct query *q, int column, int64_t absent)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL ? absent : sqlite3_column_int64(q->stmt, column);
}

void query_get_text(const struct query *q, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(q->stmt, column);
	snprintf(out, size, "%s", text ? (const char *)text : "");
}

int query_one_int(struct query *q, int64_t absent, int64_t *out, struct err *e)
{
	bool row = false;
	int rc = query_next(q, &row, e);
	if (!rc)
		*out = row ? query_get_int(q, 0, absent) : absent;
	query_end(q);
	return rc;
}

int query_all(struct query *q, size_t item_size, void (*read)(const struct query *q, void *item), void *out_items,
              size_t *out_count, struct err *e)
{
	char *items = NULL;
	size_t count = 0, capacity = 0;
	bool row = true;
	int rc = 0;
	while (!rc && !(rc = query_next(q, &row, e)) && row)
		if (!(rc = list_grow(&items, count, &capacity, item_size, "rows", e)))
			read(q, items + count++ * item_size);
	query_end(q);
	if (rc) {
		free(items);
		return rc;
	}
	memcpy(out_items, &items, sizeof items);
	*out_count = count;
	return 0;
}

int query_ranges(struct query *q, struct ranges *out, struct err *e)
{
	bool row = true;
	int rc = 0;
	while (!rc && !(rc = query_next(q, &row, e)) && row)
		rc = ranges_add(out, query_get_int(q, 0, 0), query_get_int(q, 1, 0), e);
	query_end(q);
	if (rc)
		ranges_free(out);
	return rc;
}
