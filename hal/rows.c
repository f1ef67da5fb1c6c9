#include "hal/rows.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *stream_name(enum stream stream)
{
	static const char *const names[STREAM_COUNT] = {"points", "events"};
	return names[stream];
}

int64_t stream_block(enum stream stream)
{
	return stream == STREAM_POINTS ? 4096 : 256;
}

const char *point_source_name(enum point_source source)
{
	static const char *const names[POINT_SOURCE_COUNT] = {"gps", "network", "fused", "manual"};
	return names[source];
}

const char *session_status_name(enum session_status status)
{
	static const char *const names[SESSION_STATUS_COUNT] = {"active", "ended", "paused"};
	return names[status];
}

void event_free(struct event *event)
{
	if (!event)
		return;
	free(event->payload);
	event->payload = NULL;
}

const char *time_format(int64_t time_ms, char out[TIME_TEXT])
{
	int64_t ms = ((time_ms % 1000) + 1000) % 1000;
	/* gmtime_r takes a time_t, which is 4 bytes on some 32-bit systems: days are counted by hand instead
	 * (civil_from_days, http://howardhinnant.github.io/date_algorithms.html). */
	int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0);
	int64_t of_day = ((seconds % 86400) + 86400) % 86400;
	int64_t z = (seconds - of_day) / 86400 + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	int year = (int)(yoe + era * 400 + (month <= 2));
	snprintf(out, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, (int)(doy - (153 * mp + 2) / 5 + 1),
	         (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), (int)ms);
	return out;
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
	/* http://howardhinnant.github.io/date_algorithms.html */
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool digits_at(const char *text, size_t at, size_t count, int *out)
{
	int value = 0;
	for (size_t i = 0; i < count; i++) {
		if (!isdigit((unsigned char)text[at + i]))
			return false;
		value = value * 10 + (text[at + i] - '0');
	}
	*out = value;
	return true;
}

static bool parse_date(const char *text, int64_t *out_days)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	if (!digits_at(text, 0, 4, &year) || text[4] != '-' || !digits_at(text, 5, 2, &month) || text[7] != '-' ||
	    !digits_at(text, 8, 2, &day))
		return false;
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days[month - 1] + (leap && month == 2))
		return false;
	*out_days = days_from_civil(year, month, day);
	return true;
}

/* "Z" or "+hh:mm"; the offset in minutes. */
static bool parse_zone(const char *text, int *out_minutes)
{
	int hours, minutes;
	if (!strcmp(text, "Z") || !strcmp(text, "z")) {
		*out_minutes = 0;
		return true;
	}
	if ((text[0] != '+' && text[0] != '-') || !digits_at(text, 1, 2, &hours) || text[3] != ':' ||
	    !digits_at(text, 4, 2, &minutes) || text[6] || hours > 23 || minutes > 59)
		return false;
	*out_minutes = (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
	return true;
}

/* ".123456" to whole milliseconds, rounded: 1000 when that is the next second. */
static bool parse_fraction(const char **text, int *out_ms)
{
	int ten_thousandths = 0, scale = 1000;
	const char *at = *text + 1;
	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++, scale /= 10)
		ten_thousandths += (*at - '0') * scale;
	*out_ms = (ten_thousandths + 5) / 10;
	*text = at;
	return true;
}

static bool parse_time_of_day(const char *text, int64_t *out_ms)
{
	int hour, minute, second, zone;
	if (!digits_at(text, 0, 2, &hour) || text[2] != ':' || !digits_at(text, 3, 2, &minute) || text[5] != ':' ||
	    !digits_at(text, 6, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	int ms = 0;
	const char *rest = text + 8;
	if (*rest == '.' && !parse_fraction(&rest, &ms))
		return false;
	if (!parse_zone(rest, &zone))
		return false;
	*out_ms = ((hour * 60 + minute - zone) * 60 + second) * INT64_C(1000) + ms;
	return true;
}

bool time_parse(const char *text, int64_t *out_ms)
{
	int64_t days, of_day = 0;
	if (!parse_date(text, &days))
		return false;
	if (text[10] && !(strchr("Tt ", text[10]) && parse_time_of_day(text + 11, &of_day)))
		return false;
	int64_t ms = days * 86400000 + of_day;
	*out_ms = ms > TIME_MS_MAX ? TIME_MS_MAX : ms; /* the very last second may have been rounded up */
	return true;
}
