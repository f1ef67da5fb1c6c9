#include "hal/json.h"

#include "hal/hex.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int json_parse(const char *text, size_t length, cJSON **out, struct err *e)
{
	const char *end = NULL;
	cJSON *value = cJSON_ParseWithLengthOpts(text, length, &end, 0);
	if (!value)
		return err_set(e, ERR_INVALID, "no valid JSON near byte %zu", end ? (size_t)(end - text) : 0);
	while (end < text + length && strchr(" \t\r\n", *end) && *end)
		end++;
	if (end != text + length) {
		cJSON_Delete(value);
		return err_set(e, ERR_INVALID, "something follows the JSON at byte %zu", (size_t)(end - text));
	}
	*out = value;
	return 0;
}

static int check_int(const cJSON *item, const char *name, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	if (!cJSON_IsNumber(item))
		return err_set(e, ERR_INVALID, "\"%s\" is missing or no number", name);
	double value = item->valuedouble;
	/* Beyond 2^53 a double no longer tells neighbours apart, so such a number proves nothing. */
	if (!isfinite(value) || value != floor(value) || fabs(value) > 9007199254740992.0 || value < (double)min ||
	    value > (double)max)
		return err_set(e, ERR_INVALID, "\"%s\" is no whole number from %" PRId64 " to %" PRId64, name, min, max);
	*out = (int64_t)value;
	return 0;
}

int json_get_int(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	return check_int(cJSON_GetObjectItemCaseSensitive(object, name), name, min, max, out, e);
}

int json_get_text(const cJSON *object, const char *name, char *out, size_t size, struct err *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	const char *text = cJSON_IsNull(item) ? "" : cJSON_GetStringValue(item);
	if (!text)
		return err_set(e, ERR_INVALID, "\"%s\" is missing or no text", name);
	size_t length = strlen(text);
	if (length >= size)
		return err_set(e, ERR_INVALID, "\"%s\" is longer than %zu bytes", name, size - 1);
	memcpy(out, text, length + 1);
	return 0;
}

int json_get_hex(const cJSON *object, const char *name, uint8_t *out, size_t count, struct err *e)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	if (!text || !hex_read(text, out, count))
		return err_set(e, ERR_INVALID, "\"%s\" is not %zu bytes in hexadecimal", name, count);
	return 0;
}

int json_get_array(const cJSON *object, const char *name, const cJSON **out, struct err *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsArray(item))
		return err_set(e, ERR_INVALID, "\"%s\" is missing or no array", name);
	*out = item;
	return 0;
}

int json_get_object(const cJSON *object, const char *name, const cJSON **out, struct err *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsObject(item))
		return err_set(e, ERR_INVALID, "\"%s\" is missing or no object", name);
	*out = item;
	return 0;
}

int json_get_ranges(const cJSON *object, const char *name, struct ranges *out, struct err *e)
{
	const cJSON *array, *pair;
	int rc = json_get_array(object, name, &array, e);
	if (rc)
		return rc;
	struct ranges read = {0};
	cJSON_ArrayForEach (pair, array) {
		int64_t first = 0, last = 0;
		if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2)
			rc = err_set(e, ERR_INVALID, "\"%s\" is not made of pairs [first, last]", name);
		if (!rc)
			rc = check_int(cJSON_GetArrayItem(pair, 0), name, 1, SEQ_MAX, &first, e);
		if (!rc)
			rc = check_int(cJSON_GetArrayItem(pair, 1), name, 1, SEQ_MAX, &last, e);
		if (!rc && read.count && first <= ranges_highest(&read) + 1)
			rc = err_set(e, ERR_INVALID, "\"%s\" is not rising, or has ranges that touch", name);
		if (!rc)
			rc = ranges_add(&read, first, last, e);
		if (rc) {
			ranges_free(&read);
			return rc;
		}
	}
	*out = read;
	return 0;
}

void json_add_text_or_null(cJSON *object, const char *name, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

void json_add_hex(cJSON *object, const char *name, const uint8_t *bytes, size_t count)
{
	char *text = malloc(2 * count + 1);
	if (!text)
		return;
	hex_write(bytes, count, text);
	cJSON_AddStringToObject(object, name, text);
	free(text);
}

void json_add_ranges(cJSON *object, const char *name, const struct ranges *ranges)
{
	cJSON *array = cJSON_AddArrayToObject(object, name);
	for (size_t i = 0; i < ranges->count; i++) {
		cJSON *pair = cJSON_CreateArray();
		cJSON_AddItemToArray(pair, cJSON_CreateNumber((double)ranges->items[i].first));
		cJSON_AddItemToArray(pair, cJSON_CreateNumber((double)ranges->items[i].last));
		cJSON_AddItemToArray(array, pair);
	}
}

void json_add_time(cJSON *object, const char *name, int64_t time_ms)
{
	char text[TIME_TEXT];
	if (time_ms)
		cJSON_AddStringToObject(object, name, time_format(time_ms, text));
	else
		cJSON_AddNullToObject(object, name);
}

void json_add_scaled(cJSON *object, const char *name, int32_t value, int32_t scale)
{
	if (value == ROW_ABSENT)
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddNumberToObject(object, name, (double)value / scale);
}

void json_add_point(cJSON *object, const struct point *point)
{
	char time[TIME_TEXT];
	cJSON_AddStringToObject(object, "recorded_at", time_format(point->recorded_at_ms, time));
	json_add_scaled(object, "lat", point->lat_e7, 10000000);
	json_add_scaled(object, "lng", point->lng_e7, 10000000);
	json_add_scaled(object, "accuracy", point->accuracy_dm, 10);
	json_add_scaled(object, "speed", point->speed_cmps, 100);
	json_add_scaled(object, "heading", point->heading_ddeg, 10);
	json_add_scaled(object, "altitude", point->altitude_dm, 10);
	cJSON_AddStringToObject(object, "source", point_source_name((enum point_source)point->source));
}

char *json_print(const cJSON *value)
{
	return cJSON_PrintUnformatted(value);
}
