/* Token buckets by a clock of our own, and whose address it is. */
#include "sync/central/addresses.h"
#include "sync/central/limits.h"
#include "sync/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct limits *fresh(int64_t per_minute)
{
	struct limits *limits = calloc(1, sizeof *limits);
	limits->per_minute = per_minute;
	return limits;
}

static void key_of(uint32_t number, uint8_t key[LIMITS_KEY])
{
	memset(key, 7, LIMITS_KEY);
	memcpy(key, &number, sizeof number);
}

static void a_minute_at_once_and_then_by_and_by(void **state)
{
	struct limits *limits = fresh(60);
	uint8_t key[LIMITS_KEY];
	int64_t now = 1000000;
	(void)state;
	key_of(1, key);
	for (int i = 0; i < 60; i++)
		assert_int_equal(limits_take(limits, key, now), 0);
	assert_int_equal(limits_take(limits, key, now), 1000);
	assert_int_equal(limits_take(limits, key, now + 400), 600); /* asking costs nothing */
	assert_int_equal(limits_take(limits, key, now + 1000), 0);
	assert_int_equal(limits_take(limits, key, now + 1000), 1000);
	int taken = 0;
	for (int64_t t = now + 1001; t <= now + 601000; t += 10)
		taken += limits_take(limits, key, t) == 0;
	assert_in_range(taken, 599, 600);
	for (int i = 0; i < 60; i++)
		assert_int_equal(limits_take(limits, key, now + 10000000), 0);
	assert_int_not_equal(limits_take(limits, key, now + 10000000), 0);
	free(limits);
}

static void others_are_not_concerned(void **state)
{
	struct limits *limits = fresh(2);
	uint8_t key[LIMITS_KEY];
	(void)state;
	for (uint32_t n = 1; n <= 1000; n++) {
		key_of(n, key);
		assert_int_equal(limits_take(limits, key, 5000), 0);
		assert_int_equal(limits_take(limits, key, 5000), 0);
		assert_int_not_equal(limits_take(limits, key, 5000), 0);
	}
	/* A hundred times as many as there is room for: each may come. */
	struct limits *none = fresh(0);
	for (uint32_t n = 0; n < 800000; n++) {
		key_of(n, key);
		assert_int_equal(limits_take(limits, key, 200000), 0);
		assert_int_equal(limits_take(none, key, 1), 0);
	}
	free(limits);
	free(none);
}

static const char *client(const char *trusted, const char *peer, const char *forwarded)
{
	static char out[ADDRESS_TEXT];
	struct addresses list;
	struct err e;
	uint8_t from[ADDRESS], found[ADDRESS];
	assert_int_equal(addresses_parse(trusted, &list, &e), 0);
	assert_true(address_parse(peer, strlen(peer), from));
	address_of_client(&list, from, forwarded, found);
	return address_format(found, out);
}

static void only_trusted_proxies_are_believed(void **state)
{
	(void)state;
	assert_string_equal(client("", "127.0.0.1", "8.8.8.8"), "127.0.0.1");
	assert_string_equal(client("127.0.0.1", "127.0.0.1", NULL), "127.0.0.1");
	assert_string_equal(client("127.0.0.1", "127.0.0.1", "8.8.8.8"), "8.8.8.8");
	assert_string_equal(client("127.0.0.1", "127.0.0.2", "8.8.8.8"), "127.0.0.2");
	/* What the client wrote by itself stands in front. */
	assert_string_equal(client("127.0.0.1", "127.0.0.1", "1.2.3.4, 8.8.8.8"), "8.8.8.8");
	assert_string_equal(client("127.0.0.1, 10.0.0.0/8", "127.0.0.1", "1.2.3.4,8.8.8.8 , 10.9.8.7"), "8.8.8.8");
	assert_string_equal(client("127.0.0.1", "127.0.0.1", "1.2.3.4, unknown"), "127.0.0.1");
	assert_string_equal(client("127.0.0.1", "127.0.0.1", ""), "127.0.0.1");
	assert_string_equal(client("127.0.0.1", "127.0.0.1", "8.8.8.8:4711"), "8.8.8.8");
	assert_string_equal(client("::1", "::1", "[2001:db8::7]:4711"), "2001:db8::7");
	assert_string_equal(client("::1 fd00::/8", "fdab::1", "2001:db8::7"), "2001:db8::7");
	assert_string_equal(client("10.0.0.0/9", "::ffff:10.127.0.1", "8.8.8.8"), "8.8.8.8");
	assert_string_equal(client("10.0.0.0/9", "10.128.0.1", "8.8.8.8"), "10.128.0.1");
	assert_string_equal(client("0.0.0.0/0", "9.9.9.9", "1.1.1.1"), "1.1.1.1");
	assert_string_equal(client("0.0.0.0/0", "2001:db8::7", "1.1.1.1"), "2001:db8::7");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {"x",     "127.0.0.1/33", "10.0.0.0/", "10.0.0.0/8x",  "::/129",
	                                  "1.2.3", "1.2.3.4/-1",   "[::1",      "proxy.example"};
	struct addresses list;
	struct err e;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (addresses_parse(bad[i], &list, &e) != -ERR_CONFIG)
			fail_msg("%s was taken", bad[i]);
	char many[1024] = "";
	for (int i = 0; i <= ADDRESSES_MAX; i++)
		strcat(many, "10.0.0.1 ");
	assert_int_equal(addresses_parse(many, &list, &e), -ERR_CONFIG);
	assert_int_equal(addresses_parse("", &list, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute_at_once_and_then_by_and_by),
		cmocka_unit_test(others_are_not_concerned),
		cmocka_unit_test(only_trusted_proxies_are_believed),
		cmocka_unit_test(what_is_no_address_is_refused),
	};
	struct err e;
	return keys_start(&e) ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
