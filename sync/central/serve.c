/* alzy-central serve: the gateway in the foreground. */
#include "sync/central/verbs.h"

#include "hal/args.h"
#include "hal/file.h"
#include "hal/log.h"
#include "hal/notify.h"
#include "sync/central/central_common.h"
#include "sync/central/gateway.h"
#include "sync/central/migrations.h"
#include "sync/central/rights.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PEM_MAX = 256 * 1024 };

/* As texts, which end with a NUL; both stay empty when TLS is not configured. */
static int read_tls(const struct conf_central *conf, struct buffer *certificate, struct buffer *secret, struct err *e)
{
	if (!*conf->tls_certificate)
		return 0;
	int rc = file_read(conf->tls_certificate, PEM_MAX, certificate, e);
	if (!rc)
		rc = buffer_append(certificate, "", 1, e);
	if (!rc)
		rc = file_read_secret(conf->tls_key, PEM_MAX, secret, e);
	return rc ? rc : buffer_append(secret, "", 1, e);
}

/* A database that is away comes back by itself; one of another version needs somebody. */
static int check_database(const char *dsn, bool *out_reachable, struct err *e)
{
	struct pg *pg = NULL;
	*out_reachable = !pg_open(&pg, dsn, e);
	if (!*out_reachable) {
		log_warning("the database can't be reached; units are asked to try again later: %s", e->text);
		return 0;
	}
	bool owner = false;
	int rc = migrations_check(pg, e);
	if (!rc)
		rc = rights_of_owner(pg, NULL, &owner, e);
	if (owner)
		log_warning("serving as a role that may drop every table: give another one just what serving needs "
		            "(alzy-central migrate --role NAME), and name it in [database] dsn");
	pg_close(pg);
	struct err why = *e;
	return rc == -ERR_PERMISSION
	           ? err_set(e, why.code, "%s: alzy-central migrate --role gives a role the rights that serving needs",
	                     why.text)
	           : rc;
}

/* The keys, when somebody has rotated them, or has put a copy of one here or taken one away. */
static void read_keys(struct gateway *gateway, const struct central *central)
{
	struct identity identity;
	struct err e;
	if (identity_load(central->conf.key_path, &identity, &e)) {
		log_error("going on with the keys there were: %s", e.text);
		return;
	}
	memcpy(identity.url, central->identity.url, sizeof identity.url);
	gateway_renew(gateway, &identity);
	log_notice("read the keys again: %zu, the present one first", identity.count);
	identity_wipe(&identity);
}

/* Serves until somebody ends it. The signals are blocked, in the gateway's threads too, and taken here. */
static void wait_for_end(struct gateway *gateway, const struct central *central, const sigset_t *signals)
{
	const struct timespec tick = {.tv_sec = 1};
	struct identity_mark read = identity_mark(central->conf.key_path);
	for (;;) {
		int number = sigtimedwait(signals, NULL, &tick);
		if (number == SIGTERM || number == SIGINT)
			return;
		if (number == SIGHUP)
			log_notice("of the configuration nothing can change while running: restart to take it over");
		struct identity_mark now = identity_mark(central->conf.key_path);
		if (number == SIGHUP || memcmp(&now, &read, sizeof now) != 0)
			read_keys(gateway, central);
		read = now;
		gateway_tick(gateway);
	}
}

static void block_signals(sigset_t *out)
{
	sigemptyset(out);
	sigaddset(out, SIGTERM);
	sigaddset(out, SIGINT);
	sigaddset(out, SIGHUP);
	pthread_sigmask(SIG_BLOCK, out, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int serve(const struct central *central, const struct buffer *certificate, const struct buffer *secret,
                 struct err *e)
{
	const struct gateway_options options = {.listen = central->conf.listen,
	                                        .certificate = (const char *)certificate->bytes,
	                                        .secret = (const char *)secret->bytes,
	                                        .plain_anywhere = central->conf.plain_http,
	                                        .workers = (size_t)central->conf.workers,
	                                        .body_timeout_ms = central->conf.body_timeout_ms,
	                                        .trusted_proxies = central->conf.trusted_proxies,
	                                        .requests_per_device = central->conf.requests_per_device,
	                                        .requests_per_address = central->conf.requests_per_address,
	                                        .dsn = central->conf.dsn,
	                                        .identity = &central->identity};
	struct gateway *gateway;
	bool reachable;
	char state[256];
	sigset_t signals;
	block_signals(&signals);
	int rc = check_database(options.dsn, &reachable, e);
	if (!rc && (rc = gateway_start(&gateway, &options, e)) && (rc == -ERR_CONFIG || rc == -ERR_IO))
		rc = central_wrap(central, e);
	if (rc)
		return rc;
	snprintf(state, sizeof state, "serving on %s, the database %s", gateway_address(gateway),
	         reachable ? "is there" : "can't be reached yet");
	log_notice("%s", state);
	snprintf(state, sizeof state, "READY=1\nSTATUS=serving on %s, the database %s", gateway_address(gateway),
	         reachable ? "was there" : "could not be reached");
	notify_systemd(state);
	wait_for_end(gateway, central, &signals);
	notify_systemd("STOPPING=1");
	gateway_stop(gateway);
	log_notice("stopped");
	return 0;
}

int central_serve(int argc, char **argv, struct err *e)
{
	struct central central = {0};
	struct buffer certificate = {0}, secret = {0};
	bool help = false;
	int rc = args_read(argc, argv, "alzy-central serve", "Takes what units send, over HTTP, until it is ended.", NULL,
	                   0, NULL, &help, e);
	if (rc || help)
		return rc;
	log_start("alzy-central", LOG_LEVEL_INFO);
	rc = central_open(&central, CENTRAL_KEY, e);
	if (!rc)
		rc = read_tls(&central.conf, &certificate, &secret, e);
	if (!rc)
		rc = serve(&central, &certificate, &secret, e);
	if (secret.bytes)
		explicit_bzero(secret.bytes, secret.length);
	buffer_free(&certificate);
	buffer_free(&secret);
	central_close(&central);
	return rc;
}
