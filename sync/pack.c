#include "sync/pack.h"

#include "sync/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

int packer_start(struct packer *packer, struct store *store, const struct key_pair *keys, const uint8_t *recipient,
                 int64_t batch_points, struct err *e)
{
	if (batch_points < 1 || batch_points > BATCH_POINTS_MAX)
		return err_set(e, ERR_INTERNAL, "a batch of %" PRId64 " points", batch_points);
	*packer = (struct packer){.keys = keys,
	                          .recipient = recipient,
	                          .narrow.widest = {batch_points, GATHER_EVENTS, BATCH_SESSIONS_MAX, false}};
	narrow_widen(&packer->narrow);
	return gather_start(&packer->gather, store, batch_points, e);
}

void packer_turn_to(struct packer *packer, const char *store_id)
{
	gather_turn_to(&packer->gather, store_id);
	narrow_widen(&packer->narrow);
}

void packer_end(struct packer *packer)
{
	gather_end(&packer->gather);
	buffer_free(&packer->document);
}

bool packer_refused(struct packer *packer, const struct parcel *refused)
{
	bool narrower = narrow_refused(&packer->narrow, ranges_total(&refused->sent[STREAM_POINTS]),
	                               ranges_total(&refused->sent[STREAM_EVENTS]), refused->bare);
	/* Nobody has heard of the drops in it, nor of those in what was made behind it. */
	if (narrower)
		gather_forget_told(&packer->gather);
	return narrower;
}

/* ---- a parcel -------------------------------------------------------------------------------------------- */

/* What the centre may have by another way, or in a batch whose receipt got lost. */
static int name_unsure(struct gather *gather, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges unsent = {0}, *out = &gather->batch.unsure[s];
		ranges_free(out);
		rc = identity_unsent(gather->store, &gather->identity, (enum stream)s, &unsent, e);
		if (!rc)
			rc = ranges_subtract(out, &unsent, &parcel->sent[s], e);
		if (out->count > BATCH_UNSURE_MAX)
			out->count = BATCH_UNSURE_MAX;
		ranges_free(&unsent);
	}
	return rc;
}

static int describe_unit(struct store *store, struct unit_state *out, struct err *e)
{
	struct store_backlog backlog;
	struct statvfs disk;
	int rc = store_backlog(store, &backlog, e);
	if (rc)
		return rc;
	*out = (struct unit_state){
		.version = ALZY_VERSION,
		.unsent_points = backlog.points,
		.unsent_events = backlog.events,
		.oldest_unsent_ms = backlog.oldest_ms,
		.free_bytes = statvfs(store_path(store), &disk) ? -1 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize,
	};
	/* Some file systems claim to have any amount. */
	if (out->free_bytes > DOCUMENT_INT_MAX)
		out->free_bytes = DOCUMENT_INT_MAX;
	out->clock_ms = store_now_ms(store, &out->clock_basis);
	return 0;
}

static int seal(struct packer *packer, struct parcel *out, struct err *e)
{
	struct gather *gather = &packer->gather;
	struct batch *batch = &gather->batch;
	memcpy(batch->sender, packer->keys->public_key, KEY_PUBLIC);
	memcpy(batch->store_id, gather->store_id, sizeof batch->store_id);
	memcpy(batch->forked_from, gather->identity.forked_from, sizeof batch->forked_from);
	snprintf(batch->because, sizeof batch->because, "%s", fork_cause_name(gather->identity.because));
	batch->moved = gather->identity.moved;
	batch->checkpoint = gather->identity.checkpoint;
	batch->exchange = out->exchange;
	batch->point_ranges = out->sent[STREAM_POINTS]; /* borrowed */
	int rc = describe_unit(gather->store, &batch->state, e);
	if (!rc)
		rc = name_unsure(gather, out, e);
	if (!rc)
		rc = store_reference_digest(gather->store, batch->reference, &batch->has_reference, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		batch->last_seq[s] = gather->identity.streams[s].last;
	packer->document.length = 0;
	if (!rc)
		rc = batch_encode(batch, &packer->document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_BATCH, packer->keys, packer->recipient, packer->document.bytes,
		                   packer->document.length, &out->envelope, e);
	if (!rc)
		envelope_digest(out->envelope.bytes, out->envelope.length, out->digest);
	batch->point_ranges = (struct ranges){0};
	return rc;
}

/* Whether rows are aboard that the centre has rejected: it is asked to judge them again. */
static int look_for_retries(struct gather *gather, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges rows = {0}, retries = {0}, aboard = {0};
		rc = store_retries(gather->store, (enum stream)s, &rows, e);
		if (!rc)
			rc = identity_seqs(&gather->identity, (enum stream)s, &rows, &retries, e);
		if (!rc)
			rc = ranges_intersect(&aboard, &retries, &parcel->sent[s], e);
		gather->batch.retry |= aboard.count > 0;
		ranges_free(&rows);
		ranges_free(&retries);
		ranges_free(&aboard);
	}
	return rc;
}

int packer_sent(struct packer *packer, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && parcel->retries && !rc; s++) {
		struct ranges rows = {0};
		rc = identity_rows(&packer->gather.identity, (enum stream)s, &parcel->sent[s], &rows, e);
		if (!rc)
			rc = store_retry_packed(packer->gather.store, (enum stream)s, &rows, parcel->exchange, e);
		ranges_free(&rows);
	}
	return rc;
}

static int pack(struct packer *packer, const struct parcel *in_flight, struct parcel *out, struct err *e)
{
	struct gather *gather = &packer->gather;
	struct limits limits = packer->narrow.now;
	int rc;
	out->exchange = 0;
	do {
		rc = gather_batch(gather, in_flight, &limits, out, e);
		/* The number is durable before anything is sent under it, so that no two batches ever share one. */
		if (!rc && out->loaded && !out->exchange)
			rc = store_next_exchange(gather->store, &out->exchange, e);
		if (!rc && out->loaded)
			rc = look_for_retries(gather, out, e);
		if (!rc && out->loaded)
			rc = seal(packer, out, e);
	} while (rc == -ERR_LIMIT && limits_halve(&limits));
	out->retries = gather->batch.retry;
	out->bare = limits.bare;
	if (!rc)
		rc = gather_made(gather, out, e);
	gather_let_go(gather);
	return rc;
}

int packer_next(struct packer *packer, const struct parcel *in_flight, struct parcel *out, struct err *e)
{
	int rc = pack(packer, in_flight, out, e);
	while (!rc && !out->loaded && narrow_relax(&packer->narrow))
		rc = pack(packer, in_flight, out, e);
	return rc;
}

int packer_ask(struct packer *packer, struct parcel *out, struct err *e)
{
	parcel_empty(out);
	int rc = gather_identity(&packer->gather, out, e);
	if (!rc)
		rc = gather_open(&packer->gather, e);
	if (!rc)
		rc = store_next_exchange(packer->gather.store, &out->exchange, e);
	if (!rc)
		rc = seal(packer, out, e);
	gather_let_go(&packer->gather);
	packer->gather.tell_open = false;
	out->loaded = out->asks = !rc;
	return rc;
}
