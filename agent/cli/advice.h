/* What is written as it should be in a configuration, and still can't work on this machine. */
#ifndef ALZY_AGENT_CLI_ADVICE_H
#define ALZY_AGENT_CLI_ADVICE_H

#include "hal/conf_unit.h"

/* Hands each finding to `take`: a sentence that names the key. What the agent holds at the moment (a GPIO line) is not
 * judged. */
void advice_on_config(const struct conf_unit *conf, void (*take)(const char *text, void *user), void *user);

#endif
