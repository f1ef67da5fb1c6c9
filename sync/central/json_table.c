#include "sync/central/json_table.h"

#include "hal/table.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CELL_TEXT = 512, COLUMNS_MAX = 24 };

/* Kilometres below a hundred with one decimal, everything else in whole numbers. */
static void number_text(const cJSON *value, char out[CELL_TEXT])
{
	size_t length = value->string ? strlen(value->string) : 0;
	bool km = length >= 2 && !strcmp(value->string + length - 2, "km");
	snprintf(out, CELL_TEXT, "%.*f", km && value->valuedouble < 100 ? 1 : 0, value->valuedouble);
}

/* How a value is written for people: null as nothing, an array with commas. */
static const char *cell_text(const cJSON *value, char out[CELL_TEXT])
{
	const cJSON *item;
	out[0] = '\0';
	if (cJSON_IsString(value))
		snprintf(out, CELL_TEXT, "%s", value->valuestring);
	else if (cJSON_IsNumber(value))
		number_text(value, out);
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

static int add_row(struct table *table, const cJSON *row, struct err *e)
{
	char texts[COLUMNS_MAX][CELL_TEXT];
	const char *cells[COLUMNS_MAX];
	const cJSON *value;
	size_t column = 0;
	cJSON_ArrayForEach (value, row) {
		if (column == COLUMNS_MAX)
			break;
		cells[column] = cell_text(value, texts[column]);
		column++;
	}
	return table_add(table, cells, e);
}

/* Numbers stand on the right, also where the first row has none. */
static bool is_number(const cJSON *rows, const char *name)
{
	const cJSON *row, *value = NULL;
	cJSON_ArrayForEach (row, rows)
		if ((value = cJSON_GetObjectItem(row, name)) && !cJSON_IsNull(value))
			break;
	return cJSON_IsNumber(value);
}

/* What people have called something may be long, and is still known when it is cut; a number or a time is not. */
static bool may_be_cut(const char *name)
{
	static const char *const names[] = {"name",    "device",    "machine", "machine_id",        "user",
	                                    "user_id", "full_name", "email",   "organization_name", "serial_no"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The columns are the members of the first row. */
static int new_table(struct table **out, const cJSON *rows, struct err *e)
{
	char names[COLUMNS_MAX][64];
	struct table_column columns[COLUMNS_MAX] = {{0}};
	const cJSON *value;
	size_t count = 0;
	cJSON_ArrayForEach (value, rows->child) {
		if (count == COLUMNS_MAX)
			break;
		snprintf(names[count], sizeof names[count], "%s", value->string);
		for (char *c = names[count]; *c; c++)
			*c = *c == '_' ? ' ' : (char)toupper((unsigned char)*c);
		columns[count] = (struct table_column){
			.name = names[count], .right = is_number(rows, value->string), .wide = may_be_cut(value->string)};
		count++;
	}
	return table_new(out, columns, count, e);
}

int json_table_print(const cJSON *rows, struct err *e)
{
	struct table *table = NULL;
	const cJSON *row;
	if (!cJSON_GetArraySize(rows))
		return 0;
	int rc = new_table(&table, rows, e);
	cJSON_ArrayForEach (row, rows)
		if (!rc)
			rc = add_row(table, row, e);
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	return rc;
}
