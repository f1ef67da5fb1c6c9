/* Lists that grow by doubling: a pointer to the items, how many there are, and for how many there is room. */
#ifndef ALZY_HAL_LIST_H
#define ALZY_HAL_LIST_H

#include "hal/err.h"

#include <stddef.h>

/* Makes room for one more of `what` (for the message). `items_pointer` is the address of the pointer to the first item,
 * which may move; free() it in the end. ERR_MEMORY: all is as it was. */
int list_grow(void *items_pointer, size_t count, size_t *capacity, size_t item_size, const char *what, struct err *e);

#endif
