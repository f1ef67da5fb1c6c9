/* A summary as both programs show it. */
#ifndef ALZY_HAL_SUMMARY_PRINT_H
#define ALZY_HAL_SUMMARY_PRINT_H

#include "hal/summary.h"

#include <cjson/cJSON.h>

/* An object with the names and units of the view alzy.session_summaries, distances and speeds with two decimals; what
 * nobody knows is null. The caller frees it. */
cJSON *summary_json(const struct summary *summary);

/* Lines for people on stdout, each beginning with a word and filled up to column 13; none for a session without points. */
void summary_print(const struct summary *summary);

#endif
