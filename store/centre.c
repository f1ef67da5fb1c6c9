#include "store/internal.h"

#include <string.h>

int store_centre_get(struct store *store, struct store_centre *out, bool *out_found, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store,
	            "SELECT c.public_key, c.url, d.id, d.name, d.paired_at, s.exchange_sent, c.exchange_applied,"
	            " c.receipt_at, c.refusal, c.standing, c.next_url"
	            " FROM centre AS c JOIN devices AS d ON d.id = c.device_id JOIN store AS s");
	int rc = query_next(&q, &row, e);
	if (!rc && row) {
		struct store_centre centre = {
			.device_id = query_get_int(&q, 2, 0),
			.paired_at_ms = query_get_int(&q, 4, 0),
			.exchange_sent = query_get_int(&q, 5, 0),
			.exchange_applied = query_get_int(&q, 6, 0),
			.receipt_at_ms = query_get_int(&q, 7, 0),
		};
		memcpy(centre.public_key, sqlite3_column_blob(q.stmt, 0), sizeof centre.public_key);
		query_get_text(&q, 1, centre.url, sizeof centre.url);
		query_get_text(&q, 3, centre.device_name, sizeof centre.device_name);
		query_get_text(&q, 8, centre.refusal, sizeof centre.refusal);
		query_get_text(&q, 9, centre.standing, sizeof centre.standing);
		query_get_text(&q, 10, centre.next_url, sizeof centre.next_url);
		*out = centre;
	}
	if (!rc)
		*out_found = row;
	query_end(&q);
	return rc;
}

/* Whether the centre has receipted anything of this store. */
static int has_receipted(struct store *store, bool *out, struct err *e)
{
	struct query q;
	int64_t any = 0;
	query_start(&q, store,
	            "SELECT EXISTS (SELECT 1 FROM accounted) OR EXISTS (SELECT 1 FROM sessions WHERE held_revision > 0)");
	int rc = query_one_int(&q, 0, &any, e);
	*out = any;
	return rc;
}

/* What the centre has changed in a session becomes the unit's own word: numbers of its changes mean nothing to another
 * centre, or to this one when it has forgotten them meanwhile. */
static const char beliefs_gone[] =
	"UPDATE store SET (former_centre, former_device) = (SELECT public_key, device_id FROM centre)"
	" WHERE EXISTS (SELECT 1 FROM centre);"
	"DELETE FROM centre; DELETE FROM former_keys; DELETE FROM devices; DELETE FROM accounted;"
	"DELETE FROM rejected; DELETE FROM written; DELETE FROM blocks WHERE digest IS NULL;"
	"UPDATE identities SET copied_rows = 0, copied_at = NULL, forks = 0, checkpoint = 0;"
	"UPDATE sessions SET revision = revision + (centre_revision > 0), held_revision = 0, centre_revision = 0,"
	" told_revision = 0, lost_references = NULL, account_id = NULL"
	" WHERE held_revision <> 0 OR centre_revision <> 0 OR told_revision <> 0 OR lost_references IS NOT NULL"
	" OR account_id IS NOT NULL";

static int forget_beliefs(struct store *store, struct err *e)
{
	int rc = reference_clear(store, e);
	if (!rc)
		rc = retry_forget(store, e);
	return rc ? rc : sql_run(store, beliefs_gone, e);
}

static int check_same_centre(struct store *store, const struct store_centre *centre, struct err *e)
{
	struct store_centre known;
	bool found = false, receipted = false;
	int rc = store_centre_get(store, &known, &found, e);
	if (rc || (found && !memcmp(known.public_key, centre->public_key, sizeof known.public_key)))
		return rc;
	rc = has_receipted(store, &receipted, e);
	if (!rc && receipted)
		return err_set(e, ERR_STATE,
		               "this store is paired with another centre, %s, which holds rows of it: `alzy unpair` first",
		               known.url);
	return rc ? rc : forget_beliefs(store, e);
}

static int put_device(struct store *store, const struct store_centre *centre, struct err *e)
{
	struct query q;
	/* As another device of the same centre: what that one has not taken of sessions, this one may. */
	query_start(&q, store,
	            "UPDATE sessions SET held_revision = 0 WHERE held_revision <> 0 AND (SELECT id FROM devices) <> ?");
	query_int(&q, centre->device_id);
	int rc = query_run(&q, e);
	if (rc)
		return rc;
	/* The references follow (ON UPDATE CASCADE). */
	query_start(&q, store, "UPDATE devices SET id = ?1, machine_id = CASE WHEN id = ?1 THEN machine_id END");
	query_int(&q, centre->device_id);
	rc = query_run(&q, e);
	if (rc)
		return rc;
	query_start(&q, store,
	            "INSERT INTO devices (id, name, platform, paired_at) VALUES (?, ?, 'linux', ?) ON CONFLICT (id)"
	            " DO UPDATE SET name = excluded.name, paired_at = excluded.paired_at");
	query_int(&q, centre->device_id);
	query_text(&q, centre->device_name);
	query_int(&q, centre->paired_at_ms);
	rc = query_run(&q, e);
	if (rc)
		return rc;
	query_start(&q, store, "UPDATE sessions SET device_id = ?1 WHERE device_id IS NOT ?1");
	query_int(&q, centre->device_id);
	return query_run(&q, e);
}

static int put_centre(struct store *store, const struct store_centre *centre, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO centre (one, public_key, url, device_id) VALUES (1, ?, ?, ?) ON CONFLICT (one)"
	            " DO UPDATE SET url = excluded.url, refusal = NULL, standing = NULL, next_url = NULL");
	query_blob(&q, centre->public_key, sizeof centre->public_key);
	query_text(&q, centre->url);
	query_int(&q, centre->device_id);
	return query_run(&q, e);
}

int store_centre_set(struct store *store, const struct store_centre *centre, struct err *e)
{
	struct session left;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = check_same_centre(store, centre, e);
	if (!rc)
		rc = become_leave(store, centre, &left, e);
	if (!rc)
		rc = put_device(store, centre, e);
	if (!rc)
		rc = put_centre(store, centre, e);
	if (!rc)
		rc = become_go_on(store, &left, e);
	rc = change_end(store, rc, e);
	return rc ? rc : store_name_again(store, e);
}

int store_centre_forget(struct store *store, struct err *e)
{
	int rc = change_begin(store, e);
	return rc ? rc : change_end(store, forget_beliefs(store, e), e);
}

int store_was_with_another(struct store *store, const uint8_t public_key[32], bool *out, struct err *e)
{
	struct query q;
	int64_t was = 0;
	query_start(
		&q, store,
		"SELECT exchange_sent > 0 AND coalesce(public_key, former_centre) IS NOT ? FROM store LEFT JOIN centre");
	query_blob(&q, public_key, 32);
	int rc = query_one_int(&q, 0, &was, e);
	if (!rc)
		*out = was;
	return rc;
}

static int not_paired(struct err *e)
{
	return err_set(e, ERR_STATE, "this unit is not paired with a centre: `alzy pair LINK` does it");
}

static int set_refusal(struct store *store, const char *why, struct err *e)
{
	struct query q;
	query_start(&q, store, "UPDATE centre SET refusal = ?1 WHERE refusal IS NOT ?1");
	query_text(&q, why);
	return query_run(&q, e);
}

int store_centre_refused(struct store *store, const char *why, struct err *e)
{
	struct store_centre centre;
	bool found = false;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = store_centre_get(store, &centre, &found, e);
	if (!rc)
		rc = found ? set_refusal(store, why, e) : not_paired(e);
	return change_end(store, rc, e);
}

static int set_standing(struct store *store, int64_t exchange, const char *standing, int64_t at_ms, bool *out_applied,
                        struct err *e)
{
	struct store_centre centre;
	struct query q;
	bool found = false;
	int rc = store_centre_get(store, &centre, &found, e);
	if (rc || !found)
		return rc ? rc : not_paired(e);
	*out_applied = exchange > centre.exchange_applied;
	if (!*out_applied)
		return 0;
	query_start(&q, store, "UPDATE centre SET exchange_applied = ?, receipt_at = ?, standing = ?, refusal = NULL");
	query_int(&q, exchange);
	query_int(&q, at_ms);
	query_text(&q, standing);
	return query_run(&q, e);
}

int store_centre_stands(struct store *store, int64_t exchange, const char *standing, int64_t at_ms, bool *out_applied,
                        struct err *e)
{
	bool applied = false;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, set_standing(store, exchange, standing, at_ms, &applied, e), e);
	if (!rc)
		*out_applied = applied;
	return rc;
}

/* Every receipt may say the same again: only what differs is written. */
static int keep_former(struct store *store, const struct store_centre *centre, struct err *e)
{
	struct query q;
	query_start(&q, store, "INSERT OR REPLACE INTO former_keys (public_key, replaced_at) VALUES (?, ?)");
	query_blob(&q, centre->public_key, sizeof centre->public_key);
	query_int(&q, centre->receipt_at_ms);
	return query_run(&q, e);
}

int store_centre_former_keys(struct store *store, uint8_t out[][32], size_t most, size_t *out_count, struct err *e)
{
	struct query q;
	bool row = true;
	int rc = 0;
	*out_count = 0;
	query_start(&q, store, "SELECT public_key FROM former_keys ORDER BY replaced_at DESC LIMIT ?");
	query_limit(&q, most);
	while (!rc && !(rc = query_next(&q, &row, e)) && row)
		memcpy(out[(*out_count)++], sqlite3_column_blob(q.stmt, 0), 32);
	query_end(&q);
	return rc;
}

static int announced(struct store *store, const uint8_t *public_key, const char *url, struct err *e)
{
	struct store_centre centre;
	struct query q;
	bool found = false;
	int rc = store_centre_get(store, &centre, &found, e);
	if (rc || !found)
		return rc ? rc : not_paired(e);
	const char *next = strcmp(url, centre.url) ? url : "";
	if (!public_key)
		public_key = centre.public_key;
	if (!strcmp(next, centre.next_url) && !memcmp(public_key, centre.public_key, sizeof centre.public_key))
		return 0;
	if (memcmp(public_key, centre.public_key, sizeof centre.public_key) && (rc = keep_former(store, &centre, e)))
		return rc;
	query_start(&q, store, "UPDATE centre SET public_key = ?, next_url = nullif(?, '')");
	query_blob(&q, public_key, sizeof centre.public_key);
	query_text(&q, next);
	return query_run(&q, e);
}

int store_centre_announced(struct store *store, const uint8_t *public_key, const char *url, struct err *e)
{
	int rc = change_begin(store, e);
	return rc ? rc : change_end(store, announced(store, public_key, url, e), e);
}

int store_centre_moved(struct store *store, const char *url, struct err *e)
{
	struct query q;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	query_start(&q, store, "UPDATE centre SET url = next_url, next_url = NULL WHERE next_url = ?");
	query_text(&q, url);
	return change_end(store, query_run(&q, e), e);
}

int store_next_exchange(struct store *store, int64_t *out_exchange, struct err *e)
{
	struct query q;
	int64_t exchange = 0;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	query_start(&q, store, "UPDATE store SET exchange_sent = exchange_sent + 1 RETURNING exchange_sent");
	rc = change_end(store, query_one_int(&q, 0, &exchange, e), e);
	if (!rc)
		*out_exchange = exchange;
	return rc;
}
