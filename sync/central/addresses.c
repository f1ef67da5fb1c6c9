#include "sync/central/addresses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED = 12 }; /* bytes in front of an IPv4 address */

static const uint8_t mapped[MAPPED] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool parse_plain(const char *text, uint8_t out[ADDRESS])
{
	memcpy(out, mapped, MAPPED);
	return inet_pton(AF_INET, text, out + MAPPED) == 1 || inet_pton(AF_INET6, text, out) == 1;
}

bool address_parse(const char *text, size_t length, uint8_t out[ADDRESS])
{
	char plain[ADDRESS_TEXT];
	while (length && strchr(" \t", text[length - 1]))
		length--;
	while (length && strchr(" \t", *text)) {
		text++;
		length--;
	}
	if (!length || length >= sizeof plain)
		return false;
	snprintf(plain, sizeof plain, "%.*s", (int)length, text);
	char *end = plain[0] == '[' ? strchr(plain, ']') : NULL;
	if (end) {
		*end = '\0';
		return parse_plain(plain + 1, out);
	}
	/* One colon is that of a port; an IPv6 address has more. */
	char *colon = strchr(plain, ':');
	if (colon && !strchr(colon + 1, ':'))
		*colon = '\0';
	return parse_plain(plain, out);
}

static bool parse_range(const char *text, size_t length, struct address_range *out)
{
	const char *slash = memchr(text, '/', length);
	if (!address_parse(text, slash ? (size_t)(slash - text) : length, out->first))
		return false;
	bool v4 = !memcmp(out->first, mapped, MAPPED);
	int most = v4 ? 32 : 128;
	char *end = NULL;
	long bits = slash ? strtol(slash + 1, &end, 10) : most;
	if (bits < 0 || bits > most || (slash && (end == slash + 1 || end != text + length)))
		return false;
	out->bits = (int)bits + (v4 ? 8 * MAPPED : 0);
	return true;
}

int addresses_parse(const char *text, struct addresses *out, struct err *e)
{
	struct addresses list = {0};
	while (*(text += strspn(text, ", "))) {
		size_t length = strcspn(text, ", ");
		if (list.count == ADDRESSES_MAX)
			return err_set(e, ERR_CONFIG, "more than %d addresses", ADDRESSES_MAX);
		if (!parse_range(text, length, &list.ranges[list.count++]))
			return err_set(
				e, ERR_CONFIG,
				"\"%.*s\" is not allowed: write addresses or networks, as in 127.0.0.1, 10.0.0.0/8, fd00::/8",
				(int)(length < 80 ? length : 80), text);
		text += length;
	}
	*out = list;
	return 0;
}

static bool in_range(const struct address_range *range, const uint8_t address[ADDRESS])
{
	int bytes = range->bits / 8, bits = range->bits % 8;
	return !memcmp(range->first, address, (size_t)bytes) &&
	       (!bits || (range->first[bytes] ^ address[bytes]) >> (8 - bits) == 0);
}

bool addresses_contain(const struct addresses *list, const uint8_t address[ADDRESS])
{
	for (size_t i = 0; i < list->count; i++)
		if (in_range(&list->ranges[i], address))
			return true;
	return false;
}

void address_of_client(const struct addresses *trusted, const uint8_t peer[ADDRESS], const char *forwarded,
                       uint8_t out[ADDRESS])
{
	size_t length = forwarded ? strlen(forwarded) : 0;
	memcpy(out, peer, ADDRESS);
	while (length && addresses_contain(trusted, out)) {
		const char *comma = memrchr(forwarded, ',', length);
		const char *from = comma ? comma + 1 : forwarded;
		uint8_t named[ADDRESS];
		if (!address_parse(from, (size_t)(forwarded + length - from), named))
			return;
		memcpy(out, named, ADDRESS);
		length = comma ? (size_t)(comma - forwarded) : 0;
	}
}

bool address_is_v4(const uint8_t address[ADDRESS])
{
	return !memcmp(address, mapped, MAPPED);
}

const char *address_format(const uint8_t address[ADDRESS], char out[ADDRESS_TEXT])
{
	bool v4 = address_is_v4(address);
	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + MAPPED : address, out, ADDRESS_TEXT))
		snprintf(out, ADDRESS_TEXT, "?");
	return out;
}
