/* The queue between the two threads of the agent. */
#include "agent/ring.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SMALL = 8, MANY = 300000 };

static struct gnss_report numbered(enum gnss_report_kind kind, int64_t number)
{
	return (struct gnss_report){.kind = kind, .mono_ms = number};
}

static bool push(struct ring *ring, enum gnss_report_kind kind, int64_t number)
{
	struct gnss_report report = numbered(kind, number);
	return ring_push(ring, &report, false);
}

static bool readable(const struct ring *ring)
{
	return poll(&(struct pollfd){.fd = ring_fd(ring), .events = POLLIN}, 1, 0) > 0;
}

static void keeps_order_round_and_round(void **state)
{
	(void)state;
	struct ring *ring;
	struct gnss_report out[SMALL];
	int64_t pushed = 0, taken = 0;
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	for (int round = 0; round < 100; round++) {
		while (push(ring, GNSS_POSITION, pushed))
			pushed++;
		/* Never quite empty, so that it wraps; then empty, so that it begins again. */
		size_t n = ring_take(ring, out, round % 10 == 9 ? SMALL : SMALL - 3);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i].mono_ms, taken++);
	}
	assert_int_equal(pushed, taken);
	assert_int_equal(ring_take(ring, out, SMALL), 0);
	ring_free(ring);
}

static void a_full_ring_drops_the_newest_and_counts(void **state)
{
	(void)state;
	struct ring *ring;
	struct gnss_report out[2 * SMALL];
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	for (int64_t i = 0; i < SMALL; i++)
		assert_true(push(ring, GNSS_POSITION, i));
	assert_false(push(ring, GNSS_POSITION, 100));
	assert_false(push(ring, GNSS_NO_FIX, 101));
	/* That the source went away is news which still finds a place. */
	assert_true(push(ring, GNSS_GONE, 102));
	assert_int_equal(ring_dropped(ring), 2);
	assert_int_equal(ring_dropped(ring), 0);
	assert_int_equal(ring_take(ring, out, 2 * SMALL), SMALL + 1);
	assert_int_equal(out[SMALL - 1].mono_ms, SMALL - 1);
	assert_int_equal(out[SMALL].kind, GNSS_GONE);
	assert_true(push(ring, GNSS_POSITION, 103));
	ring_free(ring);
}

static void it_is_readable_while_there_is_something_to_act_on(void **state)
{
	(void)state;
	struct ring *ring;
	struct gnss_report out[SMALL];
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	assert_false(readable(ring));
	push(ring, GNSS_SKY, 1);
	assert_false(readable(ring));
	push(ring, GNSS_POSITION, 2);
	push(ring, GNSS_POSITION, 3);
	assert_true(readable(ring));
	assert_int_equal(ring_take(ring, out, 2), 2);
	assert_int_equal(out[0].kind, GNSS_SKY);
	assert_true(readable(ring));
	assert_int_equal(ring_take(ring, out, 2), 1);
	assert_false(readable(ring));
	/* More of the same can wait, until it is half of the ring; another kind can't. */
	push(ring, GNSS_POSITION, 4);
	push(ring, GNSS_POSITION, 5);
	assert_false(readable(ring));
	push(ring, GNSS_NO_FIX, 6);
	assert_true(readable(ring));
	ring_take(ring, out, SMALL);
	for (int64_t i = 0; i < SMALL / 2; i++) {
		assert_false(readable(ring));
		push(ring, GNSS_NO_FIX, i);
	}
	assert_true(readable(ring));
	ring_free(ring);
}

static long resident_kb(void)
{
	long size, resident;
	FILE *statm = fopen("/proc/self/statm", "re");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
	fclose(statm);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A replay without a single report has nothing but its end to tell. */
static void an_end_alone_makes_it_readable(void **state)
{
	(void)state;
	struct ring *ring;
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	assert_true(push(ring, GNSS_END, 0));
	assert_true(readable(ring));
	ring_free(ring);
}

static void memory_follows_what_is_needed(void **state)
{
	(void)state;
	struct ring *ring;
	struct gnss_report out[64];
	assert_int_equal(ring_open(&ring, MANY, NULL), 0);
	long before = resident_kb();
	for (int64_t i = 0; i < MANY; i++) {
		push(ring, GNSS_POSITION, i);
		ring_take(ring, out, 64);
	}
	assert_true(resident_kb() - before < 1000);
	for (int64_t i = 0; i < MANY; i++)
		push(ring, GNSS_POSITION, i);
	assert_true(resident_kb() - before > 20000);
	while (ring_take(ring, out, 64))
		;
	assert_true(resident_kb() - before < 1000);
	ring_free(ring);
}

static void *push_many(void *user)
{
	for (int64_t i = 0; i < MANY; i++) {
		struct gnss_report report = numbered(GNSS_POSITION, i);
		if (!ring_push(user, &report, true))
			return (void *)1;
	}
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	(void)state;
	struct ring *ring;
	struct gnss_report out[5];
	pthread_t pusher;
	void *failed;
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	assert_int_equal(pthread_create(&pusher, NULL, push_many, ring), 0);
	for (int64_t next = 0; next < MANY;) {
		/* The last few may come without a wake-up. */
		bool woken = poll(&(struct pollfd){.fd = ring_fd(ring), .events = POLLIN}, 1, next < MANY - SMALL ? 10000 : 10);
		assert_true(woken || next >= MANY - SMALL);
		size_t n = ring_take(ring, out, 5);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i].mono_ms, next++);
	}
	assert_int_equal(pthread_join(pusher, &failed), 0);
	assert_null(failed);
	assert_int_equal(ring_dropped(ring), 0);
	ring_free(ring);
}

static void stopping_ends_a_wait(void **state)
{
	(void)state;
	struct ring *ring;
	pthread_t pusher;
	void *failed;
	assert_int_equal(ring_open(&ring, SMALL, NULL), 0);
	assert_int_equal(pthread_create(&pusher, NULL, push_many, ring), 0);
	ring_stop(ring);
	assert_int_equal(pthread_join(pusher, &failed), 0);
	assert_non_null(failed);
	ring_free(ring);
	ring_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_round_and_round),
		cmocka_unit_test(a_full_ring_drops_the_newest_and_counts),
		cmocka_unit_test(it_is_readable_while_there_is_something_to_act_on),
		cmocka_unit_test(an_end_alone_makes_it_readable),
		cmocka_unit_test(memory_follows_what_is_needed),
		cmocka_unit_test(two_threads_lose_nothing),
		cmocka_unit_test(stopping_ends_a_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
