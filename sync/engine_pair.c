/* Pairing: the one exchange by which a unit and a centre come to know each other's keys. */
#include "hal/clock.h"
#include "sync/engine.h"
#include "sync/envelope.h"
#include "sync/pairing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Before the link's one token is used up. */
static int may_pair(struct store *store, const struct pairing_link *link, struct err *e)
{
	struct store_centre centre;
	bool paired;
	int rc = store_centre_get(store, &centre, &paired, e);
	if (rc || !paired || !memcmp(centre.public_key, link->centre_key, KEY_PUBLIC))
		return rc;
	struct ranges points = {0}, events = {0};
	rc = store_accounted(store, STREAM_POINTS, &points, e);
	if (!rc)
		rc = store_accounted(store, STREAM_EVENTS, &events, e);
	if (!rc && points.count + events.count)
		rc =
			err_set(e, ERR_STATE,
		            "this link is of another centre than %s, which has receipted rows of this store: alzy unpair first",
		            centre.url);
	ranges_free(&points);
	ranges_free(&events);
	return rc;
}

static int seal_request(struct store *store, const struct key_pair *keys, const struct pairing_link *link,
                        struct buffer *out, struct err *e)
{
	struct pairing_request request = {0};
	struct buffer document = {0};
	memcpy(request.sender, keys->public_key, KEY_PUBLIC);
	memcpy(request.token, link->token, PAIRING_TOKEN);
	snprintf(request.store_id, sizeof request.store_id, "%s", store_id(store));
	if (gethostname(request.host_name, sizeof request.host_name - 1))
		snprintf(request.host_name, sizeof request.host_name, "unknown");
	int rc = pairing_request_encode(&request, &document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_PAIRING, keys, link->centre_key, document.bytes, document.length, out, e);
	buffer_free(&document);
	return rc;
}

static int open_answer(const struct key_pair *keys, const struct pairing_link *link, const struct buffer *answer,
                       struct pairing_answer *out, struct err *e)
{
	struct buffer document = {0};
	int rc = envelope_open(answer->bytes, answer->length, ENVELOPE_PAIRED, keys, link->centre_key, &document, e);
	if (!rc)
		rc = pairing_answer_decode(document.bytes, document.length, out, e);
	if (rc)
		err_wrap(e, "what %s answered is not of the centre that made this link", link->url);
	else if (memcmp(out->token, link->token, PAIRING_TOKEN))
		rc = err_set(e, ERR_FORGED, "the answer of %s is for another link", link->url);
	buffer_free(&document);
	return rc;
}

static int remember_centre(struct store *store, const struct pairing_link *link, const struct pairing_answer *answer,
                           struct store_centre *out, struct err *e)
{
	struct store_centre centre = {.device_id = answer->device_id, .paired_at_ms = clock_wall_ms()};
	bool paired;
	memcpy(centre.public_key, link->centre_key, KEY_PUBLIC);
	snprintf(centre.url, sizeof centre.url, "%s", link->url);
	snprintf(centre.device_name, sizeof centre.device_name, "%s", answer->device_name);
	int rc = store_begin(store, e);
	if (rc)
		return rc;
	rc = store_centre_set(store, &centre, e);
	if (!rc)
		rc = store_centre_refused(store, "", e);
	if (rc) {
		store_rollback(store);
		return rc;
	}
	rc = store_commit(store, e);
	return rc ? rc : store_centre_get(store, out, &paired, e);
}

int engine_pair(struct store *store, const struct key_pair *keys, struct carrier *carrier,
                const struct pairing_link *link, struct store_centre *out, struct err *e)
{
	struct buffer request = {0}, answer = {0};
	struct pairing_answer paired;
	int64_t retry_ms = 0;
	int rc = may_pair(store, link, e);
	if (!rc)
		rc = seal_request(store, keys, link, &request, e);
	if (!rc)
		rc = carrier->start(carrier, "/v1/pair", request.bytes, request.length, e);
	if (!rc)
		rc = carrier->finish(carrier, &answer, &retry_ms, e);
	if (!rc)
		rc = open_answer(keys, link, &answer, &paired, e);
	if (!rc)
		rc = remember_centre(store, link, &paired, out, e);
	buffer_free(&request);
	buffer_free(&answer);
	return rc;
}
