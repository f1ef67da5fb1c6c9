#include "sync/narrow.h"

enum { PASSED_MOST = 2 }; /* narrow batches in a row, when the culprit is in one of two */

bool limits_halve(struct limits *limits)
{
	bool more = limits->points > 1 || limits->events > 1 || limits->sessions > 1;
	limits->points -= limits->points / 2;
	limits->events -= limits->events / 2;
	limits->sessions -= limits->sessions / 2;
	return more;
}

void narrow_widen(struct narrow *narrow)
{
	narrow->now = narrow->widest;
	narrow->passed = 0;
}

/* As much as finds room, but for sessions that no row is of: they are left to the end. */
static void widen_for_rows(struct narrow *narrow)
{
	narrow_widen(narrow);
	narrow->now.bare = true;
}

bool narrow_is(const struct narrow *narrow)
{
	return narrow->now.bare || narrow->now.points < narrow->widest.points || narrow->now.events < narrow->widest.events;
}

bool narrow_refused(struct narrow *narrow, int64_t points, int64_t events, bool bare)
{
	if (points + events == 0 || (points + events == 1 && bare))
		return false;
	bool last = points <= 1 && events <= 1;
	narrow->now.bare = last;
	narrow->now.points = points > 1 ? points / 2 : points;
	narrow->now.events = last && points ? 0 : events > 1 ? events / 2 : events;
	narrow->passed = 0;
	return true;
}

static int64_t double_up_to(int64_t most, int64_t now)
{
	return now < most / 2 ? 2 * now + 1 : most;
}

void narrow_passed(struct narrow *narrow)
{
	struct limits *now = &narrow->now;
	bool single = now->bare && now->points + now->events == 1;
	if (single && now->points) {
		now->points = 0;
		now->events = 1;
	} else if (single) {
		widen_for_rows(narrow);
	} else if (narrow_is(narrow) && ++narrow->passed > PASSED_MOST) {
		narrow->passed = 0;
		now->points = double_up_to(narrow->widest.points, now->points);
		now->events = double_up_to(narrow->widest.events, now->events);
	}
}

bool narrow_relax(struct narrow *narrow)
{
	if (!narrow_is(narrow))
		return false;
	if (narrow->now.bare && narrow->now.points == narrow->widest.points)
		narrow_widen(narrow);
	else
		widen_for_rows(narrow);
	return true;
}
