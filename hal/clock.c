#include "hal/clock.h"

#include <string.h>
#include <sys/timex.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

bool clock_synchronized(void)
{
	struct timex state = {0};
	int status = adjtimex(&state);
	return status >= 0 && status != TIME_ERROR && !(state.status & STA_UNSYNC);
}

int64_t clock_mono_ms(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void clock_sleep_ms(int64_t ms)
{
	if (ms <= 0)
		return;
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&time, NULL);
}

static const char *const names[TIME_BASIS_COUNT] = {"none", "estimated", "system", "receipt", "ntp", "gnss"};

const char *time_basis_name(enum time_basis basis)
{
	return names[basis];
}

enum time_basis time_basis_of(const char *name)
{
	int basis = TIME_BASIS_COUNT - 1;
	while (basis && strcmp(name, names[basis]))
		basis--;
	return (enum time_basis)basis;
}
