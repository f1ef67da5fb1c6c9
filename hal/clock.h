/* The two clocks: schedules run on the monotonic one, rows carry the other. */
#ifndef ALZY_HAL_CLOCK_H
#define ALZY_HAL_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970 UTC by the system's clock, which may be wrong on a machine without a battery. */
int64_t clock_wall_ms(void);

/* Milliseconds since boot, counting suspend (CLOCK_BOOTTIME): never steps. */
int64_t clock_mono_ms(void);

/* Sleeps; a signal ends it early. */
void clock_sleep_ms(int64_t ms);

#endif
