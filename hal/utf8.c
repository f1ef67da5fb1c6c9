#include "hal/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t utf8_length(const char *text, size_t left)
{
	static const struct {
		uint8_t first, last; /* of the first byte */
		uint8_t low, high;   /* of the second byte */
		uint8_t length;
	} forms[] = {
		{0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const uint8_t *bytes = (const uint8_t *)text;
	for (size_t i = 0; left && i < sizeof forms / sizeof *forms; i++) {
		size_t length = forms[i].length;
		if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
			continue;
		if (length > left || (length > 1 && (bytes[1] < forms[i].low || bytes[1] > forms[i].high)))
			return 0;
		for (size_t k = 2; k < length; k++)
			if ((bytes[k] & 0xc0) != 0x80)
				return 0;
		return length;
	}
	return 0;
}

size_t utf8_valid(const char *text, size_t length)
{
	size_t at = 0;
	for (size_t n; at < length && (n = utf8_length(text + at, length - at)); at += n)
		;
	return at;
}

/* Those of two bytes up to 9f are controls too, for a terminal that knows UTF-8. */
static bool is_control(const char *text, size_t length)
{
	unsigned char first = (unsigned char)text[0];
	return first < 0x20 || first == 0x7f || (length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* Of the form that this first byte announces. */
static size_t announced(const char *text)
{
	unsigned char first = (unsigned char)*text;
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

const char *utf8_line(const char *text, char control, char *out, size_t size)
{
	size_t length = 0, left = strlen(text), bytes;
	for (; left && length + 1 < size; text += bytes, left -= bytes) {
		bytes = utf8_length(text, left);
		bool odd = !bytes, whole = bytes && !is_control(text, bytes);
		if ((whole && length + bytes >= size) || (odd && announced(text) > left))
			break;
		if (whole)
			memmove(out + length, text, bytes);
		else
			out[length] = odd ? '?' : control;
		length += whole ? bytes : 1;
		bytes += odd;
	}
	out[length] = '\0';
	return out;
}
