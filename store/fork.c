/* Forks: a file takes another identity (identity.h). Everything is a change of a few rows in one transaction: whoever has
 * the file open goes on recording, and there is no moment at which a row has two names or none. */
#include "hal/clock.h"
#include "hal/hardware.h"
#include "store/identity.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- a new identity -------------------------------------------------------------------------------------------- */

static int find_number(struct store *store, const char *store_id, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT number FROM identities WHERE store_id = ?");
	query_text(&q, store_id);
	return query_one_int(&q, 0, out, e);
}

static int add_identity(struct store *store, const char *id, enum fork_cause because, bool moved, int64_t from,
                        int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO identities (number, store_id, since, forked_from, because, moved)"
	            " VALUES ((SELECT max(number) + 1 FROM identities), ?, ?, ?, ?, ?)");
	query_text(&q, id);
	query_int(&q, clock_wall_ms());
	query_int(&q, from);
	query_text(&q, fork_cause_name(because));
	query_int(&q, moved);
	int rc = query_run(&q, e);
	return rc ? rc : find_number(store, id, out, e);
}

int fork_present(struct store *store, enum fork_cause because, struct err *e)
{
	const struct ranges none = {0};
	char id[UUID_TEXT];
	int64_t from = 0, next = 0;
	struct query q;
	query_start(&q, store, "SELECT number FROM identities JOIN store USING (store_id)");
	int rc = query_one_int(&q, 0, &from, e);
	if (!rc)
		rc = uuid_make(id, e);
	if (!rc)
		rc = add_identity(store, id, because, false, from, &next, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = runs_give(store, (enum stream)s, &none, 0, next, e);
	if (rc)
		return rc;
	query_start(&q, store, "UPDATE store SET store_id = ?");
	query_text(&q, id);
	return query_run(&q, e);
}

int fork_move(struct store *store, int64_t from, const char *id, const struct ranges rows[STREAM_COUNT], struct err *e)
{
	int64_t to = 0;
	int rc = find_number(store, id, &to, e);
	if (!rc && !to)
		rc = add_identity(store, id, FORK_CONFLICT, true, from, &to, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		if (rows[s].count)
			rc = runs_give(store, (enum stream)s, &rows[s], to, 0, e);
	return rc;
}

int store_fork(struct store *store, enum fork_cause because, struct err *e)
{
	int rc = change_begin(store, e);
	if (!rc)
		rc = change_end(store, fork_present(store, because, e), e);
	return rc ? rc : store_name_again(store, e);
}

/* ---- other hardware -------------------------------------------------------------------------------------------- */

enum likeness { UNKNOWN, SAME, OTHER, SAME_AND_MORE };

/* One mark that is the same is enough: a new firmware may change one. */
static int compare(struct store *store, const struct hardware *here, enum likeness *out, struct err *e)
{
	struct query q;
	bool row = true;
	size_t common = 0, same = 0;
	query_start(&q, store, "SELECT source, hash FROM hardware");
	int rc = 0;
	while (!(rc = query_next(&q, &row, e)) && row)
		for (size_t i = 0; i < here->count; i++) {
			char source[HARDWARE_NAME_MAX], hash[HARDWARE_HASH_TEXT];
			query_get_text(&q, 0, source, sizeof source);
			query_get_text(&q, 1, hash, sizeof hash);
			if (strcmp(source, here->marks[i].source))
				continue;
			common++;
			same += !strcmp(hash, here->marks[i].hash);
		}
	query_end(&q);
	*out = common && !same ? OTHER : common < here->count ? SAME_AND_MORE : here->count ? SAME : UNKNOWN;
	return rc;
}

static int put_hardware(struct store *store, const struct hardware *here, bool other, struct err *e)
{
	int rc = other ? sql_run(store, "DELETE FROM hardware", e) : 0;
	for (size_t i = 0; i < here->count && !rc; i++) {
		struct query q;
		query_start(&q, store, "INSERT INTO hardware (source, hash) VALUES (?, ?) ON CONFLICT DO NOTHING");
		query_text(&q, here->marks[i].source);
		query_text(&q, here->marks[i].hash);
		rc = query_run(&q, e);
	}
	return rc;
}

/* Inside a change: another process may have done it while this one waited. */
static int settle(struct store *store, const struct hardware *here, bool *out_forked, struct err *e)
{
	enum likeness likeness = UNKNOWN;
	int rc = compare(store, here, &likeness, e);
	*out_forked = !rc && likeness == OTHER;
	if (*out_forked)
		rc = fork_present(store, FORK_HARDWARE, e);
	return rc ? rc : put_hardware(store, here, likeness == OTHER, e);
}

int store_settle(struct store *store, const char *hardware, bool *out_forked, struct err *e)
{
	struct hardware here;
	enum likeness likeness = UNKNOWN;
	bool forked = false;
	hardware_look(hardware, "", &here);
	int rc = here.count ? compare(store, &here, &likeness, e) : 0;
	*out_forked = false;
	if (rc || likeness == UNKNOWN || likeness == SAME)
		return rc;
	rc = change_begin(store, e);
	if (!rc)
		rc = change_end(store, settle(store, &here, &forked, e), e);
	if (!rc && forked)
		rc = store_name_again(store, e);
	if (!rc)
		*out_forked = forked;
	return rc;
}

const char *store_settled_text(const struct store *store, char out[ERR_TEXT_MAX])
{
	snprintf(
		out, ERR_TEXT_MAX,
		"the store %s was last used on other hardware: it was copied, or its card was moved. What is recorded from "
		"now on belongs to a store of its own, %s; what was recorded before is sent as what it was",
		store->path, store->id);
	return out;
}
