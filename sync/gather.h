/* What goes into the next batch: what is unsent of one identity of the store, as far as there is room. For pack.c. */
#ifndef ALZY_SYNC_GATHER_H
#define ALZY_SYNC_GATHER_H

#include "sync/pack.h"

enum { GATHER_EVENTS = 1000 }; /* of BATCH_EVENTS_MAX in one batch, to keep memory flat: room that packer->batch has */

/* Fills packer->batch with rows, sessions and drops that are neither receipted nor in `in_flight` (NULL: nothing is under way),
 * and notes in *out, emptied before, what they are. Errors of the store, ERR_MEMORY, ERR_LIMIT. */
int gather(struct packer *packer, const struct parcel *in_flight, const struct pack_limits *limits, struct parcel *out,
           struct err *e);

/* Reads packer->identity. Anew for each batch: rows are recorded meanwhile, and receipts and forks give rows other names. */
int gather_identity(struct packer *packer, struct parcel *out, struct err *e);

/* Frees what was gathered, but for memory that the next batch uses again. */
void gather_let_go(struct packer *packer);

#endif
