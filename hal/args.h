/* Command lines: a table of verbs is the whole program, a table of options is the whole of a verb. Usage texts are
 * printed from the tables, so they can't differ from what is understood. */
#ifndef ALZY_HAL_ARGS_H
#define ALZY_HAL_ARGS_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_type {
	ARG_FLAG,    /* bool: --json */
	ARG_TEXT,    /* const char *, borrowed from argv: --user NAME */
	ARG_COUNT,   /* int64_t, a whole number ≥ 0: --account 1 */
	ARG_DEGREES, /* int32_t degrees × 1e7: --lat 52.5 */
	ARG_TIME,    /* int64_t milliseconds: --from 2026-11-21T10:00:00Z, or a date */
};

struct arg {
	const char *name; /* "--json"; one that does not begin with '-' is a positional word, taken in order */
	enum arg_type type;
	void *value;       /* where it goes; what stands there before is the default */
	const char *shown; /* how the value is called in the usage: "FILE"; NULL for flags and positional words */
	const char *help;
	bool required;
	bool *given; /* may be NULL; else true when it stood on the command line */
};

/* Every verb also understands --help, and --config FILE, which sets $ALZY_CONFIG for conf_path.
 * Reads argv[1..]. "--name=value" and "--name value" are the same; "--" ends options; "-o" style names work as any
 * other. `rest` (may be NULL, then none are allowed) takes further positional words. ERR_USAGE names the word.
 * --help prints the usage on stdout and sets *out_help: the verb then has nothing more to do. So does --version alone
 * with the version, when `verb` is one word: a program without verbs. */
struct args_rest {
	const char **words; /* borrowed from argv */
	size_t count;
	const char *shown; /* "PATH…" */
};
int args_read(int argc, char **argv, const char *verb, const char *summary, const struct arg *args, size_t count,
              struct args_rest *rest, bool *out_help, struct err *e);

/* A verb does its work with argv[0] its own name, and returns 0 or a negative error code with *e filled. */
struct verb {
	const char *name; /* "status", or in two words "session start" */
	int (*run)(int argc, char **argv, struct err *e);
	const char *help;
};

/* Finds the verb in argv[1..] (two-word names first), runs it, prints its error as "PROGRAM: TEXT" on stderr, and
 * returns the exit status. Without a verb, and for an unknown one, says what to ask. --version prints the version,
 * --help the verbs, GROUP --help those whose first word is GROUP. */
int args_main(int argc, char **argv, const char *program, const char *summary, const struct verb *verbs, size_t count);

/* RFC 3339 ("2026-11-21T10:00:00Z", "…+01:00", fraction optional) or a date (its midnight UTC) → milliseconds. */
int args_parse_time(const char *text, int64_t *out_ms, struct err *e);

#endif
