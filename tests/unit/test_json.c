/* Reading JSON from outside: whatever is not exactly what was asked for is refused and named. */
#include "hal/json.h"

#include "hal/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cJSON *parsed(const char *text)
{
	cJSON *value = NULL;
	struct err e = {0};
	assert_int_equal(json_parse(text, strlen(text), &value, &e), 0);
	return value;
}

static void test_parse_wants_one_value(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "{}x", "[1,]", "{\"a\":}", "{} {}", "nul"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cJSON *value = NULL;
		struct err e = {0};
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), &value, &e), -ERR_INVALID);
		assert_null(value);
		assert_true(e.text[0]);
	}
	cJSON_Delete(parsed(" {\"a\": [1, 2]}\n"));
}

static void test_ints(void **state)
{
	(void)state;
	cJSON *o =
		parsed("{\"a\":5,\"half\":1.5,\"huge\":1e300,\"top\":9007199254740991,\"over\":9007199254740994,\"t\":\"5\"}");
	struct err e = {0};
	int64_t n = -7;
	assert_int_equal(json_get_int(o, "a", 0, 10, &n, &e), 0);
	assert_int_equal(n, 5);
	assert_int_equal(json_get_int(o, "a", 6, 10, &n, &e), -ERR_INVALID);
	assert_int_equal(json_get_int(o, "a", 0, 4, &n, &e), -ERR_INVALID);
	assert_int_equal(n, 5);
	assert_non_null(strstr(e.text, "\"a\""));
	static const char *const bad[] = {"half", "huge", "over", "t", "absent"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(json_get_int(o, bad[i], INT64_MIN, INT64_MAX, &n, &e), -ERR_INVALID);
	assert_int_equal(json_get_int(o, "top", 0, INT64_MAX, &n, &e), 0);
	assert_true(n == INT64_C(9007199254740991));
	cJSON_Delete(o);
}

static void test_text_is_bounded(void **state)
{
	(void)state;
	cJSON *o = parsed("{\"t\":\"12345\",\"n\":null,\"i\":3}");
	struct err e = {0};
	char six[6] = "", five[5] = "keep";
	assert_int_equal(json_get_text(o, "t", six, sizeof six, &e), 0);
	assert_string_equal(six, "12345");
	assert_int_equal(json_get_text(o, "t", five, sizeof five, &e), -ERR_INVALID);
	assert_string_equal(five, "keep");
	assert_int_equal(json_get_text(o, "n", six, sizeof six, &e), 0);
	assert_string_equal(six, "");
	assert_int_equal(json_get_text(o, "i", six, sizeof six, &e), -ERR_INVALID);
	assert_int_equal(json_get_text(o, "absent", six, sizeof six, &e), -ERR_INVALID);
	cJSON_Delete(o);
}

static void test_hex(void **state)
{
	(void)state;
	struct err e = {0};
	uint8_t bytes[3] = {0x00, 0x9f, 0xff}, back[3] = {1, 1, 1};
	cJSON *o = cJSON_CreateObject();
	json_add_hex(o, "h", bytes, 3);
	cJSON_AddStringToObject(o, "short", "00ff");
	cJSON_AddStringToObject(o, "upper", "00FFAA");
	cJSON_AddStringToObject(o, "long", "00ffaa11");
	assert_int_equal(json_get_hex(o, "h", back, 3, &e), 0);
	assert_memory_equal(bytes, back, 3);
	assert_int_equal(json_get_hex(o, "short", back, 3, &e), -ERR_INVALID);
	assert_int_equal(json_get_hex(o, "upper", back, 3, &e), -ERR_INVALID);
	assert_int_equal(json_get_hex(o, "long", back, 3, &e), -ERR_INVALID);
	assert_int_equal(json_get_hex(o, "absent", back, 3, &e), -ERR_INVALID);
	cJSON_Delete(o);
}

static void test_ranges(void **state)
{
	(void)state;
	struct err e = {0};
	struct ranges in = {0}, out = {0};
	assert_int_equal(ranges_add(&in, 1, 5, &e), 0);
	assert_int_equal(ranges_add(&in, 9, SEQ_MAX, &e), 0);
	cJSON *o = cJSON_CreateObject();
	json_add_ranges(o, "r", &in);
	char *text = json_print(o);
	assert_string_equal(text, "{\"r\":[[1,5],[9,1099511627775]]}");
	assert_int_equal(json_get_ranges(o, "r", &out, &e), 0);
	assert_true(ranges_equal(&in, &out));
	free(text);
	cJSON_Delete(o);
	ranges_free(&in);
	ranges_free(&out);
	static const char *const bad[] = {"{\"r\":[[0,5]]}",
	                                  "{\"r\":[[5,1]]}",
	                                  "{\"r\":[[1]]}",
	                                  "{\"r\":[[1,2,3]]}",
	                                  "{\"r\":[[1,2.5]]}",
	                                  "{\"r\":[1,2]}",
	                                  "{\"r\":{}}",
	                                  "{}",
	                                  "{\"r\":[[1,\"2\"]]}",
	                                  "{\"r\":[[1,1e13]]}",
	                                  "{\"r\":[[1,2],[3,4]]}",
	                                  "{\"r\":[[5,6],[1,2]]}",
	                                  "{\"r\":[[1,5],[5,9]]}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cJSON *b = parsed(bad[i]);
		assert_int_equal(json_get_ranges(b, "r", &out, &e), -ERR_INVALID);
		assert_int_equal(out.count, 0);
		cJSON_Delete(b);
	}
}

static void test_time(void **state)
{
	(void)state;
	cJSON *o = cJSON_CreateObject();
	json_add_time(o, "t", INT64_C(1763768000123));
	json_add_time(o, "none", 0);
	json_add_text_or_null(o, "empty", "");
	char *text = json_print(o);
	assert_string_equal(text, "{\"t\":\"2025-11-21T23:33:20.123Z\",\"none\":null,\"empty\":null}");
	free(text);
	cJSON_Delete(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_wants_one_value),
		cmocka_unit_test(test_ints),
		cmocka_unit_test(test_text_is_bounded),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
