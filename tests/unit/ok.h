/* A call that must succeed, or fail with a code and a sentence. */
#ifndef ALZY_TESTS_OK_H
#define ALZY_TESTS_OK_H

#include "hal/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Says what went wrong when it does. */
#define OK(call)                               \
	do {                                       \
		struct err e = {0};                    \
		if (call)                              \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)
#define FAILS(code_wanted, call)                     \
	do {                                             \
		struct err e = {0};                          \
		assert_int_equal(call, -(int)(code_wanted)); \
		assert_int_equal(e.code, code_wanted);       \
		assert_true(strlen(e.text) > 10);            \
	} while (0)

#endif
