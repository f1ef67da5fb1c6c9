/* Which fixes are kept: the presets, each reason, what can't be true, drift, and the edges of the Earth. */
#include "agent/sampler.h"
#include "tests/unit/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const int64_t T0 = 1744413248000;
static struct sampler sampler;
static struct sampling s;

static struct sampling preset(int sampling)
{
	struct conf_unit conf;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &conf, NULL), 0);
	conf.sampling = sampling;
	return sampling_of(&conf);
}

static int begin(void **state)
{
	(void)state;
	sampler = (struct sampler){0};
	s = preset(CAPTURE_SAMPLING_DETAILED);
	return 0;
}

/* East by so many metres on the 50th parallel. */
static struct point at_m(double seconds, double east_m, double speed_mps)
{
	return (struct point){.recorded_at_ms = T0 + (int64_t)llround(seconds * 1000),
	                      .lat_e7 = 500000000,
	                      .lng_e7 = (int32_t)lround(east_m / 71695.8 * 1e7),
	                      .accuracy_dm = 50,
	                      .speed_cmps = isnan(speed_mps) ? ROW_ABSENT : (int32_t)lround(speed_mps * 100),
	                      .heading_ddeg = 900,
	                      .altitude_dm = ROW_ABSENT};
}

static enum verdict feed(struct point fix)
{
	return sampler_feed(&sampler, &s, &fix, false);
}

static enum verdict at(double seconds, double east_m, double speed_mps)
{
	return feed(at_m(seconds, east_m, speed_mps));
}

/* Drives east from the first to the last second at the speed; returns how many were kept. */
static int drive(double first, double last, double step, double from_m, double speed_mps)
{
	int kept = 0;
	for (int i = 0; first + i * step <= last + step / 2; i++)
		kept +=
			verdict_kept(at(first + i * step, from_m + i * step * speed_mps, speed_mps)) + (int)sampler.recalled_count;
	return kept;
}

static int stand(double first, double last, double at_metres)
{
	int kept = 0;
	for (double second = first; second <= last; second++)
		kept += verdict_kept(at(second, at_metres, 0));
	return kept;
}

/* ---- presets ---------------------------------------------------------------------------------------------------- */

static void all_keeps_everything(void **state)
{
	(void)state;
	s = preset(CAPTURE_SAMPLING_ALL);
	assert_int_equal(at(0, 0, 0), VERDICT_KEPT_FIRST);
	assert_int_equal(at(1, 1e6, 0), VERDICT_KEPT_ALL); /* a jump, … */
	assert_int_equal(at(1, 1e6, 0), VERDICT_KEPT_ALL); /* the same time, … */
	assert_true(verdict_kept(at(-5000, 0, 0)));        /* an older one, … */
	struct point poor = at_m(2, 0, 0);
	poor.accuracy_dm = 90000;
	assert_int_equal(sampler_feed(&sampler, &s, &poor, true), VERDICT_KEPT_ALL); /* one that is poor and made up */
	s.accuracy_max_m = 100;
	assert_int_equal(feed(poor), VERDICT_REFUSED_ACCURACY); /* but not when that is said */
	assert_int_equal(stand(10, 3600, 0), 3591);
}

static void a_key_wins_over_the_preset(void **state)
{
	(void)state;
	struct conf_unit conf;
	assert_int_equal(conf_load(&conf_unit_table, NULL, &conf, NULL), 0);
	assert_int_equal(sampling_of(&conf).interval_ms, 1000);
	assert_int_equal(sampling_of(&conf).heartbeat_ms, 60000);
	assert_false(sampling_of(&conf).simulated);
	conf.interval_ms = 0;
	conf.distance_m = 50;
	conf.simulated = CAPTURE_SIMULATED_KEEP;
	assert_int_equal(sampling_of(&conf).interval_ms, 0);
	assert_int_equal(sampling_of(&conf).distance_m, 50);
	assert_true(sampling_of(&conf).simulated);
	assert_int_equal(sampling_of(&conf).heartbeat_ms, 60000);
}

static void a_second_is_a_second(void **state)
{
	(void)state;
	/* 1 Hz, never quite. */
	static const int jitter_ms[] = {0, 40, -50, 10, -40, 50, 0, -50, 50, -20};
	for (int i = 0; i < 1000; i++)
		assert_true(verdict_kept(at(i + jitter_ms[i % 10] / 1000.0, i * 10, 10)));
}

static void ten_in_a_second_are_thinned_evenly(void **state)
{
	(void)state;
	int kept = drive(0, 100, 0.1, 0, 20);
	assert_in_range(kept, 100, 103);
	int64_t last_ms = sampler.kept.recorded_at_ms;
	for (int i = 1; i <= 200; i++) {
		if (!verdict_kept(at(100 + i * 0.1, 2000 + i * 2, 20)))
			continue;
		assert_int_equal(sampler.kept.recorded_at_ms - last_ms, 1000);
		last_ms = sampler.kept.recorded_at_ms;
	}
}

static void each_reason(void **state)
{
	(void)state;
	s = (struct sampling){.interval_ms = 60000,
	                      .heartbeat_ms = 60000,
	                      .distance_m = 100,
	                      .angle_deg = 15,
	                      .speed_delta_mps = 5,
	                      .standing_radius_m = 15};
	assert_int_equal(at(0, 0, 10), VERDICT_KEPT_FIRST);
	for (int i = 1; i < 10; i++)
		assert_int_equal(at(i, i * 10, 10), VERDICT_THINNED);
	assert_int_equal(at(10, 100.1, 10), VERDICT_KEPT_DISTANCE);
	assert_int_equal(at(11, 110, 14.9), VERDICT_THINNED);
	assert_int_equal(at(12, 120, 15), VERDICT_KEPT_SPEED);
	struct point turning = at_m(13, 130, 15);
	turning.heading_ddeg = 1049;
	assert_int_equal(feed(turning), VERDICT_THINNED);
	turning = at_m(14, 140, 15);
	turning.heading_ddeg = 1050;
	assert_int_equal(feed(turning), VERDICT_KEPT_ANGLE);
	s.distance_m = 0;
	turning = at_m(74, 1000, 15);
	turning.heading_ddeg = 1050;
	assert_int_equal(feed(turning), VERDICT_KEPT_INTERVAL);
}

/* North, or by the angle beside it, by so many metres. */
static struct point north_m(double seconds, double metres, double angle_deg, double speed_mps, int heading_ddeg)
{
	struct point fix = at_m(seconds, metres * sin(angle_deg * M_PI / 180), speed_mps);
	fix.lat_e7 += (int32_t)lround(metres * cos(angle_deg * M_PI / 180) / 111200 * 1e7);
	fix.heading_ddeg = heading_ddeg;
	return fix;
}

static void headings_meet_in_the_north(void **state)
{
	(void)state;
	s.interval_ms = 60000;
	s.angle_deg = 10;
	feed(north_m(0, 0, 0, 10, 3560));
	assert_int_equal(feed(north_m(1, 10, 0, 10, 20)), VERDICT_THINNED);
	assert_int_equal(feed(north_m(2, 20.5, 0, 10, 60)), VERDICT_KEPT_ANGLE);
	/* What hardly moves has a heading of noise. */
	assert_int_equal(feed(north_m(3, 21, 0, 1, 1800)), VERDICT_THINNED);
	sampler_begin_anew(&sampler);
	assert_int_equal(feed(north_m(3.1, 21, 0, 1, 1800)), VERDICT_KEPT_FIRST);
	assert_int_equal(feed(north_m(4, 23, 0, 3, 60)), VERDICT_THINNED);
}

/* Who gives no heading has gone somewhere for all that; round the north, a pole and the antimeridian. */
static void the_way_tells_where_it_goes(void **state)
{
	(void)state;
	static const int32_t places[][2] = {
		{500000000, 0}, {500000000, LNG_E7_MAX}, {-330000000, -LNG_E7_MAX + 500}, {0, 0}};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int speaks = 0; speaks < 2; speaks++) {
			int kept = 0;
			sampler = (struct sampler){0};
			s = preset(CAPTURE_SAMPLING_DETAILED);
			s.interval_ms = 600000;
			s.angle_deg = 10;
			double angle_deg = 355, north = 0,
				   east = 0; /* a straight road, a bend to the right by 60 degrees, a straight one */
			for (int second = 0; second < 180; second++) {
				angle_deg += second >= 60 && second < 72 ? 5 : 0;
				north += 10 * cos(angle_deg * M_PI / 180);
				east += 10 * sin(angle_deg * M_PI / 180);
				struct point fix = at_m(second, 0, speaks ? 10 : NAN);
				int64_t lng_e7 = places[i][1] + llround(east / 111320 / cos(places[i][0] / 1e7 * M_PI / 180) * 1e7);
				fix.lat_e7 = places[i][0] + (int32_t)lround(north / 111200 * 1e7);
				fix.lng_e7 = (int32_t)(lng_e7 > LNG_E7_MAX    ? lng_e7 - 2 * (int64_t)LNG_E7_MAX
				                       : lng_e7 < -LNG_E7_MAX ? lng_e7 + 2 * (int64_t)LNG_E7_MAX
				                                              : lng_e7);
				fix.heading_ddeg = ROW_ABSENT;
				if (feed(fix) == VERDICT_KEPT_ANGLE) {
					kept++;
					assert_in_range(second, 61, 75);
				}
			}
			assert_in_range(kept, 4, 6);
		}
}

/* ---- rest and departure ----------------------------------------------------------------------------------------- */

static void a_rest_and_a_departure(void **state)
{
	(void)state;
	assert_int_equal(drive(0, 60, 1, 0, 10), 61);
	assert_int_equal(sampler.motion.state, MOTION_MOVING);
	assert_true(sampler.motion.since_ms == T0);
	for (int i = 61; i < 71; i++)
		assert_int_equal(at(i, 600, 0), VERDICT_KEPT_INTERVAL);
	assert_int_equal(at(71, 600, 0), VERDICT_KEPT_REST);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	assert_true(sampler.motion.since_ms == T0 + 61000);
	assert_int_equal(stand(72, 71 + 600, 600), 10);
	/* It speeds up: the fixes since it began to are kept after all, in their order. */
	assert_int_equal(at(672, 600.2, 0.4), VERDICT_THINNED);
	assert_int_equal(at(673, 601, 1.5), VERDICT_THINNED);
	assert_int_equal(at(674, 604, 4), VERDICT_THINNED);
	assert_int_equal(at(675, 609, 6), VERDICT_THINNED);
	assert_int_equal(at(676, 617, 9), VERDICT_KEPT_DEPARTURE);
	assert_int_equal(sampler.recalled_count, 3);
	for (int i = 0; i < 3; i++)
		assert_true(sampler.held[i].recorded_at_ms == T0 + 673000 + i * 1000);
	assert_true(sampler.motion.since_ms == T0 + 673000);
	assert_int_equal(at(677, 628, 11), VERDICT_KEPT_INTERVAL);
	assert_int_equal(sampler.recalled_count, 0);
}

static void an_outlier_ends_no_rest(void **state)
{
	(void)state;
	stand(0, 100, 0);
	struct sampler rest = sampler;
	for (int i = 0; i < 3; i++) {
		sampler = rest;
		/* Far and without speed; near with a speed out of nothing; both. */
		at(101, i == 1 ? 3 : 80, i == 0 ? 0 : 30);
		assert_int_equal(sampler.motion.state, MOTION_STANDING);
		assert_int_equal(stand(102, 300, 0), 3);
		assert_true(sampler.motion.since_ms == T0);
	}
	/* Neither do many that jump, with speeds that do not explain it. */
	for (int i = 301; i < 400; i++)
		at(i, i % 7 > 3 ? 60 : 0, 0.8);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	sampler = rest;
	for (int i = 0; i < 5; i++) /* a creep of the position that its speeds don't explain */
		at(101 + i, i * 14, 0.6);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
}

/* A receiver whose speeds are never quiet, and an outlier on the way. */
static void a_noisy_rest(void **state)
{
	(void)state;
	drive(0, 60, 1, 0, 10);
	for (int i = 61; i < 130; i++)
		at(i, i == 90 ? 680 : 600 + i % 5, 0.7);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	assert_in_range(sampler.motion.since_ms, T0 + 58000, T0 + 62000);
}

static void a_rest_that_drifts_stays_one(void **state)
{
	(void)state;
	int kept = 0;
	stand(0, 100, 0);
	for (int i = 0; i < 3600; i++) /* 360 m in an hour */
		kept += verdict_kept(at(101 + i, i * 0.1, 0.1));
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	assert_in_range(kept, 60, 90);
}

static void without_speeds_the_way_is_what_counts(void **state)
{
	(void)state;
	for (int i = 0; i <= 100; i++)
		at(i, i % 3, NAN);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	at(101, 60, NAN);
	for (int i = 102; i < 200; i++)
		at(i, i % 3, NAN);
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
	for (int i = 200; i < 260; i++) /* a walk */
		at(i, (i - 200) * 1.4, NAN);
	assert_int_equal(sampler.motion.state, MOTION_MOVING);
	assert_in_range(sampler.motion.since_ms, T0 + 200000, T0 + 215000);
}

static void one_fix_an_hour(void **state)
{
	(void)state;
	for (int hour = 0; hour < 5; hour++)
		assert_true(verdict_kept(at(hour * 3600, hour * 30000, 0)));
	assert_int_equal(sampler.motion.state, MOTION_MOVING);
	for (int hour = 5; hour < 8; hour++)
		assert_true(verdict_kept(at(hour * 3600, 120000, 0)));
	assert_int_equal(sampler.motion.state, MOTION_STANDING);
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

static void a_stuck_receiver_repeats(void **state)
{
	(void)state;
	drive(0, 10, 1, 0, 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(at(10, 100, 10), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(8, 80, 10), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(9, 90, 10), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(11, 110, 10), VERDICT_KEPT_INTERVAL);
}

/* A receiver that sends again what it has sent, twice, or goes round in a loop: however often, it is no time that steps back. */
static void a_stretch_that_is_sent_again(void **state)
{
	(void)state;
	drive(0, 300, 1, 0, 20);
	for (int times = 0; times < 2; times++)
		for (int second = 100; second <= 250; second++)
			assert_int_equal(at(second, second * 20, 20), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(301, 6020, 20), VERDICT_KEPT_INTERVAL);
	for (int round = 0; round < 30; round++)
		assert_int_equal(at(299 + round % 3, (299 + round % 3) * 20, 20), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(302, 6040, 20), VERDICT_KEPT_INTERVAL);
	/* It drives on while its time has stepped back: other places. */
	assert_int_equal(at(200, 6060, 20), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(201, 6080, 20), VERDICT_REFUSED_REPEATED);
	assert_true(verdict_kept(at(202, 6100, 20)));
}

static void a_time_that_really_steps_back(void **state)
{
	(void)state;
	drive(0, 10, 1, 0, 10);
	assert_int_equal(at(-3600, 110, 10), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(-3599, 120, 10), VERDICT_REFUSED_REPEATED);
	assert_int_equal(at(-3598, 130, 10), VERDICT_KEPT_FIRST);
	assert_int_equal(drive(-3597, -3500, 1, 140, 10), 98);
	assert_true(sampler.motion.since_ms == T0 - 3598000);
}

static void one_bad_fix_and_one_bad_anchor(void **state)
{
	(void)state;
	drive(0, 10, 1, 0, 10);
	assert_int_equal(at(11, 5000, 10), VERDICT_REFUSED_SPEED);
	assert_int_equal(at(12, 120, 10), VERDICT_KEPT_INTERVAL);
	/* The first fix was a bad one: the third that says otherwise is believed. */
	sampler = (struct sampler){0};
	assert_int_equal(at(0, 2e6, 10), VERDICT_KEPT_FIRST);
	assert_int_equal(at(1, 10, 10), VERDICT_REFUSED_SPEED);
	assert_int_equal(at(2, 20, 10), VERDICT_REFUSED_SPEED);
	assert_int_equal(drive(3, 100, 1, 30, 10), 98);
	/* Bad ones that do not agree win nothing. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(at(101 + i * 0.01, 1e5 * (i % 5 + 1), 10), VERDICT_REFUSED_SPEED);
	assert_int_equal(at(104, 1040, 10), VERDICT_KEPT_INTERVAL);
}

static void what_says_it_is_fast_is_believed(void **state)
{
	(void)state;
	assert_int_equal(drive(0, 100, 1, 0, 97), 101); /* a train */
	sampler = (struct sampler){0};
	assert_int_equal(drive(0, 100, 1, 0, 260), 101); /* an airliner */
	sampler = (struct sampler){0};
	drive(0, 10, 0.1, 0, NAN); /* noise within 20 m is no speed */
	assert_int_equal(at(10.1, 19, 0), VERDICT_THINNED);
}

/* A receiver that gives no speed, in an airliner: it is not refused for ever, and an outlier still is. */
static void what_goes_on_as_fast_is_believed(void **state)
{
	(void)state;
	int kept = 0;
	for (int second = 0; second <= 100; second++)
		kept += verdict_kept(at(second, second * 250, NAN));
	assert_int_equal(kept, 101 - 3);
	assert_int_equal(at(101, 30000, NAN), VERDICT_REFUSED_SPEED);
	assert_int_equal(at(102, 102 * 250, NAN), VERDICT_KEPT_INTERVAL);
	sampler = (struct sampler){0};
	kept = 0;
	for (int second = 0; second <= 200; second++)
		kept += verdict_kept(at(second, second * second, NAN)); /* it takes off */
	assert_int_equal(kept, 201);
	/* A car's: bad ones that do not agree win nothing. */
	sampler = (struct sampler){0};
	for (int second = 0; second <= 10; second++)
		at(second, second * 10, NAN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(at(11 + i * 0.01, i % 2 ? 5000 : -5000 * (i % 3 + 1), NAN), VERDICT_REFUSED_SPEED);
	assert_int_equal(at(13, 130, NAN), VERDICT_KEPT_INTERVAL);
}

static int coarse(int first, int last, double mps, double wobble_m)
{
	int gone = 0;
	for (int second = first; second <= last; second++) {
		struct point fix = at_m(second, 100 + (second - first) * mps + (second % 2 ? wobble_m : -wobble_m), 8);
		fix.accuracy_dm = 1500;
		assert_int_equal(feed(fix), VERDICT_REFUSED_ACCURACY);
		gone += sampler.went;
	}
	return gone;
}

/* What is refused shows for all that whether it still drives: once it is further away than both fixes can be wrong. */
static void coarse_fixes_show_the_way(void **state)
{
	(void)state;
	drive(0, 10, 1, 0, 10);
	assert_int_equal(coarse(11, 1210, 0, 70), 0);
	assert_in_range(coarse(1211, 2410, 8, 70), 31, 34); /* 9600 m, and 2 × 150 m each */
	assert_true(verdict_kept(at(2411, 9700, 8)));
	assert_false(sampler.went);
	assert_int_equal(coarse(2412, 2412, 0, 1e6), 0); /* nobody is that fast */
}

static void poor_and_simulated(void **state)
{
	(void)state;
	struct point fix = at_m(0, 0, 0);
	fix.accuracy_dm = 1001;
	assert_int_equal(feed(fix), VERDICT_REFUSED_ACCURACY);
	fix.accuracy_dm = 1000;
	assert_int_equal(sampler_feed(&sampler, &s, &fix, true), VERDICT_REFUSED_SIMULATED);
	assert_int_equal(feed(fix), VERDICT_KEPT_FIRST);
	fix = at_m(1, 0, 0);
	fix.accuracy_dm = ROW_ABSENT; /* not known is not bad */
	assert_int_equal(feed(fix), VERDICT_KEPT_INTERVAL);
}

static void the_edges_of_the_earth(void **state)
{
	(void)state;
	static const struct {
		int32_t lat_e7, lng_e7, lat_step, lng_step;
	} ways[] = {
		{0, 1799999000, 0, 1000},          /* over the antimeridian */
		{899999000, 100000000, 1000, 0},   /* to the pole, and on beyond it */
		{-500, -500, 500, 500},            /* through (0, 0) */
		{-899999000, -1799999000, 500, 0}, /* in the far south */
	};
	for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
		sampler = (struct sampler){0};
		for (int i = 0; i < 60; i++) {
			struct point fix = at_m(i, 0, 11);
			int64_t lat = ways[w].lat_e7 + (int64_t)i * ways[w].lat_step,
					lng = ways[w].lng_e7 + (int64_t)i * ways[w].lng_step;
			if (lat > LAT_E7_MAX) {
				lat = 2 * (int64_t)LAT_E7_MAX - lat;
				lng -= LNG_E7_MAX;
			}
			fix.lat_e7 = (int32_t)lat;
			fix.lng_e7 = (int32_t)(lng > LNG_E7_MAX ? lng - 2 * (int64_t)LNG_E7_MAX : lng);
			assert_true(verdict_kept(feed(fix)));
		}
		assert_int_equal(sampler.motion.state, MOTION_MOVING);
	}
}

/* ---- properties ------------------------------------------------------------------------------------------------- */

/* Goes on from the last fix at random: drives, stands, turns, jumps, repeats, steps back. */
static struct point wander(const struct point *last)
{
	struct point fix = *last;
	int64_t what = random_in(0, 99);
	fix.recorded_at_ms += what == 0 ? random_in(-7200000, 0) : what == 1 ? random_in(0, 7200000) : random_in(50, 1500);
	if (what < 40)
		fix.speed_cmps = what < 30 ? 0 : ROW_ABSENT;
	else if (fix.speed_cmps < 3000)
		fix.speed_cmps = (int32_t)random_in(0, 3500);
	int64_t reach = what == 2 ? 100000000 : fix.speed_cmps > 0 ? fix.speed_cmps + 20 : 30;
	int64_t lat = fix.lat_e7 + random_in(-reach, reach), lng = fix.lng_e7 + random_in(-reach, reach);
	fix.lat_e7 = (int32_t)(lat > LAT_E7_MAX ? LAT_E7_MAX : lat < -LAT_E7_MAX ? -LAT_E7_MAX : lat);
	fix.lng_e7 = (int32_t)(lng > LNG_E7_MAX ? LNG_E7_MAX : lng < -LNG_E7_MAX ? -LNG_E7_MAX : lng);
	fix.heading_ddeg = what % 10 ? (int32_t)random_in(0, HEADING_DDEG_MAX) : ROW_ABSENT;
	fix.accuracy_dm = what % 7 ? (int32_t)random_in(10, 300) : what % 3 ? ROW_ABSENT : (int32_t)random_in(10, 3000);
	return fix;
}

static int64_t random_threshold(int64_t most)
{
	return random_in(0, 3) ? random_in(1, most) : 0;
}

static struct sampling random_sampling(void)
{
	return (struct sampling){.interval_ms = random_in(0, 20000),
	                         .heartbeat_ms = random_in(0, 100000),
	                         .distance_m = random_threshold(300),
	                         .angle_deg = random_threshold(90),
	                         .speed_delta_mps = random_threshold(20),
	                         .accuracy_max_m = random_threshold(100),
	                         .speed_max_mps = random_threshold(200),
	                         .standing_radius_m = 15,
	                         .repeated = random_in(0, 4) == 0};
}

/* 0 is no limit: the loosest for what keeps, the strictest never. */
static int64_t lower(int64_t threshold)
{
	return threshold > 1 ? random_in(1, threshold) : threshold;
}

/* From the same state, who asks for less distance, time, … keeps a fix that the other keeps; who allows less, refuses
 * what the other refuses. */
static void keeping_is_monotone(void **state)
{
	(void)state;
	for (int walk = 0; walk < 100; walk++) {
		struct point fix = at_m(0, 0, 10);
		struct sampling strict = random_sampling();
		sampler = (struct sampler){0};
		for (int i = 0; i < 500; i++) {
			struct sampling loose = strict;
			loose.interval_ms = random_in(0, strict.interval_ms);
			loose.heartbeat_ms = random_in(0, strict.heartbeat_ms);
			loose.distance_m = strict.distance_m ? lower(strict.distance_m) : random_threshold(300);
			loose.angle_deg = strict.angle_deg ? lower(strict.angle_deg) : random_threshold(90);
			loose.speed_delta_mps = strict.speed_delta_mps ? lower(strict.speed_delta_mps) : random_threshold(20);
			struct sampler other = sampler, third = sampler;
			struct sampling tight = strict;
			tight.accuracy_max_m = strict.accuracy_max_m ? lower(strict.accuracy_max_m) : random_threshold(100);
			fix = wander(&fix);
			enum verdict verdict = sampler_feed(&sampler, &strict, &fix, false);
			enum verdict looser = sampler_feed(&other, &loose, &fix, false);
			if (verdict_kept(verdict))
				assert_true(verdict_kept(looser));
			if (verdict > VERDICT_THINNED) {
				assert_int_equal(looser, verdict);
				assert_true(sampler_feed(&third, &tight, &fix, false) > VERDICT_THINNED);
			}
		}
	}
}

/* What is kept is a part of what came, unchanged, each at most once and in its order. */
static void no_policy_reorders(void **state)
{
	(void)state;
	enum { FIXES = 2000 };
	static struct point fed[FIXES];
	for (int walk = 0; walk < 50; walk++) {
		size_t next = 0;
		struct point fix = at_m(0, 0, 10);
		struct sampling sampling = random_sampling();
		sampler = (struct sampler){0};
		for (size_t i = 0; i < FIXES; i++) {
			fed[i] = fix = wander(&fix);
			enum verdict verdict = sampler_feed(&sampler, &sampling, &fix, false);
			for (size_t j = 0; j <= sampler.recalled_count; j++) {
				if (j == sampler.recalled_count && !verdict_kept(verdict))
					continue;
				const struct point *kept = j < sampler.recalled_count ? &sampler.held[j] : &fix;
				while (next <= i && memcmp(&fed[next], kept, sizeof *kept))
					next++;
				assert_true(next <= i);
				next++;
			}
		}
	}
}

#define test(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	random_start();
	const struct CMUnitTest tests[] = {
		test(all_keeps_everything),
		test(a_key_wins_over_the_preset),
		test(a_second_is_a_second),
		test(ten_in_a_second_are_thinned_evenly),
		test(each_reason),
		test(headings_meet_in_the_north),
		test(the_way_tells_where_it_goes),
		test(a_rest_and_a_departure),
		test(an_outlier_ends_no_rest),
		test(a_noisy_rest),
		test(a_rest_that_drifts_stays_one),
		test(without_speeds_the_way_is_what_counts),
		test(one_fix_an_hour),
		test(a_stuck_receiver_repeats),
		test(a_stretch_that_is_sent_again),
		test(a_time_that_really_steps_back),
		test(one_bad_fix_and_one_bad_anchor),
		test(what_says_it_is_fast_is_believed),
		test(what_goes_on_as_fast_is_believed),
		test(coarse_fixes_show_the_way),
		test(poor_and_simulated),
		test(the_edges_of_the_earth),
		test(keeping_is_monotone),
		test(no_policy_reorders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
