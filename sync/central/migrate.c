#include "hal/args.h"
#include "sync/central/central_common.h"
#include "sync/central/migrations.h"
#include "sync/central/rights.h"
#include "sync/central/verbs.h"

#include <stdio.h>

/* Foreign keys that the rows which were there before don't keep: new rows do. */
static int list_unvalidated(struct pg *pg, struct pg_result **out, struct err *e)
{
	return pg_query(pg, out, e,
	                "SELECT conrelid::regclass || ': ' || conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = "
	                "c.connamespace"
	                " WHERE NOT convalidated AND nspname IN ('public', 'alzy') ORDER BY 1",
	                0, NULL);
}

static void report(int from, const struct pg_result *unvalidated, const char *role, bool json)
{
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddNumberToObject(object, "from", from);
		cJSON_AddNumberToObject(object, "version", migrations_current());
		cJSON *array = cJSON_AddArrayToObject(object, "not_validated");
		for (size_t i = 0; i < pg_rows(unvalidated); i++)
			cJSON_AddItemToArray(array, cJSON_CreateString(pg_text(unvalidated, i, 0)));
		if (role)
			cJSON_AddStringToObject(object, "role", role);
		central_print_json(object);
		return;
	}
	if (from == migrations_current())
		printf("the schema is at version %d already\n", from);
	else
		printf("brought the schema from version %d to %d\n", from, migrations_current());
	for (size_t i = 0; i < pg_rows(unvalidated); i++)
		printf("older rows break this reference, which holds for new rows: %s\n", pg_text(unvalidated, i, 0));
	if (role)
		printf("the role %s has the rights that serving needs, and no others\n", role);
}

int central_migrate(int argc, char **argv, struct err *e)
{
	const char *role = NULL;
	bool json = false, help;
	const struct arg args[] = {
		{"--role", ARG_TEXT, &role, "NAME", "give this role exactly the rights that serving needs", false, NULL},
		{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL},
	};
	int rc = args_read(
		argc, argv, "alzy-central migrate",
		"Brings the database to the schema of this version. Safe to run twice, and twice at once; a database that\n"
		"can't be adopted is refused and not changed.",
		args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct pg_result *unvalidated = NULL;
	int from;
	rc = central_open(&central, CENTRAL_CONNECTION, e);
	if (!rc)
		rc = migrations_apply(central.pg, &from, e);
	if (!rc && role)
		rc = rights_grant(central.pg, role, e);
	if (!rc)
		rc = list_unvalidated(central.pg, &unvalidated, e);
	if (!rc)
		report(from, unvalidated, role, json);
	pg_result_free(unvalidated);
	central_close(&central);
	return rc;
}
