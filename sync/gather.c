#include "sync/gather.h"

#include "hal/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EVENTS_AT_ONCE = 64,       /* read from the store in one go */
	EVENTS_BYTES = 256 * 1024, /* of payload in one batch: more is left for the next, to keep memory flat */
	DROPS_MOST = 3000,         /* told in one run */
};

int gather_start(struct gather *gather, struct store *store, int64_t batch_points, struct err *e)
{
	*gather = (struct gather){.store = store};
	gather_turn_to(gather, store_id(store));
	gather->batch.points = calloc((size_t)batch_points, sizeof *gather->batch.points);
	gather->batch.events = calloc(GATHER_EVENTS, sizeof *gather->batch.events);
	if (!gather->batch.points || !gather->batch.events)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	return 0;
}

void gather_forget_told(struct gather *gather)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&gather->told[s]);
}

void gather_turn_to(struct gather *gather, const char *store_id)
{
	gather_forget_told(gather);
	snprintf(gather->store_id, sizeof gather->store_id, "%s", store_id);
}

void gather_end(struct gather *gather)
{
	gather_let_go(gather);
	identity_free(&gather->identity);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&gather->again[s]);
	gather_forget_told(gather);
	free(gather->refused);
	batch_free(&gather->batch);
}

void gather_let_go(struct gather *gather)
{
	for (size_t i = 0; i < gather->batch.event_count; i++)
		event_free(&gather->batch.events[i]);
	gather->batch.point_count = gather->batch.event_count = gather->batch.session_count = gather->batch.drop_count = 0;
	gather->batch.retry = false;
	free(gather->batch.drops);
	gather->batch.drops = NULL;
}

/* What the centre does not account for, or is to be sent again, and is not on its way to it. */
static int unsent(struct gather *gather, enum stream stream, const struct parcel *in_flight, struct ranges *out,
                  struct err *e)
{
	int rc = identity_unsent(gather->store, &gather->identity, stream, out, e);
	if (!rc)
		rc = ranges_add_all(out, &gather->again[stream], e);
	if (!rc && in_flight)
		rc = ranges_remove(out, &in_flight->sent[stream], e);
	return rc;
}

static int add_session(struct gather *gather, const struct session *session, struct err *e)
{
	struct batch *batch = &gather->batch;
	int rc = list_grow(&batch->sessions, batch->session_count, &gather->session_room, sizeof *session, "sessions", e);
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
static int place_session(struct gather *gather, struct point *point, const struct limits *limits, bool *out_fits,
                         struct err *e)
{
	struct batch *batch = &gather->batch;
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
	int rc = store_session_by_id(gather->store, point->session, &session, e);
	if (!rc)
		rc = add_session(gather, &session, e);
	point->session = (int32_t)batch->session_count;
	return rc;
}

/* Reads the first points of `unsent` into the batch. Rows that are no longer in the store are passed over. */
static int read_points(struct gather *gather, struct ranges *todo, int64_t most, struct err *e)
{
	struct batch *batch = &gather->batch;
	while (todo->count && !batch->point_count && most) {
		struct ranges take = {0};
		int rc = ranges_take(&take, todo, most, e);
		if (!rc)
			rc = identity_read_points(gather->store, &gather->identity, &take, batch->points, (size_t)most,
			                          &batch->point_count, e);
		if (!rc)
			rc = ranges_remove(todo, &take, e);
		ranges_free(&take);
		if (rc)
			return rc;
	}
	return 0;
}

static int gather_points(struct gather *gather, const struct parcel *in_flight, const struct limits *limits,
                         struct parcel *out, struct err *e)
{
	struct batch *batch = &gather->batch;
	struct ranges todo = {0};
	int rc = unsent(gather, STREAM_POINTS, in_flight, &todo, e);
	if (!rc)
		rc = read_points(gather, &todo, limits->points, e);
	out->full |= todo.count > 0;
	ranges_free(&todo);
	bool fits = true;
	size_t i = 0;
	while (!rc && i < batch->point_count) {
		rc = place_session(gather, &batch->points[i], limits, &fits, e);
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
static int accompany(struct gather *gather, const struct event *event, const struct limits *limits, bool *out_fits,
                     struct err *e)
{
	struct batch *batch = &gather->batch;
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
	int rc = store_session_by_name(gather->store, event->session_id, &session, e);
	return rc ? rc : add_session(gather, &session, e);
}

/* Takes over as many of the `count` events that were just read as find room; *out_room says whether all did. */
static int take_events(struct gather *gather, size_t count, size_t *bytes, const struct limits *limits,
                       struct parcel *out, bool *out_room, struct err *e)
{
	struct batch *batch = &gather->batch;
	*out_room = true;
	for (size_t i = 0; i < count && *out_room; i++) {
		struct event *event = &batch->events[batch->event_count];
		int rc = accompany(gather, event, limits, out_room, e);
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

static int gather_events(struct gather *gather, const struct parcel *in_flight, const struct limits *limits,
                         struct parcel *out, struct err *e)
{
	struct batch *batch = &gather->batch;
	struct ranges todo = {0};
	size_t bytes = 0;
	bool room = true;
	int rc = unsent(gather, STREAM_EVENTS, in_flight, &todo, e);
	while (!rc && todo.count && room && bytes < EVENTS_BYTES && (int64_t)batch->event_count < limits->events) {
		struct ranges take = {0};
		int64_t most = limits->events - (int64_t)batch->event_count;
		size_t count = 0;
		most = most < EVENTS_AT_ONCE ? most : EVENTS_AT_ONCE;
		rc = ranges_take(&take, &todo, most, e);
		if (!rc)
			rc = identity_read_events(gather->store, &gather->identity, &take, batch->events + batch->event_count,
			                          (size_t)most, &count, e);
		if (!rc) {
			size_t end = batch->event_count + count;
			rc = take_events(gather, count, &bytes, limits, out, &room, e);
			for (size_t i = batch->event_count; i < end; i++)
				event_free(&batch->events[i]);
		}
		if (!rc)
			rc = ranges_remove(&todo, &take, e);
		ranges_free(&take);
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
static int gather_sessions(struct gather *gather, const struct parcel *in_flight, const struct limits *limits,
                           struct parcel *out, struct err *e)
{
	struct batch *batch = &gather->batch;
	struct session *sessions = NULL;
	size_t count = 0, flying = in_flight ? in_flight->session_count : 0;
	size_t ask = BATCH_SESSIONS_MAX + flying + gather->refused_count;
	int rc = store_sessions_unsent(gather->store, ask, &sessions, &count, e);
	out->sessions = !rc && count ? malloc(count * sizeof *out->sessions) : NULL;
	if (!rc && count && !out->sessions)
		rc = err_set(e, ERR_MEMORY, "out of memory for sessions");
	for (size_t i = 0; i < count && !rc; i++) {
		if (flying && is_among(in_flight->sessions, flying, &sessions[i]))
			continue;
		const struct session *aboard = find_aboard(batch, &sessions[i]);
		if (!aboard && is_among(gather->refused, gather->refused_count, &sessions[i]))
			continue;
		if (!aboard && (limits->bare || (int64_t)batch->session_count >= limits->sessions)) {
			out->full = true;
			continue;
		}
		if (!aboard)
			rc = add_session(gather, &sessions[i], e);
		struct parcel_session *sent = &out->sessions[out->session_count++];
		memcpy(sent->session_id, sessions[i].session_id, sizeof sent->session_id);
		/* It may have changed since it went aboard: what counts is what travels. */
		sent->revision = aboard ? aboard->revision : sessions[i].revision;
	}
	free(sessions);
	return rc;
}

int gather_open(struct gather *gather, struct err *e)
{
	struct session open;
	bool found = false;
	if (!gather->tell_open || !gather->identity.present)
		return 0;
	int rc = store_session_open(gather->store, &open, &found, e);
	return rc || !found || find_aboard(&gather->batch, &open) ? rc : add_session(gather, &open, e);
}

/* The parts of a drop that are of this identity, by its seqs. */
static int add_drop(struct gather *gather, const struct drop *drop, struct parcel *out, struct err *e)
{
	struct batch *batch = &gather->batch;
	struct ranges rows = {0}, seqs = {0};
	int rc = ranges_add(&rows, drop->first, drop->last, e);
	if (!rc)
		rc = identity_seqs(&gather->identity, drop->stream, &rows, &seqs, e);
	for (size_t i = 0; i < seqs.count && !rc; i++) {
		if (ranges_contain(&gather->told[drop->stream], seqs.items[i].first))
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
static int gather_drops(struct gather *gather, struct parcel *out, struct err *e)
{
	struct batch *batch = &gather->batch;
	struct drop *untold = NULL;
	size_t count = 0;
	int rc = store_drop_list(gather->store, true, DROPS_MOST, &untold, &count, e);
	batch->drops = rc || !count ? NULL : calloc(BATCH_DROPS_MAX, sizeof *batch->drops);
	if (!rc && count && !batch->drops)
		rc = err_set(e, ERR_MEMORY, "out of memory for what was dropped");
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_drop(gather, &untold[i], out, e);
	free(untold);
	out->drops = batch->drop_count > 0;
	return rc;
}

int gather_identity(struct gather *gather, struct parcel *out, struct err *e)
{
	identity_free(&gather->identity);
	memcpy(out->store_id, gather->store_id, sizeof out->store_id);
	return identity_read(gather->store, gather->store_id, &gather->identity, e);
}

int gather_batch(struct gather *gather, const struct parcel *in_flight, const struct limits *limits, struct parcel *out,
                 struct err *e)
{
	gather_let_go(gather);
	parcel_empty(out);
	int rc = gather_identity(gather, out, e);
	if (!rc)
		rc = gather_points(gather, in_flight, limits, out, e);
	if (!rc)
		rc = gather_events(gather, in_flight, limits, out, e);
	if (!rc)
		rc = gather_sessions(gather, in_flight, limits, out, e);
	if (!rc && !limits->bare)
		rc = gather_drops(gather, out, e);
	out->loaded = !rc && (out->session_count || gather->batch.point_count || gather->batch.event_count || out->drops);
	if (out->loaded && !limits->bare && (int64_t)gather->batch.session_count < limits->sessions)
		rc = gather_open(gather, e);
	return rc;
}

/* ---- what goes once ---------------------------------------------------------------------------------------- */

static int note_told(struct gather *gather, struct err *e)
{
	const struct batch *batch = &gather->batch;
	int rc = 0;
	for (size_t i = 0; i < batch->drop_count && !rc; i++)
		rc = ranges_add(&gather->told[batch->drops[i].stream], batch->drops[i].first, batch->drops[i].last, e);
	return rc;
}

int gather_made(struct gather *gather, const struct parcel *made, struct err *e)
{
	int rc = note_told(gather, e);
	gather->tell_open &= !made->loaded;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = ranges_remove(&gather->again[s], &made->sent[s], e);
	return rc;
}

int gather_without_session(struct gather *gather, const struct parcel_session *session, struct err *e)
{
	struct parcel_session *more = realloc(gather->refused, (gather->refused_count + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	gather->refused = more;
	gather->refused[gather->refused_count++] = *session;
	return 0;
}
