#include "store/internal.h"

#include "hal/utf8.h"

#include <string.h>

int check_utf8(const char *what, const char *text, struct err *e)
{
	size_t length = strlen(text), valid = utf8_valid(text, length);
	return valid == length ? 0 : err_set(e, ERR_INVALID, "%s is no UTF-8 at byte %zu", what, valid);
}
