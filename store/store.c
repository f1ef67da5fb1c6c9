#include "store/store.h"

#include "store/internal.h"
#include "store/migrations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUSY_TIMEOUT_MS = 5000,
	/* Of a database file, https://sqlite.org/fileformat2.html, 1.3 */
	HEADER_SIZE = 100,
	HEADER_USER_VERSION = 60,
	HEADER_APPLICATION_ID = 68,
};

static uint32_t read_u32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int refuse_newer(const char *path, int64_t version, struct err *e)
{
	return err_set(e, ERR_VERSION,
	               "the store %s is of version %" PRId64 ", and this alzy knows versions up to %d: "
	               "a newer alzy made it; it is untouched",
	               path, version, (int)STORE_VERSION);
}

/* Looks at the first bytes through the descriptor that SQLite has opened: SQL would make a log beside a file that is
 * none of ours, and a descriptor of our own would drop SQLite's locks in this process when it is closed. */
static int check_header(struct store *store, struct err *e)
{
	sqlite3_file *file = NULL;
	unsigned char header[HEADER_SIZE] = {0};
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	int status = file && file->pMethods ? file->pMethods->xRead(file, header, HEADER_SIZE, 0) : SQLITE_CANTOPEN;
	if (status && status != SQLITE_IOERR_SHORT_READ)
		return err_set(e, ERR_IO, "the store %s can't be read", store->path);
	if (memcmp(header, "SQLite format 3", 16) != 0)
		return err_set(e, ERR_STORE, "%s is no alzy store: it is not even an SQLite database; it is untouched",
		               store->path);
	if (read_u32(header + HEADER_APPLICATION_ID) != STORE_APPLICATION_ID)
		return err_set(e, ERR_STORE, "%s is an SQLite database, but no alzy store; it is untouched", store->path);
	uint32_t version = read_u32(header + HEADER_USER_VERSION);
	return version > STORE_VERSION ? refuse_newer(store->path, version, e) : 0;
}

static int check_path(const char *path, struct err *e)
{
	struct stat info;
	if (stat(path, &info))
		return err_errno(e,
		                 errno == ENOENT || errno == ENOTDIR        ? ERR_NOT_FOUND
		                 : errno == EACCES || errno == ENAMETOOLONG ? ERR_PERMISSION
		                                                            : ERR_IO,
		                 "the store %s", path);
	return S_ISREG(info.st_mode) ? 0 : err_set(e, ERR_STORE, "%s is no file, so it is no alzy store", path);
}

static int upgrade(struct store *store, int from, struct err *e)
{
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	/* Another process may have done it while this one waited. */
	struct query q;
	int64_t version = from;
	query_start(&q, store, "PRAGMA user_version");
	rc = query_one_int(&q, 0, &version, e);
	if (!rc && version > STORE_VERSION)
		rc = refuse_newer(store->path, version, e);
	else if (!rc)
		rc = migrate(store->db, store->path, (int)version, e);
	return change_end(store, rc, e);
}

static int check_version(struct store *store, enum store_mode mode, struct err *e)
{
	/* The header may be behind what the log says. A store that is refused is left as it is, its log too. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	struct query q;
	int64_t version = 0;
	query_start(&q, store, "PRAGMA user_version");
	int rc = query_one_int(&q, 0, &version, e);
	if (!rc && version > STORE_VERSION)
		rc = refuse_newer(store->path, version, e);
	if (rc)
		return rc;
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (version == STORE_VERSION)
		return 0;
	if (mode == STORE_READ)
		return err_set(e, ERR_STATE,
		               "the store %s is of an older version: alzy-agentd brings it up to date when it is restarted",
		               store->path);
	return upgrade(store, (int)version, e);
}

/* Each setting with its reason: docs/store.md. */
static int configure(struct store *store, enum store_mode mode, struct err *e)
{
	int rc = sql_run(store,
	                 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;"
	                 "PRAGMA temp_store = MEMORY",
	                 e);
	if (rc || mode == STORE_READ)
		return rc ? rc : sql_run(store, "PRAGMA query_only = ON", e);
	return sql_run(store,
	               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;"
	               "PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = FAST",
	               e);
}

static int read_data_version(struct store *store, int64_t *out, struct err *e)
{
	struct query q;
	query_start_kept(&q, store, KEPT_DATA_VERSION, "PRAGMA data_version");
	return query_one_int(&q, 0, out, e);
}

int store_name_again(struct store *store, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT store_id FROM store");
	int rc = query_next(&q, &row, e);
	if (!rc && !row)
		rc = err_set(e, ERR_STORE, "the store %s has lost its own row: it is damaged", store->path);
	if (!rc)
		query_get_text(&q, 0, store->id, sizeof store->id);
	query_end(&q);
	return rc;
}

static int refuse_frozen(const struct store *store, struct err *e)
{
	return err_set(e, ERR_PERMISSION, "the store %s lies on a read-only file system: it can be read only", store->path);
}

/* On a read-only file system SQLite can't make the files that reading together with a writer takes; but there nobody writes.
 * A log that holds rows is another matter: without it the store is not whole. */
static int look_for_frozen(struct store *store, enum store_mode mode, struct err *e)
{
	char wal[PATH_MAX], shm[PATH_MAX];
	struct stat info;
	if (!access(store->path, W_OK) || errno != EROFS)
		return 0;
	if (mode != STORE_READ)
		return refuse_frozen(store, e);
	snprintf(wal, sizeof wal, "%s-wal", store->path);
	snprintf(shm, sizeof shm, "%s-shm", store->path);
	store->frozen = stat(wal, &info) || !info.st_size;
	if (store->frozen || !access(shm, R_OK))
		return 0;
	return err_set(e, ERR_PERMISSION,
	               "the store %s lies on a read-only file system, with rows in its log that are not in it yet: copy "
	               "it and %s to a folder that can be written, and read it there",
	               store->path, wal);
}

/* "file:PATH?immutable=1", https://sqlite.org/uri.html */
static int open_frozen(struct store *store)
{
	char uri[3 * PATH_MAX + 32], *end = stpcpy(uri, *store->path == '/' ? "file://" : "file:");
	for (const char *c = store->path; *c && end < uri + 3 * PATH_MAX; c++)
		end += strchr("%?#", *c) ? sprintf(end, "%%%02X", (unsigned)*c) : sprintf(end, "%c", *c);
	strcpy(end, "?immutable=1");
	return sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
}

/* SQLite falls back to reading when it may not write, and does not say why. What the kernel writes to no more after an error of
 * the disk only says so to who opens it. */
static int refuse_to_read_only(struct store *store, struct err *e)
{
	int fd = open(store->path, O_RDWR | O_CLOEXEC);
	bool frozen = fd < 0 && errno == EROFS;
	if (fd >= 0)
		close(fd);
	return frozen ? refuse_frozen(store, e)
	              : err_set(e, ERR_PERMISSION, "the store %s may not be written by this user", store->path);
}

static int connect(struct store *store, enum store_mode mode, struct err *e)
{
	int rc = look_for_frozen(store, mode, e);
	if (rc)
		return rc;
	/* Also for reading: the last reader then clears away the log beside the file, as every other last user does. */
	if (store->frozen ? open_frozen(store)
	                  : sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
		return sql_error(store->db, store->path, e);
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
	rc = check_header(store, e);
	if (!rc && mode != STORE_READ && sqlite3_db_readonly(store->db, "main"))
		rc = refuse_to_read_only(store, e);
	if (!rc)
		rc = check_version(store, mode, e);
	if (!rc)
		rc = configure(store, mode, e);
	if (!rc)
		rc = store_name_again(store, e);
	return rc ? rc : read_data_version(store, &store->data_version, e);
}

int store_open(struct store **out, const char *path, enum store_mode mode, struct err *e)
{
	int rc = 0;
	if (mode == STORE_CREATE && access(path, F_OK) && errno == ENOENT)
		rc = migrate_create(path, e);
	if (!rc || rc == -ERR_EXISTS) /* another process was faster */
		rc = check_path(path, e);
	if (rc)
		return rc;
	struct store *store = calloc(1, sizeof *store);
	if (store) {
		store->watch_fd = -1;
		store->clock.known = true;
	}
	if (!store || !(store->path = strdup(path)))
		rc = err_set(e, ERR_MEMORY, "out of memory for the store %s", path);
	else
		rc = connect(store, mode, e);
	if (rc)
		store_close(store);
	else
		*out = store;
	return rc;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < KEPT_COUNT; i++)
		sqlite3_finalize(store->kept[i]);
	sqlite3_close(store->db);
	if (store->watch_fd >= 0)
		close(store->watch_fd);
	free(store->path);
	free(store);
}

const char *store_id(const struct store *store)
{
	return store->id;
}

const char *store_path(const struct store *store)
{
	return store->path;
}

void store_set_patience(struct store *store, int patience_ms)
{
	sqlite3_busy_timeout(store->db, patience_ms);
}

int store_begin(struct store *store, struct err *e)
{
	if (store->in_transaction)
		return err_set(e, ERR_INTERNAL, "the store %s: a transaction is open already", store->path);
	int rc = sql_bracket(store, KEPT_BEGIN, e);
	store->in_transaction = !rc;
	return rc;
}

static int commit(struct store *store, struct err *e)
{
	if (!store->in_transaction || sqlite3_get_autocommit(store->db))
		return err_set(e, ERR_STATE, "the store %s: an earlier failure has ended this transaction", store->path);
	return sql_bracket(store, KEPT_COMMIT, e);
}

int store_end(struct store *store, int rc, struct err *e)
{
	if (!rc)
		rc = commit(store, e);
	if (rc && !sqlite3_get_autocommit(store->db))
		sql_run(store, "ROLLBACK", NULL);
	store->in_transaction = false;
	return rc;
}

int store_changed(struct store *store, bool *out_changed, struct err *e)
{
	int64_t version;
	char seen[4096];
	/* Before the look, so that nothing that comes after it is missed. */
	while (store->watch_fd >= 0 && read(store->watch_fd, seen, sizeof seen) > 0)
		;
	int rc = read_data_version(store, &version, e);
	if (rc)
		return rc;
	*out_changed = version != store->data_version;
	store->data_version = version;
	return *out_changed ? store_name_again(store, e) : 0;
}

int store_watch(struct store *store, int *out_fd, struct err *e)
{
	/* That it is closed, not that it is written: what is written is no change before it is synced. A connection of this
	 * process is never closed before the store is, so its own commits wake nobody. */
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0 || inotify_add_watch(fd, store->path, IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF) < 0) {
		int rc = err_errno(e, ERR_INTERNAL, "can't watch the store %s", store->path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	store->watch_fd = *out_fd = fd;
	return 0;
}

bool store_frozen(const struct store *store)
{
	return store->frozen;
}

bool store_removed(struct store *store)
{
	int moved = 0;
	return !sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) && moved;
}
