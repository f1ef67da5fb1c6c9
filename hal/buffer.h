/* Bytes that grow. Zero-initialised it is empty; owns `bytes`: buffer_free. */
#ifndef ALZY_HAL_BUFFER_H
#define ALZY_HAL_BUFFER_H

#include "hal/err.h"

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *bytes;
	size_t length, capacity;
};

void buffer_free(struct buffer *buffer); /* leaves it empty; NULL is fine */

/* Makes room for `more` bytes behind `length`, without changing length. ERR_MEMORY. */
int buffer_reserve(struct buffer *buffer, size_t more, struct err *e);
int buffer_append(struct buffer *buffer, const void *bytes, size_t count, struct err *e);

#endif
