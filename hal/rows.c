#include "hal/rows.h"

#include <stdio.h>
#include <stdlib.h>

const char *stream_name(enum stream stream)
{
	static const char *const names[STREAM_COUNT] = {"points", "events"};
	return names[stream];
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
