/* Sessions: their rules, and that each change is one row, one revision and one event, or nothing. */
#include "tests/unit/store_rig.h"

static struct session start(struct rig *rig, const char *user, int64_t at_ms)
{
	struct session wanted = {.application_id = 7}, out = {0};
	snprintf(wanted.user_id, sizeof wanted.user_id, "%s", user);
	OK(store_session_start(rig->store, &wanted, at_ms, SESSION_BY_PERSON, &out, &e));
	return out;
}

static struct session change(struct rig *rig, enum session_status status, int64_t at_ms)
{
	struct session out = {0};
	OK(store_session_change(rig->store, status, at_ms, SESSION_BY_REST, &out, &e));
	return out;
}

static void assert_event(struct rig *rig, int64_t seq, const char *type, int64_t at_ms, const char *session_id,
                         const char *payload)
{
	struct ranges one = {0};
	struct event event;
	size_t count;
	OK(ranges_add(&one, seq, seq, &e));
	OK(store_read_events(rig->store, &one, &event, 1, &count, &e));
	assert_int_equal(count, 1);
	assert_string_equal(event.event_type, type);
	assert_string_equal(event.session_id, session_id);
	assert_string_equal(event.payload, payload);
	assert_true(event.event_at_ms == at_ms);
	event_free(&event);
	ranges_free(&one);
}

static void test_a_session_from_start_to_end(void **state)
{
	struct rig *rig = *state;
	struct session wanted = {.application_id = 3}, s = {0}, open = {0};
	bool found = true;
	OK(store_session_open(rig->store, &open, &found, &e));
	assert_false(found);
	memset(wanted.user_id, 'u', NAME_TEXT - 1);
	memset(wanted.machine_id, 'm', NAME_TEXT - 1);
	OK(store_session_start(rig->store, &wanted, T0, SESSION_BY_PERSON, &s, &e));
	assert_int_equal(s.id, 1);
	assert_int_equal(s.revision, 1);
	assert_int_equal(s.status, SESSION_ACTIVE);
	assert_event(rig, 1, "session_start", T0, s.session_id, "{\"by\":\"person\"}");
	assert_int_equal(change(rig, SESSION_PAUSED, T0 + 1).revision, 2);
	assert_event(rig, 2, "session_pause", T0 + 1, s.session_id, "{\"by\":\"agent\",\"why\":\"rest\"}");
	rig_reopen(rig);
	OK(store_session_open(rig->store, &open, &found, &e));
	assert_true(found);
	assert_int_equal(open.status, SESSION_PAUSED);
	assert_int_equal(change(rig, SESSION_ACTIVE, T0 + 2).revision, 3);
	assert_event(rig, 3, "session_resume", T0 + 2, s.session_id, "{\"by\":\"agent\",\"why\":\"rest\"}");
	change(rig, SESSION_PAUSED, T0 + 3);
	struct session ended = change(rig, SESSION_ENDED, T0 + 4);
	assert_event(rig, 5, "session_end", T0 + 4, s.session_id, "{\"by\":\"agent\",\"why\":\"rest\"}");
	assert_int_equal(rig_last(rig, STREAM_EVENTS), 5);
	OK(store_session_by_id(rig->store, s.id, &open, &e));
	assert_int_equal(open.status, SESSION_ENDED);
	assert_int_equal(open.revision, 5);
	assert_true(open.started_at_ms == T0 && open.ended_at_ms == T0 + 4 && ended.ended_at_ms == T0 + 4);
	assert_string_equal(open.user_id, wanted.user_id);
	assert_string_equal(open.machine_id, wanted.machine_id);
	assert_int_equal(open.application_id, 3);
	assert_string_equal(rig_ask(rig, "SELECT start_at = started_at AND end_at = ended_at FROM sessions"), "1");
}

static void test_what_is_not_possible_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct session s = {0}, out = {0};
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_PAUSED, T0, SESSION_BY_PERSON, &out, &e));
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &out, &e));
	s = start(rig, "anna", T0);
	struct err why = {0};
	assert_int_equal(store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &out, &why), -ERR_STATE);
	assert_non_null(strstr(why.text, s.session_id)); /* it says which one is open */
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_ACTIVE, T0, SESSION_BY_PERSON, &out, &e));
	change(rig, SESSION_PAUSED, T0);
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_PAUSED, T0, SESSION_BY_PERSON, &out, &e));
	FAILS(ERR_STATE, store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &out, &e));
	change(rig, SESSION_ENDED, T0);
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_ACTIVE, T0, SESSION_BY_PERSON, &out, &e));
	FAILS(ERR_STATE, store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &out, &e));
	assert_int_equal(rig_last(rig, STREAM_EVENTS), 3);
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || max(revision) FROM sessions"), "1 3");
	assert_int_equal(out.id, 0); /* outputs are untouched on failure */
}

static void test_bad_names_and_times_are_refused(void **state)
{
	struct rig *rig = *state;
	struct session bad = {0}, out = {0};
	strcpy(bad.user_id, "\xff");
	FAILS(ERR_INVALID, store_session_start(rig->store, &bad, T0, SESSION_BY_PERSON, &out, &e));
	strcpy(bad.user_id, "");
	strcpy(bad.machine_id, "\xc0\x80");
	FAILS(ERR_INVALID, store_session_start(rig->store, &bad, T0, SESSION_BY_PERSON, &out, &e));
	strcpy(bad.machine_id, "");
	bad.application_id = -1;
	FAILS(ERR_INVALID, store_session_start(rig->store, &bad, T0, SESSION_BY_PERSON, &out, &e));
	bad.application_id = 0;
	FAILS(ERR_INVALID, store_session_start(rig->store, &bad, TIME_MS_MAX + 1, SESSION_BY_PERSON, &out, &e));
	assert_int_equal(rig_last(rig, STREAM_EVENTS), 0);
	OK(store_session_start(rig->store, &bad, TIME_MS_MIN, SESSION_BY_PERSON, &out, &e));
	assert_string_equal(rig_ask(rig, "SELECT user_id IS NULL AND machine_id IS NULL AND application_id IS NULL"
	                                 " FROM sessions"),
	                    "1");
}

static void test_a_clock_that_was_set_back_ends_no_session_before_its_start(void **state)
{
	struct rig *rig = *state;
	struct session s = start(rig, "", T0), ended = change(rig, SESSION_ENDED, T0 - 86400000);
	assert_true(ended.ended_at_ms == T0);
	assert_event(rig, 2, "session_end", T0, s.session_id, "{\"by\":\"agent\",\"why\":\"rest\"}");
}

/* The event can't be written (its stream is at its end): then the session must not have changed either. */
static void test_session_and_event_are_one_transaction(void **state)
{
	struct rig *rig = *state;
	struct session s = start(rig, "", T0), out;
	char message[256];
	rig_sql(rig,
	        "DROP TRIGGER events_are_appended; INSERT INTO events (seq, event_at, event_type)"
	        " VALUES (1099511627775, 1, 'last')",
	        message, sizeof message);
	assert_string_equal(message, "");
	FAILS(ERR_INVALID, store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &out, &e));
	OK(store_session_by_id(rig->store, s.id, &out, &e));
	assert_int_equal(out.status, SESSION_ACTIVE);
	assert_int_equal(out.revision, 1);
	/* Inside a transaction of the caller: what he did before stays. */
	OK(store_begin(rig->store, &e));
	rig_append(rig, 1, s.id);
	FAILS(ERR_INVALID, store_session_change(rig->store, SESSION_ENDED, T0, SESSION_BY_PERSON, &out, &e));
	OK(store_end(rig->store, 0, &e));
	assert_int_equal(rig_last(rig, STREAM_POINTS), 1);
	assert_string_equal(rig_ask(rig, "SELECT status FROM sessions"), "active");
}

static void test_sessions_are_found_by_what_people_write(void **state)
{
	struct rig *rig = *state;
	struct session out;
	char message[256];
	rig_sql(rig,
	        "INSERT INTO sessions (session_id, status, started_at, ended_at, created_at, updated_at, first_seq) VALUES"
	        " ('abcd1111-0000-4000-8000-000000000000', 'ended', 1, 2, 1, 1, 1),"
	        " ('abcd2222-0000-4000-8000-000000000000', 'ended', 1, 2, 1, 1, 1)",
	        message, sizeof message);
	assert_string_equal(message, "");
	OK(store_session_by_name(rig->store, "abcd1", &out, &e));
	assert_int_equal(out.id, 1);
	OK(store_session_by_name(rig->store, "ABCD2222-0000-4000-8000-000000000000", &out, &e));
	assert_int_equal(out.id, 2);
	FAILS(ERR_INVALID, store_session_by_name(rig->store, "abcd", &out, &e));
	FAILS(ERR_NOT_FOUND, store_session_by_name(rig->store, "b", &out, &e));
	FAILS(ERR_NOT_FOUND, store_session_by_name(rig->store, "%", &out, &e));
	FAILS(ERR_NOT_FOUND, store_session_by_name(rig->store, "", &out, &e));
	FAILS(ERR_NOT_FOUND, store_session_by_id(rig->store, 3, &out, &e));
}

static void test_lists_begin_with_the_newest(void **state)
{
	struct rig *rig = *state;
	struct session *list;
	size_t count;
	for (int i = 0; i < 40; i++) {
		start(rig, "", T0 - i);
		change(rig, SESSION_ENDED, T0);
	}
	OK(store_session_list(rig->store, 33, &list, &count, &e));
	assert_int_equal(count, 33);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list[i].id, 40 - i);
	free(list);
	OK(store_session_list(rig->store, SIZE_MAX, &list, &count, &e));
	assert_int_equal(count, 40);
	free(list);
	OK(store_sessions_unsent(rig->store, 2, &list, &count, &e));
	assert_int_equal(count, 2);
	assert_int_equal(list[0].id, 1); /* what is to be sent begins with the oldest */
	free(list);
}

static void test_content(void **state)
{
	struct rig *rig = *state;
	struct session_content content;
	rig_append(rig, 100, 0);
	struct session a = start(rig, "", T0);
	OK(store_session_content(rig->store, &a, &content, &e));
	assert_int_equal(content.points, 0);
	assert_int_equal(content.events, 1);
	assert_true(content.first_point_ms == 0 && content.last_point_ms == 0);
	rig_append(rig, 50, a.id);
	change(rig, SESSION_ENDED, T0 + 1);
	struct session b = start(rig, "", T0);
	rig_append(rig, 20, b.id);
	struct point late = rig_point(1000);
	late.session = (int32_t)a.id; /* kept in memory until after the end */
	OK(store_append_points(rig->store, &late, 1, &e));
	OK(store_session_content(rig->store, &a, &content, &e));
	assert_int_equal(content.points, 51);
	assert_int_equal(content.events, 2);
	assert_true(content.first_point_ms == T0 && content.last_point_ms == T0 + 1000 * 1000);
	OK(store_session_content(rig->store, &b, &content, &e));
	assert_int_equal(content.points, 20);
	assert_true(content.last_point_ms == T0 + 19 * 1000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_session_from_start_to_end),
		T(test_what_is_not_possible_changes_nothing),
		T(test_bad_names_and_times_are_refused),
		T(test_a_clock_that_was_set_back_ends_no_session_before_its_start),
		T(test_session_and_event_are_one_transaction),
		T(test_sessions_are_found_by_what_people_write),
		T(test_lists_begin_with_the_newest),
		T(test_content),
	};
	return cmocka_run_group_tests_name("store_sessions", tests, NULL, NULL);
}
