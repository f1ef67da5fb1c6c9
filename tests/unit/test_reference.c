/* Reference data as a document: it comes back as it went, has one digest on both sides, and nothing unsound gets in. */
#include "hal/json.h"
#include "sync/keys.h"
#include "sync/receipt.h"
#include "sync/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char some[] =
	"{\"machine_id\":\"van\",\"organizations\":[{\"organization_id\":7,\"organization_name\":\"Fleet\"}],"
	"\"applications\":[{\"application_id\":3,\"name\":\"Harvest\"},{\"application_id\":4}],"
	"\"users\":[{\"user_id\":\"ana\",\"full_name\":\"Ana \\\"the\\\" Ünal\",\"organization_id\":7},"
	"{\"user_id\":\"bo\",\"organization_id\":7}],"
	"\"application_users\":[{\"application_user_id\":1,\"application_id\":4,\"user_id\":\"bo\"}],"
	"\"machines\":[{\"machine_id\":\"van\",\"serial_no\":\"S\",\"operation_start_date\":\"2020-02-29\","
	"\"organization_id\":7},{\"machine_id\":\"zoo\"}]}";

static struct reference read_some(void)
{
	struct reference reference;
	struct err e;
	if (reference_read(some, &reference, &e))
		fail_msg("%s", e.text);
	return reference;
}

static char *written(const struct reference *reference)
{
	cJSON *object = cJSON_CreateObject();
	assert_true(reference_add(object, reference));
	char *text = json_print(object);
	cJSON_Delete(object);
	return text;
}

static void it_comes_back(void **state)
{
	(void)state;
	struct reference reference = read_some();
	char *text = written(&reference);
	assert_string_equal(text, some);
	assert_string_equal(reference.users[reference.application_users[0].user].id, "bo");
	free(text);
	reference_free(&reference);
	reference_free(&reference);
	reference_free(NULL);
	struct err e;
	assert_int_equal(reference_read("{\"cut\":true}", &reference, &e), 0);
	assert_true(reference.cut && !reference.user_count);
}

static void it_goes_with_a_receipt(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct receipt back, receipt = {.store_id = "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d",
	                                .exchange = 1,
	                                .device_id = 1,
	                                .has_reference = true,
	                                .reference = read_some()};
	uint8_t a[REFERENCE_DIGEST], b[REFERENCE_DIGEST];
	if (receipt_encode(&receipt, &document, &e) || receipt_decode(document.bytes, document.length, &back, &e))
		fail_msg("%s", e.text);
	assert_true(back.has_reference);
	reference_digest(&receipt.reference, a);
	reference_digest(&back.reference, b);
	assert_memory_equal(a, b, sizeof a);
	receipt_free(&receipt);
	receipt_free(&back);
	buffer_free(&document);
}

/* The bytes are written down: both sides, and both ends of an upgrade, must agree on them. */
static void its_digest_is_fixed(void **state)
{
	(void)state;
	uint8_t digest[REFERENCE_DIGEST];
	char hex[2 * REFERENCE_DIGEST + 1];
	struct reference reference = read_some();
	reference_digest(&reference, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(hex, "009e5fd9140137f0");
	reference_free(&reference);
}

static void any_change_is_another_digest(void **state)
{
	(void)state;
	static const char *const changes[][2] = {
		{"van\",\"org", "vam\",\"org"},
		{"Fleet", "Fleets"},
		{"Harvest", "harvest"},
		{"2020-02-29", "2020-02-28"},
		{"\"S\"", "\"T\""},
		{"\"application_id\":4,\"user", "\"application_id\":3,\"user"},
		{"user_id\":1", "user_id\":2"},
		{"{\"machine_id\":\"zoo\"}", "{\"machine_id\":\"zop\"}"},
		{"{\"machine_id\":\"van\",\"org", "{\"cut\":true,\"machine_id\":\"van\",\"org"},
	};
	uint8_t before[REFERENCE_DIGEST], after[REFERENCE_DIGEST];
	struct reference reference = read_some();
	reference_digest(&reference, before);
	reference_free(&reference);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char text[sizeof some + 64];
		struct err e;
		const char *at = strstr(some, changes[i][0]);
		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - some), some, changes[i][1], at + strlen(changes[i][0]));
		if (reference_read(text, &reference, &e))
			fail_msg("%s: %s", changes[i][1], e.text);
		reference_digest(&reference, after);
		reference_free(&reference);
		if (!memcmp(before, after, sizeof before))
			fail_msg("%s has the same digest", changes[i][1]);
	}
}

static void what_is_unsound_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"users\":[{\"user_id\":\"a\",\"organization_id\":7}]}", /* of an organization that is not there */
		"{\"machines\":[{\"machine_id\":\"m\",\"organization_id\":7}]}",
		"{\"machines\":[{\"machine_id\":\"m\"},{\"machine_id\":\"m\"}]}", /* twice */
		"{\"machines\":[{\"machine_id\":\"\"}]}",
		"{\"machines\":[{\"machine_id\":\"m\",\"operation_start_date\":\"2021-02-29\"}]}",
		"{\"machines\":[{\"machine_id\":\"m\",\"operation_start_date\":\"soon\"}]}",
		"{\"applications\":[{\"application_id\":4},{\"application_id\":3}]}", /* falling */
		"{\"applications\":[{\"application_id\":0}]}",
		"{\"organizations\":[{\"organization_id\":1},{\"organization_id\":1}]}",
		("{\"applications\":[{\"application_id\":1}],"
	     "\"application_users\":[{\"application_user_id\":1,\"application_id\":1,\"user_id\":\"a\"}]}"),
		"{\"application_users\":[{\"application_user_id\":1,\"application_id\":1,\"user_id\":\"a\"}]}",
		"{\"users\":7}",
		"[]",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct reference reference = {0};
		struct err e;
		if (reference_read(bad[i], &reference, &e) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_null(reference.users);
	}
}

static void what_is_too_much_is_refused(void **state)
{
	(void)state;
	struct buffer text = {0};
	struct reference reference;
	struct err e;
	buffer_append(&text, "{\"applications\":[", 17, &e);
	for (int i = 1; i <= REFERENCE_APPLICATIONS_MAX + 1; i++) {
		char item[64];
		int length = snprintf(item, sizeof item, "%s{\"application_id\":%d}", i > 1 ? "," : "", i);
		buffer_append(&text, item, (size_t)length, &e);
	}
	buffer_append(&text, "]}", 3, &e);
	assert_int_equal(reference_read((char *)text.bytes, &reference, &e), -ERR_LIMIT);
	buffer_free(&text);
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_back),
		cmocka_unit_test(it_goes_with_a_receipt),
		cmocka_unit_test(its_digest_is_fixed),
		cmocka_unit_test(any_change_is_another_digest),
		cmocka_unit_test(what_is_unsound_is_refused),
		cmocka_unit_test(what_is_too_much_is_refused),
	};
	return keys_start(&e) ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
