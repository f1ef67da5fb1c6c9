/* Documents with one thing put in another's place, and what must come of decoding each. */
#ifndef ALZY_TESTS_SPOILT_H
#define ALZY_TESTS_SPOILT_H

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

#endif
