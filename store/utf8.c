#include "store/internal.h"

/* How many bytes the character at `s` has; 0 when it is none (The Unicode Standard, table 3-7). */
static int character(const unsigned char *s)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} forms[] = {
		{0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (forms[i].length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
			return 0;
		for (int k = 2; k < forms[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

int check_utf8(const char *what, const char *text, struct err *e)
{
	const unsigned char *s = (const unsigned char *)text;
	while (*s) {
		int length = character(s);
		if (!length)
			return err_set(e, ERR_INVALID, "%s is no UTF-8 at byte %zu", what,
			               (size_t)(s - (const unsigned char *)text));
		s += length;
	}
	return 0;
}
