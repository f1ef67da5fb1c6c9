#include "hal/gnss_members.h"

#include <math.h>
#include <string.h>

const char gnss_number_names[NUMBER_COUNT][GNSS_NAME_TEXT] = {
	[NUMBER_MODE] = "mode",   [NUMBER_STATUS] = "status",  [NUMBER_LAT] = "lat",
	[NUMBER_LON] = "lon",     [NUMBER_EPH] = "eph",        [NUMBER_EPX] = "epx",
	[NUMBER_EPY] = "epy",     [NUMBER_ALT_MSL] = "altMSL", [NUMBER_ALT_HAE] = "altHAE",
	[NUMBER_SPEED] = "speed", [NUMBER_TRACK] = "track",    [NUMBER_NSAT] = "nSat",
	[NUMBER_USAT] = "uSat",   [NUMBER_HDOP] = "hdop",      [NUMBER_ACTIVATED] = "activated",
};

const char gnss_text_names[TEXT_COUNT][GNSS_NAME_TEXT] = {
	[TEXT_CLASS] = "class", [TEXT_DEVICE] = "device", [TEXT_PATH] = "path", [TEXT_TIME] = "time"};

void gnss_members_clear(struct gnss_members *members)
{
	*members = (struct gnss_members){.satellites_seen = -1, .satellites_used = -1, .devices = -1};
	for (int i = 0; i < NUMBER_COUNT; i++)
		members->numbers[i] = NAN;
}

/* ---- what they mean --------------------------------------------------------------------------------------------- */

/* gpsd's words for a position that is not of satellites alone, and for one that is made up: STATUS_DR, STATUS_GNSSDR, STATUS_SIM. */
enum { GPSD_STATUS_DR = 5, GPSD_STATUS_GNSSDR = 6, GPSD_STATUS_SIM = 8 };

static int whole_number(double value, int absent)
{
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
static bool read_time(const struct gnss_members *m, int64_t *out_ms)
{
	char text[64] = "";
	int64_t ms;
	if (m->texts[TEXT_TIME] && m->lengths[TEXT_TIME] < sizeof text)
		memcpy(text, m->texts[TEXT_TIME], m->lengths[TEXT_TIME]);
	if (!strchr(text, 'T') || !time_parse(text, &ms) || ms <= 0)
		return false;
	*out_ms = ms;
	return true;
}

/* The estimated error of the position in metres; NaN when gpsd does not know it. */
static double accuracy_of(const struct gnss_members *m)
{
	double eph = m->numbers[NUMBER_EPH];
	return eph >= 0 ? eph : hypot(m->numbers[NUMBER_EPX], m->numbers[NUMBER_EPY]);
}

static double altitude_of(const struct gnss_members *m)
{
	double above_sea = m->numbers[NUMBER_ALT_MSL];
	return isfinite(above_sea) ? above_sea : m->numbers[NUMBER_ALT_HAE];
}

static void read_position(const struct gnss_members *m, struct gnss_report *out)
{
	int32_t lat = scaled(m->numbers[NUMBER_LAT], 1e7, -LAT_E7_MAX, LAT_E7_MAX);
	int32_t lng = scaled(m->numbers[NUMBER_LON], 1e7, -LNG_E7_MAX, LNG_E7_MAX);
	if (lat == ROW_ABSENT || lng == ROW_ABSENT)
		return;
	int status = whole_number(m->numbers[NUMBER_STATUS], 0);
	out->kind = GNSS_POSITION;
	out->fix = (struct point){
		.lat_e7 = lat,
		.lng_e7 = lng,
		.accuracy_dm = scaled(accuracy_of(m), 10, 0, INT32_MAX),
		.speed_cmps = scaled(m->numbers[NUMBER_SPEED], 100, 0, INT32_MAX),
		.heading_ddeg = scaled(m->numbers[NUMBER_TRACK], 10, 0, HEADING_DDEG_MAX),
		.altitude_dm = scaled(altitude_of(m), 10, -INT32_MAX, INT32_MAX),
		.source = status == GPSD_STATUS_DR || status == GPSD_STATUS_GNSSDR ? POINT_FUSED : POINT_GPS,
	};
	out->simulated = status == GPSD_STATUS_SIM;
	out->has_time = read_time(m, &out->fix.recorded_at_ms);
}

static void read_tpv(const struct gnss_members *m, struct gnss_report *out)
{
	enum { MODE_UNKNOWN, MODE_NONE, MODE_2D, MODE_3D };
	out->mode = m->has_mode ? whole_number(m->numbers[NUMBER_MODE], -1) : MODE_UNKNOWN;
	out->kind = GNSS_BAD;
	if (out->mode == MODE_UNKNOWN || out->mode == MODE_NONE)
		out->kind = GNSS_NO_FIX;
	else if (out->mode == MODE_2D || out->mode == MODE_3D)
		read_position(m, out);
	else
		out->mode = MODE_UNKNOWN;
}

static void read_sky(const struct gnss_members *m, struct gnss_report *out)
{
	out->kind = GNSS_SKY;
	/* gpsd before 3.22 does not count them. */
	out->satellites_seen = whole_number(m->numbers[NUMBER_NSAT], m->satellites_seen);
	out->satellites_used = whole_number(m->numbers[NUMBER_USAT], m->satellites_used);
	out->hdop_centi = scaled(m->numbers[NUMBER_HDOP], 100, 0, INT32_MAX);
	out->satellites = m->satellites;
	out->satellites_length = m->satellites_length;
}

static void read_devices(const struct gnss_members *m, struct gnss_report *out)
{
	out->kind = GNSS_DEVICES;
	out->devices = m->devices;
}

/* gpsd writes the time at which it opened a receiver, and 0 when it closes one. */
static void read_device(const struct gnss_members *m, struct gnss_report *out)
{
	out->kind = m->numbers[NUMBER_ACTIVATED] == 0 ? GNSS_UNPLUGGED : GNSS_DEVICES;
	out->devices = -1;
}

bool gnss_members_report(const struct gnss_members *m, struct gnss_report *out)
{
	static const struct {
		const char *class;
		void (*read)(const struct gnss_members *m, struct gnss_report *out);
		enum gnss_text receiver; /* which member names it */
	} classes[] = {{"TPV", read_tpv, TEXT_DEVICE},
	               {"SKY", read_sky, TEXT_DEVICE},
	               {"DEVICE", read_device, TEXT_PATH},
	               {"DEVICES", read_devices, TEXT_PATH}};
	*out =
		(struct gnss_report){.kind = GNSS_BAD, .satellites_used = -1, .satellites_seen = -1, .hdop_centi = ROW_ABSENT};
	const char *class = m->texts[TEXT_CLASS];
	for (size_t i = 0; class && i < sizeof classes / sizeof *classes; i++) {
		if (strlen(classes[i].class) != m->lengths[TEXT_CLASS] ||
		    memcmp(classes[i].class, class, m->lengths[TEXT_CLASS]) != 0)
			continue;
		enum gnss_text name = classes[i].receiver;
		size_t most = sizeof out->device - 1, length = m->lengths[name];
		if (m->texts[name])
			memcpy(out->device, m->texts[name], length < most ? length : most);
		classes[i].read(m, out);
		return true;
	}
	return !class;
}
