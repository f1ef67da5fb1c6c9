/* Ignition and supply as the agent sees them: read, debounced, and told when they change. */
#ifndef ALZY_AGENT_INPUTS_H
#define ALZY_AGENT_INPUTS_H

#include "agent/debounce.h"
#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/live.h"
#include "hal/power.h"

#include <stdbool.h>
#include <stdint.h>

enum input_kind { INPUT_IGNITION, INPUT_SUPPLY, INPUT_COUNT };

/* So long unreadable, and what it said last is not believed any more. */
enum { INPUT_LOST_MS = 10000 };

enum input_news {
	INPUT_SAME,
	INPUT_FIRST,    /* its first reading */
	INPUT_DOUBTFUL, /* it reads otherwise than it did, and that has not lasted yet */
	INPUT_CHANGED,
	INPUT_FAILED, /* it can't be read any more; told once */
	INPUT_MENDED,
};

struct input {
	struct power_input *wire; /* NULL: none */
	struct debounce debounce;
	bool failing;                    /* it can't be read: */
	int64_t failing_ms;              /* since when, monotonic; */
	char problem[LIVE_PROBLEM_TEXT]; /* and why */
	bool lost;                       /* that has lasted; until its state is known again */
};

struct inputs {
	struct input of[INPUT_COUNT];
	int64_t read_ms; /* when they were read last, monotonic */
};

/* ERR_CONFIG, ERR_MEMORY. inputs_close it in any case. */
int inputs_open(struct inputs *out, const struct conf_unit *conf, struct err *e);
void inputs_close(struct inputs *inputs);

/* Reads one of them. *out_on is what counts now; untouched when nothing is known. With INPUT_FAILED *e says why. */
enum input_news inputs_read(struct inputs *inputs, enum input_kind kind, int64_t now_mono_ms, int64_t hold_ms,
                            bool *out_on, struct err *e);

/* As power_fd; -1 for one that is not there. */
int inputs_fd(const struct inputs *inputs, enum input_kind kind);

/* What counts: 1 on, 0 off, -1 not known; and why it can't be read. */
struct live_input inputs_state(const struct inputs *inputs, enum input_kind kind);

/* Whether it could not be read for INPUT_LOST_MS, and its state is not known again since. False where there is no wire. */
bool inputs_lost(const struct inputs *inputs, enum input_kind kind);

/* When to read them although no descriptor of them is readable; INT64_MAX: never. */
int64_t inputs_deadline(const struct inputs *inputs, int64_t hold_ms);

/* "ignition", "supply" */
const char *input_name(enum input_kind kind);

#endif
