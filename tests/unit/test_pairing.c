#include "sync/pairing.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORE_ID "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d"
#define KEY      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define TOKEN    "__79_Pv6-fj39vX08_Lx8A"

static struct pairing_link some_link(const char *url)
{
	struct pairing_link link;
	snprintf(link.url, sizeof link.url, "%s", url);
	for (int i = 0; i < KEY_PUBLIC; i++)
		link.centre_key[i] = (uint8_t)i;
	for (int i = 0; i < PAIRING_TOKEN; i++)
		link.token[i] = (uint8_t)(255 - i);
	return link;
}

static void a_link_is_written_as_documented(void **state)
{
	(void)state;
	struct err e;
	char text[PAIRING_LINK_TEXT];
	struct pairing_link link = some_link("https://alzy.example:8443/fleet/");
	assert_int_equal(pairing_link_format(&link, text, &e), 0);
	assert_string_equal(text, "alzy://pair?url=https%3A%2F%2Falzy.example%3A8443%2Ffleet&key=" KEY "&token=" TOKEN);
}

static void links_come_back(void **state)
{
	(void)state;
	static const char *const urls[] = {"https://alzy.example", "http://127.0.0.1:8080", "https://[2001:db8::1]:8443",
	                                   "https://h/a-b_c.d~e/%20"};
	struct err e;
	char text[PAIRING_LINK_TEXT];
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct pairing_link back, link = some_link(urls[i]);
		assert_int_equal(pairing_link_format(&link, text, &e), 0);
		assert_int_equal(pairing_link_parse(text, &back, &e), 0);
		assert_string_equal(back.url, urls[i]);
		assert_memory_equal(back.centre_key, link.centre_key, KEY_PUBLIC);
		assert_memory_equal(back.token, link.token, PAIRING_TOKEN);
	}
}

static void links_of_people_are_understood(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"  alzy://pair?url=https%3a%2f%2fh&key=" KEY "&token=" TOKEN "\r\n",
		"alzy://pair?token=" TOKEN "&key=" KEY "&url=https://h/",
		"alzy://pair?later=1&url=https://h&key=" KEY "&token=" TOKEN "&urls=x&",
	};
	struct err e;
	struct pairing_link link;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (pairing_link_parse(texts[i], &link, &e))
			fail_msg("%s: %s", texts[i], e.text);
		assert_string_equal(link.url, "https://h");
	}
}

static void wrong_links_are_refused_with_the_part_that_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *named;
	} cases[] = {
		{"", "alzy://pair?"},
		{"   ", "alzy://pair?"},
		{"https://h", "alzy://pair?"},
		{"alzy://pair", "alzy://pair?"},
		{"ALZY://pair?url=https://h&key=" KEY "&token=" TOKEN, "alzy://pair?"},
		{"alzy://pair?", "url"},
		{"alzy://pair?key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h&token=" TOKEN, "key"},
		{"alzy://pair?url=https://h&key=" KEY, "token"},
		{"alzy://pair?url=https://h&key=" KEY "&token=" TOKEN "&key=" KEY, "two parts key"},
		{"alzy://pair?url=https://h&key=" KEY "A&token=" TOKEN, "key"},
		{"alzy://pair?url=https://h&key=&token=" TOKEN, "key"},
		{"alzy://pair?url=https://h&key=" KEY "&token=" KEY, "token"},
		{"alzy://pair?url=https://h&key=" KEY "&token=" TOKEN " x", "white space"},
		{"alzy://pair?url=https://h &key=" KEY "&token=" TOKEN, "white space"},
		{"alzy://pair?url=ftp://h&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=h&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https:///x&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://:80&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://a@h&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h?x&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%23x&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%0ax&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%00x&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%4&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h%zz&key=" KEY "&token=" TOKEN, "url"},
		{"alzy://pair?url=https://h\xc3\xa9&key=" KEY "&token=" TOKEN, "url"},
	};
	struct err e;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pairing_link link = some_link("untouched");
		assert_int_equal(pairing_link_parse(cases[i].text, &link, &e), -ERR_INVALID);
		if (!strstr(e.text, cases[i].named))
			fail_msg("%s: %s", cases[i].text, e.text);
		assert_string_equal(link.url, "untouched");
	}
}

static void links_that_are_too_long_are_refused(void **state)
{
	(void)state;
	struct err e;
	char text[2000], out[PAIRING_LINK_TEXT];
	struct pairing_link link, long_one = some_link("https://");
	memset(text, 'h', sizeof text);
	memcpy(text, "alzy://pair?url=https://", 24);
	text[sizeof text - 1] = '\0';
	assert_int_equal(pairing_link_parse(text, &link, &e), -ERR_INVALID);
	snprintf(text, sizeof text, "alzy://pair?url=https://%0255d&key=" KEY "&token=" TOKEN, 1);
	assert_int_equal(pairing_link_parse(text, &link, &e), -ERR_INVALID);
	snprintf(text, sizeof text, "alzy://pair?url=https://%0247d&key=" KEY "&token=" TOKEN, 1);
	assert_int_equal(pairing_link_parse(text, &link, &e), 0);
	memset(long_one.url + 8, '/', NAME_TEXT - 10);
	strcpy(long_one.url + NAME_TEXT - 2, "x");
	long_one.url[8] = 'h';
	assert_int_equal(pairing_link_format(&long_one, out, &e), -ERR_LIMIT);
}

static void addresses_that_cant_be_used_are_not_written(void **state)
{
	(void)state;
	static const char *const urls[] = {"", "h", "ftp://h", "https://", "https://h?x", "https://a@h", "https://h x"};
	struct err e;
	char text[PAIRING_LINK_TEXT];
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct pairing_link link = some_link(urls[i]);
		assert_int_equal(pairing_link_format(&link, text, &e), -ERR_INVALID);
	}
}

static void garbage_is_refused(void **state)
{
	(void)state;
	static const char start[] = "alzy://pair?url=https%3A%2F%2Fh&key=" KEY "&token=" TOKEN;
	struct err e;
	for (int round = 0; round < 50000; round++) {
		struct pairing_link link, again;
		char *text = strdup(start), out[PAIRING_LINK_TEXT];
		for (int64_t changes = random_in(1, 3); changes; changes--)
			text[random_in(0, sizeof start - 2)] = (char)random_64();
		if (pairing_link_parse(text, &link, &e) == 0) {
			assert_int_equal(pairing_link_format(&link, out, &e), 0);
			assert_int_equal(pairing_link_parse(out, &again, &e), 0);
			assert_string_equal(link.url, again.url);
		}
		free(text);
	}
}

static void the_hash_of_a_token_is_blake2b(void **state)
{
	(void)state;
	char hash[KEY_HASH_TEXT];
	uint8_t token[PAIRING_TOKEN] = {0};
	pairing_token_hash(token, hash);
	/* head -c 16 /dev/zero | b2sum -l 256 */
	assert_string_equal(hash, "94c1c088cc9453996779630ad3af45cbd92814828dd784cf2aa12df95d1b8afe");
}

static void requests_come_back(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct pairing_request back, request = {.store_id = STORE_ID, .host_name = "pi-7"};
	memset(request.sender, 1, sizeof request.sender);
	memset(request.token, 2, sizeof request.token);
	assert_int_equal(pairing_request_encode(&request, &document, &e), 0);
	assert_int_equal(pairing_request_decode(document.bytes, document.length, &back, &e), 0);
	assert_memory_equal(&request, &back, sizeof back);
	for (size_t length = 0; length < document.length; length++)
		assert_int_equal(pairing_request_decode(document.bytes, length, &back, &e), -ERR_INVALID);
	buffer_free(&document);
}

static void answers_come_back(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct pairing_answer back, answer = {.device_id = 12, .device_name = "Zoë", .centre_ms = INT64_C(1795304000000)};
	memset(answer.token, 2, sizeof answer.token);
	assert_int_equal(pairing_answer_encode(&answer, &document, &e), 0);
	assert_int_equal(pairing_answer_decode(document.bytes, document.length, &back, &e), 0);
	assert_memory_equal(&answer, &back, sizeof back);
	for (size_t length = 0; length < document.length; length++)
		assert_int_equal(pairing_answer_decode(document.bytes, length, &back, &e), -ERR_INVALID);
	buffer_free(&document);
}

static void members_are_checked(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"{}",
		"{\"sender\":\"00\",\"token\":\"00\",\"store_id\":\"" STORE_ID "\"}",
		"{\"token\":\"00000000000000000000000000000000\",\"device_id\":0,\"centre_ms\":1}",
		"{\"token\":\"00000000000000000000000000000000\",\"device_id\":1}",
		"{\"token\":\"0000000000000000000000000000000\",\"device_id\":1,\"centre_ms\":1}",
		"{\"token\":\"00000000000000000000000000000000\",\"device_id\":1,\"centre_ms\":1,\"device_name\":7}",
	};
	struct err e;
	struct pairing_request request;
	struct pairing_answer answer;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(pairing_request_decode(wrong[i], strlen(wrong[i]), &request, &e), -ERR_INVALID);
		assert_int_equal(pairing_answer_decode(wrong[i], strlen(wrong[i]), &answer, &e), -ERR_INVALID);
	}
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_is_written_as_documented),
		cmocka_unit_test(links_come_back),
		cmocka_unit_test(links_of_people_are_understood),
		cmocka_unit_test(wrong_links_are_refused_with_the_part_that_is_wrong),
		cmocka_unit_test(links_that_are_too_long_are_refused),
		cmocka_unit_test(addresses_that_cant_be_used_are_not_written),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(the_hash_of_a_token_is_blake2b),
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(answers_come_back),
		cmocka_unit_test(members_are_checked),
	};
	if (keys_start(&e))
		return 1;
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
