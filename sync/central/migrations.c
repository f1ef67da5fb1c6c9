#include "sync/central/migrations.h"

#include "hal/embed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "sync/central/migrations/"
EMBED(every_time, "sync/central/sequences.sql");
EMBED(migration_0001_public, FOLDER "0001_public.sql");
EMBED(migration_0002_alzy, FOLDER "0002_alzy.sql");
EMBED(migration_0003_linux, FOLDER "0003_linux.sql");
EMBED(migration_0004_public_departures, FOLDER "0004_public_departures.sql");
EMBED(migration_0005_alzy_departures, FOLDER "0005_alzy_departures.sql");
EMBED(migration_0006_points, FOLDER "0006_points.sql");
EMBED(migration_0007_sync, FOLDER "0007_sync.sql");
EMBED(migration_0008_views, FOLDER "0008_views.sql");
EMBED(migration_0009_people, FOLDER "0009_people.sql");
EMBED(migration_0010_trust, FOLDER "0010_trust.sql");
EMBED(migration_0011_summaries, FOLDER "0011_summaries.sql");
EMBED(migration_0012_refused, FOLDER "0012_refused.sql");
EMBED(migration_0013_retry, FOLDER "0013_retry.sql");
EMBED(migration_0014_let_go, FOLDER "0014_let_go.sql");
EMBED(migration_0015_copies, FOLDER "0015_copies.sql");
EMBED(migration_0016_reference_plan, FOLDER "0016_reference_plan.sql");
EMBED(migration_0017_expired_before, FOLDER "0017_expired_before.sql");
EMBED(migration_0018_key_used, FOLDER "0018_key_used.sql");
EMBED(migration_0019_moved, FOLDER "0019_moved.sql");
EMBED(migration_0020_unwritten, FOLDER "0020_unwritten.sql");
EMBED(migration_0021_packed, FOLDER "0021_packed.sql");
EMBED(migration_0022_gone, FOLDER "0022_gone.sql");
EMBED(migration_0023_checkpoints, FOLDER "0023_checkpoints.sql");
EMBED(migration_0024_guessed, FOLDER "0024_guessed.sql");
EMBED(migration_0025_definers, FOLDER "0025_definers.sql");
EMBED(migration_0026_settle, FOLDER "0026_settle.sql");

const struct migration migrations[] = {
	{1, "public", migration_0001_public},
	{2, "alzy", migration_0002_alzy},
	{3, "linux", migration_0003_linux},
	{4, "public_departures", migration_0004_public_departures},
	{5, "alzy_departures", migration_0005_alzy_departures},
	{6, "points", migration_0006_points},
	{7, "sync", migration_0007_sync},
	{8, "views", migration_0008_views},
	{9, "people", migration_0009_people},
	{10, "trust", migration_0010_trust},
	{11, "summaries", migration_0011_summaries},
	{12, "refused", migration_0012_refused},
	{13, "retry", migration_0013_retry},
	{14, "let_go", migration_0014_let_go},
	{15, "copies", migration_0015_copies},
	{16, "reference_plan", migration_0016_reference_plan},
	{17, "expired_before", migration_0017_expired_before},
	{18, "key_used", migration_0018_key_used},
	{19, "moved", migration_0019_moved},
	{20, "unwritten", migration_0020_unwritten},
	{21, "packed", migration_0021_packed},
	{22, "gone", migration_0022_gone},
	{23, "checkpoints", migration_0023_checkpoints},
	{24, "guessed", migration_0024_guessed},
	{25, "definers", migration_0025_definers},
	{26, "settle", migration_0026_settle},
};
const size_t migration_count = sizeof migrations / sizeof *migrations;

int migrations_current(void)
{
	return migrations[migration_count - 1].version;
}

/* One value of one row. */
static int ask(struct pg *pg, const char *sql, int64_t *out, struct err *e)
{
	struct pg_result *result = NULL;
	int rc = pg_query(pg, &result, e, sql, 0, NULL);
	if (!rc)
		*out = pg_rows(result) ? pg_int(result, 0, 0) : 0;
	pg_result_free(result);
	return rc;
}

/* 0 when alzy was never here. */
static int read_version(struct pg *pg, int64_t *out, struct err *e)
{
	int64_t there;
	int rc = ask(pg, "SELECT (to_regclass('alzy.migrations') IS NOT NULL)::integer", &there, e);
	if (rc)
		return rc;
	*out = 0;
	return there ? ask(pg, "SELECT coalesce(max(version), 0) FROM alzy.migrations", out, e) : 0;
}

static int refuse_newer(int64_t version, struct err *e)
{
	if (version <= migrations_current())
		return 0;
	return err_set(e, ERR_VERSION,
	               "the database has schema version %" PRId64
	               ", made by a newer alzy; this one knows %d and touches nothing",
	               version, migrations_current());
}

/* int8multirange came with Postgres 14; in another encoding, names would not be what people typed. */
static int check_server(struct pg *pg, struct err *e)
{
	int64_t number, utf8;
	int rc = ask(pg, "SELECT current_setting('server_version_num')", &number, e);
	if (!rc)
		rc = ask(pg, "SELECT (current_setting('server_encoding') = 'UTF8')::integer", &utf8, e);
	if (rc)
		return rc;
	if (number < 140000)
		return err_set(e, ERR_STATE, "alzy needs Postgres 14 or newer; this is %" PRId64, number / 10000);
	if (!utf8)
		return err_set(e, ERR_STATE,
		               "alzy needs a database in UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0");
	return 0;
}

/* PostGIS needs a superuser once. */
static int make_extensions(struct pg *pg, struct err *e)
{
	static const char *const statements[] = {"CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public",
	                                         "CREATE EXTENSION IF NOT EXISTS postgis_topology"};
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		int rc = pg_script(pg, statements[i], e);
		if (rc == -ERR_PERMISSION)
			return err_set(
				e, ERR_PERMISSION,
				"PostGIS is missing here, and this role may not add it. A superuser must run once, in this database: "
				"CREATE EXTENSION IF NOT EXISTS postgis; CREATE EXTENSION IF NOT EXISTS postgis_topology;");
		if (rc)
			return err_wrap(e, "%s", statements[i]);
	}
	return 0;
}

static const char bookkeeping[] =
	"DO $$ BEGIN IF to_regnamespace('alzy') IS NULL THEN CREATE SCHEMA alzy; END IF; END $$;"
	"CREATE TABLE alzy.migrations (version integer PRIMARY KEY, name text NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT now())";

/* Names in the migrations are found in public, or wherever PostGIS is. */
static const char find_names[] =
	"SELECT set_config('search_path', 'public, ' || quote_ident(nspname), true)"
	" FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'postgis'";

static int record(struct pg *pg, const struct migration *step, struct err *e)
{
	char version[16];
	snprintf(version, sizeof version, "%d", step->version);
	const char *values[] = {version, step->name};
	return pg_query(pg, NULL, e, "INSERT INTO alzy.migrations (version, name) VALUES ($1, $2)", 2, values);
}

/* What stands in the way of a statement (a view on a table, a name that is taken) won't go away by trying again. */
static int name_step(const struct pg *pg, const struct migration *step, struct err *e)
{
	static const char *const in_the_way[] = {"0A", "2B", "42"};
	for (size_t i = 0; i < sizeof in_the_way / sizeof *in_the_way; i++)
		if (e->code == ERR_DATABASE && !strncmp(pg_sqlstate(pg), in_the_way[i], 2))
			e->code = ERR_STATE;
	return e->code == ERR_PERMISSION ? -ERR_PERMISSION : err_wrap(e, "migration %d, %s", step->version, step->name);
}

static int run_step(struct pg *pg, const struct migration *step, struct err *e)
{
	int rc = 0;
	if (step->version == 1) {
		rc = make_extensions(pg, e);
		if (!rc)
			rc = pg_script(pg, bookkeeping, e);
	}
	if (!rc)
		rc = pg_script(pg, find_names, e);
	if (!rc)
		rc = pg_script(pg, step->sql, e);
	/* What the migrations raise by themselves says enough. */
	if (rc && !strcmp(pg_sqlstate(pg), "ALZ01"))
		return -(int)(e->code = ERR_STATE);
	return rc ? name_step(pg, step, e) : record(pg, step, e);
}

static int apply_missing(struct pg *pg, int64_t *out_found, struct err *e)
{
	int64_t found;
	int rc = read_version(pg, &found, e);
	if (!rc)
		rc = refuse_newer(found, e);
	for (size_t i = 0; i < migration_count && !rc; i++)
		if (found < migrations[i].version)
			rc = run_step(pg, &migrations[i], e);
	if (!rc && (rc = pg_script(pg, every_time, e)))
		rc = err_wrap(e, "sequences that are behind their rows");
	if (!rc)
		*out_found = found;
	return rc;
}

int migrations_apply(struct pg *pg, int *out_from, struct err *e)
{
	int64_t found;
	int rc = check_server(pg, e);
	if (rc)
		return rc;
	/* Whoever holds the lock may have come first: then there is nothing left to do. */
	rc = pg_script(pg, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('alzy.migrations'))", e);
	if (!rc)
		rc = apply_missing(pg, &found, e);
	struct err ignored;
	int end = pg_script(pg, rc ? "ROLLBACK" : "COMMIT", rc ? &ignored : e);
	if (!rc && !end)
		*out_from = (int)found;
	return rc ? rc : end;
}

int migrations_check(struct pg *pg, struct err *e)
{
	int64_t version;
	int rc = read_version(pg, &version, e);
	if (rc)
		return rc;
	if (version < migrations_current())
		return err_set(e, ERR_STATE,
		               "the database has schema version %" PRId64 ", this alzy needs %d: run alzy-central migrate",
		               version, migrations_current());
	return refuse_newer(version, e);
}
