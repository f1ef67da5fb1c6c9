/* The sync engine: turns unsent rows into batches, hands them to a carrier, and believes only receipts. */
#ifndef ALZY_SYNC_ENGINE_H
#define ALZY_SYNC_ENGINE_H

#include "hal/err.h"
#include "hal/lock.h"
#include "store/store.h"
#include "sync/carrier.h"
#include "sync/keys.h"

#include <stdbool.h>
#include <stdint.h>

/* One process at a time sends the rows of a store, or changes its centre: takes the lock "STORE.sync", waiting up to
 * wait_ms. ERR_BUSY names the holder. */
int engine_lock(struct lock **out, const char *store_path, int64_t wait_ms, struct err *e);

struct engine_report {
	int64_t points, events, sessions; /* receipted in this run, rejected ones not counted */
	int64_t batches;
	int64_t bytes_sent, bytes_received; /* envelopes; what HTTP and TLS add is not in it */
	int64_t rejected;                   /* rows newly rejected */
	int64_t remaining;                  /* points, events and sessions still unsent */
	int64_t elapsed_ms;
	int64_t retry_ms;                 /* what the centre asked to wait; 0: nothing */
	int64_t held_points, held_events; /* what the centre accounts for after the last receipt */
};

struct engine_options {
	int64_t batch_points;
	/* Called after each receipt; `total` is what was unsent at the start. NULL: not called. */
	void (*progress)(const struct engine_report *report, int64_t total, void *user);
	void *user;
	/* STREAM_COUNT sets of rows that are sent although the centre has receipted them: it compares those that it has with
	 * its tables. NULL: none. */
	const struct ranges *again;
	bool ask;                  /* sends one batch even when nothing is unsent, to hear what the centre has changed */
	const volatile bool *stop; /* set by a signal: ends after the exchange under way; NULL: never */
};

/* Sends all that is unsent, one batch after the other, with the next one being made while the centre works. Rows that
 * are recorded meanwhile are sent too, within bounds: a run always ends. When nothing is unsent no batch is sent, but see `ask`. Fills
 * *report also on failure (what was done so far). ERR_STATE when not paired; ERR_FORGED or ERR_INVALID for a receipt
 * that is not the centre's, not for this batch, or accounts for nothing of it; else the carrier's errors. A refusal
 * (ERR_REFUSED) is remembered in the store until the next receipt. A batch that the carrier or centre fails is not
 * repeated here: the caller waits as backoff.h says. */
int engine_run(struct store *store, const struct key_pair *keys, struct carrier *carrier,
               const struct engine_options *options, struct engine_report *report, struct err *e);

/* Sends one batch even when nothing is unsent: asks the centre what it holds. */
int engine_ask(struct store *store, const struct key_pair *keys, struct carrier *carrier, struct engine_report *report,
               struct err *e);

/* Pairs the store with the centre of `link`: sends `request`, checks the signed answer, and remembers the centre. */
struct pairing_link;
int engine_pair(struct store *store, const struct key_pair *keys, struct carrier *carrier,
                const struct pairing_link *link, struct store_centre *out, struct err *e);

#endif
