/* Reference data: replaced whole by a receipt, looked up by whoever starts a session. */
#include "store/internal.h"

#include <string.h>

static int put_organizations(struct store *store, const struct reference *r, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < r->organization_count && !rc; i++) {
		struct query q;
		query_start(&q, store, "INSERT INTO organizations (organization_id, organization_name) VALUES (?, ?)");
		query_int(&q, r->organizations[i].id);
		query_text(&q, r->organizations[i].name);
		rc = query_run(&q, e);
	}
	return rc;
}

static int put_applications(struct store *store, const struct reference *r, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < r->application_count && !rc; i++) {
		struct query q;
		query_start(&q, store, "INSERT INTO applications (application_id, name) VALUES (?, ?)");
		query_int(&q, r->applications[i].id);
		query_text(&q, r->applications[i].name);
		rc = query_run(&q, e);
	}
	return rc;
}

static int put_users(struct store *store, const struct reference *r, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < r->user_count && !rc; i++) {
		struct query q;
		query_start(&q, store, "INSERT INTO users (user_id, full_name, organization_id) VALUES (?, ?, ?)");
		query_text(&q, r->users[i].id);
		query_text(&q, r->users[i].full_name);
		query_int(&q, r->users[i].organization_id);
		rc = query_run(&q, e);
	}
	for (size_t i = 0; i < r->application_user_count && !rc; i++) {
		const struct reference_application_user *row = &r->application_users[i];
		struct query q;
		query_start(&q, store,
		            "INSERT INTO application_users (application_user_id, application_id, user_id) VALUES (?, ?, ?)");
		query_int(&q, row->id);
		query_int(&q, row->application_id);
		query_text(&q, r->users[row->user].id);
		rc = query_run(&q, e);
	}
	return rc;
}

static int put_machines(struct store *store, const struct reference *r, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < r->machine_count && !rc; i++) {
		struct query q;
		query_start(&q, store,
		            "INSERT INTO machines (machine_id, serial_no, operation_start_date, organization_id)"
		            " VALUES (?, ?, ?, ?)");
		query_text(&q, r->machines[i].id);
		query_text(&q, r->machines[i].serial_no);
		query_text(&q, r->machines[i].operation_start_date);
		query_int_unless(&q, r->machines[i].organization_id, 0);
		rc = query_run(&q, e);
	}
	return rc;
}

int reference_clear(struct store *store, struct err *e)
{
	return sql_run(store,
	               "DELETE FROM application_users; DELETE FROM users; DELETE FROM machines; DELETE FROM applications;"
	               "DELETE FROM organizations; UPDATE devices SET machine_id = NULL WHERE machine_id IS NOT NULL",
	               e);
}

static int note_digest(struct store *store, const struct reference *r, const uint8_t digest[REFERENCE_DIGEST],
                       struct err *e)
{
	struct query q;
	query_start(&q, store, "UPDATE devices SET machine_id = ?");
	query_text(&q, r->machine_id);
	int rc = query_run(&q, e);
	if (rc)
		return rc;
	query_start(&q, store, "UPDATE centre SET reference_digest = ?, reference_cut = ?");
	query_blob(&q, digest, REFERENCE_DIGEST);
	query_int(&q, r->cut);
	return query_run(&q, e);
}

/* Who was lost, and is known by now: a session that names somebody like that is told once more, and gets the reference. */
static int tell_found(struct store *store, struct err *e)
{
	return sql_run(store,
	               "UPDATE sessions SET revision = revision + 1 WHERE lost_references IS NOT NULL AND ("
	               " instr(lost_references, 'user_id') AND user_id IN (SELECT user_id FROM users)"
	               " OR instr(lost_references, 'machine_id') AND machine_id IN (SELECT machine_id FROM machines)"
	               " OR instr(lost_references, 'application_id')"
	               "  AND application_id IN (SELECT application_id FROM applications))",
	               e);
}

int reference_replace(struct store *store, const struct reference *r, const uint8_t digest[REFERENCE_DIGEST],
                      struct err *e)
{
	int rc = reference_clear(store, e);
	if (!rc)
		rc = put_organizations(store, r, e);
	if (!rc)
		rc = put_applications(store, r, e);
	if (!rc)
		rc = put_users(store, r, e);
	if (!rc)
		rc = put_machines(store, r, e);
	if (!rc)
		rc = tell_found(store, e);
	return rc ? rc : note_digest(store, r, digest, e);
}

int store_reference_digest(struct store *store, uint8_t out[REFERENCE_DIGEST], bool *out_found, struct err *e)
{
	struct query q;
	bool row = false;
	query_start(&q, store, "SELECT reference_digest FROM centre WHERE reference_digest IS NOT NULL");
	int rc = query_next(&q, &row, e);
	if (!rc && row)
		memcpy(out, sqlite3_column_blob(q.stmt, 0), REFERENCE_DIGEST);
	if (!rc)
		*out_found = row;
	query_end(&q);
	return rc;
}

/* People and machines are those of the unit's organization: without one, nobody is known to be unknown. */
static const struct {
	const char *names, *complete;
} kinds[REFERENCE_KIND_COUNT] = {
	[REFERENCE_USERS] = {"SELECT user_id, full_name FROM users ORDER BY user_id",
                         "SELECT NOT reference_cut AND EXISTS (SELECT 1 FROM organizations) FROM centre"
                         " WHERE reference_digest IS NOT NULL"},
	[REFERENCE_MACHINES] = {"SELECT machine_id, serial_no FROM machines ORDER BY machine_id",
                            "SELECT NOT reference_cut AND EXISTS (SELECT 1 FROM organizations) FROM centre"
                            " WHERE reference_digest IS NOT NULL"},
	[REFERENCE_APPLICATIONS] = {"SELECT application_id, name FROM applications ORDER BY application_id",
                                "SELECT NOT reference_cut FROM centre WHERE reference_digest IS NOT NULL"},
};

int store_reference_may_use(struct store *store, const char *user_id, int64_t application_id, bool *out, struct err *e)
{
	struct query q;
	int64_t may = 1;
	query_start(&q, store,
	            "SELECT EXISTS (SELECT 1 FROM application_users WHERE user_id = ?1 AND application_id = ?2)"
	            " OR NOT EXISTS (SELECT 1 FROM application_users) OR EXISTS (SELECT 1 FROM centre WHERE reference_cut)"
	            " OR NOT EXISTS (SELECT 1 FROM users WHERE user_id = ?1)");
	query_text(&q, user_id);
	query_int(&q, application_id);
	int rc = query_one_int(&q, 1, &may, e);
	if (!rc)
		*out = may;
	return rc;
}

static void read_name(const struct query *q, void *item)
{
	struct reference_name *name = item;
	query_get_text(q, 0, name->id, sizeof name->id);
	query_get_text(q, 1, name->name, sizeof name->name);
}

int store_reference_names(struct store *store, enum reference_kind kind, struct reference_name **out, size_t *out_count,
                          bool *out_complete, struct err *e)
{
	struct query q;
	int64_t complete;
	query_start(&q, store, kinds[kind].complete);
	int rc = query_one_int(&q, 0, &complete, e);
	if (rc)
		return rc;
	query_start(&q, store, kinds[kind].names);
	rc = query_all(&q, sizeof **out, read_name, out, out_count, e);
	if (!rc)
		*out_complete = complete;
	return rc;
}
