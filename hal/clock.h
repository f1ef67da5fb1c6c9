/* The two clocks: schedules run on the monotonic one, rows carry the other. */
#ifndef ALZY_HAL_CLOCK_H
#define ALZY_HAL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970 UTC by the system's clock, which may be wrong on a machine without a battery. */
int64_t clock_wall_ms(void);

/* Whether the kernel has been told that the system's clock is right: by NTP or the like (adjtimex, STA_UNSYNC). */
bool clock_synchronized(void);

/* Milliseconds since boot, counting suspend (CLOCK_BOOTTIME): never steps. */
int64_t clock_mono_ms(void);

/* Sleeps; a signal ends it early. */
void clock_sleep_ms(int64_t ms);

/* What the present UTC of a unit rests on. The greater, the better it is known; below TIME_SYSTEM it is not. */
enum time_basis {
	TIME_NONE,
	TIME_ESTIMATED, /* from the boots before and after, or from a system clock that nobody has set */
	TIME_SYSTEM,    /* the system clock, believed because the configuration says so ([clock] floor = none) */
	TIME_RECEIPT,   /* the centre's answer */
	TIME_NTP,       /* a system clock that is synchronized */
	TIME_GNSS,      /* a receiver that advances as the monotonic clock does */
	TIME_BASIS_COUNT,
};
const char *time_basis_name(enum time_basis basis); /* "none", "estimated", "system", "receipt", "ntp", "gnss" */
enum time_basis time_basis_of(const char *name);    /* TIME_NONE for any other name */

#endif
