#include "sync/central/ingest.h"

#include "hal/clock.h"
#include "hal/hex.h"
#include "hal/json.h"
#include "sync/central/ingest_parts.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the store's row ------------------------------------------------------------------------------------------ */

/* Columns of select_store_sql: here begins what only the receipt says. */
enum { AT_DEVICE = 20 };

static void read_device(struct ingest *in, const struct pg_result *found)
{
	struct receipt *receipt = in->receipt;
	snprintf(receipt->device_name, sizeof receipt->device_name, "%s", pg_text(found, 0, AT_DEVICE));
	snprintf(receipt->device_color, sizeof receipt->device_color, "%s", pg_text(found, 0, AT_DEVICE + 1));
	receipt->device_active = !strcmp(pg_text(found, 0, AT_DEVICE + 2), "t");
	receipt->forks = pg_int(found, 0, AT_DEVICE + 3);
}

static int read_store(struct ingest *in, const struct pg_result *found, struct err *e)
{
	if (pg_int(found, 0, 1) != in->device_id)
		return err_set(
			e, ERR_REFUSED,
			"store %s belongs to another device (%s): to send its rows pair this unit as that one (alzy-central"
			" device pair --again %s), else let go of them (alzy queue drop); what is recorded after alzy store"
			" fork is this device's",
			in->batch->store_id, pg_text(found, 0, 1), pg_text(found, 0, 1));
	in->store_number = pg_int(found, 0, 0);
	in->now_ms = pg_int(found, 0, 2);
	in->erased_ms = pg_is_null(found, 0, 13) ? TIME_MS_MIN : pg_int(found, 0, 13);
	in->newest = in->batch->exchange >= pg_int(found, 0, 14);
	in->verify_ms = pg_int(found, 0, 15);
	in->expired_ms = pg_is_null(found, 0, 16) ? TIME_MS_MAX : pg_int(found, 0, 16);
	in->receipt->forgotten = !strcmp(pg_text(found, 0, 17), "t");
	in->moved_from = !strcmp(pg_text(found, 0, 18), "t");
	read_device(in, found);
	in->recent = !strcmp(pg_text(found, 0, 19), "t");
	int rc = 0;
	for (size_t s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ingest_stream *stream = &in->streams[s];
		struct ranges *sets[] = {&stream->held, &stream->rejected, &stream->dropped, &stream->expired};
		size_t column = 3 + 5 * s;
		for (size_t i = 0; i < 4 && !rc; i++)
			rc = seq_ranges_parse(pg_text(found, 0, column + i), sets[i], e);
		stream->last = pg_int(found, 0, column + 4);
	}
	return rc;
}

static const char select_store_sql[] =
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

/* Makes the row of a store that is new here. */
static int add_store(struct ingest *in, struct err *e)
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
		rc = pg_query(in->pg, &found, e, select_store_sql, 2, (const char *const[]){store_id, checkpoint});
	if (!rc)
		rc = pg_rows(found) ? read_store(in, found, e)
		                    : err_set(e, ERR_BUSY, "store %s was made and went away meanwhile", store_id);
	pg_result_free(found);
	return rc;
}

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
		[STORE] = {.sql = select_store_sql, .count = 2, .values = store},
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
		rc = pg_rows(calls[STORE].result) ? read_store(in, calls[STORE].result, e) : 0;
	for (int i = BEGIN; i <= STORE; i++)
		pg_result_free(calls[i].result);
	in->sessions_found = calls[SESSIONS].result;
	in->unseen_found = calls[UNSEEN].result;
	in->streams[STREAM_POINTS].stretches_found = calls[POINTS].result;
	in->streams[STREAM_EVENTS].stretches_found = calls[EVENTS].result;
	return rc;
}

/* ---- the last statement --------------------------------------------------------------------------------------- */

/* The newest position among the rows taken, as an array of one or none. Times in the future are not believed. */
static cJSON *last_position(const struct ingest *in)
{
	enum { TOLERANCE_MS = 86400000 };
	const struct point *last = NULL;
	const struct batch *batch = in->batch;
	const struct ranges *taken = &in->streams[STREAM_POINTS].taken;
	for (size_t r = 0; r < taken->count; r++) {
		size_t row = ingest_find(&ingest_points, batch, taken->items[r].first);
		for (int64_t seq = taken->items[r].first; seq <= taken->items[r].last; seq++, row++)
			if (batch->points[row].recorded_at_ms <= in->now_ms + TOLERANCE_MS &&
			    (!last || batch->points[row].recorded_at_ms >= last->recorded_at_ms))
				last = &batch->points[row];
	}
	cJSON *array = cJSON_CreateArray();
	if (last) {
		cJSON *object = ingest_points.content(batch, (size_t)(last - batch->points));
		cJSON_AddNumberToObject(object, "seq", (double)last->seq);
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

static cJSON *unit_state(const struct unit_state *state)
{
	cJSON *object = cJSON_CreateObject();
	json_add_text_or_null(object, "version", state->version);
	cJSON_AddNumberToObject(object, "unsent_points", (double)state->unsent_points);
	cJSON_AddNumberToObject(object, "unsent_events", (double)state->unsent_events);
	json_add_time(object, "oldest_unsent", state->oldest_unsent_ms);
	if (state->free_bytes >= 0)
		cJSON_AddNumberToObject(object, "free_bytes", (double)state->free_bytes);
	json_add_time(object, "clock", state->clock_ms);
	return object;
}

/* The device's sign of life, and the state of the unit, which is that of its newest batch, whichever comes last. */
#define DEVICE_SEEN                                                                                       \
	"device AS ("                                                                                         \
	" UPDATE alzy.devices SET last_seen_at = now(), centre_key = coalesce(decode($7, 'hex'), centre_key)" \
	" WHERE id = $2::int)"
#define STORE_SEEN                                                                                                 \
	" UPDATE alzy.stores SET exchange = greatest(exchange, $3::bigint), last_batch_at = now(),"                    \
	" unit_state = CASE WHEN $3::bigint >= exchange THEN $4::jsonb ELSE unit_state END, points_last = $5::bigint," \
	" events_last = $6::bigint"
#define STORE_SAYS                                                                                            \
	" WHERE number = $1::int RETURNING EXISTS (SELECT FROM alzy.rejected r WHERE r.store_number = number),"   \
	" CASE WHEN copied_at IS NULL THEN 0 ELSE alzy.members(points_copied) + alzy.members(events_copied) END," \
	" floor(extract(epoch FROM copied_at) * 1000)::bigint, checkpoint"

/* Everything small at once: besides that, the store's ranges and stretches, and the device's last position. */
static const char finish_sql[] =
	"WITH stretches AS ("
	" INSERT INTO alzy.stretches (store_number, stream, first_seq, last_seq, digest, packed)"
	" SELECT $1::int, g.stream, g.first_seq, g.last_seq, decode(g.digest, 'hex'), decode(g.packed, 'hex')"
	"  FROM jsonb_to_recordset($8::jsonb) AS g(stream text, first_seq bigint, last_seq bigint, digest text, packed "
	"text)"
	/* Of rows that somebody has taken out by hand, and that came again. */
	" ON CONFLICT (store_number, stream, first_seq, last_seq) DO UPDATE SET digest = excluded.digest,"
	"  packed = excluded.packed, received_at = now()"
	"), position AS ("
	" INSERT INTO alzy.last_positions AS l (device_id, point_id, recorded_at, lat, lng, accuracy, speed, heading,"
	"  altitude)"
	" SELECT $2::int, $1::bigint << 40 | g.seq, g.recorded_at, g.lat, g.lng, g.accuracy, g.speed, g.heading, g.altitude"
	"  FROM jsonb_to_recordset($9::jsonb) AS g(seq bigint, recorded_at timestamptz, lat numeric, lng numeric,"
	"  accuracy float8, speed float8, heading float8, altitude float8)"
	" ON CONFLICT (device_id) DO UPDATE SET point_id = excluded.point_id, recorded_at = excluded.recorded_at,"
	"  lat = excluded.lat, lng = excluded.lng, accuracy = excluded.accuracy, speed = excluded.speed,"
	"  heading = excluded.heading, altitude = excluded.altitude, received_at = excluded.received_at"
	"  WHERE l.recorded_at <= excluded.recorded_at"
	"), made AS ("
	" INSERT INTO alzy.checkpoints SELECT $1::int, 1 + floor(random() * 999999999999998) RETURNING checkpoint"
	"), " DEVICE_SEEN STORE_SEEN ", checkpoint = (SELECT checkpoint FROM made),"
	" points_held = $10::int8multirange, points_rejected = $11::int8multirange,"
	" events_held = $12::int8multirange, events_rejected = $13::int8multirange,"
	" points_dropped = $14::int8multirange, points_expired = $15::int8multirange,"
	" events_dropped = $16::int8multirange, events_expired = $17::int8multirange,"
	" points_copied = points_copied + $18::int8multirange, events_copied = events_copied + $19::int8multirange,"
	" copied_at = CASE WHEN $20::bool THEN coalesce(copied_at, now()) ELSE copied_at END" STORE_SAYS;
/* … of a batch that brings nothing. */
static const char seen_sql[] =
	"WITH " DEVICE_SEEN STORE_SEEN STORE_SAYS ", set_config('synchronous_commit', 'off', true)";

static int read_written(struct ingest *in, const struct pg_result *found, struct err *e)
{
	if (!pg_rows(found))
		return err_set(e, ERR_DATABASE, "the row of store %s was not written", in->batch->store_id);
	in->any_rejected = !strcmp(pg_text(found, 0, 0), "t");
	in->receipt->copied_rows = pg_int(found, 0, 1);
	in->receipt->copied_ms = pg_int(found, 0, 2);
	in->receipt->checkpoint = pg_int(found, 0, 3);
	return 0;
}

enum { SEEN_VALUES = 7, FINISH_VALUES = 20 };

/* A batch of what is held already, from a unit whose receipt got lost: what its receipt says was made durable by those
 * who brought it, so that there is no disk to wait for. What else such a batch changes is only for people to look at. */
static bool brings_nothing(const struct ingest *in)
{
	bool any = in->changed;
	for (int s = 0; s < STREAM_COUNT; s++)
		any = any || in->streams[s].taken.count || in->streams[s].refused.count;
	return !any;
}

/* Whether it is answered for the second time within a moment: what the unit is to know of people and machines, which takes more
 * time than all the rest of it, can wait for the next batch. */
static bool is_repeated(const struct ingest *in)
{
	return in->points_known && in->recent && in->batch->has_reference;
}

static int finish_again(struct ingest *in, const char *const values[SEEN_VALUES], struct err *e)
{
	enum { SEEN, REFERENCE, COMMIT, CALLS };
	struct pg_call calls[CALLS] = {
		[SEEN] = {.sql = seen_sql, .count = SEEN_VALUES, .values = values},
		[REFERENCE] = {.sql = ""},
		[COMMIT] = {.sql = "COMMIT"},
	};
	if (!is_repeated(in))
		ingest_reference_ask(in, &calls[REFERENCE]);
	int rc = pg_queries(in->pg, calls, CALLS, e);
	if (!rc)
		rc = read_written(in, calls[SEEN].result, e);
	in->committed = true;
	in->reference_found = calls[REFERENCE].result;
	pg_result_free(calls[SEEN].result);
	pg_result_free(calls[COMMIT].result);
	return rc;
}

static int write_all(struct ingest *in, const char *const values[FINISH_VALUES], struct err *e)
{
	enum { FINISH, REFERENCE, CALLS };
	struct pg_call calls[CALLS] = {[FINISH] = {.sql = finish_sql, .count = FINISH_VALUES, .values = values}};
	ingest_reference_ask(in, &calls[REFERENCE]);
	int rc = pg_queries(in->pg, calls, CALLS, e);
	if (!rc)
		rc = read_written(in, calls[FINISH].result, e);
	in->reference_found = calls[REFERENCE].result;
	pg_result_free(calls[FINISH].result);
	return rc;
}

/* values[] from SEEN_VALUES on are filled here. */
static int finish_new(struct ingest *in, const char *values[FINISH_VALUES], bool copied, struct err *e)
{
	const struct ingest_stream *s = in->streams;
	const struct ranges none = {0};
	enum { SETS = 10, AT_SETS = SEEN_VALUES + 2 };
	struct buffer sets[SETS] = {{0}};
	const struct ranges *of[SETS] = {&s[0].held,
	                                 &s[0].rejected,
	                                 &s[1].held,
	                                 &s[1].rejected,
	                                 &s[0].dropped,
	                                 &s[0].expired,
	                                 &s[1].dropped,
	                                 &s[1].expired,
	                                 copied ? &s[0].conflicts : &none,
	                                 copied ? &s[1].conflicts : &none};
	cJSON *position = last_position(in);
	char *stretches = json_print(in->stretches), *json = json_print(position);
	int rc = stretches && json ? 0 : err_set(e, ERR_MEMORY, "out of memory for a batch");
	values[SEEN_VALUES] = stretches;
	values[SEEN_VALUES + 1] = json;
	for (size_t i = 0; i < SETS && !rc; i++) {
		rc = seq_ranges_format(of[i], &sets[i], e);
		values[AT_SETS + i] = (const char *)sets[i].bytes;
	}
	values[AT_SETS + SETS] = copied ? "t" : "f";
	if (!rc)
		rc = write_all(in, values, e);
	for (size_t i = 0; i < SETS; i++)
		buffer_free(&sets[i]);
	free(stretches);
	free(json);
	cJSON_Delete(position);
	return rc;
}

static int finish_with(struct ingest *in, const char *state, struct err *e)
{
	const struct ingest_stream *s = in->streams;
	/* A unit that asks for a comparison asks about a table that somebody has changed: that tells of no copy. */
	bool copied = !in->batch->compare && (s[0].conflicts.count || s[1].conflicts.count);
	char number[24], device[24], last[STREAM_COUNT][24], exchange[24], recipient[2 * KEY_PUBLIC + 1];
	in->changed |= copied;
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	snprintf(exchange, sizeof exchange, "%" PRId64, in->batch->exchange);
	hex_write(in->envelope->recipient, KEY_PUBLIC, recipient);
	for (int i = 0; i < STREAM_COUNT; i++)
		snprintf(last[i], sizeof last[i], "%" PRId64, s[i].last);
	const char *values[FINISH_VALUES] = {
		number, device, exchange, state, last[STREAM_POINTS], last[STREAM_EVENTS], in->newest ? recipient : NULL};
	return brings_nothing(in) ? finish_again(in, values, e) : finish_new(in, values, copied, e);
}

static int finish(struct ingest *in, struct err *e)
{
	cJSON *state = unit_state(&in->batch->state);
	char *json = json_print(state);
	int rc = json ? finish_with(in, json, e) : err_set(e, ERR_MEMORY, "out of memory for a batch");
	free(json);
	cJSON_Delete(state);
	return rc;
}

/* ---- the transaction ------------------------------------------------------------------------------------------ */

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
		rc = add_store(in, e);
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
		rc = finish(in, e);
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
