#include "sync/central/central_common.h"

#include "hal/json.h"
#include "sync/central/migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load_key(struct central *central, struct err *e)
{
	int rc = identity_load(central->conf.key_path, &central->identity, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "the centre has no key at %s yet: run alzy-central init",
		               central->conf.key_path);
	if (!rc && strlen(central->conf.public_url) >= sizeof central->identity.url)
		return err_set(e, ERR_CONFIG, "[server] public_url is longer than %zu bytes", sizeof central->identity.url - 1);
	if (!rc)
		memcpy(central->identity.url, central->conf.public_url, strlen(central->conf.public_url) + 1);
	return rc;
}

/* What no single key can tell. */
static int check_conf(const struct conf_central *conf, struct err *e)
{
	if (!conf->tls_certificate[0] == !conf->tls_key[0])
		return 0;
	return err_set(e, ERR_CONFIG, "[server] tls_certificate and tls_key go together: %s is missing",
	               conf->tls_key[0] ? "tls_certificate" : "tls_key");
}

int central_open(struct central *central, unsigned needs, struct err *e)
{
	struct central opened = {0};
	int rc = conf_load(&conf_central_table, conf_path(NULL, CONF_CENTRAL_STANDARD), &opened.conf, e);
	if (!rc)
		rc = check_conf(&opened.conf, e);
	if (!rc)
		rc = keys_start(e);
	if (!rc && (needs & CENTRAL_KEY))
		rc = load_key(&opened, e);
	if (!rc && (needs & (CENTRAL_CONNECTION | CENTRAL_DATABASE)))
		rc = pg_open(&opened.pg, opened.conf.dsn, e);
	if (!rc && (needs & CENTRAL_DATABASE))
		rc = migrations_check(opened.pg, e);
	if (rc)
		central_close(&opened);
	else
		*central = opened;
	return rc;
}

void central_close(struct central *central)
{
	pg_close(central->pg);
	central->pg = NULL;
	identity_wipe(&central->identity);
}

void central_print_json(cJSON *value)
{
	char *text = json_print(value);
	if (text)
		puts(text);
	free(text);
	cJSON_Delete(value);
}
