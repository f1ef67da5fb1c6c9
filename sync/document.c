#include "sync/document.h"

#include "hal/utf8.h"

#include <stdlib.h>
#include <string.h>

/* The length of the string that begins at text[0] == '"', quotes included; 0 when it has no end or can't be used. */
static size_t string_length(const char *text, size_t left)
{
	for (size_t i = 1; i < left;) {
		if (text[i] == '"')
			return i + 1;
		if ((uint8_t)text[i] < 0x20 || (left - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0))
			return 0;
		size_t n = text[i] == '\\' ? 2 : utf8_length(text + i, left - i);
		if (!n)
			return 0;
		i += n;
	}
	return 0;
}

static int check_bounds(const char *text, size_t length, struct err *e)
{
	size_t values = 1;
	int depth = 0;
	for (size_t i = 0; i < length;) {
		size_t n = text[i] == '"' ? string_length(text + i, length - i) : 1;
		if (!n)
			return err_set(e, ERR_INVALID, "the text at byte %zu of the JSON has no end, is no UTF-8 or has a NUL", i);
		values += text[i] == ',' || text[i] == '[' || text[i] == '{';
		depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
		if (values > DOCUMENT_VALUES_MAX)
			return err_set(e, ERR_LIMIT, "the JSON has more than %d values", DOCUMENT_VALUES_MAX);
		if (depth > DOCUMENT_DEPTH_MAX)
			return err_set(e, ERR_INVALID, "the JSON is nested deeper than %d", DOCUMENT_DEPTH_MAX);
		i += n;
	}
	return 0;
}

int document_read(const char *text, size_t length, cJSON **out, struct err *e)
{
	int rc = check_bounds(text, length, e);
	cJSON *value;
	if (!rc)
		rc = json_parse(text, length, &value, e);
	if (rc)
		return rc;
	if (!cJSON_IsObject(value)) {
		cJSON_Delete(value);
		return err_set(e, ERR_INVALID, "the JSON is no object");
	}
	*out = value;
	return 0;
}

int document_write(const cJSON *object, bool complete, struct buffer *out, struct err *e)
{
	char *text = complete ? json_print(object) : NULL;
	if (!text)
		return err_set(e, ERR_MEMORY, "out of memory for JSON");
	size_t length = strlen(text);
	for (size_t i = 0; i < length;) {
		size_t n = utf8_length(text + i, length - i);
		if (!n)
			text[i] = '?';
		i += n ? n : 1;
	}
	int rc = buffer_append(out, text, length, e);
	free(text);
	return rc;
}

bool document_add_int(cJSON *object, const char *name, int64_t value)
{
	return cJSON_AddNumberToObject(object, name, (double)value) != NULL;
}

bool document_add_int_unless(cJSON *object, const char *name, int64_t value, int64_t fallback)
{
	return value == fallback || document_add_int(object, name, value);
}

bool document_add_text_unless_empty(cJSON *object, const char *name, const char *text)
{
	return !text || !*text || cJSON_AddStringToObject(object, name, text) != NULL;
}

cJSON *document_add_item(cJSON *array)
{
	cJSON *item = cJSON_CreateObject();
	if (item && !cJSON_AddItemToArray(array, item)) {
		cJSON_Delete(item);
		item = NULL;
	}
	return item;
}

bool document_add_stretch(cJSON *object, const struct stretch *stretch)
{
	if (!object || !document_add_int(object, "first", stretch->first) ||
	    !document_add_int(object, "last", stretch->last))
		return false;
	json_add_hex(object, "digest", stretch->digest, sizeof stretch->digest);
	return document_add_int_unless(object, "at_ms", stretch->at_ms, 0);
}

static bool has(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name) != NULL;
}

int document_get_int_or(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out,
                        struct err *e)
{
	if (has(object, name))
		return json_get_int(object, name, min, max, out, e);
	*out = fallback;
	return 0;
}

int document_get_text_or_empty(const cJSON *object, const char *name, char *out, size_t size, struct err *e)
{
	if (has(object, name))
		return json_get_text(object, name, out, size, e);
	*out = '\0';
	return 0;
}

int document_get_ranges_or_none(const cJSON *object, const char *name, struct ranges *out, struct err *e)
{
	return has(object, name) ? json_get_ranges(object, name, out, e) : 0;
}

int document_get_items(const cJSON *object, const char *name, size_t most, const cJSON **out, size_t *out_count,
                       struct err *e)
{
	const cJSON *array = NULL;
	int rc = has(object, name) ? json_get_array(object, name, &array, e) : 0;
	if (rc)
		return rc;
	int count = array ? cJSON_GetArraySize(array) : 0;
	if ((size_t)count > most)
		return err_set(e, ERR_LIMIT, "\"%s\" has %d items, more than %zu", name, count, most);
	*out = array ? array->child : NULL;
	*out_count = (size_t)count;
	return 0;
}

int document_get_stretch(const cJSON *object, int64_t first_min, int64_t most, struct stretch *out, struct err *e)
{
	int rc = json_get_int(object, "first", first_min, SEQ_MAX, &out->first, e);
	if (!rc)
		rc = json_get_int(object, "last", out->first, out->first + most - 1, &out->last, e);
	if (!rc)
		rc = document_get_int_or(object, "at_ms", 0, TIME_MS_MAX, 0, &out->at_ms, e);
	return rc ? rc : json_get_hex(object, "digest", out->digest, sizeof out->digest, e);
}

int document_get_status(const cJSON *object, enum session_status *out, int64_t *out_ended_ms, struct err *e)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "status"));
	for (int status = 0; text && status < SESSION_STATUS_COUNT; status++)
		if (strcmp(text, session_status_name((enum session_status)status)) == 0) {
			*out = (enum session_status)status;
			return status != SESSION_ENDED
			           ? 0
			           : json_get_int(object, "ended_at_ms", TIME_MS_MIN, TIME_MS_MAX, out_ended_ms, e);
		}
	return err_set(e, ERR_INVALID, "\"status\" is none of active, ended, paused");
}

bool document_is_uuid(const char *text)
{
	for (size_t i = 0; i < UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (!text[i] || (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i])))
			return false;
	}
	return text[UUID_TEXT - 1] == '\0';
}

int document_get_uuid(const cJSON *object, const char *name, char *out, struct err *e)
{
	char text[UUID_TEXT];
	int rc = json_get_text(object, name, text, sizeof text, e);
	if (!rc && !document_is_uuid(text))
		rc = err_set(e, ERR_INVALID, "\"%s\" is no UUID in lower case", name);
	if (!rc)
		memcpy(out, text, sizeof text);
	return rc;
}
