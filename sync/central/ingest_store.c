/* The row of the batch's store: what the centre has of it, and from then on a lock on it. */
#include "sync/central/ingest_parts.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>

const char ingest_store_sql[] =
	"SELECT number, device_id, floor(extract(epoch FROM now()) * 1000)::bigint,"
	" points_held, points_rejected, points_dropped, points_expired, points_last,"
	" events_held, events_rejected, events_dropped, events_expired, events_last,"
	" floor(extract(epoch FROM erased_at) * 1000)::bigint, exchange,"
	" CASE WHEN verify_asked_at > coalesce(proof_asked_at, '-infinity') THEN"
	"  floor(extract(epoch FROM verify_asked_at) * 1000)::bigint END,"
	" CASE WHEN isfinite(greatest(expired_before, erased_at)) THEN"
	"  ceil(extract(epoch FROM greatest(expired_before, erased_at)) * 1000)::bigint END,"
	" $2::bigint <> 0 AND NOT EXISTS (SELECT FROM alzy.checkpoints c WHERE c.store_number = number"
	"  AND c.checkpoint = $2::bigint),"
	" EXISTS (SELECT FROM alzy.stores m WHERE m.forked_from = stores.store_id AND m.moved),"
	" last_batch_at BETWEEN now() - interval '1 minute' AND now(), d.name, d.color, d.is_active,"
	" (SELECT count(*) FROM alzy.stores f WHERE f.forked_from = stores.store_id AND NOT f.moved)"
	" FROM alzy.stores JOIN alzy.devices d ON d.id = device_id WHERE store_id = $1::uuid FOR UPDATE OF stores";

/* What the statement gives, in its order. */
enum {
	NUMBER,
	DEVICE,
	NOW,
	SETS, /* of each stream: held, rejected, dropped, expired, and the last seq */
	SETS_EACH = 5,
	ERASED = SETS + STREAM_COUNT * SETS_EACH,
	EXCHANGE,
	VERIFY,
	EXPIRED,
	FORGOTTEN,
	MOVED_FROM,
	RECENT,
	DEVICE_NAME,
	DEVICE_COLOR,
	DEVICE_ACTIVE,
	FORKS,
};

static int64_t time_or(const struct pg_result *found, size_t column, int64_t absent)
{
	return pg_is_null(found, 0, column) ? absent : pg_int(found, 0, column);
}

static void read_device(struct ingest *in, const struct pg_result *found)
{
	struct receipt *receipt = in->receipt;
	snprintf(receipt->device_name, sizeof receipt->device_name, "%s", pg_text(found, 0, DEVICE_NAME));
	snprintf(receipt->device_color, sizeof receipt->device_color, "%s", pg_text(found, 0, DEVICE_COLOR));
	receipt->device_active = pg_bool(found, 0, DEVICE_ACTIVE);
	receipt->forks = pg_int(found, 0, FORKS);
}

int ingest_store_read(struct ingest *in, const struct pg_result *found, struct err *e)
{
	if (pg_int(found, 0, DEVICE) != in->device_id)
		return err_set(
			e, ERR_REFUSED,
			"store %s belongs to another device (%s): to send its rows pair this unit as that one (alzy-central"
			" device pair --again %s), else let go of them (alzy queue drop); what is recorded after alzy store"
			" fork is this device's",
			in->batch->store_id, pg_text(found, 0, DEVICE), pg_text(found, 0, DEVICE));
	in->store_number = pg_int(found, 0, NUMBER);
	in->now_ms = pg_int(found, 0, NOW);
	in->erased_ms = time_or(found, ERASED, TIME_MS_MIN);
	in->newest = in->batch->exchange >= pg_int(found, 0, EXCHANGE);
	in->verify_ms = pg_int(found, 0, VERIFY);
	in->expired_ms = time_or(found, EXPIRED, TIME_MS_MAX);
	in->receipt->forgotten = pg_bool(found, 0, FORGOTTEN);
	in->moved_from = pg_bool(found, 0, MOVED_FROM);
	read_device(in, found);
	in->recent = pg_bool(found, 0, RECENT);
	int rc = 0;
	for (size_t s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ingest_stream *stream = &in->streams[s];
		struct ranges *sets[] = {&stream->held, &stream->rejected, &stream->dropped, &stream->expired};
		size_t column = SETS + SETS_EACH * s;
		for (size_t i = 0; i < 4 && !rc; i++)
			rc = seq_ranges_parse(pg_text(found, 0, column + i), sets[i], e);
		stream->last = pg_int(found, 0, column + SETS_EACH - 1);
	}
	return rc;
}

int ingest_store_add(struct ingest *in, struct err *e)
{
	char device[24], checkpoint[24];
	const struct batch *batch = in->batch;
	const char *store_id = batch->store_id;
	struct pg_result *found = NULL;
	in->changed = true;
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	snprintf(checkpoint, sizeof checkpoint, "%" PRId64, batch->checkpoint);
	int rc = pg_query(in->pg, NULL, e,
	                  "INSERT INTO alzy.stores (store_id, device_id, erased_at, forked_from, forked_because, moved)"
	                  " SELECT $1::uuid, d.id, v.erased_at, $3::uuid, $4, $5::boolean FROM alzy.devices d"
	                  " LEFT JOIN alzy.erasures v ON v.device_id = d.id WHERE d.id = $2::int ON CONFLICT DO NOTHING",
	                  5,
	                  (const char *const[]){store_id, device, batch->forked_from[0] ? batch->forked_from : NULL,
	                                        batch->because[0] ? batch->because : NULL, batch->moved ? "t" : "f"});
	if (!rc)
		rc = pg_query(in->pg, &found, e, ingest_store_sql, 2, (const char *const[]){store_id, checkpoint});
	if (!rc)
		rc = pg_rows(found) ? ingest_store_read(in, found, e)
		                    : err_set(e, ERR_BUSY, "store %s was made and went away meanwhile", store_id);
	pg_result_free(found);
	return rc;
}
