/* How far each of the newest sessions went, in one walk over the newest points. */
#ifndef ALZY_AGENT_CLI_DISTANCES_H
#define ALZY_AGENT_CLI_DISTANCES_H

#include "store/store.h"

/* More points than that are not read, so that a list never takes long: half a second, some seconds on a small unit. */
enum { DISTANCES_POINTS_MAX = 500000 };

/* In metres (hal/summary.h), in the order of `sessions`, which are the newest first; negative for one of which not all
 * points are here, or within reach. *out is to free(). */
int distances_read(struct store *store, const struct session *sessions, size_t count, double **out, struct err *e);

#endif
