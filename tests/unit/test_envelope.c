#include "hal/file.h"
#include "sync/dictionary.h"
#include "sync/envelope.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>
#include <zstd.h>

enum { HEAD = 102, SIGNATURE = 38, SEAL = 48 };
static const char text[] = "{\"sender\":\"somebody\"} and what follows";

static struct key_pair unit, centre, stranger;

static struct buffer sealed(enum envelope_kind kind, const struct key_pair *from, const uint8_t *to)
{
	struct err e;
	struct buffer out = {0};
	assert_int_equal(envelope_seal(kind, from, to, text, sizeof text, &out, &e), 0);
	return out;
}

/* Opens a copy that is exactly as large as it is, so that a sanitizer sees what reads behind it. */
static int open_copy(const uint8_t *bytes, size_t length, enum envelope_kind kind, const struct key_pair *to,
                     const uint8_t *from)
{
	struct err e = {0};
	struct buffer out = {0};
	uint8_t *copy = malloc(length ? length : 1);
	if (length)
		memcpy(copy, bytes, length);
	int rc = envelope_open(copy, length, kind, to, from, &out, &e);
	if (rc) {
		assert_int_equal(e.code, -rc);
		assert_int_equal(out.length, 0);
	}
	buffer_free(&out);
	free(copy);
	return rc;
}

static void what_is_sealed_opens(void **state)
{
	(void)state;
	struct err e;
	struct buffer out = {0};
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	struct envelope_head head;
	assert_int_equal(envelope_peek(envelope.bytes, envelope.length, &head, &e), 0);
	assert_int_equal(head.kind, ENVELOPE_BATCH);
	assert_memory_equal(head.sender, unit.public_key, KEY_PUBLIC);
	/* Behind what the buffer has already. */
	assert_int_equal(buffer_append(&out, "abc", 3, &e), 0);
	assert_int_equal(envelope_open(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key, &out, &e),
	                 0);
	assert_int_equal(out.length, 3 + sizeof text);
	assert_memory_equal(out.bytes, "abc", 3);
	assert_memory_equal(out.bytes + 3, text, sizeof text);
	buffer_free(&out);
	buffer_free(&envelope);
}

static void documents_of_all_sizes_come_back(void **state)
{
	(void)state;
	struct err e;
	static const size_t sizes[] = {0, 1, 2, 1000, 131071, 131072, 131073, 1000000, ENVELOPE_DOCUMENT_MAX};
	char *document = calloc(1, ENVELOPE_DOCUMENT_MAX + 1);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct buffer envelope = {0}, out = {0};
		for (size_t k = 0; k < sizes[i]; k += 97)
			document[k] = (char)random_in(0, 3);
		assert_int_equal(envelope_seal(ENVELOPE_RECEIPT, &centre, unit.public_key, document, sizes[i], &envelope, &e),
		                 0);
		int rc = envelope_open(envelope.bytes, envelope.length, ENVELOPE_RECEIPT, &unit, centre.public_key, &out, &e);
		if (rc)
			fail_msg("%zu bytes: %s", sizes[i], e.text);
		assert_int_equal(out.length, sizes[i]);
		assert_true(sizes[i] == 0 || memcmp(out.bytes, document, sizes[i]) == 0);
		buffer_free(&out);
		buffer_free(&envelope);
	}
	free(document);
}

static void what_is_too_large_is_not_sealed(void **state)
{
	(void)state;
	struct err e;
	struct buffer out = {0};
	uint8_t *document = calloc(1, ENVELOPE_DOCUMENT_MAX + 1);
	assert_int_equal(
		envelope_seal(ENVELOPE_BATCH, &unit, centre.public_key, document, ENVELOPE_DOCUMENT_MAX + 1, &out, &e),
		-ERR_LIMIT);
	keys_random(document, ENVELOPE_MAX);
	assert_int_equal(envelope_seal(ENVELOPE_BATCH, &unit, centre.public_key, document, ENVELOPE_MAX, &out, &e),
	                 -ERR_LIMIT);
	/* What can't be compressed, and just fits. */
	assert_int_equal(envelope_seal(ENVELOPE_BATCH, &unit, centre.public_key, document, ENVELOPE_MAX - 250, &out, &e),
	                 0);
	assert_in_range(out.length, ENVELOPE_MAX - 100, ENVELOPE_MAX);
	assert_int_equal(open_copy(out.bytes, out.length, ENVELOPE_BATCH, &centre, unit.public_key), 0);
	buffer_free(&out);
	free(document);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	for (size_t i = 0; i < envelope.length; i++) {
		int expected = i < 4 ? -ERR_INVALID : i == 4 ? -ERR_VERSION : i == 5 ? -ERR_INVALID : -ERR_FORGED;
		for (int bit = 0; bit < 8; bit++) {
			envelope.bytes[i] ^= (uint8_t)(1 << bit);
			int rc = open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key);
			if (rc != expected)
				fail_msg("byte %zu, bit %d: %d", i, bit, rc);
			envelope.bytes[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key), 0);
	buffer_free(&envelope);
}

static void every_truncation_and_extension_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	for (size_t length = 0; length < envelope.length; length++) {
		int rc = open_copy(envelope.bytes, length, ENVELOPE_BATCH, &centre, unit.public_key);
		assert_int_equal(rc, length <= HEAD + SEAL ? -ERR_INVALID : -ERR_FORGED);
	}
	assert_int_equal(buffer_append(&envelope, "", 1, &e), 0);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key), -ERR_FORGED);
	buffer_free(&envelope);
}

static void only_the_right_sender_recipient_and_kind_will_do(void **state)
{
	(void)state;
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, stranger.public_key),
	                 -ERR_FORGED);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &stranger, unit.public_key),
	                 -ERR_FORGED);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &unit, unit.public_key), -ERR_FORGED);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_RECEIPT, &centre, unit.public_key),
	                 -ERR_INVALID);
	buffer_free(&envelope);
}

/* Signs the envelope as `from`, as whoever has its bytes can. */
static void sign_again(struct buffer *envelope, const struct key_pair *from, const uint8_t *to)
{
	struct err e;
	struct buffer message = {0};
	memcpy(envelope->bytes + 6, from->public_key, KEY_PUBLIC);
	assert_int_equal(buffer_append(&message, "alzy-envelope-v1", 17, &e), 0);
	assert_int_equal(buffer_append(&message, envelope->bytes + 4, 2 + KEY_PUBLIC, &e), 0);
	assert_int_equal(buffer_append(&message, to, KEY_PUBLIC, &e), 0);
	assert_int_equal(buffer_append(&message, envelope->bytes + HEAD, envelope->length - HEAD, &e), 0);
	crypto_sign_detached(envelope->bytes + SIGNATURE, NULL, message.bytes, message.length, from->secret_key);
	buffer_free(&message);
}

/* The envelope can't know: that is why a batch names its sender again inside (test_batch.c), and why whoever opens
 * one compares the two. */
static void a_stolen_body_signed_by_another_opens_as_that_of_the_other(void **state)
{
	(void)state;
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	sign_again(&envelope, &stranger, centre.public_key);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key), -ERR_FORGED);
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, stranger.public_key), 0);
	buffer_free(&envelope);
}

static void heads_are_read_without_trust(void **state)
{
	(void)state;
	struct err e;
	struct envelope_head head;
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	uint8_t *large = calloc(1, ENVELOPE_MAX + 1);
	memcpy(large, envelope.bytes, envelope.length);
	assert_int_equal(envelope_peek(large, ENVELOPE_MAX + 1, &head, &e), -ERR_LIMIT);
	assert_int_equal(envelope_peek(large, ENVELOPE_MAX, &head, &e), 0);
	free(large);
	assert_int_equal(envelope_peek(NULL, 0, &head, &e), -ERR_INVALID);
	for (int kind = 0; kind < 256; kind++) {
		envelope.bytes[5] = (uint8_t)kind;
		assert_int_equal(envelope_peek(envelope.bytes, envelope.length, &head, &e),
		                 kind >= 1 && kind <= 6 ? 0 : -ERR_INVALID);
	}
	/* Of another version, nothing but the number is read. */
	envelope.bytes[5] = 99;
	envelope.bytes[4] = 2;
	assert_int_equal(envelope_peek(envelope.bytes, 5, &head, &e), -ERR_VERSION);
	assert_non_null(strstr(e.text, "version 2"));
	buffer_free(&envelope);
}

/* An envelope around bytes that were not made by envelope_seal. */
static struct buffer seal_raw(const void *body, size_t length)
{
	struct err e;
	struct buffer out = {0};
	uint8_t box_key[32];
	assert_int_equal(buffer_reserve(&out, HEAD + SEAL + length, &e), 0);
	memcpy(out.bytes, "ALZY\1\1", 6);
	out.length = HEAD + SEAL + length;
	assert_int_equal(crypto_sign_ed25519_pk_to_curve25519(box_key, centre.public_key), 0);
	assert_int_equal(crypto_box_seal(out.bytes + HEAD, body, length, box_key), 0);
	sign_again(&out, &unit, centre.public_key);
	return out;
}

static int open_raw(const void *body, size_t length)
{
	struct buffer envelope = seal_raw(body, length);
	int rc = open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, unit.public_key);
	buffer_free(&envelope);
	return rc;
}

/* A frame of `length` zeros; without their number in its head, or with another one, if wanted. */
static size_t frame_of_zeros(size_t length, bool says_size, uint8_t *out, size_t capacity)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, says_size);
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 17);
	void *zeros = calloc(1, length + 1);
	size_t n = ZSTD_compress2(context, out, capacity, zeros, length);
	assert_false(ZSTD_isError(n));
	free(zeros);
	ZSTD_freeCCtx(context);
	return n;
}

static void bombs_are_not_inflated(void **state)
{
	(void)state;
	enum { ROOM = 1 << 16 };
	static uint8_t frame[ROOM];
	size_t n = frame_of_zeros(ENVELOPE_DOCUMENT_MAX, true, frame, ROOM);
	assert_int_equal(open_raw(frame, n), 0);
	n = frame_of_zeros(ENVELOPE_DOCUMENT_MAX, false, frame, ROOM);
	assert_int_equal(open_raw(frame, n), 0);
	n = frame_of_zeros(ENVELOPE_DOCUMENT_MAX + 1, true, frame, ROOM);
	assert_int_equal(open_raw(frame, n), -ERR_LIMIT);
	n = frame_of_zeros(ENVELOPE_DOCUMENT_MAX + 1, false, frame, ROOM);
	assert_int_equal(open_raw(frame, n), -ERR_LIMIT);
	n = frame_of_zeros(400u << 20, false, frame, ROOM);
	assert_int_equal(open_raw(frame, n), -ERR_LIMIT);
	/* One that says it is small: magic, descriptor, window, then 4 bytes of size. */
	n = frame_of_zeros(ENVELOPE_DOCUMENT_MAX + 1, true, frame, ROOM);
	assert_int_equal(frame[4] >> 6, 2);
	memcpy(frame + 6, (uint8_t[]){16, 0, 0, 0}, 4);
	assert_int_equal(ZSTD_getFrameContentSize(frame, n), 16);
	assert_int_equal(open_raw(frame, n), -ERR_INVALID);
}

static void frames_that_want_much_memory_are_refused(void **state)
{
	(void)state;
	/* Magic; no size; a window of 2 GiB; an empty last block. */
	static const uint8_t greedy[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00};
	static const uint8_t modest[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 10 << 3, 0x01, 0x00, 0x00};
	static const uint8_t one_more[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 11 << 3, 0x01, 0x00, 0x00};
	assert_int_equal(open_raw(greedy, sizeof greedy), -ERR_INVALID);
	assert_int_equal(open_raw(one_more, sizeof one_more), -ERR_INVALID);
	assert_int_equal(open_raw(modest, sizeof modest), 0);
}

static void bodies_that_are_no_frame_are_refused(void **state)
{
	(void)state;
	uint8_t frame[256];
	size_t n = ZSTD_compress(frame, sizeof frame, text, sizeof text, 1);
	assert_int_equal(open_raw(frame, n), 0); /* without the dictionary is fine too */
	for (size_t length = 1; length < n; length++)
		assert_int_equal(open_raw(frame, length), -ERR_INVALID);
	frame[n] = 0;
	assert_int_equal(open_raw(frame, n + 1), -ERR_INVALID);
	memcpy(frame + n, frame, n);
	assert_int_equal(open_raw(frame, 2 * n), -ERR_INVALID);
	assert_int_equal(open_raw(text, sizeof text), -ERR_INVALID);
	for (int round = 0; round < 2000; round++) {
		uint8_t body[64];
		size_t length = (size_t)random_in(4, sizeof body);
		for (size_t i = 0; i < length; i++)
			body[i] = (uint8_t)random_64();
		memcpy(body, frame, (size_t)random_in(0, 4));
		open_raw(body, length);
	}
}

static void keys_that_are_no_points_are_refused(void **state)
{
	(void)state;
	struct err e;
	struct buffer out = {0};
	/* The neutral element, a point of small order, and no point at all. */
	uint8_t weak[3][KEY_PUBLIC] = {{1}, {0}, {2}};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(envelope_seal(ENVELOPE_BATCH, &unit, weak[i], text, sizeof text, &out, &e), -ERR_INVALID);
		assert_int_equal(out.length, 0);
	}
	/* With the neutral element as sender, a signature of R = neutral element and s = 0 would fit any message. */
	struct buffer envelope = sealed(ENVELOPE_BATCH, &unit, centre.public_key);
	memcpy(envelope.bytes + 6, weak[0], KEY_PUBLIC);
	memset(envelope.bytes + SIGNATURE, 0, 64);
	envelope.bytes[SIGNATURE] = 1;
	assert_int_equal(open_copy(envelope.bytes, envelope.length, ENVELOPE_BATCH, &centre, weak[0]), -ERR_FORGED);
	buffer_free(&envelope);
	buffer_free(&out);
}

static void the_dictionary_is_that_of_version_1(void **state)
{
	(void)state;
	uint8_t digest[32];
	char hex[65];
	keys_digest(dictionary, dictionary_length, digest);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	/* As in docs/protocol.md. With any other, no envelope that was ever written could be opened. */
	assert_int_equal(ENVELOPE_VERSION, 1);
	assert_string_equal(hex, "d22ae19d4e81dabac69f8a0c206ad289a00451906d3c3fcf02a862693a2d0dfe");
}

/* Whoever writes another implementation has the dictionary from there. */
static void the_manual_has_the_dictionary(void **state)
{
	(void)state;
	static const char head[] = "```dictionary\n";
	struct err e;
	struct buffer manual = {0};
	if (file_read("docs/protocol.md", 1 << 20, &manual, &e))
		skip(); /* not run from the root of the tree */
	assert_int_equal(buffer_append(&manual, "", 1, &e), 0);
	const char *at = strstr((const char *)manual.bytes, head);
	assert_non_null(at);
	at += strlen(head);
	for (size_t i = 0; i < dictionary_length; at++)
		if (*at != '\n')
			assert_int_equal(*at, dictionary[i++]);
	assert_int_equal(strncmp(at, "\n```", 4), 0);
	buffer_free(&manual);
}

static void digests_are_blake2b(void **state)
{
	(void)state;
	uint8_t digest[ENVELOPE_DIGEST];
	char hex[65];
	envelope_digest("abc", 3, digest);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	/* printf abc | b2sum -l 256 */
	assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens),
		cmocka_unit_test(documents_of_all_sizes_come_back),
		cmocka_unit_test(what_is_too_large_is_not_sealed),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(only_the_right_sender_recipient_and_kind_will_do),
		cmocka_unit_test(a_stolen_body_signed_by_another_opens_as_that_of_the_other),
		cmocka_unit_test(heads_are_read_without_trust),
		cmocka_unit_test(bombs_are_not_inflated),
		cmocka_unit_test(frames_that_want_much_memory_are_refused),
		cmocka_unit_test(bodies_that_are_no_frame_are_refused),
		cmocka_unit_test(keys_that_are_no_points_are_refused),
		cmocka_unit_test(the_dictionary_is_that_of_version_1),
		cmocka_unit_test(the_manual_has_the_dictionary),
		cmocka_unit_test(digests_are_blake2b),
	};
	if (keys_start(&e))
		return 1;
	keys_generate(&unit);
	keys_generate(&centre);
	keys_generate(&stranger);
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
