/* What the centre lets go of: rows that are older than a time, or all of a device (erase.h). Seqs of what is deleted are noted as
 * expired, so that nothing brings it back: no unit that sends again, no stick that comes late, no repair. Every step is
 * a short transaction under the lock of the store's row, so that gateways go on serving, and what was cut short is
 * simply run again. */
#ifndef ALZY_SYNC_CENTRAL_EXPIRE_H
#define ALZY_SYNC_CENTRAL_EXPIRE_H

#include "hal/err.h"
#include "hal/rows.h"
#include "sync/central/pg.h"

#include <stdint.h>

struct expire_report {
	int64_t rows[STREAM_COUNT];
	int64_t rejected, positions, sessions;
	int64_t stores;                      /* of which something was deleted */
	int64_t partitions, partitions_busy; /* empty ones: dropped, and those that somebody was using */
};

/* How much there is. `before` is RFC 3339, NULL: all; `device` a number, NULL: of all. Changes nothing. */
int expire_count(struct pg *pg, const char *before, const char *device, struct expire_report *out, struct err *e);

/* Deletes points, events, rejected rows and last positions that are older than `before`: of stores, and rows of no
 * store. Journeys stay. Adds to *report, also on failure. */
int expire_before(struct pg *pg, const char *before, const char *device, struct expire_report *report, struct err *e);

/* Drops the partitions of months that were over by `before` (NULL: that are over) when no row is left in them; one that
 * somebody is using stays until the next time. None when the role does not own them. Not inside a transaction. */
int expire_partitions(struct pg *pg, const char *before, struct expire_report *report, struct err *e);

#endif
