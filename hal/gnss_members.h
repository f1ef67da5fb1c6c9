/* The members of gpsd's reports that mean something: found in one of two ways, and what they mean. For hal/gnss*.c. */
#ifndef ALZY_HAL_GNSS_MEMBERS_H
#define ALZY_HAL_GNSS_MEMBERS_H

#include "hal/gnss.h"

#include <stdbool.h>
#include <stddef.h>

enum gnss_number {
	NUMBER_MODE,
	NUMBER_STATUS,
	NUMBER_LAT,
	NUMBER_LON,
	NUMBER_EPH,
	NUMBER_EPX,
	NUMBER_EPY,
	NUMBER_ALT_MSL,
	NUMBER_ALT_HAE,
	NUMBER_SPEED,
	NUMBER_TRACK,
	NUMBER_NSAT,
	NUMBER_USAT,
	NUMBER_HDOP,
	NUMBER_ACTIVATED,
	NUMBER_COUNT,
};

enum gnss_text { TEXT_CLASS, TEXT_DEVICE, TEXT_PATH, TEXT_TIME, TEXT_COUNT };

/* What is not there, or has another type, is NaN or NULL; the lists of a kind that is not there count -1. */
struct gnss_members {
	double numbers[NUMBER_COUNT];
	bool has_mode;
	const char *texts[TEXT_COUNT]; /* not terminated; borrowed */
	size_t lengths[TEXT_COUNT];
	const char *satellites; /* the array as it is written; borrowed */
	size_t satellites_length;
	int satellites_seen, satellites_used, devices; /* as counted */
};

enum { GNSS_NAME_TEXT = 12 };
extern const char gnss_number_names[NUMBER_COUNT][GNSS_NAME_TEXT], gnss_text_names[TEXT_COUNT][GNSS_NAME_TEXT];

/* Nothing is there. */
void gnss_members_clear(struct gnss_members *members);

/* For what gpsd says once a second: reads a flat object of plain values, and SKY's satellites around which it goes.
 * Returns false for anything else, sound or not, which is then for gnss_parse to judge. */
bool gnss_scan(const char *text, size_t length, size_t *out_used, struct gnss_members *out);

/* For anything. The members live as long as the tree, which the caller frees; NULL when it is malformed. */
struct cJSON;
struct cJSON *gnss_parse(char *text, size_t length, size_t *out_used, struct gnss_members *out);

/* What they mean. Returns whether it is a report. */
bool gnss_members_report(const struct gnss_members *members, struct gnss_report *out);

#endif
