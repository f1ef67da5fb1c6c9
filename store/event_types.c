#include "store/event_types.h"

#include "hal/rows.h"

#include <string.h>

static const char *const texts[EVENT_TYPE_COUNT] = {
#define X(name, text, help) text,
	EVENT_TYPE_LIST(X)
#undef X
};

const char *event_type_text(enum event_type type)
{
	return texts[type];
}

bool event_type_valid(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return text[0] >= 'a' && text[0] <= 'z' && !text[length] && length < EVENT_TYPE_TEXT;
}
