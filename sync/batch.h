/* The batch: an immutable set of rows on its way to the centre. Layout to the byte: docs/protocol.md.
 *
 *   document = length of the JSON (4 bytes, big-endian) · JSON · block of points in columns (columns.h) */
#ifndef ALZY_SYNC_BATCH_H
#define ALZY_SYNC_BATCH_H

#include "hal/buffer.h"
#include "hal/clock.h"
#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/reference.h"
#include "hal/rows.h"
#include "sync/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BATCH_POINTS_MAX = 20000,
	BATCH_EVENTS_MAX = 5000,
	BATCH_SESSIONS_MAX = 2000,
	BATCH_DROPS_MAX = 1000,
	BATCH_UNSURE_MAX = 100,
};

enum { VERSION_TEXT = 32, FORK_CAUSE_TEXT = 16 };

struct unit_state {
	char version[VERSION_TEXT]; /* of alzy on the unit */
	int64_t unsent_points, unsent_events;
	int64_t oldest_unsent_ms;    /* 0: none */
	int64_t free_bytes;          /* on the disk of the store; -1 unknown */
	int64_t clock_ms;            /* the unit's clock when the batch was made */
	enum time_basis clock_basis; /* what it rests on; TIME_NONE: on nothing, or not said */
};

struct batch {
	uint8_t sender[KEY_PUBLIC]; /* named again inside the seal; must be the envelope's sender */
	char store_id[UUID_TEXT];
	char forked_from[UUID_TEXT]; /* the store that this one was forked from; "": none, or the centre knows it */
	char because[FORK_CAUSE_TEXT];
	bool moved; /* it has only rows that came from there, each with the seq that it had */
	int64_t exchange;
	int64_t last_seq[STREAM_COUNT]; /* the highest that the store has given out */
	struct ranges point_ranges;     /* the seqs of `points`, in order */
	struct point *points;           /* point.session: 0, or 1 + index into sessions; NULL: packed, see batch_open */
	size_t point_count;
	const void *packed; /* their block, borrowed from the document; NULL: none */
	size_t packed_length;
	struct event *events; /* in order of seq */
	size_t event_count;
	struct session *sessions; /* changed ones, and all that points and events refer to; id is 0 */
	size_t session_count;
	struct drop *drops; /* what the unit has let go of, and the centre has not accounted for */
	size_t drop_count;
	/* Seqs besides those of this batch of which the unit does not know that the centre has them: the receipt proves what is
	 * there. At most BATCH_UNSURE_MAX ranges, the first ones. */
	struct ranges unsure[STREAM_COUNT];
	int64_t checkpoint; /* the last one that a receipt for this store has named; 0: none */
	bool retry;         /* rows that the centre has rejected are judged again */
	bool compare;       /* rows that are held are compared with the tables, whatever the centre has noted of them */
	bool has_reference;
	uint8_t reference[REFERENCE_DIGEST]; /* the digest of the reference data that the unit has */
	struct unit_state state;
};

void batch_free(struct batch *batch); /* frees what it owns, not the struct; leaves it zeroed; NULL is fine */

/* Appends the document to `out`. point_ranges must hold exactly the seqs of points. ERR_INVALID, ERR_LIMIT. */
int batch_encode(const struct batch *batch, struct buffer *out, struct err *e);

/* Reads a document from outside: every count, range, length and value is checked (latitude, longitude, times within
 * TIME_MS_MIN..MAX, UUIDs, session indexes, seqs strictly rising and below 2^40). ERR_INVALID, ERR_LIMIT. */
int batch_decode(const void *document, size_t length, struct batch *out, struct err *e);

/* The same in two steps. batch_open reads all but the points, which stay packed in `document`; that must stay as long as *out is
 * packed. batch_unpack does the rest, and nothing when that is done. */
int batch_open(const void *document, size_t length, struct batch *out, struct err *e);
int batch_unpack(struct batch *batch, struct err *e);

/* The document as one JSON object for people, points included (degrees, metres, RFC 3339); free() it. */
char *batch_to_json(const struct batch *batch);

#endif
