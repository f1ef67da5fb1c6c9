/* The centre's keys in a folder of their own, rotated, and rotated half. */
#include "sync/central/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];
static struct key_pair first;

static const char *beside(const char *end)
{
	static char out[2][128];
	static int at;
	snprintf(out[at ^= 1], sizeof out[0], "%s%s", path, end);
	return out[at];
}

static int make_key(void **state)
{
	struct err e;
	(void)state;
	strcpy(folder, "/tmp/alzy-test-XXXXXX");
	if (!mkdtemp(folder) || keys_start(&e))
		return -1;
	snprintf(path, sizeof path, "%s/central.key", folder);
	return keys_create(path, &first, &e);
}

static int remove_keys(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static struct identity load(void)
{
	struct identity identity;
	struct err e;
	if (identity_load(path, &identity, &e))
		fail_msg("%s", e.text);
	return identity;
}

static struct identity rotate(void)
{
	struct identity identity;
	struct err e;
	if (identity_rotate(path, &identity, &e))
		fail_msg("%s", e.text);
	return identity;
}

static void the_newest_comes_first(void **state)
{
	struct err e;
	struct identity all = load();
	uint8_t made[IDENTITY_KEYS_MAX][KEY_PUBLIC];
	(void)state;
	assert_int_equal(all.count, 1);
	memcpy(made[0], all.keys[0].public_key, KEY_PUBLIC);
	assert_memory_equal(made[0], first.public_key, KEY_PUBLIC);
	for (size_t n = 1; n < IDENTITY_KEYS_MAX; n++) {
		all = rotate();
		memcpy(made[n], all.keys[0].public_key, KEY_PUBLIC);
		all = load();
		assert_int_equal(all.count, n + 1);
		for (size_t i = 0; i <= n; i++)
			assert_memory_equal(all.keys[i].public_key, made[n - i], KEY_PUBLIC);
	}
	assert_int_equal(identity_rotate(path, &all, &e), -ERR_LIMIT);
	/* The oldest is taken away: the numbers go on. */
	assert_int_equal(unlink(beside(".1")), 0);
	all = rotate();
	assert_int_equal(all.count, IDENTITY_KEYS_MAX);
	assert_int_equal(all.numbers[1], IDENTITY_KEYS_MAX);
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_rotation_that_was_cut_off_is_completed(void **state)
{
	struct key_pair next;
	struct err e;
	(void)state;
	/* After the new key was made … */
	assert_int_equal(keys_create(beside(".next"), &next, &e), 0);
	struct identity all = load();
	assert_int_equal(all.count, 1);
	/* … and after the old one got its other name. */
	assert_int_equal(link(path, beside(".1")), 0);
	all = load();
	assert_int_equal(all.count, 1);
	all = rotate();
	assert_int_equal(all.count, 2);
	assert_memory_equal(all.keys[0].public_key, next.public_key, KEY_PUBLIC);
	assert_memory_equal(all.keys[1].public_key, first.public_key, KEY_PUBLIC);
	assert_int_not_equal(access(beside(".next"), F_OK), 0);
}

static void what_is_no_key_is_refused(void **state)
{
	struct identity all;
	struct err e;
	(void)state;
	rotate();
	assert_int_equal(chmod(beside(".1"), 0644), 0);
	assert_int_equal(identity_load(path, &all, &e), -ERR_PERMISSION);
	assert_int_equal(chmod(beside(".1"), 0600), 0);
	FILE *file = fopen(beside(".1"), "w");
	fputs("no key\n", file);
	fclose(file);
	assert_int_equal(identity_load(path, &all, &e), -ERR_INVALID);
	unlink(path);
	assert_int_equal(identity_load(path, &all, &e), -ERR_NOT_FOUND);
}

static void every_key_opens_what_is_for_it(void **state)
{
	struct key_pair unit, stranger;
	struct err e;
	(void)state;
	rotate();
	struct identity all = rotate();
	keys_generate(&unit);
	keys_generate(&stranger);
	for (size_t i = 0; i <= all.count; i++) {
		struct buffer envelope = {0}, document = {0};
		size_t index = 99;
		const uint8_t *recipient = i < all.count ? all.keys[i].public_key : stranger.public_key;
		assert_int_equal(envelope_seal(ENVELOPE_BATCH, &unit, recipient, "{}", 2, &envelope, &e), 0);
		struct letter letter;
		int rc = identity_check(&all, envelope.bytes, envelope.length, &letter, &e);
		assert_int_equal(rc, i < all.count ? 0 : -ERR_FORGED);
		if (!rc) {
			assert_memory_equal(letter.head.sender, unit.public_key, KEY_PUBLIC);
			assert_int_equal(identity_open(&all, &letter, &document, &index, &e), 0);
			assert_int_equal(document.length, 2);
			assert_int_equal(index, i);
			/* The key was taken away meanwhile. */
			struct identity left = all;
			left.keys[i] = left.keys[--left.count];
			assert_int_equal(identity_open(&left, &letter, &document, &index, &e), -ERR_FORGED);
			assert_int_equal(document.length, 2);
		}
		buffer_free(&envelope);
		buffer_free(&document);
	}
}

#define KEY_TEST(f) cmocka_unit_test_setup_teardown(f, make_key, remove_keys)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEY_TEST(the_newest_comes_first),
		KEY_TEST(a_rotation_that_was_cut_off_is_completed),
		KEY_TEST(what_is_no_key_is_refused),
		KEY_TEST(every_key_opens_what_is_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
