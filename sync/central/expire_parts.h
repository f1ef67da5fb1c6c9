/* What the files of expire.h and erase.h share. */
#ifndef ALZY_SYNC_CENTRAL_EXPIRE_PARTS_H
#define ALZY_SYNC_CENTRAL_EXPIRE_PARTS_H

#include "hal/err.h"
#include "hal/rows.h"
#include "sync/central/expire.h"
#include "sync/central/pg.h"
#include "sync/central/store_rows.h"

#include <stdbool.h>
#include <stdint.h>

enum { EXPIRE_AT_ONCE = 5000, EXPIRE_NUMBER_TEXT = 24 }; /* rows in one transaction */

/* A transaction that locks the row of a store waits only so long for it, and its changes are no ones of other programs. */
#define EXPIRE_BEGIN "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL alzy.ingest = 'on'"

/* What is let go of: all that is older, of one device or of all. */
struct expire {
	struct pg *pg;
	const char *before; /* NULL: all */
	const char *device; /* NULL: of all */
	struct expire_report *report;
};

/* One stream of one store. */
struct expiring {
	const struct expire *all;
	int64_t number;
	enum stream stream;
	struct store_sets sets; /* under lock */
	bool more;
};

/* The numbers of the stores of all->device, one after the other. */
int expire_each_store(const struct expire *all, int (*work)(const struct expire *all, int64_t number, struct err *e),
                      struct err *e);

/* Rows of one store and what is kept aside of it, in as many short transactions as that takes. */
int expire_store(const struct expire *all, int64_t number, struct err *e);

/* One of these transactions: `step` has the store's row under lock. A gateway may have it for a moment: tried again then. */
int expire_patiently(struct expiring *x, int (*step)(struct expiring *x, struct err *e), struct err *e);

/* Rows of no store, and last positions. */
int expire_loose(const struct expire *all, struct err *e);
int expire_positions(const struct expire *all, struct err *e);

#endif
