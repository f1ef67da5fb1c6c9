/* Tables on the terminal, by libsmartcols. */
#ifndef ALZY_HAL_TABLE_H
#define ALZY_HAL_TABLE_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>

struct table; /* opaque; table_free */

struct table_column {
	const char *name;
	bool right; /* numbers */
	bool wide;  /* may be cut when the terminal is narrow */
};

/* `columns` are copied. All three fail with ERR_MEMORY. */
int table_new(struct table **out, const struct table_column *columns, size_t count, struct err *e);
/* One row: as many texts as there are columns; they are copied. */
int table_add(struct table *table, const char *const *cells, struct err *e);
/* On stdout. */
int table_print(struct table *table, struct err *e);
void table_free(struct table *table); /* NULL is fine */

#endif
