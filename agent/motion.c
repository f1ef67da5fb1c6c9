#include "agent/motion.h"

#include "hal/geodesy.h"
#include "hal/summary.h"

enum {
	QUIET_MS = 10000,  /* slow for so long: it stands */
	STAY_MS = 60000,   /* within the radius for so long: it stands, whatever its speeds say */
	SPARSE_MS = 60000, /* over so long a speed says nothing about the way between */
	DRIFT_MS = 20000,  /* outside for so long, and not moving: it stands there */
	BACK_MS = 10000,   /* a longer step back in time is a real one */
	FEW = 3,           /* fixes in a row are believed when they span FEW_MS … */
	FEW_MS = 1500,     /* … */
	PAIR_MS = 10000,   /* … or two that span this */
	WIDEST = 5,        /* times the radius */
};

double motion_distance_m(const struct point *a, const struct point *b)
{
	return a->lat_e7 == b->lat_e7 && a->lng_e7 == b->lng_e7
	           ? 0
	           : geodesy_distance_m(a->lat_e7, a->lng_e7, b->lat_e7, b->lng_e7);
}

static int64_t between_ms(const struct point *from, const struct point *to)
{
	return to->recorded_at_ms - from->recorded_at_ms;
}

static double radius_of(double radius_m, const struct point *fix)
{
	double accuracy_m = fix->accuracy_dm == ROW_ABSENT ? 0 : fix->accuracy_dm / 10.0;
	double most_m = WIDEST * radius_m;
	return accuracy_m < radius_m ? radius_m : accuracy_m < most_m ? accuracy_m : most_m;
}

static bool believable(const struct point *first, const struct point *fix, int count)
{
	int64_t span_ms = between_ms(first, fix);
	return (count >= FEW && span_ms >= FEW_MS) || (count >= 2 && span_ms >= PAIR_MS);
}

static void change(struct motion *m, enum motion_state state, const struct point *since)
{
	m->state = state;
	m->since_ms = since->recorded_at_ms;
	m->anchor = *since;
	m->arrival.recorded_at_ms = 0;
	m->outside_count = m->run_count = 0;
}

/* Fixes outside the anchor's radius, in a row. */
static void count_outside(struct motion *m, double radius_m, const struct point *fix)
{
	if (motion_distance_m(&m->anchor, fix) <= radius_m)
		m->outside_count = 0;
	else if (!m->outside_count++)
		m->outside = *fix;
}

/* How far it can have come since the last fix: by the speeds, or where they say nothing, as far as it has. */
static double reach_m(const struct motion *m, bool speaks, const struct point *fix)
{
	if (!speaks || m->last.speed_cmps == ROW_ABSENT)
		return motion_distance_m(&m->last, fix);
	int32_t speed_cmps = m->last.speed_cmps > fix->speed_cmps ? m->last.speed_cmps : fix->speed_cmps;
	return speed_cmps / 100.0 * (double)between_ms(&m->last, fix) / 1000;
}

static bool jumped(const struct motion *m, double radius_m, double reach_m, const struct point *fix)
{
	return motion_distance_m(&m->last, fix) > 2 * reach_m + radius_m;
}

/* Fixes in a row that say that it moves. One that has jumped begins the row anew. */
static void count_run(struct motion *m, double radius_m, bool speaks, const struct point *fix)
{
	if (!(speaks ? fix->speed_cmps >= SUMMARY_MOVING_CMPS : m->outside_count > 0)) {
		m->run_count = 0;
		return;
	}
	double step_m = reach_m(m, speaks, fix);
	if (m->run_count && jumped(m, radius_m, step_m, fix))
		m->run_count = 0;
	if (!m->run_count++) {
		m->run = *fix;
		m->run_m = 0;
	} else {
		m->run_m += step_m;
	}
}

static bool departs(const struct motion *m, double radius_m, const struct point *fix)
{
	if (!m->run_count || !believable(&m->run, fix, m->run_count))
		return false;
	double covered_m = motion_distance_m(&m->run, fix);
	return covered_m >= radius_m && m->run_m >= covered_m / 2;
}

/* Standing, or not known yet. */
static void while_standing(struct motion *m, double radius_m, bool speaks, const struct point *fix)
{
	count_outside(m, radius_m, fix);
	count_run(m, radius_m, speaks, fix);
	if (departs(m, radius_m, fix)) {
		struct point run = m->run;
		change(m, MOTION_MOVING, &run);
		m->anchor = *fix;
	} else if (m->outside_count && believable(&m->outside, fix, m->outside_count) &&
	           between_ms(&m->outside, fix) >= DRIFT_MS) {
		m->drifted = m->state == MOTION_STANDING;
		m->anchor = *fix;
		m->outside_count = 0;
	}
}

/* The place and time of what may become a rest. Single fixes that say that it moves don't end it, and a jump takes it along. */
static void arrive(struct motion *m, double radius_m, bool speaks, const struct point *fix)
{
	bool slow = speaks && fix->speed_cmps < SUMMARY_MOVING_CMPS;
	m->loud = slow ? 0 : m->loud + 1;
	if (m->loud >= FEW || !speaks)
		m->arrival.recorded_at_ms = 0;
	bool begins = !m->arrival.recorded_at_ms;
	if (!begins && jumped(m, radius_m, reach_m(m, speaks, fix), fix)) {
		m->arrival.lat_e7 = fix->lat_e7;
		m->arrival.lng_e7 = fix->lng_e7;
	}
	if (!slow)
		return;
	if (begins || motion_distance_m(&m->arrival, fix) > radius_m) {
		m->arrival = *fix;
		begins = true;
	}
	if (begins || m->last.speed_cmps >= SUMMARY_MOVING_CMPS)
		m->quiet_ms = fix->recorded_at_ms;
}

/* Moving, or not known yet: has it come to rest? */
static void while_moving(struct motion *m, double radius_m, bool speaks, const struct point *fix)
{
	arrive(m, radius_m, speaks, fix);
	if (m->arrival.recorded_at_ms && !m->loud && fix->recorded_at_ms - m->quiet_ms >= QUIET_MS) {
		struct point arrival = m->arrival;
		change(m, MOTION_STANDING, &arrival);
	} else if (m->outside_count == 0 && between_ms(&m->anchor, fix) >= STAY_MS) {
		struct point here = m->arrival.recorded_at_ms ? m->arrival : m->anchor;
		change(m, MOTION_STANDING, &here);
	}
}

/* One fix outside may be an outlier; two are the way. */
static void follow(struct motion *m, double radius_m, const struct point *fix)
{
	count_outside(m, radius_m, fix);
	if (m->outside_count < 2)
		return;
	m->anchor = *fix;
	m->outside_count = 0;
}

/* After a long silence what moved still does only when it is far from where it was last seen. */
static void after_silence(struct motion *m, double radius_m, const struct point *fix)
{
	double way_m = motion_distance_m(&m->last, fix);
	bool went = way_m > radius_m && way_m * 100 >= SUMMARY_MOVING_CMPS * ((double)between_ms(&m->last, fix) / 1000);
	change(m, went ? MOTION_MOVING : MOTION_STANDING, fix);
}

void motion_feed(struct motion *m, double radius_m, const struct point *fix)
{
	int64_t step_ms = between_ms(&m->last, fix);
	if (!m->last.recorded_at_ms || step_ms < -BACK_MS) {
		*m = (struct motion){.last = *fix, .anchor = *fix};
		step_ms = 0;
	} else if (step_ms <= 0) {
		return;
	}
	radius_m = radius_of(radius_m, fix);
	m->drifted = false;
	bool sparse = step_ms > SPARSE_MS, speaks = !sparse && fix->speed_cmps != ROW_ABSENT;
	if (sparse && m->state == MOTION_MOVING)
		after_silence(m, radius_m, fix);
	else if (m->state == MOTION_MOVING)
		follow(m, radius_m, fix);
	else
		while_standing(m, radius_m, speaks, fix);
	if (m->state != MOTION_STANDING)
		while_moving(m, radius_m, speaks, fix);
	m->last = *fix;
}
