#include "agent/sampler.h"

#include "hal/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	AGREE = 3,            /* fixes that contradict, in a row, are right */
	EARLY_MOST_MS = 1000, /* an interval may end so much early, and at most by a quarter of itself */
	NOISE_M = 20,         /* so far two fixes may be apart at any speed */
	TURN_CMPS = 200,      /* below that a heading says little … */
	LEG_M = 20,           /* … and so does a shorter way */
	WHOLE_TURN_DDEG = 3600,
	HOLE_MS = 10000, /* so long without a fix is a hole … */
	HOLE_STEPS = 3,  /* … when it is so many times as long as the step before */
};

/* ---- thresholds -------------------------------------------------------------------------------------------------- */

struct sampling sampling_of(const struct conf_unit *conf)
{
	static const struct sampling presets[] = {
		[CAPTURE_SAMPLING_ALL] = {.simulated = true, .repeated = true},
		[CAPTURE_SAMPLING_DETAILED] = {.interval_ms = 1000,
	                                   .heartbeat_ms = 60000,
	                                   .accuracy_max_m = 100,
	                                   .speed_max_mps = 100},
		[CAPTURE_SAMPLING_ECONOMY] = {.interval_ms = 30000,
	                                  .heartbeat_ms = 300000,
	                                  .distance_m = 500,
	                                  .angle_deg = 10,
	                                  .speed_delta_mps = 4,
	                                  .accuracy_max_m = 100,
	                                  .speed_max_mps = 100},
	};
	struct sampling s = presets[conf->sampling];
	const struct {
		int64_t said;
		int64_t *field;
	} said[] = {
		{conf->interval_ms, &s.interval_ms},         {conf->heartbeat_ms, &s.heartbeat_ms},
		{conf->distance_m, &s.distance_m},           {conf->angle_deg, &s.angle_deg},
		{conf->speed_delta_mps, &s.speed_delta_mps}, {conf->accuracy_max_m, &s.accuracy_max_m},
		{conf->speed_max_mps, &s.speed_max_mps},
	};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (said[i].said != CONF_PRESET)
			*said[i].field = said[i].said;
	if (conf->simulated != CAPTURE_SIMULATED_PRESET)
		s.simulated = conf->simulated == CAPTURE_SIMULATED_KEEP;
	s.standing_radius_m = conf->standing_radius_m;
	return s;
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

/* How far the two may be apart without a doubt. */
static double noise_m(const struct point *a, const struct point *b)
{
	double sum_m = 0;
	sum_m += a->accuracy_dm == ROW_ABSENT ? 0 : a->accuracy_dm / 10.0;
	sum_m += b->accuracy_dm == ROW_ABSENT ? 0 : b->accuracy_dm / 10.0;
	return sum_m > NOISE_M ? sum_m : NOISE_M;
}

static double seconds_between(const struct point *from, const struct point *to)
{
	return (double)(to->recorded_at_ms - from->recorded_at_ms) / 1000;
}

/* How fast it goes, by the receiver itself: an airliner is no outlier. Where that gives no speed, what goes on in one direction
 * is as fast as it was. */
static double explained_mps(const struct sampler_way *way, const struct point *to)
{
	const struct point *fix = to->speed_cmps == ROW_ABSENT ? &way->last : to;
	if (fix->speed_cmps != ROW_ABSENT)
		return fix->speed_cmps / 100.0;
	double seconds = seconds_between(&way->before, &way->last), m = motion_distance_m(&way->before, &way->last);
	if (!way->before.recorded_at_ms || seconds <= 0 || motion_distance_m(&way->before, to) <= m)
		return 0;
	return m / seconds;
}

static bool too_fast(const struct sampling *s, const struct sampler_way *way, const struct point *to)
{
	double seconds = seconds_between(&way->last, to);
	if (!s->speed_max_mps || seconds <= 0)
		return false;
	double way_m = motion_distance_m(&way->last, to) - noise_m(&way->last, to);
	return way_m > (double)s->speed_max_mps * seconds && way_m > 2 * explained_mps(way, to) * seconds;
}

/* VERDICT_COUNT: `to` can follow. */
static enum verdict contradicts(const struct sampling *s, const struct sampler_way *way, const struct point *to)
{
	if (to->recorded_at_ms <= way->last.recorded_at_ms && !s->repeated)
		return VERDICT_REFUSED_REPEATED;
	return too_fast(s, way, to) ? VERDICT_REFUSED_SPEED : VERDICT_COUNT;
}

static void go_on(struct sampler_way *way, const struct point *fix)
{
	way->before = way->last;
	way->last = *fix;
}

/* A coarse fix shows that it has gone on when it is further away than both can be wrong. */
static bool has_gone(const struct sampling *s, const struct point *from, const struct point *to)
{
	return from->recorded_at_ms && to->recorded_at_ms > from->recorded_at_ms &&
	       motion_distance_m(from, to) > noise_m(from, to) && !too_fast(s, &(struct sampler_way){.last = *from}, to);
}

static void note_seen(struct sampler *m, const struct point *fix)
{
	m->seen[m->seen_next++ % SAMPLER_SEEN] = (struct sampler_seen){fix->recorded_at_ms, fix->lat_e7, fix->lng_e7};
}

static bool was_seen(const struct sampler *m, const struct point *fix)
{
	for (size_t i = 0; i < SAMPLER_SEEN; i++) {
		const struct sampler_seen *seen = &m->seen[i];
		if (seen->recorded_at_ms == fix->recorded_at_ms && seen->lat_e7 == fix->lat_e7 && seen->lng_e7 == fix->lng_e7)
			return true;
	}
	return false;
}

static enum verdict refuse(struct sampler *m, const struct sampling *s, const struct point *fix, bool simulated)
{
	if (simulated && !s->simulated)
		return VERDICT_REFUSED_SIMULATED;
	if (s->accuracy_max_m && fix->accuracy_dm != ROW_ABSENT && fix->accuracy_dm > s->accuracy_max_m * 10) {
		m->went = has_gone(s, &m->coarse, fix);
		if (m->went)
			m->coarse = *fix;
		return VERDICT_REFUSED_ACCURACY;
	}
	enum verdict why = m->believed.last.recorded_at_ms ? contradicts(s, &m->believed, fix) : VERDICT_COUNT;
	if (why == VERDICT_COUNT) {
		go_on(&m->believed, fix);
	} else if (why == VERDICT_REFUSED_REPEATED && was_seen(m, fix)) {
		return why;
	} else {
		m->rivals = m->rivals && contradicts(s, &m->rival, fix) == VERDICT_COUNT ? m->rivals + 1 : 1;
		go_on(&m->rival, fix);
		if (m->rivals < AGREE)
			return why;
		m->believed = m->rival;
	}
	note_seen(m, fix);
	m->rival = (struct sampler_way){0};
	m->rivals = 0;
	return VERDICT_COUNT;
}

/* ---- thinning ---------------------------------------------------------------------------------------------------- */

static int64_t slack_ms(int64_t interval_ms)
{
	return interval_ms / 4 < EARLY_MOST_MS ? interval_ms / 4 : EARLY_MOST_MS;
}

static bool passed(int64_t interval_ms, int64_t early_ms, const struct point *since, const struct point *fix)
{
	return fix->recorded_at_ms - since->recorded_at_ms - early_ms >= interval_ms - slack_ms(interval_ms);
}

/* Clockwise from north, on the plane that touches the Earth there. */
static int32_t course_ddeg(const struct point *from, const struct point *to)
{
	int64_t east_e7 = (int64_t)to->lng_e7 - from->lng_e7;
	if (east_e7 > LNG_E7_MAX || east_e7 < -LNG_E7_MAX)
		east_e7 += east_e7 < 0 ? 2 * (int64_t)LNG_E7_MAX : -2 * (int64_t)LNG_E7_MAX;
	double east = (double)east_e7 * cos(from->lat_e7 / 1e7 * M_PI / 180), north = (double)to->lat_e7 - from->lat_e7;
	return (int32_t)lround(atan2(east, north) * (WHOLE_TURN_DDEG / 2) / M_PI + WHOLE_TURN_DDEG) % WHOLE_TURN_DDEG;
}

/* The fix with the direction in which it goes: by the receiver, or by the way, when that gives none, or goes too slowly to
 * know. */
static struct point directed(struct sampler *m, const struct point *fix)
{
	struct point out = *fix;
	if (!m->leg.recorded_at_ms) {
		m->leg = *fix;
	} else if (motion_distance_m(&m->leg, fix) >= LEG_M) {
		m->course_ddeg = course_ddeg(&m->leg, fix);
		m->has_course = true;
		m->leg = *fix;
	}
	if (fix->heading_ddeg == ROW_ABSENT || fix->speed_cmps < TURN_CMPS)
		out.heading_ddeg = m->has_course ? m->course_ddeg : ROW_ABSENT;
	if (m->kept.heading_ddeg == ROW_ABSENT) /* it went where the way leads now */
		m->kept.heading_ddeg = out.heading_ddeg;
	return out;
}

static bool turned(int64_t angle_deg, const struct point *since, const struct point *fix)
{
	if (since->heading_ddeg == ROW_ABSENT || fix->heading_ddeg == ROW_ABSENT)
		return false;
	int turn_ddeg = abs(fix->heading_ddeg - since->heading_ddeg) % WHOLE_TURN_DDEG;
	if (turn_ddeg > WHOLE_TURN_DDEG / 2)
		turn_ddeg = WHOLE_TURN_DDEG - turn_ddeg;
	return turn_ddeg >= angle_deg * 10;
}

static bool other_speed(int64_t delta_mps, const struct point *since, const struct point *fix)
{
	if (since->speed_cmps == ROW_ABSENT || fix->speed_cmps == ROW_ABSENT)
		return false;
	return llabs((int64_t)fix->speed_cmps - since->speed_cmps) >= delta_mps * 100;
}

/* Of what moves: is `fix` due, when `since` was the one before? */
static enum verdict due(const struct sampling *s, const struct point *since, int64_t early_ms, const struct point *fix)
{
	if (!s->interval_ms)
		return VERDICT_KEPT_ALL;
	if (passed(s->interval_ms, early_ms, since, fix))
		return VERDICT_KEPT_INTERVAL;
	if (s->distance_m && motion_distance_m(since, fix) >= (double)s->distance_m)
		return VERDICT_KEPT_DISTANCE;
	if (s->angle_deg && turned(s->angle_deg, since, fix))
		return VERDICT_KEPT_ANGLE;
	if (s->speed_delta_mps && other_speed(s->speed_delta_mps, since, fix))
		return VERDICT_KEPT_SPEED;
	return VERDICT_THINNED;
}

/* What stands and is said to move, for a moment, would count as a way in the odometer: a quieter fix is waited for. */
static enum verdict due_standing(const struct sampler *m, const struct sampling *s, const struct point *fix)
{
	if (!s->heartbeat_ms)
		return VERDICT_KEPT_ALL;
	bool loud = fix->speed_cmps >= SUMMARY_MOVING_CMPS, astray = m->motion.outside.count;
	int64_t heartbeat_ms = s->heartbeat_ms * (loud ? 8 : astray ? 7 : 4) / 4;
	if (passed(heartbeat_ms, m->early_ms, &m->kept, fix))
		return VERDICT_KEPT_HEARTBEAT;
	bool drifted = m->motion.drifted && fix->speed_cmps < SUMMARY_MOVING_CMPS;
	return drifted ? VERDICT_KEPT_DISTANCE : VERDICT_THINNED;
}

static enum verdict judge(const struct sampler *m, const struct sampling *s, enum motion_state before,
                          const struct point *fix)
{
	bool standing = m->motion.state == MOTION_STANDING;
	if (!m->kept.recorded_at_ms || fix->recorded_at_ms < m->kept.recorded_at_ms)
		return VERDICT_KEPT_FIRST;
	if (standing && before == MOTION_MOVING && s->heartbeat_ms)
		return VERDICT_KEPT_REST;
	if (!standing && before == MOTION_STANDING && s->heartbeat_ms)
		return VERDICT_KEPT_DEPARTURE;
	return standing ? due_standing(m, s, fix) : due(s, &m->kept, m->early_ms, fix);
}

/* A fix that was not kept while standing, but says that it moves. */
static void hold(struct sampler *m, const struct sampling *s, const struct point *fix)
{
	if (m->held_count && due(s, &m->held[m->held_count - 1], 0, fix) == VERDICT_THINNED)
		return;
	if (m->held_count == SAMPLER_HELD)
		memmove(&m->held[0], &m->held[1], --m->held_count * sizeof *m->held);
	m->held[m->held_count++] = *fix;
}

/* Intervals follow each other from the nominal end of the one before, so that ten fixes a second are thinned evenly. */
static void note_kept(struct sampler *m, const struct sampling *s, enum verdict verdict, const struct point *fix)
{
	bool beat = verdict == VERDICT_KEPT_HEARTBEAT, interval = verdict == VERDICT_KEPT_INTERVAL;
	int64_t whole_ms = beat ? s->heartbeat_ms : s->interval_ms;
	int64_t nominal_ms = m->kept.recorded_at_ms + m->early_ms + whole_ms;
	m->early_ms = (beat || interval) && nominal_ms > fix->recorded_at_ms ? nominal_ms - fix->recorded_at_ms : 0;
	m->kept = *fix;
}

enum verdict sampler_feed(struct sampler *m, const struct sampling *s, const struct point *fix, bool simulated)
{
	enum motion_state before = m->motion.state;
	m->recalled_count = 0;
	m->went = false;
	enum verdict verdict = refuse(m, s, fix, simulated);
	if (verdict != VERDICT_COUNT)
		return verdict;
	m->coarse = *fix;
	motion_feed(&m->motion, (double)s->standing_radius_m, fix);
	struct point way = s->angle_deg ? directed(m, fix) : *fix;
	verdict = judge(m, s, before, &way);
	if (verdict == VERDICT_KEPT_DEPARTURE)
		m->recalled_count = m->held_count;
	if (verdict_kept(verdict))
		note_kept(m, s, verdict, &way);
	if (verdict == VERDICT_THINNED && m->motion.state == MOTION_STANDING && m->motion.run.count)
		hold(m, s, fix);
	else
		m->held_count = 0;
	m->passed_by = verdict == VERDICT_THINNED && m->motion.state != MOTION_STANDING;
	return verdict;
}

bool sampler_last(struct sampler *m, struct point *out)
{
	if (!m->passed_by || !m->kept.recorded_at_ms)
		return false;
	m->passed_by = false;
	m->kept = *out = m->believed.last;
	m->early_ms = 0;
	return true;
}

bool sampler_hole(const struct sampler *m, const struct point *fix)
{
	const struct sampler_way *way = &m->believed;
	int64_t step_ms = fix->recorded_at_ms - way->last.recorded_at_ms;
	return step_ms >= HOLE_MS && step_ms >= HOLE_STEPS * (way->last.recorded_at_ms - way->before.recorded_at_ms);
}

void sampler_begin_anew(struct sampler *m)
{
	m->kept.recorded_at_ms = 0;
	m->held_count = 0;
}
