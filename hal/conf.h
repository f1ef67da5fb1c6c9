/* Configuration: INI files read by inih, against one table of keys for each file.
 *
 * The table is the only place that knows a key: its type, bounds, default, whether a reload may change it, and its
 * help. From it come loading, checking, `config show`, and the check that every key is documented. */
#ifndef ALZY_HAL_CONF_H
#define ALZY_HAL_CONF_H

#include "hal/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a number is when a word stands in its place. */
enum { CONF_WORD = -1, CONF_NEVER = CONF_WORD, CONF_PRESET = CONF_WORD };

enum { CONF_TEXT_MAX = 512 };

enum conf_type {
	CONF_TEXT,     /* char[CONF_TEXT_MAX] */
	CONF_DURATION, /* int64_t milliseconds; written 500ms, 10s, 5m, 2h, 30d */
	CONF_COUNT,    /* int64_t, a whole number */
	CONF_CHOICE,   /* int: the index in `choices` */
};

struct conf_key {
	const char *section, *name;
	enum conf_type type;
	size_t offset;        /* of the field in the struct that is loaded */
	const char *fallback; /* the default, as one would write it in the file */
	const char *choices;  /* CONF_CHOICE: "auto|manual" */
	int64_t min, max;     /* CONF_DURATION (ms) and CONF_COUNT: both allowed */
	const char *word;     /* CONF_DURATION and CONF_COUNT: allowed as well ("never"), read as CONF_WORD; may be NULL */
	/* More than the type can say; may be NULL. Returns 0, or ERR_CONFIG with a sentence that says what is allowed. */
	int (*check)(const char *value, struct err *e);
	bool reload; /* may change at SIGHUP; otherwise a restart is needed */
	const char *help;
};

struct conf_table {
	const struct conf_key *keys;
	size_t count;
	size_t size; /* of the struct that is loaded */
};

/* Fills *conf (of table->size bytes) with the defaults, then with what `path` says; NULL for the defaults alone.
 * Unknown section or key, a key twice, a bad value, a line too long: ERR_CONFIG with file, line and what is allowed.
 * On failure *conf is untouched. */
int conf_load(const struct conf_table *table, const char *path, void *conf, struct err *e);

/* For SIGHUP: takes over into *conf what may change while running, and lists the keys that differ but need a
 * restart as "section.key, section.key" in `restart` ("" when none). */
void conf_reload(const struct conf_table *table, void *conf, const void *loaded, char *restart, size_t restart_size);

/* The value of one key of *conf as one would write it in the file. */
const char *conf_format(const struct conf_key *key, const void *conf, char *out, size_t size);

/* "90s" → 90000. A number needs its unit; no sign, no fraction. ERR_CONFIG. Shared with the command line. */
int conf_parse_duration(const char *text, int64_t *out_ms, struct err *e);

/* The file to read: `option` if not NULL, else $ALZY_CONFIG, else `standard` when it exists, else NULL (defaults). */
const char *conf_path(const char *option, const char *standard);

#endif
