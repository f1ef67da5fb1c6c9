/* Bytes as lower-case hexadecimal digits. */
#ifndef ALZY_HAL_HEX_H
#define ALZY_HAL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out: 2 * count characters and a NUL. */
void hex_write(const uint8_t *bytes, size_t count, char *out);

/* Whether the text is exactly so many bytes; only then is `out` filled. */
bool hex_read(const char *text, uint8_t *out, size_t count);

/* Whether the text says exactly these bytes. */
bool hex_is(const char *text, const uint8_t *bytes, size_t count);

#endif
