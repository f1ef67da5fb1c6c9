#include "hal/era.h"

#include "hal/rows.h"

#include <string.h>

/* The Makefile says it: SOURCE_DATE_EPOCH, or the date of the commit. This is for a tree that has neither. */
#ifndef ALZY_BUILD_TIME
#define ALZY_BUILD_TIME 1795305600 /* 2026-11-22 */
#endif

#define DAY_MS  INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)

enum { CEILING_YEARS = 20, LEARNT_YEARS = 2, WALL_YEARS = 5 };

int64_t era_build_ms(void)
{
	return INT64_C(1000) * ALZY_BUILD_TIME;
}

bool era_floor_valid(const char *floor, int64_t *out_ms)
{
	*out_ms = 0;
	if (!strcmp(floor, "auto") || !strcmp(floor, "none"))
		return true;
	return strlen(floor) == strlen("2026-11-22") && time_parse(floor, out_ms);
}

void era_start(struct era *era, const char *floor, bool replay, int64_t build_ms)
{
	int64_t given_ms;
	*era = (struct era){.none = !strcmp(floor, "none")};
	era_floor_valid(floor, &given_ms);
	bool automatic = !strcmp(floor, "auto");
	era->none |= automatic && replay;
	era->given = !automatic && !era->none;
	/* A year early: the clock of the machine that built it may have been ahead, and nothing rolls over by less. */
	era->floor_ms = era->given ? given_ms : build_ms - YEAR_MS;
	era->ceiling_ms = era->floor_ms + CEILING_YEARS * YEAR_MS;
	era->learnt_ms = era->floor_ms;
}

void era_learn(struct era *era, int64_t time_ms, bool confirmed)
{
	if (era->given || time_ms <= era->learnt_ms || (!confirmed && time_ms >= era->floor_ms + ERA_MS))
		return;
	era->learnt_ms = time_ms;
	if (confirmed && time_ms > era->ceiling_ms - ERA_MS)
		era->ceiling_ms = time_ms + CEILING_YEARS * YEAR_MS;
}

bool era_holds(const struct era *era, int64_t time_ms)
{
	return time_ms >= era->floor_ms && time_ms <= era->ceiling_ms;
}

bool era_may_be(const struct era *era, int64_t wall_ms)
{
	return era->none ||
	       (era_holds(era, wall_ms) && wall_ms >= era->learnt_ms && wall_ms - era->learnt_ms <= WALL_YEARS * YEAR_MS);
}

/* Towards positive infinity. */
static int64_t divide_up(int64_t a, int64_t b)
{
	return a / b + (a % b > 0);
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

static int shift_to(int64_t time_ms, int64_t known_ms)
{
	int64_t shift = divide_up(known_ms - time_ms - ERA_MS / 2, ERA_MS);
	return distance(time_ms + shift * ERA_MS, known_ms) <= DAY_MS ? (int)shift : 0;
}

/* The fewest that bring it between floor and ceiling, and behind what was learnt if it then is close to that. */
static int shift_into_bounds(const struct era *era, int64_t time_ms)
{
	int64_t shift = 0;
	if (time_ms < era->floor_ms)
		shift = divide_up(era->floor_ms - time_ms, ERA_MS);
	else if (time_ms > era->ceiling_ms)
		shift = -divide_up(time_ms - era->ceiling_ms, ERA_MS);
	int64_t in_bounds_ms = time_ms + shift * ERA_MS, behind_ms = in_bounds_ms + ERA_MS - era->learnt_ms;
	if (in_bounds_ms < era->learnt_ms && behind_ms >= 0 && behind_ms <= LEARNT_YEARS * YEAR_MS)
		shift++;
	return (int)shift;
}

int era_shift(const struct era *era, int64_t time_ms, const int64_t *known_ms, int64_t wall_ms)
{
	if (era->none)
		return 0;
	if (known_ms && !era->given)
		return shift_to(time_ms, *known_ms);
	int shift = shift_into_bounds(era, time_ms);
	bool credible =
		era->given || !era_holds(era, wall_ms) || distance(time_ms + shift * ERA_MS, wall_ms) <= WALL_YEARS * YEAR_MS;
	return credible ? shift : 0;
}
