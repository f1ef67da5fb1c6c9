/* When a journey begins, pauses, goes on and ends: the rules alone, second by second. */
#include "agent/trips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t T0 = 1744413248000;
static struct trips trips;
static struct trips_rules rules;
static char said[1024]; /* what was decided: "active@0 movement" … */
static int64_t now_s;

static int begin(void **state)
{
	(void)state;
	rules = (struct trips_rules){.mode = CAPTURE_SESSION_AUTO, .stop_timeout_ms = 180000, .end_timeout_ms = 900000};
	trips = (struct trips){0};
	said[0] = '\0';
	now_s = 0;
	return 0;
}

static const char *why(enum session_cause cause)
{
	static const char *const names[SESSION_CAUSE_COUNT] = {"person", "movement", "ignition", "rest", "gap", "stop"};
	return names[cause];
}

static void say(const struct trips_decision *d)
{
	size_t used = strlen(said);
	snprintf(said + used, sizeof said - used, "%s%s@%d %s", used ? ", " : "", session_status_name(d->to),
	         (int)((d->at_ms - T0) / 1000), why(d->cause));
}

static void decide(void)
{
	struct trips_decision d;
	while (trips_decide(&trips, &rules, &d))
		say(&d);
}

static void fix(int64_t second, enum motion_state state, int64_t since)
{
	struct motion motion = {.state = state, .since_ms = T0 + since * 1000};
	trips_time(&trips, T0 + second * 1000);
	decide();
	trips_fix(&trips, &motion, T0 + second * 1000, second * 1000);
	decide();
	now_s = second;
}

/* A fix each second, for so many of them. */
static void goes(enum motion_state state, int64_t seconds)
{
	int64_t since = now_s + 1;
	for (int64_t i = 0; i < seconds; i++)
		fix(now_s + 1, state, since);
}
#define drives(seconds) goes(MOTION_MOVING, seconds)
#define rests(seconds)  goes(MOTION_STANDING, seconds)

/* No fix for so many seconds; the clock is looked at each ten. */
static void silent(int64_t seconds)
{
	for (int64_t i = 10; i <= seconds; i += 10) {
		trips_time(&trips, trips_now(&trips, (now_s + i) * 1000));
		decide();
	}
	now_s += seconds;
}

static void stop(enum session_status to)
{
	struct trips_decision d;
	if (trips_stop(&trips, &rules, to, &d))
		say(&d);
}

static void assert_said(const char *wanted)
{
	assert_string_equal(said, wanted);
	said[0] = '\0';
}

static void movement_and_rest(void **state)
{
	(void)state;
	rests(100);
	assert_said("");
	drives(60); /* 101 to 160 */
	assert_said("active@101 movement");
	rests(180);
	assert_said("");
	rests(1);
	now_s = 341;
	assert_said("paused@161 rest");
	drives(10);
	assert_said("active@342 movement");
	rests(170);
	drives(10); /* a long light */
	assert_said("");
	rests(901);
	assert_said("paused@532 rest, ended@532 rest");
	drives(10);
	assert_said("active@1433 movement");
}

static void silence_is_rest(void **state)
{
	(void)state;
	drives(10);
	silent(170);
	drives(10); /* a tunnel */
	assert_said("active@1 movement");
	silent(180);
	assert_said("paused@190 gap");
	drives(10);
	assert_said("active@371 movement");
	silent(900);
	assert_said("paused@380 gap, ended@380 gap");
	/* The same of a recording: only the next fix tells. */
	drives(10);
	now_s += 200;
	drives(10);
	now_s += 1000;
	drives(10);
	assert_said("active@1281 movement, paused@1290 gap, active@1491 movement, paused@1500 gap, ended@1500 gap, "
	            "active@2501 movement");
}

/* One that is too short to change what is known of movement is none the less a rest, and over with the fixes behind it. */
static void a_short_silence_is_rest_too(void **state)
{
	(void)state;
	rules.stop_timeout_ms = 20000;
	rules.end_timeout_ms = 40000;
	for (int64_t second = 1; second <= 10; second++)
		fix(second, MOTION_MOVING, 1);
	silent(30);
	assert_said("active@1 movement, paused@10 gap");
	fix(41, MOTION_MOVING, 1);
	assert_said("");
	fix(42, MOTION_MOVING, 1);
	assert_said("active@41 movement");
	silent(50);
	assert_said("paused@42 gap, ended@42 gap");
	fix(93, MOTION_MOVING, 1);
	fix(94, MOTION_MOVING, 1);
	assert_said("active@93 movement");
	trips_changed(&trips, TRIPS_NONE);
	silent(30);
	fix(125, MOTION_MOVING, 1);
	fix(126, MOTION_MOVING, 1);
	assert_said("active@125 movement"); /* nothing of what a person has ended */
}

static void a_rest_goes_on_without_a_fix(void **state)
{
	(void)state;
	drives(10);
	rests(20);
	silent(170);
	assert_said("active@1 movement, paused@11 rest");
	silent(730);
	assert_said("ended@11 rest");
}

static void after_a_restart(void **state)
{
	(void)state;
	struct trips_found found = {.state = TRIPS_ACTIVE, .last_ms = T0 - 100000};
	trips_open(&trips, &found, -100000);
	drives(10);
	assert_said("");
	trips_open(&trips, &found, 0);
	now_s = 800;
	drives(10);
	assert_said("paused@-100 gap, ended@-100 gap, active@801 movement");
	/* Paused by the last stop; the rest goes on from there, however often it starts. */
	found.state = TRIPS_PAUSED;
	for (int i = 0; i < 2; i++) {
		trips_open(&trips, &found, 0);
		now_s = 300 * i;
		rests(100);
		assert_said("");
	}
	drives(1);
	drives(1);
	assert_said("");
	drives(2);
	assert_said("active@403 movement");
	/* Without any fix the clock alone ends it. */
	found.state = TRIPS_ACTIVE;
	trips_open(&trips, &found, 0);
	now_s = 0;
	silent(910);
	assert_said("paused@-100 gap, ended@-100 gap");
}

static void a_person_wins(void **state)
{
	(void)state;
	drives(10);
	said[0] = '\0';
	trips_changed(&trips, TRIPS_NONE); /* ended, while driving */
	drives(600);
	rests(100);
	drives(600);
	assert_said("");
	rests(181);
	drives(10);
	assert_said("active@1492 movement");
	rests(20);
	trips_changed(&trips, TRIPS_NONE); /* ended at rest */
	drives(10);
	assert_said("active@1522 movement");
	trips_changed(&trips, TRIPS_HELD);
	rests(10000);
	drives(10);
	assert_said("");
	rules.resumes = true;
	trips_changed(&trips, TRIPS_HELD); /* while driving */
	drives(100);
	rests(170);
	drives(10);
	assert_said("");
	rests(190);
	drives(10);
	assert_said("active@12012 movement");
}

static void what_a_person_starts_waits_for_movement(void **state)
{
	(void)state;
	rests(1000);
	trips_changed(&trips, TRIPS_ACTIVE);
	rests(5000);
	stop(SESSION_ENDED);
	assert_said("");
	drives(10);
	rests(1000);
	assert_said("paused@6011 rest, ended@6011 rest");
	/* After a restart the same: nothing was recorded in it yet. */
	struct trips_found found = {.state = TRIPS_ACTIVE, .last_ms = T0, .person = true, .empty = true};
	trips_open(&trips, &found, 0);
	rests(5000);
	assert_said("");
}

static void a_person_has_ended_before_a_restart(void **state)
{
	(void)state;
	struct trips_found found = {.last_ms = T0, .person = true};
	trips_open(&trips, &found, 0);
	drives(100);
	assert_said("");
	trips_open(&trips, &found, 0);
	now_s = 200; /* longer than a rest */
	drives(10);
	assert_said("active@201 movement");
	found.person = false;
	trips_open(&trips, &found, 0);
	now_s = 0;
	drives(10);
	assert_said("active@1 movement");
}

static void the_ignition(void **state)
{
	(void)state;
	trips_ignition(&trips, false, 0);
	rests(10);
	trips_ignition(&trips, true, 10000);
	decide();
	assert_said("active@10 ignition");
	rests(200);
	assert_said("paused@11 rest");
	drives(10);
	assert_said("active@211 movement");
	rests(1000);
	assert_said("paused@221 rest, ended@221 rest");
	trips_ignition(&trips, true, 1300000); /* as before: no news */
	rests(10);
	assert_said("");
	drives(10); /* it never went off, and yet */
	assert_said("active@1231 movement");
	/* Found on at the beginning: since then, when the first fix says what time it is. */
	trips = (struct trips){0};
	trips_ignition(&trips, true, 990000);
	decide();
	assert_said("");
	now_s = 1000;
	rests(1);
	assert_said("active@990 ignition");
}

static void the_ignition_alone(void **state)
{
	(void)state;
	rules.mode = CAPTURE_SESSION_IGNITION;
	drives(100);
	trips_ignition(&trips, true, 100000);
	rests(10000);
	trips_ignition(&trips, false, 10100000);
	drives(179);
	assert_said("active@100 ignition");
	drives(2);
	assert_said("paused@10100 ignition");
	trips_ignition(&trips, true, 10300000);
	drives(1);
	assert_said("active@10300 ignition");
	trips_ignition(&trips, false, 10310000);
	drives(1000);
	assert_said("paused@10310 ignition, ended@10310 ignition");
}

static void an_ignition_that_nobody_knows(void **state)
{
	(void)state;
	rules.mode = CAPTURE_SESSION_IGNITION;
	trips_ignition(&trips, true, 10000);
	drives(100);
	assert_said("active@10 ignition");
	/* The wire breaks: by movement, as long as nobody knows. */
	trips_ignition_lost(&trips);
	rules.mode = CAPTURE_SESSION_AUTO;
	drives(100);
	assert_said("");
	rests(300);
	drives(10);
	assert_said("paused@201 rest, active@501 movement");
	rests(1000);
	assert_said("paused@511 rest, ended@511 rest");
	drives(10);
	assert_said("active@1511 movement");
	/* It is known again: what counts is that it is off. */
	rules.mode = CAPTURE_SESSION_IGNITION;
	trips_ignition(&trips, false, 1521000);
	drives(200);
	assert_said("paused@1521 ignition");
	trips_ignition_lost(&trips);
	trips_ignition(&trips, true, 1730000);
	drives(10);
	assert_said("active@1730 ignition");
}

/* A unit that has its power from the ignition, and ends with it: how long it was off only the first fix tells. */
static void the_ignition_after_a_power_cut(void **state)
{
	(void)state;
	rules.mode = CAPTURE_SESSION_IGNITION;
	struct trips_found found = {.state = TRIPS_ACTIVE, .last_ms = T0};
	trips_open(&trips, &found, 36000000);
	trips_ignition(&trips, true, 36000000);
	decide();
	fix(36010, MOTION_MOVING, 36010);
	assert_said("paused@0 gap, ended@0 gap, active@36000 ignition");
	drives(10);
	silent(4000); /* while it runs, the ignition alone counts */
	assert_said("");
	/* Off for less than end_timeout: it goes on. */
	trips_open(&trips, &found, 600000);
	trips_ignition(&trips, true, 600000);
	fix(610, MOTION_MOVING, 610);
	assert_said("paused@0 gap, active@600 ignition");
}

/* What was on when a person ended or paused the session begins no other. */
static void an_ignition_that_stays_on_begins_nothing_anew(void **state)
{
	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		trips = (struct trips){0};
		rules.mode = mode ? CAPTURE_SESSION_IGNITION : CAPTURE_SESSION_AUTO;
		now_s = 0;
		rests(10);
		trips_ignition(&trips, true, 10000);
		rests(10);
		assert_said("active@10 ignition");
		trips_changed(&trips, TRIPS_NONE);
		rests(1000);
		assert_said("");
		rules.resumes = true;
		trips_changed(&trips, TRIPS_HELD);
		rests(1000);
		assert_said("");
		trips_ignition(&trips, false, 2020000);
		rests(1);
		trips_ignition(&trips, true, 2021000);
		rests(1);
		assert_said("active@2021 ignition");
	}
}

/* … nor when the agent, but not the machine, was restarted in between, for however long, or the wire could not be read. */
static void an_ignition_that_stays_on_over_a_restart(void **state)
{
	(void)state;
	for (int mode = 0; mode < 4; mode++) {
		rules.mode = mode % 2 ? CAPTURE_SESSION_IGNITION : CAPTURE_SESSION_AUTO;
		now_s = 0;
		struct trips_found found = {.last_ms = T0, .person = true, .ignition_on = true};
		trips_open(&trips, &found, 0);
		now_s = mode < 2 ? 10 : 3000;
		trips_ignition(&trips, true, now_s * 1000);
		rests(1000);
		trips_ignition_lost(&trips);
		rests(10);
		trips_ignition(&trips, true, now_s * 1000);
		rests(1000);
		assert_said("");
		trips_ignition(&trips, false, now_s * 1000);
		rests(1);
		trips_ignition(&trips, true, now_s * 1000);
		rests(1);
		assert_said(mode < 2 ? "active@2021 ignition" : "active@5011 ignition");
	}
	/* After another boot nobody knows: it is taken to have been off. */
	struct trips_found found = {.last_ms = T0, .person = true};
	trips_open(&trips, &found, 0);
	trips_ignition(&trips, true, 3000000);
	now_s = 3000;
	rests(1);
	assert_said("active@3000 ignition");
}

/* Fixes that are no good, and yet show that it drives. */
static void what_is_followed_does_not_end(void **state)
{
	(void)state;
	drives(100);
	assert_said("active@1 movement");
	for (int minute = 1; minute < 40; minute++) {
		silent(60);
		trips_followed(&trips, T0 + now_s * 1000, now_s * 1000);
	}
	assert_said("");
	drives(100);
	rests(60);
	for (int minute = 1; minute < 10; minute++) {
		silent(60);
		trips_followed(&trips, T0 + now_s * 1000, now_s * 1000);
	}
	assert_said("");
	silent(170);
	assert_said("");
	silent(10);
	assert_said("paused@3140 rest");
	silent(600);
	trips_followed(&trips, T0 + now_s * 1000, now_s * 1000);
	silent(890);
	assert_said("");
	silent(10);
	assert_said("ended@3920 rest");
	trips_followed(&trips, T0 + now_s * 1000, now_s * 1000);
	silent(60);
	assert_said("");
}

static void manual_decides_nothing(void **state)
{
	(void)state;
	rules.mode = CAPTURE_SESSION_MANUAL;
	drives(100);
	rests(10000);
	trips_ignition(&trips, true, 0);
	drives(100);
	stop(SESSION_ENDED);
	assert_said("");
}

static void a_stop(void **state)
{
	(void)state;
	stop(SESSION_PAUSED);
	drives(10);
	stop(SESSION_PAUSED);
	assert_said("active@1 movement, paused@10 stop");
	drives(10);
	rests(20);
	stop(SESSION_PAUSED);
	assert_said("active@11 movement, paused@21 stop");
	stop(SESSION_PAUSED);
	assert_said("");
	stop(SESSION_ENDED);
	assert_said("ended@21 stop");
}

/* The receiver's time steps back by an hour while it rests. */
static void a_step_back(void **state)
{
	(void)state;
	drives(10);
	rests(100);
	said[0] = '\0';
	for (int i = 0; i < 75; i++)
		fix(-3490 + i, MOTION_STANDING, -3490);
	assert_said("");
	drives(10);
	rests(200);
	assert_said("paused@-3405 rest");
	/* And once more while it is paused: what has passed since then has passed. */
	for (int i = 0; i < 600; i++)
		fix(-9000 + i, MOTION_STANDING, -9000);
	assert_said("");
	for (int i = 600; i < 720; i++)
		fix(-9000 + i, MOTION_STANDING, -9000);
	assert_int_equal(trips.state, TRIPS_NONE);
}

/* It has stood for long when the ignition goes on: the rest counts from then. */
static void a_rest_counts_from_the_ignition(void **state)
{
	(void)state;
	for (int i = 1; i <= 1000; i++)
		fix(i, MOTION_STANDING, 1);
	trips_ignition(&trips, true, 1000000);
	for (int i = 1001; i < 1180; i++)
		fix(i, MOTION_STANDING, 1);
	assert_said("active@1000 ignition");
	fix(1180, MOTION_STANDING, 1);
	assert_said("paused@1000 rest");
}

#define test(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(movement_and_rest),
		test(silence_is_rest),
		test(a_short_silence_is_rest_too),
		test(a_rest_goes_on_without_a_fix),
		test(after_a_restart),
		test(a_person_wins),
		test(what_a_person_starts_waits_for_movement),
		test(a_person_has_ended_before_a_restart),
		test(the_ignition),
		test(the_ignition_alone),
		test(an_ignition_that_nobody_knows),
		test(the_ignition_after_a_power_cut),
		test(an_ignition_that_stays_on_begins_nothing_anew),
		test(an_ignition_that_stays_on_over_a_restart),
		test(what_is_followed_does_not_end),
		test(manual_decides_nothing),
		test(a_stop),
		test(a_step_back),
		test(a_rest_counts_from_the_ignition),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
