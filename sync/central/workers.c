#include "sync/central/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Longer than the statement_timeout of a batch: then it is not the statement, but the server that stands still. */
enum { ANSWER_MS = 70000 };

struct workers {
	const char *dsn;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* a job came, or the stop */
	struct job *first, **end;
	size_t waiting, waiting_most;
	bool stopping;
	size_t count; /* of threads that were started */
	pthread_t threads[];
};

/* Waits for a job; NULL when there are no more. */
static struct job *take(struct workers *w)
{
	pthread_mutex_lock(&w->mutex);
	while (!w->first && !w->stopping)
		pthread_cond_wait(&w->changed, &w->mutex);
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
	struct workers *w = user;
	struct pg *pg = NULL;
	for (struct job *job; (job = take(w));) {
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
	struct workers *w = calloc(1, sizeof *w + count * sizeof *w->threads);
	if (!w)
		return err_set(e, ERR_MEMORY, "out of memory for %zu workers", count);
	w->dsn = dsn;
	w->waiting_most = queue_most;
	w->end = &w->first;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->changed, NULL);
	for (; w->count < count; w->count++) {
		int failed = pthread_create(&w->threads[w->count], NULL, work, w);
		if (failed) {
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
		pthread_cond_signal(&w->changed);
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
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	for (size_t i = 0; i < w->count; i++)
		pthread_join(w->threads[i], NULL);
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->mutex);
	pthread_cond_destroy(&w->changed);
	free(w);
}
