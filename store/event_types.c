#include "store/event_types.h"

#include "hal/rows.h"

#include <string.h>

static const struct {
	const char *text, *help;
} types[EVENT_TYPE_COUNT] = {
#define X(name, text, help) {text, help},
	EVENT_TYPE_LIST(X)
#undef X
};

const char *event_type_text(enum event_type type)
{
	return types[type].text;
}

const char *event_type_help(enum event_type type)
{
	return types[type].help;
}

bool event_type_valid(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return text[0] >= 'a' && text[0] <= 'z' && !text[length] && length < EVENT_TYPE_TEXT;
}
