/* Days of driving and parking as receivers of every kind see them, through the pure policies: sampling, motion and journeys. How it all
 * comes into a store is in test_journeys.c. */
#include "agent/sampler.h"
#include "agent/trips.h"
#include "hal/summary.h"
#include "tests/unit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 86400, JOURNEYS_MAX = 64, LOOK_MS = 10000, MONO_MS = 1000000 };
static const int64_t T0 = 1767225600000; /* a midnight */

struct journey {
	int64_t from_ms, to_ms;
};

struct unit {
	struct world world;
	struct sampling sampling;
	struct sampler sampler;
	struct trips trips;
	struct summary summary; /* of every point that was kept */
	struct journey found[JOURNEYS_MAX], truth[JOURNEYS_MAX];
	size_t founds, truths;
};

static void decide(struct unit *u)
{
	const struct trips_rules rules = {CAPTURE_SESSION_AUTO, 180000, 900000, false};
	struct trips_decision d;
	while (trips_decide(&u->trips, &rules, &d)) {
		assert_true(u->founds < JOURNEYS_MAX);
		if (d.cause == SESSION_BY_MOVEMENT && (!u->founds || u->found[u->founds - 1].to_ms < 0))
			u->found[u->founds++].from_ms = d.at_ms;
		else if (d.to != SESSION_ACTIVE)
			u->found[u->founds - 1].to_ms = d.to == SESSION_ENDED ? -d.at_ms : d.at_ms;
	}
}

static void sees(struct world *w, void *user)
{
	struct unit *u = user;
	struct point fix;
	int64_t mono_ms = w->now_ms - T0 + MONO_MS;
	bool is_fix = world_fix(w, &fix);
	enum verdict verdict = is_fix ? sampler_feed(&u->sampler, &u->sampling, &fix, false) : VERDICT_COUNT;
	if (verdict_kept(verdict)) {
		for (size_t i = 0; i < u->sampler.recalled_count; i++)
			summary_add(&u->summary, &u->sampler.held[i]);
		summary_add(&u->summary, &fix);
	}
	if (is_fix || w->now_ms % LOOK_MS == 0)
		trips_time(&u->trips, trips_now(&u->trips, mono_ms));
	decide(u);
	if (verdict > VERDICT_THINNED)
		return;
	trips_fix(&u->trips, &u->sampler.motion, fix.recorded_at_ms, mono_ms);
	decide(u);
}

static void rests(struct unit *u, int64_t seconds)
{
	world_rest(&u->world, seconds, sees, u);
}

/* Whether it goes on with the journey before it, the truth says. */
static void drives(struct unit *u, int64_t seconds, bool another)
{
	world_drive(&u->world, seconds, sees, u);
	if (another)
		u->truth[u->truths++].from_ms = u->world.started_ms;
	u->truth[u->truths - 1].to_ms = u->world.stopped_ms;
}

static void commute(struct unit *u)
{
	rests(u, 60 * random_in(20, 40));
	drives(u, 60 * random_in(12, 50), true);
	rests(u, random_in(4 * 60, 10 * 60)); /* the baker's */
	drives(u, 60 * random_in(4, 12), false);
	rests(u, 60 * random_in(30, 500));
	drives(u, 60 * random_in(12, 50), true);
	rests(u, 60 * random_in(18, 200));
}

struct kind {
	const char *name;
	struct world_receiver receiver;
	int off_s;          /* start and end of a journey may be so wrong */
	double parked_m;    /* and a day of parking so long */
	bool parks_quietly; /* never takes a day of parking for a journey */
};
static const struct kind kinds[] = {
	{"good", {.wander_m = 3, .jumps = 0.0005}, 5, 5, true},
	{"between houses", {.wander_m = 8, .jumps = 0.002}, 5, 50, true},
	{"wandering far, seldom and wrong now and then",
     {.wander_m = 5, .wander_min = 20, .jumps = 0.001, .jump_s = 300, .wrong = 0.001},
     5,
     50,
     true},
	{"each fix for itself", {.wander_m = 2, .white_m = 3, .jumps = 0.0005, .jump_s = 20}, 15, 5, true},
	{"no speeds", {.wander_m = 3, .jumps = 0.0005, .speeds = WORLD_NONE}, 300, 1000, true},
	{"no speeds, each fix for itself", {.wander_m = 2, .white_m = 3, .speeds = WORLD_NONE}, 300, 1000, true},
	{"no speeds, between houses", {.wander_m = 8, .jumps = 0.001, .speeds = WORLD_NONE}, 300, 2000, false},
	{"speeds from noise", {.wander_m = 3, .white_m = 1, .jumps = 0.0005, .speeds = WORLD_POSITIONS}, 180, 2000, true},
	{"speeds from much noise",
     {.wander_m = 3, .white_m = 3, .jumps = 0.0005, .speeds = WORLD_POSITIONS},
     180,
     9000,
     false},
};

static struct unit *unit(const struct kind *kind)
{
	static struct unit u;
	struct conf_unit conf;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &conf, NULL), 0);
	u = (struct unit){.sampling = sampling_of(&conf),
	                  .world = {.now_ms = T0, .lat = 47.3, .lng = 8.5, .receiver = kind->receiver}};
	trips_open(&u.trips, &(struct trips_found){0}, MONO_MS);
	return &u;
}

static void check_journeys(const struct kind *kind, const struct unit *u)
{
	for (size_t i = 0; i < u->truths && i < u->founds; i++) {
		int64_t late_ms = u->found[i].from_ms - u->truth[i].from_ms, later_ms = -u->found[i].to_ms - u->truth[i].to_ms;
		if (llabs(late_ms) > kind->off_s * 1000 || llabs(later_ms) > kind->off_s * 1000)
			fail_msg("%s: journey %zu: %.1f s after its start, %.1f s after its end", kind->name, i,
			         (double)late_ms / 1000, (double)later_ms / 1000);
	}
	if (u->founds != u->truths)
		fail_msg("%s: %zu journeys, in truth %zu", kind->name, u->founds, u->truths);
}

static void days_of_commuting(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct unit *u = unit(&kinds[i]);
		int days = kinds[i].parks_quietly ? 4 : 16; /* what is rare there needs longer to be seen */
		for (int day = 0; day < days; day++)
			commute(u);
		check_journeys(&kinds[i], u);
	}
}

static void a_day_of_parking(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct unit *u = unit(&kinds[i]);
		drives(u, 600, true);
		double driven_m = u->summary.distance_m;
		rests(u, DAY_S);
		double parked_m = u->summary.distance_m - driven_m;
		if (parked_m > kinds[i].parked_m)
			fail_msg("%s: %.0f m in a day of parking", kinds[i].name, parked_m);
		if (kinds[i].parks_quietly)
			check_journeys(&kinds[i], u);
	}
}

int main(void)
{
	random_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_of_commuting),
		cmocka_unit_test(a_day_of_parking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
