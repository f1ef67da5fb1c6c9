#include "sync/columns.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum coding {
	SECOND, /* varints of second differences: what moves evenly becomes zeros */
	FIRST,  /* a mask of absent values, then varints of first differences of those that are there */
	RUNS,   /* pairs of value and run length: what hardly ever changes */
};

/* The columns in the order in which they stand in the block. */
static const struct column {
	const char *name;
	enum coding coding;
	size_t offset, size; /* of the field in struct point */
	int64_t min, max;
} columns[] = {
#define COLUMN(name, field, coding, min, max)                                                  \
	{                                                                                          \
		name, coding, offsetof(struct point, field), sizeof((struct point){0}.field), min, max \
	}
	COLUMN("recorded_at", recorded_at_ms, SECOND, TIME_MS_MIN, TIME_MS_MAX),
	COLUMN("lat", lat_e7, SECOND, -LAT_E7_MAX, LAT_E7_MAX),
	COLUMN("lng", lng_e7, SECOND, -LNG_E7_MAX, LNG_E7_MAX),
	COLUMN("altitude", altitude_dm, FIRST, INT32_MIN + INT64_C(1), INT32_MAX),
	COLUMN("accuracy", accuracy_dm, FIRST, INT32_MIN + INT64_C(1), INT32_MAX),
	COLUMN("speed", speed_cmps, FIRST, INT32_MIN + INT64_C(1), INT32_MAX),
	COLUMN("heading", heading_ddeg, FIRST, INT32_MIN + INT64_C(1), INT32_MAX),
	COLUMN("source", source, RUNS, 0, POINT_SOURCE_COUNT - 1),
	COLUMN("session", session, RUNS, 0, INT32_MAX),
#undef COLUMN
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

enum {
	VARINT_MOST = 10, /* bytes of 64 bits in sevens */
	POINT_LEAST = 3,  /* bytes that a point costs: one each of time, latitude and longitude */
};

static int64_t get(const struct column *column, const struct point *point)
{
	const char *field = (const char *)point + column->offset;
	if (column->size == sizeof(int64_t))
		return *(const int64_t *)field;
	if (column->size == sizeof(int32_t))
		return *(const int32_t *)field;
	return *(const uint8_t *)field;
}

static void set(const struct column *column, struct point *point, int64_t value)
{
	char *field = (char *)point + column->offset;
	if (column->size == sizeof(int64_t))
		*(int64_t *)field = value;
	else if (column->size == sizeof(int32_t))
		*(int32_t *)field = (int32_t)value;
	else
		*(uint8_t *)field = (uint8_t)value;
}

static bool is_absent(const struct column *column, int64_t value)
{
	return column->coding == FIRST && value == ROW_ABSENT;
}

static int check(const struct column *column, size_t at, int64_t value, struct err *e)
{
	if (value < column->min || value > column->max)
		return err_set(e, ERR_INVALID, "point %zu of the block has %s %" PRId64 ", outside %" PRId64 "..%" PRId64, at,
		               column->name, value, column->min, column->max);
	return 0;
}

/* Differences wrap around in 64 bits, so that no value can overflow on its way; what comes out is checked. */
struct predictor {
	uint64_t previous, slope;
	size_t seen;
};

static uint64_t predict(const struct predictor *p, enum coding coding)
{
	return coding == SECOND ? p->previous + p->slope : p->previous;
}

static void learn(struct predictor *p, uint64_t value)
{
	/* The first value is far from 0, and no movement. */
	p->slope = p->seen++ ? value - p->previous : 0;
	p->previous = value;
}

/* ---- encoding --------------------------------------------------------------------------------------------- */

static int put_varint(uint64_t value, struct buffer *out, struct err *e)
{
	uint8_t bytes[VARINT_MOST];
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[n++] = (uint8_t)(value | 0x80);
	bytes[n++] = (uint8_t)value;
	return buffer_append(out, bytes, n, e);
}

static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

/* Lengths of runs, the first of values that are there (it may be 0), then in turn. */
static int put_mask(const struct column *column, const struct point *points, size_t count, struct buffer *out,
                    struct err *e)
{
	bool absent = false;
	for (size_t i = 0; i < count; absent = !absent) {
		size_t begin = i;
		while (i < count && is_absent(column, get(column, &points[i])) == absent)
			i++;
		int rc = put_varint(i - begin, out, e);
		if (rc)
			return rc;
	}
	return 0;
}

static int put_differences(const struct column *column, const struct point *points, size_t count, struct buffer *out,
                           struct err *e)
{
	int rc = column->coding == FIRST ? put_mask(column, points, count, out, e) : 0;
	struct predictor p = {0};
	for (size_t i = 0; i < count && !rc; i++) {
		int64_t value = get(column, &points[i]);
		if (is_absent(column, value))
			continue;
		rc = check(column, i, value, e);
		if (!rc)
			rc = put_varint(zigzag((uint64_t)value - predict(&p, column->coding)), out, e);
		learn(&p, (uint64_t)value);
	}
	return rc;
}

static int put_runs(const struct column *column, const struct point *points, size_t count, struct buffer *out,
                    struct err *e)
{
	for (size_t i = 0; i < count;) {
		size_t begin = i;
		int64_t value = get(column, &points[i]);
		while (i < count && get(column, &points[i]) == value)
			i++;
		int rc = check(column, begin, value, e);
		if (!rc)
			rc = put_varint((uint64_t)value, out, e);
		if (!rc)
			rc = put_varint(i - begin, out, e);
		if (rc)
			return rc;
	}
	return 0;
}

int columns_encode(const struct point *points, size_t count, struct buffer *out, struct err *e)
{
	size_t before = out->length;
	int rc = 0;
	for (size_t c = 0; c < COLUMN_COUNT && !rc; c++)
		rc = columns[c].coding == RUNS ? put_runs(&columns[c], points, count, out, e)
		                               : put_differences(&columns[c], points, count, out, e);
	if (rc)
		out->length = before;
	return rc;
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *at, *end;
};

static int take_varint(struct reader *in, uint64_t *out, struct err *e)
{
	uint64_t value = 0;
	for (int shift = 0; shift < 7 * VARINT_MOST; shift += 7) {
		if (in->at == in->end)
			return err_set(e, ERR_INVALID, "the block of points is cut off");
		uint8_t byte = *in->at++;
		uint64_t part = byte & 0x7f;
		/* One number, one form: neither bits beyond 64 nor zeros in front. */
		if (part << shift >> shift != part || (byte == 0 && shift))
			break;
		value |= part << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return 0;
		}
	}
	return err_set(e, ERR_INVALID, "a number in the block of points is not in its shortest form of 64 bits");
}

/* A run of 1..left; `least` 0 allows an empty one. */
static int take_run(struct reader *in, size_t least, size_t left, size_t *out, struct err *e)
{
	uint64_t run;
	int rc = take_varint(in, &run, e);
	if (!rc && (run < least || run > left))
		rc = err_set(e, ERR_INVALID, "a run of %" PRIu64 " where %zu points are left", run, left);
	if (!rc)
		*out = (size_t)run;
	return rc;
}

/* Marks the absent values of the column in `out`; the others get 0 for now. */
static int take_mask(const struct column *column, struct reader *in, size_t count, struct point *out, struct err *e)
{
	bool absent = false;
	for (size_t i = 0; i < count; absent = !absent) {
		size_t run;
		int rc = take_run(in, i || absent ? 1 : 0, count - i, &run, e);
		if (rc)
			return rc;
		for (; run; run--)
			set(column, &out[i++], absent ? ROW_ABSENT : 0);
	}
	return 0;
}

static int take_differences(const struct column *column, struct reader *in, size_t count, struct point *out,
                            struct err *e)
{
	int rc = column->coding == FIRST ? take_mask(column, in, count, out, e) : 0;
	struct predictor p = {0};
	for (size_t i = 0; i < count && !rc; i++) {
		uint64_t coded;
		if (is_absent(column, get(column, &out[i])))
			continue;
		rc = take_varint(in, &coded, e);
		if (rc)
			break;
		uint64_t value = predict(&p, column->coding) + (coded >> 1 ^ (0 - (coded & 1)));
		learn(&p, value);
		rc = check(column, i, (int64_t)value, e);
		if (!rc)
			set(column, &out[i], (int64_t)value);
	}
	return rc;
}

static int take_runs(const struct column *column, struct reader *in, size_t count, struct point *out, struct err *e)
{
	for (size_t i = 0; i < count;) {
		uint64_t value;
		size_t run;
		int rc = take_varint(in, &value, e);
		if (!rc)
			rc = check(column, i, (int64_t)value, e);
		if (!rc)
			rc = take_run(in, 1, count - i, &run, e);
		if (rc)
			return rc;
		for (; run; run--)
			set(column, &out[i++], (int64_t)value);
	}
	return 0;
}

int columns_decode(const uint8_t *bytes, size_t length, size_t count, int32_t session_most, struct point *out,
                   struct err *e)
{
	if (count > length / POINT_LEAST)
		return err_set(e, ERR_INVALID, "%zu bytes can't hold %zu points", length, count);
	if (!length)
		return 0; /* `bytes` may be NULL then */
	struct reader in = {bytes, bytes + length};
	int rc = 0;
	memset(out, 0, count * sizeof *out);
	for (size_t c = 0; c < COLUMN_COUNT && !rc; c++)
		rc = columns[c].coding == RUNS ? take_runs(&columns[c], &in, count, out, e)
		                               : take_differences(&columns[c], &in, count, out, e);
	for (size_t i = 0; i < count && !rc; i++)
		if (out[i].session > session_most)
			rc = err_set(e, ERR_INVALID, "point %zu is of session %" PRId32 ", but the batch has %" PRId32, i,
			             out[i].session, session_most);
	if (!rc && in.at != in.end)
		rc = err_set(e, ERR_INVALID, "%zu bytes are left over behind the points", (size_t)(in.end - in.at));
	return rc;
}
