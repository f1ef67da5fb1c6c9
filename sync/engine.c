#include "sync/engine.h"

#include "hal/boot.h"
#include "hal/clock.h"
#include "sync/envelope.h"
#include "sync/pack.h"
#include "sync/receive.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHORT_BATCHES_MOST = 10, /* see run_batches */
	SET_ASIDE_MOST = 100,    /* rows in one run */
	FORKS_MOST = 16,         /* in one run: a centre that has something against every row would never end it */
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
	bool forgotten;           /* the last receipt said that the centre went back to an earlier state */
	bool doubting;            /* … and an earlier one of this run */
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

static int check_receipt(const struct parcel *parcel, const struct receipt *receipt, struct err *e)
{
	if (strcmp(receipt->store_id, parcel->store_id))
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

/* What became of one stream of the batch. */
struct counts {
	int64_t accounted; /* for with the content that was sent */
	int64_t rejected, conflicts;
};

static int count_stream(const struct parcel *parcel, enum stream stream, const struct receipt *receipt,
                        struct counts *out, struct err *e)
{
	const struct receipt_stream *said = &receipt->streams[stream];
	struct ranges rejected = {0};
	int rc = count_common(&parcel->sent[stream], &said->confirmed, &out->accounted, e);
	if (!rc)
		rc = count_common(&parcel->sent[stream], &said->conflicts, &out->conflicts, e);
	for (size_t i = 0; i < said->rejected_count && !rc; i++)
		rc = ranges_add(&rejected, said->rejected[i].seq, said->rejected[i].seq, e);
	if (!rc)
		rc = count_common(&parcel->sent[stream], &rejected, &out->rejected, e);
	ranges_free(&rejected);
	return rc;
}

/* What became of the sessions that were sent for their own sake. */
static int count_sessions(struct run *run, const struct parcel *parcel, const struct receipt *receipt,
                          int64_t *out_told, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < parcel->session_count; i++)
		for (size_t j = 0; j < receipt->session_count; j++) {
			const struct receipt_session *said = &receipt->sessions[j];
			if (strcmp(parcel->sessions[i].session_id, said->session_id))
				continue;
			bool held = said->revision >= parcel->sessions[i].revision, refused = !held && said->refused[0];
			run->report->sessions += held;
			run->report->refused += refused;
			*out_told += held || refused;
			if (refused)
				memcpy(run->report->refusal, said->refused, sizeof run->report->refusal);
			if (refused && !rc)
				rc = packer_session_refused(&run->packer, &parcel->sessions[i], e);
			break;
		}
	return rc;
}

/* Adds to the report what the receipt says of the batch. A receipt by which nothing gets on would make the same rows go
 * again and again. */
static int count_up(struct run *run, const struct parcel *parcel, const struct receipt *receipt, struct err *e)
{
	struct engine_report *report = run->report;
	int64_t sessions = 0, told;
	struct counts counts[STREAM_COUNT] = {{0}};
	int rc = count_sessions(run, parcel, receipt, &sessions, e);
	told = sessions;
	for (int s = 0; s < STREAM_COUNT; s++) {
		if (!rc)
			rc = count_stream(parcel, (enum stream)s, receipt, &counts[s], e);
		if (rc)
			return rc;
		told += counts[s].accounted + counts[s].conflicts;
		report->rejected += counts[s].rejected;
		/* Those that are sent again keep their names, whatever the centre has under them. */
		report->renamed += run->options->again ? 0 : counts[s].conflicts;
		/* A row that conflicts is not accounted for, also when it is kept aside. */
		*(s == STREAM_POINTS ? &report->points : &report->events) +=
			counts[s].accounted - (counts[s].rejected < counts[s].accounted ? counts[s].rejected : counts[s].accounted);
	}
	if ((receipt->streams[STREAM_POINTS].left || receipt->streams[STREAM_EVENTS].left) && told == sessions)
		return err_set(
			e, ERR_LIMIT,
			"the centre has too many separate ranges of this store to take these rows: they stay here and are "
			"tried again later; see at the centre why so many rows are rejected or missing");
	if (!parcel->asks && !parcel->drops && !told && !receipt->forgotten)
		return err_set(
			e, ERR_INVALID,
			"the centre's receipt accounts for none of the rows that were sent: they stay here and are tried "
			"again later; look at the log of the centre");
	return 0;
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
	char before[UUID_TEXT];
	bool applied = false;
	snprintf(before, sizeof before, "%s", store_id(run->store));
	int rc = receive_open(run->answer.bytes, run->answer.length, run->keys, run->centre.public_key, &receipt, e);
	if (rc)
		return err_wrap(e, "what %s answered is no receipt of this centre", run->centre.url);
	rc = check_receipt(parcel, &receipt, e);
	if (!rc)
		rc = take_time(run, &receipt, e);
	if (!rc)
		rc = receive_apply(run->store, &receipt, &applied, e);
	if (!rc && !applied)
		rc = err_set(e, ERR_BUSY, "another process has applied a newer receipt to this store meanwhile");
	if (!rc)
		run->report->batches++;
	if (!rc && receipt.verify_ms)
		run->report->verify_ms = receipt.verify_ms;
	run->forgotten = !rc && receipt.forgotten;
	if (!rc && strcmp(before, store_id(run->store)))
		run->report->forked = true;
	if (!rc && receipt.standing)
		rc = receipt_standing_explain(receipt.standing, receipt.device_id, receipt.device_name, e);
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
			return store_set_aside(run->store, (enum stream)s,
			                       identity_row(&run->packer.identity, (enum stream)s, refused->sent[s].items[0].first),
			                       why->text, e);
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
		if (run->forgotten)
			break;
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

/* ---- identities ------------------------------------------------------------------------------------------- */

/* Whether there are drops to tell. */
static int has_drops(struct run *run, const struct identity *identity, bool *out, struct err *e)
{
	struct drop *drops = NULL;
	size_t count = 0;
	int rc = store_drop_list(run->store, true, SIZE_MAX, &drops, &count, e);
	*out = false;
	for (size_t i = 0; i < count && !*out; i++)
		*out = identity_seq(identity, drops[i].stream, drops[i].first) ||
		       identity_seq(identity, drops[i].stream, drops[i].last);
	free(drops);
	return rc;
}

static int has_rows(struct run *run, const struct identity *identity, bool *out, struct err *e)
{
	int rc = 0;
	*out = false;
	for (int s = 0; s < STREAM_COUNT && !rc && !*out; s++) {
		struct ranges unsent = {0};
		rc = identity_unsent(run->store, identity, (enum stream)s, &unsent, e);
		*out = unsent.count > 0;
		ranges_free(&unsent);
	}
	return rc;
}

/* How far a run has come: the numbers of the last identity of before and of the last present one whose turn it was. What a receipt
 * moves goes to one with a higher number than that which it leaves, and so is sent in the same run. */
struct turns {
	int64_t former, present;
	int64_t newest; /* number when the run began */
};

/* The next identity that has something to send (*out_rows: not drops alone), or, in a run that asks, rows of which the centre may
 * have forgotten some; in the end the present one. */
static int next_identity(struct run *run, struct turns *done, struct identity *out, bool *out_rows, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(run->store, &all, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !done->former && !done->present && !run->doubting; i++)
		if (all[i].number > done->newest)
			done->newest = all[i].number;
	for (size_t i = 0; i < count && !rc && !out->number; i++) {
		bool take = all[i].present;
		if (all[i].number <= (take ? done->present : done->former))
			continue;
		if (run->options->store_id)
			take = !strcmp(all[i].store_id, run->options->store_id);
		else if (!take) {
			bool drops = false;
			rc = has_drops(run, &all[i], &drops, e);
			if (!rc)
				rc = has_rows(run, &all[i], out_rows, e);
			take = drops || *out_rows ||
			       (run->options->ask && (all[i].streams[STREAM_POINTS].last || all[i].streams[STREAM_EVENTS].last));
		}
		if (!rc && take) {
			*out = all[i];
			all[i] = (struct identity){0};
		}
	}
	identities_free(all, count);
	return rc;
}

static int count_unsent(struct run *run, int64_t *out, struct err *e)
{
	struct store_backlog backlog;
	int rc = store_backlog(run->store, &backlog, e);
	*out = rc ? 0 : backlog.points + backlog.events;
	return rc;
}

/* After the centre went back all rows are unsent, and of most it can prove in few bytes that it has them. */
static int ask_for_proofs(struct run *run, struct err *e)
{
	int64_t before = INT64_MAX, left = 0;
	int rc = count_unsent(run, &left, e);
	while (!rc && left && left < before && !run->forgotten) {
		before = left;
		rc = prove_service(run, e);
		if (!rc)
			rc = count_unsent(run, &left, e);
	}
	return rc;
}

static int run_identity(struct run *run, const struct identity *identity, struct err *e)
{
	bool paired;
	int rc = store_centre_get(run->store, &run->centre, &paired, e);
	packer_turn_to(&run->packer, identity->store_id);
	if (!rc && run->doubting)
		rc = ask_for_proofs(run, e);
	if (!rc && !run->forgotten)
		rc = run_batches(run, e);
	if (rc)
		store_centre_get(run->store, &run->centre, &paired, NULL);
	parcel_empty(&run->parcels[0]);
	parcel_empty(&run->parcels[1]);
	return rc;
}

/* What the centre has is not what was believed: every identity has its turn again. */
static int begin_again(struct run *run, struct turns *done, struct err *e)
{
	if (run->doubting)
		return err_set(e, ERR_BUSY, "the centre went back to an earlier state once more meanwhile: try again");
	run->forgotten = false;
	run->doubting = run->report->forgotten = true;
	done->former = done->present = 0;
	return 0;
}

/* A centre that refuses rows of before, as those of a store that belongs to another device there, must not keep back what
 * is recorded now. */
static int run_identities(struct run *run, struct err *e)
{
	struct err refused = {0};
	struct turns done = {0};
	int rc = 0, forks = 0;
	while (!rc && forks <= FORKS_MOST) {
		struct identity identity = {0};
		bool rows = true;
		rc = next_identity(run, &done, &identity, &rows, e);
		if (rc || !identity.number)
			break;
		rc = run_identity(run, &identity, e);
		if (rc == -ERR_REFUSED && !identity.present && !run->centre.standing[0]) {
			if (rows)
				refused = *e;
			rc = 0;
		}
		*(identity.present ? &done.present : &done.former) = identity.number;
		forks += identity.number > done.newest;
		identity_free(&identity);
		if (!rc && run->forgotten)
			rc = begin_again(run, &done, e);
	}
	return rc || !refused.code ? rc : err_set(e, refused.code, "%s", refused.text);
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
		rc = run_identities(&run, e);
	sum_up(&run);
	report->elapsed_ms = clock_mono_ms() - from_ms;
	end(&run);
	return rc;
}
