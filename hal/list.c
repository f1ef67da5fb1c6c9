#include "hal/list.h"

#include <stdlib.h>
#include <string.h>

int list_grow(void *items_pointer, size_t count, size_t *capacity, size_t item_size, const char *what, struct err *e)
{
	if (count < *capacity)
		return 0;
	size_t wanted = *capacity ? *capacity * 2 : 16;
	/* A pointer to any type of item is copied as bytes, which C allows, and not read as a void *, which it does not. */
	void *items;
	memcpy(&items, items_pointer, sizeof items);
	items = reallocarray(items, wanted, item_size);
	if (!items)
		return err_set(e, ERR_MEMORY, "out of memory for %zu %s", wanted, what);
	memcpy(items_pointer, &items, sizeof items);
	*capacity = wanted;
	return 0;
}
