/* From reports to rows, in a real store. */
#include "agent/capture.h"

#include "agent/epoch.h"
#include "agent/pending.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A fix every second from here; the monotonic clock of the reports is its own. */
enum { MONO = 1000000 };
static const int64_t T0 = 1744413248000;

static struct store *store;
static struct conf_unit conf;
static struct capture *capture;

static int set_up(void **state)
{
	(void)state;
	return make_folder("store.db");
}

static void start(void)
{
	struct err e;
	assert_int_equal(capture_open(&capture, store, &conf, false, &e), 0);
	assert_int_equal(capture_tick(capture, MONO, &e), 0);
}

static int begin(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &conf, &e), 0);
	strcpy(conf.clock_floor, "none");
	conf.sampling = CAPTURE_SAMPLING_ALL;
	assert_int_equal(store_open(&store, path, STORE_CREATE, &e), 0);
	start();
	return 0;
}

static int end(void **state)
{
	(void)state;
	capture_free(capture);
	store_close(store);
	capture = NULL;
	store = NULL;
	remove_file();
	return 0;
}

static struct gnss_report report_of(enum gnss_report_kind kind, int second)
{
	struct gnss_report report = {.kind = kind, .mono_ms = MONO + second * 1000, .device = "/dev/gnss0"};
	if (kind == GNSS_POSITION) {
		report.mode = 3;
		report.has_time = true;
		report.fix = (struct point){.recorded_at_ms = T0 + second * 1000,
		                            .lat_e7 = second * 900,
		                            .lng_e7 = 2,
		                            .accuracy_dm = ROW_ABSENT,
		                            .speed_cmps = 1000,
		                            .heading_ddeg = 0,
		                            .altitude_dm = 5};
	}
	return report;
}

static int feed(enum gnss_report_kind kind, int second)
{
	struct gnss_report report = report_of(kind, second);
	struct err e;
	return capture_feed(capture, &report, &e);
}

static void positions(int first, int last)
{
	capture_notice(capture);
	for (int second = first; second <= last; second++)
		assert_int_equal(feed(GNSS_POSITION, second), 0);
}

static void stop(int second)
{
	struct err e;
	assert_int_equal(capture_stop(capture, "test", MONO + second * 1000, &e), 0);
}

static struct live_facts facts(void)
{
	struct live_facts out;
	capture_facts(capture, &out);
	return out;
}

static int64_t last_seq(enum stream stream)
{
	int64_t seq;
	struct err e;
	assert_int_equal(store_last_seq(store, stream, &seq, &e), 0);
	return seq;
}

/* The types of the events from number `first` on, separated by spaces. */
static const char *events_from(int64_t first)
{
	static char text[4096];
	struct event events[64];
	struct ranges ranges = {0};
	size_t count;
	text[0] = '\0';
	assert_int_equal(ranges_add(&ranges, first, first + 63, NULL), 0);
	assert_int_equal(store_read_events(store, &ranges, events, 64, &count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", events[i].event_type);
		event_free(&events[i]);
	}
	ranges_free(&ranges);
	return text;
}

/* The caller frees it. */
static struct event event_at(int64_t seq)
{
	struct event event;
	struct ranges ranges = {0};
	size_t count;
	assert_int_equal(ranges_add(&ranges, seq, seq, NULL), 0);
	assert_int_equal(store_read_events(store, &ranges, &event, 1, &count, NULL), 0);
	assert_int_equal(count, 1);
	ranges_free(&ranges);
	return event;
}

static struct point point_at(int64_t seq)
{
	struct point point;
	struct ranges ranges = {0};
	size_t count;
	assert_int_equal(ranges_add(&ranges, seq, seq, NULL), 0);
	assert_int_equal(store_read_points(store, &ranges, &point, 1, &count, NULL), 0);
	assert_int_equal(count, 1);
	ranges_free(&ranges);
	return point;
}

static bool open_session(struct session *out)
{
	bool found;
	struct err e;
	assert_int_equal(store_session_open(store, out, &found, &e), 0);
	return found;
}

/* What a person does by the command line: another connection. */
static void person(enum session_status status)
{
	struct store *other;
	struct session session;
	struct err e;
	assert_int_equal(store_open(&other, path, STORE_WRITE, &e), 0);
	int rc = status == SESSION_STATUS_COUNT
	             ? store_session_start(other, &(struct session){.user_id = "bob"}, T0, SESSION_BY_PERSON, &session, &e)
	             : store_session_change(other, status, T0 + 100000, SESSION_BY_PERSON, &session, &e);
	assert_int_equal(rc, 0);
	store_close(other);
}
#define person_starts() person(SESSION_STATUS_COUNT)

/* ---- commits -------------------------------------------------------------------------------------------------- */

static void movement_opens_a_session_and_a_stop_pauses_it(void **state)
{
	(void)state;
	struct session session;
	assert_string_equal(events_from(1), "agent_start");
	positions(0, 2);
	assert_false(open_session(&session));
	positions(3, 5);
	assert_true(open_session(&session));
	assert_true(session.started_at_ms == T0);
	assert_int_equal(last_seq(STREAM_POINTS), 3); /* with the session; the others wait */
	assert_int_equal(facts().waiting_points, 2);
	stop(10);
	assert_int_equal(last_seq(STREAM_POINTS), 6);
	assert_int_equal(point_at(1).session, session.id);
	assert_int_equal(point_at(6).session, session.id);
	assert_true(open_session(&session));
	assert_int_equal(session.status, SESSION_PAUSED);
	assert_string_equal(events_from(2), "session_start fix_regained session_pause agent_stop");
	struct event event = event_at(5);
	assert_true(event.event_at_ms == T0 + 10000); /* the time of the last fix, and what passed since */
	assert_string_equal(event.session_id, "");
	assert_non_null(strstr(event.payload, "\"reason\":\"test\",\"reports\":6,\"epochs\":6,\"kept\":6"));
	event_free(&event);
	event = event_at(3);
	assert_true(event.event_at_ms == T0);
	assert_string_equal(event.session_id, session.session_id);
	assert_string_equal(event.payload, "{\"mode\":3,\"device\":\"/dev/gnss0\"}");
	event_free(&event);
}

static void points_wait_for_the_interval(void **state)
{
	(void)state;
	struct err e;
	positions(0, 23); /* fix 3 was read at second 3 and is the oldest that waits */
	assert_int_equal(last_seq(STREAM_POINTS), 23);
	positions(24, 42);
	assert_int_equal(last_seq(STREAM_POINTS), 23);
	assert_true(capture_deadline(capture) == MONO + 43000);
	assert_int_equal(capture_tick(capture, MONO + 42999, &e), 0);
	assert_int_equal(last_seq(STREAM_POINTS), 23);
	assert_int_equal(capture_tick(capture, MONO + 43000, &e), 0);
	assert_int_equal(last_seq(STREAM_POINTS), 42);
	/* Nothing is left but the open epoch, which waits for its turn, whether silence has closed it or not. */
	assert_true(capture_deadline(capture) == MONO + 62000);
	assert_int_equal(capture_tick(capture, MONO + 44000, &e), 0);
	assert_int_equal(facts().waiting_points, 1);
	assert_true(capture_deadline(capture) == MONO + 62000);
	assert_int_equal(capture_tick(capture, MONO + 62000, &e), 0);
	assert_true(capture_deadline(capture) == INT64_MAX);
}

/* There must be something to do at a deadline, or whoever waits for it never rests. */
static void nothing_is_due_before_it_can_be_done(void **state)
{
	(void)state;
	struct err e;
	conf.commit_interval_ms = 500;
	positions(0, 0);
	int64_t before = last_seq(STREAM_POINTS);
	assert_true(capture_deadline(capture) == MONO + EPOCH_SILENCE_MS);
	assert_int_equal(capture_tick(capture, MONO + EPOCH_SILENCE_MS, &e), 0);
	assert_int_equal(last_seq(STREAM_POINTS), before + 1);
	assert_true(capture_deadline(capture) == INT64_MAX);
}

static void or_for_their_number(void **state)
{
	(void)state;
	conf.commit_points = 5;
	positions(0, 3);
	positions(4, 7);
	assert_int_equal(last_seq(STREAM_POINTS), 3);
	positions(8, 8);
	assert_int_equal(last_seq(STREAM_POINTS), 8);
	conf.commit_points = 1;
	positions(9, 10);
	assert_int_equal(last_seq(STREAM_POINTS), 10);
}

static void losing_and_finding_the_fix(void **state)
{
	(void)state;
	assert_int_equal(feed(GNSS_NO_FIX, 0), 0); /* none was there yet */
	positions(1, 3);
	assert_int_equal(feed(GNSS_NO_FIX, 4), 0);
	assert_int_equal(feed(GNSS_NO_FIX, 5), 0);
	assert_int_equal(last_seq(STREAM_POINTS), 3); /* an event commits all that waits */
	assert_int_equal(facts().sight.mode, 0);
	positions(6, 7);
	assert_string_equal(events_from(2), "session_start fix_regained fix_lost fix_regained");
	struct event event = event_at(4);
	assert_true(event.event_at_ms == T0 + 4000);
	assert_string_equal(event.payload, "{\"mode\":0}");
	event_free(&event);
	/* Another receiver without a fix is no news, until the followed one has been silent for long. */
	struct gnss_report other = report_of(GNSS_NO_FIX, 8);
	strcpy(other.device, "/dev/other");
	assert_int_equal(capture_feed(capture, &other, NULL), 0);
	assert_int_equal(last_seq(STREAM_EVENTS), 5);
	other.mono_ms = MONO + 17000;
	assert_int_equal(capture_feed(capture, &other, NULL), 0);
	assert_string_equal(events_from(6), "receiver_changed fix_lost");
}

static void gpsd_gone_and_back(void **state)
{
	(void)state;
	assert_int_equal(feed(GNSS_BACK, 0), 0); /* it was there from the beginning: no news */
	assert_true(facts().sight.gnss_connected);
	positions(1, 3);
	assert_int_equal(feed(GNSS_GONE, 4), 0);
	assert_false(facts().sight.gnss_connected);
	assert_int_equal(last_seq(STREAM_POINTS), 3);
	assert_int_equal(feed(GNSS_BACK, 9), 0);
	assert_string_equal(events_from(4), "gnss_gone fix_lost gnss_back");
	struct event event = event_at(6);
	assert_true(event.event_at_ms == T0 + 9000);
	assert_string_equal(event.session_id, capture_session(capture)->session_id);
	event_free(&event);
}

static void what_is_refused_is_counted(void **state)
{
	(void)state;
	struct gnss_report timeless = report_of(GNSS_POSITION, 2);
	timeless.has_time = false;
	positions(0, 1);
	assert_int_equal(capture_feed(capture, &timeless, NULL), 0);
	assert_int_equal(feed(GNSS_BAD, 2), 0);
	assert_int_equal(feed(GNSS_SKY, 2), 0);
	positions(0, 0);
	assert_int_equal(feed(GNSS_NO_FIX, 3), 0);
	positions(0, 0); /* late: its epoch was closed last */
	struct live_facts f = facts();
	assert_int_equal(f.reports, 8);
	assert_int_equal(f.refused_no_time, 1);
	assert_int_equal(f.refused_bad, 1);
	assert_int_equal(f.refused_late, 1);
	assert_int_equal(f.epochs, 3);
	assert_int_equal(f.kept, 3);
}

/* ---- sessions ------------------------------------------------------------------------------------------------- */

static void manual_keeps_only_inside_a_session(void **state)
{
	(void)state;
	struct session session;
	conf.capture_session = CAPTURE_SESSION_MANUAL;
	positions(0, 5);
	assert_int_equal(facts().verdicts[VERDICT_REFUSED_NO_SESSION], 5);
	person_starts();
	positions(6, 9);
	assert_int_equal(facts().kept, 4);
	assert_string_equal(capture_session(capture)->user_id, "bob");
	stop(10);
	assert_int_equal(last_seq(STREAM_POINTS), 5);
	assert_true(open_session(&session)); /* only the command ends it */
	assert_string_equal(events_from(2), "fix_regained session_start agent_stop");
}

/* At rest where it was at `where` seconds. */
static void stands(int first, int last, int where)
{
	capture_notice(capture);
	for (int second = first; second <= last; second++) {
		struct gnss_report report = report_of(GNSS_POSITION, second);
		report.fix.lat_e7 = where * 900;
		report.fix.speed_cmps = 0;
		assert_int_equal(capture_feed(capture, &report, NULL), 0);
	}
}

static void a_person_pauses_resumes_and_ends(void **state)
{
	(void)state;
	struct session first, second;
	conf.commit_interval_ms = 600000;
	positions(0, 3);
	assert_true(open_session(&first));
	person(SESSION_PAUSED);
	positions(4, 6);
	assert_int_equal(facts().kept, 3);
	assert_int_equal(facts().verdicts[VERDICT_REFUSED_NO_SESSION], 3);
	person(SESSION_ACTIVE);
	positions(7, 8);
	assert_int_equal(facts().kept, 5);
	person(SESSION_ENDED);
	/* Movement goes on, and opens nothing; only after a rest. */
	positions(9, 30);
	assert_false(open_session(&second));
	stands(31, 240, 30);
	assert_false(open_session(&second));
	for (int i = 241; i < 250; i++) {
		struct gnss_report report = report_of(GNSS_POSITION, i);
		assert_int_equal(capture_feed(capture, &report, NULL), 0);
	}
	assert_true(open_session(&second));
	assert_true(second.started_at_ms == T0 + 241000);
	stop(251);
	/* What had waited when the person acted belongs to the session in which it was kept. */
	for (int64_t seq = 1; seq <= 5; seq++)
		assert_int_equal(point_at(seq).session, first.id);
	assert_int_equal(point_at(6).session, 0);
	assert_int_equal(point_at(239).session, second.id);
	assert_int_equal(point_at(238).session, 0);
}

static void a_rest_pauses_and_ends_and_movement_resumes(void **state)
{
	(void)state;
	struct session session;
	conf.sampling = CAPTURE_SAMPLING_DETAILED;
	positions(0, 30);
	int64_t events = last_seq(STREAM_EVENTS);
	stands(31, 45, 30);
	assert_true(open_session(&session));
	assert_int_equal(last_seq(STREAM_POINTS), 42); /* it has come to rest: what waits is committed */
	stands(46, 210, 30);
	assert_int_equal(capture_session(capture)->status, SESSION_ACTIVE);
	stands(211, 214, 30);
	assert_int_equal(capture_session(capture)->status, SESSION_PAUSED);
	positions(215, 230);
	assert_int_equal(capture_session(capture)->status, SESSION_ACTIVE);
	stands(231, 1400, 230);
	assert_null(capture_session(capture));
	assert_string_equal(events_from(events + 1), "session_pause session_resume session_pause session_end");
	assert_int_equal(store_session_by_id(store, session.id, &session, NULL), 0);
	assert_true(session.ended_at_ms == T0 + 231000);
	struct event event = event_at(events + 1);
	assert_true(event.event_at_ms == T0 + 31000);
	assert_string_equal(event.payload, "{\"by\":\"agent\",\"why\":\"rest\"}");
	event_free(&event);
	/* The heartbeat of a paused session is in it, after its end in none. */
	struct session_content content;
	assert_int_equal(store_session_content(store, &session, &content, NULL), 0);
	assert_in_range(content.last_point_ms, T0 + 1060000, T0 + 1131000);
	assert_int_equal(point_at(last_seq(STREAM_POINTS)).session, 0);
}

/* The track goes as far as anybody knows, though the last fix was not due: at the mouth of a tunnel, at a stop, and where a
 * recording has a hole. */
static void the_last_fix_before_a_silence_is_kept(void **state)
{
	(void)state;
	struct session session;
	conf.sampling = CAPTURE_SAMPLING_ECONOMY;
	positions(0, 25);
	assert_int_equal(facts().kept, 1);
	assert_int_equal(feed(GNSS_NO_FIX, 26), 0);
	assert_int_equal(last_seq(STREAM_POINTS), 2); /* with fix_lost */
	assert_true(point_at(2).recorded_at_ms == T0 + 25000);
	assert_true(open_session(&session));
	assert_int_equal(point_at(2).session, session.id);
	assert_int_equal(feed(GNSS_NO_FIX, 27), 0);
	positions(30, 35);
	assert_int_equal(facts().kept, 2); /* it was lost for too short to be a hole */
	positions(1000, 1020);             /* too long for the session */
	assert_true(point_at(3).recorded_at_ms == T0 + 35000 && point_at(3).session == session.id);
	assert_true(point_at(4).recorded_at_ms == T0 + 1000000);
	int64_t kept = facts().kept;
	stop(1021);
	assert_int_equal(last_seq(STREAM_POINTS), kept + 1);
	assert_true(point_at(kept + 1).recorded_at_ms == T0 + 1020000);
	struct live_facts now = facts();
	assert_int_equal(now.verdicts[VERDICT_KEPT_LAST], 3);
	assert_int_equal(now.verdicts[VERDICT_THINNED] + now.kept, now.epochs);
}

/* Parked, the heartbeat is enough, however often the fix is lost; and a fix that is kept once is not kept again. */
static void a_flapping_fix_costs_no_points(void **state)
{
	(void)state;
	conf.sampling = CAPTURE_SAMPLING_ECONOMY;
	positions(0, 5);
	for (int second = 6; second < 40; second++) {
		struct gnss_report report = report_of(GNSS_POSITION, second);
		report.fix.lat_e7 = 5 * 900;
		report.fix.speed_cmps = 0;
		assert_int_equal(capture_feed(capture, &report, NULL), 0);
	}
	int64_t kept = facts().kept;
	for (int second = 40; second < 80; second++) {
		struct gnss_report report = report_of(GNSS_POSITION, second);
		report.fix.lat_e7 = 5 * 900;
		report.fix.speed_cmps = 0;
		assert_int_equal(capture_feed(capture, &report, NULL), 0);
		assert_int_equal(feed(GNSS_NO_FIX, second), 0);
	}
	assert_int_equal(facts().kept, kept);
}

/* What comes twice is no time that has jumped ahead when it is over. */
static void a_stretch_that_comes_twice_hides_nothing(void **state)
{
	(void)state;
	conf.sampling = CAPTURE_SAMPLING_DETAILED;
	positions(0, 400);
	for (int second = 100; second <= 150; second++) {
		struct gnss_report report = report_of(GNSS_POSITION, second);
		report.mono_ms = MONO + 400000;
		assert_int_equal(capture_feed(capture, &report, NULL), 0);
	}
	positions(401, 500);
	stop(501);
	assert_int_equal(facts().verdicts[VERDICT_REFUSED_REPEATED], 51);
	assert_int_equal(last_seq(STREAM_POINTS), 501);
	assert_null(strstr(events_from(1), "fixes_missing"));
}

static void other_heartbeats_are_told(void **state)
{
	(void)state;
	positions(0, 5);
	int64_t before = last_seq(STREAM_EVENTS);
	conf.commit_interval_ms = 5000;
	capture_reload(capture, MONO + 6000);
	assert_int_equal(capture_tick(capture, MONO + 6000, NULL), 0);
	assert_int_equal(last_seq(STREAM_EVENTS), before);
	conf.heartbeat_ms = 600000;
	for (int times = 0; times < 2; times++)
		capture_reload(capture, MONO + 7000);
	assert_int_equal(capture_tick(capture, MONO + 7000, NULL), 0);
	assert_string_equal(events_from(before + 1), "agent_reload");
	struct event event = event_at(before + 1);
	assert_string_equal(event.payload, "{\"heartbeat_s\":600,\"interval_s\":0}");
	event_free(&event);
}

/* The fix is lost in a garage: time goes on without it. */
static void a_silence_pauses_and_ends(void **state)
{
	(void)state;
	struct session session;
	positions(0, 30);
	assert_true(open_session(&session));
	assert_int_equal(feed(GNSS_NO_FIX, 31), 0);
	assert_int_equal(capture_tick(capture, MONO + 209000, NULL), 0);
	assert_int_equal(capture_session(capture)->status, SESSION_ACTIVE);
	assert_int_equal(capture_tick(capture, MONO + 210000, NULL), 0);
	assert_int_equal(capture_session(capture)->status, SESSION_PAUSED);
	assert_int_equal(capture_tick(capture, MONO + 929000, NULL), 0);
	assert_non_null(capture_session(capture));
	assert_int_equal(capture_tick(capture, MONO + 930000, NULL), 0);
	assert_null(capture_session(capture));
	assert_int_equal(store_session_by_id(store, session.id, &session, NULL), 0);
	assert_true(session.ended_at_ms == T0 + 30000);
	struct event event = event_at(last_seq(STREAM_EVENTS));
	assert_string_equal(event.payload, "{\"by\":\"agent\",\"why\":\"gap\"}");
	event_free(&event);
}

static void a_recording_that_ends_ends_its_session(void **state)
{
	(void)state;
	struct session session;
	positions(0, 30);
	assert_true(open_session(&session));
	assert_int_equal(feed(GNSS_END, 30), 0);
	stop(31);
	assert_false(open_session(&session));
	assert_null(capture_session(capture));
	assert_int_equal(store_session_by_id(store, point_at(1).session, &session, NULL), 0);
	assert_true(session.ended_at_ms == T0 + 30000);
}

static void the_ignition_opens_and_ends(void **state)
{
	(void)state;
	struct session session;
	conf.capture_session = CAPTURE_SESSION_IGNITION;
	strcpy(conf.ignition, "file:/there");
	positions(0, 30);
	assert_false(open_session(&session)); /* towed */
	capture_ignition(capture, true, MONO + 30000);
	positions(31, 40);
	assert_true(open_session(&session));
	assert_true(session.started_at_ms == T0 + 30000);
	capture_ignition(capture, false, MONO + 40000);
	positions(41, 218);
	assert_int_equal(capture_session(capture)->status, SESSION_ACTIVE);
	positions(219, 223);
	assert_int_equal(capture_session(capture)->status, SESSION_PAUSED);
	stop(224);
}

static void a_session_paused_by_a_person_stays_so(void **state)
{
	(void)state;
	struct session session;
	positions(0, 3);
	person(SESSION_PAUSED);
	stop(5);
	capture_free(capture);
	start();
	positions(10, 12);
	assert_int_equal(facts().kept, 0);
	assert_true(open_session(&session));
	assert_int_equal(session.status, SESSION_PAUSED);
}

static void a_session_paused_by_a_stop_goes_on(void **state)
{
	(void)state;
	struct session session;
	positions(0, 3);
	stop(5);
	assert_true(open_session(&session));
	assert_int_equal(session.status, SESSION_PAUSED);
	/* However many events others write meanwhile. */
	for (int i = 0; i < 200; i++) {
		struct event event = {.event_at_ms = T0, .event_type = "note"};
		assert_int_equal(store_append_event(store, &event, NULL), 0);
	}
	int64_t events = last_seq(STREAM_EVENTS);
	capture_free(capture);
	start();
	positions(10, 13);
	assert_string_equal(events_from(events + 1), "agent_start fix_regained session_resume");
	assert_int_equal(capture_session(capture)->status, SESSION_ACTIVE);
	stop(14);
	assert_int_equal(point_at(8).session, session.id);
	assert_int_equal(last_seq(STREAM_POINTS), 8);
}

static void a_crash_continues_the_open_session(void **state)
{
	(void)state;
	struct session before, after;
	positions(0, 3);
	assert_true(open_session(&before));
	capture_free(capture); /* the points that wait are lost, as the promise says */
	start();
	positions(100, 102);
	stop(103);
	assert_int_equal(last_seq(STREAM_POINTS), 6);
	assert_int_equal(point_at(6).session, before.id);
	assert_int_equal(store_session_by_id(store, before.id, &after, NULL), 0);
	assert_int_equal(after.status, SESSION_PAUSED);
	capture_free(capture);
	/* But not after too long: then it has ended with its last point. */
	start();
	positions(1003, 1012);
	stop(1013);
	assert_int_equal(store_session_by_id(store, before.id, &after, NULL), 0);
	assert_int_equal(after.status, SESSION_ENDED);
	assert_true(after.ended_at_ms == T0 + 102000);
	assert_int_equal(point_at(7).session, before.id + 1);
}

static void a_mark_is_no_fix(void **state)
{
	(void)state;
	struct session session;
	positions(0, 2);
	assert_int_equal(feed(GNSS_NO_FIX, 3), 0);
	assert_true(open_session(&session));
	conf.capture_stop = CAPTURE_STOP_END;
	struct point mark = {.recorded_at_ms = T0 + 900000, .session = (int32_t)session.id, .source = POINT_MANUAL};
	assert_int_equal(store_append_points(store, &mark, 1, NULL), 0);
	stop(4);
	assert_int_equal(store_session_by_id(store, session.id, &session, NULL), 0);
	assert_true(session.ended_at_ms == T0 + 2000);
}

static void a_session_without_a_fix_is_left_to_the_next_start(void **state)
{
	(void)state;
	struct session session;
	person_starts();
	stop(1);
	assert_true(open_session(&session));
	assert_int_equal(session.status, SESSION_ACTIVE);
}

/* ---- a store that fails --------------------------------------------------------------------------------------- */

/* No file of this process may grow: as on a full disk. */
static void fill_disk(bool full)
{
	struct rlimit limit;
	struct stat info = {0};
	char wal[96];
	snprintf(wal, sizeof wal, "%s-wal", path);
	stat(wal, &info);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? (rlim_t)info.st_size : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_loses_nothing(void **state)
{
	(void)state;
	struct err e = {0};
	struct session session;
	fill_disk(true);
	positions(0, 2);
	assert_int_not_equal(feed(GNSS_POSITION, 3), 0); /* the session can't be opened */
	assert_true(capture_failing(capture));
	assert_null(capture_session(capture));
	assert_int_equal(feed(GNSS_POSITION, 4), 0);     /* not tried again at once … */
	assert_int_not_equal(feed(GNSS_POSITION, 5), 0); /* … but soon */
	assert_int_equal(feed(GNSS_NO_FIX, 6), 0);
	assert_int_equal(facts().waiting_points, 6);
	assert_int_equal(last_seq(STREAM_POINTS), 0);
	assert_false(open_session(&session));
	fill_disk(false);
	assert_int_equal(capture_tick(capture, capture_deadline(capture), &e), 0);
	assert_false(capture_failing(capture));
	assert_int_equal(last_seq(STREAM_POINTS), 6);
	assert_true(open_session(&session));
	assert_true(session.started_at_ms == T0);
	assert_int_equal(point_at(1).session, session.id);
	assert_int_equal(point_at(6).session, session.id);
	assert_string_equal(events_from(2), "session_start fix_regained fix_lost");
}

static void a_person_may_be_first(void **state)
{
	(void)state;
	struct session session;
	fill_disk(true);
	positions(0, 2);
	assert_int_not_equal(feed(GNSS_POSITION, 3), 0);
	fill_disk(false);
	person_starts();
	positions(4, 7);
	assert_true(open_session(&session));
	assert_string_equal(session.user_id, "bob");
	assert_int_equal(point_at(1).session, session.id);
}

static void memory_is_bounded_and_says_so(void **state)
{
	(void)state;
	enum { TOO_MANY = 100 };
	positions(0, 3);
	fill_disk(true);
	for (int second = 4; second < PENDING_POINTS_MAX + 4 + TOO_MANY; second++) {
		struct gnss_report report = report_of(GNSS_POSITION, second);
		report.mono_ms = MONO + 30000; /* all within one breath: the commit is not tried for each of them */
		capture_feed(capture, &report, NULL);
	}
	assert_true(capture_failing(capture));
	assert_int_equal(facts().waiting_points, PENDING_POINTS_MAX);
	assert_int_equal(facts().overrun, TOO_MANY);
	fill_disk(false);
	/* The open epoch is closed by now, and finds no room either. */
	assert_int_equal(capture_tick(capture, capture_deadline(capture), NULL), 0);
	assert_int_equal(last_seq(STREAM_POINTS), PENDING_POINTS_MAX + 3);
	assert_int_equal(capture_tick(capture, MONO + 200000, NULL), 0);
	stop(PENDING_POINTS_MAX + 200);
	struct event event = event_at(4);
	assert_string_equal(event.event_type, "overrun");
	assert_memory_equal(event.payload, "{\"reports\":101,\"for_s\":", 23);
	event_free(&event);
	assert_string_equal(events_from(5), "session_pause agent_stop");
}

static void a_stop_that_can_not_write_says_so(void **state)
{
	(void)state;
	struct err e = {0};
	positions(0, 3);
	fill_disk(true);
	assert_int_not_equal(capture_stop(capture, "test", MONO + 5000, &e), 0);
	assert_int_not_equal(e.code, 0);
	fill_disk(false);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	const struct CMUnitTest tests[] = {
		test(movement_opens_a_session_and_a_stop_pauses_it),
		test(points_wait_for_the_interval),
		test(nothing_is_due_before_it_can_be_done),
		test(or_for_their_number),
		test(losing_and_finding_the_fix),
		test(gpsd_gone_and_back),
		test(what_is_refused_is_counted),
		test(manual_keeps_only_inside_a_session),
		test(a_person_pauses_resumes_and_ends),
		test(a_rest_pauses_and_ends_and_movement_resumes),
		test(the_last_fix_before_a_silence_is_kept),
		test(a_flapping_fix_costs_no_points),
		test(a_stretch_that_comes_twice_hides_nothing),
		test(other_heartbeats_are_told),
		test(a_silence_pauses_and_ends),
		test(a_recording_that_ends_ends_its_session),
		test(the_ignition_opens_and_ends),
		test(a_session_paused_by_a_person_stays_so),
		test(a_session_paused_by_a_stop_goes_on),
		test(a_crash_continues_the_open_session),
		test(a_mark_is_no_fix),
		test(a_session_without_a_fix_is_left_to_the_next_start),
		test(a_full_disk_loses_nothing),
		test(a_person_may_be_first),
		test(memory_is_bounded_and_says_so),
		test(a_stop_that_can_not_write_says_so),
	};
	return cmocka_run_group_tests(tests, set_up, remove_folder);
}
