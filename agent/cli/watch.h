/* A page on a terminal, shown again in place every second. */
#ifndef ALZY_AGENT_CLI_WATCH_H
#define ALZY_AGENT_CLI_WATCH_H

#include "hal/err.h"

#include <stdio.h>

/* Writes one page. What is more than the terminal has room for is cut off. */
typedef int (*watch_page)(void *user, FILE *out, struct err *e);

/* Until q, ^C, SIGTERM, or an error of `page`. ERR_IO when the output can't be written. */
int watch(watch_page page, void *user, struct err *e);

#endif
