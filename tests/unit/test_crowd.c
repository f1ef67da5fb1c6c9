/* Who may stay connected, by times that are made up. */
#include "sync/central/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 64 << 20, BODY_MS = 120000 };

static struct crowd crowd;
static struct peer all[CROWD_MAX];

static int begin(void **state)
{
	(void)state;
	memset(all, 0, sizeof all);
	crowd = (struct crowd){.body_ms = BODY_MS, .room_most = ROOM};
	return 0;
}

/* From 192.0.2.`host`; whom that costs its connection is closed. Returns that one. */
static struct peer *connect_from(size_t i, uint8_t host, int64_t now_ms)
{
	const uint8_t address[ADDRESS] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, host};
	memcpy(all[i].address, address, sizeof address);
	memcpy(all[i].client, address, sizeof address);
	struct peer *closed = crowd_add(&crowd, &all[i], now_ms);
	if (closed)
		crowd_close(&crowd, closed);
	return closed;
}

static void test_each_phase_has_its_time(void **state)
{
	static const struct {
		enum peer_phase phase;
		int64_t most_ms;
	} phases[] = {{PEER_HEAD, 30000}, {PEER_BODY, BODY_MS}, {PEER_ANSWER, 60000}};
	(void)state;
	assert_null(connect_from(0, 1, 0));
	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		crowd_turn_to(&crowd, &all[0], phases[i].phase, 1000);
		assert_null(crowd_overdue(&crowd, 1000 + phases[i].most_ms));
		assert_ptr_equal(crowd_overdue(&crowd, 1001 + phases[i].most_ms), &all[0]);
	}
	crowd_turn_to(&crowd, &all[0], PEER_WORK, 0);
	assert_null(crowd_overdue(&crowd, INT64_MAX / 2));
	crowd_close(&crowd, &all[0]);
	crowd_turn_to(&crowd, &all[0], PEER_HEAD, 0); /* what MHD says of it afterwards changes nothing */
	assert_null(crowd_overdue(&crowd, INT64_MAX / 2));
	assert_int_equal(crowd.count, 0);
	crowd_remove(&crowd, &all[0]);
	assert_int_equal(crowd.count, 0);
	assert_null(crowd.first);
}

static void test_an_address_has_its_share_of_connections(void **state)
{
	const size_t share = CROWD_MAX / CROWD_SHARE;
	(void)state;
	for (size_t i = 0; i < share; i++)
		assert_null(connect_from(i, 1, (int64_t)i));
	crowd_turn_to(&crowd, &all[0], PEER_WORK, 500);
	crowd_turn_to(&crowd, &all[1], PEER_BODY, 501);
	assert_ptr_equal(connect_from(share, 1, 1000), &all[2]); /* the one that waits for longest, and is not at work */
	assert_null(connect_from(share + 1, 2, 1000));
	all[share + 2].proxy = true;
	assert_null(connect_from(share + 2, 1, 1000));
	assert_int_equal(crowd.count, share + 2);
}

static void test_a_crowd_has_less_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < CROWD_MANY; i++) {
		assert_null(connect_from(i, (uint8_t)(i % 200), 0));
		crowd_turn_to(&crowd, &all[i], i % 2 ? PEER_BODY : PEER_HEAD, 0);
	}
	size_t closed = 0;
	assert_null(crowd_overdue(&crowd, 3000));
	assert_non_null(crowd_overdue(&crowd, 3001));
	for (struct peer *peer; (peer = crowd_overdue(&crowd, 15001)); closed++)
		crowd_close(&crowd, peer);
	assert_int_equal(closed, 1); /* then they are no crowd any more */
	assert_int_equal(crowd.count, CROWD_MANY - 1);
}

static void test_a_client_has_its_share_of_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++)
		connect_from(i, (uint8_t)(i / 2), 0);
	memcpy(all[1].client, all[2].address, ADDRESS); /* behind a proxy it is the client that counts */
	assert_true(crowd_take_room(&crowd, &all[0], ROOM / CROWD_SHARE));
	assert_false(crowd_take_room(&crowd, &all[0], 1));
	assert_true(crowd_take_room(&crowd, &all[2], ROOM / CROWD_SHARE - 1));
	assert_false(crowd_take_room(&crowd, &all[1], 2));
	assert_true(crowd_take_room(&crowd, &all[1], 1));
	crowd_turn_to(&crowd, &all[2], PEER_HEAD, 0);
	assert_int_equal(crowd.room, ROOM / CROWD_SHARE + 1);
	assert_true(crowd_take_room(&crowd, &all[3], 1));

	/* Little is left: bodies have less time. */
	for (size_t i = 1; i < 6; i++)
		crowd_turn_to(&crowd, &all[i], PEER_WORK, 0);
	crowd_turn_to(&crowd, &all[0], PEER_BODY, 0);
	assert_null(crowd_overdue(&crowd, 20000));
	crowd.room = ROOM - 5;
	assert_ptr_equal(crowd_overdue(&crowd, 20000), &all[0]);
	assert_false(crowd_take_room(&crowd, &all[4], 6));
	assert_true(crowd_take_room(&crowd, &all[4], 5));
}

static void test_a_network_of_ipv6_is_one_client(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		connect_from(i, 0, 0);
		memset(all[i].client, 0x20, ADDRESS);
		all[i].client[ADDRESS - 1] = (uint8_t)i;
	}
	all[2].client[7] = 1;
	assert_true(crowd_take_room(&crowd, &all[0], ROOM / CROWD_SHARE));
	assert_false(crowd_take_room(&crowd, &all[1], 1));
	assert_true(crowd_take_room(&crowd, &all[2], 1));
	/* IPv4 begins as ::1 does, which is another. */
	connect_from(3, 1, 0);
	connect_from(4, 1, 0);
	memset(all[4].client, 0, ADDRESS);
	all[4].client[ADDRESS - 1] = 1;
	assert_true(crowd_take_room(&crowd, &all[3], ROOM / CROWD_SHARE));
	assert_true(crowd_take_room(&crowd, &all[4], ROOM / CROWD_SHARE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each_phase_has_its_time, begin),
		cmocka_unit_test_setup(test_an_address_has_its_share_of_connections, begin),
		cmocka_unit_test_setup(test_a_crowd_has_less_time, begin),
		cmocka_unit_test_setup(test_a_client_has_its_share_of_memory, begin),
		cmocka_unit_test_setup(test_a_network_of_ipv6_is_one_client, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
