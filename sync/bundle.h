/* Bundles: batches and receipts as files in a folder, such as that of a USB stick. The envelopes are those of the
 * network, so a row may go by either, by both, or twice. Names: docs/protocol.md. */
#ifndef ALZY_SYNC_BUNDLE_H
#define ALZY_SYNC_BUNDLE_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "store/store.h"
#include "sync/keys.h"

#include <stdbool.h>
#include <stdint.h>

#define BUNDLE_BATCH   ".batch"
#define BUNDLE_RECEIPT ".receipt"

enum {
	BUNDLE_NAME_TEXT = 192,
	BUNDLE_FILES_MAX = 100000, /* in one folder */
};

/* What the name of a batch's file says of it. */
struct bundle_name {
	char store_id[UUID_TEXT];
	int64_t exchange;
	struct bundle_part {
		struct range hull; /* first 0: none of this stream */
		bool whole;        /* all of the hull is in it; else there are gaps that the name does not tell */
	} parts[STREAM_COUNT];
};
void bundle_name_format(const struct bundle_name *name, char out[BUNDLE_NAME_TEXT]);
/* False for anything but what bundle_name_format writes. */
bool bundle_name_parse(const char *text, struct bundle_name *out);
/* The store that a batch or a receipt is named after, however the name goes on; false when it names none. */
bool bundle_name_store(const char *text, char out[UUID_TEXT]);

struct bundle_report {
	int64_t files, points, events, sessions, bytes; /* written */
	int64_t carried_files, carried_points,
		carried_events; /* unsent rows that whole files in the folder carry already */
};

/* Writes the unsent rows to `folder`, which must exist, one file a batch; a file is there whole or not at all. Rows that
 * files of this store in the folder carry already are left out: those whose name says so and whose signature is this
 * unit's. What an earlier run that was killed has left half written is removed. All stay unsent: only a receipt counts. The caller holds engine_lock. *report is filled on failure too.
 * ERR_STATE when not paired; ERR_NOT_FOUND; ERR_IO (the disk is full, or gone). */
int bundle_write(struct store *store, const struct key_pair *keys, const char *folder, int64_t batch_points,
                 const volatile bool *stop, struct bundle_report *report, struct err *e);

enum bundle_fate {
	BUNDLE_APPLIED,
	BUNDLE_OLDER,   /* than the receipt last applied: says nothing new */
	BUNDLE_OTHERS,  /* for another store: passed over */
	BUNDLE_REFUSED, /* not from the centre, or not for this unit, or changed, or can't be read */
	BUNDLE_FATES,
};
const char *bundle_fate_name(enum bundle_fate fate); /* "applied", … */

struct bundle_receipts {
	int64_t counts[BUNDLE_FATES];
	/* What those that were applied say, of rows of the batches that they answer. */
	int64_t rejected, renamed;
	bool forgotten;     /* the centre went back to an earlier state: what it lacks is unsent again */
	struct err stopped; /* why the newest says that this unit may not send; no code: it may */
	int64_t verify_ms;  /* since when the newest asks for a proof, which takes a network; 0: it does not */
	/* Called for each file once; `why` is NULL but for refused ones. NULL: not called. */
	void (*each)(const char *name, enum bundle_fate fate, const struct err *why, void *user);
	void *user;
};

/* Takes the receipts in `folder`, in the order of their exchanges. One that is refused hinders no other. The caller
 * holds engine_lock. ERR_STATE when not paired; ERR_NOT_FOUND; what the store can't do. */
int bundle_take(struct store *store, const struct key_pair *keys, const char *folder, struct bundle_receipts *receipts,
                struct err *e);

#endif
