/* Ingest: one batch, one transaction, as docs/protocol.md tells. Idempotence rests on the ranges of seq kept for each store. */
#ifndef ALZY_SYNC_CENTRAL_INGEST_H
#define ALZY_SYNC_CENTRAL_INGEST_H

#include "hal/err.h"
#include "sync/batch.h"
#include "sync/central/pg.h"
#include "sync/receipt.h"

#include <stdint.h>

/* What the batch came in. */
struct ingest_envelope {
	uint8_t digest[ENVELOPE_DIGEST];
	uint8_t recipient[KEY_PUBLIC]; /* the key of the centre to which it was sealed */
};

/* Takes the rows of `batch` for the device, commits with synchronous_commit=on, and fills *out as the receipt to sign
 * (exchange, digest and times included). A batch that is still packed is unpacked only when its points are no known ones.
 * ERR_REFUSED when the store belongs to another device. */
int ingest_batch(struct pg *pg, int64_t device_id, struct batch *batch, const struct ingest_envelope *envelope,
                 struct receipt *out, struct err *e);

#endif
