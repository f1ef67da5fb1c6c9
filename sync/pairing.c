#include "sync/pairing.h"

#include "hal/hex.h"
#include "sync/document.h"
#include "sync/members.h"

#include <stdio.h>
#include <string.h>

#define LINK_HEAD "alzy://pair?"
enum { KEY_TEXT = 43, TOKEN_TEXT = 22 }; /* 32 and 16 bytes in base64url */

/* ---- the link --------------------------------------------------------------------------------------------- */

/* RFC 3986's unreserved characters: all others are written as %XX. */
static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

int pairing_check_url(const char *url, struct err *e)
{
	static const char *const schemes[] = {"https://", "http://"};
	const char *host = NULL;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			host = url + strlen(schemes[i]);
	if (!host || !*host || strchr("/:", *host))
		return err_set(e, ERR_INVALID, "the url of the centre is not of the form https://HOST or http://HOST");
	for (const char *c = host; *c; c++)
		if (!is_unreserved(*c) && !strchr("/:[]%", *c))
			return err_set(e, ERR_INVALID, "the url of the centre has the character 0x%02x, which no address has",
			               (unsigned)(uint8_t)*c);
	return 0;
}

static void cut_slashes(char *url)
{
	size_t length = strlen(url);
	while (length && url[length - 1] == '/')
		url[--length] = '\0';
}

int pairing_link_format(const struct pairing_link *link, char out[PAIRING_LINK_TEXT], struct err *e)
{
	char url[NAME_TEXT], encoded[3 * NAME_TEXT], key[KEY_TEXT + 1], token[TOKEN_TEXT + 1];
	char text[sizeof encoded + PAIRING_LINK_TEXT];
	snprintf(url, sizeof url, "%s", link->url);
	cut_slashes(url);
	int rc = pairing_check_url(url, e);
	if (rc)
		return rc;
	size_t at = 0;
	for (const char *c = url; *c; c++)
		at += (size_t)snprintf(encoded + at, sizeof encoded - at, is_unreserved(*c) ? "%c" : "%%%02X", *c);
	keys_to_text(link->centre_key, KEY_PUBLIC, key, sizeof key);
	keys_to_text(link->token, PAIRING_TOKEN, token, sizeof token);
	int length = snprintf(text, sizeof text, LINK_HEAD "url=%s&key=%s&token=%s", encoded, key, token);
	if (length >= PAIRING_LINK_TEXT)
		return err_set(e, ERR_LIMIT, "the address %s is too long for a link", url);
	memcpy(out, text, (size_t)length + 1);
	return 0;
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) % 16 : -1;
}

static int parse_url(const char *text, size_t length, struct pairing_link *out, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (c == '%') {
			int high = i + 2 < length ? hex_value(text[i + 1]) : -1, low = high < 0 ? -1 : hex_value(text[i + 2]);
			if (low < 0)
				return err_set(e, ERR_INVALID, "the link's url has a %% without two hexadecimal digits");
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n + 1 >= sizeof out->url)
			return err_set(e, ERR_INVALID, "the link's url is longer than %zu characters", sizeof out->url - 1);
		if (!c)
			return err_set(e, ERR_INVALID, "the link's url has a NUL in it");
		out->url[n++] = c;
	}
	out->url[n] = '\0';
	cut_slashes(out->url);
	return pairing_check_url(out->url, e);
}

static int parse_key(const char *text, size_t length, struct pairing_link *out, struct err *e)
{
	if (!keys_from_text(text, length, out->centre_key, KEY_PUBLIC))
		return err_set(e, ERR_INVALID, "the link's key is not %d bytes in base64url", KEY_PUBLIC);
	return 0;
}

static int parse_token(const char *text, size_t length, struct pairing_link *out, struct err *e)
{
	if (!keys_from_text(text, length, out->token, PAIRING_TOKEN))
		return err_set(e, ERR_INVALID, "the link's token is not %d bytes in base64url", PAIRING_TOKEN);
	return 0;
}

static const struct part {
	const char *name;
	int (*parse)(const char *text, size_t length, struct pairing_link *out, struct err *e);
} parts[] = {{"url", parse_url}, {"key", parse_key}, {"token", parse_token}};
enum { PART_COUNT = sizeof parts / sizeof *parts };

/* One NAME=VALUE of the link. A name that is not known is passed over, for links of later versions. */
static int parse_part(const char *text, size_t length, unsigned *seen, struct pairing_link *out, struct err *e)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		size_t n = strlen(parts[i].name);
		if (length <= n || strncmp(text, parts[i].name, n) != 0 || text[n] != '=')
			continue;
		if (*seen & 1u << i)
			return err_set(e, ERR_INVALID, "the link has two parts %s", parts[i].name);
		*seen |= 1u << i;
		return parts[i].parse(text + n + 1, length - n - 1, out, e);
	}
	return 0;
}

int pairing_link_parse(const char *text, struct pairing_link *out, struct err *e)
{
	static const char space[] = " \t\r\n";
	text += strspn(text, space);
	size_t length = strcspn(text, space);
	if (text[length + strspn(text + length, space)])
		return err_set(e, ERR_INVALID, "the link has white space in it");
	if (strncmp(text, LINK_HEAD, strlen(LINK_HEAD)) != 0)
		return err_set(e, ERR_INVALID, "a link that begins with " LINK_HEAD " is expected");
	if (length >= PAIRING_LINK_TEXT)
		return err_set(e, ERR_INVALID, "the link is longer than %d characters", PAIRING_LINK_TEXT - 1);
	struct pairing_link link = {0};
	unsigned seen = 0;
	for (const char *at = text + strlen(LINK_HEAD), *end = text + length; at < end;) {
		size_t n = strcspn(at, "& \t\r\n");
		int rc = parse_part(at, n, &seen, &link, e);
		if (rc)
			return rc;
		at += n + 1;
	}
	for (size_t i = 0; i < PART_COUNT; i++)
		if (!(seen & 1u << i))
			return err_set(e, ERR_INVALID, "the link has no part %s", parts[i].name);
	*out = link;
	return 0;
}

void pairing_token_hash(const uint8_t token[PAIRING_TOKEN], char out[KEY_HASH_TEXT])
{
	uint8_t digest[32];
	keys_digest(token, PAIRING_TOKEN, digest);
	hex_write(digest, sizeof digest, out);
}

/* ---- the two documents ------------------------------------------------------------------------------------ */

static const struct member request_members[] = {
	{BYTES("sender", struct pairing_request, sender)},
	{BYTES("token", struct pairing_request, token)},
	{UUID("store_id", struct pairing_request, store_id)},
	{TEXT_OR_NONE("host_name", struct pairing_request, host_name)},
	{0},
};

static const struct member answer_members[] = {
	{BYTES("token", struct pairing_answer, token)},
	{INT("device_id", struct pairing_answer, device_id, 1, DOCUMENT_INT_MAX)},
	{TEXT_OR_NONE("device_name", struct pairing_answer, device_name)},
	{INT("centre_ms", struct pairing_answer, centre_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{0},
};

int pairing_request_encode(const struct pairing_request *request, struct buffer *out, struct err *e)
{
	return members_write(request_members, request, out, e);
}

int pairing_request_decode(const void *document, size_t length, struct pairing_request *out, struct err *e)
{
	struct pairing_request request = {0};
	int rc = members_read(document, length, request_members, &request, e);
	if (!rc)
		*out = request;
	return rc;
}

int pairing_answer_encode(const struct pairing_answer *answer, struct buffer *out, struct err *e)
{
	return members_write(answer_members, answer, out, e);
}

int pairing_answer_decode(const void *document, size_t length, struct pairing_answer *out, struct err *e)
{
	struct pairing_answer answer = {0};
	int rc = members_read(document, length, answer_members, &answer, e);
	if (!rc)
		*out = answer;
	return rc;
}
