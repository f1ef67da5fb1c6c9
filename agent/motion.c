#include "agent/motion.h"

#include "hal/geodesy.h"
#include "hal/summary.h"

enum {
	QUIET_MS = 10000,    /* slow for so long: it stands */
	STAY_MS = 60000,     /* within the radius for so long: it stands, whatever its speeds say */
	SPARSE_MS = 60000,   /* over so long a speed says nothing about the way between */
	DRIFT_MS = 20000,    /* outside for so long, and not moving: it stands there … */
	RESTLESS_MS = 90000, /* … which takes longer when speeds don't say so */
	BACK_MS = 10000,     /* a longer step back in time is a real one */
	FEW = 3,             /* fixes in a row are believed when they span FEW_MS … */
	FEW_MS = 1500,       /* … */
	PAIR_MS = 10000,     /* … or two that span this */
	WIDEST = 5,          /* times the radius */
	ASTRAY = 4,          /* times the radius on a way that leads nowhere is no departure */
	MEAN = 30,           /* fixes at rest tell the place */
	FAR = 2,             /* times the radius are to be covered where speeds don't say that it stands */
	NOISE_M = 5,         /* so far a fix may be off … */
	PULL_MPS2 = 4,       /* … and so much faster a vehicle becomes */
};
/* Of the way of a departure: how far at least it leads, and of that, how much at most in one step. */
static const double STRAIGHT = 0.4, LEAP = 0.6;

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

static bool believable(const struct motion_row *row, const struct point *fix)
{
	int64_t span_ms = between_ms(&row->first, fix);
	return (row->count >= FEW && span_ms >= FEW_MS) || (row->count >= 2 && span_ms >= PAIR_MS);
}

/* How it has come here from the last fix. */
struct step {
	bool speaks; /* there are speeds, and they say something of the way between */
	bool jump;   /* it can't have */
	bool sparse; /* after so long it may have gone anywhere in between */
	double straight_m, way_m;
};

static void count(struct motion_row *row, const struct step *step, const struct point *fix)
{
	if (!row->count++) {
		*row = (struct motion_row){.first = *fix, .count = 1};
		return;
	}
	row->way_m += step->way_m;
	if (!step->sparse && step->straight_m > row->longest_m)
		row->longest_m = step->straight_m;
}

static void place(struct motion *m, const struct point *anchor)
{
	m->anchor = *anchor;
	m->anchor_count = 1;
	m->outside.count = 0;
}

static void change(struct motion *m, enum motion_state state, const struct point *since)
{
	m->state = state;
	m->since_ms = since->recorded_at_ms;
	m->arrival.recorded_at_ms = 0;
	m->run.count = m->loud.count = 0;
	m->restless = false;
	place(m, since);
}

static void count_outside(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	if (motion_distance_m(&m->anchor, fix) <= radius_m)
		m->outside.count = 0;
	else
		count(&m->outside, step, fix);
}

static struct step step_to(const struct motion *m, double radius_m, const struct point *fix)
{
	double seconds = (double)between_ms(&m->last, fix) / 1000, straight_m = motion_distance_m(&m->last, fix);
	bool sparse = seconds * 1000 > SPARSE_MS, spoke = m->last.speed_cmps != ROW_ABSENT;
	struct step step = {.speaks = !sparse && fix->speed_cmps != ROW_ABSENT,
	                    .sparse = sparse,
	                    .straight_m = straight_m,
	                    .way_m = straight_m};
	double before_mps = spoke ? m->last.speed_cmps / 100.0 : m->pace_mps;
	step.jump = !sparse && straight_m > 2 * (before_mps + PULL_MPS2 * seconds) * seconds + NOISE_M;
	if (step.speaks && spoke) {
		int32_t speed_cmps = m->last.speed_cmps > fix->speed_cmps ? m->last.speed_cmps : fix->speed_cmps;
		step.way_m = speed_cmps / 100.0 * seconds;
		step.jump = step.jump || straight_m > 2 * step.way_m + radius_m;
	}
	return step;
}

/* Fixes in a row that say that it moves. A jump begins the row anew, and so does a way that leads nowhere. */
static void count_run(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	if (!(step->speaks ? fix->speed_cmps >= SUMMARY_MOVING_CMPS : m->outside.count > 0)) {
		m->run.count = 0;
		return;
	}
	bool astray = m->run.count && m->run.way_m > ASTRAY * radius_m &&
	              motion_distance_m(&m->run.first, fix) < STRAIGHT * m->run.way_m;
	if (step->jump || astray)
		m->run.count = 0;
	/* Who gives no speed has left before he is outside. */
	if (!m->run.count && !step->speaks && !step->jump && !step->sparse)
		count(&m->run, step, &m->last);
	count(&m->run, step, fix);
}

static bool departs(const struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	bool outside = m->restless && !step->sparse ? believable(&m->outside, fix) : m->outside.count > 0;
	if (!outside || !believable(&m->run, fix))
		return false;
	double covered_m = motion_distance_m(&m->run.first, fix);
	bool steady = m->run.count < FEW || m->run.longest_m <= LEAP * covered_m;
	return covered_m >= (m->restless ? FAR : 1) * radius_m && m->run.way_m >= covered_m / 2 &&
	       covered_m >= STRAIGHT * m->run.way_m && steady;
}

/* The mean of the last fixes at rest tells better than one where that is. Across the antimeridian it stays on its side. */
static void settle(struct motion *m, const struct point *fix)
{
	int64_t east_e7 = (int64_t)fix->lng_e7 - m->anchor.lng_e7;
	m->anchor_count += m->anchor_count < MEAN;
	if (east_e7 > LNG_E7_MAX || east_e7 < -LNG_E7_MAX)
		return;
	m->anchor.lat_e7 += (fix->lat_e7 - m->anchor.lat_e7) / m->anchor_count;
	m->anchor.lng_e7 += (int32_t)(east_e7 / m->anchor_count);
}

/* Standing, or not known yet. */
static void while_standing(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	count_outside(m, radius_m, step, fix);
	count_run(m, radius_m, step, fix);
	if (departs(m, radius_m, step, fix)) {
		struct point first = m->run.first;
		change(m, MOTION_MOVING, &first);
		place(m, fix);
	} else if (!m->outside.count && m->restless) {
		settle(m, fix);
	} else if (believable(&m->outside, fix) &&
	           between_ms(&m->outside.first, fix) >= (m->restless ? RESTLESS_MS : DRIFT_MS)) {
		m->drifted = m->state == MOTION_STANDING;
		place(m, fix);
	}
}

/* The place and time of what may become a rest. Fixes that say that it moves don't end it, unless they lead somewhere, and a
 * jump takes it along. */
static void arrive(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	bool slow = step->speaks && fix->speed_cmps < SUMMARY_MOVING_CMPS;
	if (slow)
		m->loud.count = 0;
	else
		count(&m->loud, step, fix);
	bool goes = m->loud.count >= FEW && motion_distance_m(&m->loud.first, fix) >= m->loud.way_m / 2;
	if (goes || !step->speaks)
		m->arrival.recorded_at_ms = 0;
	bool begins = !m->arrival.recorded_at_ms;
	if (!begins && step->jump) {
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
static void while_moving(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	arrive(m, radius_m, step, fix);
	if (m->arrival.recorded_at_ms && !m->loud.count && fix->recorded_at_ms - m->quiet_ms >= QUIET_MS) {
		struct point arrival = m->arrival;
		change(m, MOTION_STANDING, &arrival);
	} else if (m->outside.count == 0 && between_ms(&m->anchor, fix) >= STAY_MS) {
		struct point here = m->arrival.recorded_at_ms ? m->arrival : m->anchor;
		change(m, MOTION_STANDING, &here);
		m->restless = true;
	}
}

/* One fix outside may be an outlier; two are the way. */
static void follow(struct motion *m, double radius_m, const struct step *step, const struct point *fix)
{
	count_outside(m, radius_m, step, fix);
	if (m->outside.count >= 2)
		place(m, fix);
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
	struct step step = step_to(m, radius_m, fix);
	if (step_ms > SPARSE_MS && m->state == MOTION_MOVING)
		after_silence(m, radius_m, fix);
	else if (m->state == MOTION_MOVING)
		follow(m, radius_m, &step, fix);
	else
		while_standing(m, radius_m, &step, fix);
	if (m->state != MOTION_STANDING)
		while_moving(m, radius_m, &step, fix);
	m->pace_mps = step_ms > 0 ? step.straight_m * 1000 / (double)step_ms : 0;
	m->last = *fix;
}
