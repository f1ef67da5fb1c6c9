#include "hal/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	enum err_code code;
	bool retry;
	const char *name;
} codes[] = {
#define X(name, number, retry, text) {ERR_##name, retry, #name},
	ERR_LIST(X)
#undef X
};

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	if (e) {
		/* Written aside first: the arguments may well be e->text itself. */
		char text[ERR_TEXT_MAX];
		va_list args;
		va_start(args, fmt);
		vsnprintf(text, sizeof text, fmt, args);
		va_end(args);
		e->code = code;
		memcpy(e->text, text, sizeof text);
	}
	return -(int)code;
}

int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
{
	int number = errno;
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return err_set(e, code, "%s: %s", text, strerror(number));
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char context[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(context, sizeof context, fmt, args);
	va_end(args);
	return err_set(e, e->code, "%s: %s", context, e->text);
}

const char *err_name(enum err_code code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].name;
	return "NONE";
}

bool err_retryable(enum err_code code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].retry;
	return false;
}
