/* A month of commuting and a week of parking, as a noisy receiver sees them, through capture into a real store: against the
 * truth that only the simulated world knows. */
#include "agent/capture.h"
#include "agent/motion.h"
#include "hal/clock.h"
#include "hal/summary.h"
#include "tests/unit/scratch.h"
#include "tests/unit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY_S = 86400, JOURNEYS_MAX = 400, NEAR_MS = 5000, PARKED_M = 50 /* in a week */ };

static const int64_t T0 = 1767225600000; /* a midnight */
static struct store *store;
static struct conf_unit conf;
static struct capture *capture;
static struct world world;
static int64_t mono_at_t0_ms;

struct journey_truth {
	int64_t from_ms, to_ms;
	double covered_m;
};
static struct journey_truth truth[JOURNEYS_MAX];
static size_t truths;

/* ---- a unit in the world ---------------------------------------------------------------------------------------- */

static int64_t mono_ms(void)
{
	return mono_at_t0_ms + world.now_ms - T0;
}

static void unit_on(void)
{
	struct err e = {0};
	assert_int_equal(store_open(&store, path, STORE_CREATE, &e), 0);
	assert_int_equal(capture_open(&capture, store, &conf, false, &e), 0);
}

/* Cleanly, or as if the power was cut. */
static void unit_off(bool clean)
{
	struct err e = {0};
	if (clean)
		assert_int_equal(capture_stop(capture, "test", mono_ms(), &e), 0);
	capture_free(capture);
	store_close(store);
	capture = NULL;
	store = NULL;
}

static void sees(struct world *w, void *user)
{
	(void)user;
	struct gnss_report report = {
		.kind = GNSS_POSITION, .mono_ms = mono_ms(), .mode = 3, .has_time = true, .device = "/dev/gnss0"};
	struct err e = {0};
	if (!capture)
		return;
	if (world_fix(w, &report.fix))
		assert_int_equal(capture_feed(capture, &report, &e), 0);
	else if (w->now_ms % 10000 == 0)
		assert_int_equal(capture_tick(capture, mono_ms(), &e), 0);
}

static void rests(int64_t seconds)
{
	world_rest(&world, seconds, sees, NULL);
}

/* Whether it goes on with the journey before it, the truth says. */
static void drives(int64_t seconds, bool another)
{
	double before_m = world.covered_m;
	world_drive(&world, seconds, sees, NULL);
	assert_true(truths < JOURNEYS_MAX);
	if (another)
		truth[truths++] = (struct journey_truth){.from_ms = world.started_ms};
	truth[truths - 1].to_ms = world.stopped_ms;
	truth[truths - 1].covered_m += world.covered_m - before_m;
}

/* ---- what was recorded ------------------------------------------------------------------------------------------ */

struct recorded {
	struct summary summary;
	double raw_m;
	struct point last;
	bool any;
};

static int add(const struct point *point, void *user, struct err *e)
{
	struct recorded *r = user;
	(void)e;
	summary_add(&r->summary, point);
	if (r->any)
		r->raw_m += motion_distance_m(&r->last, point);
	r->any = true;
	r->last = *point;
	return 0;
}

static struct recorded read_points(const struct point_filter *filter)
{
	struct recorded r = {0};
	struct err e = {0};
	assert_int_equal(store_each_point(store, filter, add, &r, &e), 0);
	return r;
}

static struct recorded recorded(int64_t session)
{
	return read_points(&(struct point_filter){.session = session});
}

static bool near_to(int64_t a_ms, int64_t b_ms)
{
	return llabs(a_ms - b_ms) <= NEAR_MS;
}

/* The sessions of the store are the journeys of the truth, no more and no less. */
static double same_journeys(void)
{
	struct session *sessions;
	struct err e = {0};
	size_t count;
	double worst = 0;
	assert_int_equal(store_session_list(store, JOURNEYS_MAX, &sessions, &count, &e), 0);
	for (size_t i = 0; i < count && i < truths; i++) {
		const struct session *s = &sessions[count - 1 - i];
		const struct journey_truth *t = &truth[i];
		if (!near_to(s->started_at_ms, t->from_ms) ||
		    (s->status == SESSION_ENDED && !near_to(s->ended_at_ms, t->to_ms)))
			fail_msg("journey %zu: %.1f s after its start, %.1f s after its end", i,
			         (double)(s->started_at_ms - t->from_ms) / 1000, (double)(s->ended_at_ms - t->to_ms) / 1000);
		double wrong = recorded(s->id).summary.distance_m / t->covered_m - 1;
		worst = fabs(wrong) > fabs(worst) ? wrong : worst;
	}
	assert_int_equal(count, truths);
	free(sessions);
	return worst;
}

/* ---- the tests ---------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	return make_folder("store.db");
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &conf, NULL), 0);
	mono_at_t0_ms = clock_mono_ms();
	world = (struct world){.now_ms = T0, .lat = 47.3, .lng = 8.5, .receiver = {.wander_m = 3, .jumps = 0.0005}};
	truths = 0;
	unit_on();
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (capture)
		unit_off(false);
	remove_file();
	return 0;
}

static void a_month_of_commuting(void **state)
{
	(void)state;
	for (int day = 0; day < 30; day++) {
		rests(60 * random_in(20, 40));
		drives(60 * random_in(12, 50), true);
		if (random_in(0, 2) == 0) { /* the baker's */
			rests(random_in(4 * 60, 13 * 60));
			drives(60 * random_in(4, 12), false);
		}
		bool restart = random_in(0, 3) == 0;
		rests(restart ? random_in(60, 600) : 60 * random_in(18, 60));
		if (restart) { /* off while parked, cleanly or not, for a while or for hours */
			unit_off(random_in(0, 1));
			rests(60 * random_in(30, 300));
			unit_on();
			rests(random_in(0, 300));
		}
		drives(60 * random_in(12, 50), true);
		if (random_in(0, 4) == 0) { /* a restart on the way, by which no journey is cut */
			unit_off(random_in(0, 1));
			drives(20, false);
			unit_on();
			drives(600, false);
		}
		rests(60 * random_in(18, 40));
	}
	double worst = same_journeys();
	double covered_m = 0, found_m = 0;
	for (size_t i = 0; i < truths; i++) {
		covered_m += truth[i].covered_m;
		found_m += recorded((int64_t)i + 1).summary.distance_m;
	}
	print_message("# %zu journeys, %.0f km, recorded %+.2f %%, at worst %+.2f %% of one\n", truths, covered_m / 1000,
	              100 * (found_m / covered_m - 1), 100 * worst);
	assert_true(fabs(found_m / covered_m - 1) < 0.01);
	assert_true(fabs(worst) < 0.02);
}

static void a_week_of_parking(void **state)
{
	(void)state;
	double full_m = 0;
	struct point before = {0}, fix;
	world.receiver.wander_m = 8;      /* between houses */
	conf.commit_interval_ms = 600000; /* it is not flash that is tried here */
	world.receiver.jumps = 0.002;
	drives(600, true);
	for (int i = 0; i < 7 * DAY_S; i++) {
		rests(1);
		world_fix(&world, &fix);
		full_m += before.recorded_at_ms ? motion_distance_m(&before, &fix) : 0;
		before = fix;
	}
	same_journeys();
	struct err e = {0};
	assert_int_equal(capture_stop(capture, "test", mono_ms(), &e), 0);
	struct recorded parked = read_points(&(struct point_filter){.from_ms = truth[0].to_ms, .to_ms = TIME_MS_MAX});
	print_message("# parked, metres a day: every fix %.0f, every point %.0f (%.0f points), the odometer %.1f\n",
	              full_m / 7, parked.raw_m / 7, (double)parked.summary.points / 7, parked.summary.distance_m / 7);
	assert_true(parked.summary.distance_m < PARKED_M);
	assert_true(parked.raw_m < full_m / 4);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	random_start();
	const struct CMUnitTest tests[] = {
		test(a_month_of_commuting),
		test(a_week_of_parking),
	};
	return cmocka_run_group_tests(tests, set_up, remove_folder);
}
