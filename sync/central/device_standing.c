/* How a device stands at the centre: each verb is a row of the table below. The unit learns it from its next receipt. */
#include "hal/args.h"
#include "hal/rows.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/verbs.h"

#include <inttypes.h>
#include <stdio.h>

struct change {
	const char *verb, *summary;
	const char *says;   /* what is true afterwards */
	const char *sql[3]; /* in one transaction, $1 is the device */
};

enum { CHANGE_ACTIVATE, CHANGE_DEACTIVATE, CHANGE_DELETE, CHANGE_REVOKE };
static const struct change changes[] = {
	[CHANGE_ACTIVATE] =
		{
			.verb = "device activate",
			.summary = "Lets a deactivated or deleted device back in.",
			.says = "is served again",
			.sql =
				{"UPDATE alzy.devices SET is_active = true, deleted_at = NULL, updated_at = now() WHERE id = $1::int"},
		},
	[CHANGE_DEACTIVATE] =
		{
			.verb = "device deactivate",
			.summary =
				"Takes nothing of a device until it is activated. Its unit goes on recording, and keeps what it has.",
			.says = "is deactivated",
			.sql = {"UPDATE alzy.devices SET is_active = false, updated_at = now() WHERE id = $1::int"},
		},
	[CHANGE_DELETE] =
		{
			.verb = "device delete",
			.summary = "Marks a device as deleted, and takes nothing of it any more. What it has sent stays.",
			.says = "is deleted; its rows stay",
			.sql = {"UPDATE alzy.devices SET deleted_at = coalesce(deleted_at, now()), updated_at = now()"
                    " WHERE id = $1::int"},
		},
	[CHANGE_REVOKE] =
		{
			.verb = "device revoke",
			.summary = "Revokes all keys of a device, present and past: what they have signed is not taken any more,\n"
					   "old sticks neither. Its unit can be paired anew, with a new key.",
			.says = "has no key any more: pair it anew (alzy-central device pair)",
			.sql =
				{
					"INSERT INTO alzy.device_keys (key_hash, device_id) SELECT device_key_hash, id FROM alzy.devices"
					" WHERE id = $1::int AND device_key_hash IS NOT NULL ON CONFLICT (key_hash) DO NOTHING",
					"UPDATE alzy.device_keys SET revoked_at = now() WHERE device_id = $1::int AND revoked_at IS NULL",
					"UPDATE alzy.devices SET device_key_hash = NULL, pairing_token_hash = NULL,"
					" pairing_expires_at = NULL, paired_at = NULL, updated_at = now() WHERE id = $1::int",
				},
		},
};

/* Locked, so that no pairing comes between the statements. */
static int change_device(struct pg *pg, const struct change *c, const char *id, char name[NAME_TEXT], struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_script(pg, "BEGIN", e);
	if (!rc)
		rc = pg_query(pg, &found, e, "SELECT name FROM alzy.devices WHERE id = $1::bigint FOR UPDATE", 1, &id);
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_NOT_FOUND, "there is no device %s; alzy-central device list shows them", id);
	if (!rc)
		snprintf(name, NAME_TEXT, "%s", pg_text(found, 0, 0));
	pg_result_free(found);
	for (size_t i = 0; i < sizeof c->sql / sizeof *c->sql && c->sql[i] && !rc; i++)
		rc = pg_query(pg, NULL, e, c->sql[i], 1, &id);
	if (!rc)
		return pg_script(pg, "COMMIT", e);
	pg_script(pg, "ROLLBACK", NULL);
	return rc;
}

static void report(int64_t id, const char *name, const struct change *c, bool json)
{
	char shown[SHOWN_TEXT];
	if (!json) {
		printf("device %" PRId64 " (%s) %s\n", id, text_shown(name, shown), c->says);
		return;
	}
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "device_id", (double)id);
	cJSON_AddStringToObject(object, "name", name);
	central_print_json(object);
}

static int change(int argc, char **argv, const struct change *c, struct err *e)
{
	int64_t id = 0;
	bool json = false, help;
	char verb[64], id_text[24], name[NAME_TEXT];
	const struct arg args[] = {
		{"ID", ARG_COUNT, &id, NULL, "the device; alzy-central device list shows them", true, NULL},
		{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL},
	};
	snprintf(verb, sizeof verb, "alzy-central %s", c->verb);
	int rc = args_read(argc, argv, verb, c->summary, args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	snprintf(id_text, sizeof id_text, "%" PRId64, id);
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = change_device(central.pg, c, id_text, name, e);
	if (!rc)
		report(id, name, c, json);
	central_close(&central);
	return rc;
}

int central_device_activate(int argc, char **argv, struct err *e)
{
	return change(argc, argv, &changes[CHANGE_ACTIVATE], e);
}

int central_device_deactivate(int argc, char **argv, struct err *e)
{
	return change(argc, argv, &changes[CHANGE_DEACTIVATE], e);
}

int central_device_delete(int argc, char **argv, struct err *e)
{
	return change(argc, argv, &changes[CHANGE_DELETE], e);
}

int central_device_revoke(int argc, char **argv, struct err *e)
{
	return change(argc, argv, &changes[CHANGE_REVOKE], e);
}
