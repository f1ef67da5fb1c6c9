/* Envelopes from outside. Odd inputs are whole envelopes; even ones are what a known but hostile sender may put inside
 * the seal, so that inflating is reached too. */
#include "sync/envelope.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 102, SIGNATURE = 38, SENDER = 6 };
static const char domain[] = "alzy-envelope-v1";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void open_it(const uint8_t *bytes, size_t length, const struct key_pair *keys)
{
	struct err e;
	struct envelope_head head;
	struct buffer out = {0};
	if (envelope_peek(bytes, length, &head, &e) == 0)
		envelope_open(bytes, length, head.kind, keys, head.sender, &out, &e);
	buffer_free(&out);
}

/* As docs/protocol.md says, from a key to itself. */
static void open_sealed(const uint8_t *body, size_t length, const struct key_pair *keys)
{
	uint8_t box_key[crypto_box_PUBLICKEYBYTES];
	size_t total = HEAD + crypto_box_SEALBYTES + length, count = sizeof domain + 2 + 2 * KEY_PUBLIC + total - HEAD;
	uint8_t *envelope = calloc(1, total), *message = malloc(count), *at = message;
	memcpy(envelope, "ALZY\1\1", SENDER);
	memcpy(envelope + SENDER, keys->public_key, KEY_PUBLIC);
	if (crypto_sign_ed25519_pk_to_curve25519(box_key, keys->public_key) ||
	    crypto_box_seal(envelope + HEAD, body, length, box_key))
		abort();
	memcpy(at, domain, sizeof domain);
	memcpy(at += sizeof domain, envelope + 4, 2 + KEY_PUBLIC);
	memcpy(at += 2 + KEY_PUBLIC, keys->public_key, KEY_PUBLIC);
	memcpy(at += KEY_PUBLIC, envelope + HEAD, total - HEAD);
	crypto_sign_detached(envelope + SIGNATURE, NULL, message, count, keys->secret_key);
	open_it(envelope, total, keys);
	free(envelope);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct key_pair keys;
	static bool started;
	static const uint8_t seed[crypto_sign_SEEDBYTES];
	struct err e;
	if (!started) {
		if (keys_start(&e))
			abort();
		crypto_sign_seed_keypair(keys.public_key, keys.secret_key, seed);
		started = true;
	}
	if (length && bytes[0] % 2)
		open_it(bytes, length, &keys);
	else if (length)
		open_sealed(bytes + 1, length - 1, &keys);
	return 0;
}
