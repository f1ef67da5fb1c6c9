/* Proves that what the centre says it holds is what its tables have, and that this is what it took: store by store, each in one
 * snapshot; memory is that of one read, whatever the number of rows. */
#ifndef ALZY_SYNC_CENTRAL_CHECK_H
#define ALZY_SYNC_CENTRAL_CHECK_H

#include "hal/err.h"
#include "hal/rows.h"
#include "sync/central/pg.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* What the caller gives, and below it what is found. */
struct check {
	struct pg *pg;
	bool json;             /* else what is wrong is said on stdout, as it is found */
	cJSON *stores, *stray; /* an array and an object, filled for --json */
	int64_t store_count, rows[STREAM_COUNT];
	int64_t faults; /* in the tables */
	int64_t unproven[STREAM_COUNT];
};

/* Looks at all stores and at rows of none, or at the stores of one device (NULL: all). ERR_NOT_FOUND when that has
 * none; ERR_DATABASE. Faults are no error of this. */
int check_stores(struct check *check, const char *device, struct err *e);

#endif
