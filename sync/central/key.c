/* The centre's keys: a new one, and which there are. */
#include "hal/args.h"
#include "hal/json.h"
#include "sync/central/central_common.h"
#include "sync/central/json_table.h"
#include "sync/central/verbs.h"

#include <stdio.h>
#include <string.h>

/* Devices by the key that they have spoken to last, and when one did: those of keys that are taken away already are here,
 * too, and those that have not been heard since it is noted. */
static const char used_sql[] =
	"SELECT encode(centre_key, 'hex'), count(*), to_char(max(last_seen_at) AT TIME ZONE 'UTC',"
	" 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), json_agg(name ORDER BY name, id) FROM alzy.devices"
	" WHERE deleted_at IS NULL AND device_key_hash IS NOT NULL GROUP BY centre_key"
	" ORDER BY max(last_seen_at) DESC NULLS LAST";

/* `row` of used_sql; as for a key that nobody uses when it is behind the last. */
static void add_use(cJSON *item, const struct pg_result *used, size_t row, bool names)
{
	bool any = row < pg_rows(used);
	cJSON_AddNumberToObject(item, "devices", any ? (double)pg_int(used, row, 1) : 0);
	json_add_text_or_null(item, "last_used_at", any ? pg_text(used, row, 2) : "");
	if (names)
		cJSON_AddItemToObject(item, "device_names", cJSON_Parse(any ? pg_text(used, row, 3) : "[]"));
}

static size_t find_use(const struct pg_result *used, const char *public_key)
{
	size_t row = 0;
	while (row < pg_rows(used) && strcmp(pg_text(used, row, 0), public_key))
		row++;
	return row;
}

/* Devices whose key is none of those that are listed. */
static void list_others(cJSON *array, const struct pg_result *used, bool names)
{
	size_t keys = (size_t)cJSON_GetArraySize(array);
	for (size_t row = 0; row < pg_rows(used); row++) {
		bool listed = false;
		for (size_t i = 0; i < keys; i++)
			listed |=
				!strcmp(pg_text(used, row, 0),
			            cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(array, (int)i), "public_key")));
		if (listed)
			continue;
		cJSON *item = cJSON_CreateObject();
		json_add_text_or_null(item, "public_key", pg_text(used, row, 0));
		cJSON_AddStringToObject(item, "use", pg_is_null(used, row, 0) ? "unknown" : "gone");
		cJSON_AddNullToObject(item, "path");
		add_use(item, used, row, names);
		cJSON_AddItemToArray(array, item);
	}
}

static cJSON *list_keys(const struct central *central, const struct pg_result *used, bool names)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < central->identity.count; i++) {
		char path[CONF_TEXT_MAX + 8];
		cJSON *item = cJSON_CreateObject();
		int number = central->identity.numbers[i];
		snprintf(path, sizeof path, number ? "%s.%d" : "%s", central->conf.key_path, number);
		json_add_hex(item, "public_key", central->identity.keys[i].public_key, KEY_PUBLIC);
		cJSON_AddStringToObject(item, "use", i ? "before" : "present");
		cJSON_AddStringToObject(item, "path", path);
		add_use(item, used, find_use(used, cJSON_GetStringValue(cJSON_GetObjectItem(item, "public_key"))), names);
		cJSON_AddItemToArray(array, item);
	}
	list_others(array, used, names);
	return array;
}

int central_key_list(int argc, char **argv, struct err *e)
{
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, NULL, "print one JSON array", false, NULL}};
	int rc = args_read(argc, argv, "alzy-central key list",
	                   "Lists the centre's keys, the present one first, and how many devices have spoken to each last. "
	                   "A key that none\n"
	                   "speaks to can be taken away.",
	                   args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct pg_result *used = NULL;
	rc = central_open(&central, CENTRAL_KEY | CENTRAL_DATABASE, e);
	if (!rc)
		rc = pg_query(central.pg, &used, e, used_sql, 0, NULL);
	cJSON *keys = rc ? NULL : list_keys(&central, used, json);
	pg_result_free(used);
	central_close(&central);
	if (rc)
		return rc;
	if (json) {
		central_print_json(keys);
		return 0;
	}
	rc = json_table_print(keys, e);
	cJSON_Delete(keys);
	return rc;
}

static void report(const struct central *central, bool json)
{
	int number = central->identity.numbers[1];
	if (!json) {
		printf("made a new key: %s\nThe one before is %s.%d."
		       " Keep both in a safe place, and copy them to every other gateway: they notice by themselves.\n"
		       "With the old key they go on serving units that know no other, and tell them of the new one.\n",
		       central->conf.key_path, central->conf.key_path, number);
		return;
	}
	cJSON *object = cJSON_CreateObject();
	char before[CONF_TEXT_MAX + 8];
	snprintf(before, sizeof before, "%s.%d", central->conf.key_path, number);
	cJSON_AddStringToObject(object, "key_path", central->conf.key_path);
	json_add_hex(object, "public_key", central->identity.keys[0].public_key, KEY_PUBLIC);
	cJSON_AddStringToObject(object, "path_before", before);
	central_print_json(object);
}

int central_key_rotate(int argc, char **argv, struct err *e)
{
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL}};
	int rc =
		args_read(argc, argv, "alzy-central key rotate",
	              "Makes a new key for the centre, and keeps the one before beside it. Units take the new one over\n"
	              "by themselves, from the first receipt that they get.",
	              args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	rc = central_open(&central, CENTRAL_KEY, e);
	if (!rc)
		rc = identity_rotate(central.conf.key_path, &central.identity, e);
	if (!rc)
		report(&central, json);
	central_close(&central);
	return rc;
}
