/* A report by cJSON, where gnss_scan does not do. */
#include "hal/gnss_driver.h"
#include "hal/gnss_members.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <strings.h>

/* Some programs write NaN and Infinity where JSON has no word for them; a position is not lost for a speed that is NaN.
 * Turns such values into empty texts, which count as absent. Returns whether there was one. */
static bool blank_nan(char *text, size_t length)
{
	static const char *const words[] = {"-infinity", "infinity", "-inf", "inf", "-nan", "nan"};
	bool found = false, quoted = false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"' && (i == 0 || text[i - 1] != '\\'))
			quoted = !quoted;
		for (size_t w = 0; !quoted && w < sizeof words / sizeof *words; w++) {
			size_t n = strlen(words[w]);
			if (length - i < n || strncasecmp(text + i, words[w], n))
				continue;
			memset(text + i, ' ', n);
			memcpy(text + i, "\"\"", 2);
			found = true;
			i += n - 1;
		}
	}
	return found;
}

static void count_lists(const cJSON *value, struct gnss_members *out)
{
	const cJSON *satellite, *satellites = cJSON_GetObjectItemCaseSensitive(value, "satellites");
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(value, "devices");
	if (cJSON_IsArray(satellites)) {
		out->satellites_seen = out->satellites_used = 0;
		cJSON_ArrayForEach (satellite, satellites) {
			out->satellites_seen++;
			out->satellites_used += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(satellite, "used"));
		}
	}
	if (cJSON_IsArray(devices))
		out->devices = cJSON_GetArraySize(devices);
}

cJSON *gnss_parse(char *text, size_t length, size_t *out_used, struct gnss_members *out)
{
	const char *end = NULL;
	gnss_members_clear(out);
	cJSON *value = cJSON_ParseWithLengthOpts(text, length, &end, 0);
	if (!value && blank_nan(text, length))
		value = cJSON_ParseWithLengthOpts(text, length, &end, 0);
	*out_used = value ? (size_t)(end - text) : length;
	for (int i = 0; value && i < NUMBER_COUNT; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(value, gnss_number_names[i]);
		if (cJSON_IsNumber(item))
			out->numbers[i] = item->valuedouble;
		if (i == NUMBER_MODE)
			out->has_mode = item != NULL;
	}
	for (int i = 0; value && i < TEXT_COUNT; i++) {
		out->texts[i] = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, gnss_text_names[i]));
		out->lengths[i] = out->texts[i] ? strlen(out->texts[i]) : 0;
	}
	count_lists(value, out);
	return value;
}

bool gnss_json_report(char *text, size_t length, size_t *out_used, struct gnss_report *out)
{
	struct gnss_members members;
	if (gnss_scan(text, length, out_used, &members))
		return gnss_members_report(&members, out);
	cJSON *value = gnss_parse(text, length, out_used, &members);
	bool is_report = gnss_members_report(&members, out);
	cJSON_Delete(value);
	return is_report;
}
