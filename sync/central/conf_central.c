#include "sync/central/conf_central.h"

#include "sync/central/addresses.h"
#include "sync/pairing.h"

#include <string.h>

/* PORT: digits, 1 to 65535. */
static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int port = 0;
	for (size_t i = 0; i < digits && i < 6; i++)
		port = port * 10 + (text[i] - '0');
	return digits && digits <= 5 && !text[digits] && port >= 1 && port <= 65535;
}

/* A host name or an IPv4 address, or in brackets an IPv6 one. */
static bool is_host(const char *text, size_t length)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	static const char ipv6[] = "0123456789abcdefABCDEF:.%";
	if (length > 2 && text[0] == '[' && text[length - 1] == ']')
		return strspn(text + 1, ipv6) == length - 2;
	return length && strspn(text, name) >= length;
}

static int check_listen(const char *value, struct err *e)
{
	const char *colon = strrchr(value, ':');
	if (colon && is_port(colon + 1) && is_host(value, (size_t)(colon - value)))
		return 0;
	return err_set(e, ERR_CONFIG, "\"%s\" is not allowed: write HOST:PORT, as in 127.0.0.1:8440 or [::1]:8440", value);
}

static int check_url(const char *value, struct err *e)
{
	const char *host = NULL;
	if (!strncmp(value, "https://", 8))
		host = value + 8;
	else if (!strncmp(value, "http://", 7))
		host = value + 7;
	bool good = !*value;
	if (host) {
		size_t authority = strcspn(host, "/");
		const char *colon = memrchr(host, ':', authority);
		if (colon && host[0] == '[' && memchr(colon, ']', authority - (size_t)(colon - host)))
			colon = NULL; /* inside an IPv6 address */
		char port[8] = "1";
		size_t port_length = colon ? authority - (size_t)(colon + 1 - host) : 1;
		if (colon && port_length < sizeof port) {
			memcpy(port, colon + 1, port_length);
			port[port_length] = '\0';
		}
		good = is_host(host, colon ? (size_t)(colon - host) : authority) && port_length < sizeof port &&
		       is_port(port) && !pairing_check_url(value, NULL) && value[strlen(value) - 1] != '/';
	}
	if (good)
		return 0;
	return err_set(e, ERR_CONFIG,
	               "\"%s\" is not allowed: write https://HOST or https://HOST:PORT/PATH, without a / at its end",
	               value);
}

static int check_file(const char *value, struct err *e)
{
	if (!*value || *value == '/')
		return 0;
	return err_set(e, ERR_CONFIG, "\"%s\" is not allowed: write a path that begins with /", value);
}

static int check_key_path(const char *value, struct err *e)
{
	return *value ? check_file(value, e) : err_set(e, ERR_CONFIG, "must not be empty: write a path that begins with /");
}

static int check_proxies(const char *value, struct err *e)
{
	struct addresses list;
	return addresses_parse(value, &list, e);
}

#define AT(field) offsetof(struct conf_central, field)

static const struct conf_key keys[] = {
	{"database", "dsn", CONF_TEXT, AT(dsn), "dbname=alzy",
     .help = "how to reach Postgres, as libpq understands it: \"dbname=alzy\", \"postgresql://user@host/alzy\""},
	{"server", "listen", CONF_TEXT, AT(listen), "127.0.0.1:8440", .check = check_listen,
     .help = "where the gateway listens: HOST:PORT, or [::]:PORT for every address"},
	{"server", "public_url", CONF_TEXT, AT(public_url), "", .check = check_url,
     .help = "where units reach the gateway; it goes into pairing links; empty: made from listen"},
	{"server", "tls_certificate", CONF_TEXT, AT(tls_certificate), "", .check = check_file,
     .help = "certificate chain in PEM; with tls_key it makes the gateway speak HTTPS"},
	{"server", "tls_key", CONF_TEXT, AT(tls_key), "", .check = check_file,
     .help = "the certificate's private key in PEM"},
	{"server", "plain_http", CONF_CHOICE, AT(plain_http), "loopback", .choices = "loopback|anywhere",
     .help = "where HTTP without TLS may be spoken; anywhere is for a proxy in front that does TLS"},
	{"server", "workers", CONF_COUNT, AT(workers), "4", .min = 1, .max = 64,
     .help = "how many exchanges are handled at once; each has a connection to Postgres"},
	{"server", "body_timeout", CONF_DURATION, AT(body_timeout_ms), "2m", .min = 1000, .max = 3600000,
     .help = "how long a batch may be on its way, however busily it comes"},
	{"server", "trusted_proxies", CONF_TEXT, AT(trusted_proxies), "", .check = check_proxies,
     .help = "proxies whose X-Forwarded-For is believed: addresses or networks, with commas between them"},
	{"server", "requests_per_device", CONF_COUNT, AT(requests_per_device), "3000", .min = 0, .max = 1000000,
     .help = "how many batches of one device are taken a minute; 0: any number"},
	{"server", "requests_per_address", CONF_COUNT, AT(requests_per_address), "6000", .min = 0, .max = 1000000,
     .help = "how many requests from one address are answered a minute; 0: any number"},
	{"key", "path", CONF_TEXT, AT(key_path), "/var/lib/alzy-central/central.key", .check = check_key_path,
     .help = "the centre's key, made by alzy-central init: keep a copy in a safe place"},
};

const struct conf_table conf_central_table = {keys, sizeof keys / sizeof *keys, sizeof(struct conf_central)};
