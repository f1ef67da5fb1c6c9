#include "hal/text.h"

#include "hal/rows.h"
#include "hal/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *text_decimal(int64_t scaled, int digits, char out[SHORT_TEXT])
{
	int64_t unit = 1;
	for (int i = 0; i < digits; i++)
		unit *= 10;
	uint64_t size = scaled < 0 ? -(uint64_t)scaled : (uint64_t)scaled;
	const char *sign = scaled < 0 ? "-" : "";
	if (digits)
		snprintf(out, SHORT_TEXT, "%s%" PRIu64 ".%0*" PRIu64, sign, size / (uint64_t)unit, digits,
		         size % (uint64_t)unit);
	else
		snprintf(out, SHORT_TEXT, "%s%" PRIu64, sign, size);
	return out;
}

const char *text_duration(int64_t ms, char out[SHORT_TEXT])
{
	int64_t s = (ms < 0 ? -ms : ms) / 1000;
	if (s < 60)
		snprintf(out, SHORT_TEXT, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(out, SHORT_TEXT, "%" PRId64 " min", s / 60);
	else if (s < 86400)
		snprintf(out, SHORT_TEXT, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
	else
		snprintf(out, SHORT_TEXT, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
	return out;
}

const char *text_age(int64_t then_ms, int64_t now_ms, char out[SHORT_TEXT])
{
	char duration[SHORT_TEXT];
	int64_t age_ms = now_ms - then_ms;
	text_duration(age_ms, duration);
	if (age_ms > -1000 && age_ms < 1000)
		snprintf(out, SHORT_TEXT, "just now");
	else
		snprintf(out, SHORT_TEXT, "%s%.48s%s", age_ms < 0 ? "in " : "", duration, age_ms < 0 ? "" : " ago");
	return out;
}

const char *text_size(int64_t bytes, char out[SHORT_TEXT])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
	if (bytes < 1000) {
		snprintf(out, SHORT_TEXT, "%" PRId64 " B", bytes);
		return out;
	}
	size_t unit = 0;
	int64_t tenths = bytes / 100;
	for (; tenths >= 10000 && unit + 1 < sizeof units / sizeof *units; unit++)
		tenths /= 1000;
	char number[SHORT_TEXT];
	snprintf(out, SHORT_TEXT, "%.40s %s", text_decimal(tenths, 1, number), units[unit]);
	return out;
}

const char *text_counted(int64_t count, const char *what, char out[SHORT_TEXT])
{
	snprintf(out, SHORT_TEXT, "%" PRId64 " %s%s", count, what, count == 1 ? "" : "s");
	return out;
}

const char *text_time(int64_t time_ms, char out[SHORT_TEXT])
{
	char full[TIME_TEXT];
	time_format(time_ms, full);
	snprintf(out, SHORT_TEXT, "%.10s %.8s UTC", full, full + 11);
	return out;
}

const char *text_shown(const char *text, char out[SHOWN_TEXT])
{
	return utf8_line(text, '?', out, SHOWN_TEXT);
}

int text_check(const char *what, const char *text, size_t size, struct err *e)
{
	if (!*text)
		return err_set(e, ERR_INVALID, "%s is empty", what);
	if (strlen(text) >= size)
		return err_set(e, ERR_INVALID, "%s is longer than %zu bytes", what, size - 1);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return err_set(e, ERR_INVALID, "%s has a control character in it", what);
	return 0;
}
