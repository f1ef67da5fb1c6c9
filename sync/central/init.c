#include "hal/args.h"
#include "hal/json.h"
#include "sync/central/central_common.h"
#include "sync/central/verbs.h"

#include <stdio.h>

int central_init(int argc, char **argv, struct err *e)
{
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL}};
	int rc =
		args_read(argc, argv, "alzy-central init",
	              "Makes the centre's key, by which units know it. Never overwrites one.", args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct key_pair key = {0};
	rc = central_open(&central, 0, e);
	if (rc)
		return rc;
	rc = keys_create(central.conf.key_path, &key, e);
	if (!rc && json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "key_path", central.conf.key_path);
		json_add_hex(object, "public_key", key.public_key, KEY_PUBLIC);
		central_print_json(object);
	} else if (!rc) {
		printf("made the centre's key: %s\nKeep a copy of it in a safe place. Without it, every unit must be paired "
		       "anew.\n",
		       central.conf.key_path);
	}
	keys_wipe(&key);
	central_close(&central);
	return rc;
}
