#include "agent/cli/distances.h"

#include "hal/summary.h"

#include <stdlib.h>

struct walk {
	const struct session *sessions;
	struct summary *summaries;
	size_t count;
	int64_t first_seq; /* of the points that are here; 0: none was seen yet */
};

static int compare_ids(const void *key, const void *item)
{
	const struct session *wanted = key, *session = item;
	return wanted->id > session->id ? -1 : wanted->id < session->id;
}

static int take(const struct point *point, void *user, struct err *e)
{
	(void)e;
	struct walk *walk = user;
	const struct session wanted = {.id = point->session};
	const struct session *found = bsearch(&wanted, walk->sessions, walk->count, sizeof *walk->sessions, compare_ids);
	if (!walk->first_seq)
		walk->first_seq = point->seq;
	if (found)
		summary_add(&walk->summaries[found - walk->sessions], point);
	return 0;
}

/* From the first point of the oldest session on, if that is not too far back. */
static int walk_points(struct store *store, struct walk *walk, struct err *e)
{
	struct point_filter filter = {0};
	int64_t last = 0;
	int rc = store_session_first_seq(store, walk->sessions[walk->count - 1].id, &filter.first_seq, e);
	if (!rc)
		rc = store_last_seq(store, STREAM_POINTS, &last, e);
	if (filter.first_seq <= last - DISTANCES_POINTS_MAX)
		filter.first_seq = last - DISTANCES_POINTS_MAX + 1;
	return rc ? rc : store_each_point(store, &filter, take, walk, e);
}

int distances_read(struct store *store, const struct session *sessions, size_t count, double **out, struct err *e)
{
	struct walk walk = {sessions, calloc(count + 1, sizeof(struct summary)), count, 0};
	double *m = calloc(count + 1, sizeof *m);
	int rc = walk.summaries && m ? 0 : err_set(e, ERR_MEMORY, "out of memory for the distances of %zu sessions", count);
	if (!rc && count)
		rc = walk_points(store, &walk, e);
	for (size_t i = 0; i < count && !rc; i++) {
		int64_t first = 0;
		rc = store_session_first_seq(store, sessions[i].id, &first, e);
		m[i] = first < walk.first_seq ? -1 : walk.summaries[i].distance_m;
	}
	free(walk.summaries);
	if (rc)
		free(m);
	else
		*out = m;
	return rc;
}
