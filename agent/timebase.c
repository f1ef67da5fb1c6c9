#include "agent/timebase.h"

#include "hal/rows.h"

/* How long a centre's time, or an NTP's that is gone, stays exact: crystals drift. */
static int64_t drift_ms(int64_t span_ms)
{
	return span_ms / 1000000 * TIMEBASE_DRIFT_PPM + span_ms % 1000000 * TIMEBASE_DRIFT_PPM / 1000000;
}

static bool close_to(int64_t a, int64_t b, int64_t tolerance_ms)
{
	return a - b <= tolerance_ms && b - a <= tolerance_ms;
}

/* What the time is by the centre, else by NTP; NULL: neither says. */
static const struct timebase_way *otherwise(const struct timebase *t)
{
	return t->receipt.there ? &t->receipt : t->ntp.there ? &t->ntp : NULL;
}

/* Whether that does not agree with an offset by which a receiver goes at mono_ms. */
static bool contradicts(const struct timebase_way *known, int64_t offset_ms, int64_t mono_ms)
{
	return known && !close_to(known->offset_ms, offset_ms, TIMEBASE_DOUBT_MS + drift_ms(mono_ms - known->mono_ms));
}

/* Uses what is best. A receiver tells the time to which its points belong, as long as nothing better contradicts it. */
static void choose(struct timebase *t, int64_t mono_ms, struct timebase_news *news)
{
	const struct timebase_way *way = otherwise(t);
	enum time_basis basis = t->receipt.there ? TIME_RECEIPT : TIME_NTP;
	if (t->receiver.there && !contradicts(way, t->receiver.offset_ms, mono_ms)) {
		way = &t->receiver;
		basis = TIME_GNSS;
	}
	if (!way)
		return;
	bool moves = !close_to(way->offset_ms, t->offset_ms, TIMEBASE_MOVE_MS);
	if (timebase_known(t) && basis == t->basis && !moves)
		return;
	if (!timebase_known(t))
		t->since_mono_ms = mono_ms;
	if (!timebase_known(t) || moves)
		t->offset_ms = way->offset_ms;
	t->basis = basis;
	news->changed = true;
}

void timebase_start(struct timebase *t, const struct era *era, int64_t mono_ms, int64_t wall_ms)
{
	*t = (struct timebase){.era = *era, .offset_ms = wall_ms - mono_ms, .since_mono_ms = mono_ms};
	t->basis = era->none ? TIME_SYSTEM : TIME_NONE;
	t->wall = (struct timebase_way){true, t->offset_ms, mono_ms};
	struct timebase_ration full = {(int64_t)TIMEBASE_TOLD * TIMEBASE_TOLD_MS, mono_ms};
	t->step_ration = t->repair_ration = t->doubt_ration = full;
}

static bool may_tell(struct timebase_ration *ration, int64_t mono_ms)
{
	int64_t most_ms = (int64_t)TIMEBASE_TOLD * TIMEBASE_TOLD_MS,
			credit_ms = ration->credit_ms + mono_ms - ration->mono_ms;
	ration->credit_ms = credit_ms < most_ms ? credit_ms : most_ms;
	ration->mono_ms = mono_ms;
	bool may = ration->credit_ms >= TIMEBASE_TOLD_MS;
	ration->credit_ms -= may ? TIMEBASE_TOLD_MS : 0;
	return may;
}

void timebase_look(struct timebase *t, int64_t mono_ms, int64_t wall_ms, bool synchronized, struct timebase_news *news)
{
	int64_t offset_ms = wall_ms - mono_ms;
	if (!close_to(offset_ms, t->wall.offset_ms, TIMEBASE_STEP_MS) && !t->steps++)
		t->step_from_offset_ms = t->wall.offset_ms;
	if (t->steps && may_tell(&t->step_ration, mono_ms)) {
		news->steps = t->steps;
		news->step_from_ms = mono_ms + t->step_from_offset_ms;
		news->step_to_ms = wall_ms;
		t->steps = 0;
	}
	t->wall = (struct timebase_way){true, offset_ms, mono_ms};
	if (t->era.none)
		return;
	if (synchronized && era_holds(&t->era, wall_ms))
		t->ntp = t->wall;
	/* Without any fix, a guess follows the system clock. */
	if (!timebase_known(t) && !t->seen)
		t->offset_ms = offset_ms;
	choose(t, mono_ms, news);
}

void timebase_receipt(struct timebase *t, int64_t offset_ms, int64_t mono_ms, struct timebase_news *news)
{
	if (t->era.none)
		return;
	t->receipt = (struct timebase_way){true, offset_ms, mono_ms};
	choose(t, mono_ms, news);
}

void timebase_resume(struct timebase *t, enum time_basis basis, int64_t offset_ms, int64_t since_mono_ms)
{
	if (t->era.none || basis <= TIME_SYSTEM)
		return;
	t->basis = basis;
	t->offset_ms = offset_ms;
	t->since_mono_ms = since_mono_ms;
	if (basis == TIME_GNSS)
		t->receiver = (struct timebase_way){true, offset_ms, since_mono_ms};
	if (basis == TIME_NTP)
		t->ntp = (struct timebase_way){true, offset_ms, since_mono_ms};
}

/* Whether this fix is one more of a row that keeps up with the monotonic clock, and the row is long enough. */
static bool sustained(struct timebase *t, int64_t mono_ms, int64_t offset_ms)
{
	struct timebase_way *run = &t->run;
	if (!t->seen++)
		t->seen_from_ms = mono_ms;
	t->seen_to_ms = mono_ms;
	if (run->there && close_to(offset_ms, run->offset_ms, TIMEBASE_JITTER_MS + drift_ms(mono_ms - run->mono_ms))) {
		t->run_count++;
	} else {
		t->broken += run->there;
		*run = (struct timebase_way){true, offset_ms, mono_ms};
		t->run_from_ms = mono_ms;
		t->run_count = 1;
	}
	if (t->run_count < TIMEBASE_FIXES || mono_ms - t->run_from_ms < TIMEBASE_SPAN_MS)
		return false;
	/* Follows a drift of months, and evens out what the line and the reader add. */
	run->offset_ms += (offset_ms - run->offset_ms) / 8;
	run->mono_ms = mono_ms;
	return true;
}

static bool far_from_known(const struct timebase *t, int64_t mono_ms, int64_t fix_ms)
{
	const struct timebase_way *way = t->basis == TIME_GNSS ? &t->receiver : otherwise(t);
	int64_t tolerance_ms = TIMEBASE_DOUBT_MS + (way ? drift_ms(mono_ms - way->mono_ms) : 0);
	return timebase_known(t) && !close_to(fix_ms - mono_ms, t->offset_ms, tolerance_ms);
}

/* How many fixes in a row, with this one, are far from what is known. Each goes on from the one before. */
static int count_strays(struct timebase *t, int64_t mono_ms, int64_t fix_ms)
{
	int64_t ahead_ms = fix_ms - t->stray_ms;
	bool goes_on = ahead_ms > 0 && ahead_ms <= TIMEBASE_AGREE_MS + (mono_ms - t->stray_mono_ms);
	if (!far_from_known(t, mono_ms, fix_ms))
		t->stray_count = 0;
	else if (t->stray_count && goes_on)
		t->stray_count += t->stray_count < TIMEBASE_STRAYS;
	else
		t->stray_count = 1;
	t->stray_ms = fix_ms;
	t->stray_mono_ms = mono_ms;
	return t->stray_count;
}

void timebase_fix(struct timebase *t, int64_t mono_ms, int64_t *fix_ms, struct timebase_news *news)
{
	if (t->era.none) {
		t->seen++;
		t->basis = TIME_GNSS;
		t->offset_ms = *fix_ms - mono_ms;
		return;
	}
	const struct timebase_way *known = otherwise(t);
	int64_t known_ms = known ? mono_ms + known->offset_ms : 0;
	int shift = era_shift(&t->era, *fix_ms, known ? &known_ms : NULL, mono_ms + t->wall.offset_ms);
	*fix_ms += shift * ERA_MS;
	int64_t offset_ms = *fix_ms - mono_ms;
	news->strays = count_strays(t, mono_ms, *fix_ms);
	if (news->strays == 0 || news->strays >= TIMEBASE_STRAYS) {
		bool doubtful = contradicts(known, offset_ms, mono_ms) || !era_holds(&t->era, *fix_ms);
		if (shift != t->shift_told && may_tell(&t->repair_ration, mono_ms)) {
			news->repaired = true;
			t->shift_told = shift;
		}
		news->doubted |= doubtful && !t->doubtful && may_tell(&t->doubt_ration, mono_ms);
		t->shift = shift;
		t->doubtful = doubtful;
	}
	if (sustained(t, mono_ms, offset_ms)) {
		t->outside = !era_holds(&t->era, *fix_ms);
		if (!t->outside)
			t->receiver = t->run;
		choose(t, mono_ms, news);
	}
	if (!timebase_known(t))
		t->offset_ms = offset_ms;
}

bool timebase_known(const struct timebase *t)
{
	return t->basis >= TIME_SYSTEM;
}

bool timebase_strange(const struct timebase *t, int64_t mono_ms, int64_t fix_ms)
{
	return timebase_known(t) && !t->era.none && !close_to(fix_ms - mono_ms, t->offset_ms, TIMEBASE_DOUBT_MS);
}

int64_t timebase_at(const struct timebase *t, int64_t mono_ms)
{
	int64_t at_ms = mono_ms + t->offset_ms;
	return at_ms < TIME_MS_MIN ? TIME_MS_MIN : at_ms > TIME_MS_MAX ? TIME_MS_MAX : at_ms;
}

bool timebase_hopeless(const struct timebase *t)
{
	bool long_enough = t->seen_to_ms - t->seen_from_ms >= TIMEBASE_HOPE_MS;
	bool often = t->broken >= TIMEBASE_BREAKS || t->broken == t->seen - 1;
	bool too_fast = t->broken > 0 && (long_enough || often);
	return !timebase_known(t) && (too_fast || t->outside);
}
