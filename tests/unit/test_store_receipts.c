/* What the unit believes of its centre: only what the newest receipt says. */
#include "tests/unit/store_rig.h"

static struct store_centre centre_of(uint8_t key)
{
	struct store_centre centre = {.url = "https://centre.example:8443", .device_id = 12, .paired_at_ms = T0};
	memset(centre.public_key, key, sizeof centre.public_key);
	strcpy(centre.device_name, "tractor 3");
	return centre;
}

static void pair(struct rig *rig)
{
	struct store_centre centre = centre_of(1);
	OK(store_centre_set(rig->store, &centre, &e));
}

static void add(struct ranges *set, int64_t first, int64_t last)
{
	OK(ranges_add(set, first, last, &e));
}

static void forget(struct store_receipt *receipt)
{
	ranges_free(&receipt->accounted[STREAM_POINTS]);
	ranges_free(&receipt->accounted[STREAM_EVENTS]);
}

/* As if all that is accounted for had been in the batch. */
static bool apply(struct rig *rig, const struct store_receipt *receipt)
{
	struct store_receipt said = *receipt;
	bool applied = !receipt->exchange;
	memcpy(said.confirmed, said.accounted, sizeof said.confirmed);
	OK(store_apply_receipt(rig->store, &said, &applied, &e));
	return applied;
}

static void assert_ranges(struct ranges *set, const char *wanted)
{
	char text[200];
	assert_string_equal(ranges_format(set, text, sizeof text), wanted);
	ranges_free(set);
}

static void assert_unsent(struct rig *rig, enum stream stream, const char *wanted)
{
	struct ranges unsent = {0};
	OK(store_unsent(rig->store, stream, &unsent, &e));
	assert_ranges(&unsent, wanted);
}

static void test_pairing_is_remembered(void **state)
{
	struct rig *rig = *state;
	struct store_centre centre = centre_of(1), got = {0};
	bool found = true;
	OK(store_centre_get(rig->store, &got, &found, &e));
	assert_false(found);
	centre.exchange_sent = centre.exchange_applied = 99; /* not taken */
	OK(store_centre_set(rig->store, &centre, &e));
	rig_reopen(rig);
	OK(store_centre_get(rig->store, &got, &found, &e));
	assert_true(found);
	assert_memory_equal(got.public_key, centre.public_key, 32);
	assert_string_equal(got.url, centre.url);
	assert_string_equal(got.device_name, centre.device_name);
	assert_int_equal(got.device_id, 12);
	assert_true(got.paired_at_ms == T0);
	assert_int_equal(got.exchange_sent, 0);
	assert_int_equal(got.exchange_applied, 0);
	assert_string_equal(got.refusal, "");
}

static void test_sessions_get_the_device_when_it_is_known(void **state)
{
	struct rig *rig = *state;
	struct session s = {0};
	OK(store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &s, &e));
	assert_string_equal(rig_ask(rig, "SELECT device_id FROM sessions"), "(null)");
	pair(rig);
	assert_string_equal(rig_ask(rig, "SELECT device_id FROM sessions"), "12");
	OK(store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &s, &e));
	OK(store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &s, &e));
	assert_string_equal(rig_ask(rig, "SELECT group_concat(device_id) FROM sessions"), "12,12");
	struct store_centre other = centre_of(1);
	other.device_id = 13; /* the same centre has made it another device */
	OK(store_centre_set(rig->store, &other, &e));
	assert_string_equal(rig_ask(rig, "SELECT group_concat(device_id) FROM sessions"), "13,13");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM devices"), "1");
	OK(store_centre_forget(rig->store, &e));
	assert_string_equal(rig_ask(rig, "SELECT count(device_id) FROM sessions"), "0");
}

static void test_exchange_numbers_are_never_used_twice(void **state)
{
	struct rig *rig = *state;
	int64_t exchange = 0;
	pair(rig);
	OK(store_next_exchange(rig->store, &exchange, &e));
	assert_int_equal(exchange, 1);
	rig_reopen(rig);
	OK(store_next_exchange(rig->store, &exchange, &e));
	assert_int_equal(exchange, 2);
	OK(store_centre_forget(rig->store, &e));
	pair(rig);
	OK(store_next_exchange(rig->store, &exchange, &e));
	assert_int_equal(exchange, 3);
}

static void test_a_receipt_replaces_what_was_believed(void **state)
{
	struct rig *rig = *state;
	pair(rig);
	rig_append(rig, 100, 0);
	rig_event(rig, "mark", NULL);
	rig_event(rig, "mark", NULL);
	assert_unsent(rig, STREAM_POINTS, "1-100");
	assert_unsent(rig, STREAM_EVENTS, "1-2");
	struct store_receipt receipt = {.exchange = 5, .applied_at_ms = T0};
	add(&receipt.accounted[STREAM_POINTS], 1, 40);
	add(&receipt.accounted[STREAM_POINTS], 50, 60);
	add(&receipt.accounted[STREAM_POINTS], 90, 100);
	add(&receipt.accounted[STREAM_EVENTS], 2, 2);
	assert_true(apply(rig, &receipt));
	assert_unsent(rig, STREAM_POINTS, "41-49, 61-89");
	assert_unsent(rig, STREAM_EVENTS, "1");
	forget(&receipt);
	/* The centre was restored from a backup: it has less, and something else. */
	receipt.exchange = 6;
	add(&receipt.accounted[STREAM_POINTS], 1, 30);
	add(&receipt.accounted[STREAM_POINTS], 45, 55);
	add(&receipt.accounted[STREAM_POINTS], 90, 95);
	assert_true(apply(rig, &receipt));
	rig_reopen(rig);
	assert_unsent(rig, STREAM_POINTS, "31-44, 56-89, 96-100");
	assert_unsent(rig, STREAM_EVENTS, "1-2");
	struct ranges accounted = {0};
	OK(store_accounted(rig->store, STREAM_POINTS, &accounted, &e));
	assert_ranges(&accounted, "1-30, 45-55, 90-95");
	forget(&receipt);
}

static void test_an_older_receipt_is_ignored(void **state)
{
	struct rig *rig = *state;
	struct store_centre centre;
	bool found;
	pair(rig);
	rig_append(rig, 10, 0);
	struct store_receipt receipt = {.exchange = 5, .applied_at_ms = T0};
	assert_true(apply(rig, &receipt));
	struct store_rejected rejected = {STREAM_POINTS, 3, "22003", "out of range"};
	struct store_receipt old = {
		.exchange = 4, .applied_at_ms = T0 + 1, .rejected = &rejected, .rejected_count = 1, .device_name = "x"};
	add(&old.accounted[STREAM_POINTS], 1, 10);
	assert_false(apply(rig, &old));
	old.exchange = 5; /* the same one again */
	assert_false(apply(rig, &old));
	assert_unsent(rig, STREAM_POINTS, "1-10");
	OK(store_centre_get(rig->store, &centre, &found, &e));
	assert_int_equal(centre.exchange_applied, 5);
	assert_true(centre.receipt_at_ms == T0);
	assert_string_equal(centre.device_name, "tractor 3");
	int64_t count = -1;
	OK(store_rejected_count(rig->store, &count, &e));
	assert_int_equal(count, 0);
	forget(&old);
}

/* A centre that claims more than the store has given out must not make the next rows look sent. */
static void test_receipts_are_cut_to_what_was_given_out(void **state)
{
	struct rig *rig = *state;
	struct store_rejected rejected[] = {{STREAM_POINTS, 10, "22003", "here"}, {STREAM_POINTS, 11, "22003", "not here"}};
	pair(rig);
	struct store_receipt receipt = {.exchange = 1, .rejected = rejected, .rejected_count = 2};
	add(&receipt.accounted[STREAM_POINTS], 8, SEQ_MAX);
	add(&receipt.accounted[STREAM_EVENTS], 1, 5);
	assert_true(apply(rig, &receipt)); /* to an empty store */
	rig_append(rig, 10, 0);
	rig_event(rig, "mark", NULL);
	assert_unsent(rig, STREAM_POINTS, "1-10");
	assert_unsent(rig, STREAM_EVENTS, "1");
	receipt.exchange = 2;
	assert_true(apply(rig, &receipt));
	rig_append(rig, 5, 0);
	assert_unsent(rig, STREAM_POINTS, "1-7, 11-15");
	struct store_rejected *list;
	size_t count;
	OK(store_rejected_list(rig->store, 10, &list, &count, &e));
	assert_int_equal(count, 1);
	assert_int_equal(list[0].seq, 10);
	free(list);
	forget(&receipt);
}

static void test_rejected_rows(void **state)
{
	struct rig *rig = *state;
	struct store_rejected rejected[] = {
		{STREAM_EVENTS, 1, "22P02", "no JSON"},
		{STREAM_POINTS, 9, "conflict", "held with other content"},
		{STREAM_POINTS, 2, "", ""},
	};
	struct store_rejected *list;
	size_t count;
	pair(rig);
	rig_append(rig, 10, 0);
	rig_event(rig, "mark", NULL);
	struct store_receipt receipt = {.exchange = 1, .rejected = rejected, .rejected_count = 3};
	add(&receipt.accounted[STREAM_POINTS], 1, 10);
	add(&receipt.accounted[STREAM_EVENTS], 1, 1);
	memset(rejected[1].reason, 'r', REJECT_REASON_TEXT - 1);
	assert_true(apply(rig, &receipt));
	receipt.exchange = 2;
	assert_true(apply(rig, &receipt)); /* the same rows again */
	OK(store_rejected_list(rig->store, 10, &list, &count, &e));
	assert_int_equal(count, 3);
	assert_true(list[0].stream == STREAM_POINTS && list[0].seq == 2 && !list[0].code[0]);
	assert_true(list[1].stream == STREAM_POINTS && list[1].seq == 9);
	assert_string_equal(list[1].reason, rejected[1].reason);
	assert_true(list[2].stream == STREAM_EVENTS && list[2].seq == 1);
	assert_string_equal(list[2].code, "22P02");
	free(list);
	strcpy(rejected[2].reason, "now with a reason");
	receipt.exchange = 3;
	receipt.rejected_count = 3;
	assert_true(apply(rig, &receipt));
	OK(store_rejected_list(rig->store, 1, &list, &count, &e));
	assert_int_equal(count, 1);
	assert_string_equal(list[0].reason, "now with a reason");
	free(list);
	receipt.exchange = 4;
	receipt.rejected_count = 0;
	assert_true(apply(rig, &receipt));
	OK(store_rejected_list(rig->store, 10, &list, &count, &e));
	assert_int_equal(count, 0);
	free(list);
	forget(&receipt);
}

/* What was rejected is unsent again once it is offered, until a receipt answers the batch that it went with. */
static void test_rejected_rows_are_offered_again(void **state)
{
	struct rig *rig = *state;
	struct store_rejected rejected[] = {
		{STREAM_POINTS, 2, "23514", ""}, {STREAM_POINTS, 3, "conflict", ""}, {STREAM_EVENTS, 1, "P0001", ""}};
	struct ranges wanted[STREAM_COUNT] = {{0}}, packed = {0};
	int64_t count;
	pair(rig);
	rig_append(rig, 10, 0);
	rig_event(rig, "mark", NULL);
	struct store_receipt receipt = {.exchange = 1, .rejected = rejected, .rejected_count = 3};
	add(&receipt.accounted[STREAM_POINTS], 1, 9);
	add(&receipt.accounted[STREAM_EVENTS], 1, 1);
	assert_true(apply(rig, &receipt));
	OK(store_retry(rig->store, NULL, &count, &e));
	assert_int_equal(count, 2);
	OK(store_retry(rig->store, NULL, &count, &e));
	assert_int_equal(count, 0);
	rig_reopen(rig);
	assert_unsent(rig, STREAM_POINTS, "2, 10");
	assert_unsent(rig, STREAM_EVENTS, "1");
	/* 10 is unsent in any case, 20 was never given out. */
	add(&wanted[STREAM_POINTS], 5, 6);
	add(&wanted[STREAM_POINTS], 10, 20);
	OK(store_retry(rig->store, wanted, &count, &e));
	assert_int_equal(count, 2);
	assert_unsent(rig, STREAM_POINTS, "2, 5-6, 10");
	/* A receipt of before leaves the offer, and so does one that answers only part of it. */
	add(&packed, 1, 5);
	OK(store_retry_packed(rig->store, STREAM_POINTS, &packed, 7, &e));
	receipt.exchange = 6;
	assert_true(apply(rig, &receipt));
	assert_unsent(rig, STREAM_POINTS, "2, 5-6, 10");
	receipt.exchange = 7;
	assert_true(apply(rig, &receipt));
	assert_unsent(rig, STREAM_POINTS, "6, 10");
	assert_unsent(rig, STREAM_EVENTS, "1");
	ranges_free(&wanted[STREAM_POINTS]);
	ranges_free(&packed);
	forget(&receipt);
}

/* What this unit has set aside by itself is not sent, stands among the rejected rows, and comes back when it is wanted, or gone
 * when the centre accounts for it all the same. */
static void test_rows_are_set_aside(void **state)
{
	struct rig *rig = *state;
	struct store_rejected rejected = {STREAM_POINTS, 9, "23514", ""}, *list;
	size_t count;
	int64_t rows;
	pair(rig);
	rig_append(rig, 10, 0);
	OK(store_set_aside(rig->store, STREAM_POINTS, 3, "HTTP status 500", &e));
	OK(store_set_aside(rig->store, STREAM_POINTS, 4, "HTTP status 500", &e));
	struct store_receipt receipt = {.exchange = 1, .rejected = &rejected, .rejected_count = 1};
	add(&receipt.accounted[STREAM_POINTS], 4, 9);
	assert_true(apply(rig, &receipt));
	rig_reopen(rig);
	assert_unsent(rig, STREAM_POINTS, "1-2, 10");
	OK(store_rejected_count(rig->store, &rows, &e));
	assert_int_equal(rows, 2);
	OK(store_rejected_list(rig->store, 10, &list, &count, &e));
	assert_int_equal(count, 2);
	assert_int_equal(list[0].seq, 3);
	assert_string_equal(list[0].code, STORE_SET_ASIDE);
	assert_string_equal(list[0].reason, "HTTP status 500");
	free(list);
	OK(store_retry(rig->store, NULL, &rows, &e));
	assert_int_equal(rows, 2);
	assert_unsent(rig, STREAM_POINTS, "1-3, 9-10");
	forget(&receipt);
}

static void test_sessions_are_unsent_until_their_revision_is_held(void **state)
{
	struct rig *rig = *state;
	struct session s = {0}, *unsent;
	size_t count;
	pair(rig);
	OK(store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &s, &e));
	struct store_session_held held[] = {{.revision = 1}, {.session_id = "unknown", .revision = 3}};
	struct store_receipt receipt = {.exchange = 1, .sessions = held, .session_count = 2, .device_name = "tractor 4"};
	strcpy(held[0].session_id, s.session_id);
	assert_true(apply(rig, &receipt));
	OK(store_sessions_unsent(rig->store, 10, &unsent, &count, &e));
	assert_int_equal(count, 0);
	free(unsent);
	OK(store_session_change(rig->store, SESSION_PAUSED, T0, SESSION_BY_PERSON, &s, &e));
	OK(store_sessions_unsent(rig->store, 10, &unsent, &count, &e));
	assert_int_equal(count, 1);
	assert_int_equal(unsent[0].revision, 2);
	free(unsent);
	struct store_centre centre;
	bool found;
	OK(store_centre_get(rig->store, &centre, &found, &e));
	assert_string_equal(centre.device_name, "tractor 4");
}

static const char *unsent_sessions(struct rig *rig)
{
	static char text[24];
	struct store_backlog backlog;
	OK(store_backlog(rig->store, &backlog, &e));
	snprintf(text, sizeof text, "%d", (int)backlog.sessions);
	return text;
}

static void test_sessions_are_told_again_to_a_centre_that_forgot_rows(void **state)
{
	struct rig *rig = *state;
	struct session first = {0}, second = {0};
	pair(rig);
	rig_append(rig, 20, 0);
	OK(store_session_start(rig->store, &first, T0, SESSION_BY_PERSON, &first, &e));
	OK(store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &first, &e));
	OK(store_session_start(rig->store, &second, T0, SESSION_BY_PERSON, &second, &e));
	struct store_session_held held[] = {{.revision = 2}, {.revision = 1}};
	struct store_receipt receipt = {.exchange = 1, .sessions = held, .session_count = 2};
	strcpy(held[0].session_id, first.session_id);
	strcpy(held[1].session_id, second.session_id);
	add(&receipt.accounted[STREAM_POINTS], 1, 20);
	add(&receipt.accounted[STREAM_EVENTS], 1, 2);
	assert_true(apply(rig, &receipt));
	assert_string_equal(unsent_sessions(rig), "0");
	receipt.exchange = 2;
	receipt.session_count = 0;
	add(&receipt.accounted[STREAM_EVENTS], 3, 3);
	assert_true(apply(rig, &receipt));
	assert_string_equal(unsent_sessions(rig), "0"); /* it has more than before */
	forget(&receipt);
	receipt.exchange = 3;
	add(&receipt.accounted[STREAM_POINTS], 1, 20);
	add(&receipt.accounted[STREAM_EVENTS], 2, 3);
	receipt.session_count = 1; /* of the first one it says that it is there */
	assert_true(apply(rig, &receipt));
	assert_string_equal(unsent_sessions(rig), "1");
	assert_string_equal(rig_ask(rig, "SELECT group_concat(revision || '/' || held_revision) FROM sessions"), "2/2,1/0");
	forget(&receipt);
}

static void test_backlog(void **state)
{
	struct rig *rig = *state;
	struct store_backlog backlog;
	struct session s = {0};
	OK(store_backlog(rig->store, &backlog, &e));
	assert_true(!backlog.points && !backlog.events && !backlog.sessions && !backlog.oldest_ms);
	pair(rig);
	rig_append(rig, 100, 0);
	OK(store_session_start(rig->store, &s, T0 + 20500, SESSION_BY_PERSON, &s, &e));
	OK(store_backlog(rig->store, &backlog, &e));
	assert_int_equal(backlog.points, 100);
	assert_int_equal(backlog.events, 1);
	assert_int_equal(backlog.sessions, 1);
	assert_true(backlog.oldest_ms == T0);
	struct store_receipt receipt = {.exchange = 1};
	add(&receipt.accounted[STREAM_POINTS], 1, 30);
	assert_true(apply(rig, &receipt));
	OK(store_backlog(rig->store, &backlog, &e));
	assert_int_equal(backlog.points, 70);
	assert_true(backlog.oldest_ms == T0 + 20500); /* the event, not point 31 */
	add(&receipt.accounted[STREAM_EVENTS], 1, 1);
	receipt.exchange = 2;
	assert_true(apply(rig, &receipt));
	OK(store_backlog(rig->store, &backlog, &e));
	assert_true(backlog.oldest_ms == T0 + 30000);
	forget(&receipt);
}

static void test_refusal(void **state)
{
	struct rig *rig = *state;
	struct store_centre centre;
	bool found;
	FAILS(ERR_STATE, store_centre_refused(rig->store, "revoked", &e));
	pair(rig);
	OK(store_centre_refused(rig->store, "this device was revoked", &e));
	OK(store_centre_get(rig->store, &centre, &found, &e));
	assert_string_equal(centre.refusal, "this device was revoked");
	struct store_receipt receipt = {.exchange = 1};
	assert_true(apply(rig, &receipt)); /* it serves again */
	OK(store_centre_get(rig->store, &centre, &found, &e));
	assert_string_equal(centre.refusal, "");
	OK(store_centre_refused(rig->store, "again", &e));
	OK(store_centre_refused(rig->store, "", &e));
	OK(store_centre_get(rig->store, &centre, &found, &e));
	assert_string_equal(centre.refusal, "");
}

static void test_another_centre(void **state)
{
	struct rig *rig = *state;
	struct store_centre first = centre_of(1), other = centre_of(2), got;
	bool found;
	struct store_receipt receipt = {.exchange = 1};
	FAILS(ERR_STATE, store_apply_receipt(rig->store, &receipt, &found, &e));
	pair(rig);
	rig_append(rig, 10, 0);
	OK(store_centre_set(rig->store, &other, &e)); /* nothing is receipted yet */
	OK(store_centre_set(rig->store, &first, &e));
	add(&receipt.accounted[STREAM_POINTS], 1, 4);
	assert_true(apply(rig, &receipt));
	FAILS(ERR_STATE, store_centre_set(rig->store, &other, &e));
	strcpy(first.url, "https://moved.example");
	OK(store_centre_set(rig->store, &first, &e)); /* the same one keeps what is believed */
	OK(store_centre_get(rig->store, &got, &found, &e));
	assert_string_equal(got.url, "https://moved.example");
	assert_int_equal(got.exchange_applied, 1);
	assert_unsent(rig, STREAM_POINTS, "5-10");
	OK(store_centre_forget(rig->store, &e));
	OK(store_centre_get(rig->store, &got, &found, &e));
	assert_false(found);
	assert_unsent(rig, STREAM_POINTS, "1-10");
	OK(store_centre_set(rig->store, &other, &e));
	forget(&receipt);
}

/* A unit with holes everywhere: each receipt still costs milliseconds and a few pages, and nothing gets stuck. */
static void test_many_fragments(void **state)
{
	struct rig *rig = *state;
	pair(rig);
	rig_append(rig, 2 * RANGES_MAX + 10, 0);
	struct store_receipt receipt = {.exchange = 1};
	for (int64_t i = 1; i <= RANGES_MAX; i++)
		add(&receipt.accounted[STREAM_POINTS], 2 * i, 2 * i);
	assert_true(apply(rig, &receipt));
	struct ranges unsent = {0};
	OK(store_unsent(rig->store, STREAM_POINTS, &unsent, &e));
	assert_int_equal(unsent.count, RANGES_MAX); /* one more than a set can have */
	ranges_free(&unsent);
	for (int64_t i = 1; i <= 20; i++) {
		add(&receipt.accounted[STREAM_POINTS], 2 * i - 1, 2 * i - 1);
		receipt.exchange++;
		assert_true(apply(rig, &receipt));
	}
	OK(store_unsent(rig->store, STREAM_POINTS, &unsent, &e));
	assert_int_equal(unsent.items[0].first, 41);
	assert_int_equal(ranges_total(&unsent), RANGES_MAX + 10 - 20);
	ranges_free(&unsent);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM accounted"), "9981");
	forget(&receipt);
}

static void test_random_receipts_are_believed_exactly(void **state)
{
	struct rig *rig = *state;
	pair(rig);
	rig_append(rig, 300, 0);
	srand(7);
	for (int64_t exchange = 1; exchange <= 200; exchange++) {
		struct store_receipt receipt = {.exchange = exchange};
		struct ranges accounted = {0};
		for (int i = rand() % 20; i > 0; i--) {
			int64_t first = 1 + rand() % 280;
			add(&receipt.accounted[STREAM_POINTS], first, first + rand() % 20);
		}
		assert_true(apply(rig, &receipt));
		OK(store_accounted(rig->store, STREAM_POINTS, &accounted, &e));
		assert_true(ranges_equal(&accounted, &receipt.accounted[STREAM_POINTS]));
		ranges_free(&accounted);
		forget(&receipt);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_pairing_is_remembered),
		T(test_sessions_get_the_device_when_it_is_known),
		T(test_exchange_numbers_are_never_used_twice),
		T(test_a_receipt_replaces_what_was_believed),
		T(test_an_older_receipt_is_ignored),
		T(test_receipts_are_cut_to_what_was_given_out),
		T(test_rejected_rows),
		T(test_rejected_rows_are_offered_again),
		T(test_rows_are_set_aside),
		T(test_sessions_are_unsent_until_their_revision_is_held),
		T(test_sessions_are_told_again_to_a_centre_that_forgot_rows),
		T(test_backlog),
		T(test_refusal),
		T(test_another_centre),
		T(test_many_fragments),
		T(test_random_receipts_are_believed_exactly),
	};
	return cmocka_run_group_tests_name("store_receipts", tests, NULL, NULL);
}
