/* Why nothing was kept although something came: which events are needed to explain holes in the track. Pure: told of
 * each fix and what became of it; says when an event is due. Whatever else silences a unit has events of its own.
 *
 * Once nothing good has come for SILENCE_AFTER_MS because all was refused, that is told (fixes_refused), with the
 * reason that was most frequent. It holds, however often it is interrupted, until fixes have been good for
 * SILENCE_OVER_MS, which is told too (fixes_kept): so the worst reception costs two events in eleven minutes, and a
 * good day none. Another reason takes its place no sooner than SILENCE_OVER_MS later. That no session is open ends with
 * the event of the session.
 *
 * When by the times of two fixes more than SILENCE_MISSING_MS lies between them, and nothing else has explained it,
 * that is told with the second (fixes_missing). */
#ifndef ALZY_AGENT_SILENCE_H
#define ALZY_AGENT_SILENCE_H

#include "hal/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum { SILENCE_AFTER_MS = 60000, SILENCE_OVER_MS = 600000, SILENCE_MISSING_MS = 120000 };

/* Why something that came was no point: the verdicts, and what never became a fix. */
enum silence_reason {
	SILENCE_NONE = 0, /* no verdict that refuses has this number */
	SILENCE_BAD = VERDICT_COUNT,
	SILENCE_NO_TIME,
	SILENCE_REASON_COUNT
};

/* Zero-initialised it is ready. Times are those of silence_now. */
struct silence {
	int64_t now_ms, mono_ms, said_ms;      /* what silence_now gave last, and of what */
	int64_t refused[SILENCE_REASON_COUNT]; /* since the last good fix, or since that was told last */
	int64_t since_ms;                      /* of the first of them; of use when there is one */
	int told;                              /* the reason that holds; SILENCE_NONE: fixes are good */
	int64_t told_ms;
	int64_t told_refused;        /* how many in all, while it held */
	int64_t good_ms;             /* since when fixes have been good; 0: they are not */
	int64_t fix_ms, fix_mono_ms; /* of the last fix, by its own time and when it was read; 0: none that counts */
};

struct silence_news {
	int refused;    /* the reason that is to be told … */
	int kept;       /* … or that is over; SILENCE_NONE: neither */
	int64_t count;  /* of refused ones */
	int64_t for_ms; /* so long before now it began, or was over */
};

/* By what silence is measured: the monotonic clock; while the times that the receiver says (said_ms) go on much faster than it, as
 * those of a recording do, by these. A leap of theirs beyond SILENCE_MISSING_MS is silence_fix's. */
int64_t silence_now(struct silence *silence, int64_t mono_ms, int64_t said_ms);
/* A fix that was kept, or that was good and not needed. */
struct silence_news silence_good(struct silence *silence, int64_t now_ms);
struct silence_news silence_refused(struct silence *silence, int reason, int64_t now_ms);
/* A fix of whatever worth, by its own time: how long before it there should have been others; 0: all is well. *out_why
 * says "recording" (it is one, and has a hole), "time" (less time has really passed: the receiver's has jumped ahead),
 * or "silent". */
int64_t silence_fix(struct silence *silence, int64_t fix_ms, int64_t mono_ms, bool recording, const char **out_why);
/* Something else silences: no fix, no source, a pause by a person. */
void silence_other(struct silence *silence);

/* "accuracy", "speed", "repeated", "time", "simulated", "no_session", "bad", "no_time" */
const char *silence_reason_name(int reason);

#endif
