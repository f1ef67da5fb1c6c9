/* What gpsd, or whoever poses as gpsd, says. However it is cut into pieces, it is the same reports; a position is one. The
 * first byte says how large the pieces are. */
#include "hal/gnss_driver.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct gnss_report whole[REPORTS_MAX], pieces[REPORTS_MAX];
	if (!length)
		return 0;
	size_t count = read_all(bytes + 1, length - 1, length, whole);
	if (read_all(bytes + 1, length - 1, (size_t)bytes[0] + 1, pieces) != count)
		abort();
	for (size_t i = 0; i < count; i++)
		if (whole[i].kind != pieces[i].kind || memcmp(&whole[i].fix, &pieces[i].fix, sizeof whole[i].fix) != 0)
			abort();
	return 0;
}
