/* What becomes of reports: fixes, points, sessions and events, and when they are committed.
 *
 * Rows wait in memory and go into the store as a group, in one transaction, after which, and only then, memory lets go
 * of them. That happens when commit_interval has passed since the oldest waiting point was read, when commit_points are
 * waiting, and at once when the vehicle comes to rest, for an event, a session change and a stop. A commit that fails
 * (disk full, another process at the store) changes nothing, is tried again soon, then ever more seldom, and meanwhile
 * points go on being collected, up to PENDING_POINTS_MAX; beyond that the newest are dropped, and an `overrun` event
 * says how many.
 *
 * Nothing here starts a thread, reads a source, or logs. */
#ifndef ALZY_AGENT_CAPTURE_H
#define ALZY_AGENT_CAPTURE_H

#include "agent/inputs.h"
#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/live.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CAPTURE_RETRY_MS = 2000,       /* after the first failure; each further one doubles it … */
	CAPTURE_RETRY_MOST_MS = 32000, /* … up to this */
};

struct capture;

/* Begins with the event agent_start. `store` and `conf` are borrowed, and conf may be reloaded between calls.
 * `source_waits`: as gnss_can_wait; then silence does not close an epoch. ERR_MEMORY, and errors of reading the store. */
int capture_open(struct capture **out, struct store *store, const struct conf_unit *conf, bool source_waits,
                 struct err *e);
void capture_free(struct capture *capture); /* writes nothing; NULL is fine */

/* Sees whether a person has changed the session by the command line. To be called once everything is fed that was read
 * before: so each fix is judged by the state in which it was read. */
void capture_notice(struct capture *capture);

/* Takes one report, and commits if that is due. An error is that of a commit which was tried and failed: nothing is lost
 * by it, and capture goes on. */
int capture_feed(struct capture *capture, const struct gnss_report *report, struct err *e);

/* To be called at capture_deadline, and else every few seconds: commits what is due at now_mono_ms, and closes an epoch
 * by silence. Errors as above. */
int capture_tick(struct capture *capture, int64_t now_mono_ms, struct err *e);

/* When a commit of what was fed is due, the open epoch included, monotonic; INT64_MAX: nothing waits for one. */
int64_t capture_deadline(const struct capture *capture);

/* Tells of reports that were lost before they could be fed. */
void capture_overrun(struct capture *capture, int64_t reports);

/* The configuration may have changed: tells what that means for how often points are kept. */
void capture_reload(struct capture *capture, int64_t now_mono_ms);

/* The ignition is on, or off, from now on; also told once at the beginning. */
void capture_ignition(struct capture *capture, bool on, int64_t now_mono_ms);

/* The supply has failed, or is there again. */
void capture_supply(struct capture *capture, bool on, int64_t now_mono_ms);

/* An input can't be read any more, `problem` says why, or its state is known again (NULL). While that of the ignition
 * is not, nor when there is no such wire, session = ignition goes by movement: a journey whose wire is broken is
 * recorded all the same. */
void capture_input(struct capture *capture, enum input_kind kind, bool on, const char *problem, int64_t now_mono_ms);

/* What can be lost is not to be: closes the epoch and commits all that waits. An error as above. */
int capture_secure(struct capture *capture, int64_t now_mono_ms, struct err *e);

/* The clean stop: closes the epoch, pauses or ends an automatic session as configured (at the end of a recording it is
 * ended), writes agent_stop with `reason` and the counts, commits. An error means that what was waiting is not
 * recorded. */
int capture_stop(struct capture *capture, const char *reason, int64_t now_mono_ms, struct err *e);

/* Why nothing is heard of the receiver that is followed; GNSS_HEARD: it is, or gpsd is gone. */
enum gnss_silence capture_silence(const struct capture *capture);

/* Whether the last commit that was tried failed. */
bool capture_failing(const struct capture *capture);

/* The open session as capture knows it; NULL when none is. */
const struct session *capture_session(const struct capture *capture);

/* Everything but pid, when it was started and looked, and the problems of the store and of inputs. */
void capture_facts(const struct capture *capture, struct live_facts *out);

#endif
