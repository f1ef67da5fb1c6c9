#include "agent/trips.h"

/* ---- what is known ----------------------------------------------------------------------------------------------- */

void trips_open(struct trips *t, const struct trips_found *found, int64_t now_mono_ms)
{
	*t = (struct trips){
		.state = found->state,
		.must_rest = found->person,
		.must_go_off = found->person && found->ignition_on,
		.must_move = found->empty,
		.rest_ms = found->last_ms,
		.rest_cause = SESSION_BY_GAP,
		.fix_ms = found->last_ms,
		.fix_mono_ms = now_mono_ms,
		.now_ms = found->last_ms,
	};
}

void trips_changed(struct trips *t, enum trips_state state)
{
	t->state = state;
	t->from_ms = t->now_ms;
	t->must_rest = t->motion != MOTION_STANDING;
	t->must_go_off = t->ignition == TRIPS_IGNITION_ON;
	t->must_move = t->motion != MOTION_MOVING;
}

void trips_time(struct trips *t, int64_t now_ms)
{
	if (t->fix_ms && now_ms > t->now_ms)
		t->now_ms = now_ms;
}

int64_t trips_now(const struct trips *t, int64_t now_mono_ms)
{
	return t->fix_ms + (now_mono_ms - t->fix_mono_ms);
}

void trips_fix(struct trips *t, const struct motion *motion, int64_t fix_ms, int64_t mono_ms)
{
	if (t->fix_ms && fix_ms < t->fix_ms) {
		/* The receiver's time has stepped back: what has passed, has passed. */
		int64_t step_ms = fix_ms - t->fix_ms;
		t->rest_ms += step_ms;
		t->from_ms += step_ms;
		t->behind_ms += step_ms;
		t->ignition_ms += step_ms;
	}
	if (t->fix_ms && t->fix_ms <= t->rest_ms)
		t->behind_ms = fix_ms;
	t->now_ms = t->fix_ms = fix_ms;
	t->fix_mono_ms = mono_ms;
	if (!t->seen)
		t->ignition_ms = trips_now(t, t->ignition_mono_ms);
	t->seen = true;
	t->motion = motion->state;
	t->motion_ms = motion->since_ms > t->behind_ms ? motion->since_ms : t->behind_ms;
	if (t->motion == MOTION_MOVING)
		t->must_move = false;
}

void trips_followed(struct trips *t, int64_t fix_ms, int64_t mono_ms)
{
	bool open = t->state == TRIPS_ACTIVE || t->state == TRIPS_PAUSED;
	if (!open || !t->fix_ms || fix_ms <= t->fix_ms)
		return;
	trips_time(t, fix_ms);
	t->fix_ms = t->from_ms = fix_ms;
	t->fix_mono_ms = mono_ms;
	if (t->state == TRIPS_PAUSED && t->rest_ms < fix_ms)
		t->rest_ms = fix_ms;
}

void trips_ignition(struct trips *t, bool on, int64_t mono_ms)
{
	enum trips_ignition ignition = on ? TRIPS_IGNITION_ON : TRIPS_IGNITION_OFF;
	if (ignition == t->ignition)
		return;
	t->ignition = ignition;
	t->ignition_mono_ms = mono_ms;
	t->ignition_ms = trips_now(t, mono_ms);
	if (!on)
		t->must_rest = t->must_go_off = false;
}

void trips_ignition_lost(struct trips *t)
{
	t->ignition = TRIPS_IGNITION_UNKNOWN;
}

/* ---- what follows from it ---------------------------------------------------------------------------------------- */

/* Since when it rests; now, when it does not. Before the first fix nobody knows how long the unit was off. */
static int64_t rest_since(const struct trips *t, const struct trips_rules *rules, enum session_cause *out_cause)
{
	int64_t since_ms = t->now_ms;
	if (rules->mode == CAPTURE_SESSION_IGNITION && t->seen) {
		*out_cause = SESSION_BY_IGNITION;
		if (t->ignition == TRIPS_IGNITION_OFF)
			since_ms = t->ignition_ms;
	} else {
		*out_cause = t->motion == MOTION_STANDING ? SESSION_BY_REST : SESSION_BY_GAP;
		since_ms = t->motion == MOTION_STANDING ? t->motion_ms : t->fix_ms;
	}
	return since_ms > t->from_ms ? since_ms : t->from_ms;
}

/* Whether something has begun a journey since the last one paused or ended, and when. */
static bool departed(const struct trips *t, const struct trips_rules *rules, struct trips_decision *out)
{
	bool anew = t->ignition_ms > t->rest_ms && t->ignition_ms > t->from_ms;
	if (t->seen && t->ignition == TRIPS_IGNITION_ON && anew && !t->must_go_off) {
		*out = (struct trips_decision){SESSION_ACTIVE, SESSION_BY_IGNITION, t->ignition_ms, false};
		return true;
	}
	*out = (struct trips_decision){SESSION_ACTIVE, SESSION_BY_MOVEMENT, t->motion_ms, false};
	/* The first fix after a long silence says where it is; the next one, that it goes on. */
	return rules->mode == CAPTURE_SESSION_AUTO && t->motion == MOTION_MOVING && t->fix_ms > t->motion_ms &&
	       t->motion_ms >= t->rest_ms;
}

static bool begin(struct trips *t, const struct trips_rules *rules, struct trips_decision *out)
{
	enum session_cause cause;
	int64_t since_ms = rest_since(t, rules, &cause);
	if (t->must_rest && t->now_ms - since_ms >= rules->stop_timeout_ms) {
		t->must_rest = false;
		t->rest_ms = since_ms;
	}
	if (t->must_rest || !departed(t, rules, out))
		return false;
	out->over_person = t->state == TRIPS_HELD;
	t->state = TRIPS_ACTIVE;
	t->from_ms = out->at_ms;
	return true;
}

static bool while_active(struct trips *t, const struct trips_rules *rules, struct trips_decision *out)
{
	enum session_cause cause;
	int64_t since_ms = rest_since(t, rules, &cause);
	if (t->must_move || t->now_ms - since_ms < rules->stop_timeout_ms)
		return false;
	*out = (struct trips_decision){SESSION_PAUSED, cause, since_ms, false};
	t->state = TRIPS_PAUSED;
	t->rest_ms = since_ms;
	t->rest_cause = cause;
	return true;
}

static bool while_paused(struct trips *t, const struct trips_rules *rules, struct trips_decision *out)
{
	if (departed(t, rules, out) && out->at_ms - t->rest_ms < rules->end_timeout_ms) {
		t->state = TRIPS_ACTIVE;
		t->from_ms = out->at_ms;
		return true;
	}
	if (t->now_ms - t->rest_ms < rules->end_timeout_ms)
		return false;
	*out = (struct trips_decision){SESSION_ENDED, t->rest_cause, t->rest_ms, false};
	t->state = TRIPS_NONE;
	t->must_rest = false;
	return true;
}

bool trips_decide(struct trips *t, const struct trips_rules *rules, struct trips_decision *out)
{
	if (rules->mode == CAPTURE_SESSION_MANUAL)
		return false;
	switch (t->state) {
	case TRIPS_NONE:
		return begin(t, rules, out);
	case TRIPS_ACTIVE:
		return while_active(t, rules, out);
	case TRIPS_PAUSED:
		return while_paused(t, rules, out);
	default:
		return rules->resumes && begin(t, rules, out);
	}
}

bool trips_stop(struct trips *t, const struct trips_rules *rules, enum session_status to, struct trips_decision *out)
{
	enum session_cause cause;
	int64_t since_ms = t->state == TRIPS_PAUSED ? t->rest_ms : t->fix_ms;
	bool under_way = t->state == TRIPS_ACTIVE || (t->state == TRIPS_PAUSED && to == SESSION_ENDED);
	if (rules->mode == CAPTURE_SESSION_MANUAL || !under_way || t->must_move || !t->fix_ms)
		return false;
	if (t->state == TRIPS_ACTIVE && t->motion == MOTION_STANDING)
		since_ms = rest_since(t, rules, &cause);
	*out = (struct trips_decision){to, SESSION_BY_STOP, since_ms, false};
	t->state = to == SESSION_ENDED ? TRIPS_NONE : TRIPS_PAUSED;
	t->rest_ms = since_ms;
	return true;
}
