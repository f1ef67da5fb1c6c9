/* Files and locks, on real ones in a scratch folder. */
#include "hal/file.h"
#include "hal/folder.h"
#include "hal/lock.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/alzy-test-XXXXXX";

static const char *at(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	static const char *const names[] = {"a", "b", "lock"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(at(names[i]));
	return rmdir(folder); /* fails when a temporary file was left behind */
}

static void test_write_and_read(void **state)
{
	(void)state;
	struct err e = {0};
	struct buffer got = {0};
	struct stat info;
	assert_int_equal(file_write(at("a"), "first", 5, 0640, &e), 0);
	assert_int_equal(file_write(at("a"), "second", 6, 0644, &e), 0);
	assert_int_equal(stat(at("a"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0644);
	assert_int_equal(file_read(at("a"), 6, &got, &e), 0);
	assert_int_equal(got.length, 6);
	assert_memory_equal(got.bytes, "second", 6);
	buffer_free(&got);
	assert_int_equal(file_read(at("a"), 5, &got, &e), -ERR_LIMIT);
	buffer_free(&got);
	assert_int_equal(file_read(at("none"), 5, &got, &e), -ERR_NOT_FOUND);
	assert_int_equal(file_read(folder, 5, &got, &e), -ERR_INVALID);
	assert_int_equal(file_write("/nowhere/at/all", "x", 1, 0600, &e), -ERR_NOT_FOUND);
	buffer_free(&got);
}

static void test_create_never_overwrites(void **state)
{
	(void)state;
	struct err e = {0};
	struct buffer got = {0};
	assert_int_equal(file_create(at("b"), "one", 3, 0600, &e), 0);
	assert_int_equal(file_create(at("b"), "two", 3, 0600, &e), -ERR_EXISTS);
	assert_int_equal(file_read(at("b"), 100, &got, &e), 0);
	assert_memory_equal(got.bytes, "one", 3);
	buffer_free(&got);
}

/* What `sudo alzy` makes first, the daemons must be able to use. */
static void test_root_makes_files_for_the_owner_of_the_folder(void **state)
{
	(void)state;
	enum { SOMEBODY = 1 };
	struct lock *lock;
	struct err e = {0};
	struct stat info;
	char sub[256], path[300], lock_path[300];
	snprintf(sub, sizeof sub, "%s/somebodys", folder);
	snprintf(path, sizeof path, "%s/key", sub);
	snprintf(lock_path, sizeof lock_path, "%s/lock", sub);
	uid_t owner = geteuid() ? geteuid() : SOMEBODY;
	mode_t before = umask(077);
	assert_int_equal(mkdir(sub, 0700), 0);
	if (!geteuid())
		assert_int_equal(chown(sub, SOMEBODY, SOMEBODY), 0);
	assert_int_equal(file_create(path, "x", 1, 0600, &e), 0);
	assert_int_equal(lock_take(&lock, lock_path, 0, &e), 0);
	lock_free(lock);
	umask(before);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_uid, owner);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(stat(lock_path, &info), 0);
	assert_int_equal(info.st_uid, owner);
	assert_int_equal(info.st_mode & 07777, 0660);
	unlink(path);
	unlink(lock_path);
	rmdir(sub);
}

static void test_secret_must_be_secret(void **state)
{
	(void)state;
	struct err e = {0};
	struct buffer got = {0};
	static const mode_t open_modes[] = {0640, 0604, 0610, 0602, 0644};
	assert_int_equal(file_write(at("a"), "key", 3, 0600, &e), 0);
	assert_int_equal(file_read_secret(at("a"), 100, &got, &e), 0);
	buffer_free(&got);
	for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
		assert_int_equal(chmod(at("a"), open_modes[i]), 0);
		assert_int_equal(file_read_secret(at("a"), 100, &got, &e), -ERR_PERMISSION);
		assert_int_equal(got.length, 0);
		assert_non_null(strstr(e.text, "chmod 600"));
	}
	/* Nobody writes into it, and nobody is waited for. */
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	assert_int_equal(file_read_secret(at("pipe"), 100, &got, &e), -ERR_INVALID);
	assert_int_equal(unlink(at("pipe")), 0);
}

static void list(struct folder *out)
{
	*out = (struct folder){0};
	assert_int_equal(folder_list(out, folder, "", 10, NULL), 0);
}

/* The first file whose name is that of a part; false when there is none. */
static bool find_part(char out[PATH_MAX])
{
	struct folder files;
	char of[64];
	bool found = false;
	list(&files);
	for (size_t i = 0; i < files.count && !found; i++) {
		found = file_part_of(files.names[i], of, sizeof of);
		snprintf(out, PATH_MAX, "%s/%s", folder, files.names[i]);
	}
	folder_free(&files);
	return found;
}

static void test_what_a_killed_writer_leaves(void **state)
{
	(void)state;
	static char big[1 << 22];
	char part[PATH_MAX];
	do {
		pid_t child = fork();
		while (!child)
			file_write(at("b"), big, sizeof big, 0644, NULL);
		while (!find_part(part))
			;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	} while (!find_part(part));
	int fd = open(part, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	file_remove_part(part);
	assert_int_equal(access(part, F_OK), 0); /* somebody is at it */
	close(fd);
	file_remove_part(part);
	assert_int_equal(access(part, F_OK), -1);
	unlink(at("b"));
}

static void test_whose_part_it_is(void **state)
{
	(void)state;
	static const char *const others[] = {"a.batch",      "a.batch.backup", "a.batch.part-12345",
	                                     ".part-123456", "a.part.123456",  "a.part-123456.batch"};
	char of[16];
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(file_part_of(others[i], of, sizeof of));
	assert_true(file_part_of("a.batch.part-aB3456", of, sizeof of));
	assert_string_equal(of, "a.batch");
	assert_false(file_part_of("a.batch.part-aB3456", of, 7));
}

static void test_lock_names_its_holder(void **state)
{
	(void)state;
	int ready[2], hold[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	pid_t child = fork();
	if (!child) {
		struct lock *lock;
		close(hold[1]);
		byte = lock_take(&lock, at("lock"), 0, NULL) ? 'n' : 'y';
		ssize_t n = write(ready[1], &byte, 1);
		n = read(hold[0], &byte, 1); /* until it is killed */
		_exit(n != 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	struct err e = {0};
	struct lock *lock = NULL;
	char pid[32];
	snprintf(pid, sizeof pid, "process id %d", (int)child);
	assert_int_equal(lock_take(&lock, at("lock"), 0, &e), -ERR_BUSY);
	assert_null(lock);
	assert_non_null(strstr(e.text, pid));
	assert_non_null(strstr(e.text, "test_file"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(lock_take(&lock, at("lock"), 0, &e), 0);
	lock_free(lock);
	lock_free(NULL);
	close(ready[0]), close(ready[1]), close(hold[0]), close(hold[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_create_never_overwrites),
		cmocka_unit_test(test_root_makes_files_for_the_owner_of_the_folder),
		cmocka_unit_test(test_secret_must_be_secret),
		cmocka_unit_test(test_what_a_killed_writer_leaves),
		cmocka_unit_test(test_whose_part_it_is),
		cmocka_unit_test(test_lock_names_its_holder),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
