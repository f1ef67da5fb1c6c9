/* Which 1024 weeks a time belongs to. GPS counts weeks modulo 1024, and receivers and gpsd guess the rest: a guess that was
 * right when the firmware was made is 1024 weeks too early one day, and one from a wrong host clock goes either way. So
 * a time is held between a floor and a ceiling 20 years on, and moved into them by whole 1024 weeks. Pure. */
#ifndef ALZY_HAL_ERA_H
#define ALZY_HAL_ERA_H

#include <stdbool.h>
#include <stdint.h>

enum { ERA_WEEKS = 1024 };
#define ERA_MS (INT64_C(604800000) * ERA_WEEKS)

struct era {
	bool none;          /* no floor: times are taken as they are */
	bool given;         /* the floor is one that a person has written */
	int64_t floor_ms;   /* no true time is before it … */
	int64_t ceiling_ms; /* … or after this */
	int64_t learnt_ms;  /* what time it has been already, as far as is known; floor_ms when nothing is */
};

/* What people may write as [clock] floor: "auto", "none", or a date, whose midnight UTC goes into *out_ms. */
bool era_floor_valid(const char *floor, int64_t *out_ms);

/* From such a floor, and "none" for a replay. With "auto" the floor is build_ms (era_build_ms) less a year. */
void era_start(struct era *era, const char *floor, bool replay, int64_t build_ms);

/* It has been time_ms already. `confirmed`: by NTP or the centre. Without that a time 1024 weeks beyond the floor could as well
 * be a rollover, and says nothing. A floor that a person has given is not moved. */
void era_learn(struct era *era, int64_t time_ms, bool confirmed);

/* Within floor and ceiling. */
bool era_holds(const struct era *era, int64_t time_ms);

/* Whether a system clock that nobody has set may be right: within the bounds, not before what was learnt, and no more than five years
 * after it. One that starts at the end of its own range (2038) is not. Without a floor any is. */
bool era_may_be(const struct era *era, int64_t wall_ms);

/* How many times ERA_MS is to be added to time_ms. With the present time known otherwise (NULL: not), and without a
 * given floor: as many as bring it within a day of that, else 0. Else the fewest that bring it between floor and
 * ceiling; and one more when it is earlier than what was learnt, and then close behind it: a receiver that has rolled
 * over comes back at the time where it left, whereas nearly anything else means that what was learnt was wrong. wall_ms
 * is the system clock, set or not. One that lies between floor and ceiling is wrong by the time that the machine was
 * off, not by a decade: without a given floor nothing is moved to more than five years from it. So a recording that is
 * older than this program stays as it is. */
int era_shift(const struct era *era, int64_t time_ms, const int64_t *known_ms, int64_t wall_ms);

/* When this program was built, or rather the newest of its sources. */
int64_t era_build_ms(void);

#endif
