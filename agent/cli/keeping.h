/* Whether fixes are kept, as far as that is for people to say. */
#ifndef ALZY_AGENT_CLI_KEEPING_H
#define ALZY_AGENT_CLI_KEEPING_H

#include "agent/cli/cli.h"

struct keeping {
	struct session session;
	bool open;      /* that is there */
	bool held;      /* it was paused, and not by the agent */
	bool by_person; /* without an open session nothing is kept */
};
int keeping_read(const struct cli *cli, struct keeping *out, struct err *e);

/* Why nothing is kept although the agent runs, and what to do; NULL: it is. */
const char *keeping_why_not(const struct keeping *keeping);

#endif
