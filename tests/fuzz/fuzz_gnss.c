/* What gpsd, or whoever poses as gpsd, says. However it is cut into pieces, it is the same reports; a position is one. The
 * first byte says how large the pieces are. And what the reader of plain lines makes of a line, cJSON makes of it too. */
#include "hal/gnss_driver.h"
#include "hal/gnss_members.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check(const struct gnss_report *report)
{
	const struct point *fix = &report->fix;
	if (!memchr(report->device, '\0', sizeof report->device))
		abort();
	if (report->kind == GNSS_POSITION &&
	    (fix->lat_e7 < -LAT_E7_MAX || fix->lat_e7 > LAT_E7_MAX || fix->lng_e7 < -LNG_E7_MAX ||
	     fix->lng_e7 > LNG_E7_MAX || (fix->accuracy_dm != ROW_ABSENT && fix->accuracy_dm < 0) ||
	     (fix->speed_cmps != ROW_ABSENT && fix->speed_cmps < 0) ||
	     (fix->heading_ddeg != ROW_ABSENT && (fix->heading_ddeg < 0 || fix->heading_ddeg > HEADING_DDEG_MAX)) ||
	     (report->has_time && fix->recorded_at_ms <= 0)))
		abort();
}

static size_t take(struct gnss_lines *lines, bool at_end, struct gnss_report *out, size_t count)
{
	while (count < REPORTS_MAX && gnss_lines_next(lines, at_end, &out[count])) {
		check(&out[count]);
		out[count++].mono_ms = 0;
	}
	return count;
}

static size_t read_all(const uint8_t *bytes, size_t length, size_t piece, struct gnss_report *out)
{
	static struct gnss_lines lines;
	size_t count = 0, room;
	gnss_lines_clear(&lines);
	while (length && count < REPORTS_MAX) {
		char *to = gnss_lines_room(&lines, &room);
		size_t next = piece < room ? piece : room;
		if (next > length)
			next = length;
		memcpy(to, bytes, next);
		gnss_lines_added(&lines, next);
		bytes += next;
		length -= next;
		count = take(&lines, false, out, count);
	}
	return take(&lines, true, out, count);
}

static bool same(double one, double other)
{
	return one == other || (isnan(one) && isnan(other));
}

static bool same_text(const struct gnss_members *one, const struct gnss_members *other, int i)
{
	if (!one->texts[i] || !other->texts[i])
		return !one->texts[i] && !other->texts[i];
	return one->lengths[i] == other->lengths[i] && !memcmp(one->texts[i], other->texts[i], one->lengths[i]);
}

static void compare(const char *line, size_t length)
{
	struct gnss_members scanned, parsed;
	size_t scanned_used, parsed_used;
	if (!gnss_scan(line, length, &scanned_used, &scanned))
		return;
	char *copy = malloc(length);
	if (!copy)
		abort();
	memcpy(copy, line, length);
	cJSON *value = gnss_parse(copy, length, &parsed_used, &parsed);
	/* The satellites are gone around without a look at each. */
	if (!value && !scanned.satellites)
		abort();
	bool agree = scanned_used == parsed_used && scanned.has_mode == parsed.has_mode;
	for (int i = 0; i < NUMBER_COUNT; i++)
		agree = agree && same(scanned.numbers[i], parsed.numbers[i]);
	for (int i = 0; i < TEXT_COUNT; i++)
		agree = agree && same_text(&scanned, &parsed, i);
	if (value && !agree)
		abort();
	cJSON_Delete(value);
	free(copy);
}

static void compare_lines(const char *at, size_t length)
{
	while (length) {
		const char *newline = memchr(at, '\n', length);
		size_t line = newline ? (size_t)(newline - at) : length;
		if (line)
			compare(at, line);
		length -= line + (newline != NULL);
		at += line + (newline != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct gnss_report whole[REPORTS_MAX], pieces[REPORTS_MAX];
	if (!length)
		return 0;
	compare_lines((const char *)bytes + 1, length - 1);
	size_t count = read_all(bytes + 1, length - 1, length, whole);
	if (read_all(bytes + 1, length - 1, (size_t)bytes[0] + 1, pieces) != count)
		abort();
	for (size_t i = 0; i < count; i++)
		if (whole[i].kind != pieces[i].kind || memcmp(&whole[i].fix, &pieces[i].fix, sizeof whole[i].fix) != 0)
			abort();
	return 0;
}
