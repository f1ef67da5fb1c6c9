/* The centre's side of a proof (verify.h): what its tables really have of the rows that a unit asks about. */
#ifndef ALZY_SYNC_CENTRAL_VERIFY_CENTRE_H
#define ALZY_SYNC_CENTRAL_VERIFY_CENTRE_H

#include "hal/err.h"
#include "sync/central/pg.h"
#include "sync/central/store_rows.h"
#include "sync/verify.h"

#include <stdint.h>

/* Answers the question of a device, in one transaction, which only reads unless something is to be mended, or a proof
 * to be noted. ERR_REFUSED when the store belongs to another device. The caller seals *out and frees it. */
int verify_centre(struct pg *pg, int64_t device_id, const struct question *question,
                  const uint8_t question_digest[ENVELOPE_DIGEST], struct answer *out, struct err *e);

/* Makes what alzy.stores and alzy.stretches say of the rows that are to be mended true, inside the transaction that has
 * locked the store's row: what is in no table is not held. Nothing is said of rows that were dropped or have expired,
 * and no row is touched. */
int mend_store(struct pg *pg, struct store_sets *sets, const struct question *question, struct err *e);

#endif
