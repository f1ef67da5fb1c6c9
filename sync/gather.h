/* What goes into the next batch: what is unsent of one identity of the store, as far as there is room. */
#ifndef ALZY_SYNC_GATHER_H
#define ALZY_SYNC_GATHER_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "store/identity.h"
#include "store/store.h"
#include "sync/batch.h"
#include "sync/narrow.h"
#include "sync/parcel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GATHER_EVENTS = 1000 }; /* of BATCH_EVENTS_MAX in one batch, to keep memory flat */

/* One batch after the other. The arrays of `batch` are used again for each, so that memory is the same for ten thousand
 * points and for a million. */
struct gather {
	struct store *store;      /* borrowed */
	char store_id[UUID_TEXT]; /* the identity whose rows are gathered … */
	struct identity identity; /* … as it is now */
	/* Rows that are sent although the centre has receipted them, to be compared there: those that are not packed yet.
	 * Filled by the caller after gather_start. */
	struct ranges again[STREAM_COUNT];
	struct ranges told[STREAM_COUNT]; /* drops that were gathered: each goes once, unless its batch was refused */
	/* Sessions that the centre has refused in this run: they go only with their rows. */
	struct parcel_session *refused;
	size_t refused_count;
	/* The next batch of the present identity tells the open session, whether it has changed or not: a copy of this store may have
	 * ended it at the centre. */
	bool tell_open;
	struct batch batch;
	size_t session_room;
};
/* With room for so many points. */
int gather_start(struct gather *gather, struct store *store, int64_t batch_points, struct err *e);
/* From now on the rows of this identity are gathered. */
void gather_turn_to(struct gather *gather, const char *store_id);
void gather_end(struct gather *gather); /* a zeroed one is fine */

/* Reads gather->identity. Anew for each batch: rows are recorded meanwhile, and receipts and forks give rows other names. */
int gather_identity(struct gather *gather, struct parcel *out, struct err *e);

/* Fills gather->batch with rows, sessions and drops that are neither receipted nor in `in_flight` (NULL: nothing is under way),
 * and notes in *out, emptied before, what they are. Errors of the store, ERR_MEMORY, ERR_LIMIT. */
int gather_batch(struct gather *gather, const struct parcel *in_flight, const struct limits *limits, struct parcel *out,
                 struct err *e);

/* Adds the open session to the batch, if it is to be told and not aboard. */
int gather_open(struct gather *gather, struct err *e);

/* The batch is made: what is gathered again, and the drops that are told, go once. */
int gather_made(struct gather *gather, const struct parcel *made, struct err *e);

/* Nobody has heard of drops that were gathered: they go again. */
void gather_forget_told(struct gather *gather);

/* In this run it does not go by itself again. */
int gather_without_session(struct gather *gather, const struct parcel_session *session, struct err *e);

/* Frees what was gathered, but for memory that the next batch uses again. */
void gather_let_go(struct gather *gather);

#endif
