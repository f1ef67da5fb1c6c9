/* The local mirror: one SQLite database on the unit, and the only place where a recorded row lives until the centre
 * has receipted it. Nothing outside this folder knows SQL or includes sqlite3.h.
 *
 * Every function that changes the store is a transaction of its own, begun with BEGIN IMMEDIATE and durable
 * (synchronous=FULL in WAL) when it returns 0; between store_begin and store_end all calls are one transaction.
 * A seq is taken inside it, so that several processes can write. After a failure nothing of the call has happened.
 *
 * Rows that break a rule of the tables (ranges of values, references, seq) are ERR_INVALID, with the rule in words.
 * Common errors: ERR_BUSY (another process held the store for longer than store_set_patience says), ERR_IO (disk full, card
 * broken), ERR_STORE (damaged), ERR_MEMORY. */
#ifndef ALZY_STORE_STORE_H
#define ALZY_STORE_STORE_H

#include "hal/clock.h"
#include "hal/era.h"
#include "hal/err.h"
#include "hal/merge.h"
#include "hal/ranges.h"
#include "hal/reference.h"
#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store; /* opaque; a connection; not to be shared between threads */

enum store_mode {
	STORE_READ,   /* must exist; no row can be changed; SQLite still keeps its log in the folder, except for one on a
	                 read-only file system, which is read as it lies (store_frozen) */
	STORE_WRITE,  /* must exist; brought to this version's schema when older */
	STORE_CREATE, /* made when missing */
};

/* Opens the store at `path`. ERR_NOT_FOUND; ERR_VERSION when a newer alzy made it (untouched); ERR_STORE when it is
 * no alzy store or not SQLite (untouched); ERR_PERMISSION for a folder or file that may not be read or written;
 * ERR_STATE when an older store is opened with STORE_READ. */
int store_open(struct store **out, const char *path, enum store_mode mode, struct err *e);
void store_close(struct store *store); /* NULL is fine; an open transaction is rolled back */

/* The UUID of this store. A fork changes it (identity.h): by this connection at once, by another one when store_changed
 * sees that. */
const char *store_id(const struct store *store);
const char *store_path(const struct store *store);

/* How long a change waits while another process writes, before it is ERR_BUSY: 5 s unless told otherwise. */
void store_set_patience(struct store *store, int patience_ms);

/* One transaction around several calls. ERR_INTERNAL within one already. */
int store_begin(struct store *store, struct err *e);
/* Its end: when rc is 0 all of it lasts, else nothing of it has happened. Returns rc, or what failed now: ERR_STATE without one, or
 * when an earlier failure has ended it. */
int store_end(struct store *store, int rc, struct err *e);

/* Whether another connection has changed the store since the last call (PRAGMA data_version: 2 µs). */
int store_changed(struct store *store, bool *out_changed, struct err *e);

/* A descriptor for poll(2) that becomes readable when another process closes the store after it could have changed it, as
 * each command does at its end, and when somebody removes the file; store_changed makes it quiet. It belongs to the
 * store. ERR_INTERNAL where the system can't watch files. */
int store_watch(struct store *store, int *out_fd, struct err *e);

/* Looks at the pages of the store for at most `timeout_ms`. ERR_STORE names the first that is damaged; 0: none was, as far as
 * there was time. Content that has changed within a sound page is not seen: that is for verify.h. */
int store_look_for_damage(struct store *store, int64_t timeout_ms, struct err *e);

/* Whether the store lies on a read-only file system, and is read without a lock or a log. */
bool store_frozen(const struct store *store);

/* Whether the file was removed, or another put in its place: what is written now is gone when the store is closed. */
bool store_removed(struct store *store);

/* Writes all that is recorded to `path`, a store like this one, whatever became of the file itself. The file there is whole or not at all,
 * and replaces one that is there. Not inside a transaction. ERR_IO, ERR_PERMISSION. */
int store_save(struct store *store, const char *path, struct err *e);

/* ---- points and events: append-only ---------------------------------------------------------------------- */

/* Appends points in their order; each gets the next seq, written into points[i].seq. session is sessions.id or 0. */
int store_append_points(struct store *store, struct point *points, size_t count, struct err *e);

/* Appends one event; its seq is written into event->seq, or 0 when it waits for the time (store_set_clock). event_type as
 * in event_types.h or [a-z][a-z0-9_]*; payload valid JSON of at most EVENT_PAYLOAD_MAX bytes, or NULL. ERR_INVALID. */
int store_append_event(struct store *store, struct event *event, struct err *e);

/* The highest seq given out in the stream; 0 when none. */
int store_last_seq(struct store *store, enum stream stream, int64_t *out_seq, struct err *e);

/* Reads the rows whose seq is in `ranges`, in order of seq, into out[0..max). *out_count says how many there were;
 * ERR_LIMIT when they are more than max. A seq that is not there (pruned) is left out. Events own their payload. */
int store_read_points(struct store *store, const struct ranges *ranges, struct point *out, size_t max,
                      size_t *out_count, struct err *e);
int store_read_events(struct store *store, const struct ranges *ranges, struct event *out, size_t max,
                      size_t *out_count, struct err *e);

/* Calls `each` for every event in order of time, those of the same time in order of seq, until it fails; those that
 * wait for their time are among them, without seq, at the time that is the best guess. An agent has started no later
 * than what comes next: what it replays is older; and stopped no earlier than what it has told: a receiver's time may step back. The event is its own only during the call. */
int store_each_event(struct store *store, int (*each)(const struct event *event, void *user, struct err *e), void *user,
                     struct err *e);

/* Which points to walk over, for export and summaries. Zero-initialised: all. */
struct point_filter {
	int64_t session;        /* sessions.id; 0: of any session or none */
	int64_t first_seq;      /* from that one on; 0: from the beginning */
	int64_t from_ms, to_ms; /* recorded_at in from ≤ t < to; to_ms 0: no end; from_ms 0: no beginning */
};
/* Calls `each` for the matching points in order of seq until it returns non-zero, which is then returned (a negative
 * error code with *e filled, or 1 to stop early without an error: then 0 is returned). */
int store_each_point(struct store *store, const struct point_filter *filter,
                     int (*each)(const struct point *point, void *user, struct err *e), void *user, struct err *e);

/* ---- time: what is known of UTC in each boot, and the events that wait for it (docs/store.md) --------------- */

/* How the times that are handed in are meant from now on, by this connection. Without it they are UTC. */
struct store_clock {
	bool known;       /* they are UTC; nothing below matters */
	const char *boot; /* boot_id() */
	/* The times handed in less the monotonic clock: when they are a guess, it is the monotonic time that counts … */
	int64_t offset_ms;
	int64_t from_mono_ms, to_mono_ms; /* … which lies between these */
	bool said;                        /* they are what a receiver says */
};
/* While UTC is not known, events (those of sessions too) wait, durably, and their sessions have a guess for their times. A boot
 * whose time another process has learnt meanwhile counts as known. */
void store_set_clock(struct store *store, const struct store_clock *clock);

/* Appends a mark: a point with source manual and its event, whose payload gets the point's seq. point->session and
 * event->session_id name the same session. While UTC is not known both wait (and of the point only its place), or just the
 * event when the point's time is its `own`: a receiver's. What waits has seq 0. */
int store_append_mark(struct store *store, struct point *point, bool own, struct event *event, struct err *e);

struct store_boot {
	enum time_basis basis; /* TIME_NONE when nothing is written of it; above TIME_ESTIMATED its time is known */
	int64_t offset_ms;     /* UTC less the monotonic clock */
	int64_t since_mono_ms; /* when that became known */
	bool has_receipt;      /* the centre has told the time … */
	int64_t receipt_offset_ms, receipt_mono_ms;
};
/* What is written of `boot`; zeroed when nothing is. */
int store_boot_get(struct store *store, const char *boot, struct store_boot *out, struct err *e);

/* The time of `boot` is known, as of mono_ms, in it. Gives the events that wait their seq, those of earlier boots
 * first, with times estimated between what was known before and after and `time_estimated` in their payload; corrects
 * the times of their sessions. With TIME_ESTIMATED those of this boot are marked too, and its time is still not known. */
int store_boot_learn(struct store *store, const char *boot, enum time_basis basis, int64_t offset_ms, int64_t mono_ms,
                     struct err *e);

/* A receipt that has just come says what time it is. Writes only what is news: that the boot's time is known, or was
 * wrong. */
int store_boot_receipt(struct store *store, const char *boot, int64_t offset_ms, int64_t mono_ms, struct err *e);

/* The agent ends at mono_ms. */
int store_boot_seen(struct store *store, const char *boot, int64_t mono_ms, struct err *e);

/* Gives the events of this boot that wait their seq, at the times that the receiver said, marked as estimated: for a
 * receiver that has nothing to do with the monotonic clock, as a recording that is fed fast. */
int store_boot_as_said(struct store *store, const char *boot, struct err *e);

/* Tells `era` what time it has been already: by the last boot whose time was known, else by when the store was changed. */
int store_era_learn(struct store *store, struct era *era, struct err *e);

/* UTC by what this boot knows, else by the system clock; *out_basis (may be NULL) says which. */
int64_t store_now_ms(struct store *store, enum time_basis *out_basis);

/* How many events wait for their time. */
int store_waiting_count(struct store *store, int64_t *out, struct err *e);

/* ---- sessions: a small mutable record with a revision ---------------------------------------------------- */

/* Who has changed a session, and why: in the payload of its events. The first and the last are people, the others the agent. */
enum session_cause {
	SESSION_BY_PERSON,
	SESSION_BY_MOVEMENT,
	SESSION_BY_IGNITION,
	SESSION_BY_REST,
	SESSION_BY_GAP,     /* no fix for long */
	SESSION_BY_STOP,    /* of the agent, or the end of a replay */
	SESSION_BY_PAIRING, /* as another device, by a person */
	SESSION_CAUSE_COUNT,
};

/* The session that is active or paused; there is at most one. */
int store_session_open(struct store *store, struct session *out, bool *out_found, struct err *e);

/* Starts a session from wanted->user_id, machine_id and application_id, with its event session_start, at at_ms. When no
 * machine is named it is the device's, where that is known. ERR_STATE when one is open: the message names it. *out is the
 * new session with its id and session_id. */
int store_session_start(struct store *store, const struct session *wanted, int64_t at_ms, enum session_cause cause,
                        struct session *out, struct err *e);

/* Changes the open session to `status` with its event (session_pause, session_resume, session_end) at at_ms, and
 * revision + 1. ERR_STATE when none is open or it is in that status already; `ended` never goes back. A time before
 * started_at is taken as started_at. */
int store_session_change(struct store *store, enum session_status status, int64_t at_ms, enum session_cause cause,
                         struct session *out, struct err *e);

/* The last of these changes, of whichever session, whether its event waits for the time or not. */
struct session_change {
	enum session_status to;
	bool by_person;
	int64_t at_ms; /* 0 while it waits */
};
int store_session_last_change(struct store *store, struct session_change *out, bool *out_found, struct err *e);

/* Whether the last agent ran in `boot`, and the last that was heard of the ignition is that it is on. */
int store_ignition_was_on(struct store *store, const char *boot, bool *out, struct err *e);

/* By sessions.id, or by session_id or an unambiguous beginning of it. ERR_NOT_FOUND, ERR_INVALID when ambiguous. */
int store_session_by_id(struct store *store, int64_t id, struct session *out, struct err *e);
int store_session_by_name(struct store *store, const char *session_id, struct session *out, struct err *e);

/* Which references of the session the centre does not know, as in "user_id machine_id"; "" none, or not told yet. */
int store_session_lost(struct store *store, int64_t id, char out[NAME_TEXT], struct err *e);

/* No point of the session has a lesser seq. */
int store_session_first_seq(struct store *store, int64_t id, int64_t *out, struct err *e);

/* The newest `limit` sessions, newest first, *out an array to free(). */
int store_session_list(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e);

/* How many points and events a session has, and the times of its first and last point (0 when it has none). */
struct session_content {
	int64_t points, events, first_point_ms, last_point_ms;
	int64_t pruned; /* so many points of its time are not here any more, most likely its own */
};
int store_session_content(struct store *store, const struct session *session, struct session_content *out,
                          struct err *e);

/* ---- the centre, and what this unit believes that it holds ------------------------------------------------- */

enum { STANDING_TEXT = 16 };
struct store_centre {
	uint8_t public_key[32]; /* Ed25519; what is believed below belongs to this key */
	char url[NAME_TEXT];
	char next_url[NAME_TEXT]; /* announced by the centre, and tried before url until it proves itself; "" none */
	int64_t device_id;
	char device_name[NAME_TEXT];
	int64_t paired_at_ms;
	int64_t exchange_sent;    /* the highest exchange number that was used */
	int64_t exchange_applied; /* that of the receipt last applied; 0 when none */
	int64_t receipt_at_ms;    /* the unit's clock when it was applied; 0 when none */
	/* By a signed receipt: "deactivated", "deleted", "revoked" (receipt.h); "" while the centre takes rows of this unit. */
	char standing[STANDING_TEXT];
	/* Why the centre, or somebody on the way, refused without a signature; "" when the last answer was none such. */
	char refusal[ERR_TEXT_MAX];
};

/* *out_found is false when the unit is not paired. */
int store_centre_get(struct store *store, struct store_centre *out, bool *out_found, struct err *e);

/* After pairing: remembers the centre. Pairing anew with the same public key keeps what is believed; another key is
 * ERR_STATE while the store has rows that the first centre has receipted (unpair first). As another device of the same
 * centre the store forks, and the session under way goes on as another: what was recorded before is the first one's. Only
 * public_key, url, device_id, device_name and paired_at_ms are taken from *centre. */
int store_centre_set(struct store *store, const struct store_centre *centre, struct err *e);
int store_centre_forget(struct store *store, struct err *e); /* unpair: beliefs go too, rows stay */
/* Whether the store has sent anything to a centre with another key than this one, and is not paired with this one. */
int store_was_with_another(struct store *store, const uint8_t public_key[32], bool *out, struct err *e);
int store_centre_refused(struct store *store, const char *why, struct err *e); /* "" clears it */

/* A verified receipt says that the centre takes nothing of this unit. Nothing of what is believed of rows changes; any
 * receipt that is applied later ends it, as pairing anew does. As with store_apply_receipt, one that is not newer than
 * the last applied changes nothing and sets *out_applied false. ERR_STATE when not paired. */
int store_centre_stands(struct store *store, int64_t exchange, const char *standing, int64_t at_ms, bool *out_applied,
                        struct err *e);

/* What a verified receipt announces: the key to know the centre by from now on (NULL: as before; what is believed
 * stays), and the address to try first ("": none). ERR_STATE when not paired. */
int store_centre_announced(struct store *store, const uint8_t *public_key, const char *url, struct err *e);
/* The keys by which the centre was known before the last announcements, newest first, at most `most`. */
int store_centre_former_keys(struct store *store, uint8_t out[][32], size_t most, size_t *out_count, struct err *e);
/* A receipt has come by `url`, which was announced: it is the centre's address now. */
int store_centre_moved(struct store *store, const char *url, struct err *e);

/* Takes the next exchange number, durably, before anything is sent under it. */
int store_next_exchange(struct store *store, int64_t *out_exchange, struct err *e);

/* store_unsent: what is to be sent: of 1..last seq what the centre does not account for, this unit has neither dropped nor set
 * aside, and is still here; and what is offered again (store_retry). At most the first RANGES_MAX ranges.
 * store_lost: what the centre does not account for (any more), and that is pruned and not dropped here.
 * store_accounted: what the centre accounts for, by the last receipt.
 * `out` must be empty, and is so after a failure. */
int store_unsent(struct store *store, enum stream stream, struct ranges *out, struct err *e);
int store_lost(struct store *store, enum stream stream, struct ranges *out, struct err *e);
int store_accounted(struct store *store, enum stream stream, struct ranges *out, struct err *e);

/* Number and age of what is unsent. oldest_ms is the time of the unsent point or event with the least seq; 0: none. */
struct store_backlog {
	int64_t points, events, sessions, oldest_ms;
};
int store_backlog(struct store *store, struct store_backlog *out, struct err *e);

/* Sessions whose revision the centre has not receipted, or of which it does not know that its own changes have been
 * seen, oldest first, at most `limit`; *out to free(). Also those that unsent points or events refer to need no extra
 * care: a session is unsent from its start until its revision is held. */
int store_sessions_unsent(struct store *store, size_t limit, struct session **out, size_t *out_count, struct err *e);

enum { REJECT_CODE_TEXT = 16, REJECT_REASON_TEXT = 256 };
struct store_rejected {
	enum stream stream;
	int64_t seq;
	char code[REJECT_CODE_TEXT]; /* SQLSTATE, or a word of the protocol */
	char reason[REJECT_REASON_TEXT];
};

/* What a verified receipt says. Its seqs are those of the store that it names (identity.h). */
struct store_receipt {
	char store_id[UUID_TEXT]; /* "": the present one */
	int64_t exchange;
	struct ranges accounted[STREAM_COUNT]; /* replaces what was believed, see below */
	/* Of these: a drop that is accounted for otherwise is void, for the row is held. */
	struct ranges dropped[STREAM_COUNT];
	/* Of the batch that it answers: accounted for with the content that the batch had … */
	struct ranges confirmed[STREAM_COUNT];
	struct ranges conflicts[STREAM_COUNT]; /* … and held with other content */
	char moved_id[UUID_TEXT];              /* the store to which rows that conflict go, each with its seq */
	int64_t checkpoint;                    /* to be named in the next batch; 0: as before */
	bool forgotten;                        /* the centre does not know the one that was named: it went back */
	/* Of copies of this store, 0 without any: rows that came under its seqs with other content, since when, and forks. */
	int64_t copied_rows, copied_at_ms, forks;
	const struct store_rejected *rejected; /* replaces what was known */
	size_t rejected_count;
	const struct store_session_held {
		char session_id[UUID_TEXT];
		int64_t revision;                  /* that the centre now holds */
		int64_t seen;                      /* the revision of the centre that it knows this unit to have seen */
		char lost[NAME_TEXT];              /* references that it does not know, "" none */
		const struct session_edits *edits; /* what it has changed, which is merged into the session; NULL: nothing */
		const struct session *other; /* what it holds instead of what the batch said (merge_copy); NULL: just that */
	} * sessions;
	size_t session_count;
	char device_name[NAME_TEXT]; /* "" leaves it, and the next two */
	char device_color[16];
	bool device_active;
	const struct reference *reference; /* replaces what there is; NULL leaves it */
	uint8_t reference_digest[REFERENCE_DIGEST];
	bool rejected_cut;     /* the centre keeps more rows aside than `rejected` names */
	int64_t centre_ms;     /* the centre's time */
	int64_t applied_at_ms; /* the unit's */
};
/* One transaction. A receipt not newer than the last applied changes nothing and sets *out_applied false. Else a row is
 * believed to be at the centre when it is accounted for, and was believed before or is confirmed now: that the centre has
 * something under its seq is no proof, for that may be another copy's. A row that conflicts, and was not believed, moves to
 * the store moved_id; and what is recorded from then on belongs to another one, as also when the centre accounts for seqs that
 * this one has not given out. When the centre went back to an earlier state (forgotten), no row that is still here is
 * believed any more, and moved ones look for their places anew: in the meantime those may have been given to rows of copies. Rejected rows are those that are believed. A receipt applied also clears refusal and standing.
 * ERR_STATE when not paired; ERR_NOT_FOUND when it is of another store. */
int store_apply_receipt(struct store *store, const struct store_receipt *receipt, bool *out_applied, struct err *e);

/* A batch goes out as a file: only a receipt that answers it is taken for its exchange. What was noted is forgotten once
 * a receipt of that exchange or a later one is applied. */
enum { BATCH_DIGEST = 32 };
int store_note_written(struct store *store, int64_t exchange, const uint8_t digest[BATCH_DIGEST], struct err *e);
int store_is_written(struct store *store, int64_t exchange, const uint8_t digest[BATCH_DIGEST], bool *out,
                     struct err *e);

/* Of the reference data that the last receipt with some has brought, as that receipt's sender has it. */
int store_reference_digest(struct store *store, uint8_t out[REFERENCE_DIGEST], bool *out_found, struct err *e);

/* Who and what is known here, in order of the ids; *out to free(). *out_complete is false when there may be others: no
 * reference data has come yet, it was cut, or (people, machines) the unit's machine belongs to no organization. */
enum reference_kind { REFERENCE_USERS, REFERENCE_MACHINES, REFERENCE_APPLICATIONS, REFERENCE_KIND_COUNT };
struct reference_name {
	char id[NAME_TEXT], name[NAME_TEXT]; /* full_name, serial_no, name of the application */
};
int store_reference_names(struct store *store, enum reference_kind kind, struct reference_name **out, size_t *out_count,
                          bool *out_complete, struct err *e);

/* Whether the centre has told that this person may use this application; true also while it has not told who may use what. */
int store_reference_may_use(struct store *store, const char *user_id, int64_t application_id, bool *out, struct err *e);

/* Offers rejected rows to the centre again: those in `wanted` that it accounts for, or all that are known to be
 * rejected, but for conflicts (NULL). Rows that this unit has set aside itself are sent again, too. *out_count says how
 * many rows that are. */
int store_retry(struct store *store, const struct ranges wanted[STREAM_COUNT], int64_t *out_count, struct err *e);
/* What is offered again; `out` must be empty, and is so after a failure. */
int store_retries(struct store *store, enum stream stream, struct ranges *out, struct err *e);
/* These of them travel with this exchange: the receipt that answers it, or a later one, ends the offer. */
int store_retry_packed(struct store *store, enum stream stream, const struct ranges *rows, int64_t exchange,
                       struct err *e);

/* This unit has found by itself that the centre refuses whatever batch the row is in: it is not sent until store_retry,
 * stands among the rejected rows with the code STORE_SET_ASIDE, and is kept. */
#define STORE_SET_ASIDE "refused"
int store_set_aside(struct store *store, enum stream stream, int64_t seq, const char *reason, struct err *e);
/* `out` must be empty, and is so after a failure. */
int store_aside(struct store *store, enum stream stream, struct ranges *out, struct err *e);

/* Rows that the centre has rejected, or this unit has set aside, in order of stream and seq, at most `limit`; *out to
 * free(). */
int store_rejected_list(struct store *store, size_t limit, struct store_rejected **out, size_t *out_count,
                        struct err *e);
int store_rejected_count(struct store *store, int64_t *out, struct err *e);

/* ---- drops: what this unit has knowingly let go of ---------------------------------------------------------- */

/* Drops the seqs of `ranges`, with a reason of 1 to 255 bytes for people. What was dropped before keeps its reason. The rows
 * stay until they are pruned. ERR_INVALID for seqs that were not given out, or a reason that is none. */
int store_drop(struct store *store, enum stream stream, const struct ranges *ranges, const char *reason, int64_t at_ms,
               struct err *e);
/* Takes back the drops with this reason: rows that are still here are unsent again. */
int store_drop_undo(struct store *store, const char *reason, struct err *e);
/* `out` must be empty, and is so after a failure. */
int store_dropped(struct store *store, enum stream stream, struct ranges *out, struct err *e);
/* In order of stream and seq, at most `limit`; *out to free(). With `untold`, those of which the centre does not know. */
int store_drop_list(struct store *store, bool untold, size_t limit, struct drop **out, size_t *out_count,
                    struct err *e);

/* ---- pruning: rows go, and what proves them stays ------------------------------------------------------------ */

enum { BLOCK_DIGEST = 32 };
struct store_block {
	int64_t first, last; /* a whole block (stream_block) */
	int64_t rows;        /* that were in it, dropped ones not counted */
	uint8_t digest[BLOCK_DIGEST];
};

/* A block whose rows may go: the centre has accounted for all of it in a receipt, and still does in one that is at
 * least keep_ms younger, both by the centre's clock; none of its rows is rejected, none is the highest of its stream,
 * and the unit is not stopped. Fills first and last. */
int store_prunable(struct store *store, int64_t keep_ms, enum stream *out_stream, struct store_block *out,
                   bool *out_found, struct err *e);
/* Deletes the rows of such a block and keeps rows and digest, in one transaction. Does nothing when they may no longer go. */
int store_prune(struct store *store, enum stream stream, const struct store_block *block, int64_t keep_ms,
                struct err *e);
/* The block that begins at `first`, if its rows are pruned. */
int store_pruned_block(struct store *store, enum stream stream, int64_t first, struct store_block *out, bool *out_found,
                       struct err *e);
/* Which seqs of `within` are pruned. `out` must be empty, and is so after a failure. */
int store_pruned(struct store *store, enum stream stream, const struct ranges *within, struct ranges *out,
                 struct err *e);

#endif
