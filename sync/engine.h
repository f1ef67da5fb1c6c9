/* The sync engine: turns unsent rows into batches, hands them to a carrier, and believes only receipts. */
#ifndef ALZY_SYNC_ENGINE_H
#define ALZY_SYNC_ENGINE_H

#include "hal/err.h"
#include "hal/lock.h"
#include "store/store.h"
#include "sync/carrier.h"
#include "sync/keys.h"
#include "sync/receipt.h"
#include "sync/verify.h"

#include <stdbool.h>
#include <stdint.h>

/* One process at a time sends the rows of a store, or changes its centre: takes the lock "STORE.sync", waiting up to
 * wait_ms. ERR_BUSY names the holder. */
int engine_lock(struct lock **out, const char *store_path, int64_t wait_ms, struct err *e);

/* The unit's end of what goes to and fro between it and the centre; all of it borrowed. */
struct channel {
	struct store *store;
	const struct key_pair *keys;
	struct carrier *carrier;
};

struct engine_report {
	int64_t points, events, sessions; /* receipted in this run, rejected ones not counted */
	int64_t batches;
	int64_t bytes_sent, bytes_received; /* envelopes; what HTTP and TLS add is not in it */
	int64_t rejected;                   /* rows newly rejected */
	int64_t refused;                    /* sessions that the centre's database does not take; they stay unsent … */
	char refusal[RECEIPT_REASON_TEXT];  /* … and what it said of the last one */
	int64_t renamed;   /* rows whose names are another copy's: they go on in a store of their own (store/identity.h) */
	bool forked;       /* … which was made in this run */
	int64_t remaining; /* points, events and sessions still unsent */
	bool
		forgotten; /* the centre went back to an earlier state: what it lacks was sent again, as far as it is still here */
	int64_t elapsed_ms;
	int64_t retry_ms;                 /* what the centre asked to wait; 0: nothing */
	int64_t held_points, held_events; /* what the centre accounts for after the last receipt */
	int64_t verify_ms;                /* since when the centre asks for a proof; 0: it does not */
	char proof[VERIFY_SENTENCE_TEXT]; /* … and what it was told (engine_reach); "" nothing */
};

struct engine_options {
	int64_t batch_points;
	/* Called after each receipt; `total` is what was unsent at the start. NULL: not called. */
	void (*progress)(const struct engine_report *report, int64_t total, void *user);
	void *user;
	/* STREAM_COUNT sets of rows that are sent although the centre has receipted them: it compares those that it has with
	 * its tables. NULL: none. */
	const struct ranges *again;
	const char *store_id; /* the identity of the store whose rows are sent; NULL: all of them, one after the other */
	bool ask; /* when nothing is unsent, sends one batch without rows, to hear what the centre has changed */
	const volatile bool *stop; /* set by a signal: ends after the exchange under way; NULL: never */
};

/* Adds what one run has sent to what those before have. */
void engine_report_add(struct engine_report *sum, const struct engine_report *one);

/* Sends all that is unsent, of each identity of the store the oldest first, one batch after the other, with the next
 * one being made while the centre works. Rows that are recorded meanwhile are sent too, within bounds: a run always
 * ends. When nothing is unsent no batch is sent, but see `ask`, and events that wait for the time are asked for it:
 * what the centre then turns out to have lost is sent, too. A unit that the centre has stopped by a receipt asks first,
 * whatever is unsent, and sends rows only once a receipt lets it back in. Fills *report also on failure (what was done
 * so far). ERR_STATE when not paired; ERR_FORGED or ERR_INVALID for a receipt that is not the centre's, not for this
 * batch, or accounts for nothing of it; ERR_LIMIT when the centre has no room for so many separate ranges. ERR_REFUSED:
 * the centre takes nothing of this unit (store_centre.standing says so until a receipt lets it back in), or somebody
 * refuses without a signature, which is noted (store_centre.refusal) and means little: anyone on the way could. Else
 * the carrier's errors. A batch that the carrier or centre fails is not repeated here: the caller waits as backoff.h
 * says. */
int engine_run(const struct channel *channel, const struct engine_options *options, struct engine_report *report,
               struct err *e);

/* How to reach the centre. */
struct engine_way {
	const char *ca_file; /* as carrier_https takes it */
	int64_t timeout_ms;
	int give_up_fd; /* carrier_https_give_up_on; -1: none */
};

/* engine_run over HTTPS, and then the proof that the centre has asked for, if it has; one that fails is left for the
 * next time. It goes by the address that the centre has announced last, which becomes the centre's when a receipt comes
 * by it, else by the one that is known. */
int engine_reach(struct store *store, const struct key_pair *keys, const struct engine_way *way,
                 const struct engine_options *options, struct engine_report *report, struct err *e);

/* Which rows of a store that was with another centre the new one gets: all that are still here, or only those that are
 * recorded from now on. What it does not get is dropped, and it is told so. */
enum engine_send { ENGINE_SEND_UNDECIDED, ENGINE_SEND_ALL, ENGINE_SEND_NEW };

/* Pairs the store with the centre of `link`: sends a request, checks the signed answer, and remembers the centre.
 * ERR_STATE, before the link is used up, when the store is paired with another centre that has receipted rows of it, or
 * was with another one, and `send` is undecided. */
struct pairing_link;
int engine_pair(const struct channel *channel, const struct pairing_link *link, enum engine_send send,
                struct store_centre *out, struct err *e);

#endif
