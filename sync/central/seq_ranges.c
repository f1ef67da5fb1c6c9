#include "sync/central/seq_ranges.h"

#include "hal/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int malformed(const char *text, struct err *e)
{
	return err_set(e, ERR_INVALID, "\"%.64s\" is no multirange of seq", text);
}

/* "[1,11)" → 1..10; returns what follows it, NULL when it is none. */
static const char *parse_range(const char *at, struct range *out)
{
	char *end;
	if (*at != '[')
		return NULL;
	errno = 0;
	long long first = strtoll(at + 1, &end, 10);
	if (end == at + 1 || *end != ',')
		return NULL;
	at = end + 1;
	long long behind = strtoll(at, &end, 10);
	if (end == at || *end != ')' || errno || behind > SEQ_MAX + 1)
		return NULL;
	*out = (struct range){first, behind - 1};
	return end + 1;
}

int seq_ranges_parse(const char *text, struct ranges *out, struct err *e)
{
	struct ranges read = {0};
	struct range range;
	const char *at = text;
	int rc = *at++ == '{' ? 0 : malformed(text, e);
	while (!rc && *at != '}') {
		at = parse_range(at, &range);
		rc = at ? ranges_add(&read, range.first, range.last, e) : malformed(text, e);
		if (!rc && *at == ',' && at[1] == '[')
			at++;
		else if (!rc && *at != '}')
			rc = malformed(text, e);
	}
	if (!rc && at[1])
		rc = malformed(text, e);
	if (rc)
		ranges_free(&read);
	else
		*out = read;
	return rc;
}

static int append_text(struct buffer *out, const char *text, struct err *e)
{
	return buffer_append(out, text, strlen(text), e);
}

int seq_ranges_format(const struct ranges *set, struct buffer *out, struct err *e)
{
	int rc = append_text(out, "{", e);
	for (size_t i = 0; i < set->count && !rc; i++) {
		char part[64];
		snprintf(part, sizeof part, "%s[%" PRId64 ",%" PRId64 ")", i ? "," : "", set->items[i].first,
		         set->items[i].last + 1);
		rc = append_text(out, part, e);
	}
	return rc ? rc : buffer_append(out, "}", 2, e);
}

static int append_array(const struct ranges *set, size_t offset, int64_t base, struct buffer *out, struct err *e)
{
	int rc = append_text(out, "{", e);
	for (size_t i = 0; i < set->count && !rc; i++) {
		int64_t end;
		char part[32];
		memcpy(&end, (const char *)&set->items[i] + offset, sizeof end);
		snprintf(part, sizeof part, "%s%" PRId64, i ? "," : "", base + end);
		rc = append_text(out, part, e);
	}
	return rc ? rc : buffer_append(out, "}", 2, e);
}

int seq_ranges_arrays(const struct ranges *set, int64_t base, struct buffer *firsts, struct buffer *lasts,
                      struct err *e)
{
	int rc = append_array(set, offsetof(struct range, first), base, firsts, e);
	return rc ? rc : append_array(set, offsetof(struct range, last), base, lasts, e);
}
