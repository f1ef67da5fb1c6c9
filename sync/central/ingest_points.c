/* Points: binary COPY into alzy.points, and the comparison with what is there. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"
#include "sync/central/copy_binary.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t count_points(const struct batch *batch)
{
	return batch->point_count;
}

static int64_t seq_of(const struct batch *batch, size_t row)
{
	return batch->points[row].seq;
}

static int given(const struct batch *batch, struct ranges *out, struct err *e)
{
	return ranges_copy(out, &batch->point_ranges, e);
}

static int64_t time_of(const struct batch *batch, size_t row)
{
	return batch->points[row].recorded_at_ms;
}

static const struct ingest_session *session_row(const struct ingest *in, size_t row)
{
	int32_t session = in->batch->points[row].session;
	return session ? &in->sessions[session - 1] : NULL;
}

static void digest(const struct batch *batch, size_t row, size_t count, uint8_t out[ROWS_DIGEST])
{
	digest_points(batch->points + row, count, batch->sessions, out);
}

/* ---- into the table ------------------------------------------------------------------------------------------ */

static const char copy_sql[] =
	"SAVEPOINT rows; COPY alzy.points (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source,"
	" recorded_at, received_at) FROM STDIN (FORMAT binary)";

enum {
	POINT_COLUMNS = 12,
	SOURCE_TEXT = 8, /* of the longest name */
	POINT_BYTES =
		COPY_ROW + 3 * COPY_8BYTES + 2 * COPY_INT4 + 2 * COPY_DEGREES + 4 * COPY_8BYTES + COPY_TEXT + SOURCE_TEXT,
	POINTS_AT_ONCE = 400, /* about what fills libpq's own buffer a few times */
};

/* alzy.sessions.id, 0 for none. */
static int64_t session_of(const struct ingest *in, const struct point *point)
{
	return point->session ? in->sessions[point->session - 1].id : 0;
}

static uint8_t *put_point(uint8_t *at, const struct ingest *in, const struct point *point)
{
	const char *source = point_source_name(point->source);
	at = copy_row(at, POINT_COLUMNS);
	at = copy_int8(at, ingest_row_id(in, point->seq));
	at = copy_int4(at, (int32_t)in->device_id);
	at = point->session ? copy_int4(at, (int32_t)session_of(in, point)) : copy_null(at);
	at = copy_degrees(at, point->lat_e7);
	at = copy_degrees(at, point->lng_e7);
	at = copy_scaled(at, point->accuracy_dm, 10);
	at = copy_scaled(at, point->speed_cmps, 100);
	at = copy_scaled(at, point->heading_ddeg, 10);
	at = copy_scaled(at, point->altitude_dm, 10);
	at = copy_text(at, source, strlen(source));
	at = copy_time(at, point->recorded_at_ms);
	return copy_time(at, in->now_ms);
}

static int copy(struct ingest *in, const size_t *rows, size_t count, struct err *e)
{
	uint8_t bytes[COPY_HEADER + POINTS_AT_ONCE * POINT_BYTES + COPY_END], *at = copy_header(bytes);
	int rc = pg_copy_begin(in->pg, copy_sql, e);
	for (size_t i = 0; i < count && !rc; i++) {
		at = put_point(at, in, &in->batch->points[rows[i]]);
		if (i + 1 == count)
			at = copy_end(at);
		else if ((i + 1) % POINTS_AT_ONCE)
			continue;
		rc = pg_copy_put(in->pg, bytes, (size_t)(at - bytes), e);
		at = bytes;
	}
	int64_t written = 0;
	if (!rc)
		rc = pg_copy_end(in->pg, &written, e);
	return rc ? rc : written != (int64_t)count;
}

/* ---- what is there -------------------------------------------------------------------------------------------- */

static int32_t scaled_at(const struct pg_result *found, size_t row, size_t column)
{
	return pg_is_null(found, row, column) ? ROW_ABSENT : (int32_t)pg_int(found, row, column);
}

static bool same(const struct ingest *in, size_t index, const struct pg_result *found, size_t row)
{
	const struct point *point = &in->batch->points[index];
	return pg_int(found, row, 1) == in->device_id && pg_int(found, row, 2) == session_of(in, point) &&
	       pg_int(found, row, 3) == point->lat_e7 && pg_int(found, row, 4) == point->lng_e7 &&
	       scaled_at(found, row, 5) == point->accuracy_dm && scaled_at(found, row, 6) == point->speed_cmps &&
	       scaled_at(found, row, 7) == point->heading_ddeg && scaled_at(found, row, 8) == point->altitude_dm &&
	       !strcmp(pg_text(found, row, 9), point_source_name(point->source)) &&
	       pg_int(found, row, 10) == point->recorded_at_ms;
}

static const char compare_sql[] =
	"SELECT p.id, p.device_id, p.session_id, (p.lat * 10000000)::bigint, (p.lng * 10000000)::bigint,"
	" round(p.accuracy * 10)::bigint, round(p.speed * 100)::bigint, round(p.heading * 10)::bigint,"
	" round(p.altitude * 10)::bigint, p.source, (extract(epoch FROM p.recorded_at) * 1000)::bigint"
	" FROM unnest($1::bigint[], $2::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM alzy.points WHERE id BETWEEN r.first AND r.last") " p";

/* ---- for people ------------------------------------------------------------------------------------------------ */

static cJSON *content(const struct batch *batch, size_t row)
{
	const struct point *point = &batch->points[row];
	cJSON *object = cJSON_CreateObject();
	if (!object)
		return NULL;
	json_add_point(object, point);
	json_add_text_or_null(object, "session_id", point->session ? batch->sessions[point->session - 1].session_id : "");
	return object;
}

const struct ingest_rows ingest_points = {
	.stream = STREAM_POINTS,
	.count = count_points,
	.seq = seq_of,
	.given = given,
	.time_ms = time_of,
	.session = session_row,
	.copy = copy,
	.digest = digest,
	.compare_sql = compare_sql,
	.same = same,
	.content = content,
};
