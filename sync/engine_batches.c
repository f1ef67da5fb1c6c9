/* One batch after the other, and what becomes of those that are refused. */
#include "sync/engine_run.h"

#include <string.h>

enum {
	SHORT_BATCHES_MOST = 10, /* see run_batches */
	SET_ASIDE_MOST = 100,    /* rows in one run */
};

/* ---- an exchange -------------------------------------------------------------------------------------------- */

static int start_exchange(struct run *run, const struct parcel *parcel, struct err *e)
{
	int rc = packer_sent(&run->packer, parcel, e);
	if (!rc)
		rc = run->channel->carrier->start(run->channel->carrier, "/v1/batches", parcel->envelope.bytes,
		                                  parcel->envelope.length, e);
	if (!rc)
		run->report->bytes_sent += (int64_t)parcel->envelope.length;
	return rc;
}

static int finish_exchange(struct run *run, const struct parcel *parcel, struct err *e)
{
	run->answer.length = 0;
	int rc = run->channel->carrier->finish(run->channel->carrier, &run->answer, &run->report->retry_ms, e);
	/* Not being able to write it down is no reason to hide what the centre said. */
	if (rc == -ERR_REFUSED)
		store_centre_refused(run->channel->store, e->text, NULL);
	if (rc)
		return rc;
	run->report->bytes_received += (int64_t)run->answer.length;
	rc = run_take_receipt(run, parcel, e);
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
	int prepared = parcel->asks || narrow_is(&run->packer.narrow) ? 0 : packer_next(&run->packer, parcel, next, &later);
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
	run->packer.gather.tell_open = run->options->ask && !stopped;
	int rc = stopped ? 0 : packer_next(&run->packer, NULL, out, e);
	if (!rc)
		rc = store_waiting_count(run->channel->store, &waiting, e);
	if (!rc && !out->loaded && (stopped || run->options->ask || waiting))
		rc = packer_ask(&run->packer, out, e);
	return rc;
}

/* ---- batches that are refused ---------------------------------------------------------------------------- */

int run_ask(struct run *run, struct err *e)
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
			return store_set_aside(
				run->channel->store, (enum stream)s,
				identity_row(&run->packer.gather.identity, (enum stream)s, refused->sent[s].items[0].first), why->text,
				e);
		}
	return err_set(e, why->code, "%s", why->text);
}

/* The centre has refused this batch in a way that may well be for what is in it, as *e says. Makes the next ones smaller, until
 * the culprit is alone; that is set aside. Of an outage, or a centre that refuses this unit as such, no row is guilty: at the
 * beginning and at the end the centre must prove that it serves. */
static int narrow_down(struct run *run, const struct parcel *refused, struct err *e)
{
	struct err why = *e, other = {0};
	bool alone = !packer_refused(&run->packer, refused);
	if ((alone || !run->hunting) && run_ask(run, &other))
		return err_set(e, why.code, "%s", why.text);
	run->hunting = !alone;
	if (!alone)
		return 0;
	narrow_widen(&run->packer.narrow);
	if (run->set_aside == SET_ASIDE_MOST)
		return err_set(e, why.code, "%s", why.text);
	return set_aside(run, refused, &why, e);
}

/* The exchange of `now` is over. What was made ahead of a refusal has its culprit too, maybe. */
static int go_on(struct run *run, const struct parcel *now, struct parcel *next, int rc, struct err *e)
{
	if (!rc)
		narrow_passed(&run->packer.narrow);
	if (!rc || !run->channel->carrier->refused_this || now->asks)
		return rc;
	parcel_empty(next);
	return narrow_down(run, now, e);
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

int run_batches(struct run *run, struct err *e)
{
	struct parcel *now = &run->parcels[0], *next = &run->parcels[1];
	/* Rows that are recorded meanwhile are sent too, but on a slow network that could go on for ever: a run ends after
	 * so many batches that took all there was. */
	int short_batches = 0;
	int rc = first_batch(run, now, e);
	while (!rc && !run->forgotten && now->loaded && short_batches < SHORT_BATCHES_MOST) {
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
