/* Taking a receipt, in one way whatever has carried it: opened and checked, then applied to the store. */
#ifndef ALZY_SYNC_RECEIVE_H
#define ALZY_SYNC_RECEIVE_H

#include "hal/err.h"
#include "store/store.h"
#include "sync/keys.h"
#include "sync/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens what must be a receipt of this centre for this unit; receipt_free it. Which store and which batch it answers is
 * for the caller to compare. ERR_FORGED, ERR_INVALID, ERR_VERSION, ERR_LIMIT. */
int receive_open(const void *bytes, size_t length, const struct key_pair *unit, const uint8_t centre[KEY_PUBLIC],
                 struct receipt *out, struct err *e);

/* What it says replaces what the store believed; one with a standing changes only that. What it announces, the next run
 * uses: what is under way is sealed to the key that its run began with, and answered with it. *out_applied is false when
 * a newer one was applied before: then nothing has changed. */
int receive_apply(struct store *store, const struct receipt *receipt, bool *out_applied, struct err *e);

/* What the centre accounts for by the last receipt applied, and what is unsent. */
struct receive_state {
	int64_t held[STREAM_COUNT];
	int64_t remaining; /* points, events and sessions */
};
int receive_state(struct store *store, struct receive_state *out, struct err *e);

#endif
