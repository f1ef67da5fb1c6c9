/* Blocks of points from outside. The first two bytes say how many points to expect. What decodes must encode to a
 * block that decodes to the same points. */
#include "sync/columns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct err e;
	if (length < 2)
		return 0;
	size_t count = (size_t)bytes[0] << 4 | bytes[1] % 16;
	struct point *points = calloc(count + 1, sizeof *points), *again = calloc(count + 1, sizeof *again);
	struct buffer block = {0};
	if (columns_decode(bytes + 2, length - 2, count, 3, points, &e) == 0) {
		if (columns_encode(points, count, &block, &e) ||
		    columns_decode(block.bytes, block.length, count, 3, again, &e) ||
		    memcmp(points, again, count * sizeof *points) != 0)
			abort();
	}
	buffer_free(&block);
	free(points);
	free(again);
	return 0;
}
