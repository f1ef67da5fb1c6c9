/* Packs what is unsent into batches, each sealed and ready to travel. */
#ifndef ALZY_SYNC_PACK_H
#define ALZY_SYNC_PACK_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/ranges.h"
#include "store/identity.h"
#include "store/store.h"
#include "sync/batch.h"
#include "sync/envelope.h"
#include "sync/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A batch that is sealed: all that must be remembered of it until its receipt is there. Zero-initialised it is empty;
 * parcel_free. */
struct parcel {
	char store_id[UUID_TEXT]; /* whose seqs these are */
	bool loaded;              /* there is something to send */
	bool full;                /* … and not all that was unsent found room */
	bool retries;             /* … some of which the centre has rejected before */
	bool bare;                /* … with no session but those that its rows are of */
	bool asks;                /* … without rows: it asks the centre what it holds, and how this unit stands */
	int64_t exchange;
	struct buffer envelope;
	uint8_t digest[ENVELOPE_DIGEST];
	struct ranges sent[STREAM_COUNT];
	struct parcel_session {
		char session_id[UUID_TEXT];
		int64_t revision;
	} * sessions; /* those that were unsent, not those that rows only refer to */
	size_t session_count;
	bool drops; /* there are some in it */
};
void parcel_empty(struct parcel *parcel); /* keeps its memory for the next one */
void parcel_free(struct parcel *parcel);

/* What at most goes into a parcel: a centre that refuses a batch gets ever smaller ones, until the culprit is alone. */
struct pack_limits {
	int64_t points, events, sessions;
	bool bare; /* no sessions but those that the rows are of */
};

/* Makes one parcel after the other. The arrays of `batch` are used again for each, so that memory is the same for ten
 * thousand points and for a million. */
struct packer {
	struct store *store; /* borrowed, as all pointers here */
	const struct key_pair *keys;
	const uint8_t *recipient; /* the centre's public key */
	int64_t batch_points;
	struct pack_limits limits;
	int passed;               /* parcels since the limits were last narrowed, or widened */
	char store_id[UUID_TEXT]; /* the identity whose rows are packed … */
	struct identity identity; /* … as it is now */
	/* Rows that are sent although the centre has receipted them, to be compared there: those that are not packed yet.
	 * Filled by the caller after packer_start. */
	struct ranges again[STREAM_COUNT];
	struct ranges told[STREAM_COUNT]; /* drops that were packed: each goes once, unless its batch was refused */
	/* Sessions that the centre has refused in this run: they go only with their rows. */
	struct parcel_session *refused;
	size_t refused_count;
	struct batch batch;
	size_t session_room;
	struct buffer document;
};
int packer_start(struct packer *packer, struct store *store, const struct key_pair *keys, const uint8_t *recipient,
                 int64_t batch_points, struct err *e);
/* From now on the rows of this identity of the store are packed: a run sends what is unsent of each. At first it is the
 * present one. */
void packer_turn_to(struct packer *packer, const char *store_id);
void packer_end(struct packer *packer); /* a zeroed one is fine */

/* The next rows that are neither receipted nor in `in_flight` (NULL: nothing is under way). out->loaded is false when
 * there are none. A batch that would be too large is halved until it fits. Takes an exchange number, durably. */
int packer_next(struct packer *packer, const struct parcel *in_flight, struct parcel *out, struct err *e);

/* The parcel is about to be sent, or was written: what of it is offered again (store_retry) is on its way now. */
int packer_sent(struct packer *packer, const struct parcel *parcel, struct err *e);

/* The centre has refused this parcel: the next ones carry half of it, or one of its rows. False when it was a single
 * row, or none. */
bool packer_narrow(struct packer *packer, const struct parcel *refused);
/* It has taken the parcel, but not this session of it, which stays unsent: in this run it does not go by itself again. */
int packer_session_refused(struct packer *packer, const struct parcel_session *session, struct err *e);
/* It has taken this one: after a row that came alone, its neighbour of the other stream has its turn; and after a few,
 * the limits are widened again. */
void packer_passed(struct packer *packer);
void packer_widen(struct packer *packer); /* as much as finds room, as at first */
bool packer_is_narrow(const struct packer *packer);

/* A parcel without rows, whatever is unsent. Takes an exchange number, durably. */
int packer_ask(struct packer *packer, struct parcel *out, struct err *e);

#endif
