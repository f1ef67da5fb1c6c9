/* central.conf: what alzy-central reads. The manual is docs/configuration.md. */
#ifndef ALZY_SYNC_CENTRAL_CONF_CENTRAL_H
#define ALZY_SYNC_CENTRAL_CONF_CENTRAL_H

#include "hal/conf.h"

#define CONF_CENTRAL_STANDARD "/etc/alzy/central.conf"

struct conf_central {
	char dsn[CONF_TEXT_MAX];
	char listen[CONF_TEXT_MAX];     /* HOST:PORT; [::1]:PORT */
	char public_url[CONF_TEXT_MAX]; /* what goes into pairing links; "" is made from listen */
	char tls_certificate[CONF_TEXT_MAX], tls_key[CONF_TEXT_MAX];
	int plain_http; /* 0: only on loopback, 1: anywhere (a proxy in front does TLS) */
	int64_t workers;
	int64_t body_timeout_ms;                           /* how long the body of a request may be on its way */
	char trusted_proxies[CONF_TEXT_MAX];               /* addresses_parse */
	int64_t requests_per_device, requests_per_address; /* a minute; 0: no limit */
	char key_path[CONF_TEXT_MAX];
};

extern const struct conf_table conf_central_table;

#endif
