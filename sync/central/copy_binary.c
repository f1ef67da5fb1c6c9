#include "sync/central/copy_binary.h"

#include "hal/rows.h"

#include <endian.h>
#include <string.h>

static uint8_t *put(uint8_t *at, const void *bytes, size_t count)
{
	memcpy(at, bytes, count);
	return at + count;
}

static uint8_t *put16(uint8_t *at, int value)
{
	uint16_t big = htobe16((uint16_t)value);
	return put(at, &big, sizeof big);
}

static uint8_t *put32(uint8_t *at, int32_t value)
{
	uint32_t big = htobe32((uint32_t)value);
	return put(at, &big, sizeof big);
}

static uint8_t *put64(uint8_t *at, int64_t value)
{
	uint64_t big = htobe64((uint64_t)value);
	return put(at, &big, sizeof big);
}

uint8_t *copy_header(uint8_t *at)
{
	/* Signature, flags, length of a header extension: the zeros are part of it. */
	static const uint8_t header[COPY_HEADER] = "PGCOPY\n\377\r\n";
	return put(at, header, sizeof header);
}

uint8_t *copy_row(uint8_t *at, int columns)
{
	return put16(at, columns);
}

uint8_t *copy_null(uint8_t *at)
{
	return put32(at, -1);
}

uint8_t *copy_int4(uint8_t *at, int32_t value)
{
	return put32(put32(at, 4), value);
}

uint8_t *copy_int8(uint8_t *at, int64_t value)
{
	return put64(put32(at, 8), value);
}

uint8_t *copy_scaled(uint8_t *at, int32_t value, int scale)
{
	if (value == ROW_ABSENT)
		return copy_null(at);
	double real = (double)value / scale;
	int64_t bits;
	memcpy(&bits, &real, sizeof bits);
	return copy_int8(at, bits);
}

uint8_t *copy_time(uint8_t *at, int64_t time_ms)
{
	const int64_t year_2000_ms = INT64_C(946684800000);
	return copy_int8(at, (time_ms - year_2000_ms) * 1000);
}

uint8_t *copy_degrees(uint8_t *at, int32_t degrees_e7)
{
	enum { POSITIVE = 0x0000, NEGATIVE = 0x4000, DIGITS = 3, DECIMALS = 7 };
	int64_t value = degrees_e7 < 0 ? -(int64_t)degrees_e7 : degrees_e7;
	int fraction = (int)(value % 10000000);
	at = put32(at, COPY_DEGREES - 4);
	at = put16(at, DIGITS);
	at = put16(at, 0); /* the first digit counts units: 52.1234567 is 52 · 1234 · 5670 */
	at = put16(at, degrees_e7 < 0 ? NEGATIVE : POSITIVE);
	at = put16(at, DECIMALS);
	at = put16(at, (int)(value / 10000000));
	at = put16(at, fraction / 1000);
	return put16(at, fraction % 1000 * 10);
}

uint8_t *copy_text(uint8_t *at, const char *text, size_t length)
{
	return put(put32(at, (int32_t)length), text, length);
}

uint8_t *copy_end(uint8_t *at)
{
	return put16(at, -1);
}
