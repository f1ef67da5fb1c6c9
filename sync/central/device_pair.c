#include "hal/args.h"
#include "hal/conf.h"
#include "hal/json.h"
#include "sync/central/central_common.h"
#include "sync/central/verbs.h"
#include "sync/pairing.h"

#include <inttypes.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QR_BORDER = 2 };

static const int64_t valid_min_ms = 60 * 1000, valid_max_ms = INT64_C(30) * 86400 * 1000;

/* Where units reach the gateway: public_url, else what listen says. */
static int public_url(const struct conf_central *conf, char *out, size_t size, struct err *e)
{
	static const char *const every[] = {"0.0.0.0:", "[::]:"};
	int length = snprintf(out, size, "%s", conf->public_url);
	if (!conf->public_url[0]) {
		for (size_t i = 0; i < sizeof every / sizeof *every; i++)
			if (!strncmp(conf->listen, every[i], strlen(every[i])))
				return err_set(e, ERR_CONFIG,
				               "[server] listen = %s names no address that a unit could reach: set public_url",
				               conf->listen);
		length = snprintf(out, size, "%s://%s", conf->tls_certificate[0] ? "https" : "http", conf->listen);
	}
	if (length < 0 || (size_t)length >= size)
		return err_set(e, ERR_CONFIG, "[server] public_url is longer than %zu bytes", size - 1);
	return 0;
}

/* The device must be one that would be served. *out_paired: it has a unit, whose place the next one takes. */
static int check_device(struct pg *pg, const char *id, bool *out_paired, struct err *e)
{
	struct pg_result *result = NULL;
	int rc = pg_query(pg, &result, e,
	                  "SELECT (is_active IS NOT TRUE)::integer, (deleted_at IS NOT NULL)::integer,"
	                  " (device_key_hash IS NOT NULL)::integer FROM alzy.devices WHERE id = $1::bigint",
	                  1, &id);
	if (!rc && !pg_rows(result))
		rc = err_set(e, ERR_NOT_FOUND, "there is no device %s; alzy-central device list shows them", id);
	else if (!rc && pg_int(result, 0, 1))
		rc = err_set(e, ERR_STATE, "device %s was deleted", id);
	else if (!rc && pg_int(result, 0, 0))
		rc = err_set(e, ERR_STATE, "device %s is not active: alzy-central device activate %s", id, id);
	else if (!rc)
		*out_paired = pg_int(result, 0, 2) != 0;
	pg_result_free(result);
	return rc;
}

/* Only the token's hash goes to the database; an earlier token of the device is void from now on. */
static int store_token(struct pg *pg, const char *id, const uint8_t token[PAIRING_TOKEN], int64_t valid_ms,
                       int64_t *out_expires_ms, struct err *e)
{
	char hash[KEY_HASH_TEXT], valid[24];
	struct pg_result *result = NULL;
	pairing_token_hash(token, hash);
	snprintf(valid, sizeof valid, "%" PRId64, valid_ms);
	const char *values[] = {id, hash, valid};
	int rc = pg_query(pg, &result, e,
	                  "UPDATE alzy.devices SET pairing_token_hash = $2,"
	                  " pairing_expires_at = date_trunc('milliseconds', now()) + $3::bigint * interval '1 "
	                  "millisecond', updated_at = now()"
	                  " WHERE id = $1::bigint RETURNING (extract(epoch FROM pairing_expires_at) * 1000)::bigint",
	                  3, values);
	if (!rc)
		*out_expires_ms = pg_int(result, 0, 0);
	pg_result_free(result);
	return rc;
}

/* Two modules a character, the upper and the lower half of it; black on white whatever the terminal's colours are. */
static void print_qr(const char *text)
{
	static const char *const halves[] = {"█", "▀", "▄", " "}; /* white: both, upper, lower, none */
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (!code)
		return; /* the link itself is printed anyway */
	int width = code->width;
	for (int y = -QR_BORDER; y < width + QR_BORDER; y += 2) {
		fputs("\033[97;40m", stdout);
		for (int x = -QR_BORDER; x < width + QR_BORDER; x++) {
			bool inside = x >= 0 && x < width;
			bool upper = inside && y >= 0 && y < width && (code->data[y * width + x] & 1);
			bool lower = inside && y + 1 >= 0 && y + 1 < width && (code->data[(y + 1) * width + x] & 1);
			fputs(halves[(upper ? 2 : 0) + (lower ? 1 : 0)], stdout);
		}
		fputs("\033[0m\n", stdout);
	}
	QRcode_free(code);
}

static void report(int64_t device_id, const char *link, int64_t expires_ms, bool json)
{
	char time[TIME_TEXT];
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "link", link);
		json_add_time(object, "expires_at", expires_ms);
		cJSON_AddNumberToObject(object, "device_id", (double)device_id);
		central_print_json(object);
		return;
	}
	if (isatty(STDOUT_FILENO))
		print_qr(link);
	printf("%s\nOn the unit: alzy pair LINK. The link is a secret, works for one unit, and until %s.\n", link,
	       time_format(expires_ms, time));
}

static int make_link(struct central *central, const char *id, int64_t valid_ms, char out[PAIRING_LINK_TEXT],
                     int64_t *out_expires_ms, bool *out_paired, struct err *e)
{
	struct pairing_link link = {0};
	int rc = public_url(&central->conf, link.url, sizeof link.url, e);
	if (rc)
		central_wrap(central, e);
	else
		rc = check_device(central->pg, id, out_paired, e);
	if (rc)
		return rc;
	memcpy(link.centre_key, central->identity.keys[0].public_key, KEY_PUBLIC);
	keys_random(link.token, sizeof link.token);
	rc = pairing_link_format(&link, out, e);
	return rc ? rc : store_token(central->pg, id, link.token, valid_ms, out_expires_ms, e);
}

static int parse_valid(const char *text, int64_t *out_ms, struct err *e)
{
	int rc = conf_parse_duration(text, out_ms, e);
	if (!rc && *out_ms >= valid_min_ms && *out_ms <= valid_max_ms)
		return 0;
	return err_set(e, ERR_USAGE, "--valid: \"%s\" is not allowed: write 1m to 30d", text);
}

int central_device_pair(int argc, char **argv, struct err *e)
{
	int64_t id = 0, valid_ms, expires_ms;
	const char *valid = "1h";
	bool again = false, paired = false, json = false, help;
	const struct arg args[] = {
		{"ID", ARG_COUNT, &id, NULL, "the device; alzy-central device list shows them", true, NULL},
		{"--valid", ARG_TEXT, &valid, "DURATION", "how long the link works: 1m to 30d, 1h by default", false, NULL},
		{"--again", ARG_FLAG, &again, NULL, "the device is paired already, and that is meant", false, NULL},
		{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL},
	};
	int rc = args_read(argc, argv, "alzy-central device pair", "Prints the link by which a unit becomes this device.",
	                   args, 4, NULL, &help, e);
	if (!rc && !help)
		rc = parse_valid(valid, &valid_ms, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	char id_text[24], link[PAIRING_LINK_TEXT];
	snprintf(id_text, sizeof id_text, "%" PRId64, id);
	rc = central_open(&central, CENTRAL_KEY | CENTRAL_DATABASE, e);
	if (!rc)
		rc = make_link(&central, id_text, valid_ms, link, &expires_ms, &paired, e);
	if (!rc && paired && !again)
		fprintf(stderr, "device %s is paired with a unit: another that takes this link takes its place\n", id_text);
	if (!rc)
		report(id, link, expires_ms, json);
	central_close(&central);
	return rc;
}
