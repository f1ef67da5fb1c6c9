/* The centre went back to an earlier state, as of a dump: what it took last of this unit is not there. What it has now under the
 * seqs of rows that were believed to be there may be another copy's, and the places of moved rows may be free. */
#include "store/identity.h"
#include "store/internal.h"

#include <string.h>

/* All of them are told again, as they are few and small. */
int doubt_sessions(struct store *store, struct err *e)
{
	struct query q;
	query_start(&q, store, "UPDATE sessions SET held_revision = 0 WHERE held_revision <> 0");
	return query_run(&q, e);
}

/* The identity that a moved one was made for in the first place: each is listed behind the one that it was made from. */
static const struct identity *find_root(const struct identity *all, size_t count, const struct identity *of)
{
	for (size_t i = count; i-- > 0 && of->moved;)
		if (!strcmp(all[i].store_id, of->forked_from))
			of = &all[i];
	return of;
}

/* Rows that are still here look for their places from the first one on. */
static int return_moved(struct store *store, enum stream stream, const struct ranges *here, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(store, &all, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++) {
		struct ranges rows = {0}, returned[STREAM_COUNT] = {{0}};
		const struct identity *root = find_root(all, count, &all[i]);
		if (root == &all[i])
			continue;
		rc = identity_all_rows(&all[i], stream, &rows, e);
		if (!rc)
			rc = ranges_intersect(&returned[stream], &rows, here, e);
		if (!rc)
			rc = fork_move(store, all[i].number, root->store_id, returned, e);
		ranges_free(&rows);
		ranges_free(&returned[stream]);
	}
	identities_free(all, count);
	return rc;
}

static int doubt_stream(struct store *store, enum stream stream, int64_t centre_ms, struct err *e)
{
	struct ranges all = {0}, pruned = {0}, here = {0}, believed = {0}, left = {0};
	int rc = given_out(store, stream, &all, e);
	if (!rc)
		rc = store_pruned(store, stream, &all, &pruned, e);
	if (!rc)
		rc = ranges_subtract(&here, &all, &pruned, e);
	if (!rc)
		rc = store_accounted(store, stream, &believed, e);
	if (!rc)
		rc = ranges_intersect(&left, &believed, &pruned, e);
	if (!rc)
		rc = accounted_replace(store, stream, &believed, &left, e);
	if (!rc)
		rc = blocks_follow(store, stream, &believed, &left, centre_ms, e);
	if (!rc)
		rc = return_moved(store, stream, &here, e);
	struct ranges *sets[] = {&all, &pruned, &here, &believed, &left};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		ranges_free(sets[i]);
	return rc;
}

int doubt_all(struct store *store, int64_t centre_ms, struct err *e)
{
	int rc = doubt_sessions(store, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = doubt_stream(store, (enum stream)s, centre_ms, e);
	if (!rc)
		rc = sql_run(store, "UPDATE identities SET checkpoint = 0", e);
	return rc ? rc : sql_run(store, "UPDATE centre SET went_back_at = (SELECT exchange_sent FROM store)", e);
}
