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

int central_wrap(const struct central *central, struct err *e)
{
	return central->conf_file ? err_wrap(e, "%s", central->conf_file) : -(int)e->code;
}

/* What no single key can tell. */
static int check_conf(const struct central *central, struct err *e)
{
	const struct conf_central *conf = &central->conf;
	if (!conf->tls_certificate[0] == !conf->tls_key[0])
		return 0;
	err_set(e, ERR_CONFIG, "[server] tls_certificate and tls_key go together: %s is missing",
	        conf->tls_key[0] ? "tls_certificate" : "tls_key");
	return central_wrap(central, e);
}

int central_open(struct central *central, unsigned needs, struct err *e)
{
	struct central opened = {.conf_file = conf_path(NULL, CONF_CENTRAL_STANDARD)};
	int rc = conf_load(&conf_central_table, opened.conf_file, &opened.conf, e);
	if (!rc)
		rc = check_conf(&opened, e);
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
