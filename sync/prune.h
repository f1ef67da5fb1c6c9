/* Pruning: rows whose receipt is old enough are deleted from the unit's store, block by block, and the digest of each block
 * is kept, so that `alzy verify` goes on proving what the centre holds of them. */
#ifndef ALZY_SYNC_PRUNE_H
#define ALZY_SYNC_PRUNE_H

#include "hal/err.h"
#include "hal/rows.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct prune_report {
	int64_t rows[STREAM_COUNT];
	bool more; /* there was no time for all that may go */
};

/* Prunes what was receipted keep_ms ago or longer (store_prunable; CONF_NEVER: nothing), oldest first, for about most_ms. Each
 * block is a short transaction of its own, with a pause behind it, so that an agent who waits for the store gets its turn.
 * Adds to *report also on failure. The caller holds engine_lock. ERR_BUSY, ERR_IO as of the store. */
int prune_run(struct store *store, int64_t keep_ms, int64_t most_ms, struct prune_report *report, struct err *e);

#endif
