#include "hal/clock.h"
#include "hal/gnss_driver.h"

#include <string.h>

void gnss_lines_clear(struct gnss_lines *lines)
{
	lines->start = lines->end = lines->searched = 0;
	lines->skipping = false;
}

char *gnss_lines_room(struct gnss_lines *lines, size_t *out_room)
{
	/* From the beginning whenever that costs little, so that a slow stream only ever touches the first page. */
	if (lines->start) {
		memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
		lines->searched -= lines->start;
		lines->end -= lines->start;
		lines->start = 0;
	}
	*out_room = sizeof lines->bytes - lines->end;
	return lines->bytes + lines->end;
}

void gnss_lines_added(struct gnss_lines *lines, size_t count)
{
	lines->end += count;
	lines->read_ms = clock_mono_ms();
}

/* Finds the end of the line that begins at start; *out_next is where the next begins. */
static bool find_end(struct gnss_lines *lines, bool at_end, size_t *out_end, size_t *out_next)
{
	const char *newline = memchr(lines->bytes + lines->searched, '\n', lines->end - lines->searched);
	lines->searched = lines->end;
	if (!newline && (!at_end || lines->start == lines->end))
		return false;
	*out_end = newline ? (size_t)(newline - lines->bytes) : lines->end;
	*out_next = newline ? *out_end + 1 : lines->end;
	return true;
}

static void bad(struct gnss_report *out)
{
	*out =
		(struct gnss_report){.kind = GNSS_BAD, .satellites_used = -1, .satellites_seen = -1, .hdop_centi = ROW_ABSENT};
}

/* Nothing but white space is no report, nor is the rest of a line that was told to be too long. */
static bool cut(struct gnss_lines *lines, size_t end, size_t next, struct gnss_report *out)
{
	while (lines->start < end && strchr(" \t\r", lines->bytes[lines->start]) && lines->bytes[lines->start])
		lines->start++;
	bool found = false;
	size_t used = end - lines->start;
	if (used && !lines->skipping)
		found = gnss_json_report(lines->bytes + lines->start, used, &used, out);
	lines->start += used;
	/* Two objects may stand on one line: what follows the first is looked at next. */
	lines->searched = lines->start;
	if (lines->start == end) {
		lines->start = lines->searched = next;
		lines->skipping = false;
	}
	return found;
}

bool gnss_lines_next(struct gnss_lines *lines, bool at_end, struct gnss_report *out)
{
	size_t end, next;
	bool found = false;
	while (!found && find_end(lines, at_end, &end, &next))
		found = cut(lines, end, next, out);
	if (!found && lines->end - lines->start == sizeof lines->bytes) {
		found = !lines->skipping;
		bad(out);
		gnss_lines_clear(lines);
		lines->skipping = true;
	}
	if (found)
		out->mono_ms = lines->read_ms;
	return found;
}
