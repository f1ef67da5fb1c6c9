/* An exchange: one envelope in, one envelope out. Knows nothing of HTTP or files, so that the gateway and the import
 * of bundles are the same thing. */
#ifndef ALZY_SYNC_CENTRAL_EXCHANGE_H
#define ALZY_SYNC_CENTRAL_EXCHANGE_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/central/pg.h"
#include "sync/keys.h"
#include "sync/receipt.h"

#include <stddef.h>

/* Whose key it is: a device's present one, or one that it had before, which still opens old sticks. ERR_FORGED: nobody's;
 * ERR_REFUSED: of a device that is not (or no longer) to be served. */
int exchange_find_sender(struct pg *pg, const uint8_t sender[KEY_PUBLIC], int64_t *out_device, struct err *e);

/* Takes a batch: checks sender and signature before it opens anything, ingests in one transaction (ingest.h), and
 * appends the signed and sealed receipt to `out`. *out_receipt (may be NULL) says what was done; receipt_free it.
 * ERR_FORGED, ERR_INVALID, ERR_VERSION, ERR_LIMIT: the envelope is at fault. ERR_REFUSED: the device or store is not
 * (or no longer) to be served. ERR_DATABASE, ERR_BUSY: try again later; nothing was changed. */
int exchange_batch(struct pg *pg, const struct key_pair *centre, const void *bytes, size_t count, struct buffer *out,
                   struct receipt *out_receipt, struct err *e);

/* Takes a pairing request. ERR_REFUSED: the token is unknown, used by another key, or expired. The same token with the
 * same key is answered again. */
int exchange_pairing(struct pg *pg, const struct key_pair *centre, const void *bytes, size_t count, struct buffer *out,
                     struct err *e);

/* Takes a question (verify.h), and appends the signed and sealed answer to `out`. Errors as of exchange_batch. */
int exchange_question(struct pg *pg, const struct key_pair *centre, const void *bytes, size_t count, struct buffer *out,
                      struct err *e);

#endif
