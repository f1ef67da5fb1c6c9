/* Rows in the binary form of COPY (https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format"; of a value: what
 * the receive function of its type reads). Each writer puts bytes at `at`, where the caller has made room, and returns
 * where the next go; the enum says how many bytes each needs. SQL-free. */
#ifndef ALZY_SYNC_CENTRAL_COPY_BINARY_H
#define ALZY_SYNC_CENTRAL_COPY_BINARY_H

#include <stddef.h>
#include <stdint.h>

enum {
	COPY_HEADER = 19,
	COPY_ROW = 2,
	COPY_INT4 = 8,
	COPY_8BYTES = 12,  /* int8, float8, timestamptz */
	COPY_DEGREES = 18, /* numeric of up to three digits of base 10000 */
	COPY_TEXT = 4,     /* and its bytes */
	COPY_END = 2,
};

/* Before all rows; before each row; and after all, copy_end. */
uint8_t *copy_header(uint8_t *at);
uint8_t *copy_row(uint8_t *at, int columns);
/* A value each. */
uint8_t *copy_null(uint8_t *at);
uint8_t *copy_int4(uint8_t *at, int32_t value);
uint8_t *copy_int8(uint8_t *at, int64_t value);
/* value / scale as float8, NULL for ROW_ABSENT. */
uint8_t *copy_scaled(uint8_t *at, int32_t value, int scale);
/* timestamptz: microseconds since 2000. */
uint8_t *copy_time(uint8_t *at, int64_t time_ms);
/* numeric(10,7). */
uint8_t *copy_degrees(uint8_t *at, int32_t degrees_e7);
/* text, or the label of an enum. */
uint8_t *copy_text(uint8_t *at, const char *text, size_t length);
uint8_t *copy_end(uint8_t *at);

#endif
