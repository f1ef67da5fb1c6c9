#include "sync/engine.h"

#include "hal/boot.h"
#include "hal/clock.h"
#include "sync/envelope.h"
#include "sync/pack.h"
#include "sync/receive.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	SHORT_BATCHES_MOST = 10, /* see run_batches */
	SET_ASIDE_MOST = 100,    /* rows in one run */
};

struct run {
	struct store *store;
	const struct key_pair *keys;
	struct carrier *carrier;
	const struct engine_options *options;
	struct engine_report *report;
	struct store_centre centre;
	int64_t total; /* unsent when the run began */
	struct packer packer;
	struct buffer answer;
	struct parcel parcels[2]; /* one under way, and the next */
	struct parcel question;   /* a batch without rows */
	bool hunting;             /* the centre has refused a batch of late, and serves all the same */
	int set_aside;
};

int engine_lock(struct lock **out, const char *store_path, int64_t wait_ms, struct err *e)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s.sync", store_path) >= sizeof path)
		return err_set(e, ERR_LIMIT, "the path of the store is too long");
	return lock_take(out, path, wait_ms, e);
}

/* ---- a receipt -------------------------------------------------------------------------------------------- */

static int check_receipt(const struct run *run, const struct parcel *parcel, const struct receipt *receipt,
                         struct err *e)
{
	if (strcmp(receipt->store_id, store_id(run->store)))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another store (%s)", receipt->store_id);
	if (receipt->exchange != parcel->exchange)
		return err_set(e, ERR_FORGED, "the centre's receipt is for exchange %" PRId64 ", not for %" PRId64,
		               receipt->exchange, parcel->exchange);
	if (memcmp(receipt->batch_digest, parcel->digest, ENVELOPE_DIGEST))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another batch than the one that was sent");
	return 0;
}

/* How many of the seqs that were sent are in `said`. */
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
static int count_stream(const struct parcel *parcel, enum stream stream, const struct receipt *receipt,
                        int64_t *out_accounted, int64_t *out_rejected, struct err *e)
{
	const struct receipt_stream *said = &receipt->streams[stream];
	struct ranges rejected = {0};
	int rc = count_common(&parcel->sent[stream], &said->accounted, out_accounted, e);
	for (size_t i = 0; i < said->rejected_count && !rc; i++)
		rc = ranges_add(&rejected, said->rejected[i].seq, said->rejected[i].seq, e);
	if (!rc)
		rc = count_common(&parcel->sent[stream], &rejected, out_rejected, e);
	ranges_free(&rejected);
	return rc;
}

static int64_t count_sessions(const struct parcel *parcel, const struct receipt *receipt)
{
	int64_t held = 0;
	for (size_t i = 0; i < parcel->session_count; i++)
		for (size_t j = 0; j < receipt->session_count; j++)
			if (!strcmp(parcel->sessions[i].session_id, receipt->sessions[j].session_id) &&
			    receipt->sessions[j].revision >= parcel->sessions[i].revision) {
				held++;
				break;
			}
	return held;
}

/* Adds to the report what the receipt says of the batch. A receipt that accounts for none of what was sent would make
 * the same rows go again and again. */
static int count_up(struct run *run, const struct parcel *parcel, const struct receipt *receipt, struct err *e)
{
	int64_t accounted[STREAM_COUNT], rejected[STREAM_COUNT], sessions = count_sessions(parcel, receipt);
	for (int s = 0; s < STREAM_COUNT; s++) {
		int rc = count_stream(parcel, (enum stream)s, receipt, &accounted[s], &rejected[s], e);
		if (rc)
			return rc;
	}
	run->report->points += accounted[STREAM_POINTS] - rejected[STREAM_POINTS];
	run->report->events += accounted[STREAM_EVENTS] - rejected[STREAM_EVENTS];
	run->report->sessions += sessions;
	run->report->rejected += rejected[STREAM_POINTS] + rejected[STREAM_EVENTS];
	bool full = receipt->streams[STREAM_POINTS].left || receipt->streams[STREAM_EVENTS].left;
	if (full && !accounted[STREAM_POINTS] && !accounted[STREAM_EVENTS])
		return err_set(
			e, ERR_LIMIT,
			"the centre has too many separate ranges of this store to take these rows: they stay here and are "
			"tried again later; see at the centre why so many rows are rejected or missing");
	if (!parcel->asks && !parcel->drops && !accounted[STREAM_POINTS] && !accounted[STREAM_EVENTS] && !sessions)
		return err_set(
			e, ERR_INVALID,
			"the centre's receipt accounts for none of the rows that were sent: they stay here and are tried "
			"again later; look at the log of the centre");
	return 0;
}

/* What the receipt of a centre that takes nothing of this unit means for people. */
static int explain_standing(const struct receipt *receipt, struct err *e)
{
	if (receipt->standing == STANDING_REVOKED)
		return err_set(
			e, ERR_REFUSED,
			"the centre has revoked this unit's key: nothing is sent until it is paired anew (alzy pair LINK)");
	return err_set(e, ERR_REFUSED,
	               "device %" PRId64 " (%s) was %s at the centre: nothing is sent until the centre lets it back in",
	               receipt->device_id, receipt->device_name, receipt_standing_name(receipt->standing));
}

/* An answer to what was sent just now tells what time it is, on a unit that may have no other way to know. */
static int take_time(struct run *run, const struct receipt *receipt, struct err *e)
{
	int64_t mono_ms = clock_mono_ms();
	return store_boot_receipt(run->store, boot_id(), receipt->centre_ms - mono_ms, mono_ms, e);
}

static int take_receipt(struct run *run, const struct parcel *parcel, struct err *e)
{
	struct receipt receipt = {0};
	bool applied = false;
	int rc = receive_open(run->answer.bytes, run->answer.length, run->keys, run->centre.public_key, &receipt, e);
	if (rc)
		return err_wrap(e, "what %s answered is no receipt of this centre", run->centre.url);
	rc = check_receipt(run, parcel, &receipt, e);
	if (!rc)
		rc = receive_apply(run->store, &receipt, &applied, e);
	if (!rc && !applied)
		rc = err_set(e, ERR_BUSY, "another process has applied a newer receipt to this store meanwhile");
	if (!rc)
		run->report->batches++;
	if (!rc)
		rc = take_time(run, &receipt, e);
	if (!rc && receipt.standing)
		rc = explain_standing(&receipt, e);
	if (!rc)
		rc = count_up(run, parcel, &receipt, e);
	receipt_free(&receipt);
	return rc;
}

/* ---- a run ----------------------------------------------------------------------------------------------- */

static int start_exchange(struct run *run, const struct parcel *parcel, struct err *e)
{
	int rc = packer_sent(&run->packer, parcel, e);
	if (!rc)
		rc = run->carrier->start(run->carrier, "/v1/batches", parcel->envelope.bytes, parcel->envelope.length, e);
	if (!rc)
		run->report->bytes_sent += (int64_t)parcel->envelope.length;
	return rc;
}

static int finish_exchange(struct run *run, const struct parcel *parcel, struct err *e)
{
	run->answer.length = 0;
	int rc = run->carrier->finish(run->carrier, &run->answer, &run->report->retry_ms, e);
	/* Not being able to write it down is no reason to hide what the centre said. */
	if (rc == -ERR_REFUSED)
		store_centre_refused(run->store, e->text, NULL);
	if (rc)
		return rc;
	run->report->bytes_received += (int64_t)run->answer.length;
	rc = take_receipt(run, parcel, e);
	if (!rc && run->options->progress)
		run->options->progress(run->report, run->total, run->options->user);
	return rc;
}

/* Sends `parcel`, and makes the next batch while the centre works on it; not when it asks, since the answer says what
 * there is to send. */
static int exchange(struct run *run, const struct parcel *parcel, struct parcel *next, struct err *e)
{
	struct err later = {0};
	int rc = start_exchange(run, parcel, e);
	if (rc)
		return rc;
	int prepared = parcel->asks || packer_is_narrow(&run->packer) ? 0 : packer_next(&run->packer, parcel, next, &later);
	rc = finish_exchange(run, parcel, e);
	if (!rc && prepared)
		return err_set(e, later.code, "%s", later.text);
	return rc;
}

/* A unit that the centre has stopped sends no rows before a receipt lets it back in. */
static int first_batch(struct run *run, struct parcel *out, struct err *e)
{
	bool stopped = run->centre.standing[0];
	int64_t waiting = 0;
	int rc = stopped ? 0 : packer_next(&run->packer, NULL, out, e);
	if (!rc)
		rc = store_waiting_count(run->store, &waiting, e);
	if (!rc && !out->loaded && (stopped || run->options->ask || waiting))
		rc = packer_ask(&run->packer, out, e);
	return rc;
}

/* ---- batches that are refused ---------------------------------------------------------------------------- */

/* Whether the centre as such serves this unit at this moment: a signed receipt for a batch without rows says so. */
static int prove_service(struct run *run, struct err *e)
{
	int rc = packer_ask(&run->packer, &run->question, e);
	return rc ? rc : exchange(run, &run->question, NULL, e);
}

static int set_aside(struct run *run, const struct parcel *refused, const struct err *why, struct err *e)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		if (refused->sent[s].count) {
			run->set_aside++;
			run->report->rejected++;
			return store_set_aside(run->store, (enum stream)s, refused->sent[s].items[0].first, why->text, e);
		}
	return err_set(e, why->code, "%s", why->text);
}

/* The centre has refused this batch in a way that may well be for what is in it, as *e says. Makes the next ones smaller, until
 * the culprit is alone; that is set aside. Of an outage, or a centre that refuses this unit as such, no row is guilty: at the
 * beginning and at the end the centre must prove that it serves. */
static int narrow_down(struct run *run, const struct parcel *refused, struct err *e)
{
	struct err why = *e, other = {0};
	bool alone = !packer_narrow(&run->packer, refused);
	if ((alone || !run->hunting) && prove_service(run, &other))
		return err_set(e, why.code, "%s", why.text);
	run->hunting = !alone;
	if (!alone)
		return 0;
	packer_widen(&run->packer);
	if (run->set_aside == SET_ASIDE_MOST)
		return err_set(e, why.code, "%s", why.text);
	return set_aside(run, refused, &why, e);
}

/* The exchange of `now` is over. What was made ahead of a refusal has its culprit too, maybe. */
static int go_on(struct run *run, const struct parcel *now, struct parcel *next, int rc, struct err *e)
{
	if (!rc)
		packer_passed(&run->packer);
	if (!rc || !run->carrier->refused_this || now->asks)
		return rc;
	parcel_empty(next);
	return narrow_down(run, now, e);
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

static int run_batches(struct run *run, struct err *e)
{
	struct parcel *now = &run->parcels[0], *next = &run->parcels[1];
	/* Rows that are recorded meanwhile are sent too, but on a slow network that could go on for ever: a run ends after
	 * so many batches that took all there was. */
	int short_batches = 0;
	int rc = first_batch(run, now, e);
	while (!rc && now->loaded && short_batches < SHORT_BATCHES_MOST) {
		if (run->options->stop && *run->options->stop)
			break;
		short_batches = now->full ? 0 : short_batches + 1;
		rc = exchange(run, now, next, e);
		rc = go_on(run, now, next, rc, e);
		struct parcel *done = now;
		now = next;
		next = done;
		parcel_empty(next);
		if (!rc && !now->loaded)
			rc = packer_next(&run->packer, NULL, now, e);
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
	rc = packer_start(&run->packer, run->store, run->keys, run->centre.public_key, run->options->batch_points, e);
	for (int s = 0; s < STREAM_COUNT && run->options->again && !rc; s++)
		rc = ranges_copy(&run->packer.again[s], &run->options->again[s], e);
	run->packer.batch.compare = run->options->again != NULL;
	if (rc)
		return rc;
	struct store_backlog backlog;
	rc = store_backlog(run->store, &backlog, e);
	if (!rc)
		run->total = backlog.points + backlog.events + backlog.sessions;
	return rc;
}

/* What is left, also after a failure: a second failure here must not hide the first. */
static void sum_up(struct run *run)
{
	struct receive_state state = {0};
	if (receive_state(run->store, &state, NULL))
		return;
	run->report->remaining = state.remaining;
	run->report->held_points = state.held[STREAM_POINTS];
	run->report->held_events = state.held[STREAM_EVENTS];
}

static void end(struct run *run)
{
	packer_end(&run->packer);
	parcel_free(&run->parcels[0]);
	parcel_free(&run->parcels[1]);
	parcel_free(&run->question);
	buffer_free(&run->answer);
}

int engine_run(struct store *store, const struct key_pair *keys, struct carrier *carrier,
               const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct run run = {.store = store, .keys = keys, .carrier = carrier, .options = options, .report = report};
	int64_t from_ms = clock_mono_ms();
	*report = (struct engine_report){0};
	int rc = begin(&run, e);
	if (!rc)
		rc = run_batches(&run, e);
	sum_up(&run);
	report->elapsed_ms = clock_mono_ms() - from_ms;
	end(&run);
	return rc;
}
