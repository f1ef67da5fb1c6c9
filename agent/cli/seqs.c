#include "agent/cli/seqs.h"

#include <stdbool.h>
#include <string.h>

static bool read_number(const char **at, int64_t *out)
{
	const char *from = *at;
	int64_t number = 0;
	while (**at >= '0' && **at <= '9' && number <= SEQ_MAX)
		number = number * 10 + (*(*at)++ - '0');
	*out = number;
	return *at > from && number >= 1 && number <= SEQ_MAX;
}

static bool read_range(const char **at, struct range *out)
{
	if (!read_number(at, &out->first))
		return false;
	out->last = out->first;
	if (**at != '-')
		return true;
	++*at;
	return read_number(at, &out->last) && out->first <= out->last;
}

static int read_list(const char *word, const char *list, struct ranges *out, struct err *e)
{
	struct range range;
	for (const char *at = list;; at++) {
		if (!read_range(&at, &range) || (*at && *at != ','))
			return err_set(e, ERR_USAGE, "\"%s\" is no list of seqs: 5-9,12 or events:3-4", word);
		int rc = ranges_add(out, range.first, range.last, e);
		if (rc || !*at)
			return rc;
	}
}

int seqs_parse(const char *const *words, size_t count, struct ranges out[STREAM_COUNT], struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		enum stream stream = STREAM_POINTS;
		const char *list = words[i], *colon = strchr(words[i], ':');
		for (int s = 0; s < STREAM_COUNT && colon; s++) {
			const char *name = stream_name((enum stream)s);
			if ((size_t)(colon - words[i]) == strlen(name) && !strncmp(words[i], name, strlen(name))) {
				stream = (enum stream)s;
				list = colon + 1;
			}
		}
		rc = read_list(words[i], list, &out[stream], e);
	}
	return rc;
}
