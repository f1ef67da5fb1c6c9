/* The same few lines come every second for years, so they are read where they lie. What this reader takes, it takes as cJSON
 * does; a fuzzer holds one against the other (tests/fuzz/fuzz_gnss.c). */
#include "hal/gnss_members.h"

#include <string.h>

/* So many digits make a number below 2^53, the most that a double counts to. */
enum { DIGITS_MOST = 15 };

struct scan {
	const char *at, *end;
	uint32_t seen; /* which of the members below: the first of a name counts, a second is for gnss_parse */
	struct gnss_members *out;
};

/* Behind the last of both: */
enum { MEMBER_SATELLITES = NUMBER_COUNT + TEXT_COUNT, MEMBER_UNKNOWN };

/* Most differ in their first letter, and every name of every report is held against all of them. */
static bool is_called(const char *wanted, const char *name, size_t length)
{
	return *wanted == *name && !strncmp(wanted, name, length) && !wanted[length];
}

static int member_of(const char *name, size_t length)
{
	for (int i = 0; i < NUMBER_COUNT; i++)
		if (is_called(gnss_number_names[i], name, length))
			return i;
	for (int i = 0; i < TEXT_COUNT; i++)
		if (is_called(gnss_text_names[i], name, length))
			return NUMBER_COUNT + i;
	return length == 10 && !memcmp(name, "satellites", 10) ? MEMBER_SATELLITES : MEMBER_UNKNOWN;
}

static bool next_is(struct scan *s, char wanted)
{
	while (s->at < s->end && *s->at == ' ')
		s->at++;
	bool is = s->at < s->end && *s->at == wanted;
	s->at += is;
	return is;
}

/* Behind the opening quote. */
static bool text(struct scan *s, const char **out, size_t *out_length)
{
	*out = s->at;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' || (unsigned char)*s->at < ' ')
			return false;
		s->at++;
	}
	*out_length = (size_t)(s->at - *out);
	return s->at++ < s->end;
}

/* Takes digits onto *value, up to one too many. Returns how many. */
static int digits(struct scan *s, int most, int64_t *value)
{
	int count = 0;
	for (; s->at < s->end && *s->at >= '0' && *s->at <= '9' && count <= most; count++)
		*value = *value * 10 + (*s->at++ - '0');
	return count;
}

/* A whole number that a double holds, divided by a power of ten that it holds too, is rounded once, and so is what strtod
 * gives. More digits, exponents, signs at odd places: nothing that gpsd writes. */
static bool number(struct scan *s, int member)
{
	static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
	int64_t value = 0;
	bool negative = s->at < s->end && *s->at == '-';
	s->at += negative;
	int whole = digits(s, DIGITS_MOST, &value), decimals = 0;
	if (!whole || whole > DIGITS_MOST)
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		decimals = digits(s, DIGITS_MOST - whole, &value);
		if (!decimals || whole + decimals > DIGITS_MOST)
			return false;
	}
	if (s->at < s->end && strchr("+-.eE", *s->at))
		return false;
	if (member < NUMBER_COUNT)
		s->out->numbers[member] = (negative ? -(double)value : (double)value) / tens[decimals];
	return true;
}

/* Around the satellites, unless a bracket or quote among them leaves a doubt where they end. */
static bool satellites(struct scan *s)
{
	const char *begin = s->at, *last = memchr(begin, ']', (size_t)(s->end - begin));
	size_t length = last ? (size_t)(last - begin) : 0, quotes = 0;
	if (!last || memchr(begin + 1, '[', length - 1) || memchr(begin, '\\', length))
		return false;
	for (size_t i = 0; i < length; i++)
		quotes += begin[i] == '"';
	if (quotes % 2)
		return false;
	s->at = last + 1;
	s->out->satellites = begin;
	s->out->satellites_length = (size_t)(s->at - begin);
	return true;
}

static bool literal(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t length = strlen(words[i]);
		if ((size_t)(s->end - s->at) >= length && !memcmp(s->at, words[i], length)) {
			s->at += length;
			return true;
		}
	}
	return false;
}

static bool value(struct scan *s, int member)
{
	if (next_is(s, '"')) {
		const char *at;
		size_t length;
		if (!text(s, &at, &length))
			return false;
		if (member >= NUMBER_COUNT && member < MEMBER_SATELLITES) {
			s->out->texts[member - NUMBER_COUNT] = at;
			s->out->lengths[member - NUMBER_COUNT] = length;
		}
		return true;
	}
	if (s->at < s->end && *s->at == '[' && member == MEMBER_SATELLITES)
		return satellites(s);
	if (s->at < s->end && (*s->at == '-' || (*s->at >= '0' && *s->at <= '9')))
		return number(s, member);
	return literal(s);
}

static bool pair(struct scan *s)
{
	const char *name;
	size_t length;
	if (!next_is(s, '"') || !text(s, &name, &length) || !next_is(s, ':'))
		return false;
	int member = member_of(name, length);
	if (member != MEMBER_UNKNOWN && s->seen & 1u << member)
		return false;
	s->seen |= 1u << member;
	return value(s, member);
}

bool gnss_scan(const char *line, size_t length, size_t *out_used, struct gnss_members *out)
{
	struct scan s = {.at = line, .end = line + length, .out = out};
	gnss_members_clear(out);
	if (!length || *s.at++ != '{')
		return false;
	do {
		if (!pair(&s))
			return false;
	} while (next_is(&s, ','));
	if (!next_is(&s, '}'))
		return false;
	out->has_mode = s.seen & 1u << NUMBER_MODE;
	*out_used = (size_t)(s.at - line);
	/* A gpsd before 3.22 does not count the satellites, and the list is to be read. */
	bool counted = s.seen & 1u << NUMBER_NSAT && s.seen & 1u << NUMBER_USAT;
	return !out->satellites || counted;
}
