#include "sync/pack.h"

#include "hal/clock.h"
#include "hal/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum {
	EVENTS_AT_ONCE = 64,       /* read from the store in one go */
	EVENTS_BYTES = 256 * 1024, /* of payload in one batch: more is left for the next, to keep memory flat */
	PASSED_MOST = 2,           /* narrow parcels in a row, when the culprit is in one of two */
	EVENTS_MOST = 1000,        /* of BATCH_EVENTS_MAX, for the same reason */
	DROPS_MOST = 3000,         /* told in one run */
};

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

static void let_go_of_rows(struct packer *packer)
{
	for (size_t i = 0; i < packer->batch.event_count; i++)
		event_free(&packer->batch.events[i]);
	packer->batch.point_count = packer->batch.event_count = packer->batch.session_count = packer->batch.drop_count = 0;
	packer->batch.retry = false;
	free(packer->batch.drops);
	packer->batch.drops = NULL;
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
	packer->batch.events = calloc(EVENTS_MOST, sizeof *packer->batch.events);
	if (!packer->batch.points || !packer->batch.events)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	return 0;
}

void packer_turn_to(struct packer *packer, const char *store_id)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&packer->told[s]);
	packer_widen(packer);
	snprintf(packer->store_id, sizeof packer->store_id, "%s", store_id);
}

void packer_end(struct packer *packer)
{
	let_go_of_rows(packer);
	identity_free(&packer->identity);
	for (int s = 0; s < STREAM_COUNT; s++) {
		ranges_free(&packer->again[s]);
		ranges_free(&packer->told[s]);
	}
	free(packer->refused);
	batch_free(&packer->batch);
	buffer_free(&packer->document);
}

/* ---- gathering rows -------------------------------------------------------------------------------------- */

/* What the centre does not account for, or is to be sent again, and is not on its way to it. */
static int unsent(struct packer *packer, enum stream stream, const struct parcel *in_flight, struct ranges *out,
                  struct err *e)
{
	struct ranges all = {0};
	int rc = identity_unsent(packer->store, &packer->identity, stream, &all, e);
	if (!rc)
		rc = ranges_add_all(&all, &packer->again[stream], e);
	if (!rc && in_flight)
		rc = ranges_subtract(out, &all, &in_flight->sent[stream], e);
	else if (!rc) {
		*out = all;
		return 0;
	}
	ranges_free(&all);
	return rc;
}

static int add_session(struct packer *packer, const struct session *session, struct err *e)
{
	struct batch *batch = &packer->batch;
	int rc = list_grow(&batch->sessions, batch->session_count, &packer->session_room, sizeof *session, "sessions", e);
	if (!rc)
		batch->sessions[batch->session_count++] = *session;
	return rc;
}

static bool is_among(const struct parcel_session *sessions, size_t count, const struct session *session)
{
	for (size_t i = 0; i < count; i++)
		if (sessions[i].revision == session->revision && !strcmp(sessions[i].session_id, session->session_id))
			return true;
	return false;
}

/* Puts the batch's number of the point's session in its place. *out_fits is false when there is no room for one more
 * session. */
static int place_session(struct packer *packer, struct point *point, const struct pack_limits *limits, bool *out_fits,
                         struct err *e)
{
	struct batch *batch = &packer->batch;
	*out_fits = true;
	if (!point->session)
		return 0;
	/* The session of the point before is nearly always that of this one too: so it is looked for from the end. */
	for (size_t i = batch->session_count; i-- > 0;)
		if (batch->sessions[i].id == point->session) {
			point->session = (int32_t)i + 1;
			return 0;
		}
	*out_fits = (int64_t)batch->session_count < limits->sessions;
	if (!*out_fits)
		return 0;
	struct session session;
	int rc = store_session_by_id(packer->store, point->session, &session, e);
	if (!rc)
		rc = add_session(packer, &session, e);
	point->session = (int32_t)batch->session_count;
	return rc;
}

/* Reads the first points of `unsent` into the batch. Rows that are no longer in the store are passed over. */
static int read_points(struct packer *packer, struct ranges *todo, int64_t most, struct err *e)
{
	struct batch *batch = &packer->batch;
	while (todo->count && !batch->point_count && most) {
		struct ranges take = {0}, rest = {0};
		int rc = ranges_take(&take, todo, most, e);
		if (!rc)
			rc = identity_read_points(packer->store, &packer->identity, &take, batch->points, (size_t)most,
			                          &batch->point_count, e);
		if (!rc)
			rc = ranges_subtract(&rest, todo, &take, e);
		ranges_free(&take);
		ranges_free(todo);
		*todo = rest;
		if (rc)
			return rc;
	}
	return 0;
}

static int gather_points(struct packer *packer, const struct parcel *in_flight, const struct pack_limits *limits,
                         struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	struct ranges todo = {0};
	int rc = unsent(packer, STREAM_POINTS, in_flight, &todo, e);
	if (!rc)
		rc = read_points(packer, &todo, limits->points, e);
	out->full |= todo.count > 0;
	ranges_free(&todo);
	bool fits = true;
	size_t i = 0;
	while (!rc && i < batch->point_count) {
		rc = place_session(packer, &batch->points[i], limits, &fits, e);
		if (!fits)
			break;
		if (!rc)
			rc = ranges_add(&out->sent[STREAM_POINTS], batch->points[i].seq, batch->points[i].seq, e);
		i++;
	}
	out->full |= !fits;
	batch->point_count = i;
	return rc;
}

/* The session of an event goes along, so that the centre can hold the two together. */
static int accompany(struct packer *packer, const struct event *event, const struct pack_limits *limits, bool *out_fits,
                     struct err *e)
{
	struct batch *batch = &packer->batch;
	*out_fits = true;
	if (!event->session_id[0])
		return 0;
	for (size_t i = batch->session_count; i-- > 0;)
		if (!strcmp(batch->sessions[i].session_id, event->session_id))
			return 0;
	*out_fits = (int64_t)batch->session_count < limits->sessions;
	if (!*out_fits)
		return 0;
	struct session session;
	int rc = store_session_by_name(packer->store, event->session_id, &session, e);
	return rc ? rc : add_session(packer, &session, e);
}

/* Takes over as many of the `count` events that were just read as find room; *out_room says whether all did. */
static int take_events(struct packer *packer, size_t count, size_t *bytes, const struct pack_limits *limits,
                       struct parcel *out, bool *out_room, struct err *e)
{
	struct batch *batch = &packer->batch;
	*out_room = true;
	for (size_t i = 0; i < count && *out_room; i++) {
		struct event *event = &batch->events[batch->event_count];
		int rc = accompany(packer, event, limits, out_room, e);
		if (!rc && *out_room)
			rc = ranges_add(&out->sent[STREAM_EVENTS], event->seq, event->seq, e);
		if (rc)
			return rc;
		if (!*out_room)
			return 0;
		*bytes += event->payload ? strlen(event->payload) : 0;
		batch->event_count++;
		*out_room = *bytes < EVENTS_BYTES || i + 1 == count;
	}
	return 0;
}

static int gather_events(struct packer *packer, const struct parcel *in_flight, const struct pack_limits *limits,
                         struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	struct ranges todo = {0};
	size_t bytes = 0;
	bool room = true;
	int rc = unsent(packer, STREAM_EVENTS, in_flight, &todo, e);
	while (!rc && todo.count && room && bytes < EVENTS_BYTES && (int64_t)batch->event_count < limits->events) {
		struct ranges take = {0}, rest = {0};
		int64_t most = limits->events - (int64_t)batch->event_count;
		size_t count = 0;
		most = most < EVENTS_AT_ONCE ? most : EVENTS_AT_ONCE;
		rc = ranges_take(&take, &todo, most, e);
		if (!rc)
			rc = identity_read_events(packer->store, &packer->identity, &take, batch->events + batch->event_count,
			                          (size_t)most, &count, e);
		if (!rc) {
			size_t end = batch->event_count + count;
			rc = take_events(packer, count, &bytes, limits, out, &room, e);
			for (size_t i = batch->event_count; i < end; i++)
				event_free(&batch->events[i]);
		}
		if (!rc)
			rc = ranges_subtract(&rest, &todo, &take, e);
		ranges_free(&take);
		ranges_free(&todo);
		todo = rest;
	}
	out->full |= !room || todo.count > 0;
	ranges_free(&todo);
	return rc;
}

static const struct session *find_aboard(const struct batch *batch, const struct session *session)
{
	for (size_t i = batch->session_count; i-- > 0;)
		if (batch->sessions[i].id == session->id)
			return &batch->sessions[i];
	return NULL;
}

/* Comes after the rows, whose sessions are aboard already: says which of them are unsent, and adds what there is room
 * for of the others. */
static int gather_sessions(struct packer *packer, const struct parcel *in_flight, const struct pack_limits *limits,
                           struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	struct session *sessions = NULL;
	size_t count = 0, flying = in_flight ? in_flight->session_count : 0;
	size_t ask = BATCH_SESSIONS_MAX + flying + packer->refused_count;
	int rc = store_sessions_unsent(packer->store, ask, &sessions, &count, e);
	out->sessions = !rc && count ? malloc(count * sizeof *out->sessions) : NULL;
	if (!rc && count && !out->sessions)
		rc = err_set(e, ERR_MEMORY, "out of memory for sessions");
	for (size_t i = 0; i < count && !rc; i++) {
		if (flying && is_among(in_flight->sessions, flying, &sessions[i]))
			continue;
		const struct session *aboard = find_aboard(batch, &sessions[i]);
		if (!aboard && is_among(packer->refused, packer->refused_count, &sessions[i]))
			continue;
		if (!aboard && (limits->bare || (int64_t)batch->session_count >= limits->sessions)) {
			out->full = true;
			continue;
		}
		if (!aboard)
			rc = add_session(packer, &sessions[i], e);
		struct parcel_session *sent = &out->sessions[out->session_count++];
		memcpy(sent->session_id, sessions[i].session_id, sizeof sent->session_id);
		/* It may have changed since it went aboard: what counts is what travels. */
		sent->revision = aboard ? aboard->revision : sessions[i].revision;
	}
	free(sessions);
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

/* The parts of a drop that are of this identity, by its seqs. */
static int add_drop(struct packer *packer, const struct drop *drop, struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	struct ranges rows = {0}, seqs = {0};
	int rc = ranges_add(&rows, drop->first, drop->last, e);
	if (!rc)
		rc = identity_seqs(&packer->identity, drop->stream, &rows, &seqs, e);
	for (size_t i = 0; i < seqs.count && !rc; i++) {
		if (ranges_contain(&packer->told[drop->stream], seqs.items[i].first))
			continue;
		out->full |= batch->drop_count == BATCH_DROPS_MAX;
		if (batch->drop_count == BATCH_DROPS_MAX)
			break;
		struct drop *part = &batch->drops[batch->drop_count++];
		*part = *drop;
		part->first = seqs.items[i].first;
		part->last = seqs.items[i].last;
	}
	ranges_free(&rows);
	ranges_free(&seqs);
	return rc;
}

/* Those of which the centre does not know, as far as there is room. */
static int gather_drops(struct packer *packer, struct parcel *out, struct err *e)
{
	struct batch *batch = &packer->batch;
	struct drop *untold = NULL;
	size_t count = 0;
	int rc = store_drop_list(packer->store, true, DROPS_MOST, &untold, &count, e);
	batch->drops = rc || !count ? NULL : calloc(BATCH_DROPS_MAX, sizeof *batch->drops);
	if (!rc && count && !batch->drops)
		rc = err_set(e, ERR_MEMORY, "out of memory for what was dropped");
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_drop(packer, &untold[i], out, e);
	free(untold);
	out->drops = batch->drop_count > 0;
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

/* Anew for each batch: rows are recorded meanwhile, and receipts and forks give rows other names. */
static int look_at_identity(struct packer *packer, struct parcel *out, struct err *e)
{
	identity_free(&packer->identity);
	memcpy(out->store_id, packer->store_id, sizeof out->store_id);
	return identity_read(packer->store, packer->store_id, &packer->identity, e);
}

static int gather(struct packer *packer, const struct parcel *in_flight, const struct pack_limits *limits,
                  struct parcel *out, struct err *e)
{
	let_go_of_rows(packer);
	parcel_empty(out);
	int rc = look_at_identity(packer, out, e);
	if (!rc)
		rc = gather_points(packer, in_flight, limits, out, e);
	if (!rc)
		rc = gather_events(packer, in_flight, limits, out, e);
	if (!rc)
		rc = gather_sessions(packer, in_flight, limits, out, e);
	if (!rc && !limits->bare)
		rc = gather_drops(packer, out, e);
	out->loaded = !rc && (out->session_count || packer->batch.point_count || packer->batch.event_count || out->drops);
	return rc;
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
	packer->limits = (struct pack_limits){packer->batch_points, EVENTS_MOST, BATCH_SESSIONS_MAX, false};
	packer->passed = 0;
}

bool packer_is_narrow(const struct packer *packer)
{
	const struct pack_limits *limits = &packer->limits;
	return limits->bare || limits->points < packer->batch_points || limits->events < EVENTS_MOST;
}

bool packer_narrow(struct packer *packer, const struct parcel *refused)
{
	struct pack_limits *limits = &packer->limits;
	int64_t points = ranges_total(&refused->sent[STREAM_POINTS]), events = ranges_total(&refused->sent[STREAM_EVENTS]);
	if (points + events == 0 || (points + events == 1 && refused->bare))
		return false;
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
		limits->events = limits->events < EVENTS_MOST / 2 ? 2 * limits->events + 1 : EVENTS_MOST;
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
	let_go_of_rows(packer);
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
	int rc = look_at_identity(packer, out, e);
	if (!rc)
		rc = store_next_exchange(packer->store, &out->exchange, e);
	if (!rc)
		rc = seal(packer, out, e);
	out->loaded = out->asks = !rc;
	return rc;
}
