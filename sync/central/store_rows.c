#include "sync/central/store_rows.h"

#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 24 };

int64_t store_base(int64_t number)
{
	return number * (SEQ_MAX + 1);
}

void store_sets_free(struct store_sets *sets)
{
	for (int s = 0; s < STREAM_COUNT; s++) {
		ranges_free(&sets->streams[s].held);
		ranges_free(&sets->streams[s].rejected);
		ranges_free(&sets->streams[s].dropped);
		ranges_free(&sets->streams[s].expired);
	}
	*sets = (struct store_sets){0};
}

int store_sets_read(const struct pg_result *found, struct store_sets *out, struct err *e)
{
	int rc = 0;
	out->number = pg_int(found, 0, 0);
	out->device_id = pg_int(found, 0, 1);
	for (size_t s = 0; s < STREAM_COUNT && !rc; s++) {
		struct store_stream *stream = &out->streams[s];
		struct ranges *sets[] = {&stream->held, &stream->rejected, &stream->dropped, &stream->expired};
		size_t column = 2 + 5 * s;
		for (size_t i = 0; i < 4 && !rc; i++)
			rc = seq_ranges_parse(pg_text(found, 0, column + i), sets[i], e);
		stream->last = pg_int(found, 0, column + 4);
	}
	return rc;
}

int store_sets_write(struct pg *pg, const struct store_sets *sets, struct err *e)
{
	enum { SETS = 8 };
	const struct store_stream *s = sets->streams;
	const struct ranges *of[SETS] = {&s[0].held, &s[0].rejected, &s[0].dropped, &s[0].expired,
	                                 &s[1].held, &s[1].rejected, &s[1].dropped, &s[1].expired};
	struct buffer texts[SETS] = {{0}};
	char number[NUMBER_TEXT];
	const char *values[SETS + 1] = {number};
	int rc = 0;
	snprintf(number, sizeof number, "%" PRId64, sets->number);
	for (size_t i = 0; i < SETS && !rc; i++) {
		rc = seq_ranges_format(of[i], &texts[i], e);
		values[1 + i] = (const char *)texts[i].bytes;
	}
	if (!rc)
		rc =
			pg_query(pg, NULL, e,
		             "UPDATE alzy.stores SET points_held = $2::int8multirange, points_rejected = $3::int8multirange,"
		             " points_dropped = $4::int8multirange, points_expired = $5::int8multirange,"
		             " events_held = $6::int8multirange, events_rejected = $7::int8multirange,"
		             " events_dropped = $8::int8multirange, events_expired = $9::int8multirange WHERE number = $1::int",
		             SETS + 1, values);
	for (size_t i = 0; i < SETS; i++)
		buffer_free(&texts[i]);
	return rc;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static bool add_digit(int64_t *value, char digit, int64_t most)
{
	if (*value > most / 10)
		return false;
	*value = *value * 10 + (digit - '0');
	return *value <= most;
}

bool table_parse_scaled(const char *text, int places, int64_t most, int64_t *out)
{
	bool negative = *text == '-';
	int64_t value = 0;
	const char *at = text + negative;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
		if (!add_digit(&value, *at, most))
			return false;
	bool point = *at == '.';
	at += point;
	for (int i = 0; i < places; i++) {
		bool digit = point && *at >= '0' && *at <= '9';
		if (!add_digit(&value, digit ? *at : '0', most))
			return false;
		at += digit;
	}
	while (point && *at == '0')
		at++;
	if (*at)
		return false;
	*out = negative ? -value : value;
	return true;
}

/* A column that may be NULL; false when its value is none of ours. */
static bool scaled_at(const struct pg_result *found, size_t row, size_t column, int places, int32_t *out)
{
	int64_t value = ROW_ABSENT;
	if (!pg_is_null(found, row, column) && !table_parse_scaled(pg_text(found, row, column), places, INT32_MAX, &value))
		return false;
	*out = (int32_t)value;
	return true;
}

static bool degrees_at(const struct pg_result *found, size_t row, size_t column, int64_t most, int32_t *out)
{
	int64_t value = 0;
	bool good = table_parse_scaled(pg_text(found, row, column), 7, most, &value);
	*out = (int32_t)value;
	return good;
}

/* Tables give seconds since 1970, rows kept aside RFC 3339. */
static bool time_at(const struct pg_result *found, size_t row, size_t column, bool aside, int64_t *out)
{
	const char *text = pg_text(found, row, column);
	return aside ? time_parse(text, out) : table_parse_scaled(text, 3, TIME_MS_MAX, out);
}

static bool source_at(const struct pg_result *found, size_t row, size_t column, uint8_t *out)
{
	for (uint8_t source = 0; source < POINT_SOURCE_COUNT; source++)
		if (!strcmp(pg_text(found, row, column), point_source_name(source))) {
			*out = source;
			return true;
		}
	return false;
}

/* False when it is longer than any that a unit can have sent. */
static bool text_at(const struct pg_result *found, size_t row, size_t column, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "%s", pg_text(found, row, column)) < size;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* What is in the table comes first; of rows that were kept aside more than once, the one that came first. Everything
 * as text, for values are compared exactly, also those that a cast would refuse. */
static const char points_sql[] =
	"WITH held AS (SELECT p.id - $1::bigint AS seq, false AS aside, p.device_id = $5::int AND (p.session_id IS NULL"
	"  OR s.session_id IS NOT NULL) AS ours, s.session_id, p.lat::text, p.lng::text, p.accuracy::text, p.speed::text,"
	"  p.heading::text, p.altitude::text, p.source::text, extract(epoch FROM p.recorded_at)::text"
	"  FROM alzy.points p LEFT JOIN alzy.sessions s ON s.id = p.session_id"
	"  WHERE p.id BETWEEN $1::bigint + $2::bigint AND $1::bigint + $3::bigint)"
	" SELECT * FROM held UNION ALL (SELECT DISTINCT ON (r.seq) r.seq, true, true, r.content->>'session_id',"
	"  r.content->>'lat', r.content->>'lng', r.content->>'accuracy', r.content->>'speed', r.content->>'heading',"
	"  r.content->>'altitude', r.content->>'source', r.content->>'recorded_at' FROM alzy.rejected r"
	"  WHERE $4::boolean AND r.store_number = ($1::bigint >> 40)::int AND r.stream = 'points'"
	"  AND r.seq BETWEEN $2::bigint AND $3::bigint AND r.code <> 'conflict'"
	"  AND NOT EXISTS (SELECT FROM held h WHERE h.seq = r.seq) ORDER BY r.seq, r.rejected_at, r.digest) ORDER BY 1";

static const char events_sql[] =
	"WITH held AS (SELECT v.event_id - $1::bigint AS seq, false AS aside, true AS ours, v.session_id::text,"
	"  v.event_type::text, v.payload::text, extract(epoch FROM v.event_at)::text FROM public.events v"
	"  WHERE v.event_id BETWEEN $1::bigint + $2::bigint AND $1::bigint + $3::bigint)"
	" SELECT * FROM held UNION ALL (SELECT DISTINCT ON (r.seq) r.seq, true, true, r.content->>'session_id',"
	"  r.content->>'event_type', r.content->>'payload', r.content->>'event_at' FROM alzy.rejected r"
	"  WHERE $4::boolean AND r.store_number = ($1::bigint >> 40)::int AND r.stream = 'events'"
	"  AND r.seq BETWEEN $2::bigint AND $3::bigint AND r.code <> 'conflict'"
	"  AND NOT EXISTS (SELECT FROM held h WHERE h.seq = r.seq) ORDER BY r.seq, r.rejected_at, r.digest) ORDER BY 1";

static int read_point(const struct pg_result *found, size_t row, struct verify_rows *rows, bool *out_good,
                      struct err *e)
{
	struct point *point = &rows->points[row];
	char session_id[UUID_TEXT];
	bool good = pg_bool(found, row, 2) && text_at(found, row, 3, session_id, sizeof session_id) &&
	            degrees_at(found, row, 4, LAT_E7_MAX, &point->lat_e7) &&
	            degrees_at(found, row, 5, LNG_E7_MAX, &point->lng_e7) &&
	            scaled_at(found, row, 6, 1, &point->accuracy_dm) && scaled_at(found, row, 7, 2, &point->speed_cmps) &&
	            scaled_at(found, row, 8, 1, &point->heading_ddeg) && scaled_at(found, row, 9, 1, &point->altitude_dm) &&
	            source_at(found, row, 10, &point->source) &&
	            time_at(found, row, 11, pg_bool(found, row, 1), &point->recorded_at_ms);
	*out_good = good;
	return good && *session_id ? verify_rows_session(rows, session_id, &point->session, e) : 0;
}

static int read_event(const struct pg_result *found, size_t row, struct verify_rows *rows, bool *out_good,
                      struct err *e)
{
	struct event *event = &rows->events[row];
	*out_good = text_at(found, row, 3, event->session_id, sizeof event->session_id) &&
	            text_at(found, row, 4, event->event_type, sizeof event->event_type) &&
	            time_at(found, row, 6, pg_bool(found, row, 1), &event->event_at_ms);
	if (!pg_is_null(found, row, 5) && !(event->payload = strdup(pg_text(found, row, 5))))
		return err_set(e, ERR_MEMORY, "out of memory for an event");
	return 0;
}

static int take_rows(struct table_source *table, const struct pg_result *found, struct verify_rows *out, struct err *e)
{
	bool points = table->source.stream == STREAM_POINTS, good = false;
	size_t count = pg_rows(found);
	if (points)
		out->points = calloc(count + 1, sizeof *out->points);
	else
		out->events = calloc(count + 1, sizeof *out->events);
	if (!out->points && !out->events)
		return err_set(e, ERR_MEMORY, "out of memory for %zu rows", count);
	out->count = count;
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		int64_t seq = pg_int(found, i, 0);
		*(points ? &out->points[i].seq : &out->events[i].seq) = seq;
		rc = (points ? read_point : read_event)(found, i, out, &good, e);
		if (!rc && !good)
			rc = ranges_add(&out->odd, seq, seq, e);
		if (!rc && pg_bool(found, i, 1))
			rc = ranges_add(&table->rejected, seq, seq, e);
	}
	return rc;
}

static int read_rows(struct verify_source *source, int64_t first, int64_t last, struct verify_rows *out, struct err *e)
{
	struct table_source *table = (struct table_source *)source;
	struct pg_result *found = NULL;
	char base[NUMBER_TEXT], from[NUMBER_TEXT], to[NUMBER_TEXT], device[NUMBER_TEXT];
	if (!table->number)
		return 0;
	snprintf(base, sizeof base, "%" PRId64, store_base(table->number));
	snprintf(from, sizeof from, "%" PRId64, first);
	snprintf(to, sizeof to, "%" PRId64, last);
	snprintf(device, sizeof device, "%" PRId64, table->device_id);
	bool points = source->stream == STREAM_POINTS;
	int rc = pg_query(table->pg, &found, e, points ? points_sql : events_sql, points ? 5 : 4,
	                  (const char *const[]){base, from, to, table->aside ? "t" : "f", device});
	if (!rc)
		rc = take_rows(table, found, out, e);
	pg_result_free(found);
	return rc;
}

struct table_source table_source(struct pg *pg, const struct store_sets *sets, enum stream stream, bool aside)
{
	return (struct table_source){
		.source = {stream, read_rows}, .pg = pg, .number = sets->number, .device_id = sets->device_id, .aside = aside};
}

/* ---- which there are ------------------------------------------------------------------------------------------- */

#define ISLANDS_OF(rows)                                                                                  \
	"SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM (" \
	"SELECT DISTINCT " rows ") q) i GROUP BY island ORDER BY 1"

static int read_islands(struct pg *pg, const char *sql, int64_t number, const struct ranges *within, struct ranges *out,
                        struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	struct pg_result *found = NULL;
	char base[NUMBER_TEXT];
	snprintf(base, sizeof base, "%" PRId64, store_base(number));
	int rc = seq_ranges_arrays(within, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(pg, &found, e, sql, 3, (const char *const[]){base, (char *)firsts.bytes, (char *)lasts.bytes});
	for (size_t i = 0; !rc && i < pg_rows(found); i++)
		rc = ranges_add(out, pg_int(found, i, 0), pg_int(found, i, 1), e);
	pg_result_free(found);
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

int table_present(struct pg *pg, int64_t number, enum stream stream, const struct ranges *within, struct ranges *out,
                  struct err *e)
{
	static const char *const sql[STREAM_COUNT] = {
		ISLANDS_OF("p.id - $1::bigint AS seq FROM unnest($2::bigint[], $3::bigint[]) AS r(first, last)" EACH_RANGE(
			"SELECT id FROM alzy.points WHERE id BETWEEN $1::bigint + r.first AND $1::bigint + r.last") " p"),
		ISLANDS_OF(
			"v.event_id - $1::bigint AS seq FROM unnest($2::bigint[], $3::bigint[]) AS r(first, last)" EACH_RANGE(
				"SELECT event_id FROM public.events WHERE event_id BETWEEN $1::bigint + r.first AND $1::bigint + "
				"r.last") " v"),
	};
	return read_islands(pg, sql[stream], number, within, out, e);
}

int table_aside(struct pg *pg, int64_t number, enum stream stream, const struct ranges *within, struct ranges *out,
                struct err *e)
{
#define ASIDE(stream)                                                                                      \
	ISLANDS_OF("j.seq FROM unnest($2::bigint[], $3::bigint[]) AS r(first, last)" EACH_RANGE(               \
		"SELECT seq FROM alzy.rejected WHERE store_number = ($1::bigint >> 40)::int AND stream = '" stream \
		"' AND seq BETWEEN r.first AND r.last AND code <> 'conflict'") " j")
	static const char *const sql[STREAM_COUNT] = {ASIDE("points"), ASIDE("events")};
#undef ASIDE
	return read_islands(pg, sql[stream], number, within, out, e);
}
