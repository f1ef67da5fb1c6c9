/* Packs what is unsent into batches, each sealed and ready to travel. */
#ifndef ALZY_SYNC_PACK_H
#define ALZY_SYNC_PACK_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/gather.h"
#include "sync/keys.h"
#include "sync/narrow.h"
#include "sync/parcel.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes one parcel after the other. */
struct packer {
	struct gather gather;
	struct narrow narrow; /* a centre that refuses a batch gets ever smaller ones */
	const struct key_pair *keys;
	const uint8_t *recipient; /* the centre's public key; borrowed, as are all pointers here */
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

/* The centre has refused this parcel: the next ones are narrower. False when the culprit is alone in it (narrow.h). */
bool packer_refused(struct packer *packer, const struct parcel *refused);

/* A parcel without rows, whatever is unsent. Takes an exchange number, durably. */
int packer_ask(struct packer *packer, struct parcel *out, struct err *e);

#endif
