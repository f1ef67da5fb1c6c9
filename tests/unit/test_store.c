/* The store: what is put in comes out again, and what is wrong does not get in. */
#include "hal/clock.h"
#include "store/event_types.h"
#include "tests/unit/store_rig.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_point_equal(const struct point *a, const struct point *b)
{
	assert_int_equal(a->seq, b->seq);
	assert_true(a->recorded_at_ms == b->recorded_at_ms);
	assert_int_equal(a->lat_e7, b->lat_e7);
	assert_int_equal(a->lng_e7, b->lng_e7);
	assert_int_equal(a->accuracy_dm, b->accuracy_dm);
	assert_int_equal(a->speed_cmps, b->speed_cmps);
	assert_int_equal(a->heading_ddeg, b->heading_ddeg);
	assert_int_equal(a->altitude_dm, b->altitude_dm);
	assert_int_equal(a->session, b->session);
	assert_int_equal(a->source, b->source);
}

static void test_points_round_trip_at_all_bounds(void **state)
{
	struct rig *rig = *state;
	struct session session = {0};
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_PERSON, &session, &e));
	struct point in[] = {
		{0, TIME_MS_MIN, -LAT_E7_MAX, -LNG_E7_MAX, 0, 0, 0, -INT32_MAX, 0, POINT_GPS},
		{0, TIME_MS_MAX, LAT_E7_MAX, LNG_E7_MAX, INT32_MAX, INT32_MAX, HEADING_DDEG_MAX, INT32_MAX, (int32_t)session.id,
	     POINT_MANUAL},
		{0, 0, 0, 0, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, 0, POINT_NETWORK},
		{0, -1, 1, -1, 1, ROW_ABSENT, 1, -1, (int32_t)session.id, POINT_FUSED},
		{0, T0, 525200066, 134000000, ROW_ABSENT, 1, ROW_ABSENT, 0, 0, POINT_GPS},
	};
	enum { COUNT = sizeof in / sizeof *in };
	OK(store_append_points(rig->store, in, COUNT, &e));
	rig_reopen(rig);
	struct ranges all = {0};
	struct point out[COUNT];
	size_t count;
	OK(ranges_add(&all, 1, COUNT + 100, &e));
	OK(store_read_points(rig->store, &all, out, COUNT, &count, &e));
	assert_int_equal(count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(in[i].seq, i + 1);
		assert_point_equal(&in[i], &out[i]);
	}
	FAILS(ERR_LIMIT, store_read_points(rig->store, &all, out, COUNT - 1, &count, &e));
	ranges_free(&all);
}

static void test_ranges_choose_points(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 30, 0);
	struct ranges some = {0};
	struct point out[30];
	size_t count;
	OK(ranges_add(&some, 2, 3, &e));
	OK(ranges_add(&some, 10, 10, &e));
	OK(ranges_add(&some, 29, 99, &e));
	OK(store_read_points(rig->store, &some, out, 30, &count, &e));
	static const int64_t wanted[] = {2, 3, 10, 29, 30};
	assert_int_equal(count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(out[i].seq, wanted[i]);
	ranges_free(&some);
}

static void test_wrong_points_do_not_get_in(void **state)
{
	struct rig *rig = *state;
	struct point good = rig_point(1);
	struct point bad[] = {good, good, good, good, good, good, good, good, good, good, good};
	bad[0].lat_e7 = LAT_E7_MAX + 1;
	bad[1].lat_e7 = -LAT_E7_MAX - 1;
	bad[2].lng_e7 = LNG_E7_MAX + 1;
	bad[3].lng_e7 = -LNG_E7_MAX - 1;
	bad[4].accuracy_dm = -1;
	bad[5].speed_cmps = -1;
	bad[6].heading_ddeg = HEADING_DDEG_MAX + 1;
	bad[7].source = POINT_SOURCE_COUNT;
	bad[8].recorded_at_ms = TIME_MS_MAX + 1;
	bad[9].recorded_at_ms = TIME_MS_MIN - 1;
	bad[10].session = 77;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct point both[] = {good, bad[i]};
		FAILS(ERR_INVALID, store_append_points(rig->store, both, 2, &e));
		assert_int_equal(rig_last(rig, STREAM_POINTS), 0); /* not the good one either */
		assert_int_equal(both[0].seq, 0);
	}
	OK(store_append_points(rig->store, NULL, 0, &e));
	rig_append(rig, 1, 0);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 1);
}

static void test_a_refusal_names_the_reason(void **state)
{
	struct rig *rig = *state;
	struct err e = {0};
	struct point point = rig_point(1);
	point.heading_ddeg = 3601;
	assert_int_equal(store_append_points(rig->store, &point, 1, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "heading is within 0 to 360 degrees"));
	assert_non_null(strstr(e.text, rig->path));
}

static void test_events_round_trip(void **state)
{
	struct rig *rig = *state;
	struct session session = {0};
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_MOVEMENT, &session, &e));
	char *longest = malloc(EVENT_PAYLOAD_MAX + 2);
	memset(longest, 'x', EVENT_PAYLOAD_MAX + 2);
	longest[0] = longest[EVENT_PAYLOAD_MAX - 1] = '"';
	longest[EVENT_PAYLOAD_MAX] = '\0';
	struct event in[] = {
		{.event_at_ms = TIME_MS_MIN, .event_type = "a", .payload = NULL},
		{.event_at_ms = TIME_MS_MAX, .event_type = "load_9", .payload = longest},
		{.event_at_ms = 0,
	     .event_type = "mark",
	     .payload = (char[]){"{\"note\":\"Stra\xc3\x9f"
	                         "e \xf0\x9f\x9a\x97\"}"}},
	};
	strcpy(in[1].session_id, session.session_id);
	memset(in[2].event_type, 'z', EVENT_TYPE_TEXT - 1);
	for (size_t i = 0; i < 3; i++) {
		OK(store_append_event(rig->store, &in[i], &e));
		assert_int_equal(in[i].seq, i + 2); /* session_start was the first */
	}
	rig_reopen(rig);
	struct ranges all = {0};
	struct event out[4];
	size_t count;
	OK(ranges_add(&all, 2, 9, &e));
	OK(store_read_events(rig->store, &all, out, 4, &count, &e));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(out[i].event_at_ms == in[i].event_at_ms);
		assert_string_equal(out[i].event_type, in[i].event_type);
		assert_string_equal(out[i].session_id, in[i].session_id);
		assert_int_equal(!out[i].payload, !in[i].payload);
		if (in[i].payload)
			assert_string_equal(out[i].payload, in[i].payload);
		event_free(&out[i]);
	}
	FAILS(ERR_LIMIT, store_read_events(rig->store, &all, out, 2, &count, &e));
	ranges_free(&all);
	free(longest);
}

static int note_event(const struct event *event, void *user, struct err *e)
{
	(void)e;
	char *said = user;
	size_t at = strlen(said);
	snprintf(said + at, 256 - at, "%s %lld ", event->event_type, (long long)event->event_at_ms);
	return 0;
}

/* A recording of last year is replayed today: the agent has started before what it replays. */
static void test_an_agent_starts_before_what_comes_next(void **state)
{
	struct rig *rig = *state;
	struct event in[] = {
		{.event_at_ms = 9000, .event_type = "agent_start"}, {.event_at_ms = 1000, .event_type = "fix_regained"},
		{.event_at_ms = 5000, .event_type = "mark"},        {.event_at_ms = 3000, .event_type = "agent_stop"},
		{.event_at_ms = 9500, .event_type = "agent_start"},
	};
	char said[256] = "";
	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		OK(store_append_event(rig->store, &in[i], &e));
	OK(store_each_event(rig->store, note_event, said, &e));
	assert_string_equal(said, "agent_start 1000 fix_regained 1000 agent_stop 3000 mark 5000 agent_start 9500 ");
}

/* … and it has stopped after what it told of fixes, whose time may step back. */
static void test_an_agent_stops_behind_its_fixes(void **state)
{
	struct rig *rig = *state;
	struct event in[] = {
		{.event_at_ms = 900, .event_type = "agent_start"}, {.event_at_ms = 8000, .event_type = "mark"},
		{.event_at_ms = 5000, .event_type = "fix_lost"},   {.event_at_ms = 3000, .event_type = "fix_regained"},
		{.event_at_ms = 3000, .event_type = "agent_stop"}, {.event_at_ms = 2000, .event_type = "agent_start"},
		{.event_at_ms = 2500, .event_type = "agent_stop"},
	};
	char said[256] = "";
	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		OK(store_append_event(rig->store, &in[i], &e));
	OK(store_each_event(rig->store, note_event, said, &e));
	assert_string_equal(said, "agent_start 900 agent_start 2000 agent_stop 2500 fix_regained 3000 fix_lost 5000 "
	                          "agent_stop 5000 mark 8000 ");
}

static void test_wrong_events_do_not_get_in(void **state)
{
	struct rig *rig = *state;
	char *too_long = malloc(EVENT_PAYLOAD_MAX + 2);
	memset(too_long, 'x', EVENT_PAYLOAD_MAX + 1);
	too_long[0] = too_long[EVENT_PAYLOAD_MAX] = '"';
	too_long[EVENT_PAYLOAD_MAX + 1] = '\0';
	const struct {
		const char *type, *payload, *session;
		int64_t at_ms;
	} bad[] = {
		{"", NULL, "", T0},           {"Mark", NULL, "", T0},
		{"_mark", NULL, "", T0},      {"9mark", NULL, "", T0},
		{"ma rk", NULL, "", T0},      {"m\xc3\xa4rk", NULL, "", T0},
		{"mark", "", "", T0},         {"mark", "{", "", T0},
		{"mark", "{} {}", "", T0},    {"mark", "nonsense", "", T0},
		{"mark", "\"\xff\"", "", T0}, {"mark", "\"\xed\xa0\x80\"", "", T0},
		{"mark", "\"\xc3", "", T0},   {"mark", too_long, "", T0},
		{"mark", NULL, "nobody", T0}, {"mark", NULL, "", TIME_MS_MAX + 1},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct event event = {.event_at_ms = bad[i].at_ms, .payload = (char *)(uintptr_t)bad[i].payload};
		strcpy(event.event_type, bad[i].type);
		strcpy(event.session_id, bad[i].session);
		FAILS(ERR_INVALID, store_append_event(rig->store, &event, &e));
		assert_int_equal(event.seq, 0);
	}
	assert_int_equal(rig_last(rig, STREAM_EVENTS), 0);
	free(too_long);
}

static void test_event_types_are_valid(void **state)
{
	(void)state;
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		assert_true(event_type_valid(event_type_text((enum event_type)type)));
	assert_string_equal(event_type_text(EVENT_MARK), "mark");
}

/* Whoever writes past the library meets the same rules. */
static void test_rows_are_guarded_in_sql(void **state)
{
	struct rig *rig = *state;
	char message[256];
	struct session session = {0};
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_PERSON, &session, &e));
	rig_append(rig, 10, session.id);
	rig_event(rig, "mark", NULL);
	static const struct {
		const char *sql, *message;
	} refused[] = {
		{"UPDATE points SET lat = 0 WHERE seq = 3", "points never change"},
		{"UPDATE events SET payload = '{}' WHERE seq = 1", "events never change"},
		{"DELETE FROM points WHERE seq = 3", "a point stays"},
		{"DELETE FROM points", "a point stays"},
		{"DELETE FROM events WHERE seq = 1", "an event stays"},
		{"DELETE FROM sessions", "never deleted"},
		{"INSERT OR REPLACE INTO points (seq, recorded_at, lat, lng, source) VALUES (3, 1, 1, 1, 0)",
	     "takes the next seq"},
		{"INSERT INTO points (seq, recorded_at, lat, lng, source) VALUES (12, 1, 1, 1, 0)", "takes the next seq"},
		{"INSERT INTO points (seq, recorded_at, lat, lng, source) VALUES (0, 1, 1, 1, 0)", "takes the next seq"},
		{"INSERT INTO points (seq, recorded_at, lat, lng, source) VALUES (11, 1, 'x', 1, 0)", "cannot store TEXT"},
		{"INSERT INTO points (seq, recorded_at, lat, lng, source) VALUES (11, 1, NULL, 1, 0)", "NOT NULL"},
		{"INSERT OR REPLACE INTO events (seq, event_at, event_type) VALUES (1, 1, 'x')", "takes the next seq"},
		{"INSERT INTO events (seq, event_at, event_type) VALUES (4, 1, 'x')", "takes the next seq"},
		{"INSERT INTO events (seq, event_at, event_type, payload) VALUES (3, 1, 'x', '{')", "payload is JSON"},
		{"UPDATE sessions SET session_id = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'", "keeps its name"},
		{"UPDATE sessions SET revision = 0", "never falls"},
		{"UPDATE sessions SET status = 'ended'", "and only that, has ended_at"},
		{"UPDATE sessions SET status = 'ended', ended_at = started_at - 1", "ends after it starts"},
		{"UPDATE sessions SET status = 'asleep'", "status IN"},
		{"INSERT INTO sessions (session_id, status, started_at, created_at, updated_at, first_seq) VALUES ('x', "
	     "'active', 1, 1, 1, 1)",
	     "is a UUID"},
		{"INSERT INTO sessions (session_id, status, started_at, created_at, updated_at, first_seq) VALUES "
	     "('aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee', 'paused', 1, 1, 1, 1)",
	     "sessions_at_most_one_open"},
		{"INSERT INTO store (one, store_id, created_at) VALUES (2, 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee', 1)",
	     "one = 1"},
		{"INSERT INTO machines (machine_id, operation_start_date) VALUES ('m', 'yesterday')", "is a date"},
		{"INSERT INTO accounted VALUES ('points', 5, 4)", "BETWEEN first_seq"},
		{"INSERT INTO accounted VALUES ('dots', 4, 5)", "stream IN"},
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		rig_sql(rig, refused[i].sql, message, sizeof message);
		if (!strstr(message, refused[i].message))
			fail_msg("%s: \"%s\"", refused[i].sql, message);
	}
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || sum(lat) FROM points"), "10 5252000705");
}

static void test_a_row_goes_only_once_accounted_for_and_its_seq_never_comes_back(void **state)
{
	struct rig *rig = *state;
	char message[256];
	rig_append(rig, 10, 0);
	rig_sql(rig, "INSERT INTO accounted VALUES ('points', 1, 4), ('points', 6, 10)", message, sizeof message);
	rig_sql(rig, "DELETE FROM points WHERE seq IN (1, 2, 4)", message, sizeof message);
	assert_string_equal(message, "");
	rig_sql(rig, "DELETE FROM points WHERE seq = 5", message, sizeof message);
	assert_non_null(strstr(message, "accounts for"));
	rig_sql(rig, "DELETE FROM points WHERE seq = 10", message, sizeof message);
	assert_non_null(strstr(message, "the last one"));
	rig_sql(rig, "DELETE FROM points WHERE seq BETWEEN 6 AND 9", message, sizeof message);
	assert_string_equal(message, "");
	rig_append(rig, 1, 0);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 11);
}

static void test_views_show_what_people_write(void **state)
{
	struct rig *rig = *state;
	struct point points[] = {
		{0, TIME_MS_MAX, -525200066, 134000000, 35, 1234, 1305, -12, 0, POINT_FUSED},
		{0, TIME_MS_MIN, 0, 0, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, 0, POINT_GPS},
		{0, INT64_C(-1), 0, 0, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, ROW_ABSENT, 0, POINT_GPS},
	};
	OK(store_append_points(rig->store, points, 3, &e));
	assert_string_equal(rig_ask(rig,
	                            "SELECT concat FROM (SELECT recorded_at || ' ' || lat || ' ' || lng || ' ' || accuracy"
	                            " || ' ' || speed || ' ' || heading || ' ' || altitude || ' ' || source AS concat"
	                            " FROM points_readable WHERE seq = 1)"),
	                    "9999-12-31T23:59:59.999Z -52.5200066 13.4 3.5 12.34 130.5 -1.2 fused");
	assert_string_equal(rig_ask(rig, "SELECT recorded_at FROM points_readable WHERE seq = 2"),
	                    "0001-01-01T00:00:00.000Z");
	assert_string_equal(rig_ask(rig, "SELECT recorded_at FROM points_readable WHERE seq = 3"),
	                    "1969-12-31T23:59:59.999Z");
	assert_string_equal(rig_ask(rig, "SELECT accuracy IS NULL FROM points_readable WHERE seq = 2"), "1");
	rig_append(rig, 2000, 0);
	char text[TIME_TEXT], sql[200];
	for (int64_t ms = T0; ms < T0 + 2000; ms += 7) {
		snprintf(sql, sizeof sql, "SELECT strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %lld / 1000.0, 'unixepoch')",
		         (long long)ms);
		assert_string_equal(rig_ask(rig, sql), time_format(ms, text));
	}
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM sessions_readable, centre_readable, events_readable"), "0");
}

/* ---- transactions ------------------------------------------------------------------------------------------ */

static void test_a_transaction_is_all_or_nothing(void **state)
{
	struct rig *rig = *state;
	OK(store_begin(rig->store, &e));
	rig_append(rig, 3, 0);
	rig_event(rig, "mark", NULL);
	assert_int_equal(store_end(rig->store, -ERR_IO, NULL), -ERR_IO);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 0);
	assert_int_equal(rig_last(rig, STREAM_EVENTS), 0);
	OK(store_begin(rig->store, &e));
	rig_append(rig, 3, 0);
	struct point half_bad[] = {rig_point(1), rig_point(2)};
	half_bad[1].lat_e7 = INT32_MAX;
	FAILS(ERR_INVALID, store_append_points(rig->store, half_bad, 2, &e)); /* undoes itself, not the rest */
	rig_event(rig, "mark", NULL);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM points"), "0");
	OK(store_end(rig->store, 0, &e));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM points"), "3");
	FAILS(ERR_STATE, store_end(rig->store, 0, &e));
	OK(store_begin(rig->store, &e));
	rig_append(rig, 1, 0);
	rig_reopen(rig); /* closing rolls back */
	assert_int_equal(rig_last(rig, STREAM_POINTS), 3);
}

static void test_busy(void **state)
{
	struct rig *rig = *state;
	struct store *other;
	struct point point = rig_point(1);
	OK(store_open(&other, rig->path, STORE_WRITE, &e));
	OK(store_begin(other, &e));
	int64_t since_ms = clock_mono_ms();
	FAILS(ERR_BUSY, store_append_points(rig->store, &point, 1, &e));
	assert_in_range(clock_mono_ms() - since_ms, 4000, 20000);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 0); /* readers don't wait */
	OK(store_end(other, 0, &e));
	OK(store_append_points(rig->store, &point, 1, &e));
	store_close(other);
}

static void test_changes_of_others_are_told(void **state)
{
	struct rig *rig = *state;
	struct store *other;
	struct point point = rig_point(1);
	bool changed;
	OK(store_open(&other, rig->path, STORE_WRITE, &e));
	OK(store_changed(rig->store, &changed, &e));
	assert_false(changed);
	rig_append(rig, 1, 0);
	OK(store_changed(rig->store, &changed, &e));
	assert_false(changed);
	OK(store_append_points(other, &point, 1, &e));
	assert_int_equal(point.seq, 2);
	OK(store_changed(rig->store, &changed, &e));
	assert_true(changed);
	OK(store_changed(rig->store, &changed, &e));
	assert_false(changed);
	store_close(other);
}

static bool readable(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

static void a_watch_tells_of_others_and_not_of_own_commits(void **state)
{
	struct rig *rig = *state;
	struct point point = rig_point(1);
	bool changed;
	int fd, status;
	OK(store_watch(rig->store, &fd, &e));
	rig_append(rig, 1, 0);
	assert_false(readable(fd));
	/* Within one process SQLite puts off closing files. */
	pid_t pid = fork();
	if (!pid) {
		struct store *other = NULL;
		int rc = store_open(&other, rig->path, STORE_WRITE, NULL);
		rc = rc ? rc : store_append_points(other, &point, 1, NULL);
		store_close(other);
		_exit(rc != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(readable(fd));
	OK(store_changed(rig->store, &changed, &e));
	assert_true(changed);
	assert_false(readable(fd));
}

static void a_store_that_was_removed_is_noticed(void **state)
{
	struct rig *rig = *state;
	int fd;
	OK(store_watch(rig->store, &fd, &e));
	assert_false(store_removed(rig->store));
	assert_int_equal(unlink(rig->path), 0);
	assert_true(readable(fd));
	assert_true(store_removed(rig->store));
}

/* ---- walking ----------------------------------------------------------------------------------------------- */

struct walk {
	struct rig *rig;
	int64_t count, last, stop_at, fail_at;
	bool append;
};

static int on_point(const struct point *point, void *user, struct err *e)
{
	struct walk *walk = user;
	assert_true(point->seq > walk->last);
	walk->last = point->seq;
	walk->count++;
	if (walk->append)
		rig_append(walk->rig, 1, 0);
	if (walk->count == walk->fail_at)
		return err_set(e, ERR_IO, "the caller can't go on");
	return walk->count == walk->stop_at;
}

static int64_t walk(struct rig *rig, struct point_filter filter)
{
	struct walk walk = {.rig = rig};
	OK(store_each_point(rig->store, &filter, on_point, &walk, &e));
	return walk.count;
}

static void test_walks_see_what_the_filter_says(void **state)
{
	struct rig *rig = *state;
	struct session a = {0}, b = {0};
	assert_int_equal(walk(rig, (struct point_filter){0}), 0);
	rig_append(rig, 1000, 0);
	OK(store_session_start(rig->store, &a, T0, SESSION_BY_PERSON, &a, &e));
	rig_append(rig, 3000, a.id);
	OK(store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &a, &e));
	OK(store_session_start(rig->store, &b, T0, SESSION_BY_PERSON, &b, &e));
	rig_append(rig, 24, b.id);
	rig_append(rig, 1024, a.id); /* kept in memory while the session was ended */
	assert_int_equal(walk(rig, (struct point_filter){0}), 5048);
	assert_int_equal(walk(rig, (struct point_filter){.session = a.id}), 4024);
	assert_int_equal(walk(rig, (struct point_filter){.session = b.id}), 24);
	assert_int_equal(walk(rig, (struct point_filter){.session = 99}), 0);
	assert_int_equal(walk(rig, (struct point_filter){.from_ms = T0 + 999000}), 1 + 2001 + 25);
	assert_int_equal(walk(rig, (struct point_filter){.session = a.id, .from_ms = T0 + 10000, .to_ms = T0 + 20000}), 20);
}

static void test_walks_stop_and_fail_as_told(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 2048, 0);
	struct walk stops = {.rig = rig, .stop_at = 1500}, fails = {.rig = rig, .fail_at = 1500};
	struct point_filter all = {0};
	OK(store_each_point(rig->store, &all, on_point, &stops, &e));
	assert_int_equal(stops.count, 1500);
	FAILS(ERR_IO, store_each_point(rig->store, &all, on_point, &fails, &e));
	assert_int_equal(fails.count, 1500);
	struct walk appends = {.rig = rig, .append = true};
	OK(store_each_point(rig->store, &all, on_point, &appends, &e)); /* ends, though there is always one more */
	assert_int_equal(appends.count, 2048);
}

static void write_as_another(struct rig *rig, int count)
{
	struct store *agent;
	OK(store_open(&agent, rig->path, STORE_WRITE, &e));
	for (int i = 0; i < count; i++) {
		struct point next = rig_point(i);
		OK(store_append_points(agent, &next, 1, &e));
	}
	store_close(agent);
}

static int check_log(const struct point *point, void *user, struct err *e)
{
	struct rig *rig = user;
	char path[160];
	struct stat info;
	(void)point;
	(void)e;
	write_as_another(rig, 2000);
	snprintf(path, sizeof path, "%s-wal", rig->path);
	assert_int_equal(stat(path, &info), 0);
	assert_in_range(info.st_size, 1, 8 << 20);
	return 0;
}

/* Two connections: one walks slowly while the other, the agent, writes 10,000 pages. */
static void test_a_slow_walk_does_not_make_the_log_grow(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 5, 0);
	struct point_filter all = {0};
	OK(store_each_point(rig->store, &all, check_log, rig, &e));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_points_round_trip_at_all_bounds),
		T(test_ranges_choose_points),
		T(test_wrong_points_do_not_get_in),
		T(test_a_refusal_names_the_reason),
		T(test_events_round_trip),
		T(test_an_agent_starts_before_what_comes_next),
		T(test_an_agent_stops_behind_its_fixes),
		T(test_wrong_events_do_not_get_in),
		T(test_event_types_are_valid),
		T(test_rows_are_guarded_in_sql),
		T(test_a_row_goes_only_once_accounted_for_and_its_seq_never_comes_back),
		T(test_views_show_what_people_write),
		T(test_a_transaction_is_all_or_nothing),
		T(test_busy),
		T(test_changes_of_others_are_told),
		T(a_watch_tells_of_others_and_not_of_own_commits),
		T(a_store_that_was_removed_is_noticed),
		T(test_walks_see_what_the_filter_says),
		T(test_walks_stop_and_fail_as_told),
		T(test_a_slow_walk_does_not_make_the_log_grow),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
