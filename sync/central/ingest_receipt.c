/* What the centre answers: what it durably holds of the store once the transaction is committed. */
#include "sync/central/ingest_parts.h"

#include "hal/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What of the batch is accounted for as it is there, which is all that the unit may let go of by this receipt. */
static int confirm(const struct ingest_stream *stream, struct receipt_stream *out, struct err *e)
{
	struct ranges good = {0};
	/* A row whose seq was dropped is passed over: when it is another copy that has let go, the row goes on elsewhere. */
	int rc = ranges_intersect(&out->conflicts, &stream->given, &stream->dropped, e);
	if (!rc)
		rc = ranges_add_all(&out->conflicts, &stream->conflicts, e);
	if (!rc)
		rc = ranges_subtract(&good, &stream->given, &out->conflicts, e);
	if (!rc)
		rc = ranges_intersect(&out->confirmed, &good, &out->accounted, e);
	ranges_free(&good);
	return rc;
}

/* Rows of the batch that were accounted for before. */
static int count_known(const struct ingest_stream *stream, struct receipt_stream *out, struct err *e)
{
	struct ranges old = {0}, known = {0};
	int rc = ranges_subtract(&old, &out->confirmed, &stream->taken, e);
	if (!rc)
		rc = ranges_subtract(&known, &old, &stream->refused, e);
	out->known = ranges_total(&known);
	ranges_free(&old);
	ranges_free(&known);
	return rc;
}

static int account(const struct ingest_stream *stream, bool moved, struct receipt_stream *out, struct err *e)
{
	struct ranges heard = {0};
	int rc = ranges_copy(&out->accounted, &stream->held, e);
	if (!rc)
		rc = ranges_add_all(&out->accounted, &stream->rejected, e);
	if (!rc)
		rc = ranges_add_all(&out->accounted, &stream->dropped, e);
	if (!rc)
		rc = ranges_add_all(&out->accounted, &stream->expired, e);
	if (!rc)
		rc = ranges_copy(&out->dropped, &stream->dropped, e);
	int64_t highest = ranges_highest(&out->accounted);
	if (stream->last > highest)
		highest = stream->last;
	if (!rc && highest && !moved)
		rc = ranges_add(&heard, 1, highest, e);
	if (!rc)
		rc = ranges_subtract(&out->missing, &heard, &out->accounted, e);
	if (!rc)
		rc = confirm(stream, out, e);
	if (!rc)
		rc = count_known(stream, out, e);
	ranges_free(&heard);
	out->fresh = ranges_total(&stream->taken);
	out->left = stream->left;
	return rc;
}

static void read_rejected(const struct pg_result *found, size_t row, struct receipt_stream *out)
{
	struct receipt_rejected *rejected = &out->rejected[out->rejected_count++];
	out->rejected_total = pg_int(found, row, 4);
	rejected->seq = pg_int(found, row, 1);
	/* Whatever somebody has made of them meanwhile. */
	utf8_line(pg_text(found, row, 2), ' ', rejected->code, sizeof rejected->code);
	utf8_line(pg_text(found, row, 3), ' ', rejected->reason, sizeof rejected->reason);
}

/* All rejected rows of the store, not only those of this batch: what a receipt says replaces what the unit knew. */
static int list_rejected(struct ingest *in, struct err *e)
{
	char number[24], most[24];
	struct pg_result *found = NULL;
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	snprintf(most, sizeof most, "%d", RECEIPT_REJECTED_MAX);
	int rc = pg_query(in->pg, &found, e,
	                  "SELECT stream = 'events', seq, code, reason, total FROM (SELECT *,"
	                  " count(*) OVER (PARTITION BY stream) AS total,"
	                  " row_number() OVER (PARTITION BY stream ORDER BY rejected_at DESC, seq DESC) AS n"
	                  " FROM alzy.rejected WHERE store_number = $1::int) r WHERE n <= $2::int ORDER BY stream, n",
	                  2, (const char *const[]){number, most});
	size_t rows = rc ? 0 : pg_rows(found);
	for (int s = 0; s < STREAM_COUNT && rows && !rc; s++) {
		struct receipt_stream *stream = &in->receipt->streams[s];
		stream->rejected = calloc(rows, sizeof *stream->rejected);
		if (!stream->rejected)
			rc = err_set(e, ERR_MEMORY, "out of memory for a receipt");
	}
	for (size_t i = 0; i < rows && !rc; i++)
		read_rejected(found, i, &in->receipt->streams[pg_bool(found, i, 0) ? STREAM_EVENTS : STREAM_POINTS]);
	pg_result_free(found);
	return rc;
}

int ingest_receipt(struct ingest *in, struct err *e)
{
	in->receipt->verify_ms = in->verify_ms;
	int rc = ingest_sessions_say(in, e);
	if (!rc)
		rc = ingest_reference(in, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = account(&in->streams[s], in->batch->moved, &in->receipt->streams[s], e);
	return rc || !in->any_rejected ? rc : list_rejected(in, e);
}
