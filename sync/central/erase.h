/* A person's right to be forgotten. */
#ifndef ALZY_SYNC_CENTRAL_ERASE_H
#define ALZY_SYNC_CENTRAL_ERASE_H

#include "hal/err.h"
#include "sync/central/expire.h"
#include "sync/central/pg.h"

/* Deletes all rows of a device, takes from its journeys who, what and when, and notes that nothing is taken any more that was
 * recorded until now. `device` is its number. Adds to *report, also on failure. */
int erase_device(struct pg *pg, const char *device, struct expire_report *report, struct err *e);

#endif
