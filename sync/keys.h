/* Ed25519 keys in files that nobody else may read. */
#ifndef ALZY_SYNC_KEYS_H
#define ALZY_SYNC_KEYS_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_PUBLIC = 32, KEY_SECRET = 64, KEY_HASH_TEXT = 65 };

struct key_pair {
	uint8_t public_key[KEY_PUBLIC];
	uint8_t secret_key[KEY_SECRET]; /* as libsodium lays it out: seed and public key */
};

/* Must be called once before anything of envelope.h or keys.h: starts libsodium. ERR_INTERNAL. */
int keys_start(struct err *e);

/* Makes a new key in memory. */
void keys_generate(struct key_pair *out);

/* The key that belongs to `from` and `what`: the same from the same two, and whoever lacks `from` can't tell it. */
void keys_derive(const struct key_pair *from, const void *what, size_t count, struct key_pair *out);

/* Makes a key and writes it to `path` (mode 0600, durable). ERR_EXISTS: nothing is overwritten. */
int keys_create(const char *path, struct key_pair *out, struct err *e);
/* As keys_create, with a key that is there already, in place of the one in the file. */
int keys_replace(const char *path, const struct key_pair *keys, struct err *e);
/* ERR_NOT_FOUND; ERR_PERMISSION when others may read it; ERR_INVALID when it is no alzy key. */
int keys_load(const char *path, struct key_pair *out, struct err *e);
/* keys_load, or keys_create when the file is missing; safe when two processes try at once. */
int keys_load_or_create(const char *path, struct key_pair *out, struct err *e);
void keys_wipe(struct key_pair *keys);

/* The file of a unit's key: beside its store, "STORE.key". */
int keys_unit_path(const char *store_path, char *out, size_t size, struct err *e);
/* keys_load of that. */
int keys_load_unit(const char *store_path, struct key_pair *out, struct err *e);

/* BLAKE2b-256 of a public key in lower-case hex: devices.device_key_hash. */
void keys_hash(const uint8_t public_key[KEY_PUBLIC], char out[KEY_HASH_TEXT]);

/* Random bytes from the kernel. */
void keys_random(void *out, size_t count);
/* BLAKE2b-256 of anything. */
void keys_digest(const void *bytes, size_t count, uint8_t out[32]);

/* base64url without padding (RFC 4648, section 5), for links and key files. `size` is at least 4/3 × count + 2. */
void keys_to_text(const uint8_t *bytes, size_t count, char *out, size_t size);
/* False unless text[0..length) is exactly `count` bytes in that form. */
bool keys_from_text(const char *text, size_t length, uint8_t *out, size_t count);

#endif
