/* The schema at the centre, in numbered steps. Each is a file of SQL in migrations/, embedded at build. */
#ifndef ALZY_SYNC_CENTRAL_MIGRATIONS_H
#define ALZY_SYNC_CENTRAL_MIGRATIONS_H

#include "hal/err.h"
#include "sync/central/pg.h"

#include <stddef.h>

struct migration {
	int version; /* 1, 2, 3, … */
	const char *name;
	const char *sql;
};

extern const struct migration migrations[];
extern const size_t migration_count;

/* The version that this program needs: that of the last migration. */
int migrations_current(void);

/* Brings the database to migrations_current() in one transaction, under an advisory lock: safe to run twice, and twice at
 * once, and a failure changes nothing. *out_from is the version that was found, 0 for a database without. ERR_VERSION when a
 * newer alzy made it; ERR_STATE when what is there can't be adopted (nothing was changed); ERR_PERMISSION when the role
 * lacks a right (the message says what a superuser must run). */
int migrations_apply(struct pg *pg, int *out_from, struct err *e);

/* Whether the schema is that of this program. ERR_STATE: older, "run alzy-central migrate"; ERR_VERSION: newer. */
int migrations_check(struct pg *pg, struct err *e);

#endif
