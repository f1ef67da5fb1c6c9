/* A day of holes, from reports through capture into a real store, and what alzy gaps says of each, against truth to the second. What takes
 * another agent, or another boot, is in tests/e2e/gaps.t. */
#include "agent/capture.h"
#include "hal/gaps.h"
#include "tests/unit/store_rig.h"

enum { MONO = 1000000, SLACK_MS = 1000, TRUTHS_MAX = 16 };
static const int64_t DAY = 1744413248000;

struct day {
	struct rig *rig;
	struct conf_unit conf;
	struct capture *capture;
	int second;
	int32_t lat_e7;
	struct truth {
		int from, to;
		enum gap_cause cause;
	} truths[TRUTHS_MAX];
	size_t truth_count;
};

static void feed(struct day *day, struct gnss_report report)
{
	report.mono_ms = MONO + (int64_t)day->second * 1000;
	strcpy(report.device, "/dev/gnss0");
	OK(capture_feed(day->capture, &report, &e));
}

/* A fix a second for so many seconds: at this speed, this accurate. */
static void fixes(struct day *day, int seconds, int speed_mps, int accuracy_m)
{
	for (; seconds > 0; seconds--) {
		day->lat_e7 += speed_mps * 90;
		struct gnss_report report = {.kind = GNSS_POSITION, .mode = 3, .has_time = true};
		report.fix = (struct point){.recorded_at_ms = DAY + (int64_t)day->second * 1000,
		                            .lat_e7 = day->lat_e7,
		                            .lng_e7 = 2,
		                            .accuracy_dm = accuracy_m * 10,
		                            .speed_cmps = speed_mps * 100,
		                            .heading_ddeg = 0,
		                            .altitude_dm = 5};
		feed(day, report);
		day->second++;
	}
}

static void drive(struct day *day, int seconds)
{
	fixes(day, seconds, 10, 5);
}

static void nothing(struct day *day, int seconds)
{
	for (; seconds > 0; seconds--, day->second++)
		OK(capture_tick(day->capture, MONO + (int64_t)day->second * 1000, &e));
}

/* From `before` seconds ago, or if negative, from now on, for so many seconds. */
static void truth(struct day *day, int before, int seconds, enum gap_cause cause)
{
	assert_true(day->truth_count < TRUTHS_MAX);
	int from = day->second - before;
	day->truths[day->truth_count++] = (struct truth){from, from + seconds, cause};
}

static void no_fix(struct day *day)
{
	truth(day, 1, 101, GAP_NO_FIX);
	feed(day, (struct gnss_report){.kind = GNSS_NO_FIX, .mode = 1});
	nothing(day, 100);
}

/* Standing, with heartbeats; then the receiver falls silent in between two of them, which is told ten seconds later. */
static void silent_while_standing(struct day *day)
{
	fixes(day, 155, 0, 5);
	truth(day, 25, 24, GAP_STANDING);
	truth(day, 1, 111, GAP_RECEIVER_SILENT);
	nothing(day, 10);
	feed(day, (struct gnss_report){.kind = GNSS_SILENT, .silence = GNSS_SILENT_RECEIVER, .silent_ms = 11000});
	nothing(day, 100);
}

static void gpsd_gone(struct day *day)
{
	truth(day, 1, 101, GAP_GPSD_GONE);
	truth(day, -100, 40, GAP_NO_FIX);
	feed(day, (struct gnss_report){.kind = GNSS_GONE});
	nothing(day, 100);
	feed(day, (struct gnss_report){.kind = GNSS_BACK});
	nothing(day, 40);
}

/* By the command line. */
static void person(struct day *day, enum session_status to)
{
	struct store *store;
	struct session session;
	bool found;
	OK(store_open(&store, day->rig->path, STORE_WRITE, &e));
	OK(store_session_open(store, &session, &found, &e));
	assert_true(found);
	OK(store_begin(store, &e));
	OK(store_session_change(store, to, DAY + day->second * 1000, SESSION_BY_PERSON, &session, &e));
	OK(store_end(store, 0, &e));
	store_close(store);
	capture_notice(day->capture);
}

static void paused(struct day *day)
{
	truth(day, 1, 201, GAP_PAUSED);
	person(day, SESSION_PAUSED);
	drive(day, 200);
	person(day, SESSION_ACTIVE);
}

static void refused(struct day *day)
{
	truth(day, 1, 201, GAP_REFUSED);
	fixes(day, 200, 10, 5000);
}

/* ---- what is said of it -------------------------------------------------------------------------------------------- */

static int take_event(const struct event *event, void *user, struct err *e)
{
	return evidence_add(user, event, e);
}

static int take_point(const struct point *point, void *user, struct err *e)
{
	return gaps_point(user, point, e);
}

static void check(struct day *day)
{
	struct evidence evidence = {0};
	struct gaps gaps = {0};
	struct gap_part *parts = NULL;
	size_t count;
	OK(store_each_event(day->rig->store, take_event, &evidence, &e));
	OK(gaps_begin(&gaps, 61000, &e));
	OK(store_each_point(day->rig->store, &(struct point_filter){0}, take_point, &gaps, &e));
	gaps_limit(&gaps, DAY, DAY + day->second * 1000);
	OK(gaps_explain(&gaps, &evidence, TIME_MS_MIN, TIME_MS_MAX, &parts, &count, &e));
	for (size_t i = 0; i < count || i < day->truth_count; i++) {
		struct truth t = i < day->truth_count ? day->truths[i] : (struct truth){0};
		struct gap_part p = i < count ? parts[i] : (struct gap_part){0};
		if (p.cause != t.cause || llabs(p.from_ms - DAY - t.from * 1000) > SLACK_MS ||
		    llabs(p.to_ms - DAY - t.to * 1000) > SLACK_MS)
			fail_msg("part %zu: %s from %g to %g, in truth %s from %d to %d", i, gap_cause_name(p.cause),
			         (double)(p.from_ms - DAY) / 1000, (double)(p.to_ms - DAY) / 1000, gap_cause_name(t.cause), t.from,
			         t.to);
	}
	free(parts);
	gaps_free(&gaps);
	evidence_free(&evidence);
}

static void test_each_cause(void **state)
{
	static void (*const holes[])(struct day * day) = {no_fix, silent_while_standing, gpsd_gone, paused, refused};
	struct day day = {.rig = *state};
	OK(conf_load(&conf_unit_table, NULL, &day.conf, &e));
	strcpy(day.conf.clock_floor, "none");
	OK(capture_open(&day.capture, day.rig->store, &day.conf, false, &e));
	drive(&day, 100);
	for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
		holes[i](&day);
		drive(&day, 100);
	}
	OK(capture_tick(day.capture, MONO + (int64_t)day.second * 1000 + 60000, &e));
	check(&day);
	capture_free(day.capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_cause, rig_setup, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
