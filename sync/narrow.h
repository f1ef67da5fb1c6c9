/* How much goes into a batch while the centre refuses some: ever less, until the culprit is alone, and more again once
 * batches pass. Pure: who sends them, and what becomes of the culprit, is the engine's. */
#ifndef ALZY_SYNC_NARROW_H
#define ALZY_SYNC_NARROW_H

#include <stdbool.h>
#include <stdint.h>

/* What at most goes into a batch. */
struct limits {
	int64_t points, events, sessions;
	bool bare; /* no sessions but those that the rows are of */
};
/* Half of each, rounded up. False when there was nothing left to halve. */
bool limits_halve(struct limits *limits);

struct narrow {
	struct limits widest, now;
	int passed; /* batches since `now` was last changed */
};

/* As much as finds room, as at first. */
void narrow_widen(struct narrow *narrow);
bool narrow_is(const struct narrow *narrow);

/* A batch of so many rows was refused: the next ones carry half of it, or one of its rows. False when it was a single
 * row, without other sessions, or none. */
bool narrow_refused(struct narrow *narrow, int64_t points, int64_t events, bool bare);

/* A batch was taken: after a row that came alone, its neighbour of the other stream has its turn; and after a few, the
 * limits are widened again. */
void narrow_passed(struct narrow *narrow);

/* Nothing is left that fits narrow limits: they are widened. False when they were not narrow: there is nothing else either. */
bool narrow_relax(struct narrow *narrow);

#endif
