#include "hal/gaps.h"

#include "hal/geodesy.h"
#include "hal/list.h"
#include "hal/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the gaps ------------------------------------------------------------------------------------------------------ */

void gaps_free(struct gaps *gaps)
{
	free(gaps->items);
	*gaps = (struct gaps){0};
}

static int grow(struct gaps *gaps, struct err *e)
{
	if (gaps->count == GAPS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d gaps: ask for longer ones, or for less time", GAPS_MAX);
	return list_grow(&gaps->items, gaps->count, &gaps->capacity, sizeof *gaps->items, "gaps", e);
}

static int insert(struct gaps *gaps, size_t place, const struct gap *gap, struct err *e)
{
	int rc = grow(gaps, e);
	if (rc)
		return rc;
	memmove(gaps->items + place + 1, gaps->items + place, (gaps->count - place) * sizeof *gaps->items);
	gaps->items[place] = *gap;
	gaps->count++;
	return 0;
}

static void take_out(struct gaps *gaps, size_t place)
{
	gaps->count--;
	memmove(gaps->items + place, gaps->items + place + 1, (gaps->count - place) * sizeof *gaps->items);
}

int gaps_begin(struct gaps *gaps, int64_t longer_ms, struct err *e)
{
	gaps->longer_ms = longer_ms;
	return insert(gaps, 0, &(struct gap){.from_ms = TIME_MS_MIN, .to_ms = TIME_MS_MAX}, e);
}

int gaps_add(struct gaps *gaps, const struct gap *gap, struct err *e)
{
	return insert(gaps, gaps->count, gap, e);
}

/* The last gap that begins at or before at_ms, plus one; nearly always that is the last of all. */
static size_t find_behind(const struct gaps *gaps, int64_t at_ms)
{
	size_t low = 0, high = gaps->count;
	if (high && gaps->items[high - 1].from_ms <= at_ms)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (gaps->items[middle].from_ms <= at_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct gap_end end_at(const struct point *point)
{
	return (struct gap_end){true, point->lat_e7, point->lng_e7, point->speed_cmps};
}

/* A stretch that was dropped is dropped whole, so that its ends tell. */
static void note_missing(struct gaps *gaps, int64_t seq)
{
	int64_t first = gaps->last_seq + 1, last = seq - 1;
	bool dropped = gaps->dropped && (ranges_contain(gaps->dropped, first) || ranges_contain(gaps->dropped, last));
	if (first <= last)
		gaps->missing = dropped ? GAP_DROPPED : GAP_REMOVED;
	gaps->last_seq = seq;
}

int gaps_point(struct gaps *gaps, const struct point *point, struct err *e)
{
	note_missing(gaps, point->seq);
	if (point->source == POINT_MANUAL)
		return 0;
	enum gap_cause missing = gaps->missing;
	gaps->missing = GAP_UNKNOWN;
	int64_t at_ms = point->recorded_at_ms;
	size_t place = find_behind(gaps, at_ms);
	if (!place || gaps->items[place - 1].to_ms < at_ms)
		return 0;
	struct gap *gap = &gaps->items[--place], right = *gap;
	right.from_ms = at_ms;
	right.before = end_at(point);
	gap->to_ms = at_ms;
	gap->after = end_at(point);
	if (missing)
		gap->rows = missing;
	bool keep_left = gap->to_ms - gap->from_ms > gaps->longer_ms;
	bool keep_right = right.to_ms - right.from_ms > gaps->longer_ms;
	if (keep_left && keep_right)
		return insert(gaps, place + 1, &right, e);
	if (keep_right)
		*gap = right;
	else if (!keep_left)
		take_out(gaps, place);
	return 0;
}

void gaps_limit(struct gaps *gaps, int64_t first_ms, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < gaps->count; i++) {
		struct gap gap = gaps->items[i];
		if (!gap.before.there)
			gap.from_ms = first_ms;
		if (gap.to_ms > now_ms && (gap.from_ms < now_ms || !gap.after.there)) {
			gap.to_ms = now_ms;
			gap.after = (struct gap_end){0};
		}
		if (gap.to_ms - gap.from_ms > gaps->longer_ms)
			gaps->items[kept++] = gap;
	}
	gaps->count = kept;
}

/* ---- their parts --------------------------------------------------------------------------------------------------- */

/* Lists that grow while one gap after the other is cut into parts. */
struct work {
	const struct evidence *evidence;
	int64_t *cuts; /* of the gap at hand */
	size_t cut_count, cut_capacity;
	struct gap_part *parts;
	size_t part_count, part_capacity;
	size_t first; /* part of the gap at hand */
};

static int add_cut(struct work *w, const struct gap *gap, int64_t at_ms, struct err *e)
{
	if (at_ms <= gap->from_ms || at_ms >= gap->to_ms)
		return 0;
	int rc = list_grow(&w->cuts, w->cut_count, &w->cut_capacity, sizeof *w->cuts, "parts of gaps", e);
	if (!rc)
		w->cuts[w->cut_count++] = at_ms;
	return rc;
}

/* Within the gap the part from from_ms on has this cause; what has the same as the one before only makes that longer. */
static int add_part(struct work *w, int64_t from_ms, int64_t to_ms, enum gap_cause cause, const char *detail,
                    struct err *e)
{
	struct gap_part *last = w->part_count > w->first ? &w->parts[w->part_count - 1] : NULL;
	if (last && last->cause == cause && !strcmp(last->detail, detail)) {
		last->to_ms = to_ms;
		return 0;
	}
	int rc = list_grow(&w->parts, w->part_count, &w->part_capacity, sizeof *w->parts, "parts of gaps", e);
	if (rc)
		return rc;
	struct gap_part *part = &w->parts[w->part_count++];
	*part = (struct gap_part){.from_ms = from_ms, .to_ms = to_ms, .cause = cause};
	snprintf(part->detail, sizeof part->detail, "%s", detail);
	return 0;
}

/* The entry in force at at_ms; NULL before the first. */
static const struct evidence_entry *entry_at(const struct evidence *ev, int64_t at_ms)
{
	size_t low = 0, high = ev->entry_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ev->entries[middle].at_ms <= at_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &ev->entries[low - 1] : NULL;
}

static bool span_holds(const struct evidence_span *span, const struct gap *gap)
{
	return span->from_ms < gap->to_ms && span->to_ms > gap->from_ms &&
	       (!span->until_point || span->to_ms <= gap->to_ms);
}

static int compare_times(const void *a, const void *b)
{
	int64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

static int find_cuts(struct work *w, const struct gap *gap, struct err *e)
{
	const struct evidence *ev = w->evidence;
	const struct evidence_entry *entry = entry_at(ev, gap->from_ms);
	size_t i = entry ? (size_t)(entry - ev->entries) + 1 : 0;
	int rc = 0;
	w->cut_count = 0;
	for (; i < ev->entry_count && ev->entries[i].at_ms < gap->to_ms && !rc; i++)
		rc = add_cut(w, gap, ev->entries[i].at_ms, e);
	for (i = 0; i < ev->span_count && !rc; i++)
		if (span_holds(&ev->spans[i], gap) && !(rc = add_cut(w, gap, ev->spans[i].from_ms, e)))
			rc = add_cut(w, gap, ev->spans[i].to_ms, e);
	if (!rc && w->cut_count)
		qsort(w->cuts, w->cut_count, sizeof *w->cuts, compare_times);
	return rc;
}

/* The cause from from_ms on, until the next cut: what was known later goes before what was known then. */
static int add_piece(struct work *w, const struct gap *gap, int64_t from_ms, int64_t to_ms, struct err *e)
{
	const struct evidence *ev = w->evidence;
	if (from_ms >= to_ms)
		return 0;
	for (size_t i = ev->span_count; i-- > 0;) {
		const struct evidence_span *span = &ev->spans[i];
		if (span_holds(span, gap) && span->from_ms <= from_ms && span->to_ms >= to_ms)
			return add_part(w, from_ms, to_ms, span->cause, span->detail, e);
	}
	const struct evidence_entry *entry = entry_at(ev, from_ms);
	return add_part(w, from_ms, to_ms, entry ? entry->cause : GAP_UNKNOWN, entry ? entry->detail : "", e);
}

static int add_pieces(struct work *w, const struct gap *gap, struct err *e)
{
	int64_t from_ms = gap->from_ms;
	if (gap->rows)
		return add_part(w, from_ms, gap->to_ms, gap->rows, "", e);
	int rc = find_cuts(w, gap, e);
	for (size_t i = 0; i <= w->cut_count && !rc; i++) {
		int64_t to_ms = i < w->cut_count ? w->cuts[i] : gap->to_ms;
		rc = add_piece(w, gap, from_ms, to_ms, e);
		from_ms = to_ms;
	}
	return rc;
}

/* ---- what was recording, and yet has no points ---------------------------------------------------------------------- */

static bool stands(const struct gap_end *end)
{
	return end->there && end->speed_cmps < SUMMARY_MOVING_CMPS; /* without a speed, too */
}

static bool says_so(const struct gap_end *end)
{
	return stands(end) && end->speed_cmps != ROW_ABSENT;
}

static double across_m(const struct gap *gap)
{
	const struct gap_end *a = &gap->before, *b = &gap->after;
	return geodesy_distance_m(a->lat_e7, a->lng_e7, b->lat_e7, b->lng_e7);
}

static bool stayed(const struct gap *gap)
{
	return across_m(gap) < SUMMARY_MOVING_CMPS / 100.0 * (double)(gap->to_ms - gap->from_ms) / 1000;
}

/* Whether the points beside it show that the vehicle stood all through the part. Between two heartbeats one of the two is enough, the place or
 * the speeds: had it moved, there would be points. While parked a place may jump, and speeds may be those of noise. */
static bool stood(const struct gap *gap, const struct gap_part *part, bool in_time)
{
	bool first = part->from_ms == gap->from_ms, last = part->to_ms == gap->to_ms;
	if (first && last && gap->before.there && gap->after.there) {
		bool quiet = says_so(&gap->before) && says_so(&gap->after) && across_m(gap) < GAPS_JUMP_M;
		return stayed(gap) ? stands(&gap->before) || in_time : quiet && in_time;
	}
	if (first || last)
		return (first && stands(&gap->before)) || (last && stands(&gap->after));
	return stands(&gap->before) && stands(&gap->after) && stayed(gap);
}

/* How seldom points were due in the part, standing and moving: the longest that was in force; 0: not known. */
static void longest_due(const struct evidence *ev, const struct gap_part *part, int64_t *out_heartbeat_ms,
                        int64_t *out_interval_ms)
{
	const struct evidence_entry *entry = entry_at(ev, part->from_ms), *end = ev->entries + ev->entry_count;
	*out_heartbeat_ms = *out_interval_ms = 0;
	for (; entry && entry < end && (entry->at_ms < part->to_ms || entry->at_ms <= part->from_ms); entry++) {
		*out_heartbeat_ms = entry->heartbeat_ms > *out_heartbeat_ms ? entry->heartbeat_ms : *out_heartbeat_ms;
		*out_interval_ms = entry->interval_ms > *out_interval_ms ? entry->interval_ms : *out_interval_ms;
	}
}

/* A part in which points should have been recorded, unless the next one was not due: a standing vehicle's heartbeat, or the end of
 * the interval. A vehicle that seems to creep is given twice its heartbeat (sampler.h). */
static enum gap_cause judge_recording(const struct work *w, const struct gap *gap, const struct gap_part *part)
{
	int64_t lasts_ms = part->to_ms - part->from_ms, heartbeat_ms, interval_ms;
	longest_due(w->evidence, part, &heartbeat_ms, &interval_ms);
	int64_t late_ms = heartbeat_ms > GAPS_GRACE_MS ? heartbeat_ms : GAPS_GRACE_MS;
	bool beat = heartbeat_ms && lasts_ms <= heartbeat_ms + late_ms;
	if (stood(gap, part, beat) && (!heartbeat_ms || beat))
		return GAP_STANDING;
	bool in_time = interval_ms && lasts_ms <= interval_ms + interval_ms / 4 + GAPS_MARGIN_MS;
	return in_time && gap->before.there ? GAP_NOT_DUE : GAP_UNKNOWN;
}

static void drop_part(struct work *w, size_t i)
{
	w->part_count--;
	memmove(&w->parts[i], &w->parts[i + 1], (w->part_count - i) * sizeof *w->parts);
}

/* A short part of which nothing is known belongs to the part beside it: the reason that came was there already. So does a part
 * of less than a second. */
static bool belongs_beside(const struct work *w, const struct gap_part *part, bool recording)
{
	int64_t lasts_ms = part->to_ms - part->from_ms;
	if (w->part_count - w->first == 1)
		return false;
	if (!recording)
		return lasts_ms < GAPS_PART_MS;
	return lasts_ms <= (part->cause == GAP_UNKNOWN ? GAPS_GRACE_MS : GAPS_MARGIN_MS);
}

static void settle(struct work *w, const struct gap *gap)
{
	for (size_t i = w->first; i < w->part_count; i++) {
		struct gap_part *part = &w->parts[i];
		bool recording = part->cause == GAP_RECORDING;
		if (recording)
			part->cause = judge_recording(w, gap, part);
		if (!belongs_beside(w, part, recording))
			continue;
		if (i == w->first)
			part[1].from_ms = part->from_ms;
		else
			part[-1].to_ms = part->to_ms;
		drop_part(w, i--);
	}
	for (size_t i = w->first + 1; i < w->part_count; i++)
		if (w->parts[i].cause == w->parts[i - 1].cause && !strcmp(w->parts[i].detail, w->parts[i - 1].detail)) {
			w->parts[i - 1].to_ms = w->parts[i].to_ms;
			drop_part(w, i--);
		}
}

/* ---- within a time ---------------------------------------------------------------------------------------------------- */

/* Cuts the parts of the gap at hand to from … to, and numbers them. */
static void clip(struct work *w, size_t number, int64_t from_ms, int64_t to_ms)
{
	size_t kept = w->first;
	for (size_t i = w->first; i < w->part_count; i++) {
		struct gap_part part = w->parts[i];
		part.gap = number;
		if (part.from_ms < from_ms)
			part.from_ms = from_ms;
		if (part.to_ms > to_ms)
			part.to_ms = to_ms;
		if (part.from_ms < part.to_ms)
			w->parts[kept++] = part;
	}
	w->part_count = kept;
}

static bool concerns(const struct gaps *gaps, const struct gap *gap, int64_t from_ms, int64_t to_ms)
{
	int64_t begin_ms = gap->from_ms > from_ms ? gap->from_ms : from_ms,
			end_ms = gap->to_ms < to_ms ? gap->to_ms : to_ms;
	return end_ms - begin_ms > gaps->longer_ms;
}

int gaps_explain(const struct gaps *gaps, const struct evidence *evidence, int64_t from_ms, int64_t to_ms,
                 struct gap_part **out, size_t *out_count, struct err *e)
{
	struct work w = {.evidence = evidence};
	size_t number = 0;
	int rc = 0;
	for (size_t i = 0; i < gaps->count && !rc; i++) {
		const struct gap *gap = &gaps->items[i];
		if (!concerns(gaps, gap, from_ms, to_ms))
			continue;
		w.first = w.part_count;
		rc = add_pieces(&w, gap, e);
		if (!rc)
			settle(&w, gap);
		clip(&w, number++, from_ms, to_ms);
	}
	free(w.cuts);
	if (rc) {
		free(w.parts);
		return rc;
	}
	*out = w.parts;
	*out_count = w.part_count;
	return 0;
}
