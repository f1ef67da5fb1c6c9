/* The receipt: the centre's signed answer. Only a receipt makes a unit believe that a row has arrived. All JSON;
 * members: docs/protocol.md. */
#ifndef ALZY_SYNC_RECEIPT_H
#define ALZY_SYNC_RECEIPT_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "hal/merge.h"
#include "hal/ranges.h"
#include "hal/reference.h"
#include "hal/rows.h"
#include "sync/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECEIPT_REJECTED_MAX = 1000, /* in each stream */
	RECEIPT_PROOFS_MAX = 500,    /* in each stream */
	RECEIPT_SESSIONS_MAX = 2000, /* as many as a batch may have */
	RECEIPT_CODE_TEXT = 16,
	RECEIPT_REASON_TEXT = 256,
};

/* How the device stands at the centre. Any but STANDING_GOOD: the centre takes nothing of it, and the receipt accounts
 * for nothing and says nothing of rows. */
enum receipt_standing { STANDING_GOOD, STANDING_DEACTIVATED, STANDING_DELETED, STANDING_REVOKED, STANDING_COUNT };
const char *receipt_standing_name(enum receipt_standing standing); /* "deactivated"; "" for good */
/* For members.h: "standing", which is absent for good. ERR_INVALID: a word of a later version. */
extern const struct member_kind receipt_standing_member;
/* ERR_REFUSED, with what a standing other than good means for people. */
int receipt_standing_explain(enum receipt_standing standing, int64_t device_id, const char *device_name, struct err *e);

struct receipt_rejected {
	int64_t seq;
	char code[RECEIPT_CODE_TEXT]; /* SQLSTATE, or one of the words in docs/protocol.md: "conflict" */
	char reason[RECEIPT_REASON_TEXT];
};

struct receipt_stream {
	struct ranges accounted; /* held, rejected, dropped or expired: nothing of it is to be sent again */
	struct ranges dropped;   /* … of these, what it does not hold because the unit has let go of it */
	struct ranges confirmed; /* rows of the batch: accounted for with the content that they have there */
	struct ranges conflicts; /* … and rows of it that are held with other content */
	struct stretch *proofs;  /* what is held of the seqs of which the unit is not sure, rising */
	size_t proof_count;
	struct ranges missing;             /* below the highest seq that the centre has heard of */
	struct receipt_rejected *rejected; /* all rejected rows that the centre has of this store, newest first, capped */
	size_t rejected_count;
	int64_t rejected_total;
	int64_t fresh, known; /* of the batch: rows that were new, rows that were held already */
	int64_t left; /* of the batch: rows for which the centre has no room, as they would be too many separate ranges */
	int64_t refused; /* of the batch: rows that were set aside; not in the document */
};

struct receipt_session {
	char session_id[UUID_TEXT];
	int64_t revision;           /* held; 0: the session is not */
	char lost[NAME_TEXT];       /* references that the centre does not know: "user_id machine_id"; "" none */
	int64_t seen;               /* the revision of the centre that the centre knows the unit to have seen */
	struct session_edits edits; /* what it has changed since; edits.values has only what edits.changed names */
	bool differs; /* maybe, from what the unit says (merge_copy): edits.values has status and times in any case */
	char refused[RECEIPT_REASON_TEXT]; /* why its database does not take what the batch says of it; "" it does */
};

struct receipt {
	char store_id[UUID_TEXT];
	int64_t exchange;
	uint8_t batch_digest[ENVELOPE_DIGEST];
	int64_t centre_ms; /* the centre's time */
	int64_t verify_ms; /* since when it asks for a proof (verify.h); 0: it does not */
	struct receipt_stream streams[STREAM_COUNT];
	/* A number by which the centre knows the state of this store that the receipt tells of, and every one before; 0: none. */
	int64_t checkpoint;
	bool forgotten; /* it does not know batch.checkpoint: it went back to an earlier state */
	struct receipt_session *sessions;
	size_t session_count;
	int64_t device_id;
	char device_name[NAME_TEXT];
	char device_color[16];
	bool device_active;
	bool has_reference; /* it differs from what the unit has */
	struct reference reference;
	enum receipt_standing standing;
	bool announces_key; /* centre_key is the key to know the centre by from now on */
	uint8_t centre_key[KEY_PUBLIC];
	/* Copies of this store: rows that came under its seqs with other content, since when, and stores that were forked from
	 * it. 0: none that the centre knows of. */
	int64_t copied_rows, copied_ms, forks;
	char url[NAME_TEXT]; /* where to reach the centre from now on; "" as before */
};

void receipt_free(struct receipt *receipt); /* frees what it owns, not the struct; leaves it zeroed; NULL is fine */
/* Appends the document to `out`. ERR_LIMIT. */
int receipt_encode(const struct receipt *receipt, struct buffer *out, struct err *e);
/* Reads a document from outside, every count and value checked. Whether it is the answer to the batch that was sent
 * (store, exchange, digest) is the caller's to compare. ERR_INVALID, ERR_LIMIT. */
int receipt_decode(const void *document, size_t length, struct receipt *out, struct err *e);

#endif
