/* Points as columns of small numbers: what makes a point cost about as little as its information.
 *
 * Each column is zigzag varints of differences: second differences for time, latitude, longitude; first differences
 * for the rest. Absent values stand in a mask of run lengths. Layout to the byte: docs/protocol.md. */
#ifndef ALZY_SYNC_COLUMNS_H
#define ALZY_SYNC_COLUMNS_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/rows.h"

#include <stddef.h>
#include <stdint.h>

/* Appends the block of `points` (seq is not in it) to `out`. */
int columns_encode(const struct point *points, size_t count, struct buffer *out, struct err *e);

/* Decodes exactly `count` points from exactly `length` bytes into out[0..count); seq is left 0. Values that the schema
 * can't hold, a session above `session_most`, bytes too few or left over: ERR_INVALID. */
int columns_decode(const uint8_t *bytes, size_t length, size_t count, int32_t session_most, struct point *out,
                   struct err *e);

#endif
