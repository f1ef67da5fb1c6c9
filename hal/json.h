/* Reading and writing JSON by cJSON with every bound checked: what comes out of here may be used. */
#ifndef ALZY_HAL_JSON_H
#define ALZY_HAL_JSON_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* Parses exactly one JSON value that fills all of `length` bytes. ERR_INVALID says near which byte. The caller
 * frees it with cJSON_Delete. */
int json_parse(const char *text, size_t length, cJSON **out, struct err *e);

/* Each reads a member of `object` that must be there with its type: ERR_INVALID names the member. */
int json_get_int(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t *out, struct err *e);
/* Text of at most size-1 bytes into out. A JSON null gives "". */
int json_get_text(const cJSON *object, const char *name, char *out, size_t size, struct err *e);
/* 2 × count hexadecimal digits into bytes. */
int json_get_hex(const cJSON *object, const char *name, uint8_t *out, size_t count, struct err *e);
/* [[first, last], …] */
int json_get_ranges(const cJSON *object, const char *name, struct ranges *out, struct err *e);
/* An array or an object; borrowed from `object`. */
int json_get_array(const cJSON *object, const char *name, const cJSON **out, struct err *e);
int json_get_object(const cJSON *object, const char *name, const cJSON **out, struct err *e);

/* Each adds a member. Without memory it is left out, and whoever reads the JSON refuses it. "" is written as null. */
void json_add_text_or_null(cJSON *object, const char *name, const char *text);
void json_add_hex(cJSON *object, const char *name, const uint8_t *bytes, size_t count);
void json_add_ranges(cJSON *object, const char *name, const struct ranges *ranges);
/* RFC 3339 in UTC; null when time_ms is 0. */
void json_add_time(cJSON *object, const char *name, int64_t time_ms);

/* A scaled value of a row (hal/rows.h) as people write it, which is value / scale; null when it is ROW_ABSENT. */
void json_add_scaled(cJSON *object, const char *name, int32_t value, int32_t scale);
/* The members of a point, but for its seq and its session: "recorded_at" to "source". */
void json_add_point(cJSON *object, const struct point *point);

/* One line; NULL without memory; the caller frees it with free(). Whole numbers below 2^53 are written exactly. */
char *json_print(const cJSON *value);

#endif
