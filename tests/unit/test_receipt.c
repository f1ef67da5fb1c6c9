#include "sync/receipt.h"
#include "tests/unit/random.h"
#include "tests/unit/spoilt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORE_ID "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d"

static struct receipt some_receipt(void)
{
	struct err e;
	struct receipt receipt = {
		.store_id = STORE_ID,
		.exchange = 8123,
		.centre_ms = INT64_C(1795304000000),
		.session_count = 2,
		.sessions = calloc(2, sizeof(struct receipt_session)),
		.device_id = 12,
		.device_name = "Lieferwagen \"Zoë\"",
		.device_color = "blue",
		.device_active = true,
		.announces_key = true,
		.url = "https://next.example",
		.verify_ms = 1795304000000,
	};
	memset(receipt.centre_key, 0xef, sizeof receipt.centre_key);
	memset(receipt.batch_digest, 0xcd, sizeof receipt.batch_digest);
	struct receipt_stream *points = &receipt.streams[STREAM_POINTS];
	assert_int_equal(ranges_add(&points->accounted, 1, 5000, &e), 0);
	assert_int_equal(ranges_add(&points->accounted, 6001, SEQ_MAX, &e), 0);
	assert_int_equal(ranges_add(&points->dropped, 9, 12, &e), 0);
	assert_int_equal(ranges_add(&points->missing, 5001, 6000, &e), 0);
	points->rejected = calloc(1, sizeof *points->rejected);
	points->rejected_count = 1;
	points->rejected[0] = (struct receipt_rejected){.seq = 77, .code = "22003", .reason = "numeric field overflow"};
	points->rejected_total = 2000;
	points->fresh = 5000;
	points->known = 3;
	points->proofs = calloc(1, sizeof *points->proofs);
	points->proof_count = 1;
	points->proofs[0] = (struct stretch){.first = 7, .last = 20, .digest = {1, 2, 3}};
	receipt.forgotten = true;
	receipt.checkpoint = 1;
	snprintf(receipt.sessions[0].session_id, UUID_TEXT, STORE_ID);
	receipt.sessions[0].revision = 3;
	snprintf(receipt.sessions[0].lost, NAME_TEXT, "user_id machine_id");
	receipt.sessions[0].seen = 40;
	snprintf(receipt.sessions[0].refused, RECEIPT_REASON_TEXT, "session x: \"no\"");
	receipt.sessions[0].edits = (struct session_edits){
		.revision = 77,
		.changed = {[SESSION_USER] = 77, [SESSION_MACHINE] = 50, [SESSION_STARTED] = 51, [SESSION_STATUS] = 52},
		.values = {
			.machine_id = "van \"3\"", .status = SESSION_ENDED, .started_at_ms = 5, .ended_at_ms = 6, .revision = 3}};
	snprintf(receipt.sessions[1].session_id, UUID_TEXT, "d0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d");
	receipt.sessions[1].edits =
		(struct session_edits){.revision = 9, .changed = {[SESSION_APPLICATION] = 9}, .values = {.application_id = 4}};
	receipt.sessions[1].differs = true;
	receipt.sessions[1].edits.values.started_at_ms = 5;
	receipt.sessions[1].edits.values.status = SESSION_ENDED;
	receipt.sessions[1].edits.values.ended_at_ms = 7;
	return receipt;
}

static void assert_same_stream(const struct receipt_stream *a, const struct receipt_stream *b)
{
	assert_true(ranges_equal(&a->accounted, &b->accounted));
	assert_true(ranges_equal(&a->dropped, &b->dropped));
	assert_true(ranges_equal(&a->missing, &b->missing));
	assert_int_equal(a->rejected_count, b->rejected_count);
	for (size_t i = 0; i < a->rejected_count; i++) {
		assert_true(a->rejected[i].seq == b->rejected[i].seq);
		assert_string_equal(a->rejected[i].code, b->rejected[i].code);
		assert_string_equal(a->rejected[i].reason, b->rejected[i].reason);
	}
	assert_true(a->rejected_total == b->rejected_total && a->fresh == b->fresh && a->known == b->known);
	assert_int_equal(a->proof_count, b->proof_count);
	for (size_t i = 0; i < a->proof_count; i++)
		assert_memory_equal(&a->proofs[i], &b->proofs[i], sizeof a->proofs[i]);
}

static void round_trip(const struct receipt *a)
{
	struct err e;
	struct buffer document = {0};
	struct receipt b;
	if (receipt_encode(a, &document, &e) || receipt_decode(document.bytes, document.length, &b, &e))
		fail_msg("%s", e.text);
	assert_string_equal(a->store_id, b.store_id);
	assert_true(a->exchange == b.exchange && a->centre_ms == b.centre_ms && a->verify_ms == b.verify_ms);
	assert_memory_equal(a->batch_digest, b.batch_digest, ENVELOPE_DIGEST);
	for (int s = 0; s < STREAM_COUNT; s++)
		assert_same_stream(&a->streams[s], &b.streams[s]);
	assert_int_equal(a->session_count, b.session_count);
	for (size_t i = 0; i < a->session_count; i++) {
		assert_string_equal(a->sessions[i].session_id, b.sessions[i].session_id);
		assert_string_equal(a->sessions[i].lost, b.sessions[i].lost);
		assert_string_equal(a->sessions[i].refused, b.sessions[i].refused);
		assert_true(a->sessions[i].revision == b.sessions[i].revision && a->sessions[i].seen == b.sessions[i].seen);
		assert_true(a->sessions[i].differs == b.sessions[i].differs);
		assert_memory_equal(&a->sessions[i].edits, &b.sessions[i].edits, sizeof b.sessions[i].edits);
	}
	assert_true(a->device_id == b.device_id && a->device_active == b.device_active);
	assert_int_equal(a->standing, b.standing);
	assert_int_equal(a->forgotten, b.forgotten);
	assert_int_equal(a->checkpoint, b.checkpoint);
	assert_true(a->announces_key == b.announces_key);
	assert_memory_equal(a->centre_key, b.centre_key, KEY_PUBLIC);
	assert_string_equal(a->url, b.url);
	assert_string_equal(a->device_name, b.device_name);
	assert_string_equal(a->device_color, b.device_color);
	receipt_free(&b);
	buffer_free(&document);
}

static void a_receipt_comes_back(void **state)
{
	(void)state;
	struct receipt receipt = some_receipt();
	round_trip(&receipt);
	receipt_free(&receipt);
	receipt_free(&receipt);
	receipt_free(NULL);
}

static void a_receipt_for_nothing_comes_back(void **state)
{
	(void)state;
	struct receipt receipt = {.store_id = STORE_ID, .exchange = 1, .device_id = 1};
	for (int standing = 0; standing < STANDING_COUNT; standing++) {
		receipt.standing = (enum receipt_standing)standing;
		round_trip(&receipt);
	}
}

static void a_receipt_of_the_largest_size_comes_back_sealed(void **state)
{
	(void)state;
	struct err e;
	struct key_pair unit, centre;
	struct buffer document = {0}, envelope = {0}, opened = {0};
	struct receipt back, receipt = some_receipt();
	for (int s = 0; s < STREAM_COUNT; s++) {
		struct receipt_stream *stream = &receipt.streams[s];
		ranges_free(&stream->accounted);
		ranges_free(&stream->missing);
		int64_t at = 0;
		for (int i = 0; i < RANGES_MAX; i++) {
			at += random_in(2, 99999999);
			assert_int_equal(ranges_add(i % 2 ? &stream->accounted : &stream->missing, at, at, &e), 0);
		}
		free(stream->rejected);
		stream->rejected = calloc(RECEIPT_REJECTED_MAX, sizeof *stream->rejected);
		stream->rejected_count = RECEIPT_REJECTED_MAX;
		for (size_t i = 0; i < RECEIPT_REJECTED_MAX; i++) {
			stream->rejected[i].seq = (int64_t)i + 1;
			memset(stream->rejected[i].reason, 'a' + (int)(i % 26), RECEIPT_REASON_TEXT - 1);
		}
	}
	round_trip(&receipt);
	keys_generate(&unit);
	keys_generate(&centre);
	assert_int_equal(receipt_encode(&receipt, &document, &e), 0);
	assert_int_equal(
		envelope_seal(ENVELOPE_RECEIPT, &centre, unit.public_key, document.bytes, document.length, &envelope, &e), 0);
	assert_int_equal(
		envelope_open(envelope.bytes, envelope.length, ENVELOPE_RECEIPT, &unit, centre.public_key, &opened, &e), 0);
	assert_int_equal(receipt_decode(opened.bytes, opened.length, &back, &e), 0);
	receipt_free(&back);
	receipt_free(&receipt);
	buffer_free(&document);
	buffer_free(&envelope);
	buffer_free(&opened);
}

static void more_than_allowed_is_not_written(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct receipt receipt = {.store_id = STORE_ID, .exchange = 1, .device_id = 1};
	receipt.session_count = RECEIPT_SESSIONS_MAX + 1;
	assert_int_equal(receipt_encode(&receipt, &document, &e), -ERR_LIMIT);
	receipt.session_count = 0;
	receipt.streams[STREAM_EVENTS].rejected_count = RECEIPT_REJECTED_MAX + 1;
	assert_int_equal(receipt_encode(&receipt, &document, &e), -ERR_LIMIT);
	buffer_free(&document);
}

static const char good[] =
	"{\"store_id\":\"" STORE_ID "\",\"exchange\":8,\"batch_digest\":"
	"\"abababababababababababababababababababababababababababababababab\",\"centre_ms\":5,"
	"\"points\":{\"accounted\":[[1,9]],\"rejected\":[{\"seq\":3,\"code\":\"22003\",\"reason\":\"why\"}],\"fresh\":9},"
	"\"events\":{\"accounted\":[]},\"sessions\":[{\"session_id\":\"" STORE_ID "\",\"revision\":1,\"seen\":6,"
	"\"centre_revision\":9,\"changed\":{\"user_id\":7,\"status\":9},\"user_id\":\"ana\",\"status\":\"ended\",\"ended_"
	"at_ms\":4}],"
	"\"device\":{\"id\":1,\"active\":true},"
	"\"reference\":{\"machine_id\":\"van\",\"machines\":[{\"machine_id\":\"van\"}]}}";

static int decode(const char *text, size_t length)
{
	struct err e;
	struct receipt receipt;
	int rc = receipt_decode(text, length, &receipt, &e);
	if (!rc)
		receipt_free(&receipt);
	return rc;
}

static const struct spoilt spoilt[] = {
	{"\"exchange\":8", "\"exchange\":8,\"later\":{}", 0},
	{"\"exchange\":8", "\"exchange\":0", -ERR_INVALID},
	{"\"exchange\":8", "\"x\":8", -ERR_INVALID},
	{"c0a8", "C0A8", -ERR_INVALID},
	{"abab", "ab", -ERR_INVALID},
	{"\"centre_ms\":5", "\"centre_ms\":null", -ERR_INVALID},
	{"\"events\"", "\"Events\"", -ERR_INVALID},
	{"\"accounted\":[]", "\"missing\":[]", -ERR_INVALID},
	{"[[1,9]]", "[[9,1]]", -ERR_INVALID},
	{"[[1,9]]", "[[1]]", -ERR_INVALID},
	{"[[1,9]]", "[[1,9,10]]", -ERR_INVALID},
	{"[[1,9]]", "[[1,1099511627776]]", -ERR_INVALID},
	{"\"seq\":3", "\"seq\":0", -ERR_INVALID},
	{"\"seq\":3", "\"seq\":3.5", -ERR_INVALID},
	{"22003", "0123456789abcdef", -ERR_INVALID},
	{"\"fresh\":9", "\"fresh\":-1", -ERR_INVALID},
	{"\"revision\":1", "\"revision\":-1", -ERR_INVALID},
	{"\"id\":1", "\"id\":0", -ERR_INVALID},
	{"\"active\":true", "\"active\":1", -ERR_INVALID},
	{"\"active\":true", "\"active\":false", 0},
	{"}]}}", "}]},\"checkpoint\":1}", 0},
	{"}]}}", "}]},\"checkpoint\":0}", -ERR_INVALID},
	{"}]}}", "}]},\"checkpoint\":1000000000000000}", -ERR_INVALID},
	{"}]}}", "}]},\"checkpoint\":\"1\"}", -ERR_INVALID},
	{"}]}}", "}]},\"standing\":\"revoked\"}", 0},
	{"}]}}", "}]},\"standing\":\"\"}", 0},
	{"}]}}", "}]},\"standing\":\"on probation\"}", -ERR_INVALID},
	{"}]}}", "}]},\"standing\":\"a standing that is far too long\"}", -ERR_INVALID},
	{"}]}}", "}]},\"standing\":1}", -ERR_INVALID},
	{"}]}}", "}]},\"url\":\"https://next\"}", 0},
	{"}]}}", "}]},\"url\":\"ftp://next\"}", -ERR_INVALID},
	{"}]}}", "}]},\"url\":\"https://a:b@next\"}", -ERR_INVALID},
	{"}]}}", "}]},\"url\":\"https://next/?x=\"}", -ERR_INVALID},
	{"}]}}", "}]},\"centre_key\":\"abab\"}", -ERR_INVALID},
	{"}]}}", "}]},\"centre_key\":null}", -ERR_INVALID},
	{"\"user_id\":7", "\"user_id\":10", -ERR_INVALID}, /* after the last */
	{"\"user_id\":7", "\"user_id\":0", -ERR_INVALID},
	{"\"user_id\":\"ana\",", "", 0}, /* nobody is a change, too */
	{"\"ended_at_ms\":4", "\"ended_at\":4", -ERR_INVALID},
	{"\"changed\":{", "\"changed\":7,\"c\":{", -ERR_INVALID},
	{"\"changed\":{", "\"changed\":{\"color\":3,", 0},
	{"\"seen\":6", "\"seen\":-6", -ERR_INVALID},
	{"\"reference\":{", "\"reference\":7,\"r\":{", -ERR_INVALID},
	{"[{\"machine_id\":\"van\"}]", "[{}]", -ERR_INVALID},
	{"}]}}", "}]}} x", -ERR_INVALID},
	{"}]}}", "}]}", -ERR_INVALID},
};

static void members_are_checked(void **state)
{
	(void)state;
	decode_spoilt(decode, good, spoilt, sizeof spoilt / sizeof *spoilt);
	decode_twisted(decode, good);
}

static void changed_documents_are_refused_or_sound(void **state)
{
	(void)state;
	struct err e;
	struct receipt back;
	for (int round = 0; round < 20000; round++) {
		struct buffer again = {0};
		size_t length = (size_t)random_in(0, sizeof good - 1);
		if (round % 2)
			length = sizeof good - 1;
		char *copy = malloc(length + 1);
		memcpy(copy, good, length);
		for (int64_t changes = random_in(0, 3); changes && length; changes--)
			copy[random_in(0, (int64_t)length - 1)] = (char)random_64();
		if (receipt_decode(copy, length, &back, &e) == 0) {
			assert_int_equal(receipt_encode(&back, &again, &e), 0);
			receipt_free(&back);
		}
		buffer_free(&again);
		free(copy);
	}
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receipt_comes_back),
		cmocka_unit_test(a_receipt_for_nothing_comes_back),
		cmocka_unit_test(a_receipt_of_the_largest_size_comes_back_sealed),
		cmocka_unit_test(more_than_allowed_is_not_written),
		cmocka_unit_test(members_are_checked),
		cmocka_unit_test(changed_documents_are_refused_or_sound),
	};
	if (keys_start(&e))
		return 1;
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
