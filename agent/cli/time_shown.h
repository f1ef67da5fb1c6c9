/* What is known of the time, as `alzy status` shows it. */
#ifndef ALZY_AGENT_CLI_TIME_SHOWN_H
#define ALZY_AGENT_CLI_TIME_SHOWN_H

#include "agent/cli/cli.h"

struct time_shown {
	struct live_time time; /* of the running agent, else of what is written down */
	int64_t now_ms;        /* UTC, or the best guess */
	int64_t known_for_ms;
	int64_t waiting; /* events that wait for the time */
};

/* `live` is NULL without an agent. */
int time_gather(const struct cli *cli, const struct live_time *live, struct time_shown *out, struct err *e);

/* For `status --json`, the caller's to delete; and as a line on stdout. */
cJSON *time_json(const struct time_shown *shown);
void time_print(const struct time_shown *shown);
/* The line on events that wait; nothing when none does. */
void time_print_waiting(int64_t waiting, const char *indent);

#endif
