/* The table of migrations against the folder of SQL: a file that is not in the table would never be run. What the SQL
 * does is tested on a real Postgres, in tests/e2e/schema.t. */
#include "hal/buffer.h"
#include "hal/file.h"
#include "sync/central/migrations.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "sync/central/migrations"

static void versions_are_consecutive(void **state)
{
	(void)state;
	for (size_t i = 0; i < migration_count; i++)
		assert_int_equal(migrations[i].version, i + 1);
	assert_int_equal(migrations_current(), migration_count);
}

static void each_is_its_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < migration_count; i++) {
		char path[256];
		struct buffer text = {0};
		struct err e = {0};
		snprintf(path, sizeof path, FOLDER "/%04d_%s.sql", migrations[i].version, migrations[i].name);
		assert_int_equal(file_read(path, 1 << 20, &text, &e), 0);
		assert_int_equal(strlen(migrations[i].sql), text.length);
		assert_memory_equal(migrations[i].sql, text.bytes, text.length);
		buffer_free(&text);
	}
}

static void every_file_is_one_of_them(void **state)
{
	(void)state;
	size_t files = 0;
	DIR *folder = opendir(FOLDER);
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder));)
		files += entry->d_name[0] != '.';
	closedir(folder);
	assert_int_equal(files, migration_count);
}

/* A step is one transaction, which its caller begins and ends. */
static void none_ends_its_transaction(void **state)
{
	(void)state;
	for (size_t i = 0; i < migration_count; i++) {
		assert_null(strstr(migrations[i].sql, "\nCOMMIT"));
		assert_null(strstr(migrations[i].sql, "\nBEGIN;"));
		assert_null(strstr(migrations[i].sql, "CONCURRENTLY"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_consecutive),
		cmocka_unit_test(each_is_its_file),
		cmocka_unit_test(every_file_is_one_of_them),
		cmocka_unit_test(none_ends_its_transaction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
