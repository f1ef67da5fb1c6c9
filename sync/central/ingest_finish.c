/* The last statement of a batch: everything small that it changes, at once. */
#include "sync/central/ingest_parts.h"

#include "hal/hex.h"
#include "hal/json.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	in->any_rejected = pg_bool(found, 0, 0);
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

int ingest_finish(struct ingest *in, struct err *e)
{
	cJSON *state = unit_state(&in->batch->state);
	char *json = json_print(state);
	int rc = json ? finish_with(in, json, e) : err_set(e, ERR_MEMORY, "out of memory for a batch");
	free(json);
	cJSON_Delete(state);
	return rc;
}
