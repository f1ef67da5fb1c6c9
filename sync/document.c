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

cJSON *document_add_item(cJSON *array)
{
	cJSON *item = cJSON_CreateObject();
	if (item && !cJSON_AddItemToArray(array, item)) {
		cJSON_Delete(item);
		item = NULL;
	}
	return item;
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
