/* A bounded queue of reports between the thread that reads the source and the one that writes the store: a slow card, a
 * checkpoint or a lock is absorbed here, and gpsd never waits.
 *
 * Whenever it becomes empty it begins again at its first place, so it only ever costs as much memory as was needed at
 * once, and what a rare long wait has taken is given back. When it is full, the newest report is dropped and counted
 * (a source that can't wait), or the reader waits (one that can). The last few places are kept for news about the source. */
#ifndef ALZY_AGENT_RING_H
#define ALZY_AGENT_RING_H

#include "hal/err.h"
#include "hal/gnss.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* A ring for `capacity` reports. ERR_MEMORY, ERR_INTERNAL. */
int ring_open(struct ring **out, size_t capacity, struct err *e);
void ring_free(struct ring *ring); /* NULL is fine */

/* The reader's side. Without `wait`, a report that finds no room is dropped and counted; with it, waits for room, or for
 * ring_stop. Returns whether the report is in the ring. */
bool ring_push(struct ring *ring, const struct gnss_report *report, bool wait);

/* Ends waiting, now and for ever: from then on a push without room returns false at once. */
void ring_stop(struct ring *ring);

/* The writer's side: takes up to `most` reports, in order. */
size_t ring_take(struct ring *ring, struct gnss_report *out, size_t most);

/* How many reports wait now. */
size_t ring_count(struct ring *ring);

/* How many reports were dropped since the last call. */
int64_t ring_dropped(struct ring *ring);

/* An eventfd for poll(2), so that a quiet second costs one wake-up of the reader and none of the writer: it becomes
 * readable for a report of another kind than the one before (satellites do not count), and when many are waiting, and
 * stays so until the ring is empty. Whoever waits for it also looks into the ring now and then. */
int ring_fd(const struct ring *ring);

#endif
