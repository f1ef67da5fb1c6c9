/* What the centre is to its units: its keys, and the address that it announces. The present key signs links and what
 * answers to it; those before open what is still sealed to them, and sign the answers, which announce the present one. */
#ifndef ALZY_SYNC_CENTRAL_IDENTITY_H
#define ALZY_SYNC_CENTRAL_IDENTITY_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/rows.h"
#include "sync/envelope.h"
#include "sync/keys.h"

#include <stddef.h>

enum { IDENTITY_KEYS_MAX = 8 };

struct identity {
	struct key_pair keys[IDENTITY_KEYS_MAX]; /* the present one, then those before, newest first */
	int numbers[IDENTITY_KEYS_MAX];          /* whose file is "PATH.NUMBER"; 0: PATH itself */
	size_t count;
	char url[NAME_TEXT]; /* where units are to reach the centre from now on; "" announces nothing */
};

/* Loads the key at `path` and those before, "PATH.1", "PATH.2", …, the highest number the newest. ERR_NOT_FOUND when
 * there is none at `path`; ERR_LIMIT for more than IDENTITY_KEYS_MAX; else the errors of keys_load. */
int identity_load(const char *path, struct identity *out, struct err *e);
void identity_wipe(struct identity *identity);

/* What is other when any of these files has come, gone, or been written: to be compared with what it was. */
struct identity_mark {
	uint8_t bytes[ENVELOPE_DIGEST];
};
struct identity_mark identity_mark(const char *path);

/* Makes a new present key; the one that was becomes "PATH.N". Cut off at any point it leaves a key at `path`, and is
 * completed by the next call. *out is what is there afterwards. Errors: those of identity_load; ERR_LIMIT when there are
 * too many keys before; ERR_BUSY when another rotation is under way. */
int identity_rotate(const char *path, struct identity *out, struct err *e);

/* A whole envelope, of any kind, for one of the keys, with the signature of its sender. Only identity_check makes one. */
struct letter {
	const void *bytes; /* borrowed */
	size_t length;
	struct envelope_head head;
	uint8_t recipient[KEY_PUBLIC];
};

/* Whether it is one. The errors of envelope_check. */
int identity_check(const struct identity *identity, const void *bytes, size_t length, struct letter *out,
                   struct err *e);

/* Opens it, as envelope_open does behind the signature; *out_index says by which key. ERR_FORGED, too, when that key has gone
 * meanwhile. */
int identity_open(const struct identity *identity, const struct letter *letter, struct buffer *out, size_t *out_index,
                  struct err *e);

#endif
