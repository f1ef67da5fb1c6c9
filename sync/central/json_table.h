/* Facts as a table for people. */
#ifndef ALZY_SYNC_CENTRAL_JSON_TABLE_H
#define ALZY_SYNC_CENTRAL_JSON_TABLE_H

#include "hal/err.h"

#include <cjson/cJSON.h>

/* Prints an array of flat objects, all with the same members, on stdout: a column for each member, headed by its name,
 * of which names are cut to the terminal's width when stdout is one. Without rows it prints nothing. ERR_MEMORY. */
int json_table_print(const cJSON *rows, struct err *e);

#endif
