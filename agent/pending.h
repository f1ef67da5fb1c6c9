/* What waits in memory for the next commit: points, events, and changes of the session, in the order in which they came.
 * Capture's own; it lets go of them only when they are durable. */
#ifndef ALZY_AGENT_PENDING_H
#define ALZY_AGENT_PENDING_H

#include "agent/journey.h"
#include "agent/trips.h"
#include "hal/err.h"
#include "hal/rows.h"
#include "store/event_types.h"
#include "store/store.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PENDING_POINTS_MAX = 65536, /* 18 hours at one a second, 3 MB */
	PENDING_EVENTS_MAX = 256,   /* those that come when so many wait for a store that fails are not written */
	PENDING_CHANGES_MAX = 256,  /* so with changes of the session */
	PENDING_SESSION = -1,       /* a point's session is the one that a change before it opens */
};

/* When something happened: UTC, and the monotonic clock of this boot. */
struct moment {
	int64_t at_ms, mono_ms;
	bool known; /* else at_ms is a guess */
};

struct pending_event {
	enum event_type type;
	struct moment at;
	bool in_session; /* belongs to the session that is open when it is written */
	char *payload;   /* owned */
};

struct pending_change {
	struct trips_decision decision;
	int32_t session; /* which it is about: as a point's; 0: none is open */
	size_t from;     /* points from here on come after it */
};

/* Zero-initialised it is ready. */
struct pending {
	struct point *points;
	size_t point_count, point_room;
	int64_t oldest_ms; /* when the first of the points was read, monotonic */
	struct pending_event events[PENDING_EVENTS_MAX];
	size_t event_count;
	struct pending_change changes[PENDING_CHANGES_MAX];
	size_t change_count;
	int64_t dropped; /* points that found no room since the last pending_clear */
};

/* False, and counted, when there is no room. */
bool pending_point(struct pending *pending, const struct point *point, int64_t mono_ms);

/* Takes over `payload`, an object or NULL. Without memory an event goes without its payload rather than not at all. */
void pending_event(struct pending *pending, enum event_type type, struct moment at, bool in_session, cJSON *payload);

/* UTC is the monotonic clock plus offset_ms: what was a guess is none any more. */
void pending_know(struct pending *pending, int64_t offset_ms);

/* A change of `session`; when that is none, the points outside any that were recorded since it starts go into the new one. */
void pending_change(struct pending *pending, const struct trips_decision *decision, int32_t session);

/* Points and changes, then events, into the transaction that is open. `journey` follows. */
int pending_write(const struct pending *pending, struct journey *journey, struct store *store, struct err *e);

/* Lets go of everything, and of memory that only a rare long wait has needed. */
void pending_clear(struct pending *pending);
void pending_free(struct pending *pending); /* not the struct */

#endif
