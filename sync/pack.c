#include "sync/pack.h"

#include "sync/gather.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { PASSED_MOST = 2 }; /* narrow parcels in a row, when the culprit is in one of two */

void parcel_empty(struct parcel *parcel)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		parcel->sent[s].count = 0;
	free(parcel->sessions);
	parcel->sessions = NULL;
	parcel->session_count = 0;
	parcel->drops = false;
	parcel->envelope.length = 0;
	parcel->loaded = parcel->full = parcel->asks = parcel->retries = parcel->bare = false;
}

void parcel_free(struct parcel *parcel)
{
	parcel_empty(parcel);
	buffer_free(&parcel->envelope);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&parcel->sent[s]);
}

int packer_start(struct packer *packer, struct store *store, const struct key_pair *keys, const uint8_t *recipient,
                 int64_t batch_points, struct err *e)
{
	if (batch_points < 1 || batch_points > BATCH_POINTS_MAX)
		return err_set(e, ERR_INTERNAL, "a batch of %" PRId64 " points", batch_points);
	*packer = (struct packer){.store = store, .keys = keys, .recipient = recipient, .batch_points = batch_points};
	packer_widen(packer);
	packer_turn_to(packer, store_id(store));
	packer->batch.points = calloc((size_t)batch_points, sizeof *packer->batch.points);
	packer->batch.events = calloc(GATHER_EVENTS, sizeof *packer->batch.events);
	if (!packer->batch.points || !packer->batch.events)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	return 0;
}

static void forget_told(struct packer *packer)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&packer->told[s]);
}

void packer_turn_to(struct packer *packer, const char *store_id)
{
	forget_told(packer);
	packer_widen(packer);
	snprintf(packer->store_id, sizeof packer->store_id, "%s", store_id);
}

void packer_end(struct packer *packer)
{
	gather_let_go(packer);
	identity_free(&packer->identity);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&packer->again[s]);
	forget_told(packer);
	free(packer->refused);
	batch_free(&packer->batch);
	buffer_free(&packer->document);
}

/* ---- a batch of them ------------------------------------------------------------------------------------- */

/* What the centre may have by another way, or in a batch whose receipt got lost. */
static int name_unsure(struct packer *packer, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges unsent = {0}, *out = &packer->batch.unsure[s];
		ranges_free(out);
		rc = identity_unsent(packer->store, &packer->identity, (enum stream)s, &unsent, e);
		if (!rc)
			rc = ranges_subtract(out, &unsent, &parcel->sent[s], e);
		if (out->count > BATCH_UNSURE_MAX)
			out->count = BATCH_UNSURE_MAX;
		ranges_free(&unsent);
	}
	return rc;
}

static int describe_unit(struct packer *packer, struct unit_state *out, struct err *e)
{
	struct store_backlog backlog;
	struct statvfs disk;
	int rc = store_backlog(packer->store, &backlog, e);
	if (rc)
		return rc;
	*out = (struct unit_state){
		.version = ALZY_VERSION,
		.unsent_points = backlog.points,
		.unsent_events = backlog.events,
		.oldest_unsent_ms = backlog.oldest_ms,
		.free_bytes = statvfs(store_path(packer->store), &disk) ? -1 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize,
	};
	out->clock_ms = store_now_ms(packer->store, &out->clock_basis);
	return 0;
}

static int seal(struct packer *packer, struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	memcpy(batch->sender, packer->keys->public_key, KEY_PUBLIC);
	memcpy(batch->store_id, packer->store_id, sizeof batch->store_id);
	memcpy(batch->forked_from, packer->identity.forked_from, sizeof batch->forked_from);
	snprintf(batch->because, sizeof batch->because, "%s", fork_cause_name(packer->identity.because));
	batch->moved = packer->identity.moved;
	batch->exchange = out->exchange;
	batch->point_ranges = out->sent[STREAM_POINTS]; /* borrowed */
	int rc = describe_unit(packer, &batch->state, e);
	if (!rc)
		rc = store_latest(packer->store, &batch->latest, e);
	if (!rc)
		rc = name_unsure(packer, out, e);
	if (!rc)
		rc = store_reference_digest(packer->store, batch->reference, &batch->has_reference, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		batch->last_seq[s] = packer->identity.streams[s].last;
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
static int look_for_retries(struct packer *packer, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges rows = {0}, retries = {0}, aboard = {0};
		rc = store_retries(packer->store, (enum stream)s, &rows, e);
		if (!rc)
			rc = identity_seqs(&packer->identity, (enum stream)s, &rows, &retries, e);
		if (!rc)
			rc = ranges_intersect(&aboard, &retries, &parcel->sent[s], e);
		packer->batch.retry |= aboard.count > 0;
		ranges_free(&rows);
		ranges_free(&retries);
		ranges_free(&aboard);
	}
	return rc;
}

int packer_session_refused(struct packer *packer, const struct parcel_session *session, struct err *e)
{
	struct parcel_session *more = realloc(packer->refused, (packer->refused_count + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	packer->refused = more;
	packer->refused[packer->refused_count++] = *session;
	return 0;
}

int packer_sent(struct packer *packer, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && parcel->retries && !rc; s++) {
		struct ranges rows = {0};
		rc = identity_rows(&packer->identity, (enum stream)s, &parcel->sent[s], &rows, e);
		if (!rc)
			rc = store_retry_packed(packer->store, (enum stream)s, &rows, parcel->exchange, e);
		ranges_free(&rows);
	}
	return rc;
}

void packer_widen(struct packer *packer)
{
	packer->limits = (struct pack_limits){packer->batch_points, GATHER_EVENTS, BATCH_SESSIONS_MAX, false};
	packer->passed = 0;
}

bool packer_is_narrow(const struct packer *packer)
{
	const struct pack_limits *limits = &packer->limits;
	return limits->bare || limits->points < packer->batch_points || limits->events < GATHER_EVENTS;
}

bool packer_narrow(struct packer *packer, const struct parcel *refused)
{
	struct pack_limits *limits = &packer->limits;
	int64_t points = ranges_total(&refused->sent[STREAM_POINTS]), events = ranges_total(&refused->sent[STREAM_EVENTS]);
	if (points + events == 0 || (points + events == 1 && refused->bare))
		return false;
	/* Nobody has heard of the drops in it, nor of those in what was made behind it. */
	forget_told(packer);
	bool last = points <= 1 && events <= 1;
	limits->bare = last;
	limits->points = points > 1 ? points / 2 : points;
	limits->events = last && points ? 0 : events > 1 ? events / 2 : events;
	packer->passed = 0;
	return true;
}

/* As much as finds room, but for sessions that no row is of: they are left to the end. */
static void widen_for_rows(struct packer *packer)
{
	packer_widen(packer);
	packer->limits.bare = true;
}

void packer_passed(struct packer *packer)
{
	struct pack_limits *limits = &packer->limits;
	bool single = limits->bare && limits->points + limits->events == 1;
	if (single && limits->points) {
		limits->points = 0;
		limits->events = 1;
	} else if (single) {
		widen_for_rows(packer);
	} else if (packer_is_narrow(packer) && ++packer->passed > PASSED_MOST) {
		packer->passed = 0;
		limits->points = limits->points < packer->batch_points / 2 ? 2 * limits->points + 1 : packer->batch_points;
		limits->events = limits->events < GATHER_EVENTS / 2 ? 2 * limits->events + 1 : GATHER_EVENTS;
	}
}

/* Nothing is left that fits narrow limits: false when there is nothing else either. */
static bool relax(struct packer *packer)
{
	bool rows = packer->limits.bare && packer->limits.points == packer->batch_points;
	if (!packer_is_narrow(packer))
		return false;
	if (rows)
		packer_widen(packer);
	else
		widen_for_rows(packer);
	return true;
}

/* False when there is nothing left to halve. */
static bool halve(struct pack_limits *limits)
{
	bool more = limits->points > 1 || limits->events > 1 || limits->sessions > 1;
	limits->points -= limits->points / 2;
	limits->events -= limits->events / 2;
	limits->sessions -= limits->sessions / 2;
	return more;
}

/* What is packed is sent again once. */
static int forget_again(struct packer *packer, const struct parcel *parcel, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges left = {0};
		rc = ranges_subtract(&left, &packer->again[s], &parcel->sent[s], e);
		ranges_free(&packer->again[s]);
		packer->again[s] = left;
	}
	return rc;
}

static int note_told(struct packer *packer, struct err *e)
{
	const struct batch *batch = &packer->batch;
	int rc = 0;
	for (size_t i = 0; i < batch->drop_count && !rc; i++)
		rc = ranges_add(&packer->told[batch->drops[i].stream], batch->drops[i].first, batch->drops[i].last, e);
	return rc;
}

static int pack(struct packer *packer, const struct parcel *in_flight, struct parcel *out, struct err *e)
{
	struct pack_limits limits = packer->limits;
	int rc;
	out->exchange = 0;
	do {
		rc = gather(packer, in_flight, &limits, out, e);
		/* The number is durable before anything is sent under it, so that no two batches ever share one. */
		if (!rc && out->loaded && !out->exchange)
			rc = store_next_exchange(packer->store, &out->exchange, e);
		if (!rc && out->loaded)
			rc = look_for_retries(packer, out, e);
		if (!rc && out->loaded)
			rc = seal(packer, out, e);
	} while (rc == -ERR_LIMIT && halve(&limits));
	out->retries = packer->batch.retry;
	out->bare = limits.bare;
	if (!rc)
		rc = note_told(packer, e);
	gather_let_go(packer);
	return rc ? rc : forget_again(packer, out, e);
}

int packer_next(struct packer *packer, const struct parcel *in_flight, struct parcel *out, struct err *e)
{
	int rc = pack(packer, in_flight, out, e);
	while (!rc && !out->loaded && relax(packer))
		rc = pack(packer, in_flight, out, e);
	return rc;
}

int packer_ask(struct packer *packer, struct parcel *out, struct err *e)
{
	parcel_empty(out);
	int rc = gather_identity(packer, out, e);
	if (!rc)
		rc = store_next_exchange(packer->store, &out->exchange, e);
	if (!rc)
		rc = seal(packer, out, e);
	out->loaded = out->asks = !rc;
	return rc;
}
