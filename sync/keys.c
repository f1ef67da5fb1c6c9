#include "sync/keys.h"

#include "hal/buffer.h"
#include "hal/file.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(KEY_PUBLIC == crypto_sign_PUBLICKEYBYTES, "size of an Ed25519 public key");
_Static_assert(KEY_SECRET == crypto_sign_SECRETKEYBYTES, "size of an Ed25519 secret key");

#define KEY_FILE_HEAD "alzy-key-1 "
enum {
	KEY_SEED = crypto_sign_SEEDBYTES,
	KEY_FILE_HEAD_LENGTH = sizeof KEY_FILE_HEAD - 1,
	KEY_SEED_TEXT = 43, /* 32 bytes in base64 without padding */
	KEY_FILE_LENGTH = KEY_FILE_HEAD_LENGTH + KEY_SEED_TEXT + 1,
	KEY_FILE_MOST = 1024,
};

int keys_start(struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_INTERNAL, "libsodium can't start on this machine");
	return 0;
}

void keys_generate(struct key_pair *out)
{
	crypto_sign_keypair(out->public_key, out->secret_key);
}

void keys_derive(const struct key_pair *from, const void *what, size_t count, struct key_pair *out)
{
	uint8_t seed[KEY_SEED];
	/* The seed is the first half of libsodium's secret key. */
	crypto_generichash(seed, sizeof seed, what, count, from->secret_key, KEY_SEED);
	crypto_sign_seed_keypair(out->public_key, out->secret_key, seed);
	sodium_memzero(seed, sizeof seed);
}

typedef int write_file(const char *path, const void *bytes, size_t count, mode_t mode, struct err *e);

static int write_key(const char *path, const struct key_pair *keys, write_file *write, struct err *e)
{
	char text[KEY_FILE_LENGTH + 1] = KEY_FILE_HEAD;
	keys_to_text(keys->secret_key, KEY_SEED, text + KEY_FILE_HEAD_LENGTH, KEY_SEED_TEXT + 1);
	text[KEY_FILE_LENGTH - 1] = '\n';
	int rc = write(path, text, KEY_FILE_LENGTH, 0600, e);
	sodium_memzero(text, sizeof text);
	return rc;
}

int keys_create(const char *path, struct key_pair *out, struct err *e)
{
	struct key_pair keys;
	keys_generate(&keys);
	int rc = write_key(path, &keys, file_create, e);
	if (!rc)
		*out = keys;
	keys_wipe(&keys);
	return rc;
}

int keys_replace(const char *path, const struct key_pair *keys, struct err *e)
{
	return write_key(path, keys, file_write, e);
}

static int read_key(const char *path, const char *text, size_t length, struct key_pair *out, struct err *e)
{
	uint8_t seed[KEY_SEED];
	while (length && strchr("\r\n", text[length - 1]) && text[length - 1])
		length--;
	if (length <= KEY_FILE_HEAD_LENGTH || memcmp(text, KEY_FILE_HEAD, KEY_FILE_HEAD_LENGTH) != 0 ||
	    !keys_from_text(text + KEY_FILE_HEAD_LENGTH, length - KEY_FILE_HEAD_LENGTH, seed, sizeof seed))
		return err_set(e, ERR_INVALID, "%s is no alzy key: one line \"" KEY_FILE_HEAD "…\" is expected", path);
	crypto_sign_seed_keypair(out->public_key, out->secret_key, seed);
	sodium_memzero(seed, sizeof seed);
	return 0;
}

int keys_load(const char *path, struct key_pair *out, struct err *e)
{
	struct buffer text = {0};
	int rc = file_read_secret(path, KEY_FILE_MOST, &text, e);
	if (!rc)
		rc = read_key(path, (const char *)text.bytes, text.length, out, e);
	else if (rc == -ERR_LIMIT)
		rc = err_set(e, ERR_INVALID, "%s is no alzy key: it is too large", path);
	if (text.bytes)
		sodium_memzero(text.bytes, text.capacity);
	buffer_free(&text);
	return rc;
}

int keys_load_or_create(const char *path, struct key_pair *out, struct err *e)
{
	int rc = keys_load(path, out, e);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	rc = keys_create(path, out, e);
	/* Another process was faster: its key is the key. */
	return rc == -ERR_EXISTS ? keys_load(path, out, e) : rc;
}

void keys_wipe(struct key_pair *keys)
{
	if (keys)
		sodium_memzero(keys, sizeof *keys);
}

int keys_unit_path(const char *store_path, char *out, size_t size, struct err *e)
{
	int length = snprintf(NULL, 0, "%s.key", store_path);
	if (length < 0 || (size_t)length >= size)
		return err_set(e, ERR_LIMIT, "the path %s is too long", store_path);
	snprintf(out, size, "%s.key", store_path);
	return 0;
}

int keys_load_unit(const char *store_path, struct key_pair *out, struct err *e)
{
	char path[PATH_MAX];
	int rc = keys_unit_path(store_path, path, sizeof path, e);
	if (!rc)
		rc = keys_load(path, out, e);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	return err_set(
		e, ERR_NOT_FOUND,
		"the key of this unit, %s, is missing: nothing is sent before it is put back, or the unit is paired anew "
		"(alzy pair LINK)",
		path);
}

void keys_hash(const uint8_t public_key[KEY_PUBLIC], char out[KEY_HASH_TEXT])
{
	uint8_t digest[32];
	keys_digest(public_key, KEY_PUBLIC, digest);
	sodium_bin2hex(out, KEY_HASH_TEXT, digest, sizeof digest);
}

void keys_random(void *out, size_t count)
{
	randombytes_buf(out, count);
}

void keys_digest(const void *bytes, size_t count, uint8_t out[32])
{
	crypto_generichash(out, 32, bytes, count, NULL, 0);
}

void keys_to_text(const uint8_t *bytes, size_t count, char *out, size_t size)
{
	sodium_bin2base64(out, size, bytes, count, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool keys_from_text(const char *text, size_t length, uint8_t *out, size_t count)
{
	size_t got = 0;
	const char *end = NULL;
	if (sodium_base642bin(out, count, text, length, NULL, &got, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return false;
	return got == count && end == text + length;
}
