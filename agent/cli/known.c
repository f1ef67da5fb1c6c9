#include "agent/cli/known.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MOST = 5, TYPOS_MOST = 2, TYPO_LENGTH_MAX = 64 };

static const struct {
	const char *option, *nobody, *one, *many;
} words[REFERENCE_KIND_COUNT] = {
	[REFERENCE_USERS] = {"--user", "nobody is known here as", "person", "people"},
	[REFERENCE_MACHINES] = {"--machine", "no machine is known here as", "machine", "machines"},
	[REFERENCE_APPLICATIONS] = {"--application", "no application is known here as", "application", "applications"},
};

/* How many letters must be put in, left out or changed to make one of the other (Levenshtein), row by row. */
static size_t typos(const char *a, const char *b)
{
	size_t row[TYPO_LENGTH_MAX + 1], length = strlen(b);
	if (strlen(a) > TYPO_LENGTH_MAX || length > TYPO_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t k = 0; a[k]; k++) {
		size_t diagonal = row[0];
		row[0] = k + 1;
		for (size_t i = 1; i <= length; i++) {
			size_t changed = diagonal + (strncasecmp(&a[k], &b[i - 1], 1) != 0);
			size_t shorter = (row[i] < row[i - 1] ? row[i] : row[i - 1]) + 1;
			diagonal = row[i];
			row[i] = changed < shorter ? changed : shorter;
		}
	}
	return row[length];
}

static bool is_like(const char *wanted, const char *known)
{
	if (!*wanted || !*known)
		return false;
	return strcasestr(known, wanted) || strcasestr(wanted, known) ||
	       (strlen(wanted) > TYPOS_MOST && typos(wanted, known) <= TYPOS_MOST);
}

/* "ana (Ana Silva), anna" */
static void list_near(const char *wanted, const struct reference_name *names, size_t count, char *out, size_t size)
{
	size_t length = 0, listed = 0;
	out[0] = '\0';
	for (size_t i = 0; i < count && listed < NEAR_MOST && length < size; i++) {
		const struct reference_name *n = &names[i];
		if (!is_like(wanted, n->id) && !is_like(wanted, n->name))
			continue;
		int added = snprintf(out + length, size - length, "%s%.60s%s%.60s%s", listed++ ? ", " : "", n->id,
		                     *n->name ? " (" : "", n->name, *n->name ? ")" : "");
		length += added > 0 ? (size_t)added : 0;
	}
}

static int unknown(enum reference_kind kind, const char *wanted, const struct reference_name *names, size_t count,
                   struct err *e)
{
	char near[300];
	list_near(wanted, names, count, near, sizeof near);
	return err_set(e, ERR_NOT_FOUND, "%s: %s \"%.80s\"%s%s; the centre has told of %zu %s. --force takes it as it is",
	               words[kind].option, words[kind].nobody, wanted, *near ? "; like it: " : "", near, count,
	               count == 1 ? words[kind].one : words[kind].many);
}

int known_check(struct store *store, enum reference_kind kind, const char *id, struct err *e)
{
	struct reference_name *names;
	size_t count;
	bool complete, found = false;
	int rc = store_reference_names(store, kind, &names, &count, &complete, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !found; i++)
		found = !strcmp(names[i].id, id);
	if (!found && complete)
		rc = unknown(kind, id, names, count, e);
	free(names);
	return rc;
}

static int by_name(struct store *store, const char *text, int64_t *out, struct err *e)
{
	struct reference_name *names;
	size_t count, fitting = 0;
	bool complete;
	int64_t number = 0;
	int rc = store_reference_names(store, REFERENCE_APPLICATIONS, &names, &count, &complete, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(names[i].name, text)) {
			number = strtoll(names[i].id, NULL, 10);
			fitting++;
		}
	if (!count)
		rc = err_set(e, ERR_INVALID,
		             "--application: \"%.80s\" is no number, and the centre has told of no applications", text);
	else if (!fitting)
		rc = unknown(REFERENCE_APPLICATIONS, text, names, count, e);
	else if (fitting > 1)
		rc = err_set(e, ERR_INVALID, "--application: %zu applications are called \"%.80s\": name one by its number",
		             fitting, text);
	else
		*out = number;
	free(names);
	return rc;
}

int known_application(struct store *store, const char *text, bool force, int64_t *out, struct err *e)
{
	char id[24], *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || *end)
		return by_name(store, text, out, e);
	if (errno || number < 1 || number > INT32_MAX)
		return err_set(e, ERR_INVALID, "--application: a number from 1 to %d, or a name", INT32_MAX);
	snprintf(id, sizeof id, "%lld", number);
	int rc = force ? 0 : known_check(store, REFERENCE_APPLICATIONS, id, e);
	if (!rc)
		*out = number;
	return rc;
}

int known_may_use(struct store *store, const char *user_id, int64_t application_id, struct err *e)
{
	bool may = true;
	int rc = store_reference_may_use(store, user_id, application_id, &may, e);
	if (!rc && !may)
		rc = err_set(e, ERR_NOT_FOUND,
		             "--application: by what the centre has told, %.80s may not use application %" PRId64
		             "; --force takes it all the same",
		             user_id, application_id);
	return rc;
}
