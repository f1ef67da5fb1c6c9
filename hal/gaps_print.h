/* Gaps as both programs show them. */
#ifndef ALZY_HAL_GAPS_PRINT_H
#define ALZY_HAL_GAPS_PRINT_H

#include "hal/args.h"
#include "hal/gaps.h"

#include <cjson/cJSON.h>

/* What is asked for on a command line. */
struct gaps_asked {
	int64_t from_ms, to_ms; /* of use when given */
	bool from_given, to_given;
	const char *longer; /* a duration as in a configuration; NULL: 5m */
	int64_t longer_ms;
	bool json;
};
/* The options of the verb, to be put into its table of arguments. */
#define GAPS_ARGS(asked)                                                                                            \
	{"--from", ARG_TIME, &(asked)->from_ms, "TIME", .help = "not before", .given = &(asked)->from_given},           \
		{"--to", ARG_TIME, &(asked)->to_ms, "TIME", .help = "not from then on (now)", .given = &(asked)->to_given}, \
		{"--longer", ARG_TEXT, &(asked)->longer, "DURATION", .help = "leave out what is not longer (5m)"},          \
	{                                                                                                               \
		"--json", ARG_FLAG, &(asked)->json, .help = "print JSON"                                                    \
	}
/* Fills in what was not given. ERR_USAGE. */
int gaps_asked_check(struct gaps_asked *asked, struct err *e);

/* The parts as a table and sums by cause, or as JSON, on stdout. */
int gaps_print(const struct gaps_asked *asked, const struct gap_part *parts, size_t count, struct err *e);

#endif
