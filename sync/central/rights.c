#include "sync/central/rights.h"

#include <string.h>

/* Foreign keys and the triggers on points are checked with their owner's rights, and a key made by IDENTITY needs none.
 * Who is asked for FOR UPDATE must be allowed to update something of it. */
static const char *const rights[] = {
	"USAGE ON SCHEMA public, alzy",
	"EXECUTE ON FUNCTION alzy.ensure_partitions, alzy.reference, alzy.short, alzy.take, alzy.settle, alzy.let_go",
	"SELECT ON alzy.migrations",
	/* Whom units may name. */
	"SELECT ON public.organizations, public.applications, public.application_users, public.users, public.machines",
	/* Who sends. Of accounts no more than that they are there. */
	"SELECT (id) ON alzy.users",
	"SELECT ON alzy.devices",
	"UPDATE (device_key_hash, paired_at, pairing_expires_at, last_seen_at, updated_at, centre_key) ON alzy.devices",
	"SELECT, INSERT, DELETE ON alzy.device_keys",
	/* What they send. A point or an event never changes. */
	"SELECT, INSERT, UPDATE ON alzy.sessions, public.sessions, alzy.last_positions",
	/* A store stays the device's, and what was erased stays so. */
	"SELECT, INSERT ON alzy.stores",
	"UPDATE (points_held, points_rejected, points_dropped, points_expired, points_copied, points_last, events_held,"
	" events_rejected, events_dropped, events_expired, events_copied, events_last, copied_at, exchange, last_batch_at,"
	" unit_state, checkpoint, proof_asked_at, proof_at, proof_outcome, proof) ON alzy.stores",
	"SELECT, INSERT ON alzy.points, public.events, alzy.rejected, alzy.checkpoints",
	"SELECT, INSERT, UPDATE, DELETE ON alzy.stretches",
	"UPDATE (code, reason, rejected_at) ON alzy.rejected",
	/* Whose rows were erased. */
	"SELECT ON alzy.erasures",
};

/* A database that was there before may number sessions, or columns of its own, by sequences that IDENTITY does not hide. The ids
 * of events and points the gateway makes itself. */
static const char sequences_sql[] =
	"SELECT coalesce(string_agg(DISTINCT format('GRANT USAGE ON SEQUENCE %s TO %I', s.oid::regclass, $1::text), '; '), "
	"'')"
	" FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid"
	" AND d.refclassid = 'pg_class'::regclass JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'"
	" WHERE f.adrelid IN ('alzy.sessions'::regclass, 'public.sessions'::regclass, 'public.events'::regclass)"
	" AND s.oid <> 'public.\"Events_EventID_seq\"'::regclass";

/* All tables and views of alzy, and the seven of public: PostGIS has some of its own there. */
static const char revoke_sql[] =
	"SELECT format('REVOKE ALL ON %s FROM %I', string_agg(c.oid::regclass::text, ', '), $1::text) FROM pg_class c"
	" JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'S') AND (nspname = 'alzy' OR"
	" nspname = 'public' AND relname IN ('organizations', 'applications', 'application_users', 'users', 'machines',"
	" 'sessions', 'events'))";

int rights_of_owner(struct pg *pg, const char *role, bool *out, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e,
	                  "SELECT (rolsuper OR pg_has_role(r.oid, c.relowner, 'MEMBER'))::int FROM pg_roles r, pg_class c"
	                  " WHERE rolname = coalesce($1::name, current_user) AND c.oid = 'alzy.points'::regclass",
	                  1, &role);
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_NOT_FOUND, "there is no role %s: CREATE ROLE makes one", role ? role : "");
	if (!rc)
		*out = pg_int(found, 0, 0);
	pg_result_free(found);
	return rc;
}

/* Runs the statement that `sql` makes of its parameters: names of roles are quoted by Postgres itself. */
static int run_made(struct pg *pg, const char *sql, size_t count, const char *const *values, struct err *e)
{
	struct pg_result *made = NULL;
	int rc = pg_query(pg, &made, e, sql, count, values);
	if (!rc)
		rc = pg_script(pg, pg_text(made, 0, 0), e);
	pg_result_free(made);
	return rc;
}

static int grant_all(struct pg *pg, const char *role, struct err *e)
{
	int rc = run_made(pg, revoke_sql, 1, &role, e);
	for (size_t i = 0; i < sizeof rights / sizeof *rights && !rc; i++)
		rc = run_made(pg, "SELECT format('GRANT %s TO %I', $1::text, $2::text)", 2,
		              (const char *const[]){rights[i], role}, e);
	return rc ? rc : run_made(pg, sequences_sql, 1, &role, e);
}

int rights_grant(struct pg *pg, const char *role, struct err *e)
{
	bool owner = false;
	int rc = rights_of_owner(pg, role, &owner, e);
	if (!rc && owner)
		rc =
			err_set(e, ERR_STATE,
		            "the role %s is a superuser or owns the tables, and may do everything: serve as another one", role);
	if (!rc)
		rc = pg_script(pg, "BEGIN", e);
	if (rc)
		return rc;
	rc = grant_all(pg, role, e);
	if (!rc)
		return pg_script(pg, "COMMIT", e);
	pg_script(pg, "ROLLBACK", NULL);
	return rc;
}
