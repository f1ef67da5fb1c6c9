/* Whether bytes are UTF-8 (RFC 3629, section 4): what both databases and every JSON of ours hold; and what may be shown of
 * texts that come from elsewhere. */
#ifndef ALZY_HAL_UTF8_H
#define ALZY_HAL_UTF8_H

#include <stddef.h>

/* The length of the character that begins at text[0], of which `left` bytes are there; 0 when it is none. */
size_t utf8_length(const char *text, size_t left);

/* The index of the first byte that begins no character; `length` when there is none such. */
size_t utf8_valid(const char *text, size_t length);

/* Copies a text that may have anything in it as one line that can't harm a terminal: `control` in place of each control
 * character, '?' of each byte that is no UTF-8, and as many whole characters as `size` has room for. One that is cut at the
 * end of `text` is left out. Returns out. */
const char *utf8_line(const char *text, char control, char *out, size_t size);

#endif
