#include "hal/args.h"

#include "hal/rows.h"
#include "hal/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_option(const struct arg *arg)
{
	return arg->name[0] == '-';
}

static void print_usage(const char *verb, const char *summary, const struct arg *args, size_t count,
                        const struct args_rest *rest)
{
	printf("usage: %s", verb);
	for (size_t i = 0; i < count; i++) {
		const struct arg *a = &args[i];
		const char *open = a->required ? "" : "[", *close = a->required ? "" : "]";
		if (a->shown)
			printf(" %s%s %s%s", open, a->name, a->shown, close);
		else
			printf(" %s%s%s", open, a->name, close);
	}
	printf("%s%s\n\n%s\n\n", rest ? " " : "", rest ? rest->shown : "", summary);
	for (size_t i = 0; i < count; i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", args[i].name, args[i].shown ? args[i].shown : "");
		printf("  %-26s %s\n", left, args[i].help);
	}
	printf("  %-26s %s\n  %-26s %s\n", "--config FILE", "read this configuration instead of the standard one", "--help",
	       "this text");
}

/* The number in `text`, in units of 10^-digits, exactly: no floating point, no locale. */
static bool parse_decimal(const char *text, int digits, int64_t most, int64_t *out)
{
	bool negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	int64_t value = 0;
	int decimals = -1;
	bool any = false, round_up = false;
	for (; *text; text++) {
		if (*text == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (!isdigit((unsigned char)*text))
			return false;
		any = true;
		if (decimals == digits) {
			round_up = *text >= '5';
			text += strspn(text, "0123456789");
			if (*text)
				return false;
			break;
		}
		value = value * 10 + (*text - '0');
		decimals += decimals >= 0;
		if (value > most)
			return false;
	}
	for (int i = decimals < 0 ? 0 : decimals; i < digits; i++)
		value = value > most ? value : value * 10;
	value += round_up;
	if (!any || value > most)
		return false;
	*out = negative ? -value : value;
	return true;
}

int args_parse_time(const char *text, int64_t *out_ms, struct err *e)
{
	if (!time_parse(text, out_ms))
		return err_set(e, ERR_USAGE, "\"%s\" is no time: write 2026-11-21T10:00:00Z, or a date for its midnight UTC",
		               text);
	return 0;
}

static int set_count(const struct arg *arg, const char *text, struct err *e)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno)
		return err_set(e, ERR_USAGE, "%s: \"%s\" is no whole number", arg->name, text);
	*(int64_t *)arg->value = number;
	return 0;
}

static int set_degrees(const struct arg *arg, const char *text, struct err *e)
{
	int64_t value;
	if (!parse_decimal(text, 7, LNG_E7_MAX, &value))
		return err_set(e, ERR_USAGE, "%s: \"%s\" is not in degrees, as in 52.5163", arg->name, text);
	*(int32_t *)arg->value = (int32_t)value;
	return 0;
}

static int set_value(const struct arg *arg, const char *text, struct err *e)
{
	if (arg->given)
		*arg->given = true;
	int rc = 0;
	switch (arg->type) {
	case ARG_FLAG:
		*(bool *)arg->value = true;
		break;
	case ARG_TEXT:
		*(const char **)arg->value = text;
		break;
	case ARG_COUNT:
		rc = set_count(arg, text, e);
		break;
	case ARG_DEGREES:
		rc = set_degrees(arg, text, e);
		break;
	case ARG_TIME:
		rc = args_parse_time(text, arg->value, e);
		break;
	}
	return rc;
}

/* What the loop over the words knows. */
struct reading {
	int argc;
	char **argv;
	int at; /* index of the word under way */
	const struct arg *args;
	size_t count;
	struct args_rest *rest;
	bool seen[32];
};

enum { ARGS_MAX = sizeof((struct reading *)0)->seen };

/* A lone "-" is standard input, and "-3.5" a number: neither is an option. */
static bool looks_like_option(const char *word)
{
	return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

/* The value of an option: behind its '=', or the next word. NULL when there is none. */
static const char *value_of(struct reading *r, const char *equals)
{
	if (equals)
		return equals + 1;
	bool has_next = r->at + 1 < r->argc && !looks_like_option(r->argv[r->at + 1]);
	return has_next ? r->argv[++r->at] : NULL;
}

static int read_option(struct reading *r, struct err *e)
{
	const char *word = r->argv[r->at];
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	if (length == 8 && !memcmp(word, "--config", 8)) {
		const char *path = value_of(r, equals);
		if (!path || !*path)
			return err_set(e, ERR_USAGE, "--config wants a FILE");
		setenv("ALZY_CONFIG", path, 1);
		return 0;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct arg *a = &r->args[i];
		if (!is_option(a) || strlen(a->name) != length || memcmp(a->name, word, length))
			continue;
		r->seen[i] = true;
		if (a->type == ARG_FLAG)
			return equals ? err_set(e, ERR_USAGE, "%s takes no value", a->name) : set_value(a, NULL, e);
		const char *value = value_of(r, equals);
		return value ? set_value(a, value, e) : err_set(e, ERR_USAGE, "%s wants a %s", a->name, a->shown);
	}
	return err_set(e, ERR_USAGE, "unknown option %s; --help lists what there is", word);
}

static int read_word(struct reading *r, struct err *e)
{
	const char *word = r->argv[r->at];
	for (size_t i = 0; i < r->count; i++)
		if (!is_option(&r->args[i]) && !r->seen[i]) {
			r->seen[i] = true;
			return set_value(&r->args[i], word, e);
		}
	if (!r->rest)
		return err_set(e, ERR_USAGE, "one word too many: %s", word);
	r->rest->words[r->rest->count++] = word;
	return 0;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (is_help(argv[i]))
			return true;
	return false;
}

int args_read(int argc, char **argv, const char *verb, const char *summary, const struct arg *args, size_t count,
              struct args_rest *rest, bool *out_help, struct err *e)
{
	struct reading r = {.argc = argc, .argv = argv, .args = args, .count = count, .rest = rest};
	*out_help = asks_for_help(argc, argv);
	if (*out_help) {
		print_usage(verb, summary, args, count, rest);
		return fflush(stdout) ? err_errno(e, ERR_IO, "can't write the output") : 0;
	}
	/* Of a whole program, which has no verbs; one with verbs has told its version before (args_main). */
	if (argc == 2 && !strcmp(argv[1], "--version") && !strchr(verb, ' ')) {
		*out_help = true;
		printf("%s %s\n", verb, ALZY_VERSION);
		return fflush(stdout) ? err_errno(e, ERR_IO, "can't write the output") : 0;
	}
	if (count > ARGS_MAX)
		return err_set(e, ERR_INTERNAL, "%s has more than %d options", verb, (int)ARGS_MAX);
	bool options_end = false;
	for (r.at = 1; r.at < argc; r.at++) {
		const char *word = argv[r.at];
		int rc = 0;
		if (!options_end && !strcmp(word, "--"))
			options_end = true;
		else if (!options_end && looks_like_option(word))
			rc = read_option(&r, e);
		else
			rc = read_word(&r, e);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < count; i++)
		if (args[i].required && !r.seen[i])
			return err_set(e, ERR_USAGE, "%s is missing; --help shows how to say it", args[i].name);
	return 0;
}

static void print_verbs(const char *program, const char *summary, const struct verb *verbs, size_t count)
{
	printf("%s: %s\n\nusage: %s [--config FILE] VERB [OPTION…]\n       %s --help | --version\n\n", program, summary,
	       program, program);
	for (size_t i = 0; i < count; i++)
		printf("  %-20s %s\n", verbs[i].name, verbs[i].help);
	printf("\n%s VERB --help says more of one.\n", program);
}

/* How many words of argv[1..] the verb's name takes up; 0 when it is another verb. */
static int words_matched(const struct verb *verb, int argc, char **argv)
{
	const char *name = verb->name;
	const char *space = strchr(name, ' ');
	size_t first = space ? (size_t)(space - name) : strlen(name);
	if (argc < 2 || strlen(argv[1]) != first || memcmp(argv[1], name, first))
		return 0;
	if (!space)
		return 1;
	return argc > 2 && !strcmp(argv[2], space + 1) ? 2 : 0;
}

static const struct verb *find_verb(const struct verb *verbs, size_t count, int argc, char **argv, int *out_words)
{
	const struct verb *found = NULL;
	*out_words = 0;
	for (size_t i = 0; i < count; i++) {
		int words = words_matched(&verbs[i], argc, argv);
		if (words > *out_words) {
			found = &verbs[i];
			*out_words = words;
		}
	}
	return found;
}

/* The second words of a group ("session start", …), so that `alzy session` says what there is, and what was asked for
 * is no error. */
static bool print_group(FILE *out, const char *program, const struct verb *verbs, size_t count, const char *group)
{
	bool any = false;
	size_t length = strlen(group);
	for (size_t i = 0; i < count; i++)
		if (!strncmp(verbs[i].name, group, length) && verbs[i].name[length] == ' ') {
			fprintf(out, "%s  %s %-20s %s\n", any || out == stdout ? "" : "which of these?\n", program, verbs[i].name,
			        verbs[i].help);
			any = true;
		}
	return any;
}

/* --config FILE may stand before the verb too. Returns how many words it took up; -1 when the FILE is missing. */
static int skip_config(int argc, char **argv)
{
	const char *path = NULL;
	int words = 0;
	if (argc > 1 && !strncmp(argv[1], "--config=", 9)) {
		path = argv[1] + 9;
		words = 1;
	} else if (argc > 1 && !strcmp(argv[1], "--config")) {
		path = argc > 2 && !looks_like_option(argv[2]) ? argv[2] : "";
		words = 2;
	}
	if (!words)
		return 0;
	setenv("ALZY_CONFIG", path, 1);
	return *path ? words : -1;
}

/* What was printed is out; returns the exit status. */
static int printed(const char *program)
{
	if (!fflush(stdout))
		return 0;
	fprintf(stderr, "%s: can't write the output: %s\n", program, strerror(errno));
	return ERR_IO;
}

int args_main(int argc, char **argv, const char *program, const char *summary, const struct verb *verbs, size_t count)
{
	int skipped = skip_config(argc, argv);
	if (skipped < 0) {
		fprintf(stderr, "%s: --config wants a FILE\n", program);
		return ERR_USAGE;
	}
	argc -= skipped;
	argv += skipped;
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("%s %s\n", program, ALZY_VERSION);
		return printed(program);
	}
	if (argc > 1 && (is_help(argv[1]) || !strcmp(argv[1], "help"))) {
		print_verbs(program, summary, verbs, count);
		return printed(program);
	}
	int words;
	const struct verb *verb = find_verb(verbs, count, argc, argv, &words);
	if (!verb) {
		if (argc > 2 && is_help(argv[2]) && print_group(stdout, program, verbs, count, argv[1]))
			return printed(program);
		if (argc < 2)
			fprintf(stderr, "%s: no verb; %s --help lists what there is\n", program, program);
		else if (!print_group(stderr, program, verbs, count, argv[1]))
			fprintf(stderr, "%s: unknown verb %s; %s --help lists what there is\n", program, argv[1], program);
		return ERR_USAGE;
	}
	struct err e = {0};
	int rc = verb->run(argc - words, argv + words, &e);
	if (!rc)
		return printed(program);
	char shown[SHOWN_TEXT]; /* what was typed, or another has written, may be part of it */
	fprintf(stderr, "%s: %s\n", program, text_shown(e.text, shown));
	return -rc;
}
