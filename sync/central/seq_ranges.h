/* Sets of seq as Postgres keeps them: int8multirange, as text. SQL-free. */
#ifndef ALZY_SYNC_CENTRAL_SEQ_RANGES_H
#define ALZY_SYNC_CENTRAL_SEQ_RANGES_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/ranges.h"

/* "{[1,11),[20,21)}" as Postgres prints it → 1-10, 20. `out` must be empty. ERR_INVALID for anything but whole finite
 * ranges within 1..SEQ_MAX; ERR_LIMIT for more than RANGES_MAX of them. */
int seq_ranges_parse(const char *text, struct ranges *out, struct err *e);

/* The same text, with a NUL at its end, behind what `out` holds. */
int seq_ranges_format(const struct ranges *set, struct buffer *out, struct err *e);

/* The two ends of each range plus `base` as a pair of arrays, "{1,20}" and "{10,20}", for unnest($1, $2). */
int seq_ranges_arrays(const struct ranges *set, int64_t base, struct buffer *firsts, struct buffer *lasts,
                      struct err *e);

#endif
