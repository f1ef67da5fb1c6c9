/* Numbers that look random and are the same in each run, unless the environment says SEED=N. The seed is printed, so
 * that a failure can be repeated. */
#ifndef ALZY_TESTS_RANDOM_H
#define ALZY_TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state;

static inline void random_start(void)
{
	const char *seed = getenv("SEED");
	random_state = seed ? strtoull(seed, NULL, 10) : 20261121;
	printf("# SEED=%llu\n", (unsigned long long)random_state);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t random_64(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* low ≤ the number ≤ high */
static inline int64_t random_in(int64_t low, int64_t high)
{
	return low + (int64_t)(random_64() % ((uint64_t)(high - low) + 1));
}

#endif
