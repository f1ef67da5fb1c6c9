/* Sets of seq as sorted, disjoint, non-adjacent inclusive ranges: what is held, missing, unsent.
 * All arithmetic between what a unit has and what the centre holds is done on these. */
#ifndef ALZY_HAL_RANGES_H
#define ALZY_HAL_RANGES_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	int64_t first, last; /* both inside */
};

/* Zero-initialised it is the empty set. Owns `items`: ranges_free. */
struct ranges {
	struct range *items;
	size_t count, capacity;
};

/* A set of more fragments than this is refused with ERR_LIMIT: it would cost more than the rows it names. */
enum { RANGES_MAX = 10000 };

void ranges_free(struct ranges *set); /* leaves the empty set */

/* Adds first..last, merging neighbours. ERR_INVALID when first > last or outside 1..SEQ_MAX; ERR_LIMIT; ERR_MEMORY.
 * Appending behind the last range costs O(1). */
int ranges_add(struct ranges *set, int64_t first, int64_t last, struct err *e);
int ranges_add_all(struct ranges *set, const struct ranges *other, struct err *e);
int ranges_copy(struct ranges *out, const struct ranges *set, struct err *e);

/* *out = a \ b and a ∩ b. `out` must be empty and neither a nor b; after a failure it holds a part, to be freed. */
int ranges_subtract(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e);
int ranges_intersect(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e);

/* set = set \ gone. After a failure it is as it was. */
int ranges_remove(struct ranges *set, const struct ranges *gone, struct err *e);

/* The first `most` members of `set`, in order. */
int ranges_take(struct ranges *out, const struct ranges *set, int64_t most, struct err *e);

/* The index of the first range that ends at or behind seq; set->count when there is none. */
size_t ranges_find(const struct ranges *set, int64_t seq);
bool ranges_contain(const struct ranges *set, int64_t seq);
bool ranges_cover(const struct ranges *set, int64_t first, int64_t last); /* whether all of first..last is in it */
bool ranges_equal(const struct ranges *a, const struct ranges *b);
int64_t ranges_total(const struct ranges *set);   /* how many seqs are in it */
int64_t ranges_highest(const struct ranges *set); /* 0 when empty */

/* "1-5, 8, 10-12" into out, cut with "…" when it is longer than size. Returns out. */
const char *ranges_format(const struct ranges *set, char *out, size_t size);

#endif
