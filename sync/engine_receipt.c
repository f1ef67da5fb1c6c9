/* What a receipt says of the batch that it answers. */
#include "hal/boot.h"
#include "hal/clock.h"
#include "sync/engine_run.h"
#include "sync/receive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A receipt can't make known what became of rows that were not sent. */
static int check_sent(const struct parcel *parcel, enum stream stream, const struct ranges *said, struct err *e)
{
	for (size_t i = 0; i < said->count; i++)
		if (!ranges_cover(&parcel->sent[stream], said->items[i].first, said->items[i].last))
			return err_set(e, ERR_FORGED,
			               "the centre's receipt is for %s %" PRId64 " to %" PRId64 ", which were not all sent",
			               stream_name(stream), said->items[i].first, said->items[i].last);
	return 0;
}

static int check_receipt(const struct parcel *parcel, const struct receipt *receipt, struct err *e)
{
	if (strcmp(receipt->store_id, parcel->store_id))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another store (%s)", receipt->store_id);
	if (receipt->exchange != parcel->exchange)
		return err_set(e, ERR_FORGED, "the centre's receipt is for exchange %" PRId64 ", not for %" PRId64,
		               receipt->exchange, parcel->exchange);
	if (memcmp(receipt->batch_digest, parcel->digest, ENVELOPE_DIGEST))
		return err_set(e, ERR_FORGED, "the centre's receipt is for another batch than the one that was sent");
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		rc = check_sent(parcel, (enum stream)s, &receipt->streams[s].confirmed, e);
		if (!rc)
			rc = check_sent(parcel, (enum stream)s, &receipt->streams[s].conflicts, e);
	}
	return rc;
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
	int64_t accounted; /* for with the content that was sent … */
	int64_t rejected;  /* … these by keeping them aside */
	int64_t conflicts;
};

static int count_stream(const struct parcel *parcel, enum stream stream, const struct receipt *receipt,
                        struct counts *out, struct err *e)
{
	const struct receipt_stream *said = &receipt->streams[stream];
	struct ranges rejected = {0};
	int rc = count_common(&parcel->sent[stream], &said->confirmed, &out->accounted, e);
	if (!rc)
		rc = count_common(&parcel->sent[stream], &said->conflicts, &out->conflicts, e);
	/* A row that conflicts is not accounted for, also when it is kept aside. */
	for (size_t i = 0; i < said->rejected_count && !rc; i++)
		if (ranges_contain(&said->confirmed, said->rejected[i].seq))
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
				rc = gather_without_session(&run->packer.gather, &parcel->sessions[i], e);
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
		*(s == STREAM_POINTS ? &report->points : &report->events) += counts[s].accounted - counts[s].rejected;
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
	return store_boot_receipt(run->channel->store, boot_id(), receipt->centre_ms - mono_ms, mono_ms, e);
}

int run_take_receipt(struct run *run, const struct parcel *parcel, struct err *e)
{
	struct receipt receipt = {0};
	char before[UUID_TEXT];
	bool applied = false;
	snprintf(before, sizeof before, "%s", store_id(run->channel->store));
	int rc =
		receive_open(run->answer.bytes, run->answer.length, run->channel->keys, run->centre.public_key, &receipt, e);
	if (rc)
		return err_wrap(e, "what %s answered is no receipt of this centre", run->centre.url);
	rc = check_receipt(parcel, &receipt, e);
	if (!rc)
		rc = take_time(run, &receipt, e);
	if (!rc)
		rc = receive_apply(run->channel->store, &receipt, &applied, e);
	if (!rc && !applied)
		rc = err_set(e, ERR_BUSY, "another process has applied a newer receipt to this store meanwhile");
	if (!rc)
		run->report->batches++;
	if (!rc && receipt.verify_ms)
		run->report->verify_ms = receipt.verify_ms;
	run->forgotten |= !rc && receipt.forgotten;
	if (!rc && strcmp(before, store_id(run->channel->store)))
		run->report->forked = true;
	if (!rc && receipt.standing)
		rc = receipt_standing_explain(receipt.standing, receipt.device_id, receipt.device_name, e);
	if (!rc)
		rc = count_up(run, parcel, &receipt, e);
	receipt_free(&receipt);
	return rc;
}
