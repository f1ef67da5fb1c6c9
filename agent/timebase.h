/* What time it is, as far as that can be known: from a receiver that advances as the monotonic clock does, from a system
 * clock that NTP has set, from the centre's answers. Pure: told of fixes, looks at the clock, and receipts; says what UTC
 * is at a moment of the monotonic clock, and what of a fix's time is to be believed. docs/capture.md, "Time". */
#ifndef ALZY_AGENT_TIMEBASE_H
#define ALZY_AGENT_TIMEBASE_H

#include "hal/clock.h"
#include "hal/era.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/* A receiver is believed when this many fixes in a row, over this long, keep so close to the monotonic clock, beside what
	 * that may drift. A recording that is fed faster than life, or a receiver that repeats itself, never does. */
	TIMEBASE_FIXES = 3,
	TIMEBASE_SPAN_MS = 4000,
	TIMEBASE_JITTER_MS = 500,
	TIMEBASE_DRIFT_PPM = 200,
	TIMEBASE_MOVE_MS = 1000,   /* what is known changes only by more than this */
	TIMEBASE_STEP_MS = 2000,   /* more than this between two looks is a step of the system clock */
	TIMEBASE_HOPE_MS = 10000,  /* a receiver that has had so long, and has disagreed with itself, is given up */
	TIMEBASE_BREAKS = 5,       /* … and one that has disagreed so often sooner: a recording that is fed fast */
	TIMEBASE_DOUBT_MS = 60000, /* a receiver further than this from what NTP or the centre say is doubtful */
	/* A fix that is further than that from what is known counts only with others that go on from it, by no more than this: a recording
	 * that is fed to gpsd may be sparse. */
	TIMEBASE_STRAYS = 3,
	/* Of each kind of news so many are told at once, and then one in so long: a clock that steps to and fro must not fill the store. */
	TIMEBASE_TOLD = 4,
	TIMEBASE_TOLD_MS = 600000,
	TIMEBASE_AGREE_MS = 3600000,
};

/* One way to know the time: UTC is the monotonic clock plus offset_ms. */
struct timebase_way {
	bool there;
	int64_t offset_ms;
	int64_t mono_ms; /* as of when */
};

/* What may still be told of one kind of news. */
struct timebase_ration {
	int64_t credit_ms, mono_ms;
};

struct timebase {
	struct era era;
	/* What is in use. Above TIME_ESTIMATED time is known; else offset_ms is the best guess. */
	enum time_basis basis;
	int64_t offset_ms, since_mono_ms;
	/* The facts. */
	struct timebase_way receiver; /* sustained */
	struct timebase_way ntp, receipt;
	struct timebase_way wall; /* the system clock, set or not */
	/* Fixes in a row that agree with each other. */
	struct timebase_way run;
	int64_t run_from_ms;
	int run_count;
	int64_t seen, broken; /* fixes, and how often one did not agree with those before */
	int64_t seen_from_ms, seen_to_ms;
	/* Fixes in a row that are far from what is known, and go on from each other. */
	int stray_count;
	int64_t stray_ms, stray_mono_ms; /* the last of them */
	int shift;                       /* of the last fix, in 1024 weeks */
	int shift_told;
	/* Steps of the system clock that are not told yet, and by what it went before the first of them. */
	int steps;
	int64_t step_from_offset_ms;
	struct timebase_ration step_ration, repair_ration, doubt_ration;
	bool doubtful; /* the last fix contradicts what is known otherwise, or is outside the bounds */
	bool outside;  /* so was the last that kept up with the monotonic clock: it is not believed */
};

/* What a look or a fix has brought. */
struct timebase_news {
	bool changed;  /* what is known: to be written down */
	bool repaired; /* the shift is another than was told last */
	bool doubted;  /* the fix contradicts what is known, and the one before did not */
	int strays; /* the fix is far from what is known, the so-manieth in a row: below TIMEBASE_STRAYS it stands alone */
	int steps;  /* of the system clock since that was told last, from … to */
	int64_t step_from_ms, step_to_ms;
};

/* `era` without a floor: the system clock is believed, and then each fix. */
void timebase_start(struct timebase *timebase, const struct era *era, int64_t mono_ms, int64_t wall_ms);

/* A look at the system clock: to be made every few seconds. */
void timebase_look(struct timebase *timebase, int64_t mono_ms, int64_t wall_ms, bool synchronized,
                   struct timebase_news *news);

/* What was written down for this boot by another process, or before: the centre's time by a receipt. */
void timebase_receipt(struct timebase *timebase, int64_t offset_ms, int64_t mono_ms, struct timebase_news *news);

/* What was known in this boot by an agent before this one. */
void timebase_resume(struct timebase *timebase, enum time_basis basis, int64_t offset_ms, int64_t since_mono_ms);

/* A fix that says *fix_ms, read at mono_ms: *fix_ms becomes what it means, which is the same, or moved by 1024 weeks. One that stands
 * alone (news->strays) is not to be believed, unless those that follow bring their number to TIMEBASE_STRAYS. */
void timebase_fix(struct timebase *timebase, int64_t mono_ms, int64_t *fix_ms, struct timebase_news *news);

/* Whether timebase_at is more than a guess. */
bool timebase_known(const struct timebase *timebase);

/* Whether a fix that says fix_ms at mono_ms is far from what is known. Never without a floor. */
bool timebase_strange(const struct timebase *timebase, int64_t mono_ms, int64_t fix_ms);

/* UTC at mono_ms, or the best guess. */
int64_t timebase_at(const struct timebase *timebase, int64_t mono_ms);

/* Fixes were seen that do not keep up with the monotonic clock, for long or each time, or that do so outside the
 * bounds, so that waiting for more is in vain. */
bool timebase_hopeless(const struct timebase *timebase);

#endif
