#include "sync/central/table.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CELL_TEXT = 512 };

/* How a value is written for people: null as nothing, an array with commas. */
static const char *cell_text(const cJSON *value, char out[CELL_TEXT])
{
	const cJSON *item;
	out[0] = '\0';
	if (cJSON_IsString(value))
		snprintf(out, CELL_TEXT, "%s", value->valuestring);
	else if (cJSON_IsNumber(value))
		snprintf(out, CELL_TEXT, "%" PRId64, (int64_t)value->valuedouble);
	else if (cJSON_IsBool(value))
		snprintf(out, CELL_TEXT, "%s", cJSON_IsTrue(value) ? "yes" : "no");
	if (!cJSON_IsArray(value))
		return out;
	cJSON_ArrayForEach (item, value) {
		char text[CELL_TEXT];
		size_t used = strlen(out);
		snprintf(out + used, CELL_TEXT - used, "%s%s", used ? ", " : "",
		         cJSON_IsArray(item) ? "" : cell_text(item, text));
	}
	return out;
}

static int add_row(struct libscols_table *table, const cJSON *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	const cJSON *value;
	size_t column = 0;
	char text[CELL_TEXT];
	if (!line)
		return -1;
	cJSON_ArrayForEach (value, row)
		if (scols_line_set_data(line, column++, cell_text(value, text)))
			return -1;
	return 0;
}

static int add_column(struct libscols_table *table, const cJSON *value)
{
	char heading[64];
	snprintf(heading, sizeof heading, "%s", value->string);
	for (char *c = heading; *c; c++)
		*c = *c == '_' ? ' ' : *c;
	return scols_table_new_column(table, heading, 0, cJSON_IsNumber(value) ? SCOLS_FL_RIGHT : 0) ? 0 : -1;
}

static int fill(struct libscols_table *table, const cJSON *rows)
{
	const cJSON *first = rows->child, *item;
	cJSON_ArrayForEach (item, first)
		if (add_column(table, item))
			return -1;
	cJSON_ArrayForEach (item, rows)
		if (add_row(table, item))
			return -1;
	return 0;
}

int table_print(const cJSON *rows, struct err *e)
{
	if (!cJSON_GetArraySize(rows))
		return 0;
	struct libscols_table *table = scols_new_table();
	if (!table)
		return err_set(e, ERR_MEMORY, "out of memory for a table");
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	int rc = 0;
	if (fill(table, rows) || scols_print_table(table))
		rc = err_set(e, ERR_MEMORY, "out of memory for a table");
	scols_unref_table(table);
	return rc;
}
