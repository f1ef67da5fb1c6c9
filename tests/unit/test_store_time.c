/* Events that wait until the time of their boot is known, and how they get it. */
#include "store/event_types.h"
#include "tests/unit/random.h"
#include "tests/unit/store_rig.h"

#include <signal.h>
#include <sys/wait.h>

/* Three boots; in the first, the monotonic clock has begun 1000 s before T0. */
#define BOOT_A   "aaaaaaaa-0000-4000-8000-000000000000"
#define BOOT_B   "bbbbbbbb-0000-4000-8000-000000000000"
#define BOOT_C   "cccccccc-0000-4000-8000-000000000000"
#define OFFSET_A (T0 - 1000000)
#define HOUR     INT64_C(3600000)

/* The time is not known; the system clock began at 1970. */
static void unknown(struct store *store, const char *boot)
{
	store_set_clock(store, &(struct store_clock){.boot = boot, .to_mono_ms = INT64_MAX / 2});
}

static void known(struct store *store)
{
	store_set_clock(store, &(struct store_clock){.known = true});
}

/* Returns the seq; 0 when it waits. */
static int64_t add(struct store *store, const char *type, const char *payload, int64_t mono_ms)
{
	struct event event = {.event_at_ms = mono_ms, .payload = (char *)payload};
	strcpy(event.event_type, type);
	OK(store_append_event(store, &event, &e));
	return event.seq;
}

static int64_t waiting(struct store *store)
{
	int64_t count;
	OK(store_waiting_count(store, &count, &e));
	return count;
}

/* All events as "type+ms " from T0 in the order of seq, with ! when marked as estimated. */
static const char *events(const struct rig *rig)
{
	return rig_ask(rig, "SELECT group_concat(event_type || printf('%+d', event_at - 1700000000123)"
	                    " || CASE WHEN payload ->> 'time_estimated' THEN '!' ELSE '' END, ' ')"
	                    " FROM (SELECT * FROM events ORDER BY seq)");
}

static void an_event_waits_and_gets_its_time(void **state)
{
	struct rig *rig = *state;
	unknown(rig->store, BOOT_A);
	assert_int_equal(add(rig->store, "door", "[1,2]", 900000), 0);
	assert_int_equal(add(rig->store, "horn", NULL, 900500), 0);
	assert_int_equal(waiting(rig->store), 2);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM events"), "0");
	assert_string_equal(rig_ask(rig, "SELECT group_concat(event_type || ifnull(seq, '-') || ifnull(event_at, '-'))"
	                                 " FROM events_readable"),
	                    "door--,horn--");
	rig_reopen(rig);
	assert_int_equal(waiting(rig->store), 2);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	assert_int_equal(waiting(rig->store), 0);
	assert_string_equal(events(rig), "door-100000 horn-99500");
	assert_string_equal(rig_ask(rig, "SELECT payload FROM events WHERE seq = 1"), "[1,2]");
	/* Again changes nothing. */
	OK(store_boot_learn(rig->store, BOOT_A, TIME_NTP, OFFSET_A + 5, 1000000, &e));
	assert_string_equal(events(rig), "door-100000 horn-99500");
	/* Who does not know yet that it is known, gets a seq at once. */
	unknown(rig->store, BOOT_A);
	assert_int_equal(add(rig->store, "late", NULL, 1000000), 3);
	assert_string_equal(rig_ask(rig, "SELECT event_at - 1700000000123 FROM events WHERE seq = 3"), "5");
}

static void a_session_is_corrected(void **state)
{
	struct rig *rig = *state;
	struct session s;
	unknown(rig->store, BOOT_A);
	OK(store_session_start(rig->store, &(struct session){0}, 900000, SESSION_BY_PERSON, &s, &e));
	assert_int_equal(s.started_at_ms, 900000);
	OK(store_session_change(rig->store, SESSION_PAUSED, 910000, SESSION_BY_PERSON, &s, &e));
	struct session_change last;
	bool found;
	OK(store_session_last_change(rig->store, &last, &found, &e));
	assert_true(found && last.to == SESSION_PAUSED && last.by_person && last.at_ms == 0);
	OK(store_session_change(rig->store, SESSION_ENDED, 920000, SESSION_BY_PERSON, &s, &e));
	assert_int_equal(s.revision, 3);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	OK(store_session_by_id(rig->store, s.id, &s, &e));
	assert_true(s.started_at_ms == T0 - 100000 && s.ended_at_ms == T0 - 80000);
	assert_int_equal(s.revision, 5);
	assert_string_equal(events(rig), "session_start-100000 session_pause-90000 session_end-80000");
	OK(store_session_last_change(rig->store, &last, &found, &e));
	assert_true(found && last.to == SESSION_ENDED && last.by_person && last.at_ms == T0 - 80000);
}

/* What the agent decides is at the times of fixes: neither the clock nor where they lie in its boot moves it. */
static void what_the_agent_decides_is_no_guess(void **state)
{
	struct rig *rig = *state;
	struct session s;
	struct session_change last;
	bool found;
	known(rig->store);
	OK(store_session_start(rig->store, &(struct session){0}, T0 - 20 * HOUR, SESSION_BY_MOVEMENT, &s, &e));
	unknown(rig->store, BOOT_A);
	OK(store_session_change(rig->store, SESSION_PAUSED, T0 - 19 * HOUR, SESSION_BY_GAP, &s, &e));
	OK(store_session_last_change(rig->store, &last, &found, &e));
	assert_true(found && last.to == SESSION_PAUSED && last.at_ms == T0 - 19 * HOUR);
	OK(store_session_change(rig->store, SESSION_ENDED, T0 - 19 * HOUR, SESSION_BY_GAP, &s, &e));
	OK(store_session_start(rig->store, &(struct session){0}, T0 - HOUR, SESSION_BY_MOVEMENT, &s, &e));
	assert_false(s.guessed);
	assert_int_equal(waiting(rig->store), 3);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_RECEIPT, OFFSET_A, 1000000, &e));
	assert_string_equal(events(rig),
	                    "session_start-72000000 session_pause-68400000 session_end-68400000 session_start-3600000");
	assert_string_equal(rig_ask(rig, "SELECT group_concat((started_at - 1700000000123) || '.' ||"
	                                 " ifnull(ended_at - 1700000000123, '') || '.' || revision, ' ') FROM sessions"),
	                    "-72000000.-68400000.3 -3600000..1");
	/* A person has started one by a clock in the future: its end is not before that, and corrected with it. */
	OK(store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_REST, &s, &e));
	unknown(rig->store, BOOT_B);
	OK(store_session_start(rig->store, &(struct session){0}, T0 + 900000, SESSION_BY_PERSON, &s, &e));
	store_set_clock(rig->store, &(struct store_clock){
									.boot = BOOT_B, .offset_ms = T0 - 2000000, .to_mono_ms = INT64_MAX, .said = true});
	OK(store_session_change(rig->store, SESSION_ENDED, T0 - 50000, SESSION_BY_REST, &s, &e));
	assert_true(s.guessed && s.ended_at_ms >= s.started_at_ms);
}

static struct session session_of(const struct rig *rig, const struct session *wanted)
{
	struct session s;
	OK(store_session_by_id(rig->store, wanted->id, &s, &e));
	return s;
}

/* A stick carries its events away with the time of a clock that was wrong: the session, which is no fact, is corrected all the same. */
static void a_session_that_a_stick_has_carried_is_corrected(void **state)
{
	struct rig *rig = *state;
	struct session s;
	unknown(rig->store, BOOT_A);
	OK(store_session_start(rig->store, &(struct session){0}, 900000, SESSION_BY_PERSON, &s, &e));
	assert_true(s.guessed);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_ESTIMATED, OFFSET_A + HOUR, 910000, &e));
	s = session_of(rig, &s);
	assert_true(s.guessed && s.started_at_ms == T0 - 100000 + HOUR);
	assert_int_equal(s.revision, 2);
	OK(store_session_change(rig->store, SESSION_ENDED, 920000, SESSION_BY_PERSON, &s, &e));
	assert_true(s.guessed && s.ended_at_ms == s.started_at_ms + 20000);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	s = session_of(rig, &s);
	assert_true(!s.guessed && s.started_at_ms == T0 - 100000 && s.ended_at_ms == T0 - 80000);
	int64_t revision = s.revision;
	OK(store_boot_learn(rig->store, BOOT_A, TIME_NTP, OFFSET_A + 5000, 1000000, &e));
	s = session_of(rig, &s);
	assert_true(s.started_at_ms == T0 - 100000); /* it was a fact */
	assert_int_equal(s.revision, revision);
	assert_string_equal(events(rig), "session_start+3500000! session_end-80000");
}

/* … also when the boot ends before it knows the time: the next one does. */
static void a_session_of_a_boot_that_never_knew_is_corrected(void **state)
{
	struct rig *rig = *state;
	struct session s;
	known(rig->store);
	struct event event = {.event_at_ms = T0, .event_type = "first"};
	OK(store_append_event(rig->store, &event, &e));
	unknown(rig->store, BOOT_A);
	OK(store_session_start(rig->store, &(struct session){0}, HOUR, SESSION_BY_PERSON, &s, &e));
	OK(store_boot_learn(rig->store, BOOT_A, TIME_ESTIMATED, T0 + 100000 * HOUR, HOUR, &e));
	assert_int_equal(waiting(rig->store), 0);
	OK(store_boot_learn(rig->store, BOOT_B, TIME_GNSS, T0 + 5 * HOUR, 10, &e));
	s = session_of(rig, &s);
	assert_true(!s.guessed);
	/* Four hours it was off, half of them before it. */
	assert_true(s.started_at_ms == T0 + 3 * HOUR);
}

static void a_clock_that_is_set_back_ends_no_session_at_its_start(void **state)
{
	struct rig *rig = *state;
	struct session s;
	struct store_clock clock = {.known = true, .boot = BOOT_A, .offset_ms = OFFSET_A, .to_mono_ms = INT64_MAX / 2};
	store_set_clock(rig->store, &clock);
	OK(store_session_start(rig->store, &(struct session){0}, T0, SESSION_BY_PERSON, &s, &e));
	clock.offset_ms -= 5 * HOUR;
	store_set_clock(rig->store, &clock);
	OK(store_session_change(rig->store, SESSION_PAUSED, T0 - 4 * HOUR, SESSION_BY_PERSON, &s, &e));
	OK(store_session_change(rig->store, SESSION_ENDED, T0 - 3 * HOUR, SESSION_BY_PERSON, &s, &e));
	assert_true(s.ended_at_ms == T0 + 2 * HOUR);
	assert_string_equal(events(rig), "session_start+0 session_pause+3600000 session_end+7200000");
	/* Another boot knows nothing of how long that was. */
	OK(store_session_start(rig->store, &(struct session){0}, T0, SESSION_BY_PERSON, &s, &e));
	clock.boot = BOOT_B;
	store_set_clock(rig->store, &clock);
	OK(store_session_change(rig->store, SESSION_ENDED, T0 - HOUR, SESSION_BY_PERSON, &s, &e));
	assert_true(s.ended_at_ms == T0);
}

/* Known, off, two boots that never knew, off, known: 1 h, 2 h and 3 h of monotonic time, and 10 h in all. */
static void boots_are_estimated_between_their_neighbours(void **state)
{
	struct rig *rig = *state;
	struct store *store = rig->store;
	OK(store_boot_learn(store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	known(store);
	struct event event = {.event_at_ms = T0, .event_type = "first"};
	OK(store_append_event(store, &event, &e));
	unknown(store, BOOT_B);
	add(store, "b1", "{}", 0);
	add(store, "b2", "{\"a\": 1}", HOUR);
	unknown(store, BOOT_C);
	add(store, "c1", "7", 1000);
	add(store, "c2", NULL, 2 * HOUR);
	const char *boot_d = "dddddddd-0000-4000-8000-000000000000";
	unknown(store, boot_d);
	add(store, "d1", NULL, 5);
	assert_int_equal(waiting(store), 5);
	/* 9 h after T0 the last one began: 6 h of them the machine was off, three times 2 h. */
	OK(store_boot_learn(store, boot_d, TIME_RECEIPT, T0 + 9 * HOUR, 10, &e));
	assert_string_equal(events(rig), "first+0 b1+7200000! b2+10800000! c1+18001000! c2+25200000! d1+32400005");
	assert_string_equal(rig_ask(rig, "SELECT group_concat(payload, ' ') FROM (SELECT * FROM events ORDER BY seq)"),
	                    "{\"time_estimated\":true} {\"time_estimated\":true,\"a\": 1} "
	                    "{\"time_estimated\":true,\"payload\":7} {\"time_estimated\":true}");
	assert_string_equal(rig_ask(rig, "SELECT group_concat(basis) FROM (SELECT * FROM boots ORDER BY number)"),
	                    "gnss,estimated,estimated,receipt");
}

/* With nothing before, and with a before that is later than what follows, a boot ends when the next one begins. */
static void what_has_no_neighbour_before_is_put_behind(void **state)
{
	struct rig *rig = *state;
	unknown(rig->store, BOOT_A);
	add(rig->store, "a", NULL, HOUR);
	unknown(rig->store, BOOT_B);
	OK(store_boot_learn(rig->store, BOOT_B, TIME_NTP, T0, 10, &e));
	assert_string_equal(events(rig), "a+0!");
	unknown(rig->store, BOOT_C);
	add(rig->store, "c", NULL, HOUR);
	OK(store_boot_learn(rig->store, "dddddddd-0000-4000-8000-000000000000", TIME_GNSS, T0 - HOUR, 10, &e));
	assert_string_equal(events(rig), "a+0! c-3600000!");
}

static void a_guess_of_the_system_clock_is_marked(void **state)
{
	struct rig *rig = *state;
	struct store_boot boot;
	unknown(rig->store, BOOT_A);
	add(rig->store, "a", NULL, 900000);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_ESTIMATED, OFFSET_A, 1000000, &e));
	assert_string_equal(events(rig), "a-100000!");
	OK(store_boot_get(rig->store, BOOT_A, &boot, &e));
	assert_int_equal(boot.basis, TIME_ESTIMATED);
	/* It was a guess: what comes waits for better. */
	assert_int_equal(add(rig->store, "b", NULL, 900001), 0);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A + HOUR, 1000000, &e));
	assert_string_equal(events(rig), "a-100000! b+3500001");
}

/* A recording that is fed fast: each event at what the receiver said then, and before it said anything, at what it said first. */
static void a_receiver_that_does_not_keep_time_is_quoted(void **state)
{
	struct rig *rig = *state;
	struct session s;
	unknown(rig->store, BOOT_A);
	add(rig->store, "agent_start", NULL, 900000);
	OK(store_boot_as_said(rig->store, BOOT_A, &e));
	assert_int_equal(waiting(rig->store), 1); /* nothing was said yet */
	store_set_clock(
		rig->store,
		&(struct store_clock){
			.boot = BOOT_A, .offset_ms = OFFSET_A, .from_mono_ms = 900000, .to_mono_ms = 1000000, .said = true});
	OK(store_session_start(rig->store, &(struct session){0}, T0 - 90000, SESSION_BY_REST, &s, &e));
	OK(store_session_change(rig->store, SESSION_ENDED, T0 + 5 * HOUR, SESSION_BY_REST, &s, &e));
	OK(store_boot_as_said(rig->store, BOOT_A, &e));
	assert_string_equal(events(rig), "agent_start-100000! session_start-90000! session_end+18000000!");
	OK(store_session_by_id(rig->store, s.id, &s, &e));
	assert_true(s.started_at_ms == T0 - 90000 && s.ended_at_ms == T0 + 5 * HOUR);
}

static void a_mark_waits_with_its_point(void **state)
{
	struct rig *rig = *state;
	struct point point = {.recorded_at_ms = 900000,
	                      .lat_e7 = 5,
	                      .lng_e7 = -6,
	                      .accuracy_dm = ROW_ABSENT,
	                      .speed_cmps = ROW_ABSENT,
	                      .heading_ddeg = ROW_ABSENT,
	                      .altitude_dm = ROW_ABSENT,
	                      .source = POINT_MANUAL};
	struct event event = {.event_at_ms = 900000, .event_type = "mark", .payload = strdup("{\"note\":\"x\"}")};
	unknown(rig->store, BOOT_A);
	OK(store_append_mark(rig->store, &point, false, &event, &e));
	assert_true(event.seq == 0 && point.seq == 0);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	assert_string_equal(rig_ask(rig, "SELECT lat || lng || source || (recorded_at - 1700000000123) FROM points"),
	                    "5-63-100000");
	assert_string_equal(rig_ask(rig, "SELECT event_type || payload FROM events"), "mark{\"seq\":1,\"note\":\"x\"}");
	OK(store_append_mark(rig->store, &point, false, &event, &e));
	assert_int_equal(point.seq, 2);
	assert_string_equal(rig_ask(rig, "SELECT recorded_at - 1700000000123 FROM points WHERE seq = 2"), "-100000");
	event_free(&event);
}

static void only_news_from_the_centre_is_written(void **state)
{
	struct rig *rig = *state;
	struct store_boot boot;
	bool changed;
	unknown(rig->store, BOOT_A);
	add(rig->store, "a", NULL, 900000);
	OK(store_boot_receipt(rig->store, BOOT_A, OFFSET_A, 1000000, &e));
	assert_string_equal(events(rig), "a-100000");
	struct store *other;
	OK(store_open(&other, rig->path, STORE_WRITE, &e));
	OK(store_changed(other, &changed, &e));
	OK(store_boot_receipt(rig->store, BOOT_A, OFFSET_A + 4000, 2000000, &e));
	OK(store_changed(other, &changed, &e));
	assert_false(changed);
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A + 10, 1000000, &e));
	OK(store_boot_receipt(rig->store, BOOT_A, OFFSET_A + 30000, 2000000, &e));
	OK(store_boot_get(rig->store, BOOT_A, &boot, &e));
	assert_true(boot.basis == TIME_GNSS && boot.offset_ms == OFFSET_A + 10);
	assert_true(boot.has_receipt && boot.receipt_offset_ms == OFFSET_A + 30000);
	/* A receiver that is years off is not what the centre says. */
	OK(store_boot_receipt(rig->store, BOOT_A, OFFSET_A - 1000 * HOUR, 2000000, &e));
	OK(store_boot_get(rig->store, BOOT_A, &boot, &e));
	assert_true(boot.basis == TIME_RECEIPT && boot.offset_ms == OFFSET_A - 1000 * HOUR);
	store_close(other);
}

static void what_was_known_moves_the_floor(void **state)
{
	struct rig *rig = *state;
	struct era era;
	era_start(&era, "auto", false, T0);
	int64_t floor_ms = era.floor_ms;
	OK(store_era_learn(rig->store, &era, &e));
	assert_true(era.learnt_ms > floor_ms); /* the file was made now */
	OK(store_boot_learn(rig->store, BOOT_A, TIME_GNSS, OFFSET_A, 1000000, &e));
	OK(store_boot_learn(rig->store, BOOT_B, TIME_GNSS, OFFSET_A + 2000 * HOUR, 5000, &e));
	OK(store_boot_learn(rig->store, BOOT_C, TIME_ESTIMATED, OFFSET_A + 3000 * HOUR, 5000, &e));
	era_start(&era, "auto", false, T0);
	OK(store_era_learn(rig->store, &era, &e));
	assert_true(era.learnt_ms == OFFSET_A + 2000 * HOUR + 5000);
	/* The last one counts, not the latest: what lied by years is healed by the next that does not. */
	OK(store_boot_learn(rig->store, "dddddddd-0000-4000-8000-000000000000", TIME_RECEIPT, OFFSET_A, 7000, &e));
	era_start(&era, "auto", false, T0);
	OK(store_era_learn(rig->store, &era, &e));
	assert_true(era.learnt_ms == OFFSET_A + 7000);
}

static void a_payload_that_could_not_be_marked_is_refused(void **state)
{
	struct rig *rig = *state;
	static char payload[16384];
	memset(payload, 'x', sizeof payload - 1);
	payload[0] = payload[sizeof payload - 2] = '"';
	struct event event = {.event_at_ms = T0, .event_type = "big", .payload = payload};
	OK(store_append_event(rig->store, &event, &e));
	unknown(rig->store, BOOT_A);
	FAILS(ERR_INVALID, store_append_event(rig->store, &event, &e));
	strcpy(payload + 16318, "\"");
	OK(store_append_event(rig->store, &event, &e));
	OK(store_boot_learn(rig->store, BOOT_A, TIME_ESTIMATED, OFFSET_A, 5, &e));
	assert_string_equal(rig_ask(rig, "SELECT length(payload) <= 16384 FROM events WHERE seq = 2"), "1");
}

/* Random boots with random events, some with sessions; time becomes known in some of them: order and distances stay, and
 * nothing is lost or doubled, however often it is learnt. */
static void property(void **state)
{
	struct rig *rig = *state;
	random_start();
	int64_t offset = T0, added = 0;
	for (int b = 1; b <= 40; b++) {
		char boot[UUID_TEXT], text[64];
		snprintf(boot, sizeof boot, "%08u-0000-4000-8000-000000000000", (unsigned)b % 100000000);
		int64_t mono = 0;
		for (int i = (int)random_in(0, 5); i > 0; i--) {
			mono += random_in(0, 99999);
			unknown(rig->store, boot);
			snprintf(text, sizeof text, "{\"boot\":%d,\"mono\":%lld,\"n\":%lld}", b, (long long)mono,
			         (long long)++added);
			add(rig->store, "x", text, mono);
		}
		if (random_in(0, 2) == 0 || b == 40)
			for (int again = 0; again < 2; again++)
				OK(store_boot_learn(rig->store, boot, TIME_NTP, offset, mono, &e));
		offset += mono + random_in(0, 999999);
	}
	assert_int_equal(waiting(rig->store), 0);
	assert_int_equal(atoi(rig_ask(rig, "SELECT count(*) FROM events")), added);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM events WHERE seq <> payload ->> 'n'"), "0");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM events a JOIN events b ON b.seq = a.seq + 1"
	                                 " WHERE b.event_at < a.event_at"),
	                    "0");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM events a JOIN events b ON b.seq = a.seq + 1"
	                                 " AND b.payload ->> 'boot' = a.payload ->> 'boot' WHERE b.event_at - a.event_at"
	                                 " <> (b.payload ->> 'mono') - (a.payload ->> 'mono')"),
	                    "0");
}

/* Lets events wait, and learns the time now and then; tells how many it has added, and 0 before it learns. */
static void learn_until_killed(const struct rig *rig, int pipe_end, int64_t added)
{
	struct store *store;
	struct err e = {0};
	if (store_open(&store, rig->path, STORE_WRITE, &e))
		_exit(1);
	for (int64_t b = added + 1;; b++) {
		char boot[UUID_TEXT], text[64];
		snprintf(boot, sizeof boot, "%08x-0000-4000-8000-000000000000", (uint32_t)b);
		unknown(store, boot);
		for (int64_t i = b % 7; i > 0; i--) {
			struct event event = {.event_at_ms = 1000 - i, .event_type = "x", .payload = text};
			snprintf(text, sizeof text, "{\"n\":%lld}", (long long)++added);
			if (store_append_event(store, &event, &e))
				_exit(2);
			if (write(pipe_end, &added, sizeof added) != sizeof added)
				_exit(3);
		}
		int64_t now = 0;
		if (b % 3 == 0 && (write(pipe_end, &now, sizeof now) != sizeof now ||
		                   store_boot_learn(store, boot, TIME_GNSS, T0 + b * HOUR, 1000, &e)))
			_exit(4);
	}
}

static void kill_9_at_any_moment_loses_and_doubles_nothing(void **state)
{
	struct rig *rig = *state;
	int64_t acknowledged = 0, said;
	random_start();
	store_close(rig->store);
	rig->store = NULL;
	for (int round = 0; round < 20; round++) {
		int ends[2], status, most = (int)random_in(1, 60);
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (!child)
			learn_until_killed(rig, ends[1], acknowledged);
		close(ends[1]);
		while (read(ends[0], &said, sizeof said) == sizeof said) {
			acknowledged = said ? said : acknowledged;
			if (--most <= 0 && (!said || round % 2))
				kill(child, SIGKILL);
		}
		close(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		/* One more may have been written, and not acknowledged. */
		int64_t written =
			atoll(rig_ask(rig, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM waiting_events)"));
		assert_true(written == acknowledged || written == acknowledged + 1);
		acknowledged = written;
	}
	assert_true(atoi(rig_ask(rig, "SELECT count(*) FROM events")) > 20);
	assert_string_equal(
		rig_ask(rig, "SELECT count(*) FROM (SELECT payload ->> 'n' AS n, seq AS at FROM events UNION ALL"
	                 " SELECT payload ->> 'n', number + 1000000 FROM waiting_events) GROUP BY n HAVING count(*) > 1"),
		"(none)");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM events WHERE seq <> payload ->> 'n'"), "0");
	OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_event_waits_and_gets_its_time),
		TEST(a_session_is_corrected),
		TEST(what_the_agent_decides_is_no_guess),
		TEST(a_session_that_a_stick_has_carried_is_corrected),
		TEST(a_session_of_a_boot_that_never_knew_is_corrected),
		TEST(a_clock_that_is_set_back_ends_no_session_at_its_start),
		TEST(boots_are_estimated_between_their_neighbours),
		TEST(what_has_no_neighbour_before_is_put_behind),
		TEST(a_guess_of_the_system_clock_is_marked),
		TEST(a_receiver_that_does_not_keep_time_is_quoted),
		TEST(a_mark_waits_with_its_point),
		TEST(only_news_from_the_centre_is_written),
		TEST(what_was_known_moves_the_floor),
		TEST(a_payload_that_could_not_be_marked_is_refused),
		TEST(property),
		TEST(kill_9_at_any_moment_loses_and_doubles_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
