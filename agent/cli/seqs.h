/* Rows of both streams as people name them on a command line. */
#ifndef ALZY_AGENT_CLI_SEQS_H
#define ALZY_AGENT_CLI_SEQS_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"

#include <stddef.h>

/* Each word is a list of seqs, "5-9,12", of points, or behind "points:" or "events:" of that stream. Adds them to `out`.
 * ERR_USAGE names the word. */
int seqs_parse(const char *const *words, size_t count, struct ranges out[STREAM_COUNT], struct err *e);

#endif
