/* Proof: unit and centre digest the same blocks of rows, each from what it really stores, and compare. The unit asks
 * with a question (blocks of seqs with its digests), the centre says which of them differ; what differs is asked again
 * in smaller blocks, down to the single row. All of it pure, and the same on both sides; documents: docs/protocol.md. */
#ifndef ALZY_SYNC_VERIFY_H
#define ALZY_SYNC_VERIFY_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "sync/digest.h"
#include "sync/envelope.h"
#include "sync/keys.h"
#include "sync/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERIFY_BLOCKS_MAX = 2048, /* of one stream in a question */
	VERIFY_PARTS = 64,        /* that a block which differs is split into */
	VERIFY_NAMED_MAX = 1000,  /* fragments of what differs; from then on, whole blocks are named */
	VERIFY_SENTENCE_TEXT = 1024,
};

/* The most seqs of all blocks of a question; of one of them it is stream_block: what either side reads at once. */
int64_t verify_question_seqs(enum stream stream);

/* ---- rows as one side really has them ---------------------------------------------------------------------- */

/* Rows of one stream in order of seq. Zero-initialised it is empty; whoever has it read frees what is in it. */
struct verify_rows {
	struct point *points; /* point.session: 0, or 1 + index into sessions */
	struct event *events;
	size_t count;
	struct session *sessions; /* of points; only their session_id counts */
	size_t session_count, session_capacity;
	struct ranges odd; /* rows with something in them that no unit can have recorded, so that they equal none */
};
/* The number of the session with this name for point.session, added when it is new. ERR_MEMORY. */
int verify_rows_session(struct verify_rows *rows, const char *session_id, int32_t *out, struct err *e);

/* Where rows come from: the unit's store, or the centre's tables. */
struct verify_source {
	enum stream stream;
	/* Fills the empty *out with the rows from first to last: never more than stream_block. */
	int (*read)(struct verify_source *source, int64_t first, int64_t last, struct verify_rows *out, struct err *e);
};

struct verify_block {
	int64_t first, last;
	uint8_t digest[ROWS_DIGEST]; /* of the rows that are there */
	int64_t rows;                /* how many that are */
	bool odd;                    /* one of them is odd: the digest says nothing */
	bool pruned;                 /* only the digest is left of them, which can't be asked about in parts */
};
/* Fills digest, rows and odd of each block. Blocks must rise; they may have any length: memory is that of one read. */
int verify_digest_blocks(struct verify_source *source, struct verify_block *blocks, size_t count, struct err *e);

/* ---- the two documents ------------------------------------------------------------------------------------- */

struct question {
	uint8_t sender[KEY_PUBLIC]; /* named again inside the seal; must be the envelope's sender */
	char store_id[UUID_TEXT];
	struct question_stream {
		int64_t last_seq; /* the highest that the store has given out */
		struct verify_block *blocks;
		size_t block_count;
		/* What the centre's ranges say of these is to be made true first: of rows that it does not have, they must say
		 * nothing. The answer is then about the rest of the question. */
		struct ranges mend;
	} streams[STREAM_COUNT];
	/* What the unit has found out, when the centre has asked for that in a receipt. */
	struct question_proof {
		int64_t asked_ms; /* receipt.verify_ms; 0: there is none */
		char outcome[16]; /* verify_outcome */
		char sentence[VERIFY_SENTENCE_TEXT];
	} proof;
};
void question_free(struct question *question); /* leaves it zeroed; NULL is fine */
/* Appends to `out`. ERR_MEMORY. */
int question_encode(const struct question *question, struct buffer *out, struct err *e);
/* Blocks rise, do not overlap, and are within the bounds above. ERR_INVALID, ERR_LIMIT. */
int question_decode(const void *document, size_t length, struct question *out, struct err *e);

struct answer {
	char store_id[UUID_TEXT];
	uint8_t question_digest[ENVELOPE_DIGEST]; /* of the envelope that it answers */
	int64_t centre_ms;
	/* To a unit that the centre does not serve it says this, and nothing of rows. */
	enum receipt_standing standing;
	int64_t device_id;
	char device_name[NAME_TEXT];
	struct answer_stream {
		struct ranges absent;    /* blocks asked about of which the centre has no row, though the unit has */
		struct ranges differing; /* blocks asked about of which it has other rows than the unit */
		/* Of the seqs asked about: */
		struct ranges rejected; /* rows that the centre keeps aside in full, not in the table */
		struct ranges dropped, expired;
		struct ranges beyond; /* rows above last_seq, the first of them */
		struct ranges there;  /* rows that the centre has in pruned blocks which differ */
	} streams[STREAM_COUNT];
};
void answer_free(struct answer *answer); /* leaves it zeroed; NULL is fine */
/* As those of a question. */
int answer_encode(const struct answer *answer, struct buffer *out, struct err *e);
int answer_decode(const void *document, size_t length, struct answer *out, struct err *e);

/* What the centre says of one stream: `asked` with the unit's digests, `found` the same blocks with its own. Adds to
 * absent and differing. */
int verify_compare(const struct verify_block *asked, const struct verify_block *found, size_t count,
                   struct answer_stream *out, struct err *e);

/* ---- the search for what differs --------------------------------------------------------------------------- */

/* What becomes of each seq. Up to VERIFY_UNPROVEN it is accounted for. */
enum verify_fate {
	VERIFY_HELD,     /* in the centre's table, with the same content */
	VERIFY_REJECTED, /* kept aside by the centre, with the same content */
	VERIFY_DROPPED,
	VERIFY_EXPIRED,
	VERIFY_UNPROVEN, /* the centre has a row, and the unit none to compare: pruned in a block that is not whole any more */
	VERIFY_UNSENT,    /* not at the centre, which has never said that it has it */
	VERIFY_MISSING,   /* not at the centre, though the unit was told that it has it */
	VERIFY_LOST,      /* the same, and pruned here */
	VERIFY_DIFFERING, /* at the centre with other content */
	VERIFY_ADDED,     /* at the centre, and not in this store */
	VERIFY_GONE,      /* on neither side, and nobody says why */
	VERIFY_FATES,
};
const char *verify_fate_name(enum verify_fate fate); /* "held", "rejected", … */

struct verify_result {
	int64_t last;           /* the highest seq given out */
	struct ranges recorded; /* 1..last, without those that are not of this store any more */
	struct ranges fates[VERIFY_FATES];
};
void verify_result_free(struct verify_result *result); /* leaves it zeroed */

/* Seqs that the unit has under other numbers: that of first is first + shift. Its blocks (stream_block) are of these. */
struct verify_piece {
	int64_t first, last, shift;
};

/* One stream of one store. verify_search_free. */
struct verify_search {
	struct range *todo; /* pieces of blocks that differ, the next one last */
	size_t todo_count, todo_capacity;
	struct verify_piece *pieces; /* what there is to ask about */
	size_t piece_count;
	int64_t next; /* no block has covered this seq and those behind it */
	enum stream stream;
	struct ranges dropped; /* by the unit; the caller fills it */
	struct verify_result result;
};
/* `pieces` rise and are copied; NULL: all of 1..last, not shifted. ERR_MEMORY, ERR_LIMIT; to be freed all the same. */
int verify_search_begin(struct verify_search *search, enum stream stream, int64_t last,
                        const struct verify_piece *pieces, size_t count, struct err *e);
void verify_search_free(struct verify_search *search);

/* The next blocks to ask about, rising, without digests; *out_count is 0 when all is known. */
void verify_search_next(struct verify_search *search, struct verify_block blocks[VERIFY_BLOCKS_MAX], size_t *out_count);
/* What the centre says of them. */
int verify_search_take(struct verify_search *search, const struct verify_block *blocks, size_t count,
                       const struct answer_stream *said, struct err *e);
/* When all is known: search->result is complete. `unsent` is what the unit believes the centre not to have. */
int verify_search_end(struct verify_search *search, const struct ranges *unsent, struct err *e);

/* "whole"; "unsent": but for rows that the centre has never had; "differs". */
const char *verify_outcome(const struct verify_result results[STREAM_COUNT]);

/* "central holds points 1..N and events 1..M of this store", or what does not hold of that. Returns out. */
const char *verify_sentence(const struct verify_result results[STREAM_COUNT], char out[VERIFY_SENTENCE_TEXT]);

#endif
