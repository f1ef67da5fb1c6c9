#include "hal/summary.h"

#include "hal/geodesy.h"

static const int64_t turn_e7 = INT64_C(3600000000);

/* From -180 (inclusive) to 180 degrees. */
static int64_t wrapped(int64_t lng_e7)
{
	int64_t shifted = (lng_e7 + turn_e7 / 2) % turn_e7;
	return (shifted < 0 ? shifted + turn_e7 : shifted) - turn_e7 / 2;
}

static void widen(struct summary *s, const struct point *point, bool first)
{
	s->lng_e7 += first ? point->lng_e7 : wrapped((int64_t)point->lng_e7 - s->last.lng_e7);
	if (first || s->lng_e7 < s->least_e7)
		s->least_e7 = s->lng_e7;
	if (first || s->lng_e7 > s->greatest_e7)
		s->greatest_e7 = s->lng_e7;
	if (first || point->lat_e7 < s->south_e7)
		s->south_e7 = point->lat_e7;
	if (first || point->lat_e7 > s->north_e7)
		s->north_e7 = point->lat_e7;
	bool around = s->greatest_e7 - s->least_e7 >= turn_e7;
	s->west_e7 = around ? -LNG_E7_MAX : (int32_t)wrapped(s->least_e7);
	s->east_e7 = around ? LNG_E7_MAX : (int32_t)wrapped(s->greatest_e7);
}

static bool end_moves(const struct point *point, double m, int64_t ms)
{
	if (point->speed_cmps != ROW_ABSENT)
		return point->speed_cmps >= SUMMARY_MOVING_CMPS;
	return m > 0 && m >= SUMMARY_MOVING_CMPS / 100.0 * (double)ms / 1000;
}

static void add_segment(struct summary *s, const struct point *to)
{
	const struct point *from = &s->last;
	int64_t ms = to->recorded_at_ms - from->recorded_at_ms;
	double m = geodesy_distance_m(from->lat_e7, from->lng_e7, to->lat_e7, to->lng_e7);
	bool moves = end_moves(from, m, ms) || end_moves(to, m, ms), silent = ms > SUMMARY_SILENCE_MS;
	if (moves)
		s->distance_m += m;
	if (moves && silent)
		s->bridged_m += m;
	if (ms > 0)
		*(silent ? &s->silent_ms : moves ? &s->moving_ms : &s->still_ms) += ms;
	int64_t before = s->standing_ms;
	if (moves || silent)
		s->standing_ms = 0;
	else if (ms > 0)
		s->standing_ms += ms;
	s->stops += before < SUMMARY_STOP_MS && s->standing_ms >= SUMMARY_STOP_MS;
}

void summary_add(struct summary *s, const struct point *point)
{
	bool first = s->points == s->marks;
	s->points++;
	if (point->source == POINT_MANUAL) {
		s->marks++;
		return;
	}
	if (first)
		s->max_speed_cmps = ROW_ABSENT;
	else
		add_segment(s, point);
	if (first || point->recorded_at_ms < s->first_ms)
		s->first_ms = point->recorded_at_ms;
	if (first || point->recorded_at_ms > s->last_ms)
		s->last_ms = point->recorded_at_ms;
	if (point->speed_cmps > s->max_speed_cmps) /* ROW_ABSENT is below all */
		s->max_speed_cmps = point->speed_cmps;
	widen(s, point, first);
	s->last = *point;
}

double summary_mean_mps(const struct summary *s)
{
	int64_t ms = s->last_ms - s->first_ms;
	return ms > 0 ? s->distance_m * 1000 / (double)ms : -1;
}

double summary_moving_mps(const struct summary *s)
{
	return s->moving_ms > 0 ? (s->distance_m - s->bridged_m) * 1000 / (double)s->moving_ms : -1;
}
