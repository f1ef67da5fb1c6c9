/* The state of a unit at a glance: what it is, and how people and programs see it. */
#ifndef ALZY_AGENT_CLI_STATUS_H
#define ALZY_AGENT_CLI_STATUS_H

#include "agent/cli/cli.h"
#include "agent/cli/copies.h"
#include "agent/cli/keeping.h"
#include "agent/cli/sky.h"
#include "agent/cli/time_shown.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct status {
	int64_t now_ms, now_mono_ms;
	struct store_centre centre;
	bool paired;
	struct live_facts live;
	bool running;     /* `live` is there */
	pid_t mute_agent; /* else: one that can't be asked, cli_mute_agent */
	struct time_shown time;
	struct keeping keeping;
	bool by_ignition;  /* the ignition begins and ends sessions, … */
	bool no_ignition;  /* … of which there is none */
	struct point last; /* recorded */
	int64_t last_seq[STREAM_COUNT];
	struct store_backlog backlog;
	int64_t rejected;
	int64_t lost[STREAM_COUNT];    /* pruned here, and no longer at the centre */
	int64_t dropped[STREAM_COUNT]; /* that this unit has let go of */
	struct copies copies;
	int64_t free_bytes; /* on the disk of the store; -1 unknown */
	int64_t days_left;  /* until it is full at the rate so far; -1 unknown */
};
int status_gather(const struct cli *cli, struct status *out, struct err *e);

/* The fix that the receiver says, else the last recorded point; NULL: neither. */
const struct point *status_fix(const struct status *status);
bool status_fix_is_live(const struct status *status);
int64_t status_fix_age_ms(const struct status *status);

/* None when the receiver does not see them now, whatever it saw before. Returns how many. */
size_t status_sky(struct store *store, const struct status *status, struct satellite out[SKY_SATELLITES_MAX]);

cJSON *status_json(struct store *store, const struct status *status);
void status_print(struct store *store, const struct status *status);
/* What matters on the way, and the sky: 24 lines of 80 columns. */
void status_print_page(struct store *store, const struct status *status, FILE *out);

#endif
