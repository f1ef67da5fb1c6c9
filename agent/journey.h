/* The session that is open, as the agent knows it, and the agent's own changes of it in the store. */
#ifndef ALZY_AGENT_JOURNEY_H
#define ALZY_AGENT_JOURNEY_H

#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/rows.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: none is open. */
struct journey {
	struct session session; /* the open one, as last read; id 0: none */
	bool paused_by_agent;
	int64_t kept_session,
		kept_ms; /* whose and when the last kept fix was; session 0: of the one that is to be opened */
};

/* Reads which session is open, and who has paused it. After a failure what was known stays. */
int journey_read(struct journey *journey, struct store *store, struct err *e);

bool journey_active(const struct journey *journey);

/* Both inside the transaction that is open, and after a look at what a person did meanwhile, which goes first.
 * Opens a session that starts at at_ms, or resumes the one that the agent has paused. */
int journey_open(struct journey *journey, struct store *store, int64_t at_ms, struct err *e);
/* The clean stop: ends or pauses an automatic session at its last fix. One in which nothing was recorded yet was started by
 * a person, and is left to the next start. */
int journey_close(struct journey *journey, struct store *store, const struct conf_unit *conf, struct err *e);

#endif
