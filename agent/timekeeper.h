/* The agent's time: timebase.h fed with what is so, and what comes of it written down. All but timekeeper_open and
 * _notice are to be called in the order of the monotonic clock. */
#ifndef ALZY_AGENT_TIMEKEEPER_H
#define ALZY_AGENT_TIMEKEEPER_H

#include "agent/pending.h"
#include "agent/timebase.h"
#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/live.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct timekeeper {
	struct timebase base;
	int64_t from_mono_ms; /* since when this agent runs */
	bool unwritten;       /* what is known is not in the store yet: a commit is due */
};

/* Begins with what the store knows of this boot and of those before. */
int timekeeper_open(struct timekeeper *keeper, struct store *store, const struct conf_unit *conf, struct err *e);

/* Another process has changed the store: perhaps the centre has told the time. */
void timekeeper_notice(struct timekeeper *keeper, struct store *store);

/* Looks at the system clock: every few seconds. */
void timekeeper_look(struct timekeeper *keeper, struct pending *pending);

/* Learns from a fix, and repairs its time. Returns how many in a row are far from what is known (timebase_news.strays). */
int timekeeper_fix(struct timekeeper *keeper, struct gnss_report *fix, struct pending *pending);

/* Now, by the monotonic clock; when a fix was: by its own time, unless that is far from what is known. */
struct moment timekeeper_at(const struct timekeeper *keeper, int64_t mono_ms);
struct moment timekeeper_of_fix(const struct timekeeper *keeper, const struct gnss_report *fix);

/* Inside a commit, before anything else is written: what is known goes into the store, which is told how the times of this
 * commit are meant. When the commit has succeeded the caller sets `unwritten` false. */
int timekeeper_write(struct timekeeper *keeper, struct store *store, int64_t now_mono_ms, struct pending *pending,
                     struct err *e);

/* Inside the last commit, after all else. */
int timekeeper_close(struct timekeeper *keeper, struct store *store, int64_t now_mono_ms, struct err *e);

/* What `alzy status` shows of the time. */
void timekeeper_facts(const struct timekeeper *keeper, struct live_time *out);

#endif
