/* A fixed number of threads, each with its own connection to Postgres, that take jobs from one bounded queue: so the
 * work in the database is bounded, and whoever hands it over never waits. */
#ifndef ALZY_SYNC_CENTRAL_WORKERS_H
#define ALZY_SYNC_CENTRAL_WORKERS_H

#include "hal/err.h"
#include "sync/central/pg.h"

#include <stdbool.h>
#include <stddef.h>

/* A piece of work; stands at the beginning of the caller's own struct, who owns it. */
struct job {
	struct job *next;
	/* Called on a worker's thread. `pg` is ready for use; NULL when Postgres can't be reached, and *e says why. */
	void (*run)(struct job *job, struct pg *pg, struct err *e);
};

struct workers;

/* Starts `count` threads; connections are opened when they are needed. At most `queue_most` jobs wait. `dsn` is
 * borrowed. ERR_MEMORY, ERR_INTERNAL. */
int workers_start(struct workers **out, size_t count, size_t queue_most, const char *dsn, struct err *e);

/* Hands a job over. False when the queue is full, or the workers are being stopped. */
bool workers_put(struct workers *workers, struct job *job);

/* Takes no more jobs, finishes those it has, and ends the threads. */
void workers_stop(struct workers *workers); /* NULL is fine; call it once */
void workers_free(struct workers *workers); /* after the stop; NULL is fine */

#endif
