/* Facts as people read them on a terminal, and the check of what people type. Locale has no part in it: a decimal
 * point is a point everywhere. */
#ifndef ALZY_HAL_TEXT_H
#define ALZY_HAL_TEXT_H

#include "hal/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SHORT_TEXT = 64, SHOWN_TEXT = 1100 };

/* A scaled integer with exactly `digits` decimals (0 to 9): (-254518370, 7) → "-25.4518370". */
const char *text_decimal(int64_t scaled, int digits, char out[SHORT_TEXT]);

/* "45 s", "12 min", "3 h 05 min", "4 d 2 h"; a negative duration is that of its absolute value. */
const char *text_duration(int64_t ms, char out[SHORT_TEXT]);

/* How long ago `then_ms` was at now_ms: "3 min ago", "just now", or "in 3 min" when it lies ahead. */
const char *text_age(int64_t then_ms, int64_t now_ms, char out[SHORT_TEXT]);

/* "512 B", "1.2 MB", "14.9 GB" (powers of 1000). */
const char *text_size(int64_t bytes, char out[SHORT_TEXT]);

/* "1 event", "5 events" */
const char *text_counted(int64_t count, const char *what, char out[SHORT_TEXT]);

/* "2026-11-21 23:58:57 UTC" */
const char *text_time(int64_t time_ms, char out[SHORT_TEXT]);

/* A text that somebody else has written, on one line, and without what could steer a terminal (utf8_line). */
const char *text_shown(const char *text, char out[SHOWN_TEXT]);

/* Whether `text` can be a name or a note: not empty, shorter than `size` bytes, without control characters (that it is
 * UTF-8 is for the store to check). ERR_INVALID names `what`. */
int text_check(const char *what, const char *text, size_t size, struct err *e);

#endif
