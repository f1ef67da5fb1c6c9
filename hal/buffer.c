#include "hal/buffer.h"

#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}

int buffer_reserve(struct buffer *buffer, size_t more, struct err *e)
{
	if (more <= buffer->capacity - buffer->length)
		return 0;
	if (more > SIZE_MAX / 2 - buffer->length)
		return err_set(e, ERR_MEMORY, "a buffer of more bytes than there is memory");
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	while (capacity - buffer->length < more)
		capacity *= 2;
	uint8_t *bytes = realloc(buffer->bytes, capacity);
	if (!bytes)
		return err_set(e, ERR_MEMORY, "out of memory for %zu bytes", capacity);
	buffer->bytes = bytes;
	buffer->capacity = capacity;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t count, struct err *e)
{
	if (!count)
		return 0;
	int rc = buffer_reserve(buffer, count, e);
	if (rc)
		return rc;
	memcpy(buffer->bytes + buffer->length, bytes, count);
	buffer->length += count;
	return 0;
}
