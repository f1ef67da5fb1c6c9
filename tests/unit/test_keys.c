#include "sync/keys.h"

#include "hal/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/alzy-keys-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/key", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void write_key(const char *text, mode_t mode)
{
	struct err e;
	assert_int_equal(file_write(path, text, strlen(text), mode, &e), 0);
}

static void a_key_comes_back_from_its_file(void **state)
{
	(void)state;
	struct err e;
	struct key_pair made, loaded;
	struct stat info;
	assert_int_equal(keys_create(path, &made, &e), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(keys_load(path, &loaded, &e), 0);
	assert_memory_equal(&made, &loaded, sizeof made);
}

static void a_key_is_never_overwritten(void **state)
{
	(void)state;
	struct err e;
	struct key_pair first, second, loaded;
	assert_int_equal(keys_create(path, &first, &e), 0);
	memset(&second, 0, sizeof second);
	assert_int_equal(keys_create(path, &second, &e), -ERR_EXISTS);
	assert_int_equal(second.public_key[0] | second.secret_key[0], 0);
	assert_int_equal(keys_load(path, &loaded, &e), 0);
	assert_memory_equal(&first, &loaded, sizeof first);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct key_pair keys;
	assert_int_equal(keys_create(path, &keys, &e), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keys_load(path, &keys, &e), -ERR_PERMISSION);
	assert_int_equal(keys_load_or_create(path, &keys, &e), -ERR_PERMISSION);
}

static void a_missing_key_is_made_once(void **state)
{
	(void)state;
	struct err e;
	struct key_pair made, again;
	assert_int_equal(keys_load(path, &made, &e), -ERR_NOT_FOUND);
	assert_int_equal(keys_load_or_create(path, &made, &e), 0);
	assert_int_equal(keys_load_or_create(path, &again, &e), 0);
	assert_memory_equal(&made, &again, sizeof made);
}

static void what_is_no_key_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"\n",
		"alzy-key-1 \n",
		"alzy-key-1 AAAA\n",
		"alzy-key-2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"alzy-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"alzy-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA x\n",
		"alzy-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n",
	};
	struct err e;
	struct key_pair keys;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		write_key(texts[i], 0600);
		assert_int_equal(keys_load(path, &keys, &e), -ERR_INVALID);
		assert_non_null(strstr(e.text, path));
	}
	char large[2000];
	memset(large, 'A', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	write_key(large, 0600);
	assert_int_equal(keys_load(path, &keys, &e), -ERR_INVALID);
	write_key("alzy-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n", 0600);
	assert_int_equal(keys_load(path, &keys, &e), 0);
}

/* RFC 8032, 7.1, test 1: this seed has that public key. */
static void the_key_of_a_seed_is_ed25519(void **state)
{
	(void)state;
	static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
	                                 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
	                                 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
	char text[64] = "alzy-key-1 ", hash[KEY_HASH_TEXT];
	struct err e;
	struct key_pair keys;
	keys_to_text(seed, sizeof seed, text + strlen(text), 44);
	write_key(text, 0600);
	assert_int_equal(keys_load(path, &keys, &e), 0);
	assert_int_equal(keys.public_key[0], 0xd7);
	assert_int_equal(keys.public_key[31], 0x1a);
	keys_hash(keys.public_key, hash);
	/* b2sum -l 256 of the 32 bytes */
	assert_string_equal(hash, "7849ac3049680be1ef762efe0d36e01733c3464eb0c7c558138acf24bb263bd3");
}

static void is_derived_alike_from_the_same_two(void **state)
{
	(void)state;
	struct err e;
	struct key_pair from, other, key, again, loaded;
	keys_generate(&from);
	keys_generate(&other);
	keys_derive(&from, "one", 3, &key);
	keys_derive(&from, "one", 3, &again);
	assert_memory_equal(&key, &again, sizeof key);
	assert_memory_not_equal(key.public_key, from.public_key, KEY_PUBLIC);
	keys_derive(&from, "two", 3, &again);
	assert_memory_not_equal(key.public_key, again.public_key, KEY_PUBLIC);
	keys_derive(&other, "one", 3, &again);
	assert_memory_not_equal(key.public_key, again.public_key, KEY_PUBLIC);
	write_key("whatever was there", 0600);
	assert_int_equal(keys_replace(path, &key, &e), 0);
	assert_int_equal(keys_load(path, &loaded, &e), 0);
	assert_memory_equal(&key, &loaded, sizeof key);
}

static void of_many_makers_at_once_all_have_one_key(void **state)
{
	(void)state;
	enum { MAKERS = 8 };
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < MAKERS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct err e;
			struct key_pair keys;
			int rc = keys_load_or_create(path, &keys, &e);
			_exit(rc || write(ends[1], keys.public_key, KEY_PUBLIC) != KEY_PUBLIC);
		}
	}
	uint8_t first[KEY_PUBLIC], other[KEY_PUBLIC];
	for (int i = 0; i < MAKERS; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		assert_int_equal(read(ends[0], i ? other : first, KEY_PUBLIC), KEY_PUBLIC);
		if (i)
			assert_memory_equal(first, other, KEY_PUBLIC);
	}
	close(ends[0]);
	close(ends[1]);
}

static void a_unit_has_its_key_beside_its_store(void **state)
{
	(void)state;
	struct err e;
	char out[64];
	assert_int_equal(keys_unit_path("/var/lib/alzy/store.db", out, sizeof out, &e), 0);
	assert_string_equal(out, "/var/lib/alzy/store.db.key");
	assert_int_equal(keys_unit_path("/var/lib/alzy/store.db", out, 26, &e), -ERR_LIMIT);
	assert_int_equal(keys_unit_path("/var/lib/alzy/store.db", out, 27, &e), 0);
}

static void base64url_is_exact(void **state)
{
	(void)state;
	uint8_t out[4];
	char text[8];
	assert_true(keys_from_text("_-8", 3, out, 2));
	keys_to_text(out, 2, text, sizeof text);
	assert_string_equal(text, "_-8");
	assert_false(keys_from_text("_-8", 3, out, 1));
	assert_false(keys_from_text("_-8", 3, out, 3));
	assert_false(keys_from_text("_-8=", 4, out, 2));
	assert_false(keys_from_text("/+8", 3, out, 2));
	assert_false(keys_from_text("_-9", 3, out, 2));
	assert_false(keys_from_text("", 0, out, 2));
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_comes_back_from_its_file, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_key_is_never_overwritten, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_key_that_others_may_read_is_refused, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_missing_key_is_made_once, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_no_key_is_refused, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_key_of_a_seed_is_ed25519, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(is_derived_alike_from_the_same_two, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(of_many_makers_at_once_all_have_one_key, make_folder, remove_folder),
		cmocka_unit_test(a_unit_has_its_key_beside_its_store),
		cmocka_unit_test(base64url_is_exact),
	};
	if (keys_start(&e))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
