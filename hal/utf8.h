/* Whether bytes are UTF-8 (RFC 3629, section 4): what both databases and every JSON of ours hold. */
#ifndef ALZY_HAL_UTF8_H
#define ALZY_HAL_UTF8_H

#include <stddef.h>

/* The length of the character that begins at text[0], of which `left` bytes are there; 0 when it is none. */
size_t utf8_length(const char *text, size_t left);

/* The index of the first byte that begins no character; `length` when there is none such. */
size_t utf8_valid(const char *text, size_t length);

#endif
