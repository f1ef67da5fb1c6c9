#include "hal/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <unistd.h>

struct table {
	struct libscols_table *scols;
	size_t columns;
};

static int out_of_memory(struct err *e)
{
	return err_set(e, ERR_MEMORY, "out of memory for a table");
}

int table_new(struct table **out, const struct table_column *columns, size_t count, struct err *e)
{
	struct table *table = calloc(1, sizeof *table);
	if (!table)
		return out_of_memory(e);
	table->columns = count;
	table->scols = scols_new_table();
	bool ok = table->scols != NULL;
	/* A pipe has no width to cut to. */
	if (ok && !isatty(STDOUT_FILENO))
		scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; ok && i < count; i++) {
		int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].wide ? SCOLS_FL_TRUNC : 0);
		ok = scols_table_new_column(table->scols, columns[i].name, 0, flags) != NULL;
	}
	if (!ok) {
		table_free(table);
		return out_of_memory(e);
	}
	*out = table;
	return 0;
}

int table_add(struct table *table, const char *const *cells, struct err *e)
{
	struct libscols_line *line = scols_table_new_line(table->scols, NULL);
	if (!line)
		return out_of_memory(e);
	for (size_t i = 0; i < table->columns; i++)
		if (scols_line_set_data(line, i, cells[i]))
			return out_of_memory(e);
	return 0;
}

int table_print(struct table *table, struct err *e)
{
	return scols_print_table(table->scols) ? err_set(e, ERR_IO, "can't print the table") : 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}
