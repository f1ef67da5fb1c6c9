#include "agent/cli/sky.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static double number(const cJSON *object, const char *name, double least, double most)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	bool good = cJSON_IsNumber(item) && item->valuedouble >= least && item->valuedouble <= most;
	return good ? item->valuedouble : NAN;
}

/* gpsd's gnssid, and how RINEX calls it. A receiver that does not tell the system has the number alone. */
static void name_it(const cJSON *object, struct satellite *out)
{
	static const char letters[] = "GSECIJRN";
	double system = number(object, "gnssid", 0, sizeof letters - 2), number_in_it = number(object, "svid", 0, 999);
	if (isfinite(system) && isfinite(number_in_it))
		snprintf(out->name, sizeof out->name, "%c%02d", letters[(int)system], (int)number_in_it);
	else
		snprintf(out->name, sizeof out->name, "%d", out->prn);
}

/* Used ones first, then the strong ones; the name makes it the same every second. */
static int compare(const void *a, const void *b)
{
	const struct satellite *one = a, *other = b;
	double snr = isfinite(one->snr_dbhz) ? one->snr_dbhz : -1,
		   snr_other = isfinite(other->snr_dbhz) ? other->snr_dbhz : -1;
	if (one->used != other->used)
		return one->used ? -1 : 1;
	if (snr != snr_other)
		return snr > snr_other ? -1 : 1;
	return strcmp(one->name, other->name);
}

size_t sky_read(const char *json, size_t length, struct satellite out[SKY_SATELLITES_MAX])
{
	cJSON *list = cJSON_ParseWithLength(json, length);
	const cJSON *item;
	size_t count = 0;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsObject(item) || count == SKY_SATELLITES_MAX)
			continue;
		double prn = number(item, "PRN", 1, 99999);
		struct satellite *satellite = &out[count++];
		*satellite = (struct satellite){
			.prn = isfinite(prn) ? (int)prn : 0,
			.elevation_deg = number(item, "el", -90, 90),
			.azimuth_deg = number(item, "az", 0, 360),
			.snr_dbhz = number(item, "ss", 0.1, 254), /* 0: none is received */
			.used = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "used")),
		};
		name_it(item, satellite);
	}
	cJSON_Delete(list);
	qsort(out, count, sizeof *out, compare);
	return count;
}

static void add(cJSON *object, const char *name, double value)
{
	if (isfinite(value))
		cJSON_AddNumberToObject(object, name, value);
	else
		cJSON_AddNullToObject(object, name);
}

cJSON *sky_json(const struct satellite *satellites, size_t count)
{
	cJSON *list = count ? cJSON_CreateArray() : cJSON_CreateNull();
	for (size_t i = 0; i < count; i++) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "name", satellites[i].name);
		add(object, "prn", satellites[i].prn ? satellites[i].prn : NAN);
		add(object, "elevation", satellites[i].elevation_deg);
		add(object, "azimuth", satellites[i].azimuth_deg);
		add(object, "snr", satellites[i].snr_dbhz);
		cJSON_AddBoolToObject(object, "used", satellites[i].used);
		cJSON_AddItemToArray(list, object);
	}
	return list;
}

/* ---- drawing ---- */

/* Characters on a terminal are about twice as high as wide. */
enum { MIDDLE_ROW = SKY_ROWS / 2, MIDDLE_COLUMN = SKY_COLUMNS / 2 };

/* The place of a direction: the zenith in the middle, the horizon at the rim. */
static void place(double elevation_deg, double azimuth_deg, int *out_row, int *out_column)
{
	double radius = (90 - elevation_deg) / 90, angle = azimuth_deg * acos(-1) / 180;
	*out_row = MIDDLE_ROW - (int)lround(MIDDLE_ROW * radius * cos(angle));
	*out_column = MIDDLE_COLUMN + (int)lround((MIDDLE_COLUMN - 1) * radius * sin(angle));
}

static void draw_rim(char plot[SKY_ROWS][SKY_COLUMNS + 1])
{
	int row, column;
	for (int elevation = 0; elevation <= 45; elevation += 45)
		for (int azimuth = 0; azimuth < 360; azimuth += elevation ? 30 : 6) {
			place(elevation, azimuth, &row, &column);
			plot[row][column] = '.';
		}
	plot[MIDDLE_ROW][MIDDLE_COLUMN] = '+';
	static const struct {
		int azimuth;
		char letter;
	} winds[] = {{0, 'N'}, {90, 'E'}, {180, 'S'}, {270, 'W'}};
	for (size_t i = 0; i < sizeof winds / sizeof *winds; i++) {
		place(0, winds[i].azimuth, &row, &column);
		plot[row][column] = winds[i].letter;
	}
}

/* In reverse, so that those that matter most are on top. */
static void draw_plot(const struct satellite *satellites, size_t count, char plot[SKY_ROWS][SKY_COLUMNS + 1])
{
	for (int row = 0; row < SKY_ROWS; row++) {
		memset(plot[row], ' ', SKY_COLUMNS);
		plot[row][SKY_COLUMNS] = '\0';
	}
	draw_rim(plot);
	for (size_t i = count; i-- > 0;) {
		const struct satellite *satellite = &satellites[i];
		int row, column, length = (int)strlen(satellite->name);
		if (!(satellite->elevation_deg >= 0) || !isfinite(satellite->azimuth_deg))
			continue;
		place(satellite->elevation_deg, satellite->azimuth_deg, &row, &column);
		column = column - 1 < 0 ? 0 : column - 1;
		column = column + length > SKY_COLUMNS ? SKY_COLUMNS - length : column;
		for (int c = 0; c < length; c++)
			plot[row][column + c] =
				(char)(satellite->used ? satellite->name[c] : tolower((unsigned char)satellite->name[c]));
	}
}

static const char *whole(double value, char out[16])
{
	snprintf(out, 16, isfinite(value) ? "%.0f" : "-", value);
	return out;
}

/* "G03*  33 116  43", in 17 columns */
static void put_satellite(const struct satellite *satellite, char *out, size_t size)
{
	char name[16], elevation[16], azimuth[16], snr[16];
	snprintf(name, sizeof name, "%s%s", satellite->name, satellite->used ? "*" : "");
	snprintf(out, size, "%-5s%3s %3s %3s", name, whole(satellite->elevation_deg, elevation),
	         whole(satellite->azimuth_deg, azimuth), whole(satellite->snr_dbhz, snr));
}

static void put_bar(double snr_dbhz, char *out, size_t size)
{
	enum { BAR_MOST = 22, DBHZ_EACH = 2 };
	int length = isfinite(snr_dbhz) ? (int)snr_dbhz / DBHZ_EACH : 0;
	snprintf(out, size, "  %.*s", length < BAR_MOST ? length : BAR_MOST, "######################");
}

void sky_draw(const struct satellite *satellites, size_t count, char out[SKY_ROWS][SKY_LINE])
{
	enum { LISTED = SKY_ROWS - 1, TABLES = 2 };
	char plot[SKY_ROWS][SKY_COLUMNS + 1];
	draw_plot(satellites, count, plot);
	/* With few there is room for bars, with more for a second column. */
	bool bars = count <= LISTED;
	for (size_t row = 0; row < SKY_ROWS; row++) {
		int used = snprintf(out[row], SKY_LINE, "%s", plot[row]);
		for (size_t table = 0; table < (bars ? 1 : TABLES); table++) {
			size_t at = table * LISTED + row - 1;
			char cell[80] = "", bar[40] = "";
			if (row == 0 && count > table * LISTED)
				snprintf(cell, sizeof cell, "      el  az snr");
			else if (row && at < count)
				put_satellite(&satellites[at], cell, sizeof cell);
			if (row && at < count && bars)
				put_bar(satellites[at].snr_dbhz, bar, sizeof bar);
			used += snprintf(out[row] + used, SKY_LINE - (size_t)used, "   %-17s%s", cell, bar);
		}
		while (used && out[row][used - 1] == ' ')
			out[row][--used] = '\0';
	}
}
