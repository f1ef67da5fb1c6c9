#include "sync/bundle.h"

#include "sync/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char prefix[] = "alzy-";

void bundle_name_format(const struct bundle_name *name, char out[BUNDLE_NAME_TEXT])
{
	size_t length = (size_t)snprintf(out, BUNDLE_NAME_TEXT, "%s%s-%08" PRId64, prefix, name->store_id, name->exchange);
	bool rows = false;
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct bundle_part *part = &name->parts[s];
		if (!part->hull.first)
			continue;
		length +=
			(size_t)snprintf(out + length, BUNDLE_NAME_TEXT - length, "-%s-%" PRId64 "%c%" PRId64,
		                     stream_name((enum stream)s), part->hull.first, part->whole ? '-' : '~', part->hull.last);
		rows = true;
	}
	snprintf(out + length, BUNDLE_NAME_TEXT - length, "%s%s", rows ? "" : "-sessions", BUNDLE_BATCH);
}

/* As it was written: some sticks give names back in capitals. */
static void in_small_letters(const char *text, char *out, size_t size)
{
	snprintf(out, size, "%s", text);
	for (char *at = out; *at; at++)
		*at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
}

bool bundle_name_store(const char *text, char out[UUID_TEXT])
{
	char id[UUID_TEXT];
	if (strncasecmp(text, prefix, strlen(prefix)))
		return false;
	in_small_letters(text + strlen(prefix), id, sizeof id);
	if (!document_is_uuid(id))
		return false;
	memcpy(out, id, sizeof id);
	return true;
}

/* Digits, up to what a seq can be. */
static bool read_number(const char **at, int64_t *out)
{
	int64_t number = 0;
	const char *from = *at;
	while (**at >= '0' && **at <= '9' && number <= DOCUMENT_INT_MAX / 10)
		number = number * 10 + (*(*at)++ - '0');
	*out = number;
	return *at > from && number > 0;
}

static bool read_part(const char **at, enum stream stream, struct bundle_part *out)
{
	char start[16];
	size_t length = (size_t)snprintf(start, sizeof start, "-%s-", stream_name(stream));
	if (strncmp(*at, start, length))
		return true;
	*at += length;
	if (!read_number(at, &out->hull.first))
		return false;
	out->whole = **at == '-';
	if (**at != '-' && **at != '~')
		return false;
	++*at;
	return read_number(at, &out->hull.last) && out->hull.first <= out->hull.last && out->hull.last <= SEQ_MAX;
}

bool bundle_name_parse(const char *text, struct bundle_name *out)
{
	struct bundle_name name = {0};
	char small[BUNDLE_NAME_TEXT + 1], again[BUNDLE_NAME_TEXT];
	in_small_letters(text, small, sizeof small);
	if (!bundle_name_store(small, name.store_id))
		return false;
	const char *at = small + strlen(prefix) + UUID_TEXT - 1;
	if (*at++ != '-' || !read_number(&at, &name.exchange))
		return false;
	for (int s = 0; s < STREAM_COUNT; s++)
		if (!read_part(&at, (enum stream)s, &name.parts[s]))
			return false;
	bundle_name_format(&name, again);
	if (strcmp(small, again))
		return false;
	*out = name;
	return true;
}
