#include "sync/central/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Longer than the statement_timeout of a batch: then it is not the statement, but the server that stands still. */
enum { ANSWER_MS = 70000 };

struct worker {
	struct workers *all;
	pthread_t thread;
	pthread_cond_t called;
	bool idle;
	struct worker *next_idle;
};

struct workers {
	const char *dsn;
	pthread_mutex_t mutex;
	struct job *first, **end;
	size_t waiting, waiting_most;
	struct worker
		*idle; /* who has worked last comes first: the caches of its processor, and those of Postgres', are warm */
	bool stopping;
	size_t count; /* of those that were started */
	struct worker each[];
};

static void call(struct workers *w)
{
	struct worker *worker = w->idle;
	if (!worker)
		return;
	w->idle = worker->next_idle;
	worker->idle = false;
	pthread_cond_signal(&worker->called);
}

static void rest(struct workers *w, struct worker *worker)
{
	worker->idle = true;
	worker->next_idle = w->idle;
	w->idle = worker;
	while (worker->idle)
		pthread_cond_wait(&worker->called, &w->mutex);
}

/* Waits for a job; NULL when there are no more. */
static struct job *take(struct workers *w, struct worker *worker)
{
	pthread_mutex_lock(&w->mutex);
	while (!w->first && !w->stopping)
		rest(w, worker);
	struct job *job = w->first;
	if (job) {
		w->first = job->next;
		if (!w->first)
			w->end = &w->first;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->mutex);
	return job;
}

static void *work(void *user)
{
	struct worker *worker = user;
	struct workers *w = worker->all;
	struct pg *pg = NULL;
	for (struct job *job; (job = take(w, worker));) {
		struct err e = {0};
		int rc = pg ? pg_ready(pg, &e) : pg_open(&pg, w->dsn, &e);
		if (!rc)
			pg_bound(pg, ANSWER_MS);
		job->run(job, rc ? NULL : pg, &e);
	}
	pg_close(pg);
	return NULL;
}

int workers_start(struct workers **out, size_t count, size_t queue_most, const char *dsn, struct err *e)
{
	struct workers *w = calloc(1, sizeof *w + count * sizeof *w->each);
	if (!w)
		return err_set(e, ERR_MEMORY, "out of memory for %zu workers", count);
	w->dsn = dsn;
	w->waiting_most = queue_most;
	w->end = &w->first;
	pthread_mutex_init(&w->mutex, NULL);
	for (; w->count < count; w->count++) {
		struct worker *worker = &w->each[w->count];
		worker->all = w;
		pthread_cond_init(&worker->called, NULL);
		int failed = pthread_create(&worker->thread, NULL, work, worker);
		if (failed) {
			pthread_cond_destroy(&worker->called);
			workers_stop(w);
			workers_free(w);
			return err_set(e, ERR_INTERNAL, "can't start %zu workers: %s", count, strerror(failed));
		}
	}
	*out = w;
	return 0;
}

bool workers_put(struct workers *w, struct job *job)
{
	pthread_mutex_lock(&w->mutex);
	bool taken = !w->stopping && w->waiting < w->waiting_most;
	if (taken) {
		job->next = NULL;
		*w->end = job;
		w->end = &job->next;
		w->waiting++;
		call(w);
	}
	pthread_mutex_unlock(&w->mutex);
	return taken;
}

void workers_stop(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stopping = true;
	while (w->idle)
		call(w);
	pthread_mutex_unlock(&w->mutex);
	for (size_t i = 0; i < w->count; i++)
		pthread_join(w->each[i].thread, NULL);
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->mutex);
	for (size_t i = 0; i < w->count; i++)
		pthread_cond_destroy(&w->each[i].called);
	free(w);
}
