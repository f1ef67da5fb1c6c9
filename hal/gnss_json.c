#include "hal/gnss_driver.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* gpsd's words for a position that is not of satellites alone, and for one that is made up: STATUS_DR, STATUS_GNSSDR, STATUS_SIM. */
enum { GPSD_STATUS_DR = 5, GPSD_STATUS_GNSSDR = 6, GPSD_STATUS_SIM = 8 };

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int whole_number(const cJSON *object, const char *name, int absent)
{
	double value = number(object, name);
	return value >= 0 && value <= 100000 && value == floor(value) ? (int)value : absent;
}

/* value × scale, rounded; ROW_ABSENT for NaN and for what lies outside least…most of the scaled value. */
static int32_t scaled(double value, double scale, double least, double most)
{
	double result = value * scale;
	return result >= least && result <= most ? (int32_t)llround(result) : ROW_ABSENT;
}

/* "2026-11-21T23:33:00.000Z", as gpsd writes times. What is no time after 1970 is none: a receiver without a date shows
 * 1899, or zero. */
static bool read_time(const char *text, int64_t *out_ms)
{
	int64_t ms;
	if (!text || !strchr(text, 'T') || !time_parse(text, &ms) || ms <= 0)
		return false;
	*out_ms = ms;
	return true;
}

/* The estimated error of the position in metres; NaN when gpsd does not know it. */
static double accuracy_of(const cJSON *tpv)
{
	double eph = number(tpv, "eph");
	return eph >= 0 ? eph : hypot(number(tpv, "epx"), number(tpv, "epy"));
}

static double altitude_of(const cJSON *tpv)
{
	double above_sea = number(tpv, "altMSL");
	return isfinite(above_sea) ? above_sea : number(tpv, "altHAE");
}

static void read_position(const cJSON *tpv, struct gnss_report *out)
{
	int32_t lat = scaled(number(tpv, "lat"), 1e7, -LAT_E7_MAX, LAT_E7_MAX);
	int32_t lng = scaled(number(tpv, "lon"), 1e7, -LNG_E7_MAX, LNG_E7_MAX);
	if (lat == ROW_ABSENT || lng == ROW_ABSENT)
		return;
	int status = whole_number(tpv, "status", 0);
	const char *time = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tpv, "time"));
	out->kind = GNSS_POSITION;
	out->fix = (struct point){
		.lat_e7 = lat,
		.lng_e7 = lng,
		.accuracy_dm = scaled(accuracy_of(tpv), 10, 0, INT32_MAX),
		.speed_cmps = scaled(number(tpv, "speed"), 100, 0, INT32_MAX),
		.heading_ddeg = scaled(number(tpv, "track"), 10, 0, HEADING_DDEG_MAX),
		.altitude_dm = scaled(altitude_of(tpv), 10, -INT32_MAX, INT32_MAX),
		.source = status == GPSD_STATUS_DR || status == GPSD_STATUS_GNSSDR ? POINT_FUSED : POINT_GPS,
	};
	out->simulated = status == GPSD_STATUS_SIM;
	out->has_time = read_time(time, &out->fix.recorded_at_ms);
}

static void read_tpv(const cJSON *tpv, struct gnss_report *out)
{
	enum { MODE_UNKNOWN, MODE_NONE, MODE_2D, MODE_3D };
	out->mode = cJSON_HasObjectItem(tpv, "mode") ? whole_number(tpv, "mode", -1) : MODE_UNKNOWN;
	out->kind = GNSS_BAD;
	if (out->mode == MODE_UNKNOWN || out->mode == MODE_NONE)
		out->kind = GNSS_NO_FIX;
	else if (out->mode == MODE_2D || out->mode == MODE_3D)
		read_position(tpv, out);
	else
		out->mode = MODE_UNKNOWN;
}

static void read_sky(const cJSON *sky, struct gnss_report *out)
{
	const cJSON *satellite, *list = cJSON_GetObjectItemCaseSensitive(sky, "satellites");
	int seen = -1, used = -1;
	if (cJSON_IsArray(list)) {
		seen = used = 0;
		cJSON_ArrayForEach (satellite, list) {
			seen++;
			used += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(satellite, "used"));
		}
	}
	out->kind = GNSS_SKY;
	/* gpsd before 3.22 does not count them. */
	out->satellites_seen = whole_number(sky, "nSat", seen);
	out->satellites_used = whole_number(sky, "uSat", used);
	out->hdop_centi = scaled(number(sky, "hdop"), 100, 0, INT32_MAX);
}

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

/* The satellites of a SKY are most of what gpsd says, and it counts them itself (since 3.22): they are made spaces rather than
 * parsed. Not when a bracket or quote among them leaves a doubt where they end. */
static void blank_satellites(char *text, size_t length)
{
	static const char name[] = "\"satellites\":";
	char *at = memmem(text, length, name, sizeof name - 1), *end = text + length;
	if (!at || !memmem(text, length, "\"nSat\":", 7) || !memmem(text, length, "\"uSat\":", 7))
		return;
	at += sizeof name - 1;
	while (at < end && *at == ' ')
		at++;
	if (at == end || *at++ != '[')
		return;
	char *last = memchr(at, ']', (size_t)(end - at));
	size_t quotes = 0;
	for (char *c = at; last && c < last; c++) {
		quotes += *c == '"';
		if (*c == '[' || *c == '\\')
			return;
	}
	if (last && quotes % 2 == 0)
		memset(at, ' ', (size_t)(last - at));
}

static cJSON *parse(char *text, size_t length, size_t *out_used)
{
	const char *end = NULL;
	blank_satellites(text, length);
	cJSON *value = cJSON_ParseWithLengthOpts(text, length, &end, 0);
	if (!value && blank_nan(text, length))
		value = cJSON_ParseWithLengthOpts(text, length, &end, 0);
	*out_used = value ? (size_t)(end - text) : length;
	return value;
}

bool gnss_json_report(char *text, size_t length, size_t *out_used, struct gnss_report *out)
{
	static const struct {
		const char *class;
		void (*read)(const cJSON *value, struct gnss_report *out);
	} classes[] = {{"TPV", read_tpv}, {"SKY", read_sky}};
	*out =
		(struct gnss_report){.kind = GNSS_BAD, .satellites_used = -1, .satellites_seen = -1, .hdop_centi = ROW_ABSENT};
	cJSON *value = parse(text, length, out_used);
	const char *class = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "class"));
	const char *device = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "device"));
	bool is_report = !class;
	for (size_t i = 0; class && i < sizeof classes / sizeof *classes; i++) {
		if (strcmp(class, classes[i].class))
			continue;
		if (device)
			strncpy(out->device, device, sizeof out->device - 1);
		classes[i].read(value, out);
		is_report = true;
	}
	cJSON_Delete(value);
	return is_report;
}
