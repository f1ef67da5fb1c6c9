/* Forgets the centre. The rows stay, the key stays, and all rows count as unsent to whichever centre comes next. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "sync/engine.h"

#include <stdio.h>

enum { LOCK_WAIT_MS = 10000 };

static int forget(struct store *store, char url[NAME_TEXT], struct err *e)
{
	struct store_centre centre;
	bool paired;
	int rc = store_centre_get(store, &centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with any centre");
	if (rc)
		return rc;
	snprintf(url, NAME_TEXT, "%s", centre.url);
	return store_centre_forget(store, e);
}

int cli_unpair(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct lock *lock = NULL;
	char url[NAME_TEXT];
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print the centre that was forgotten as JSON"}};
	int rc =
		args_read(argc, argv, "alzy unpair",
	              "Forgets the centre and what it has receipted. Recorded rows stay, and are sent to the next one.",
	              args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc)
		rc = engine_lock(&lock, cli.conf.store_path, LOCK_WAIT_MS, e);
	if (!rc)
		rc = forget(cli.store, url, e);
	if (!rc && json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "centre", url);
		cli_print_json(object);
	} else if (!rc) {
		printf("unpaired from %s; recorded rows stay here\n", url);
	}
	lock_free(lock);
	cli_close(&cli);
	return rc;
}
