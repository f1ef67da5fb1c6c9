#include "sync/central/ingest.h"

#include "hal/clock.h"
#include "sync/central/ingest_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begins the transaction and locks the store's row, when there is one: from here on nobody else changes what the centre has of this store.
 * In the same breath asks for all that a batch of what is held needs to know. A lock is never waited for long: a worker
 * that waits serves nobody. alzy.ingest tells triggers that what is written is the unit's, and no change by the centre. */
static int begin(struct ingest *in, struct err *e)
{
	enum { BEGIN, BOUNDS, STORE, SESSIONS, POINTS, EVENTS, UNSEEN, CALLS };
	char checkpoint[24];
	snprintf(checkpoint, sizeof checkpoint, "%" PRId64, in->batch->checkpoint);
	const char *const store[] = {in->batch->store_id, checkpoint};
	struct pg_call calls[CALLS] = {
		[BEGIN] = {.sql = "BEGIN"},
		[BOUNDS] = {.sql =
	                    "SELECT set_config('lock_timeout', '1s', true), set_config('statement_timeout', '60s', true),"
	                    " set_config('synchronous_commit', 'on', true), set_config('alzy.ingest', 'on', true)"},
		[STORE] = {.sql = ingest_store_sql, .count = 2, .values = store},
	};
	int rc = ingest_sessions_ask(in, &calls[SESSIONS], e);
	if (!rc)
		rc = ingest_stream_ask(in, &ingest_points, &calls[POINTS], e);
	if (!rc)
		rc = ingest_stream_ask(in, &ingest_events, &calls[EVENTS], e);
	ingest_unseen_ask(in, &calls[UNSEEN]);
	if (!rc)
		rc = pg_queries(in->pg, calls, CALLS, e);
	if (!rc)
		rc = pg_rows(calls[STORE].result) ? ingest_store_read(in, calls[STORE].result, e) : 0;
	for (int i = BEGIN; i <= STORE; i++)
		pg_result_free(calls[i].result);
	in->sessions_found = calls[SESSIONS].result;
	in->unseen_found = calls[UNSEEN].result;
	in->streams[STREAM_POINTS].stretches_found = calls[POINTS].result;
	in->streams[STREAM_EVENTS].stretches_found = calls[EVENTS].result;
	return rc;
}

/* From here on the points can be looked at, unless they are known ones. Making a partition for them must not wait in here. */
static int unpack(struct ingest *in, struct err *e)
{
	in->points_known = ingest_points_known(in);
	int rc = in->points_known ? 0 : batch_unpack(in->batch, e);
	if (rc || in->points_known || in->partitioned || ingest_partitions_known(in->pg, in->batch))
		return rc;
	in->unpartitioned = true;
	return err_set(e, ERR_BUSY, "a month of the batch may have no partition yet");
}

static int work(struct ingest *in, struct err *e)
{
	int rc = begin(in, e);
	if (!rc)
		rc = unpack(in, e);
	if (!rc && !in->store_number)
		rc = ingest_store_add(in, e);
	if (!rc)
		rc = ingest_sessions(in, e);
	if (!rc)
		rc = ingest_stream(in, &ingest_points, e);
	if (!rc)
		rc = ingest_stream(in, &ingest_events, e);
	if (!rc)
		rc = ingest_rejects_flush(in, e);
	if (!rc)
		rc = ingest_drops(in, e);
	if (!rc)
		rc = ingest_finish(in, e);
	return rc ? rc : ingest_receipt(in, e);
}

static int run(struct ingest *in, struct err *e)
{
	in->sessions = calloc(in->batch->session_count + 1, sizeof *in->sessions);
	in->stretches = cJSON_CreateArray();
	in->rejects = cJSON_CreateArray();
	if (!in->sessions || !in->stretches || !in->rejects)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	int rc = work(in, e);
	if (!rc && !in->committed)
		rc = pg_script(in->pg, "COMMIT", e);
	else if (rc)
		pg_script(in->pg, "ROLLBACK", NULL); /* on a connection that is gone the server has done it */
	return rc;
}

static void ingest_free(struct ingest *in)
{
	for (int s = 0; s < STREAM_COUNT; s++) {
		struct ingest_stream *stream = &in->streams[s];
		struct ranges *sets[] = {&stream->given, &stream->held,  &stream->rejected, &stream->dropped,  &stream->expired,
		                         &stream->taken, &stream->found, &stream->refused,  &stream->conflicts};
		for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
			ranges_free(sets[i]);
		buffer_free(&stream->firsts);
		buffer_free(&stream->lasts);
		pg_result_free(stream->stretches_found);
	}
	buffer_free(&in->session_names);
	pg_result_free(in->sessions_found);
	pg_result_free(in->unseen_found);
	pg_result_free(in->reference_found);
	cJSON_Delete(in->stretches);
	cJSON_Delete(in->rejects);
	free(in->sessions);
}

/* One try. *in says how it went, and is freed. */
static int try_batch(struct ingest *in, const struct receipt *empty, struct err *e)
{
	*in->receipt = *empty;
	int rc = run(in, e);
	ingest_free(in);
	if (rc)
		receipt_free(in->receipt);
	return rc;
}

int ingest_batch(struct pg *pg, int64_t device_id, struct batch *batch, const struct ingest_envelope *envelope,
                 struct receipt *out, struct err *e)
{
	struct err local = {0};
	struct receipt empty = {.exchange = batch->exchange, .device_id = device_id}, receipt;
	bool careful = false, partitioned = false, again = true;
	int rc = 0;
	memcpy(empty.store_id, batch->store_id, sizeof empty.store_id);
	memcpy(empty.batch_digest, envelope->digest, sizeof empty.batch_digest);
	while (again) {
		struct ingest in = {.pg = pg,
		                    .device_id = device_id,
		                    .batch = batch,
		                    .careful = careful,
		                    .partitioned = partitioned,
		                    .envelope = envelope,
		                    .receipt = &receipt};
		rc = try_batch(&in, &empty, &local);
		if (rc && in.unpartitioned) {
			rc = ingest_partitions(pg, batch, &local);
			/* One that can't be made while somebody reads for long can wait; the default one takes the rows until then. */
			again = !rc || rc == -ERR_BUSY;
			partitioned = true;
			continue;
		}
		/* Rows are rejected one by one where they are written: so it came at COMMIT. */
		again = rc == -ERR_DATA && !careful;
		careful = true;
	}
	if (rc) {
		if (e)
			*e = local;
		return rc;
	}
	receipt.centre_ms = clock_wall_ms();
	*out = receipt;
	return 0;
}
