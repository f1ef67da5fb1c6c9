/* An exchange: one envelope in, one envelope out. Knows nothing of HTTP or files, so that the gateway and the import
 * of bundles are the same thing. */
#ifndef ALZY_SYNC_CENTRAL_EXCHANGE_H
#define ALZY_SYNC_CENTRAL_EXCHANGE_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/central/identity.h"
#include "sync/central/pg.h"
#include "sync/receipt.h"

#include <stddef.h>

/* Whose key it is, and how that device stands. A key that the device had before still opens old sticks; a revoked one opens
 * nothing, and is known so that the unit can be told. ERR_FORGED: a stranger's. */
struct exchange_sender {
	int64_t device_id;
	char name[NAME_TEXT];
	bool active;
	enum receipt_standing standing;
};
int exchange_find_sender(struct pg *pg, const uint8_t key[KEY_PUBLIC], struct exchange_sender *out, struct err *e);

/* Takes a batch: checks the sender before it opens anything, ingests in one transaction (ingest.h), and
 * appends the receipt to `out`, signed with the key that the batch was sealed to; it announces the present key, when
 * that is another, and the address. *out_receipt (may be NULL) says what was done; receipt_free it. With a standing
 * other than STANDING_GOOD nothing was: the device is deactivated or deleted, or the key revoked, and the receipt tells
 * the unit. ERR_FORGED, ERR_INVALID, ERR_VERSION, ERR_LIMIT: the envelope is at fault. ERR_REFUSED: the store or a
 * session is of another device. ERR_DATABASE, ERR_BUSY: try again later; nothing was changed. */
int exchange_batch(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                   struct receipt *out_receipt, struct err *e);

/* Takes a pairing request. ERR_REFUSED: the token is unknown, used by another key, or expired. The same token with the
 * same key is answered again. */
int exchange_pairing(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                     struct err *e);

/* Takes a question (verify.h), and appends the signed and sealed answer to `out`: to a sender who is not served, his standing.
 * Errors as of exchange_batch. */
int exchange_question(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                      struct err *e);

#endif
