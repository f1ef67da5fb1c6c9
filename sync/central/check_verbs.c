/* alzy-central check; and verify, which checks the stores of one device and asks its unit for a proof of them. */
#include "sync/central/verbs.h"

#include "hal/args.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_TEXT = 24 };

/* What the units of the stores have answered. */
struct proofs {
	cJSON *json;     /* only of one device, else NULL */
	int64_t differs; /* stores of which their units say that rows are not as they were recorded */
};

/* Without a fault. */
static void praise(const struct check *check)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], stores[SHORT_TEXT];
	const int64_t *rows = check->rows, *unproven = check->unproven;
	printf("every range of %s is true; %s and %s are what was received\n",
	       text_counted(check->store_count, "store", stores),
	       text_counted(rows[STREAM_POINTS] - unproven[STREAM_POINTS], "point", points),
	       text_counted(rows[STREAM_EVENTS] - unproven[STREAM_EVENTS], "event", events));
}

static int conclude(const struct check *check, const struct proofs *proofs, struct err *e)
{
	if (check->json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddBoolToObject(object, "whole", !check->faults && !proofs->differs);
		cJSON_AddItemToObject(object, "stores", cJSON_Duplicate(check->stores, true));
		cJSON_AddItemToObject(object, "stray", cJSON_Duplicate(check->stray, true));
		if (proofs->json)
			cJSON_AddItemToObject(object, "proofs", cJSON_Duplicate(proofs->json, true));
		central_print_json(object);
	} else if (!check->faults) {
		praise(check);
	}
	if (check->faults)
		return err_set(e, ERR_DIFFERS, "the tables are not what was received");
	return proofs->differs
	           ? err_set(e, ERR_DIFFERS, "the tables are what was received, and not what a unit has recorded")
	           : 0;
}

/* ---- asking the units ------------------------------------------------------------------------------------------- */

/* In the next receipt of each. */
static int ask_units(struct pg *pg, const char *device, struct err *e)
{
	return pg_query(
		pg, NULL, e,
		"UPDATE alzy.stores SET verify_asked_at = date_trunc('milliseconds', now()) WHERE device_id = $1::int", 1,
		&device);
}

static void tell_proof(const struct pg_result *found, size_t row, cJSON *json)
{
	const char *store = pg_text(found, row, 0), *asked = pg_text(found, row, 1), *proved = pg_text(found, row, 2);
	bool open = pg_bool(found, row, 5);
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "store_id", store);
		json_add_text_or_null(object, "asked_at", asked);
		cJSON_AddBoolToObject(object, "open", open);
		json_add_text_or_null(object, "proved_at", proved);
		json_add_text_or_null(object, "outcome", pg_text(found, row, 3));
		json_add_text_or_null(object, "sentence", pg_text(found, row, 4));
		cJSON_AddItemToArray(json, object);
		return;
	}
	char sentence[SHOWN_TEXT];
	if (*proved)
		printf("store %s, by its unit, %s: %s\n", store, proved, text_shown(pg_text(found, row, 4), sentence));
	if (open)
		printf("store %s: its unit is asked since %s, and answers when it calls next over a network\n", store, asked);
}

static const char rfc_3339[] = "YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"";
static const char proofs_sql[] =
	"SELECT store_id, to_char(verify_asked_at AT TIME ZONE 'UTC', $2), to_char(proof_at AT TIME ZONE 'UTC', $2),"
	" proof_outcome, proof, verify_asked_at > coalesce(proof_asked_at, '-infinity')"
	" FROM alzy.stores WHERE device_id = $1::int ORDER BY number";

static int tell_proofs(struct pg *pg, const char *device, bool json, struct proofs *out, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e, proofs_sql, 2, (const char *const[]){device, rfc_3339});
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		tell_proof(found, i, json ? out->json : NULL);
		out->differs += !strcmp(pg_text(found, i, 3), "differs");
	}
	pg_result_free(found);
	return rc;
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

static int run(const char *device, bool ask, bool json, struct err *e)
{
	struct central central = {0};
	struct check check = {.json = json, .stores = cJSON_CreateArray(), .stray = cJSON_CreateObject()};
	struct proofs proofs = {.json = device ? cJSON_CreateArray() : NULL};
	int rc = central_open(&central, CENTRAL_DATABASE, e);
	check.pg = central.pg;
	if (!rc)
		rc = check_stores(&check, device, e);
	if (!rc && ask)
		rc = ask_units(central.pg, device, e);
	if (!rc && device)
		rc = tell_proofs(central.pg, device, json, &proofs, e);
	if (!rc)
		rc = conclude(&check, &proofs, e);
	cJSON_Delete(proofs.json);
	cJSON_Delete(check.stores);
	cJSON_Delete(check.stray);
	central_close(&central);
	return rc;
}

int central_check(int argc, char **argv, struct err *e)
{
	bool json = false, help = false;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print JSON"}};
	int rc = args_read(argc, argv, "alzy-central check",
	                   "Proves that what is said to be held is in the tables, as it was received, and nothing else.",
	                   args, 1, NULL, &help, e);
	return rc || help ? rc : run(NULL, false, json, e);
}

int central_verify(int argc, char **argv, struct err *e)
{
	int64_t device = 0;
	bool show = false, json = false, help = false;
	char number[NUMBER_TEXT];
	const struct arg args[] = {
		{"--device", ARG_COUNT, &device, "NUMBER", "whose stores", .required = true},
		{"--show", ARG_FLAG, &show, .help = "ask the unit for nothing, only show what it has answered last"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(
		argc, argv, "alzy-central verify",
		"Proves that the rows of one device are in the tables as they were received; asks its unit to prove,\n"
		"when it calls next over a network, that they are what it has recorded; and shows its last answer.",
		args, 3, NULL, &help, e);
	snprintf(number, sizeof number, "%" PRId64, device);
	return rc || help ? rc : run(number, !show, json, e);
}
