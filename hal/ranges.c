#include "hal/ranges.h"

#include "hal/list.h"
#include "hal/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ranges_free(struct ranges *set)
{
	if (!set)
		return;
	free(set->items);
	*set = (struct ranges){0};
}

static int reserve_one(struct ranges *set, struct err *e)
{
	if (set->count >= RANGES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d separate ranges of seq", RANGES_MAX);
	return list_grow(&set->items, set->count, &set->capacity, sizeof *set->items, "ranges of seq", e);
}

size_t ranges_find(const struct ranges *set, int64_t seq)
{
	if (set->count && set->items[set->count - 1].last < seq)
		return set->count;
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->items[middle].last < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int ranges_add(struct ranges *set, int64_t first, int64_t last, struct err *e)
{
	if (first < 1 || last < first || last > SEQ_MAX)
		return err_set(e, ERR_INVALID, "%" PRId64 "..%" PRId64 " is no range of seq", first, last);
	size_t at = ranges_find(set, first - 1); /* the first that can touch first..last */
	size_t end = at;
	while (end < set->count && set->items[end].first <= last + 1) {
		if (set->items[end].first < first)
			first = set->items[end].first;
		if (set->items[end].last > last)
			last = set->items[end].last;
		end++;
	}
	if (end == at) {
		int rc = reserve_one(set, e);
		if (rc)
			return rc;
		memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof *set->items);
		set->count++;
	} else if (end > at + 1) {
		memmove(set->items + at + 1, set->items + end, (set->count - end) * sizeof *set->items);
		set->count -= end - at - 1;
	}
	set->items[at] = (struct range){first, last};
	return 0;
}

int ranges_add_all(struct ranges *set, const struct ranges *other, struct err *e)
{
	for (size_t i = 0; i < other->count; i++) {
		int rc = ranges_add(set, other->items[i].first, other->items[i].last, e);
		if (rc)
			return rc;
	}
	return 0;
}

int ranges_copy(struct ranges *out, const struct ranges *set, struct err *e)
{
	return ranges_add_all(out, set, e);
}

int ranges_subtract(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e)
{
	size_t j = 0;
	for (size_t i = 0; i < a->count; i++) {
		int64_t from = a->items[i].first;
		while (j < b->count && b->items[j].last < from)
			j++;
		for (size_t k = j; k < b->count && b->items[k].first <= a->items[i].last; k++) {
			if (b->items[k].first > from) {
				int rc = ranges_add(out, from, b->items[k].first - 1, e);
				if (rc)
					return rc;
			}
			from = b->items[k].last + 1;
		}
		if (from <= a->items[i].last) {
			int rc = ranges_add(out, from, a->items[i].last, e);
			if (rc)
				return rc;
		}
	}
	return 0;
}

int ranges_remove(struct ranges *set, const struct ranges *gone, struct err *e)
{
	struct ranges left = {0};
	int rc = ranges_subtract(&left, set, gone, e);
	ranges_free(rc ? &left : set);
	if (!rc)
		*set = left;
	return rc;
}

int ranges_intersect(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e)
{
	size_t i = 0, j = 0;
	while (i < a->count && j < b->count) {
		int64_t first = a->items[i].first > b->items[j].first ? a->items[i].first : b->items[j].first;
		int64_t last = a->items[i].last < b->items[j].last ? a->items[i].last : b->items[j].last;
		if (first <= last) {
			int rc = ranges_add(out, first, last, e);
			if (rc)
				return rc;
		}
		if (a->items[i].last < b->items[j].last)
			i++;
		else
			j++;
	}
	return 0;
}

int ranges_take(struct ranges *out, const struct ranges *set, int64_t most, struct err *e)
{
	for (size_t i = 0; i < set->count && most > 0; i++) {
		struct range r = set->items[i];
		if (r.last - r.first + 1 > most)
			r.last = r.first + most - 1;
		int rc = ranges_add(out, r.first, r.last, e);
		if (rc)
			return rc;
		most -= r.last - r.first + 1;
	}
	return 0;
}

bool ranges_contain(const struct ranges *set, int64_t seq)
{
	return ranges_cover(set, seq, seq);
}

bool ranges_cover(const struct ranges *set, int64_t first, int64_t last)
{
	size_t i = ranges_find(set, first);
	return i < set->count && set->items[i].first <= first && last <= set->items[i].last;
}

bool ranges_equal(const struct ranges *a, const struct ranges *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i].first != b->items[i].first || a->items[i].last != b->items[i].last)
			return false;
	return true;
}

int64_t ranges_total(const struct ranges *set)
{
	int64_t total = 0;
	for (size_t i = 0; i < set->count; i++)
		total += set->items[i].last - set->items[i].first + 1;
	return total;
}

int64_t ranges_highest(const struct ranges *set)
{
	return set->count ? set->items[set->count - 1].last : 0;
}

const char *ranges_format(const struct ranges *set, char *out, size_t size)
{
	size_t used = 0;
	snprintf(out, size, "%s", set->count ? "" : "none");
	for (size_t i = 0; i < set->count; i++) {
		char part[64];
		struct range r = set->items[i];
		int n = r.first == r.last
		            ? snprintf(part, sizeof part, "%s%" PRId64, i ? ", " : "", r.first)
		            : snprintf(part, sizeof part, "%s%" PRId64 "-%" PRId64, i ? ", " : "", r.first, r.last);
		if (used + (size_t)n + sizeof ", …" > size) {
			snprintf(out + used, size - used, "%s", size - used >= sizeof ", …" ? ", …" : "");
			break;
		}
		memcpy(out + used, part, (size_t)n + 1);
		used += (size_t)n;
	}
	return out;
}
