/* The session that is open, as the agent knows it, and the agent's own changes of it in the store. */
#ifndef ALZY_AGENT_JOURNEY_H
#define ALZY_AGENT_JOURNEY_H

#include "agent/trips.h"
#include "hal/err.h"
#include "hal/rows.h"
#include "store/store.h"

/* Zero-initialised: none is open. */
struct journey {
	struct session session; /* the open one, as last read; id 0: none */
	struct session_change last;
};

/* Reads which session is open, and who has changed it last. After a failure what was known stays. */
int journey_read(struct journey *journey, struct store *store, struct err *e);

enum trips_state journey_state(const struct journey *journey);

/* What the agent finds as it starts, of what was read. */
int journey_found(const struct journey *journey, struct store *store, struct trips_found *out, struct err *e);

/* Does what was decided of `session` (sessions.id; 0: none was open; negative: of the one opened last), inside the transaction
 * that is open: unless a person was first. */
int journey_change(struct journey *journey, struct store *store, const struct trips_decision *decision, int32_t session,
                   struct err *e);

#endif
