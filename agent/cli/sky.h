/* The satellites in view: read from gpsd's JSON, and drawn as plain text. */
#ifndef ALZY_AGENT_CLI_SKY_H
#define ALZY_AGENT_CLI_SKY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* What gpsd knows at most. */
enum { SKY_SATELLITES_MAX = 184 };

/* The drawing: so many lines, none wider than 80 columns. */
enum { SKY_ROWS = 17, SKY_COLUMNS = 35, SKY_WIDTH = 80, SKY_LINE = 256 };

struct satellite {
	char name[8]; /* system and number: G03 GPS, R GLONASS, E Galileo, C BeiDou, J QZSS, S SBAS, N NavIC */
	int prn;      /* gpsd's number, unique among all systems; 0 unknown */
	double elevation_deg, azimuth_deg; /* above the horizon; clockwise from true north; NaN unknown */
	double snr_dbhz;                   /* NaN unknown */
	bool used;                         /* for the fix */
};

/* Reads gpsd's array. Returns how many; used ones first, then by strength. What is malformed is none. */
size_t sky_read(const char *json, size_t length, struct satellite out[SKY_SATELLITES_MAX]);

/* As an array of objects; null when `count` is 0. The caller owns it. */
cJSON *sky_json(const struct satellite *satellites, size_t count);

/* The sky as seen from below north, used satellites in capitals, and beside it a table of as many as find room. UTF-8. */
void sky_draw(const struct satellite *satellites, size_t count, char out[SKY_ROWS][SKY_LINE]);

#endif
