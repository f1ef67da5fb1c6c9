/* A run of the engine, for sync/engine*.c: identities have their turns (engine.c), one batch after the other goes to the
 * centre (engine_batches.c), and what its receipts say is taken (engine_receipt.c). */
#ifndef ALZY_SYNC_ENGINE_RUN_H
#define ALZY_SYNC_ENGINE_RUN_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/engine.h"
#include "sync/pack.h"

#include <stdbool.h>
#include <stdint.h>

struct run {
	const struct channel *channel;
	const struct engine_options *options;
	struct engine_report *report;
	struct store_centre centre;
	int64_t total; /* unsent when the run began */
	struct packer packer;
	struct buffer answer;
	struct parcel parcels[2]; /* one under way, and the next */
	struct parcel question;   /* a batch without rows */
	bool hunting;             /* the centre has refused a batch of late, and serves all the same */
	bool forgotten; /* a receipt said that the centre went back to an earlier state, and nothing was done yet */
	bool doubting;  /* … and an earlier one of this run */
	int set_aside;
};

/* Sends what is unsent of the identity whose turn it is, or, with nothing unsent, asks when there is a reason to. Ends early
 * when a receipt says that the centre went back (run->forgotten). */
int run_batches(struct run *run, struct err *e);

/* Sends a batch without rows: whether the centre serves this unit at this moment, a signed receipt for it says. */
int run_ask(struct run *run, struct err *e);

/* Believes run->answer, once it is proved to be the centre's receipt for `parcel`, and counts it up in the report. */
int run_take_receipt(struct run *run, const struct parcel *parcel, struct err *e);

#endif
