#include "sync/engine.h"

#include "hal/clock.h"
#include "sync/batch.h"
#include "sync/envelope.h"
#include "sync/pairing.h"
#include "sync/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	EVENTS_AT_ONCE = 64,         /* read from the store in one go */
	EVENTS_BYTES = 256 * 1024,   /* of payload in one batch: more is left for the next, to keep memory flat */
	EVENTS_MOST = 1000,          /* of BATCH_EVENTS_MAX, for the same reason */
	SESSIONS_FOR_THEMSELVES = 2, /* one of so many places in a batch is for sessions that no row refers to */
	SHORT_BATCHES_MOST = 10,     /* see run_batches */
};

struct session_sent {
	char session_id[UUID_TEXT];
	int64_t revision;
};

/* A batch that is sealed: all that must be remembered of it until its receipt is there. */
struct flight {
	bool loaded; /* there is something to send */
	bool full;   /* … and not all that was unsent found room */
	int64_t exchange;
	struct buffer envelope;
	uint8_t digest[ENVELOPE_DIGEST];
	struct ranges sent[STREAM_COUNT];
	struct session_sent *sessions; /* those that were unsent, not those that rows only refer to */
	size_t session_count;
};

struct limits {
	int64_t points, events, sessions;
};

/* One run of the engine. The arrays of `batch` belong to it and are used again for every batch, so that memory is the
 * same for ten thousand points and for a million. */
struct run {
	struct store *store;
	const struct key_pair *keys;
	struct carrier *carrier;
	const struct engine_options *options;
	struct engine_report *report;
	struct store_centre centre;
	bool even_empty; /* engine_ask */
	int64_t total;   /* unsent when the run began */
	struct batch batch;
	size_t session_room;
	struct buffer document, answer;
	struct flight flights[2];
};

/* ---- gathering rows -------------------------------------------------------------------------------------- */

/* What the centre does not account for, and is not on its way to it. */
static int unsent(struct run *run, enum stream stream, const struct flight *in_flight, struct ranges *out,
                  struct err *e)
{
	struct ranges all = {0};
	int rc = store_unsent(run->store, stream, &all, e);
	if (!rc && in_flight)
		rc = ranges_subtract(out, &all, &in_flight->sent[stream], e);
	else if (!rc) {
		*out = all;
		return 0;
	}
	ranges_free(&all);
	return rc;
}

static int add_session(struct run *run, const struct session *session, struct err *e)
{
	struct batch *batch = &run->batch;
	if (batch->session_count == run->session_room) {
		size_t room = run->session_room ? run->session_room * 2 : 16;
		struct session *sessions = realloc(batch->sessions, room * sizeof *sessions);
		if (!sessions)
			return err_set(e, ERR_MEMORY, "out of memory for sessions");
		batch->sessions = sessions;
		run->session_room = room;
	}
	batch->sessions[batch->session_count++] = *session;
	return 0;
}

static bool is_in_flight(const struct flight *in_flight, const struct session *session)
{
	for (size_t i = 0; in_flight && i < in_flight->session_count; i++)
		if (in_flight->sessions[i].revision == session->revision &&
		    !strcmp(in_flight->sessions[i].session_id, session->session_id))
			return true;
	return false;
}

static int gather_sessions(struct run *run, const struct flight *in_flight, const struct limits *limits,
                           struct flight *out, struct err *e)
{
	struct session *sessions = NULL;
	size_t count = 0, most = (size_t)(limits->sessions / SESSIONS_FOR_THEMSELVES);
	if (!most)
		most = 1;
	/* Those in flight are among the first that the store names. */
	size_t ask = most + (in_flight ? in_flight->session_count : 0);
	int rc = store_sessions_unsent(run->store, ask, &sessions, &count, e);
	out->full |= !rc && count == ask;
	out->sessions = !rc && count ? malloc(count * sizeof *out->sessions) : NULL;
	if (!rc && count && !out->sessions)
		rc = err_set(e, ERR_MEMORY, "out of memory for sessions");
	for (size_t i = 0; i < count && out->session_count < most && !rc; i++) {
		if (is_in_flight(in_flight, &sessions[i]))
			continue;
		struct session_sent *sent = &out->sessions[out->session_count++];
		memcpy(sent->session_id, sessions[i].session_id, sizeof sent->session_id);
		sent->revision = sessions[i].revision;
		rc = add_session(run, &sessions[i], e);
	}
	free(sessions);
	return rc;
}

/* Puts the batch's number of the point's session in its place. *out_fits is false when there is no room for one more
 * session. */
static int place_session(struct run *run, struct point *point, const struct limits *limits, bool *out_fits,
                         struct err *e)
{
	struct batch *batch = &run->batch;
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
	int rc = store_session_by_id(run->store, point->session, &session, e);
	if (!rc)
		rc = add_session(run, &session, e);
	point->session = (int32_t)batch->session_count;
	return rc;
}

/* Reads the first points of `unsent` into the batch. Rows that are no longer in the store are passed over. */
static int read_points(struct run *run, struct ranges *todo, int64_t most, struct err *e)
{
	struct batch *batch = &run->batch;
	while (todo->count && !batch->point_count) {
		struct ranges take = {0}, rest = {0};
		int rc = ranges_take(&take, todo, most, e);
		if (!rc)
			rc = store_read_points(run->store, &take, batch->points, (size_t)most, &batch->point_count, e);
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

static int gather_points(struct run *run, const struct flight *in_flight, const struct limits *limits,
                         struct flight *out, struct err *e)
{
	struct batch *batch = &run->batch;
	struct ranges todo = {0};
	int rc = unsent(run, STREAM_POINTS, in_flight, &todo, e);
	if (!rc)
		rc = read_points(run, &todo, limits->points, e);
	out->full |= todo.count > 0;
	ranges_free(&todo);
	bool fits = true;
	size_t i = 0;
	while (!rc && i < batch->point_count) {
		rc = place_session(run, &batch->points[i], limits, &fits, e);
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
static int accompany(struct run *run, const struct event *event, const struct limits *limits, bool *out_fits,
                     struct err *e)
{
	struct batch *batch = &run->batch;
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
	int rc = store_session_by_name(run->store, event->session_id, &session, e);
	return rc ? rc : add_session(run, &session, e);
}

/* Takes over as many of the `count` events that were just read as find room; *out_room says whether all did. */
static int take_events(struct run *run, size_t count, size_t *bytes, const struct limits *limits, struct flight *out,
                       bool *out_room, struct err *e)
{
	struct batch *batch = &run->batch;
	*out_room = true;
	for (size_t i = 0; i < count && *out_room; i++) {
		struct event *event = &batch->events[batch->event_count];
		int rc = accompany(run, event, limits, out_room, e);
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

static int gather_events(struct run *run, const struct flight *in_flight, const struct limits *limits,
                         struct flight *out, struct err *e)
{
	struct batch *batch = &run->batch;
	struct ranges todo = {0};
	size_t bytes = 0;
	bool room = true;
	int rc = unsent(run, STREAM_EVENTS, in_flight, &todo, e);
	while (!rc && todo.count && room && bytes < EVENTS_BYTES && (int64_t)batch->event_count < limits->events) {
		struct ranges take = {0}, rest = {0};
		int64_t most = limits->events - (int64_t)batch->event_count;
		size_t count = 0;
		most = most < EVENTS_AT_ONCE ? most : EVENTS_AT_ONCE;
		rc = ranges_take(&take, &todo, most, e);
		if (!rc)
			rc = store_read_events(run->store, &take, batch->events + batch->event_count, (size_t)most, &count, e);
		if (!rc) {
			size_t end = batch->event_count + count;
			rc = take_events(run, count, &bytes, limits, out, &room, e);
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

static int describe_unit(struct run *run, struct unit_state *out, struct err *e)
{
	struct store_backlog backlog;
	struct statvfs disk;
	int rc = store_backlog(run->store, &backlog, e);
	if (rc)
		return rc;
	*out = (struct unit_state){
		.version = ALZY_VERSION,
		.unsent_points = backlog.points,
		.unsent_events = backlog.events,
		.oldest_unsent_ms = backlog.oldest_ms,
		.free_bytes = statvfs(store_path(run->store), &disk) ? -1 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize,
		.clock_ms = clock_wall_ms(),
	};
	return 0;
}

static void let_go_of_rows(struct run *run)
{
	for (size_t i = 0; i < run->batch.event_count; i++)
		event_free(&run->batch.events[i]);
	run->batch.point_count = run->batch.event_count = run->batch.session_count = 0;
}

static void empty_flight(struct flight *flight)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		flight->sent[s].count = 0;
	free(flight->sessions);
	flight->sessions = NULL;
	flight->session_count = 0;
	flight->envelope.length = 0;
	flight->loaded = flight->full = false;
}

static int gather(struct run *run, const struct flight *in_flight, const struct limits *limits, struct flight *out,
                  struct err *e)
{
	let_go_of_rows(run);
	empty_flight(out);
	int rc = gather_sessions(run, in_flight, limits, out, e);
	if (!rc)
		rc = gather_points(run, in_flight, limits, out, e);
	if (!rc)
		rc = gather_events(run, in_flight, limits, out, e);
	out->loaded = !rc && (out->session_count || run->batch.point_count || run->batch.event_count || run->even_empty);
	return rc;
}

/* ---- a batch of them ------------------------------------------------------------------------------------- */

static int seal(struct run *run, struct flight *out, struct err *e)
{
	struct batch *batch = &run->batch;
	memcpy(batch->sender, run->keys->public_key, KEY_PUBLIC);
	snprintf(batch->store_id, sizeof batch->store_id, "%s", store_id(run->store));
	batch->exchange = out->exchange;
	batch->point_ranges = out->sent[STREAM_POINTS]; /* borrowed */
	int rc = describe_unit(run, &batch->state, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = store_last_seq(run->store, (enum stream)s, &batch->last_seq[s], e);
	run->document.length = 0;
	if (!rc)
		rc = batch_encode(batch, &run->document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_BATCH, run->keys, run->centre.public_key, run->document.bytes, run->document.length,
		                   &out->envelope, e);
	if (!rc)
		envelope_digest(out->envelope.bytes, out->envelope.length, out->digest);
	batch->point_ranges = (struct ranges){0};
	return rc;
}

/* False when there is nothing left to halve. */
static bool halve(struct limits *limits)
{
	bool more = limits->points > 1 || limits->events > 1 || limits->sessions > 1;
	limits->points = limits->points > 1 ? limits->points / 2 : 1;
	limits->events = limits->events > 1 ? limits->events / 2 : 1;
	limits->sessions = limits->sessions > 1 ? limits->sessions / 2 : 1;
	return more;
}

/* Makes the next batch of what is neither receipted nor in flight. out->loaded is false when there is nothing. */
static int prepare(struct run *run, const struct flight *in_flight, struct flight *out, struct err *e)
{
	struct limits limits = {run->options->batch_points, EVENTS_MOST, BATCH_SESSIONS_MAX};
	int rc;
	out->exchange = 0;
	do {
		rc = gather(run, in_flight, &limits, out, e);
		/* The number is durable before anything is sent under it, so that no two batches ever share one. */
		if (!rc && out->loaded && !out->exchange)
			rc = store_next_exchange(run->store, &out->exchange, e);
		if (!rc && out->loaded)
			rc = seal(run, out, e);
	} while (rc == -ERR_LIMIT && halve(&limits));
	let_go_of_rows(run);
	return rc;
}

/* ---- its receipt ----------------------------------------------------------------------------------------- */

static int check_receipt(const struct run *run, const struct flight *flight, const struct receipt *receipt,
                         struct err *e)
{
	if (strcmp(receipt->store_id, store_id(run->store)))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another store (%s)", receipt->store_id);
	if (receipt->exchange != flight->exchange)
		return err_set(e, ERR_FORGED, "the centre's receipt is for exchange %" PRId64 ", not for %" PRId64,
		               receipt->exchange, flight->exchange);
	if (memcmp(receipt->batch_digest, flight->digest, ENVELOPE_DIGEST))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another batch than the one that was sent");
	return 0;
}

/* How many of `seqs` that were sent are in `said`. */
static int count_common(const struct ranges *sent, const struct ranges *said, int64_t *out, struct err *e)
{
	struct ranges common = {0};
	int rc = ranges_intersect(&common, sent, said, e);
	if (!rc)
		*out = ranges_total(&common);
	ranges_free(&common);
	return rc;
}

/* What of one stream of the batch the receipt accounts for, and how much of that is rejected. */
static int count_stream(const struct flight *flight, enum stream stream, const struct receipt *receipt,
                        int64_t *out_accounted, int64_t *out_rejected, struct err *e)
{
	const struct receipt_stream *said = &receipt->streams[stream];
	struct ranges rejected = {0};
	int rc = count_common(&flight->sent[stream], &said->accounted, out_accounted, e);
	for (size_t i = 0; i < said->rejected_count && !rc; i++)
		rc = ranges_add(&rejected, said->rejected[i].seq, said->rejected[i].seq, e);
	if (!rc)
		rc = count_common(&flight->sent[stream], &rejected, out_rejected, e);
	ranges_free(&rejected);
	return rc;
}

static int64_t count_sessions(const struct flight *flight, const struct receipt *receipt)
{
	int64_t held = 0;
	for (size_t i = 0; i < flight->session_count; i++)
		for (size_t j = 0; j < receipt->session_count; j++)
			if (!strcmp(flight->sessions[i].session_id, receipt->sessions[j].session_id) &&
			    receipt->sessions[j].revision >= flight->sessions[i].revision) {
				held++;
				break;
			}
	return held;
}

/* Adds to the report what the receipt says of the batch. A receipt that accounts for none of what was sent would make
 * the same rows go again and again. */
static int count_up(struct run *run, const struct flight *flight, const struct receipt *receipt, struct err *e)
{
	int64_t accounted[STREAM_COUNT], rejected[STREAM_COUNT], sessions = count_sessions(flight, receipt);
	for (int s = 0; s < STREAM_COUNT; s++) {
		int rc = count_stream(flight, (enum stream)s, receipt, &accounted[s], &rejected[s], e);
		if (rc)
			return rc;
	}
	run->report->batches++;
	run->report->points += accounted[STREAM_POINTS] - rejected[STREAM_POINTS];
	run->report->events += accounted[STREAM_EVENTS] - rejected[STREAM_EVENTS];
	run->report->sessions += sessions;
	run->report->rejected += rejected[STREAM_POINTS] + rejected[STREAM_EVENTS];
	if (!run->even_empty && !accounted[STREAM_POINTS] && !accounted[STREAM_EVENTS] && !sessions)
		return err_set(
			e, ERR_INVALID,
			"the centre's receipt accounts for none of the rows that were sent: they stay here and are tried "
			"again later; look at the log of the centre");
	return 0;
}

/* The receipt's lists in the store's own terms; both arrays are to be freed. */
static int translate(const struct receipt *receipt, struct store_receipt *out, struct store_rejected **rejected,
                     struct store_session_held **held, struct err *e)
{
	size_t count = receipt->streams[STREAM_POINTS].rejected_count + receipt->streams[STREAM_EVENTS].rejected_count;
	*rejected = calloc(count + 1, sizeof **rejected);
	*held = calloc(receipt->session_count + 1, sizeof **held);
	if (!*rejected || !*held)
		return err_set(e, ERR_MEMORY, "out of memory for a receipt");
	*out = (struct store_receipt){.exchange = receipt->exchange,
	                              .rejected = *rejected,
	                              .sessions = *held,
	                              .session_count = receipt->session_count,
	                              .applied_at_ms = clock_wall_ms()};
	snprintf(out->device_name, sizeof out->device_name, "%s", receipt->device_name);
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct receipt_stream *said = &receipt->streams[s];
		out->accounted[s] = said->accounted; /* borrowed */
		for (size_t i = 0; i < said->rejected_count; i++) {
			struct store_rejected *row = &(*rejected)[out->rejected_count++];
			row->stream = (enum stream)s;
			row->seq = said->rejected[i].seq;
			snprintf(row->code, sizeof row->code, "%s", said->rejected[i].code);
			snprintf(row->reason, sizeof row->reason, "%s", said->rejected[i].reason);
		}
	}
	for (size_t i = 0; i < receipt->session_count; i++) {
		memcpy((*held)[i].session_id, receipt->sessions[i].session_id, UUID_TEXT);
		(*held)[i].revision = receipt->sessions[i].revision;
	}
	return 0;
}

static int apply_receipt(struct run *run, const struct receipt *receipt, struct err *e)
{
	struct store_receipt said;
	struct store_rejected *rejected = NULL;
	struct store_session_held *held = NULL;
	bool applied = false;
	int rc = translate(receipt, &said, &rejected, &held, e);
	if (!rc)
		rc = store_apply_receipt(run->store, &said, &applied, e);
	free(rejected);
	free(held);
	if (!rc && !applied)
		rc = err_set(e, ERR_BUSY, "another process has applied a newer receipt to this store meanwhile");
	if (!rc && run->centre.refusal[0])
		rc = store_centre_refused(run->store, "", e);
	if (!rc)
		run->centre.refusal[0] = '\0';
	return rc;
}

static int take_receipt(struct run *run, const struct flight *flight, struct err *e)
{
	struct receipt receipt = {0};
	run->document.length = 0;
	int rc = envelope_open(run->answer.bytes, run->answer.length, ENVELOPE_RECEIPT, run->keys, run->centre.public_key,
	                       &run->document, e);
	if (!rc)
		rc = receipt_decode(run->document.bytes, run->document.length, &receipt, e);
	if (rc)
		return err_wrap(e, "what %s answered is no receipt of this centre", run->centre.url);
	rc = check_receipt(run, flight, &receipt, e);
	if (!rc)
		rc = apply_receipt(run, &receipt, e);
	if (!rc)
		rc = count_up(run, flight, &receipt, e);
	receipt_free(&receipt);
	return rc;
}

/* ---- a run ----------------------------------------------------------------------------------------------- */

static int start_exchange(struct run *run, const struct flight *flight, struct err *e)
{
	int rc = run->carrier->start(run->carrier, "/v1/batches", flight->envelope.bytes, flight->envelope.length, e);
	if (!rc)
		run->report->bytes_sent += (int64_t)flight->envelope.length;
	return rc;
}

static int finish_exchange(struct run *run, const struct flight *flight, struct err *e)
{
	run->answer.length = 0;
	int rc = run->carrier->finish(run->carrier, &run->answer, &run->report->retry_ms, e);
	/* Not being able to write it down is no reason to hide what the centre said. */
	if (rc == -ERR_REFUSED)
		store_centre_refused(run->store, e->text, NULL);
	if (rc)
		return rc;
	run->report->bytes_received += (int64_t)run->answer.length;
	rc = take_receipt(run, flight, e);
	if (!rc && run->options->progress)
		run->options->progress(run->report, run->total, run->options->user);
	return rc;
}

/* Sends `flight`, and makes the next batch while the centre works on it. */
static int exchange(struct run *run, const struct flight *flight, struct flight *next, struct err *e)
{
	struct err later = {0};
	int rc = start_exchange(run, flight, e);
	if (rc)
		return rc;
	int prepared = run->even_empty ? 0 : prepare(run, flight, next, &later);
	rc = finish_exchange(run, flight, e);
	if (!rc && prepared)
		return err_set(e, later.code, "%s", later.text);
	return rc;
}

static int run_batches(struct run *run, struct err *e)
{
	struct flight *now = &run->flights[0], *next = &run->flights[1];
	/* Rows that are recorded meanwhile are sent too, but on a slow network that could go on for ever: a run ends after
	 * so many batches that took all there was. */
	int short_batches = 0;
	int rc = prepare(run, NULL, now, e);
	while (!rc && now->loaded && short_batches < SHORT_BATCHES_MOST) {
		if (run->options->stop && *run->options->stop)
			break;
		short_batches = now->full ? 0 : short_batches + 1;
		rc = exchange(run, now, next, e);
		struct flight *done = now;
		now = next;
		next = done;
		empty_flight(next);
		if (!rc && !now->loaded && !run->even_empty)
			rc = prepare(run, NULL, now, e);
	}
	return rc;
}

static int begin(struct run *run, struct err *e)
{
	bool paired;
	int rc = store_centre_get(run->store, &run->centre, &paired, e);
	if (rc)
		return rc;
	if (!paired)
		return err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	if (run->options->batch_points < 1 || run->options->batch_points > BATCH_POINTS_MAX)
		return err_set(e, ERR_INTERNAL, "a batch of %" PRId64 " points", run->options->batch_points);
	run->batch.points = calloc((size_t)run->options->batch_points, sizeof *run->batch.points);
	run->batch.events = calloc(EVENTS_MOST, sizeof *run->batch.events);
	if (!run->batch.points || !run->batch.events)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	struct store_backlog backlog;
	rc = store_backlog(run->store, &backlog, e);
	if (!rc)
		run->total = backlog.points + backlog.events + backlog.sessions;
	return rc;
}

static int count_held(struct store *store, enum stream stream, int64_t *out, struct err *e)
{
	struct ranges accounted = {0};
	int rc = store_accounted(store, stream, &accounted, e);
	if (!rc)
		*out = ranges_total(&accounted);
	ranges_free(&accounted);
	return rc;
}

/* What is left, also after a failure: a second failure here must not hide the first. */
static void sum_up(struct run *run)
{
	struct store_backlog backlog;
	if (!store_backlog(run->store, &backlog, NULL))
		run->report->remaining = backlog.points + backlog.events + backlog.sessions;
	count_held(run->store, STREAM_POINTS, &run->report->held_points, NULL);
	count_held(run->store, STREAM_EVENTS, &run->report->held_events, NULL);
}

static void end(struct run *run)
{
	let_go_of_rows(run);
	free(run->batch.points);
	free(run->batch.events);
	free(run->batch.sessions);
	buffer_free(&run->document);
	buffer_free(&run->answer);
	for (size_t i = 0; i < 2; i++) {
		empty_flight(&run->flights[i]);
		buffer_free(&run->flights[i].envelope);
		for (int s = 0; s < STREAM_COUNT; s++)
			ranges_free(&run->flights[i].sent[s]);
	}
}

static int whole_run(struct run *run, struct err *e)
{
	int64_t from_ms = clock_mono_ms();
	*run->report = (struct engine_report){0};
	int rc = begin(run, e);
	if (!rc)
		rc = run_batches(run, e);
	sum_up(run);
	run->report->elapsed_ms = clock_mono_ms() - from_ms;
	end(run);
	return rc;
}

int engine_run(struct store *store, const struct key_pair *keys, struct carrier *carrier,
               const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct run run = {.store = store, .keys = keys, .carrier = carrier, .options = options, .report = report};
	return whole_run(&run, e);
}

int engine_ask(struct store *store, const struct key_pair *keys, struct carrier *carrier, struct engine_report *report,
               struct err *e)
{
	static const struct engine_options options = {.batch_points = 1};
	struct run run = {
		.store = store, .keys = keys, .carrier = carrier, .options = &options, .report = report, .even_empty = true};
	return whole_run(&run, e);
}

/* ---- pairing --------------------------------------------------------------------------------------------- */

/* Before the link's one token is used up. */
static int may_pair(struct store *store, const struct pairing_link *link, struct err *e)
{
	struct store_centre centre;
	bool paired;
	int rc = store_centre_get(store, &centre, &paired, e);
	if (rc || !paired || !memcmp(centre.public_key, link->centre_key, KEY_PUBLIC))
		return rc;
	int64_t points = 0, events = 0;
	rc = count_held(store, STREAM_POINTS, &points, e);
	if (!rc)
		rc = count_held(store, STREAM_EVENTS, &events, e);
	if (!rc && points + events)
		rc =
			err_set(e, ERR_STATE,
		            "this link is of another centre than %s, which has receipted rows of this store: alzy unpair first",
		            centre.url);
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
