/* The gateway: exchanges over HTTP, by libmicrohttpd, of which gateway.c is the only user.
 *
 * One network thread reads and writes for all connections and never waits: a request that is complete is suspended and
 * handed to a worker (workers.h), so that /healthz answers however busy the workers are. Before that its signature is
 * checked, and each device has one batch at work at most; limits.h bounds how often devices and addresses come. */
#ifndef ALZY_SYNC_CENTRAL_GATEWAY_H
#define ALZY_SYNC_CENTRAL_GATEWAY_H

#include "hal/err.h"
#include "sync/central/identity.h"

#include <stdbool.h>
#include <stddef.h>

struct gateway_options {
	const char *listen;               /* HOST:PORT, [::1]:PORT */
	const char *certificate, *secret; /* PEM texts; both NULL: plain HTTP */
	bool plain_anywhere;              /* plain HTTP also where others than this machine can reach it */
	size_t workers;
	int64_t body_timeout_ms;                           /* how long a body may be on its way, however busily it comes */
	const char *trusted_proxies;                       /* addresses_parse */
	int64_t requests_per_device, requests_per_address; /* a minute; 0: no limit */
	const char *dsn;
	const struct identity *identity; /* at first */
};

struct gateway;

/* Listens and serves until gateway_stop; *options must stay until then. Postgres may be away. ERR_CONFIG: an address
 * that is none, plain HTTP beyond loopback, a certificate that does not do; ERR_IO: the address can't be listened on. */
int gateway_start(struct gateway **out, const struct gateway_options *options, struct err *e);

/* "http://127.0.0.1:8080": what it listens on. */
const char *gateway_address(const struct gateway *gateway);

/* To be called about every second: closes connections that take too long over a request, however busily. */
void gateway_tick(struct gateway *gateway);

/* What comes from now on is opened and answered with these keys. */
void gateway_renew(struct gateway *gateway, const struct identity *identity);

/* Accepts no more, finishes the requests under way (for at most some seconds), and frees it. NULL is fine. */
void gateway_stop(struct gateway *gateway);

#endif
