#include "hal/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_there_and_back(void **state)
{
	uint8_t bytes[256], back[256];
	char text[2 * sizeof bytes + 1];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	hex_write(bytes, sizeof bytes, text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_memory_equal(text + 508, "feff", 5);
	assert_true(hex_read(text, back, sizeof back));
	assert_memory_equal(back, bytes, sizeof bytes);
	assert_true(hex_is(text, bytes, sizeof bytes));
	bytes[255] ^= 1;
	assert_false(hex_is(text, bytes, sizeof bytes));
}

static void test_other_texts(void **state)
{
	static const char *const texts[] = {"",     "00",   "0",    "000",  "00000",     "000g",
	                                    "00 0", "AB00", "0x00", "+0-0", "00\xff\xff"};
	const uint8_t nothing[2] = {0};
	uint8_t out[2] = {7, 7};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(hex_read(texts[i], out, sizeof out));
		assert_false(hex_is(texts[i], nothing, sizeof nothing));
	}
	assert_int_equal(out[0] + out[1], 14);
	assert_true(hex_read("", out, 0));
	assert_true(hex_is("", nothing, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_other_texts),
	};
	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
