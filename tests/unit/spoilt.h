/* Documents with one thing put in another's place, and what must come of decoding each. */
#ifndef ALZY_TESTS_SPOILT_H
#define ALZY_TESTS_SPOILT_H

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct spoilt {
	const char *old, *by;
	int rc;
};

/* A document is given to `decode` in memory of just its length: a byte too far is seen by a sanitizer. */
static inline void decode_spoilt(int (*decode)(const char *text, size_t length), const char *good,
                                 const struct spoilt *cases, size_t count)
{
	assert_int_equal(decode(good, strlen(good)), 0);
	for (size_t i = 0; i < count; i++) {
		const char *old = cases[i].old, *by = cases[i].by, *at = strstr(good, old);
		assert_non_null(at);
		size_t before = (size_t)(at - good), length = strlen(good) - strlen(old) + strlen(by);
		char *text = malloc(length);
		memcpy(text, good, before);
		memcpy(text + before, by, strlen(by));
		memcpy(text + before + strlen(by), at + strlen(old), strlen(at + strlen(old)));
		int rc = decode(text, length);
		free(text);
		if (rc != cases[i].rc)
			fail_msg("%s → %s: %d, not %d", old, by, rc, cases[i].rc);
	}
}

static inline void twist(int (*decode)(const char *text, size_t length), const cJSON *root, cJSON *object)
{
	static const char *const others[] = {"null", "7", "-1e300", "\"x\"", "[]", "{}", "[[]]", "[{}]", "true"};
	for (cJSON *item = object->child; item; item = item->next) {
		twist(decode, root, item);
		for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
			cJSON was = *item, *other = cJSON_Parse(others[i]);
			item->type = other->type;
			item->child = other->child;
			item->valuestring = other->valuestring;
			item->valuedouble = other->valuedouble;
			char *text = cJSON_PrintUnformatted(root);
			assert_true(decode(text, strlen(text)) <= 0);
			free(text);
			*item = was;
			cJSON_Delete(other);
		}
	}
}

/* By turns each value of the document is another one, mostly of another type: it is refused, or of no harm. */
static inline void decode_twisted(int (*decode)(const char *text, size_t length), const char *good)
{
	cJSON *root = cJSON_Parse(good);
	assert_int_equal(decode(good, strlen(good)), 0);
	twist(decode, root, root);
	cJSON_Delete(root);
}

#endif
