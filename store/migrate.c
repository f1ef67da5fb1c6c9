#include "hal/clock.h"
#include "hal/file.h"
#include "store/internal.h"
#include "store/migrations.h"

#include <stdio.h>

static int run(sqlite3 *db, const char *path, const char *sql, struct err *e)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) ? sql_error(db, path, e) : 0;
}

static int name_store(sqlite3 *db, const char *path, struct err *e)
{
	char id[UUID_TEXT], sql[160];
	int rc = uuid_make(id, e);
	if (rc)
		return rc;
	/* Both values are made here, of digits, a-f and "-". */
	snprintf(sql, sizeof sql, "INSERT INTO store (one, store_id, created_at) VALUES (1, '%s', %lld)", id,
	         (long long)clock_wall_ms());
	return run(db, path, sql, e);
}

int migrate(sqlite3 *db, const char *path, int from, struct err *e)
{
	int rc = 0;
	for (int version = from; version < STORE_VERSION && !rc; version++)
		rc = run(db, path, store_migrations[version], e);
	if (!rc && from == 0)
		rc = name_store(db, path, e);
	char sql[64];
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", STORE_VERSION);
	return rc ? rc : run(db, path, sql, e);
}

/* Bytes 18 and 19 of a database file say whether it is written through a log (https://sqlite.org/fileformat2.html,
 * 1.3.3). A database in memory can't be switched to WAL by SQL. */
static void mark_as_wal(unsigned char *image)
{
	image[18] = image[19] = 2;
}

int migrate_create(const char *path, struct err *e)
{
	/* Made in memory and written as one file: whoever opens the path finds nothing or a whole store. */
	sqlite3 *db = NULL;
	sqlite3_int64 size = 0;
	char sql[80];
	snprintf(sql, sizeof sql, "PRAGMA page_size = 4096; PRAGMA application_id = %d", STORE_APPLICATION_ID);
	int rc = sqlite3_open(":memory:", &db) ? sql_error(db, path, e) : run(db, path, sql, e);
	if (!rc)
		rc = migrate(db, path, 0, e);
	unsigned char *image = rc ? NULL : sqlite3_serialize(db, "main", &size, 0);
	if (image) {
		mark_as_wal(image);
		rc = file_create(path, image, (size_t)size, 0660, e);
	} else if (!rc) {
		rc = err_set(e, ERR_MEMORY, "out of memory for a new store");
	}
	sqlite3_free(image);
	sqlite3_close(db);
	return rc;
}
