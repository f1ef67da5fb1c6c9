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

/* The same in pieces: begin, more rows any number of times, end. Nothing is to be freed. */
struct digest {
	_Alignas(64) unsigned char state[384];
};
void digest_begin(struct digest *digest, enum stream stream);
void digest_more_points(struct digest *digest, const struct point *points, size_t count,
                        const struct session *sessions);
void digest_more_events(struct digest *digest, const struct event *events, size_t count);
void digest_end(struct digest *digest, uint8_t out[ROWS_DIGEST]);

#endif
