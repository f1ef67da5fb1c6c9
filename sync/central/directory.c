/* The centre's directory: organizations, applications, users, machines, accounts, devices. Each verb is a row of one of
 * the two tables below: what it is called, what it takes, and its SQL. */
#include "hal/args.h"
#include "hal/json.h"
#include "hal/rows.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/json_table.h"
#include "sync/central/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 5, DAY_TEXT = sizeof "2026-11-21" };

/* What an option can be the key of: asked for by name when Postgres has refused a row, since the names of constraints
 * are those of whoever made the tables. */
enum entity { NONE, ORGANIZATION, APPLICATION, USER, MACHINE, ACCOUNT };
static const struct {
	const char *name, *sql;
} entities[] = {
	[ORGANIZATION] = {"organization", "SELECT FROM public.organizations WHERE organization_id = $1"},
	[APPLICATION] = {"application", "SELECT FROM public.applications WHERE application_id = $1"},
	[USER] = {"user", "SELECT FROM public.users WHERE user_id = $1"},
	[MACHINE] = {"machine", "SELECT FROM public.machines WHERE machine_id = $1"},
	[ACCOUNT] = {"account", "SELECT FROM alzy.users WHERE id = $1"},
};

/* One option of an "add", bound as $1, $2, … in the order of the fields. */
struct field {
	const char *option;
	enum arg_type type; /* ARG_TEXT, ARG_COUNT, or ARG_TIME for a day */
	const char *shown, *help;
	bool required;
	const char *values_of; /* an enumerated type of the database: only its values are taken */
	enum entity entity;    /* whose key it is: of the row that is added ("--id"), or of one that must be there */
};

struct addition {
	const char *verb, *summary;
	const char *key; /* the schema's name of what the SQL returns */
	enum arg_type key_type;
	const char *sql; /* inserts, and returns the new row's key */
	struct field fields[FIELDS_MAX];
};

enum { ADD_organization, ADD_application, ADD_allow, ADD_user, ADD_machine, ADD_account, ADD_device };
static const struct addition additions[] = {
	[ADD_organization] =
		{
			.verb = "organization add",
			.summary = "Adds an organization.",
			.key = "organization_id",
			.key_type = ARG_COUNT,
			.sql = "INSERT INTO public.organizations (organization_name) VALUES ($1) RETURNING organization_id",
			.fields =
				{
					{"--name", ARG_TEXT, "NAME", "what it is called", true, NULL, NONE},
				},
		},
	[ADD_application] =
		{
			.verb = "application add",
			.summary = "Adds an application: what machines are used for.",
			.key = "application_id",
			.key_type = ARG_COUNT,
			.sql = "INSERT INTO public.applications (name) VALUES ($1) RETURNING application_id",
			.fields =
				{
					{"--name", ARG_TEXT, "NAME", "what it is called", true, NULL, NONE},
				},
		},
	[ADD_allow] =
		{
			.verb = "application allow",
			.summary = "Lets a user use an application.",
			.key = "application_user_id",
			.key_type = ARG_COUNT,
			.sql =
				"WITH there AS ("
				" SELECT application_user_id FROM public.application_users WHERE application_id = $1 AND user_id = $2"
				"), added AS ("
				" INSERT INTO public.application_users (application_id, user_id)"
				" SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM there) RETURNING application_user_id"
				") SELECT * FROM there UNION ALL SELECT * FROM added LIMIT 1",
			.fields =
				{
					{"--application", ARG_COUNT, "ID", "the application", true, NULL, APPLICATION},
					{"--user", ARG_TEXT, "ID", "the user", true, NULL, USER},
				},
		},
	[ADD_user] =
		{
			.verb = "user add",
			.summary = "Adds a user: a person who operates machines.",
			.key = "user_id",
			.key_type = ARG_TEXT,
			.sql =
				"WITH person AS ("
				" INSERT INTO public.users (user_id, full_name, organization_id) VALUES ($1, $2, $3) RETURNING user_id"
				"), allowed AS ("
				" INSERT INTO public.application_users (application_id, user_id)"
				" SELECT $4::integer, user_id FROM person WHERE $4::integer IS NOT NULL"
				") SELECT user_id FROM person",
			.fields =
				{
					{"--id", ARG_TEXT, "ID", "how sessions name the user, for ever", true, NULL, USER},
					{"--name", ARG_TEXT, "NAME", "the full name", true, NULL, NONE},
					{"--organization", ARG_COUNT, "ID", "the organization that the user belongs to", true, NULL,
                     ORGANIZATION},
					{"--application", ARG_COUNT, "ID", "an application that the user may use (application allow: more)",
                     false, NULL, APPLICATION},
				},
		},
	[ADD_machine] =
		{
			.verb = "machine add",
			.summary = "Adds a machine: what a unit is built into.",
			.key = "machine_id",
			.key_type = ARG_TEXT,
			.sql = "INSERT INTO public.machines (machine_id, serial_no, organization_id, operation_start_date)"
				   " VALUES ($1, $2, $3, $4) RETURNING machine_id",
			.fields =
				{
					{"--id", ARG_TEXT, "ID", "how sessions name the machine, for ever", true, NULL, MACHINE},
					{"--serial", ARG_TEXT, "NUMBER", "its maker's serial number", false, NULL, NONE},
					{"--organization", ARG_COUNT, "ID", "the organization that it belongs to", false, NULL,
                     ORGANIZATION},
					{"--operation-start", ARG_TIME, "DATE", "since when it is in operation", false, NULL, NONE},
				},
		},
	[ADD_account] =
		{
			.verb = "account add",
			.summary = "Adds an account: who owns devices.",
			.key = "id",
			.key_type = ARG_COUNT,
			.sql = "INSERT INTO alzy.users (name, email, role)"
				   " VALUES ($1, $2, coalesce($3::alzy.user_role, 'user')) RETURNING id",
			.fields =
				{
					{"--name", ARG_TEXT, "NAME", "who it is", true, NULL, NONE},
					{"--email", ARG_TEXT, "ADDRESS", "where to write to", false, NULL, NONE},
					{"--role", ARG_TEXT, "ROLE", "user (the default) or admin", false, "alzy.user_role", NONE},
				},
		},
	[ADD_device] =
		{
			.verb = "device add",
			.summary = "Adds a device. alzy-central device pair then makes a unit that device.",
			.key = "id",
			.key_type = ARG_COUNT,
			.sql =
				"INSERT INTO alzy.devices (user_id, name, machine_id, color, platform)"
				" VALUES ($1, $2, $3, $4::alzy.device_color, coalesce($5::alzy.device_platform, 'linux')) RETURNING id",
			.fields =
				{
					{"--account", ARG_COUNT, "ID", "the account that owns it", true, NULL, ACCOUNT},
					{"--name", ARG_TEXT, "NAME", "what it is called", true, NULL, NONE},
					{"--machine", ARG_TEXT, "ID", "the machine that it is built into", false, NULL, MACHINE},
					{"--color", ARG_TEXT, "COLOR", "its colour on maps", false, "alzy.device_color", NONE},
					{"--platform", ARG_TEXT, "PLATFORM", "linux by default", false, "alzy.device_platform", NONE},
				},
		},
};

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS " column

struct listing {
	const char *verb, *summary, *sql;
	const char *table; /* what people see of it, where that is less; NULL: all of it */
	const char *notes; /* lines for people beneath the table; NULL: none */
	const char *none;  /* what to tell people when there is nothing to list; NULL: nothing */
};

static const char status_sql[] =
	"SELECT device_id, device, store_id, points_last, points_held, points_rejected, points_dropped, points_expired,"
	" points_missing, events_last, events_held, events_rejected, events_dropped, events_expired, events_missing,"
	" copied_rows, forked_from, CASE WHEN moved THEN 'moved' ELSE forked_because END AS forked_because, proof_outcome,"
	" (SELECT unit_state FROM alzy.stores WHERE number = s.number) AS unit, " TIME("last_batch_at") ", " TIME(
		"copied_at") ", " TIME("proof_at") " FROM alzy.store_status s ORDER BY device_id, number";

enum { LIST_organization, LIST_application, LIST_user, LIST_machine, LIST_account, LIST_device, LIST_status };
static const struct listing listings[] = {
	[LIST_organization] =
		{
			.verb = "organization list",
			.summary = "Lists the organizations.",
			.sql = "SELECT organization_id, organization_name FROM public.organizations ORDER BY 1",
		},
	[LIST_application] =
		{
			.verb = "application list",
			.summary = "Lists the applications.",
			.sql = "SELECT application_id, name FROM public.applications ORDER BY 1",
		},
	[LIST_user] =
		{
			.verb = "user list",
			.summary = "Lists the users, and the applications that they may use.",
			.sql = "SELECT user_id, full_name, organization_id, ARRAY(SELECT application_id"
				   " FROM public.application_users a WHERE a.user_id = u.user_id ORDER BY 1) AS applications"
				   " FROM public.users u ORDER BY 1",
		},
	[LIST_machine] =
		{
			.verb = "machine list",
			.summary = "Lists the machines.",
			.sql =
				"SELECT machine_id, serial_no, organization_id, operation_start_date FROM public.machines ORDER BY 1",
		},
	[LIST_account] =
		{
			.verb = "account list",
			.summary = "Lists the accounts.",
			.sql = "SELECT id, name, email, role, is_active, " TIME("created_at") " FROM alzy.users ORDER BY 1",
		},
	[LIST_device] =
		{
			.verb = "device list",
			.summary = "Lists the devices.",
			.sql = "SELECT id, name, user_id AS account, machine_id, platform, color, is_active, " TIME(
				"paired_at") ", " TIME("last_seen_at") ", " TIME("deleted_at") " FROM alzy.devices ORDER BY 1",
			.table = "SELECT id, name, user_id AS account, machine_id AS machine,"
					 " CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN NOT is_active THEN 'deactivated'"
					 "  WHEN device_key_hash IS NULL THEN 'not paired' ELSE 'paired' END AS state,"
					 " to_char(last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC') AS last_seen"
					 " FROM alzy.devices ORDER BY 1",
		},
	[LIST_status] =
		{
			.verb = "status",
			.summary = "Lists the stores: what the centre holds of each, and what is missing.",
			.sql = status_sql,
			.table =
				"SELECT device, left(store_id::text, 8) AS store,"
				" to_char(last_batch_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC') AS last_batch,"
				" points_held AS points, points_missing AS missing, events_held AS events, events_missing AS missing"
				" FROM alzy.store_status ORDER BY device_id, number",
			.notes =
				"SELECT store || '  ' || said AS note FROM (SELECT device_id, number, left(store_id::text, 8) AS store,"
				" concat_ws('; ',"
				" nullif(points_rejected + events_rejected, 0) || ' rejected',"
				" nullif(points_dropped + events_dropped, 0) || ' dropped',"
				" nullif(points_expired + events_expired, 0) || ' expired',"
				" CASE WHEN free_bytes < 100000000 THEN 'the unit had ' || free_bytes / 1000000 || ' MB free' END,"
				" nullif(copied_rows, 0) || ' sent by another copy of it',"
				" CASE WHEN moved THEN 'moved' ELSE 'forked' END || ' from ' || left(forked_from::text, 8)"
				" || coalesce(' (' || CASE WHEN NOT moved THEN forked_because END || ')', ''),"
				" 'proof of ' || to_char(proof_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC') || ': ' || "
				"proof_outcome"
				") AS said FROM alzy.store_status,"
				" LATERAL (SELECT (unit_state->>'free_bytes')::bigint AS free_bytes FROM alzy.stores n"
				"  WHERE n.number = store_status.number) unit) s WHERE said <> '' ORDER BY device_id, number",
			.none = "no store yet: a unit that is paired sends the first",
		},
};

/* What the command line gave for one addition. */
struct values {
	const char *text[FIELDS_MAX]; /* NULL: not given */
	int64_t number[FIELDS_MAX];
	bool given[FIELDS_MAX];
	char number_text[FIELDS_MAX][TIME_TEXT];
	bool json;
};

static size_t field_count(const struct addition *a)
{
	size_t count = 0;
	while (count < FIELDS_MAX && a->fields[count].option)
		count++;
	return count;
}

static int read_values(int argc, char **argv, const struct addition *a, struct values *v, bool *out_help, struct err *e)
{
	struct arg args[FIELDS_MAX + 1];
	size_t count = field_count(a);
	char verb[64];
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &a->fields[i];
		void *value = f->type == ARG_TEXT ? (void *)&v->text[i] : (void *)&v->number[i];
		args[i] = (struct arg){f->option, f->type, value, f->shown, f->help, f->required, &v->given[i]};
	}
	args[count] = (struct arg){"--json", ARG_FLAG, &v->json, NULL, "print one JSON object", false, NULL};
	snprintf(verb, sizeof verb, "alzy-central %s", a->verb);
	return args_read(argc, argv, verb, a->summary, args, count + 1, NULL, out_help, e);
}

/* Names end up in tables, logs and on units: they are short, of one line, and not empty. */
static int check_text(const struct field *f, const char *text, struct err *e)
{
	if (!*text)
		return err_set(e, ERR_USAGE, "%s must not be empty", f->option);
	if (strlen(text) >= NAME_TEXT)
		return err_set(e, ERR_USAGE, "%s is longer than %d bytes", f->option, NAME_TEXT - 1);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < ' ' || *c == 127)
			return err_set(e, ERR_USAGE, "%s has a control character in it", f->option);
	return 0;
}

static int check_enum(struct pg *pg, const struct field *f, const char *text, struct err *e)
{
	struct pg_result *result = NULL;
	const char *values[] = {f->values_of, text};
	int rc = pg_query(
		pg, &result, e,
		"SELECT coalesce(bool_or(enumlabel = $2), false)::integer, string_agg(enumlabel, ', ' ORDER BY enumsortorder)"
		" FROM pg_enum WHERE enumtypid = $1::regtype",
		2, values);
	if (!rc && !pg_int(result, 0, 0))
		rc = err_set(e, ERR_USAGE, "%s: \"%s\" is not allowed: choose one of %s", f->option, text,
		             pg_text(result, 0, 1));
	pg_result_free(result);
	return rc;
}

static const char *write_number(enum arg_type type, int64_t number, char out[TIME_TEXT])
{
	if (type == ARG_TIME) {
		time_format(number, out);
		out[DAY_TEXT - 1] = '\0';
	} else {
		snprintf(out, TIME_TEXT, "%" PRId64, number);
	}
	return out;
}

static int check_values(struct pg *pg, const struct addition *a, struct values *v, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < field_count(a) && !rc; i++) {
		const struct field *f = &a->fields[i];
		if (!v->given[i])
			continue;
		if (f->type != ARG_TEXT) {
			v->text[i] = write_number(f->type, v->number[i], v->number_text[i]);
			continue;
		}
		rc = check_text(f, v->text[i], e);
		if (!rc && f->values_of)
			rc = check_enum(pg, f, v->text[i], e);
	}
	return rc;
}

/* What Postgres says of a refused row, as what it means on a command line: the key that is there already, or the one
 * that is not there. What is neither, such as a rule of somebody else's, stays in Postgres' words. */
static int explain(struct pg *pg, const struct addition *a, const struct values *v, struct err *e)
{
	bool exists = !strcmp(pg_sqlstate(pg), "23505"), missing = !strcmp(pg_sqlstate(pg), "23503");
	if (!exists && !missing)
		return -(int)e->code;
	e->code = exists ? ERR_EXISTS : ERR_NOT_FOUND;
	for (size_t i = 0; i < field_count(a); i++) {
		const struct field *f = &a->fields[i];
		bool own = !strcmp(f->option, "--id");
		struct pg_result *found = NULL;
		if (!f->entity || !v->given[i] || own != exists ||
		    pg_query(pg, &found, NULL, entities[f->entity].sql, 1, &v->text[i]))
			continue;
		bool there = pg_rows(found) > 0;
		pg_result_free(found);
		const char *name = entities[f->entity].name;
		if (exists && there)
			return err_set(e, ERR_EXISTS, "there is a %s %s already", name, v->text[i]);
		if (missing && !there)
			return err_set(e, ERR_NOT_FOUND, "there is no %s %s: alzy-central %s list shows them", name, v->text[i],
			               name);
	}
	return -(int)e->code;
}

static void report_added(const struct addition *a, const struct pg_result *result, bool json)
{
	const char *id = pg_text(result, 0, 0);
	if (!json) {
		printf("%s %s\n", a->key, id);
		return;
	}
	/* The key under its own name, and as "id", which all additions have. */
	cJSON *object = cJSON_CreateObject();
	const char *const names[] = {"id", a->key};
	for (size_t i = 0; i < (strcmp(a->key, "id") ? 2 : 1); i++)
		if (a->key_type == ARG_COUNT)
			cJSON_AddNumberToObject(object, names[i], (double)pg_int(result, 0, 0));
		else
			cJSON_AddStringToObject(object, names[i], id);
	central_print_json(object);
}

static int add(int argc, char **argv, const struct addition *a, struct err *e)
{
	struct values v = {0};
	bool help;
	int rc = read_values(argc, argv, a, &v, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct pg_result *result = NULL;
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = check_values(central.pg, a, &v, e);
	if (!rc && (rc = pg_query(central.pg, &result, e, a->sql, field_count(a), v.text)))
		rc = explain(central.pg, a, &v, e);
	if (!rc)
		report_added(a, result, v.json);
	pg_result_free(result);
	central_close(&central);
	return rc;
}

static int query_json(struct pg *pg, const char *sql, cJSON **out, struct err *e)
{
	char wrapped[2048];
	struct pg_result *result = NULL;
	snprintf(wrapped, sizeof wrapped, "SELECT coalesce(json_agg(t), '[]') FROM (%s) t", sql);
	int rc = pg_query(pg, &result, e, wrapped, 0, NULL);
	if (!rc)
		rc = json_parse(pg_text(result, 0, 0), strlen(pg_text(result, 0, 0)), out, e);
	pg_result_free(result);
	return rc;
}

static int list(int argc, char **argv, const struct listing *l, struct err *e)
{
	bool json = false, help;
	char verb[64], note[SHOWN_TEXT];
	const struct arg args[] = {{"--json", ARG_FLAG, &json, NULL, "print one JSON array", false, NULL}};
	snprintf(verb, sizeof verb, "alzy-central %s", l->verb);
	int rc = args_read(argc, argv, verb, l->summary, args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	cJSON *rows = NULL;
	struct pg_result *notes = NULL;
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = query_json(central.pg, !json && l->table ? l->table : l->sql, &rows, e);
	if (!rc && !json && l->notes)
		rc = pg_query(central.pg, &notes, e, l->notes, 0, NULL);
	central_close(&central);
	if (!rc && json) {
		central_print_json(rows);
		return 0;
	}
	if (!rc && l->none && !cJSON_GetArraySize(rows))
		puts(l->none);
	else if (!rc)
		rc = json_table_print(rows, e);
	for (size_t i = 0; !rc && i < pg_rows(notes); i++)
		puts(text_shown(pg_text(notes, i, 0), note));
	pg_result_free(notes);
	cJSON_Delete(rows);
	return rc;
}

#define X(name)                                                     \
	int central_##name##_add(int argc, char **argv, struct err *e)  \
	{                                                               \
		return add(argc, argv, &additions[ADD_##name], e);          \
	}                                                               \
	int central_##name##_list(int argc, char **argv, struct err *e) \
	{                                                               \
		return list(argc, argv, &listings[LIST_##name], e);         \
	}
CENTRAL_ENTITY_LIST(X)
#undef X

int central_application_allow(int argc, char **argv, struct err *e)
{
	return add(argc, argv, &additions[ADD_allow], e);
}

int central_status(int argc, char **argv, struct err *e)
{
	return list(argc, argv, &listings[LIST_status], e);
}
