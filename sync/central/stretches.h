/* alzy.stretches: runs of rows that came together, with the digest of what was received. When some rows of a run go, what is
 * left of it is told anew. */
#ifndef ALZY_SYNC_CENTRAL_STRETCHES_H
#define ALZY_SYNC_CENTRAL_STRETCHES_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "sync/central/pg.h"
#include "sync/verify.h"

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised it is empty; stretches_free. */
struct stretches {
	struct verify_block *items; /* rows: how many there are */
	size_t count, capacity;
};
void stretches_free(struct stretches *stretches);
int stretches_add(struct stretches *stretches, const struct verify_block *block, struct err *e);
/* Adds the parts of a stretch that are not in `gone`, each with all that is said of the whole. */
int stretches_rest(const struct verify_block *stretch, const struct ranges *gone, struct stretches *out, struct err *e);

/* Those of which some rows are in `gone`, and others not: with first, last, and the digest of what was received. */
int stretches_touched(struct pg *pg, int64_t number, enum stream stream, const struct ranges *gone,
                      struct stretches *out, struct err *e);
/* Deletes all that have a row in `gone`. */
int stretches_cut(struct pg *pg, int64_t number, enum stream stream, const struct ranges *gone, struct err *e);
/* Adds them. */
int stretches_note(struct pg *pg, int64_t number, enum stream stream, const struct stretches *stretches, struct err *e);

#endif
