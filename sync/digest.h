/* Digests of canonical content: what both sides compute from the rows they really have, to say whether they are the
 * same. SQL-free, shared by unit and centre. Canonical bytes of a row: docs/protocol.md. */
#ifndef ALZY_SYNC_DIGEST_H
#define ALZY_SYNC_DIGEST_H

#include "hal/ranges.h"
#include "hal/rows.h"

#include <stddef.h>
#include <stdint.h>

enum { ROWS_DIGEST = 32 };

/* Of points in order of seq. sessions[point.session - 1] is a point's session; only its session_id counts. */
void digest_points(const struct point *points, size_t count, const struct session *sessions, uint8_t out[ROWS_DIGEST]);
void digest_events(const struct event *events, size_t count, uint8_t out[ROWS_DIGEST]);

/* Of points that are still packed as in a batch (columns.h): where the digest of two such blocks is the same, so are the rows, with
 * their seqs and sessions. The same rows can be packed in other ways, though, as with more sessions beside them. */
void digest_packed(const void *block, size_t length, const struct ranges *seqs, const struct session *sessions,
                   size_t session_count, uint8_t out[ROWS_DIGEST]);

/* Of rows in pieces: begin, more rows any number of times, end. Nothing is to be freed. */
struct digest {
	_Alignas(64) unsigned char state[384];
};
void digest_begin(struct digest *digest, enum stream stream);
void digest_more_points(struct digest *digest, const struct point *points, size_t count,
                        const struct session *sessions);
void digest_more_events(struct digest *digest, const struct event *events, size_t count);
void digest_end(struct digest *digest, uint8_t out[ROWS_DIGEST]);

#endif
