/* Digests of canonical content: what both sides compute from the rows they really have, to say whether they are the
 * same. SQL-free, shared by unit and centre. Canonical bytes of a row: docs/protocol.md. */
#ifndef ALZY_SYNC_DIGEST_H
#define ALZY_SYNC_DIGEST_H

#include "hal/rows.h"

#include <stddef.h>
#include <stdint.h>

enum { ROWS_DIGEST = 32 };

/* Of points in order of seq. sessions[point.session - 1] is a point's session; only its session_id counts. */
void digest_points(const struct point *points, size_t count, const struct session *sessions, uint8_t out[ROWS_DIGEST]);
void digest_events(const struct event *events, size_t count, uint8_t out[ROWS_DIGEST]);

/* The same in pieces: the digest of no rows, and what it becomes when more rows follow those that it is of. */
void digest_begin(enum stream stream, uint8_t out[ROWS_DIGEST]);
void digest_more_points(const struct point *points, size_t count, const struct session *sessions,
                        uint8_t digest[ROWS_DIGEST]);
void digest_more_events(const struct event *events, size_t count, uint8_t digest[ROWS_DIGEST]);

#endif
