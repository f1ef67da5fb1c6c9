/* What the files of this folder share: the connection, changes, and queries. Not for others. */
#ifndef ALZY_STORE_INTERNAL_H
#define ALZY_STORE_INTERNAL_H

#include "store/identity.h"
#include "store/store.h"

#include <sqlite3.h>

/* Statements of the agent's everyday work are prepared once. */
enum kept {
	KEPT_BEGIN,
	KEPT_COMMIT,
	KEPT_SAVEPOINT,
	KEPT_RELEASE,
	KEPT_LAST_POINT,
	KEPT_LAST_EVENT,
	KEPT_ADD_POINT,
	KEPT_ADD_EVENT,
	KEPT_DATA_VERSION,
	KEPT_COUNT
};

struct store {
	sqlite3 *db;
	char *path;
	char id[UUID_TEXT];
	bool in_transaction; /* between store_begin and store_end */
	int depth;           /* of changes within each other */
	int64_t data_version;
	bool frozen;
	int watch_fd; /* -1: not watched */
	struct store_clock clock;
	sqlite3_stmt *kept[KEPT_COUNT];
};

/* ---- sql.c ---------------------------------------------------------------------------------------------- */

/* The one place where SQLite's codes become ours. Call it before anything else touches the connection. */
int sql_error(sqlite3 *db, const char *path, struct err *e);

/* Runs SQL without parameters or results. */
int sql_run(struct store *store, const char *sql, struct err *e);

/* KEPT_BEGIN to KEPT_RELEASE. */
int sql_bracket(struct store *store, enum kept kept, struct err *e);

/* Brackets what a public function changes: a transaction, or a savepoint inside one. change_end(…, 0, …) makes it
 * last, any other rc undoes it; it returns rc, or what failed now. */
int change_begin(struct store *store, struct err *e);
int change_end(struct store *store, int rc, struct err *e);

/* One statement at work. Parameters are bound one after the other; a failure of any step is kept and told by
 * query_next or query_run. Texts and blobs are borrowed until query_end. */
struct query {
	struct store *store;
	sqlite3_stmt *stmt;
	int bound;  /* parameters so far */
	int status; /* SQLite's code of the first failure */
	bool kept;
};

/* Begins a query, to be ended in any case; kept: the statement stays prepared for the next time. What fails shows later. */
void query_start(struct query *q, struct store *store, const char *sql);
void query_start_kept(struct query *q, struct store *store, enum kept kept, const char *sql);
/* The next parameter. */
void query_int(struct query *q, int64_t value);
void query_limit(struct query *q, size_t limit); /* of rows; more than 2^31 are no limit that memory would allow */
void query_int_unless(struct query *q, int64_t value, int64_t absent); /* `absent` is stored as NULL */
void query_text(struct query *q, const char *text);                    /* NULL and "" are stored as NULL */
void query_blob(struct query *q, const void *bytes, size_t count);

/* *out_row is false at the end. */
int query_next(struct query *q, bool *out_row, struct err *e);
/* For statements without rows: runs to the end, and ends the query. */
int query_run(struct query *q, struct err *e);
void query_end(struct query *q);

int64_t query_get_int(const struct query *q, int column, int64_t absent);       /* NULL gives `absent` */
void query_get_text(const struct query *q, int column, char *out, size_t size); /* NULL gives "" */

/* The first column of the only row; `absent` when there is no row or it is NULL. */
int query_one_int(struct query *q, int64_t absent, int64_t *out, struct err *e);

/* Reads every row into an array: `read` makes an item of the one that q is at. Ends the query. *out_items, a pointer to the
 * items, is to be freed; after a failure nothing is in it. */
int query_all(struct query *q, size_t item_size, void (*read)(const struct query *q, void *item), void *out_items,
              size_t *out_count, struct err *e);

/* Adds first..last of every row to `out`: the first two columns. Ends the query; after a failure `out` is empty. */
int query_ranges(struct query *q, struct ranges *out, struct err *e);

/* ---- between the files ------------------------------------------------------------------------------------ */

/* Brings a database of `from` to STORE_VERSION in the transaction that is open. */
int migrate(sqlite3 *db, const char *path, int from, struct err *e);
/* Makes a new, empty store at `path`, whole or not at all. ERR_EXISTS when something is there. */
int migrate_create(const char *path, struct err *e);

/* Both inside a change that is open already. event_insert takes the next seq; event_add does so when the time is known,
 * and else lets the event wait, *out_seq 0. */
int event_insert(struct store *store, const struct event *event, int64_t *out_seq, struct err *e);
int event_add(struct store *store, const struct event *event, int64_t *out_seq, struct err *e);

/* waiting.c: both inside a change that is open already. Lets it wait; with `place` it is a mark, whose point waits with it. */
int waiting_insert(struct store *store, const struct event *event, int64_t boot, const struct point *place,
                   struct err *e);
/* Makes events of those that wait for the boot of this number: offset_ms more than the monotonic clock, or NULL: as the
 * receiver said. */
int waiting_promote(struct store *store, int64_t boot, const int64_t *offset_ms, bool estimated, struct err *e);
/* Adds `member`, as in "a":1, in front of the members of `payload` (NULL: none); what is no object becomes its member
 * "payload". free() it; NULL without memory. */
char *payload_with(const char *payload, const char *member);

/* boots.c, inside a change: what a time that is handed in means by store->clock; mono_ms 0: at_ms tells that too. The time
 * of a fix stays what it is: it is as good as that of the points. */
struct when {
	int64_t at_ms, mono_ms; /* the latter 0: not known */
	bool waits;             /* UTC is not known: events get no seq … */
	bool of_fix;            /* … and at_ms is a guess, unless it is the time of a fix */
};
int clock_when(struct store *store, int64_t at_ms, int64_t mono_ms, bool of_fix, struct when *out, struct err *e);
/* guesses.c, inside a change: gives the sessions whose times are a guess by this boot those that its offset tells. Unless it is
 * `final` they stay guesses, and can be corrected again. */
int guesses_correct(struct store *store, const char *boot, int64_t offset_ms, bool final, struct err *e);
/* They are as good as they will get. */
int guesses_settle(struct store *store, const char *boot, struct err *e);

/* The number of a boot, which is written down when it is new. */
int boot_number(struct store *store, const char *boot, int64_t mono_ms, int64_t *out, struct err *e);

/* Inside a change that is open already: what is believed to be at the centre, `held`, becomes `wanted`. */
int accounted_replace(struct store *store, enum stream stream, const struct ranges *held, const struct ranges *wanted,
                      struct err *e);
int given_out(struct store *store, enum stream stream, struct ranges *out, struct err *e); /* 1..last */
/* *out = a \ b, or the first of it when that has more fragments than a set can have: these are enough to go on with, and
 * close the rest's way. */
int subtract_first(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e);
/* Inside a change that is open already: of the rows in `among`, these are rejected, all of one stream. */
int rejected_replace(struct store *store, enum stream stream, const struct ranges *among,
                     const struct store_rejected *rows, size_t count, struct err *e);
/* Inside a change that is open already: the centre is told all sessions again, as they are few and small. */
int doubt_sessions(struct store *store, struct err *e);
/* Inside a change that is open already: nothing is believed any more of rows that are still here, and moved ones return. */
int doubt_all(struct store *store, int64_t centre_ms, struct err *e);

/* Inside a change that is open already: the centre accounts for `is`, where it did for `was`. */
int blocks_follow(struct store *store, enum stream stream, const struct ranges *was, const struct ranges *is,
                  int64_t centre_ms, struct err *e);

/* Inside a change that is open already, after the rejected rows of a receipt. */
int drops_follow(struct store *store, const struct ranges accounted[STREAM_COUNT],
                 const struct ranges dropped[STREAM_COUNT], const struct store_rejected *rejected, size_t count,
                 struct err *e);

/* ERR_INVALID when `text` is no UTF-8 that Postgres would take; the message says which of `what`. */
int check_utf8(const char *what, const char *text, struct err *e);

/* Stands for no time where a session has none. */
#define NO_TIME INT64_MIN

/* By its whole session_id. */
int session_find(struct store *store, const char *session_id, struct session *out, bool *out_found, struct err *e);

/* Sessions that the centre is to hear of. It passes over records of before, which a store has that was restored. */
#define SESSION_UNSENT "(revision > held_revision OR revision = held_revision AND centre_revision > told_revision)"

/* Inside a change that is open already. */
int reference_replace(struct store *store, const struct reference *reference, const uint8_t digest[REFERENCE_DIGEST],
                      struct err *e);
int reference_clear(struct store *store, struct err *e);
int session_apply_edits(struct store *store, const char *session_id, const struct session_edits *edits, int64_t at_ms,
                        struct err *e);
/* What the centre holds of it, or has told of it, is not what this store has said: see merge_copy. */
int session_apply_copy(struct store *store, const struct store_session_held *held, int64_t at_ms, struct err *e);

/* A receipt of this exchange is being applied: what it answers was offered again, and what it accounts for is not aside. */
int retry_answered(struct store *store, int64_t exchange, struct err *e);
int retry_forget(struct store *store, struct err *e);

/* Inside a change that is open already: what is recorded from now on has a new identity. Afterwards, when it has lasted,
 * store_name_again reads what the store is called now. */
int fork_present(struct store *store, enum fork_cause because, struct err *e);
/* Inside a change that is open already: these rows, of the identity with the number `from`, are of the one called `id`, which
 * is made if need be. Each keeps its seq. */
int fork_move(struct store *store, int64_t from, const char *id, const struct ranges rows[STREAM_COUNT], struct err *e);
/* Both inside a change that is open already, before and after this unit is that device of that centre: when it was another one there,
 * what was recorded stays that one's, and what comes has a new identity. *out_left is the session that was under way; its status is SESSION_ENDED
 * when none is to go on as another. */
int become_leave(struct store *store, const struct store_centre *centre, struct session *out_left, struct err *e);
int become_go_on(struct store *store, const struct session *left, struct err *e);
/* Inside a change that is open already: the rows in `moved` are of identity `to`. What is still to be recorded is of identity
 * `next`, from its seq 1 on; 0: of the same as before, with the same seqs. */
int runs_give(struct store *store, enum stream stream, const struct ranges *moved, int64_t to, int64_t next,
              struct err *e);
/* By which seq the centre knows a row that was just recorded. */
int run_seq(struct store *store, enum stream stream, int64_t row, int64_t *out, struct err *e);
int store_name_again(struct store *store, struct err *e);

/* A random (version 4) UUID, RFC 9562. */
int uuid_make(char out[UUID_TEXT], struct err *e);

#endif
