/* What can be asked of the gateway, and what is done for it. Knows nothing of HTTP but methods, paths and statuses. */
#ifndef ALZY_SYNC_CENTRAL_ROUTES_H
#define ALZY_SYNC_CENTRAL_ROUTES_H

#include "hal/buffer.h"
#include "hal/err.h"
#include "sync/central/identity.h"
#include "sync/central/pg.h"

#include <stdbool.h>
#include <stdint.h>

/* One request and its answer. */
struct exchange {
	struct buffer body, answer;
	struct letter letter; /* the body, checked before it is handled, when the route is one_of_each */
	const char *client;   /* its address, for the log */
	int64_t began_ms;
	const struct identity *identity; /* the centre's keys, while it is handled */
};

struct route {
	const char *method, *path;
	/* Fills x->answer; `pg` is ready. */
	int (*handle)(struct exchange *x, struct pg *pg, struct err *e);
	bool envelope;    /* takes and gives one; else JSON for nothing */
	bool one_of_each; /* of each device one at a time is at work */
};
/* NULL: there is none. Without a method (NULL) any that is under this path. */
const struct route *route_find(const char *method, const char *path);

/* The status of HTTP for what could not be done. */
unsigned route_status(enum err_code code);
/* {"error": …, "message": …}; free() it; NULL without memory. */
char *route_error(enum err_code code, const char *message);

#endif
