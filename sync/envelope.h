/* The envelope: what travels, by HTTPS or on a stick. Layout to the byte: docs/protocol.md.
 *
 *   envelope = magic "ALZY" · version · kind · sender's Ed25519 public key · signature · sealed body
 *   sealed   = crypto_box_seal(zstd(document, dictionary), X25519 form of the recipient's Ed25519 key)
 *   signature over a domain-separation string, version, kind, sender, the recipient's public key and the sealed bytes
 *
 * Owner of libsodium and zstd, with keys.c. */
#ifndef ALZY_SYNC_ENVELOPE_H
#define ALZY_SYNC_ENVELOPE_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/keys.h"

#include <stddef.h>
#include <stdint.h>

enum envelope_kind {
	ENVELOPE_BATCH = 1,
	ENVELOPE_RECEIPT = 2,
	ENVELOPE_PAIRING = 3,
	ENVELOPE_PAIRED = 4,
	ENVELOPE_QUESTION = 5, /* what do you hold? verify.h */
	ENVELOPE_ANSWER = 6,
	ENVELOPE_KIND_LAST = ENVELOPE_ANSWER,
};

enum {
	ENVELOPE_VERSION = 1,
	ENVELOPE_MAX = 1 << 20,           /* bytes of a whole envelope */
	ENVELOPE_DOCUMENT_MAX = 16 << 20, /* bytes of a document, inflated */
	ENVELOPE_DIGEST = 32,
};

/* Compresses, seals to `recipient` and signs as `sender`; appends the envelope to `out`. ERR_LIMIT when the document or
 * the envelope would be larger than the bounds above: the caller makes a smaller one. */
int envelope_seal(enum envelope_kind kind, const struct key_pair *sender, const uint8_t recipient[KEY_PUBLIC],
                  const void *document, size_t length, struct buffer *out, struct err *e);

struct envelope_head {
	enum envelope_kind kind;
	uint8_t sender[KEY_PUBLIC];
};
/* Reads the head without trusting anything: ERR_INVALID (magic, kind, truncated), ERR_VERSION, ERR_LIMIT. */
int envelope_peek(const void *bytes, size_t length, struct envelope_head *out, struct err *e);

/* What one who is not the recipient can tell, such as the sender itself: whether the bytes are a whole envelope of this
 * kind, signed by `sender` for `recipient`. Errors as of envelope_open. */
int envelope_check(const void *bytes, size_t length, enum envelope_kind kind, const uint8_t recipient[KEY_PUBLIC],
                   const uint8_t sender[KEY_PUBLIC], struct err *e);

/* Checks, in this order: size, magic, version, kind, that the sender is `sender`, the signature for us as recipient;
 * only then opens the seal and inflates, never beyond ENVELOPE_DOCUMENT_MAX. Appends the document to `out`.
 * ERR_FORGED for another sender, a bad signature, another recipient or a seal that does not open. */
int envelope_open(const void *bytes, size_t length, enum envelope_kind kind, const struct key_pair *recipient,
                  const uint8_t sender[KEY_PUBLIC], struct buffer *out, struct err *e);

/* The last part of that alone, for an envelope that envelope_check has found good. */
int envelope_unseal(const void *bytes, size_t length, const struct key_pair *recipient, struct buffer *out,
                    struct err *e);

/* BLAKE2b-256 of the whole envelope: how a receipt names the batch that it answers. */
void envelope_digest(const void *bytes, size_t length, uint8_t out[ENVELOPE_DIGEST]);

#endif
