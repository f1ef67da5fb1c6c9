/* What the role that the gateway serves as may do in the database: what serving needs, and no more. */
#ifndef ALZY_SYNC_CENTRAL_RIGHTS_H
#define ALZY_SYNC_CENTRAL_RIGHTS_H

#include "hal/err.h"
#include "sync/central/pg.h"

#include <stdbool.h>

/* Whether `role` (NULL: the one that is connected) may drop and alter the tables: it owns them, is a member of who owns
 * them, or is a superuser. ERR_NOT_FOUND: there is no such role. */
int rights_of_owner(struct pg *pg, const char *role, bool *out, struct err *e);

/* Gives an existing role exactly the rights that serving needs: others that it had on the tables are taken away. One
 * transaction. ERR_NOT_FOUND; ERR_STATE for a role that may do everything anyway. */
int rights_grant(struct pg *pg, const char *role, struct err *e);

#endif
