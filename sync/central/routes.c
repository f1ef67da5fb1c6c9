#include "sync/central/routes.h"

#include "hal/clock.h"
#include "hal/json.h"
#include "hal/log.h"
#include "sync/central/exchange.h"

#include <inttypes.h>
#include <string.h>

static void tell_batch(const struct exchange *x, const struct receipt *receipt)
{
	const struct receipt_stream *points = &receipt->streams[STREAM_POINTS], *events = &receipt->streams[STREAM_EVENTS];
	log_info("batch %" PRId64 " of device %" PRId64 ", store %s: points %" PRId64 " new, %" PRId64
	         " known, events %" PRId64 " new, %" PRId64 " known; rejected of this store: %" PRId64 "; %zu bytes in,"
	         " %zu out, %" PRId64 " ms",
	         receipt->exchange, receipt->device_id, receipt->store_id, points->fresh, points->known, events->fresh,
	         events->known, points->rejected_total + events->rejected_total, x->body.length, x->answer.length,
	         clock_mono_ms() - x->began_ms);
	if (points->left || events->left)
		log_warning("%" PRId64 " points and %" PRId64
		            " events were left to the unit: store %s has too many separate ranges, or "
		            "too many rows had to be judged one by one",
		            points->left, events->left, receipt->store_id);
	if (points->conflicts.count || events->conflicts.count)
		log_warning("store %s is in use in more than one copy: %" PRId64 " points and %" PRId64
		            " events of this batch have other content than is held, and go on in a store of their own",
		            receipt->store_id, ranges_total(&points->conflicts), ranges_total(&events->conflicts));
}

static int handle_batch(struct exchange *x, struct pg *pg, struct err *e)
{
	struct receipt receipt = {0};
	int rc = exchange_batch(pg, x->identity, &x->letter, &x->answer, &receipt, e);
	if (!rc && receipt.standing)
		log_warning("batch %" PRId64 " of device %" PRId64 ", store %s, was not taken: %s", receipt.exchange,
		            receipt.device_id, receipt.store_id, receipt_standing_name(receipt.standing));
	else if (!rc)
		tell_batch(x, &receipt);
	receipt_free(&receipt);
	return rc;
}

static int handle_pairing(struct exchange *x, struct pg *pg, struct err *e)
{
	int rc = identity_check(x->identity, x->body.bytes, x->body.length, &x->letter, e);
	if (!rc)
		rc = exchange_pairing(pg, x->identity, &x->letter, &x->answer, e);
	if (!rc)
		log_notice("paired a unit at %s", x->client);
	return rc;
}

static int handle_question(struct exchange *x, struct pg *pg, struct err *e)
{
	int rc = exchange_question(pg, x->identity, &x->letter, &x->answer, e);
	if (!rc)
		log_info("question of a unit at %s: %zu bytes in, %zu out, %" PRId64 " ms", x->client, x->body.length,
		         x->answer.length, clock_mono_ms() - x->began_ms);
	return rc;
}

static int handle_health(struct exchange *x, struct pg *pg, struct err *e)
{
	static const char ok[] = "{\"status\":\"ok\"}\n";
	int rc = pg_script(pg, "SELECT 1", e);
	return rc ? rc : buffer_append(&x->answer, ok, sizeof ok - 1, e);
}

static const struct route routes[] = {
	{"POST", "/v1/batches", handle_batch, true, true},
	{"POST", "/v1/pair", handle_pairing, true, false},
	{"POST", "/v1/verify", handle_question, true, true},
	{"GET", "/healthz", handle_health, false, false},
};

const struct route *route_find(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (!strcmp(routes[i].path, path) && (!method || !strcmp(routes[i].method, method)))
			return &routes[i];
	return NULL;
}

/* ---- what could not be done -------------------------------------------------------------------------------------- */

unsigned route_status(enum err_code code)
{
	static const struct {
		enum err_code code;
		unsigned status;
	} statuses[] = {
		{ERR_INVALID, 400},  {ERR_VERSION, 400}, {ERR_FORGED, 401},     {ERR_REFUSED, 403}, {ERR_LIMIT, 413},
		{ERR_DATABASE, 503}, {ERR_BUSY, 503},    {ERR_PERMISSION, 503}, {ERR_MEMORY, 503},
	};
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].code == code)
			return statuses[i].status;
	return 500;
}

char *route_error(enum err_code code, const char *message)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "error", err_name(code));
	cJSON_AddStringToObject(object, "message", message);
	char *text = json_print(object);
	cJSON_Delete(object);
	return text;
}
