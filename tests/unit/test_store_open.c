/* Whose file it is: stores that are made, refused, brought up to date, and shared with other users. What is refused is
 * not touched, and nothing is left beside it. */
#include "store/migrations.h"
#include "tests/unit/store_rig.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static uint64_t hash_file(const char *path)
{
	uint64_t hash = 14695981039346656037u;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	for (int c; (c = getc(file)) != EOF;)
		hash = (hash ^ (uint64_t)c) * 1099511628211u;
	fclose(file);
	return hash;
}

static int count_files(const char *folder)
{
	char command[160];
	int count = -1;
	snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	return count;
}

static void assert_refused_untouched(struct rig *rig, enum err_code code)
{
	struct store *store = NULL;
	uint64_t before = hash_file(rig->path);
	int files = count_files(rig->folder);
	static const enum store_mode modes[] = {STORE_READ, STORE_WRITE, STORE_CREATE};
	for (size_t i = 0; i < 3; i++) {
		FAILS(code, store_open(&store, rig->path, modes[i], &e));
		assert_null(store);
	}
	assert_true(before == hash_file(rig->path));
	assert_int_equal(count_files(rig->folder), files);
}

static void close_rig(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
}

static void test_a_new_store_is_one_whole_file(void **state)
{
	struct rig *rig = *state;
	struct stat info;
	char first[UUID_TEXT];
	strcpy(first, store_id(rig->store));
	assert_int_equal(strlen(first), 36);
	assert_string_equal(store_path(rig->store), rig->path);
	close_rig(rig);
	assert_int_equal(count_files(rig->folder), 1);
	assert_int_equal(stat(rig->path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0660);
	OK(store_open(&rig->store, rig->path, STORE_CREATE, &e));
	assert_string_equal(store_id(rig->store), first);
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
	assert_string_equal(rig_ask(rig, "PRAGMA journal_mode"), "wal");
	assert_string_equal(rig_ask(rig, "PRAGMA page_size"), "4096");
}

static void test_a_store_made_by_many_at_once_is_one_store(void **state)
{
	struct rig *rig = *state;
	enum { MAKERS = 8 };
	int ends[2];
	char first[UUID_TEXT] = "", id[UUID_TEXT];
	close_rig(rig);
	assert_int_equal(unlink(rig->path), 0);
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < MAKERS; i++) {
		if (fork())
			continue;
		struct store *store = NULL;
		struct err e = {0};
		struct point point = rig_point(i);
		if (store_open(&store, rig->path, STORE_CREATE, &e) || store_append_points(store, &point, 1, &e) ||
		    write(ends[1], store_id(store), UUID_TEXT) != UUID_TEXT)
			_exit(1);
		store_close(store);
		_exit(0);
	}
	for (int i = 0; i < MAKERS; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_int_equal(read(ends[0], id, sizeof id), UUID_TEXT);
		assert_string_equal(i ? first : id, id);
		strcpy(first, id);
	}
	close(ends[0]);
	close(ends[1]);
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || max(seq) FROM points"), "8 8");
	assert_int_equal(count_files(rig->folder), 1);
	OK(store_open(&rig->store, rig->path, STORE_READ, &e));
}

static void test_reading_leaves_nothing_behind_and_writes_nothing(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 3, 0);
	close_rig(rig);
	uint64_t before = hash_file(rig->path);
	OK(store_open(&rig->store, rig->path, STORE_READ, &e));
	assert_int_equal(rig_last(rig, STREAM_POINTS), 3);
	struct point point = rig_point(1);
	FAILS(ERR_PERMISSION, store_append_points(rig->store, &point, 1, &e));
	close_rig(rig);
	assert_int_equal(count_files(rig->folder), 1);
	assert_true(before == hash_file(rig->path));
}

static void test_missing_stores(void **state)
{
	struct rig *rig = *state;
	struct store *store = NULL;
	char path[160];
	snprintf(path, sizeof path, "%s/none.db", rig->folder);
	FAILS(ERR_NOT_FOUND, store_open(&store, path, STORE_READ, &e));
	FAILS(ERR_NOT_FOUND, store_open(&store, path, STORE_WRITE, &e));
	snprintf(path, sizeof path, "%s/no/folder.db", rig->folder);
	FAILS(ERR_NOT_FOUND, store_open(&store, path, STORE_CREATE, &e));
	FAILS(ERR_STORE, store_open(&store, rig->folder, STORE_CREATE, &e));
	snprintf(path, sizeof path, "%s/pipe", rig->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	FAILS(ERR_STORE, store_open(&store, path, STORE_READ, &e));
}

static void test_a_newer_store_is_refused_untouched(void **state)
{
	struct rig *rig = *state;
	char message[256];
	close_rig(rig);
	rig_sql(rig, "PRAGMA user_version = 99", message, sizeof message);
	assert_refused_untouched(rig, ERR_VERSION);
}

/* The same when the newer version is only in the log: its writer was killed before a checkpoint. */
static void test_a_newer_store_is_refused_by_its_log(void **state)
{
	struct rig *rig = *state;
	close_rig(rig);
	pid_t child = fork();
	if (!child) {
		sqlite3 *db;
		_exit(sqlite3_open(rig->path, &db) || sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL));
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	char log[160];
	snprintf(log, sizeof log, "%s-wal", rig->path);
	uint64_t before = hash_file(log);
	assert_refused_untouched(rig, ERR_VERSION);
	assert_true(before == hash_file(log));
}

static void test_a_foreign_database_is_refused_untouched(void **state)
{
	struct rig *rig = *state;
	char message[256];
	close_rig(rig);
	assert_int_equal(unlink(rig->path), 0);
	rig_sql(rig, "CREATE TABLE points (x); INSERT INTO points VALUES (1)", message, sizeof message);
	assert_string_equal(message, "");
	assert_refused_untouched(rig, ERR_STORE);
	rig_sql(rig, "PRAGMA journal_mode = WAL; PRAGMA user_version = 1", message, sizeof message);
	assert_refused_untouched(rig, ERR_STORE);
	rig_sql(rig, "PRAGMA application_id = 252006673", message, sizeof message);
	assert_refused_untouched(rig, ERR_STORE);
}

static void test_junk_is_refused_untouched(void **state)
{
	struct rig *rig = *state;
	static const char *const contents[] = {"", "x", "SQLite format 3", "[store]\npath = /var/lib/alzy\n"};
	close_rig(rig);
	for (size_t i = 0; i < 4; i++) {
		FILE *file = fopen(rig->path, "we");
		fputs(contents[i], file);
		for (int k = 0; i == 3 && k < 10000; k++)
			putc(k * 7, file);
		fclose(file);
		assert_refused_untouched(rig, ERR_STORE);
	}
}

static void test_a_damaged_store_says_so(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 5000, 0);
	close_rig(rig);
	int fd = open(rig->path, O_RDWR | O_CLOEXEC);
	char junk[4096];
	memset(junk, 0x5a, sizeof junk);
	for (off_t at = 4096; at < 40 * 4096; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
	close(fd);
	FAILS(ERR_STORE, store_open(&rig->store, rig->path, STORE_WRITE, &e));
}

static void test_a_store_that_lost_a_table_fails_politely(void **state)
{
	struct rig *rig = *state;
	char message[256];
	int64_t last;
	struct event event = {.event_at_ms = T0, .event_type = "mark"};
	rig_sql(rig, "DROP TABLE events", message, sizeof message);
	assert_string_equal(message, "");
	FAILS(ERR_INTERNAL, store_last_seq(rig->store, STREAM_EVENTS, &last, &e));
	rig_reopen(rig);
	FAILS(ERR_INTERNAL, store_last_seq(rig->store, STREAM_EVENTS, &last, &e));
	FAILS(ERR_INTERNAL, store_append_event(rig->store, &event, &e));
	rig_append(rig, 1, 0);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 1);
}

/* An empty store of version 0 stands for every older one. */
static void test_an_older_store_is_brought_up_to_date(void **state)
{
	struct rig *rig = *state;
	char message[256];
	close_rig(rig);
	assert_int_equal(unlink(rig->path), 0);
	rig_sql(rig, "PRAGMA application_id = 1634499193", message, sizeof message);
	struct store *store = NULL;
	FAILS(ERR_STATE, store_open(&store, rig->path, STORE_READ, &e));
	OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
	rig_append(rig, 1, 0);
	assert_int_equal(atoi(rig_ask(rig, "PRAGMA user_version")), STORE_VERSION);
	assert_string_equal(rig_ask(rig, "PRAGMA journal_mode"), "wal");
}

/* Runs `body` in a process that is neither root nor the owner of the scratch folder. */
static void as_nobody(void (*body)(struct rig *), struct rig *rig)
{
	pid_t child = fork();
	if (!child) {
		if (!getuid() && (setgid(65534) || setuid(65534)))
			_exit(9);
		body(rig);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void expect_permission(struct rig *rig)
{
	static const enum store_mode modes[] = {STORE_READ, STORE_WRITE, STORE_CREATE};
	for (size_t i = 0; i < 3; i++) {
		struct store *store = NULL;
		struct err e = {0};
		if (store_open(&store, rig->path, modes[i], &e) != -ERR_PERMISSION || !strstr(e.text, rig->folder))
			_exit(1);
	}
}

static void expect_no_new_store(struct rig *rig)
{
	struct store *store = NULL;
	struct err e = {0};
	strcat(rig->path, ".new");
	if (store_open(&store, rig->path, STORE_CREATE, &e) != -ERR_PERMISSION)
		_exit(1);
}

static void expect_reading_and_writing(struct rig *rig)
{
	struct err e = {0};
	struct store *store = NULL;
	struct point point = rig_point(1);
	if (store_open(&store, rig->path, STORE_READ, &e))
		_exit(1);
	store_close(store);
	if (store_open(&store, rig->path, STORE_WRITE, &e) || store_append_points(store, &point, 1, &e))
		_exit(2);
	_exit(0); /* the log stays, and must be usable for the others */
}

static void test_folders_and_files_of_others(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 1, 0);
	close_rig(rig);
	uint64_t before = hash_file(rig->path);
	assert_int_equal(chmod(rig->folder, 0555), 0);
	assert_int_equal(chmod(rig->path, 0666), 0);
	as_nobody(expect_permission, rig); /* the folder is read-only */
	as_nobody(expect_no_new_store, rig);
	assert_int_equal(chmod(rig->folder, 0777), 0);
	assert_int_equal(chmod(rig->path, getuid() ? 0000 : 0600), 0);
	as_nobody(expect_permission, rig); /* the file is not for them */
	assert_int_equal(chmod(rig->path, 0660), 0);
	assert_true(before == hash_file(rig->path));
	if (getuid())
		return;
	/* The group that docs/store.md tells of: the folder hands its group on, and everyone in it may do everything. */
	assert_int_equal(chown(rig->folder, 0, 65534) || chown(rig->path, 0, 65534) || chmod(rig->folder, 02770), 0);
	as_nobody(expect_reading_and_writing, rig);
	rig_reopen(rig);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 2);
	rig_append(rig, 1, 0); /* now the log is root's */
	as_nobody(expect_reading_and_writing, rig);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_new_store_is_one_whole_file),
		T(test_a_store_made_by_many_at_once_is_one_store),
		T(test_a_store_that_lost_a_table_fails_politely),
		T(test_reading_leaves_nothing_behind_and_writes_nothing),
		T(test_missing_stores),
		T(test_a_newer_store_is_refused_untouched),
		T(test_a_newer_store_is_refused_by_its_log),
		T(test_a_foreign_database_is_refused_untouched),
		T(test_junk_is_refused_untouched),
		T(test_a_damaged_store_says_so),
		T(test_an_older_store_is_brought_up_to_date),
		T(test_folders_and_files_of_others),
	};
	return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
