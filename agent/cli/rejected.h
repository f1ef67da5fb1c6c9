/* Rows that the centre would not take, in full. */
#ifndef ALZY_AGENT_CLI_REJECTED_H
#define ALZY_AGENT_CLI_REJECTED_H

#include "hal/err.h"
#include "store/store.h"

#include <stdbool.h>

/* Prints them for people, or as one JSON array. */
int queue_show_rejected(struct store *store, bool json, struct err *e);

#endif
