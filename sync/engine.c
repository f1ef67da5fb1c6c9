#include "sync/engine.h"

#include "hal/clock.h"
#include "sync/engine_run.h"
#include "sync/receive.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORKS_MOST = 16 }; /* in one run: a centre that has something against every row would never end it */

int engine_lock(struct lock **out, const char *store_path, int64_t wait_ms, struct err *e)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s.sync", store_path) >= sizeof path)
		return err_set(e, ERR_LIMIT, "the path of the store is too long");
	return lock_take(out, path, wait_ms, e);
}

/* ---- identities ------------------------------------------------------------------------------------------- */

/* Whether there are drops to tell. */
static int has_drops(struct run *run, const struct identity *identity, bool *out, struct err *e)
{
	struct drop *drops = NULL;
	size_t count = 0;
	int rc = store_drop_list(run->channel->store, true, SIZE_MAX, &drops, &count, e);
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
		rc = identity_unsent(run->channel->store, identity, (enum stream)s, &unsent, e);
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
	int rc = identities_read(run->channel->store, &all, &count, e);
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
	int rc = store_backlog(run->channel->store, &backlog, e);
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
		rc = run_ask(run, e);
		if (!rc)
			rc = count_unsent(run, &left, e);
	}
	return rc;
}

static int run_identity(struct run *run, const struct identity *identity, struct err *e)
{
	bool paired;
	int rc = store_centre_get(run->channel->store, &run->centre, &paired, e);
	packer_turn_to(&run->packer, identity->store_id);
	if (!rc && run->doubting)
		rc = ask_for_proofs(run, e);
	if (!rc && !run->forgotten)
		rc = run_batches(run, e);
	if (rc)
		store_centre_get(run->channel->store, &run->centre, &paired, NULL);
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
	if (rc || !refused.code)
		return rc;
	/* What came by then for other rows has made good for it. */
	store_centre_refused(run->channel->store, refused.text, NULL);
	return err_set(e, refused.code, "%s", refused.text);
}

static int begin(struct run *run, struct err *e)
{
	bool paired;
	int rc = store_centre_get(run->channel->store, &run->centre, &paired, e);
	if (rc)
		return rc;
	if (!paired)
		return err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	rc = packer_start(&run->packer, run->channel->store, run->channel->keys, run->centre.public_key,
	                  run->options->batch_points, e);
	for (int s = 0; s < STREAM_COUNT && run->options->again && !rc; s++)
		rc = ranges_copy(&run->packer.gather.again[s], &run->options->again[s], e);
	run->packer.gather.batch.compare = run->options->again != NULL;
	if (rc)
		return rc;
	struct store_backlog backlog;
	rc = store_backlog(run->channel->store, &backlog, e);
	if (!rc)
		run->total = backlog.points + backlog.events + backlog.sessions;
	return rc;
}

/* What is left, also after a failure: a second failure here must not hide the first. */
static void sum_up(struct run *run)
{
	struct receive_state state = {0};
	if (receive_state(run->channel->store, &state, NULL))
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

void engine_report_add(struct engine_report *sum, const struct engine_report *one)
{
	sum->points += one->points;
	sum->events += one->events;
	sum->sessions += one->sessions;
	sum->batches += one->batches;
	sum->bytes_sent += one->bytes_sent;
	sum->bytes_received += one->bytes_received;
	sum->rejected += one->rejected;
	sum->renamed += one->renamed;
	sum->remaining = one->remaining;
	sum->held_points = one->held_points;
	sum->held_events = one->held_events;
}

int engine_run(const struct channel *channel, const struct engine_options *options, struct engine_report *report,
               struct err *e)
{
	struct run run = {.channel = channel, .options = options, .report = report};
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
