/* The pieces of ingest among themselves; the one transaction is in ingest.c. */
#ifndef ALZY_SYNC_CENTRAL_INGEST_PARTS_H
#define ALZY_SYNC_CENTRAL_INGEST_PARTS_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "sync/batch.h"
#include "sync/central/ingest.h"
#include "sync/central/pg.h"
#include "sync/digest.h"
#include "sync/receipt.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stream of the store: what the centre had of it before this batch, and what the batch changes. */
struct ingest_stream {
	struct ranges given;                            /* the rows of the batch */
	struct buffer firsts, lasts;                    /* their two ends, for Postgres */
	const char *asked[4];                           /* what ingest_stream_ask gives to Postgres */
	struct pg_result *stretches_found;              /* what came of it */
	struct ranges held, rejected, dropped, expired; /* as in alzy.stores, and as they become */
	struct ranges taken;                            /* rows of this batch that are now in the table */
	struct ranges found;     /* rows of this batch that were in the table all the time, which the ranges did not say */
	struct ranges refused;   /* rows of this batch that are now in alzy.rejected for their data */
	struct ranges conflicts; /* rows of this batch whose seq has other content here, which stays */
	int64_t last;            /* the highest seq that the centre has heard of */
	int64_t room;            /* for so many more separate ranges of what is held or rejected */
	int64_t left;            /* rows of the batch that found no room: they stay with the unit */
};

struct ingest_session {
	int64_t id; /* alzy.sessions.id; 0: not held */
	bool news;  /* what the batch says of it was written */
	struct receipt_session said;
	/* Why what the batch says of it is refused: a SQLSTATE; "unwritten", when a trigger passes over it; "foreign", when it is
	 * no session of this device. "" it is not. */
	char code[RECEIPT_CODE_TEXT];
	char why[RECEIPT_REASON_TEXT]; /* … in words, with the session named */
};

enum { REFERENCE_VALUES = 5 };

struct ingest {
	struct pg *pg;
	int64_t device_id;
	struct batch *batch;
	const struct ingest_envelope *envelope;
	int64_t store_number;
	bool partitioned;            /* ingest_partitions was asked */
	bool unpartitioned;          /* … and should have been: nothing was done */
	bool points_known;           /* all of them, and so they are still packed */
	uint8_t packed[ROWS_DIGEST]; /* digest of them, when there are any */
	bool moved_from;             /* rows of the store have moved to another */
	bool newest;                 /* the batch is none of before one that was answered already */
	bool recent;                 /* one of this store was answered less than a minute ago */
	bool careful;       /* a constraint that is checked at COMMIT was broken: this time it is checked with the rows */
	int64_t now_ms;     /* of Postgres, at the start of the transaction */
	int64_t verify_ms;  /* since when a proof is asked for; 0: none is */
	int64_t erased_ms;  /* what was recorded before is not taken any more; TIME_MS_MIN: all is */
	int64_t expired_ms; /* all that has expired was recorded before; TIME_MS_MAX: nobody knows */
	struct ingest_stream streams[STREAM_COUNT];
	struct ingest_session *sessions; /* one for each of the batch */
	size_t sessions_refused;         /* so many of them */
	struct buffer session_names;     /* what ingest_sessions_ask gives to Postgres */
	const char *sessions_asked;
	struct pg_result *sessions_found; /* what came of it */
	char unseen_most[24];             /* … and ingest_unseen_ask */
	const char *unseen_asked[3];
	struct pg_result *unseen_found;
	char reference_limits[REFERENCE_VALUES][24]; /* … and ingest_reference_ask */
	const char *reference_asked[REFERENCE_VALUES];
	struct pg_result *reference_found;
	cJSON *stretches;        /* rows of alzy.stretches to be */
	cJSON *rejects;          /* rows of alzy.rejected not yet written */
	bool committed;          /* already, since nothing new is to be waited for */
	bool changed;            /* something besides new rows was written that must not be lost */
	bool any_rejected;       /* there are rows of this store in alzy.rejected, once written */
	struct receipt *receipt; /* to be filled */
};

/* The name of a row for ever: points.id, events.event_id. */
int64_t ingest_row_id(const struct ingest *in, int64_t seq);

/* What a stream's rows need of their own; rows are named by their index in the batch. */
struct ingest_rows {
	enum stream stream;
	size_t (*count)(const struct batch *batch);
	int64_t (*seq)(const struct batch *batch, size_t row);
	/* All of them, also while they are packed. */
	int (*given)(const struct batch *batch, struct ranges *out, struct err *e);
	int64_t (*time_ms)(const struct batch *batch, size_t row);
	const struct ingest_session *(*session)(const struct ingest *in, size_t row); /* NULL: of none */
	/* COPY of rows[0..count) as one statement, behind a savepoint "rows". 1: not all of them were written. */
	int (*copy)(struct ingest *in, const size_t *rows, size_t count, struct err *e);
	/* Content digest of `count` rows from `row` on (digest.h). */
	void (*digest)(const struct batch *batch, size_t row, size_t count, uint8_t out[ROWS_DIGEST]);
	/* Reads rows from the table by ranges of their names, given as arrays $1 (firsts) and $2 (lasts); column 0 is the name. */
	const char *compare_sql;
	/* Whether what was found in `row` is the batch's row `index`. */
	bool (*same)(const struct ingest *in, size_t index, const struct pg_result *found, size_t row);
	/* One row in full, for alzy.rejected; NULL without memory. */
	cJSON *(*content)(const struct batch *batch, size_t row);
};
extern const struct ingest_rows ingest_points, ingest_events;

/* $1 a store_id, $2 a checkpoint: the store's row, when there is one, under lock. */
extern const char ingest_store_sql[];
/* What it says, into *in. ERR_REFUSED when the store is another device's. */
int ingest_store_read(struct ingest *in, const struct pg_result *found, struct err *e);
/* Makes the row of a store that is new here, and reads it. */
int ingest_store_add(struct ingest *in, struct err *e);

/* Months of the batch that have no partition yet get one. Before the transaction: making one must not wait in it. */
int ingest_partitions(struct pg *pg, const struct batch *batch, struct err *e);
/* Whether there is nothing to be done for that. */
bool ingest_partitions_known(const struct pg *pg, const struct batch *batch);

/* What there is of the batch's sessions. */
int ingest_sessions_ask(struct ingest *in, struct pg_call *out, struct err *e);
/* Which others the centre has changed. After ingest_sessions_ask. */
void ingest_unseen_ask(struct ingest *in, struct pg_call *out);
/* The batch's sessions into both tables, but for those of other devices, and those that Postgres refuses. */
int ingest_sessions(struct ingest *in, struct err *e);

/* Puts into in->receipt what is held of the batch's sessions, and sessions that the centre has changed. */
int ingest_sessions_say(struct ingest *in, struct err *e);

/* What the device is to know of people, machines and applications. */
void ingest_reference_ask(struct ingest *in, struct pg_call *out);
/* Puts the reference data of the device into in->receipt, when the unit has other. */
int ingest_reference(struct ingest *in, struct err *e);

/* ---- a stream: ingest_stream.c ---- */

/* The stretches of the store that lie inside the batch's rows. */
int ingest_stream_ask(struct ingest *in, const struct ingest_rows *rows, struct pg_call *out, struct err *e);
/* Whether all points of the batch came packed just like this before, and are held since. */
bool ingest_points_known(struct ingest *in);
/* All of one stream: subtracts what is accounted for, compares what overlaps, takes the rest. */
int ingest_stream(struct ingest *in, const struct ingest_rows *rows, struct err *e);
/* Looks for fresh rows in the other places where they may be. A row that is in one to which it would move from here conflicts, and
 * is taken out of *fresh. One that finds a place of before empty, or itself there, has moved in a past that was undone, when the
 * centre went back: then *out_undone is true, in->receipt->forgotten says so, and none of the batch is to be taken. */
int ingest_places(struct ingest *in, const struct ingest_rows *rows, struct ranges *fresh, bool *out_undone,
                  struct err *e);
/* Takes fresh rows, as far as there is room: into their table, or aside those that Postgres refuses. What is found to be there already
 * is held again. */
int ingest_take_fresh(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct err *e);
/* How many more ranges there may be, so that each set of them, all together, and the gaps between them can be told. */
int64_t ingest_room(const struct ingest_stream *stream);
/* Takes the rows of the batch with these indexes, which are no whole that Postgres takes: those that it refuses by themselves
 * go to alzy.rejected; those for which there is no room, or no time, are left. */
int ingest_judge(struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count, struct err *e);
/* The batch's drops: what of them is neither held nor expired is dropped. Comes after the rows. */
int ingest_drops(struct ingest *in, struct err *e);
/* Rows that were rejected and are now taken leave alzy.rejected. */
int ingest_settle(struct ingest *in, const struct ingest_rows *rows, struct err *e);
/* Of rows that were compared: what was kept aside of those that are held as they came, is kept no more. */
int ingest_settle_conflicts(struct ingest *in, const struct ingest_rows *rows, struct err *e);

/* ---- rows by their seqs: ingest_rows.c ---- */

/* Index in the batch of the row with this seq, which must be there. */
size_t ingest_find(const struct ingest_rows *rows, const struct batch *batch, int64_t seq);
/* Whether this is the digest, in hexadecimal, of the rows of the batch from the first to the last. */
bool ingest_has_digest(const struct ingest *in, const struct ingest_rows *rows, int64_t first, int64_t last,
                       const char *hex);
/* Adds to *out the rows of `seqs`, all of the batch, that were recorded at or after a time. */
int ingest_younger(const struct ingest *in, const struct ingest_rows *rows, const struct ranges *seqs, int64_t than_ms,
                   struct ranges *out, struct err *e);
/* The rows of the table whose names are base + seq, to be held against those of the batch; pg_result_free. */
int ingest_read_rows(struct ingest *in, const struct ingest_rows *rows, int64_t base, const struct ranges *seqs,
                     struct pg_result **out, struct err *e);
/* Reads the rows of `seqs`, all of the batch, from the table, and adds those that are there to *out_present; those of other
 * content are conflicts. */
int ingest_compare(struct ingest *in, const struct ingest_rows *rows, const struct ranges *seqs,
                   struct ranges *out_present, struct err *e);
/* What is there under the row's seq has other content, and stays. The unit keeps the row: when it is news to it, the row
 * goes on in a store of its own. When it asks for a comparison it knows that, and has the row kept here for people. */
int ingest_conflict(struct ingest *in, const struct ingest_rows *rows, size_t row, struct err *e);
/* Adds to *matched those rows of `seqs`, all of the batch, that are kept aside under their seqs of a store as they are, but not
 * as conflicts. */
int ingest_match_aside(struct ingest *in, const struct ingest_rows *rows, int64_t store_number,
                       const struct ranges *seqs, struct ranges *matched, struct err *e);

/* ---- rows that are kept aside: ingest_rejects.c ---- */

/* Puts a row into in->rejects. */
int ingest_reject(struct ingest *in, const struct ingest_rows *rows, size_t row, const char *code, const char *why,
                  struct err *e);
/* Writes in->rejects. */
int ingest_rejects_flush(struct ingest *in, struct err *e);

/* Writes what the batch has changed of store and device, and asks for the reference data. A batch that brings nothing is committed
 * with that. */
int ingest_finish(struct ingest *in, struct err *e);
/* Fills in->receipt but for its times, with what the transaction will have done. */
int ingest_receipt(struct ingest *in, struct err *e);

#endif
