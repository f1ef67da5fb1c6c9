/* Watching the network: real links and addresses, in a network name space of our own. Skipped where that is not allowed
 * or `ip` is missing. */
#include "hal/clock.h"
#include "sync/network.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct network *network;

static int move_apart(void **state)
{
	struct err e;
	(void)state;
	int flags = geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET;
	if (unshare(flags) || system("ip link add alzy0 type veth peer name alzy1 2>/dev/null"))
		return 0;
	return network_open(&network, &e);
}

static int end(void **state)
{
	(void)state;
	network_close(network);
	return 0;
}

/* Whether a network came within a second after `command`; a change that is none must show as nothing for a while. */
static bool came_after(const char *command, int wait_ms)
{
	assert_int_equal(system(command), 0);
	int64_t until_ms = clock_mono_ms() + wait_ms;
	for (int64_t left = wait_ms; left > 0; left = until_ms - clock_mono_ms()) {
		struct pollfd fd = {.fd = network_fd(network), .events = POLLIN};
		if (poll(&fd, 1, (int)left) > 0 && network_came(network))
			return true;
	}
	return false;
}

static void test_a_network_comes(void **state)
{
	(void)state;
	if (!network)
		skip();
	assert_false(network_came(network));
	assert_false(came_after("ip link set lo up", 100));
	assert_false(came_after("ip link set alzy0 up", 100));
	assert_false(came_after("ip link set alzy1 up", 200)); /* link-local addresses lead nowhere */
	assert_false(came_after("ip addr add 169.254.3.4/16 dev alzy0", 100));
	assert_true(came_after("ip addr add 10.9.8.7/24 dev alzy0", 5000));
	assert_false(network_came(network));
	assert_true(came_after("ip route add default via 10.9.8.1", 5000));
	assert_false(came_after("ip route add 10.1.0.0/16 via 10.9.8.1", 100));
	assert_false(came_after("ip addr add 127.0.0.7/8 dev lo", 100));
	assert_true(came_after("ip addr add 2001:db8::5/64 dev alzy0 nodad", 5000));
	assert_false(came_after("ip addr del 2001:db8::5/64 dev alzy0", 100));
	/* The cable is pulled and put in again. */
	assert_false(came_after("ip link set alzy1 down", 200));
	assert_true(came_after("ip link set alzy1 up", 5000));
}

/* What goes and comes again while nobody looks has come, too: an exchange that was under way has lost its connection. */
static void test_a_network_goes_and_comes_unseen(void **state)
{
	(void)state;
	if (!network)
		skip();
	while (came_after("true", 200))
		;
	assert_true(came_after("ip addr del 10.9.8.7/24 dev alzy0 && ip addr add 10.9.8.7/24 dev alzy0", 5000));
	assert_true(came_after(
		"ip link set alzy1 down && ip -o link show alzy0 | grep -q NO-CARRIER && ip link set alzy1 up", 5000));
	/* Another address that goes, or one that is given for longer, is no network that comes. */
	assert_true(came_after("ip addr add 10.9.9.9/24 dev alzy0", 5000));
	assert_false(came_after("ip addr del 10.9.9.9/24 dev alzy0", 100));
	assert_false(came_after("ip addr change 10.9.8.7/24 dev alzy0 valid_lft 1000 preferred_lft 1000", 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_network_comes),
	                                   cmocka_unit_test(test_a_network_goes_and_comes_unseen)};
	return cmocka_run_group_tests(tests, move_apart, end);
}
