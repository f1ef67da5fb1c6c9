/* A command of the configuration, run beside the agent: by /bin/sh, because its owner knows how that reads a line. It
 * can't read from the agent, may write to its log, and has a minute. */
#ifndef ALZY_AGENT_COMMAND_H
#define ALZY_AGENT_COMMAND_H

#include "hal/err.h"

#include <stdint.h>
#include <sys/types.h>

enum { COMMAND_MOST_MS = 60000 };

/* Zero-initialised it is ready. */
struct command {
	pid_t pid; /* 0: none runs */
	int64_t started_ms;
};

/* ERR_BUSY while the one before runs; ERR_INTERNAL. */
int command_start(struct command *command, const char *text, int64_t now_mono_ms, struct err *e);

/* To be called now and then: ends one that takes too long, with all that it has started. Returns 0 unless it has just
 * ended other than well: then ERR_INTERNAL says how. */
int command_look(struct command *command, int64_t now_mono_ms, struct err *e);

#endif
