/* Pairing: the one exchange by which a unit and a centre come to know each other's keys. */
#include "hal/clock.h"
#include "sync/engine.h"
#include "sync/envelope.h"
#include "sync/pairing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char pruned_reason[] = "pruned, after another centre had receipted it",
				  before_reason[] = "recorded for another centre";

/* Before the link's one token is used up. */
static int may_send(struct store *store, const struct pairing_link *link, enum engine_send send, bool *out_another,
                    struct err *e)
{
	int rc = store_was_with_another(store, link->centre_key, out_another, e);
	if (!rc && *out_another && send == ENGINE_SEND_UNDECIDED)
		rc = err_set(e, ERR_STATE,
		             "rows of this store were sent to another centre: say which of them this one gets, --send all or "
		             "--send new (those from now on)");
	return rc;
}

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
		rc = err_set(
			e, ERR_STATE,
			"this link is of another centre than %s, which has receipted rows of this store: alzy unpair first. If it "
			"is "
			"the same centre with a new key, alzy sync first: then the unit knows that key, and the link is good",
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

static int drop_rows(struct store *store, enum stream stream, enum engine_send send, int64_t at_ms, struct err *e)
{
	struct ranges all = {0}, pruned = {0};
	int64_t last = 0;
	int rc = store_last_seq(store, stream, &last, e);
	if (!rc && last)
		rc = ranges_add(&all, 1, last, e);
	if (!rc)
		rc = store_pruned(store, stream, &all, &pruned, e);
	if (!rc && pruned.count)
		rc = store_drop(store, stream, &pruned, pruned_reason, at_ms, e);
	if (!rc && all.count && send == ENGINE_SEND_NEW)
		rc = store_drop(store, stream, &all, before_reason, at_ms, e);
	ranges_free(&all);
	ranges_free(&pruned);
	return rc;
}

/* What a centre before this one did not get, this one may. */
static int choose_rows(struct store *store, enum engine_send send, int64_t at_ms, struct err *e)
{
	int rc = store_drop_undo(store, before_reason, e);
	if (!rc)
		rc = store_drop_undo(store, pruned_reason, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = drop_rows(store, (enum stream)s, send, at_ms, e);
	return rc;
}

static int remember_centre(struct store *store, const struct pairing_link *link, const struct pairing_answer *answer,
                           enum engine_send send, bool another, struct store_centre *out, struct err *e)
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
	if (!rc && another)
		rc = choose_rows(store, send, centre.paired_at_ms, e);
	rc = store_end(store, rc, e);
	return rc ? rc : store_centre_get(store, out, &paired, e);
}

int engine_pair(const struct channel *channel, const struct pairing_link *link, enum engine_send send,
                struct store_centre *out, struct err *e)
{
	bool another = false;
	struct buffer request = {0}, answer = {0};
	struct pairing_answer paired;
	int64_t retry_ms = 0;
	int rc = may_pair(channel->store, link, e);
	if (!rc)
		rc = may_send(channel->store, link, send, &another, e);
	if (!rc)
		rc = seal_request(channel->store, channel->keys, link, &request, e);
	if (!rc)
		rc = channel->carrier->start(channel->carrier, "/v1/pair", request.bytes, request.length, e);
	if (!rc)
		rc = channel->carrier->finish(channel->carrier, &answer, &retry_ms, e);
	if (!rc)
		rc = open_answer(channel->keys, link, &answer, &paired, e);
	if (!rc)
		rc = remember_centre(channel->store, link, &paired, send, another, out, e);
	buffer_free(&request);
	buffer_free(&answer);
	return rc;
}
