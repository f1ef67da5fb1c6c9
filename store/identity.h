/* Identities: under which stores, in the centre's sense, the rows of a file are known there.
 *
 * A file begins with one identity, and a row's seq is its number in the file. When there turns out to be another copy
 * of the file, it forks: what is recorded from then on belongs to a new identity, with seqs from 1; what was recorded
 * before keeps its name, for the other copy may have the same rows under it.
 *
 * Only a row whose seq the centre holds with other content gets a new name: it moves to the identity whose name follows
 * from that which it leaves, and keeps its seq. When that one, too, holds another row under this seq, it moves on in the same
 * way. So all copies that have the row try the same places in the same order, whatever else they have and whenever they come,
 * and find it where the first of them has put it.
 *
 * A row is numbered twice: by its place in the file ("row", what store.h calls seq), and by identity and seq, which is what
 * travels. Here one becomes the other. */
#ifndef ALZY_STORE_IDENTITY_H
#define ALZY_STORE_IDENTITY_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fork_cause {
	FORK_NONE,     /* made as a new store */
	FORK_HARDWARE, /* opened on another machine */
	FORK_PERSON,   /* alzy store fork */
	FORK_CONFLICT, /* the centre holds other rows under our seqs */
	FORK_BEHIND,   /* the centre has seqs that this file has not given out: it was restored from an older copy */
	FORK_CAUSES,
};
const char *fork_cause_name(enum fork_cause cause); /* "hardware", "person", …; "" for none */

struct identity_run {
	int64_t row, seq, count; /* rows row..row+count-1 are seqs seq..seq+count-1 */
};

/* As it was when it was read: rows that were recorded since are not in it. Zero-initialised it is empty. */
struct identity {
	int64_t number;
	char store_id[UUID_TEXT];
	char forked_from[UUID_TEXT]; /* "" when it was made as a new store */
	enum fork_cause because;
	int64_t since_ms;
	bool moved;   /* holds only rows that came from forked_from, and not under all seqs up to the highest */
	bool present; /* what is recorded now belongs to it */
	/* What the centre has told: how many rows came under its seqs with other content, since when, and how many stores
	 * were forked from it. Without any, 0. */
	int64_t copied_rows, copied_at_ms, forks;
	/* A number by which the centre knows the state that its last receipt has told of; 0: none. When it does not know it any
	 * more, the centre went back to an earlier state, and nothing that was believed of rows holds. */
	int64_t checkpoint;
	struct identity_stream {
		struct identity_run *runs; /* in order of seq */
		size_t count;
		int64_t last; /* the highest seq given out; 0: none */
	} streams[STREAM_COUNT];
};
void identity_free(struct identity *identity); /* leaves it empty */

/* By its store_id; NULL: the present one. *out must be empty. ERR_NOT_FOUND. */
int identity_read(struct store *store, const char *store_id, struct identity *out, struct err *e);
/* All of them, the oldest first, but the present one last; identities_free. */
int identities_read(struct store *store, struct identity **out, size_t *out_count, struct err *e);
void identities_free(struct identity *identities, size_t count);

/* Rows of the file become seqs, and the other way; those that are none of this identity are left out. `out` must be empty,
 * and is so after a failure. Of more than RANGES_MAX ranges the first ones are given. */
int identity_seqs(const struct identity *identity, enum stream stream, const struct ranges *rows, struct ranges *out,
                  struct err *e);
int identity_rows(const struct identity *identity, enum stream stream, const struct ranges *seqs, struct ranges *out,
                  struct err *e);

/* All rows of it; `out` as above. */
int identity_all_rows(const struct identity *identity, enum stream stream, struct ranges *out, struct err *e);

/* One of them; 0 when it is none. */
int64_t identity_seq(const struct identity *identity, enum stream stream, int64_t row);
int64_t identity_row(const struct identity *identity, enum stream stream, int64_t seq);

/* As store_read_points and store_read_events, by seqs of this identity: which the rows then have, in their order. */
int identity_read_points(struct store *store, const struct identity *identity, const struct ranges *seqs,
                         struct point *out, size_t max, size_t *out_count, struct err *e);
int identity_read_events(struct store *store, const struct identity *identity, const struct ranges *seqs,
                         struct event *out, size_t max, size_t *out_count, struct err *e);

/* As store_unsent, in seqs of this identity. */
int identity_unsent(struct store *store, const struct identity *identity, enum stream stream, struct ranges *out,
                    struct err *e);

/* What is recorded from now on belongs to a new identity. store_id() is that from now on. */
int store_fork(struct store *store, enum fork_cause because, struct err *e);

/* For whoever has opened a store to write, by [store] hardware: a store that was last used on other hardware forks at
 * once, and *out_forked is true. A machine or a store of which nothing is known forks nothing. */
int store_settle(struct store *store, const char *hardware, bool *out_forked, struct err *e);
/* What to tell people then. */
const char *store_settled_text(const struct store *store, char out[ERR_TEXT_MAX]);

#endif
