#include "sync/envelope.h"

#include "sync/dictionary.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* Also what is signed begins so: a signature of an alzy key can't be taken for one of anything else. */
static const char domain[] = "alzy-envelope-v1"; /* with its NUL */
static const uint8_t magic[4] = {'A', 'L', 'Z', 'Y'};

enum {
	AT_VERSION = sizeof magic,
	AT_KIND,
	AT_SENDER,
	AT_SIGNATURE = AT_SENDER + KEY_PUBLIC,
	AT_SEALED = AT_SIGNATURE + crypto_sign_BYTES,

	/* Rows are paid for by the byte. What else there is, is small, and a centre makes much of it: 2 % larger for an eighth of
	 * the time. */
	LEVEL_BATCH = 19,
	LEVEL_OTHER = 7,
	/* 128 KiB: the columns of 20,000 points fit, and compressing takes 3.4 MB of memory whatever the document. */
	WINDOW_LOG = 17,
	/* What is accepted from others. Bounds the memory that inflating takes to about 1 MiB. */
	WINDOW_LOG_MOST = 20,
	INFLATE_STEP = 65536,
};

/* What does not fit into an envelope needs no memory. */
static size_t deflate_capacity(size_t length)
{
	size_t most = ENVELOPE_MAX - AT_SEALED - crypto_box_SEALBYTES, bound = ZSTD_compressBound(length);
	return bound < most ? bound : most;
}

static size_t deflate_with(ZSTD_CCtx *context, int level, const void *document, size_t length, uint8_t *out,
                           size_t capacity)
{
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG);
	ZSTD_CCtx_refPrefix(context, dictionary, dictionary_length);
	return ZSTD_compress2(context, out, capacity, document, length);
}

/* The caller frees *out. */
static int deflate(int level, const void *document, size_t length, uint8_t **out, size_t *out_length, struct err *e)
{
	size_t capacity = deflate_capacity(length), count = 0;
	uint8_t *bytes = malloc(capacity);
	ZSTD_CCtx *context = ZSTD_createCCtx();
	int rc = 0;
	if (bytes && context)
		count = deflate_with(context, level, document, length, bytes, capacity);
	else
		rc = err_set(e, ERR_MEMORY, "out of memory for compressing %zu bytes", length);
	if (ZSTD_getErrorCode(count) == ZSTD_error_dstSize_tooSmall)
		rc = err_set(e, ERR_LIMIT, "a document of %zu bytes does not fit into an envelope of %d", length, ENVELOPE_MAX);
	else if (ZSTD_isError(count))
		rc = err_set(e, ERR_INTERNAL, "zstd can't compress: %s", ZSTD_getErrorName(count));
	ZSTD_freeCCtx(context);
	if (rc) {
		free(bytes);
		return rc;
	}
	*out = bytes;
	*out_length = count;
	return 0;
}

static int inflate_frame(ZSTD_DCtx *context, const uint8_t *bytes, size_t length, struct buffer *out, struct err *e)
{
	size_t begin = out->length;
	ZSTD_inBuffer in = {bytes, length, 0};
	for (;;) {
		int rc = buffer_reserve(out, INFLATE_STEP, e);
		if (rc)
			return rc;
		ZSTD_outBuffer step = {out->bytes + out->length, out->capacity - out->length, 0};
		size_t left = ZSTD_decompressStream(context, &step, &in);
		out->length += step.pos;
		if (ZSTD_isError(left))
			return err_set(e, ERR_INVALID, "the document can't be inflated: %s", ZSTD_getErrorName(left));
		if (out->length - begin > ENVELOPE_DOCUMENT_MAX)
			return err_set(e, ERR_LIMIT, "the document inflates to more than %d bytes", ENVELOPE_DOCUMENT_MAX);
		if (left == 0 && in.pos == in.size)
			return 0;
		if (left == 0)
			return err_set(e, ERR_INVALID, "something follows the compressed document");
		if (in.pos == in.size && step.pos < step.size)
			return err_set(e, ERR_INVALID, "the compressed document is cut off");
	}
}

static int inflate(const uint8_t *bytes, size_t length, struct buffer *out, struct err *e)
{
	/* What a frame says of its size is refused when it is too large, and otherwise not relied on. */
	unsigned long long size = ZSTD_getFrameContentSize(bytes, length);
	if (size == ZSTD_CONTENTSIZE_ERROR)
		return err_set(e, ERR_INVALID, "the document is not compressed with zstd");
	if (size != ZSTD_CONTENTSIZE_UNKNOWN && size > ENVELOPE_DOCUMENT_MAX)
		return err_set(e, ERR_LIMIT, "the document inflates to %llu bytes, more than %d", size, ENVELOPE_DOCUMENT_MAX);
	ZSTD_DCtx *context = ZSTD_createDCtx();
	if (!context)
		return err_set(e, ERR_MEMORY, "out of memory for inflating a document");
	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MOST);
	ZSTD_DCtx_refPrefix(context, dictionary, dictionary_length);
	size_t before = out->length;
	int rc = inflate_frame(context, bytes, length, out, e);
	if (rc)
		out->length = before;
	ZSTD_freeDCtx(context);
	return rc;
}

/* What is signed: domain · version · kind · sender · recipient · sealed bytes. The caller frees *out. */
static int signed_bytes(const uint8_t *envelope, size_t length, const uint8_t recipient[KEY_PUBLIC], uint8_t **out,
                        size_t *out_length, struct err *e)
{
	size_t total = sizeof domain + (AT_SIGNATURE - AT_VERSION) + KEY_PUBLIC + (length - AT_SEALED);
	uint8_t *bytes = malloc(total), *at = bytes;
	if (!bytes)
		return err_set(e, ERR_MEMORY, "out of memory for an envelope of %zu bytes", length);
	memcpy(at, domain, sizeof domain);
	at += sizeof domain;
	memcpy(at, envelope + AT_VERSION, AT_SIGNATURE - AT_VERSION);
	at += AT_SIGNATURE - AT_VERSION;
	memcpy(at, recipient, KEY_PUBLIC);
	at += KEY_PUBLIC;
	memcpy(at, envelope + AT_SEALED, length - AT_SEALED);
	*out = bytes;
	*out_length = total;
	return 0;
}

static int sign(uint8_t *envelope, size_t length, const struct key_pair *sender, const uint8_t recipient[KEY_PUBLIC],
                struct err *e)
{
	uint8_t *message;
	size_t count;
	int rc = signed_bytes(envelope, length, recipient, &message, &count, e);
	if (rc)
		return rc;
	crypto_sign_detached(envelope + AT_SIGNATURE, NULL, message, count, sender->secret_key);
	free(message);
	return 0;
}

static int verify(const uint8_t *envelope, size_t length, const uint8_t recipient[KEY_PUBLIC], struct err *e)
{
	uint8_t *message;
	size_t count;
	int rc = signed_bytes(envelope, length, recipient, &message, &count, e);
	if (rc)
		return rc;
	if (crypto_sign_verify_detached(envelope + AT_SIGNATURE, message, count, envelope + AT_SENDER) != 0)
		rc = err_set(e, ERR_FORGED, "the signature is not that of the sender, for this recipient and these bytes");
	free(message);
	return rc;
}

int envelope_seal(enum envelope_kind kind, const struct key_pair *sender, const uint8_t recipient[KEY_PUBLIC],
                  const void *document, size_t length, struct buffer *out, struct err *e)
{
	uint8_t box_key[crypto_box_PUBLICKEYBYTES];
	if (length > ENVELOPE_DOCUMENT_MAX)
		return err_set(e, ERR_LIMIT, "a document of %zu bytes is larger than %d", length, ENVELOPE_DOCUMENT_MAX);
	if (crypto_sign_ed25519_pk_to_curve25519(box_key, recipient) != 0)
		return err_set(e, ERR_INVALID, "the recipient's public key is no valid Ed25519 key");
	uint8_t *body = NULL;
	size_t count = 0;
	int rc = deflate(kind == ENVELOPE_BATCH ? LEVEL_BATCH : LEVEL_OTHER, document, length, &body, &count, e);
	if (rc)
		return rc;
	size_t total = AT_SEALED + crypto_box_SEALBYTES + count;
	rc = buffer_reserve(out, total, e);
	if (!rc) {
		uint8_t *envelope = out->bytes + out->length;
		memcpy(envelope, magic, sizeof magic);
		envelope[AT_VERSION] = ENVELOPE_VERSION;
		envelope[AT_KIND] = (uint8_t)kind;
		memcpy(envelope + AT_SENDER, sender->public_key, KEY_PUBLIC);
		if (crypto_box_seal(envelope + AT_SEALED, body, count, box_key) != 0)
			rc = err_set(e, ERR_INVALID, "nothing can be sealed to the recipient's public key");
		else
			rc = sign(envelope, total, sender, recipient, e);
	}
	if (!rc)
		out->length += total;
	free(body);
	return rc;
}

int envelope_peek(const void *bytes, size_t length, struct envelope_head *out, struct err *e)
{
	const uint8_t *at = bytes;
	if (length > ENVELOPE_MAX)
		return err_set(e, ERR_LIMIT, "an envelope of %zu bytes is larger than %d", length, ENVELOPE_MAX);
	if (length < sizeof magic || memcmp(at, magic, sizeof magic) != 0)
		return err_set(e, ERR_INVALID, "this is no alzy envelope");
	/* What a newer version has behind its number is not for us to judge. */
	if (length > AT_VERSION && at[AT_VERSION] != ENVELOPE_VERSION)
		return err_set(e, ERR_VERSION, "an envelope of version %d; this alzy knows version %d", at[AT_VERSION],
		               ENVELOPE_VERSION);
	if (length <= AT_SEALED + crypto_box_SEALBYTES)
		return err_set(e, ERR_INVALID, "the envelope is cut off after %zu bytes", length);
	if (at[AT_KIND] < ENVELOPE_BATCH || at[AT_KIND] > ENVELOPE_KIND_LAST)
		return err_set(e, ERR_INVALID, "an envelope of the unknown kind %d", at[AT_KIND]);
	out->kind = (enum envelope_kind)at[AT_KIND];
	memcpy(out->sender, at + AT_SENDER, KEY_PUBLIC);
	return 0;
}

int envelope_unseal(const void *bytes, size_t length, const struct key_pair *recipient, struct buffer *out,
                    struct err *e)
{
	const uint8_t *sealed = (const uint8_t *)bytes + AT_SEALED;
	uint8_t box_public[crypto_box_PUBLICKEYBYTES], box_secret[crypto_box_SECRETKEYBYTES];
	size_t sealed_length = length - AT_SEALED, count = sealed_length - crypto_box_SEALBYTES;
	uint8_t *body = malloc(count);
	if (!body)
		return err_set(e, ERR_MEMORY, "out of memory for an envelope of %zu bytes", length);
	int rc = 0;
	/* The public half of it comes to less than turning that of the recipient into one. */
	if (crypto_sign_ed25519_sk_to_curve25519(box_secret, recipient->secret_key) != 0 ||
	    crypto_scalarmult_base(box_public, box_secret) != 0)
		rc = err_set(e, ERR_INVALID, "the recipient's key is no valid Ed25519 key");
	else if (crypto_box_seal_open(body, sealed, sealed_length, box_public, box_secret) != 0)
		rc = err_set(e, ERR_FORGED, "the seal of the envelope does not open with this key");
	if (!rc)
		rc = inflate(body, count, out, e);
	sodium_memzero(box_secret, sizeof box_secret);
	free(body);
	return rc;
}

int envelope_check(const void *bytes, size_t length, enum envelope_kind kind, const uint8_t recipient[KEY_PUBLIC],
                   const uint8_t sender[KEY_PUBLIC], struct err *e)
{
	struct envelope_head head;
	int rc = envelope_peek(bytes, length, &head, e);
	if (rc)
		return rc;
	if (head.kind != kind)
		return err_set(e, ERR_INVALID, "an envelope of kind %d where one of kind %d is expected", (int)head.kind,
		               (int)kind);
	if (memcmp(head.sender, sender, KEY_PUBLIC) != 0)
		return err_set(e, ERR_FORGED, "the envelope is from another sender than expected");
	return verify(bytes, length, recipient, e);
}

int envelope_open(const void *bytes, size_t length, enum envelope_kind kind, const struct key_pair *recipient,
                  const uint8_t sender[KEY_PUBLIC], struct buffer *out, struct err *e)
{
	int rc = envelope_check(bytes, length, kind, recipient->public_key, sender, e);
	return rc ? rc : envelope_unseal(bytes, length, recipient, out, e);
}

void envelope_digest(const void *bytes, size_t length, uint8_t out[ENVELOPE_DIGEST])
{
	keys_digest(bytes, length, out);
}
