#include "hal/hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_write(const uint8_t *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

static int value_of(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

bool hex_read(const char *text, uint8_t *out, size_t count)
{
	if (strlen(text) != 2 * count || strspn(text, digits) != 2 * count)
		return false;
	for (size_t i = 0; i < count; i++)
		out[i] = (uint8_t)(value_of(text[2 * i]) << 4 | value_of(text[2 * i + 1]));
	return true;
}

bool hex_is(const char *text, const uint8_t *bytes, size_t count)
{
	bool same = strlen(text) == 2 * count;
	for (size_t i = 0; i < count && same; i++)
		same = text[2 * i] == digits[bytes[i] >> 4] && text[2 * i + 1] == digits[bytes[i] & 15];
	return same;
}
