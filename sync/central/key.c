/* The centre's keys: a new one, and which there are. */
#include "hal/args.h"
#include "hal/json.h"
#include "sync/central/central_common.h"
#include "sync/central/json_table.h"
#include "sync/central/verbs.h"

#include <stdio.h>

static cJSON *list_keys(const struct central *central)
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
		cJSON_AddItemToArray(array, item);
	}
	return array;
}

int central_key_list(int argc, char **argv, struct err *e)
{
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, NULL, "print one JSON array", false, NULL}};
	int rc = args_read(argc, argv, "alzy-central key list", "Lists the centre's keys, the present one first.", args, 1,
	                   NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	rc = central_open(&central, CENTRAL_KEY, e);
	if (rc)
		return rc;
	cJSON *keys = list_keys(&central);
	central_close(&central);
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
		printf("made a new key: %s\nThe one before is %s.%d. Keep both in a safe place, and copy them to every other "
		       "gateway: "
		       "they notice by themselves.\nWith the old key they go on serving units that know no other, and tell "
		       "them of the "
		       "new one.\n",
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
