#include "hal/conf.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *unit;
	int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNIT_COUNT = sizeof units / sizeof *units };

int conf_parse_duration(const char *text, int64_t *out_ms, struct err *e)
{
	char *unit;
	errno = 0;
	long long number = strtoll(text, &unit, 10);
	if (isdigit((unsigned char)text[0]) && !errno)
		for (size_t i = 0; i < UNIT_COUNT; i++)
			if (!strcmp(unit, units[i].unit) && number <= INT64_MAX / units[i].ms) {
				*out_ms = number * units[i].ms;
				return 0;
			}
	return err_set(e, ERR_CONFIG,
	               "\"%s\" is no duration: write a whole number with its unit, as in 500ms, 10s, 5m, 2h, 30d", text);
}

static const char *format_duration(int64_t ms, char *out, size_t size)
{
	size_t unit = UNIT_COUNT - 1;
	for (size_t i = 0; ms && i < UNIT_COUNT; i++)
		if (ms % units[i].ms == 0) {
			unit = i;
			break;
		}
	snprintf(out, size, "%" PRId64 "%s", ms / units[unit].ms, ms ? units[unit].unit : "s");
	return out;
}

static int parse_choice(const struct conf_key *key, const char *value, int *out, struct err *e)
{
	int index = 0;
	for (const char *name = key->choices; *name; index++) {
		size_t length = strcspn(name, "|");
		if (strlen(value) == length && !memcmp(name, value, length)) {
			*out = index;
			return 0;
		}
		name += length + (name[length] == '|');
	}
	return err_set(e, ERR_CONFIG, "\"%s\" is not allowed: choose one of %s", value, key->choices);
}

static int check_bounds(const struct conf_key *key, int64_t number, struct err *e)
{
	if (number >= key->min && number <= key->max)
		return 0;
	char low[32], high[32];
	if (key->type == CONF_DURATION)
		return err_set(e, ERR_CONFIG, "allowed is %s to %s", format_duration(key->min, low, sizeof low),
		               format_duration(key->max, high, sizeof high));
	return err_set(e, ERR_CONFIG, "allowed is %" PRId64 " to %" PRId64, key->min, key->max);
}

static int parse_count(const char *value, int64_t *out, struct err *e)
{
	char *end;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (!*value || *end || errno || isspace((unsigned char)*value))
		return err_set(e, ERR_CONFIG, "\"%s\" is no whole number", value);
	*out = number;
	return 0;
}

static int set_value(const struct conf_key *key, const char *value, void *conf, struct err *e)
{
	char *field = (char *)conf + key->offset;
	int64_t number = 0;
	int rc = 0;
	if (key->word && !strcmp(value, key->word)) {
		memcpy(field, &(int64_t){CONF_WORD}, sizeof(int64_t));
		return 0;
	}
	switch (key->type) {
	case CONF_TEXT:
		if (strlen(value) >= CONF_TEXT_MAX)
			return err_set(e, ERR_CONFIG, "longer than %d bytes", CONF_TEXT_MAX - 1);
		break;
	case CONF_DURATION:
		rc = conf_parse_duration(value, &number, e);
		break;
	case CONF_COUNT:
		rc = parse_count(value, &number, e);
		break;
	case CONF_CHOICE:
		return parse_choice(key, value, (int *)field, e);
	}
	if (!rc && key->type != CONF_TEXT)
		rc = check_bounds(key, number, e);
	if (!rc && key->check)
		rc = key->check(value, e);
	if (rc)
		return rc;
	if (key->type == CONF_TEXT)
		strcpy(field, value);
	else
		memcpy(field, &number, sizeof number);
	return 0;
}

struct loading {
	const struct conf_table *table;
	const char *path;
	FILE *file;
	int line; /* the one that inih has read last: Debian's build does not hand it to the handler */
	void *conf;
	bool *seen;
	struct err *e;
	int rc, refused_line; /* of the first value that was refused */
};

/* Without the blanks in front: to inih an indented line belongs to the value above. */
static char *read_line(char *out, int size, void *user)
{
	struct loading *l = user;
	l->line++;
	if (!fgets(out, size, l->file))
		return NULL;
	memmove(out, out + strspn(out, " \t"), strlen(out + strspn(out, " \t")) + 1);
	return out;
}

static int refuse(struct loading *l, const char *section, const char *name)
{
	l->refused_line = l->line;
	l->rc = *section ? err_wrap(l->e, "%s:%d: [%s] %s", l->path, l->line, section, name)
	                 : err_wrap(l->e, "%s:%d: %s", l->path, l->line, name);
	return 0;
}

/* The names that would have been right, so that a typing error mends itself. */
static int unknown(struct loading *l, const char *section, const char *name)
{
	char known[ERR_TEXT_MAX / 2] = "";
	bool section_known = false;
	for (size_t i = 0; i < l->table->count; i++)
		section_known |= !strcmp(l->table->keys[i].section, section);
	const char *last = "";
	for (size_t i = 0; i < l->table->count; i++) {
		const struct conf_key *key = &l->table->keys[i];
		const char *word = section_known ? key->name : key->section;
		if ((section_known && strcmp(key->section, section)) || !strcmp(word, last))
			continue;
		last = word;
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", word);
	}
	err_set(l->e, ERR_CONFIG, "%s; known are: %s",
	        section_known ? "unknown key"
	        : *section    ? "unknown section"
	                      : "stands before any [section]",
	        known);
	return refuse(l, section, name);
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct loading *l = user;
	if (l->rc)
		return 0; /* inih goes on behind an error; the first one is the one to mend */
	for (size_t i = 0; i < l->table->count; i++) {
		const struct conf_key *key = &l->table->keys[i];
		if (strcmp(key->section, section) || strcmp(key->name, name))
			continue;
		if (l->seen[i]) {
			err_set(l->e, ERR_CONFIG, "stands twice in this file");
			return refuse(l, section, name);
		}
		l->seen[i] = true;
		return set_value(key, value ? value : "", l->conf, l->e) ? refuse(l, section, name) : 1;
	}
	return unknown(l, section, name);
}

/* inih hands a longer line over in pieces, as if they were lines: such a file is refused before it is believed. */
static int check_lines(const char *path, FILE *file, struct err *e)
{
	int line = 1, length = 0;
	for (int c; (c = getc(file)) != EOF;) {
		if (c == '\n') {
			line++;
			length = 0;
		} else if (++length >= INI_MAX_LINE - 2) {
			return err_set(e, ERR_CONFIG, "%s:%d: a line of more than %d characters", path, line, INI_MAX_LINE - 3);
		} else if (!c) {
			return err_set(e, ERR_CONFIG, "%s:%d: a NUL byte: this is no text file", path, line);
		}
	}
	if (ferror(file))
		return err_errno(e, ERR_CONFIG, "can't read %s", path);
	/* What can't go back, a pipe, would now be at its end, and look like a file that says nothing. */
	return fseek(file, 0, SEEK_SET) ? err_errno(e, ERR_CONFIG, "%s is no file that can be read twice", path) : 0;
}

static int load_file(const struct conf_table *table, const char *path, void *conf, struct err *e)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return err_errno(e, ERR_CONFIG, "can't open %s", path);
	int rc = check_lines(path, file, e);
	bool *seen = rc ? NULL : calloc(table->count, sizeof *seen);
	if (seen) {
		struct loading l = {.table = table, .path = path, .file = file, .conf = conf, .seen = seen, .e = e};
		int line = ini_parse_stream(read_line, &l, on_value, &l);
		rc = l.rc;
		/* A line that inih could not read may be why a later value was refused: "[stor" and then its keys. */
		if (line && (!rc || line < l.refused_line))
			rc = err_set(e, ERR_CONFIG, "%s:%d: neither [section] nor key = value", path, line > 0 ? line : 1);
	} else if (!rc) {
		rc = err_set(e, ERR_MEMORY, "out of memory for %s", path);
	}
	free(seen);
	fclose(file);
	return rc;
}

int conf_load(const struct conf_table *table, const char *path, void *conf, struct err *e)
{
	struct err local = {0};
	void *loaded = calloc(1, table->size);
	if (!loaded)
		return err_set(e, ERR_MEMORY, "out of memory for the configuration");
	int rc = 0;
	for (size_t i = 0; i < table->count && !rc; i++)
		if ((rc = set_value(&table->keys[i], table->keys[i].fallback, loaded, &local)))
			err_wrap(&local, "the default of [%s] %s", table->keys[i].section, table->keys[i].name);
	if (!rc && path)
		rc = load_file(table, path, loaded, &local);
	if (!rc)
		memcpy(conf, loaded, table->size);
	else if (e)
		*e = local;
	free(loaded);
	return rc;
}

static size_t field_size(const struct conf_key *key)
{
	switch (key->type) {
	case CONF_TEXT:
		return CONF_TEXT_MAX;
	case CONF_CHOICE:
		return sizeof(int);
	default:
		return sizeof(int64_t);
	}
}

void conf_reload(const struct conf_table *table, void *conf, const void *loaded, char *restart, size_t restart_size)
{
	*restart = '\0';
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];
		char *to = (char *)conf + key->offset;
		const char *from = (const char *)loaded + key->offset;
		/* Loaded structs are zeroed before they are filled, so bytes behind a text's end agree too. */
		if (!memcmp(to, from, field_size(key)))
			continue;
		if (key->reload) {
			memcpy(to, from, field_size(key));
			continue;
		}
		size_t used = strlen(restart);
		snprintf(restart + used, restart_size - used, "%s%s.%s", used ? ", " : "", key->section, key->name);
	}
}

const char *conf_format(const struct conf_key *key, const void *conf, char *out, size_t size)
{
	const char *field = (const char *)conf + key->offset;
	int64_t number = 0;
	if (key->type == CONF_DURATION || key->type == CONF_COUNT)
		memcpy(&number, field, sizeof number);
	if (key->word && number == CONF_WORD) {
		snprintf(out, size, "%s", key->word);
		return out;
	}
	switch (key->type) {
	case CONF_TEXT:
		snprintf(out, size, "%s", field);
		break;
	case CONF_DURATION:
		format_duration(number, out, size);
		break;
	case CONF_COUNT:
		snprintf(out, size, "%" PRId64, number);
		break;
	case CONF_CHOICE: {
		const char *name = key->choices;
		for (int index = *(const int *)(const void *)field; index > 0; index--)
			name += strcspn(name, "|") + 1;
		snprintf(out, size, "%.*s", (int)strcspn(name, "|"), name);
		break;
	}
	}
	return out;
}

const char *conf_path(const char *option, const char *standard)
{
	if (option)
		return option;
	const char *environment = getenv("ALZY_CONFIG");
	if (environment && *environment)
		return environment;
	return access(standard, F_OK) ? NULL : standard;
}
