/* What the verbs of alzy-central share: its configuration, its database, its key, and how facts are printed. */
#ifndef ALZY_SYNC_CENTRAL_CENTRAL_COMMON_H
#define ALZY_SYNC_CENTRAL_CENTRAL_COMMON_H

#include "hal/err.h"
#include "sync/central/conf_central.h"
#include "sync/central/identity.h"
#include "sync/central/pg.h"

#include <cjson/cJSON.h>

struct central {
	struct conf_central conf;
	const char *conf_file;    /* where it was read; NULL when there is none and all is as by default */
	struct pg *pg;            /* NULL when not asked for */
	struct identity identity; /* zero when not asked for */
};

enum {
	CENTRAL_KEY = 1,        /* the centre's keys, of which there must be one */
	CENTRAL_CONNECTION = 2, /* Postgres, in whatever state its schema is */
	CENTRAL_DATABASE = 4,   /* Postgres, with exactly this version's schema (migrations_check) */
};

/* Loads central.conf and opens what `needs` names (a sum of the above; 0: the configuration alone). On failure nothing
 * is left open. ERR_CONFIG, ERR_NOT_FOUND (no key: the message says what to run), ERR_DATABASE, ERR_STATE. */
int central_open(struct central *central, unsigned needs, struct err *e);
/* Puts the configuration's file in front of a failure that names a key of it ("[server] listen: …"); returns -e->code. */
int central_wrap(const struct central *central, struct err *e);
void central_close(struct central *central); /* wipes the keys; a zeroed one is fine */

/* Prints one line of JSON on stdout and frees the tree. */
void central_print_json(cJSON *value);

#endif
