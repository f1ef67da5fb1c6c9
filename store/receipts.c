#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

int store_accounted(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct query q;
	bool row = true;
	query_start(&q, store, "SELECT first_seq, last_seq FROM accounted WHERE stream = ? ORDER BY first_seq");
	query_text(&q, stream_name(stream));
	int rc = 0;
	while (!rc && !(rc = query_next(&q, &row, e)) && row)
		rc = ranges_add(out, query_get_int(&q, 0, 0), query_get_int(&q, 1, 0), e);
	query_end(&q);
	if (rc)
		ranges_free(out);
	return rc;
}

static int remove_range(struct store *store, enum stream stream, struct range range, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM accounted WHERE stream = ? AND first_seq = ?");
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	return query_run(&q, e);
}

static int put_range(struct store *store, enum stream stream, struct range range, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "INSERT INTO accounted (stream, first_seq, last_seq) VALUES (?, ?, ?)"
	            " ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq");
	query_text(&q, stream_name(stream));
	query_int(&q, range.first);
	query_int(&q, range.last);
	return query_run(&q, e);
}

/* The accounted ranges, which are `held`, become `wanted`. Both lists are in order of `first`, so one walk finds what differs. Most
 * receipts lengthen one range, and writing thousands of others anew each time would wear the flash for nothing. */
static int accounted_replace(struct store *store, enum stream stream, const struct ranges *held,
                             const struct ranges *wanted, struct err *e)
{
	int rc = 0;
	size_t h = 0, w = 0;
	while (!rc && (h < held->count || w < wanted->count)) {
		const struct range *old = h < held->count ? &held->items[h] : NULL;
		const struct range *new = w < wanted->count ? &wanted->items[w] : NULL;
		if (!new || (old && old->first < new->first)) {
			rc = remove_range(store, stream, *old, e);
			h++;
			continue;
		}
		if (!old || old->first > new->first || old->last != new->last)
			rc = put_range(store, stream, *new, e);
		h += old && old->first == new->first;
		w++;
	}
	return rc;
}

static int given_out(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	int64_t last;
	int rc = store_last_seq(store, stream, &last, e);
	return rc || !last ? rc : ranges_add(out, 1, last, e);
}

/* *out = a \ b, or the first of it when that has more fragments than a set can have: these are enough to go on with, and
 * close the rest's way. */
static int subtract_first(struct ranges *out, const struct ranges *a, const struct ranges *b, struct err *e)
{
	int rc = ranges_subtract(out, a, b, e);
	return rc == -ERR_LIMIT ? 0 : rc;
}

/* What the centre does not account for, and this unit has not dropped. */
static int find_holes(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges all = {0}, accounted = {0}, dropped = {0}, left = {0};
	int rc = given_out(store, stream, &all, e);
	if (!rc)
		rc = store_accounted(store, stream, &accounted, e);
	if (!rc)
		rc = subtract_first(&left, &all, &accounted, e);
	if (!rc)
		rc = store_dropped(store, stream, &dropped, e);
	if (!rc)
		rc = subtract_first(out, &left, &dropped, e);
	ranges_free(&all);
	ranges_free(&accounted);
	ranges_free(&dropped);
	ranges_free(&left);
	return rc;
}

/* The holes that are pruned, or those that are not. */
static int part_of_holes(struct store *store, enum stream stream, bool pruned, struct ranges *out, struct err *e)
{
	struct ranges holes = {0}, gone = {0};
	int rc = find_holes(store, stream, &holes, e);
	if (!rc)
		rc = store_pruned(store, stream, &holes, &gone, e);
	if (!rc)
		rc = pruned ? ranges_copy(out, &gone, e) : subtract_first(out, &holes, &gone, e);
	ranges_free(&holes);
	ranges_free(&gone);
	if (rc)
		ranges_free(out);
	return rc;
}

int store_unsent(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	int rc = part_of_holes(store, stream, false, out, e);
	return rc ? rc : retry_unsent(store, stream, out, e);
}

int store_lost(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	return part_of_holes(store, stream, true, out, e);
}

/* The time of the first row at or behind the first unsent seq; rows before it are receipted. */
static int first_time(struct store *store, enum stream stream, const struct ranges *unsent, int64_t *out, struct err *e)
{
	if (!unsent->count)
		return 0;
	struct query q;
	query_start(&q, store,
	            stream == STREAM_POINTS ? "SELECT recorded_at FROM points WHERE seq >= ? ORDER BY seq LIMIT 1"
	                                    : "SELECT event_at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1");
	query_int(&q, unsent->items[0].first);
	return query_one_int(&q, 0, out, e);
}

int store_backlog(struct store *store, struct store_backlog *out, struct err *e)
{
	int64_t total[STREAM_COUNT] = {0}, time[STREAM_COUNT] = {0}, sessions;
	int rc = 0;
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++) {
		struct ranges unsent = {0};
		rc = store_unsent(store, (enum stream)stream, &unsent, e);
		total[stream] = ranges_total(&unsent);
		if (!rc)
			rc = first_time(store, (enum stream)stream, &unsent, &time[stream], e);
		ranges_free(&unsent);
	}
	struct query q;
	if (rc)
		return rc;
	query_start(&q, store,
	            "SELECT count(*) FROM sessions WHERE revision > held_revision OR centre_revision > told_revision");
	rc = query_one_int(&q, 0, &sessions, e);
	if (rc)
		return rc;
	int64_t oldest = time[STREAM_POINTS];
	if (!oldest || (time[STREAM_EVENTS] && time[STREAM_EVENTS] < oldest))
		oldest = time[STREAM_EVENTS];
	*out = (struct store_backlog){total[STREAM_POINTS], total[STREAM_EVENTS], sessions, oldest};
	return 0;
}

static int rejected_known(struct store *store, const struct store_rejected *row, bool *out, struct err *e)
{
	struct query q;
	int64_t found = 0;
	query_start(&q, store, "SELECT 1 FROM rejected WHERE stream = ? AND seq = ? AND code IS ? AND reason IS ?");
	query_text(&q, stream_name(row->stream));
	query_int(&q, row->seq);
	query_text(&q, row->code);
	query_text(&q, row->reason);
	int rc = query_one_int(&q, 0, &found, e);
	*out = !rc && found;
	return rc;
}

static int put_rejected(struct store *store, const struct store_rejected *row, struct err *e)
{
	struct query q;
	query_start(&q, store, "INSERT OR REPLACE INTO rejected (stream, seq, code, reason) VALUES (?, ?, ?, ?)");
	query_text(&q, stream_name(row->stream));
	query_int(&q, row->seq);
	query_text(&q, row->code);
	query_text(&q, row->reason);
	return query_run(&q, e);
}

static int count_rejected(struct store *store, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT count(*) FROM rejected");
	return query_one_int(&q, 0, out, e);
}

/* Receipts repeat the same few rows: they are only written when something differs. What the store has not given out
 * is no row of it. */
static int replace_rejected(struct store *store, const struct store_rejected *rows, size_t count, struct err *e)
{
	int64_t last[STREAM_COUNT] = {0}, held = 0, wanted = 0;
	int rc = count_rejected(store, &held, e);
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++)
		rc = store_last_seq(store, (enum stream)stream, &last[stream], e);
	bool same = true;
	for (size_t i = 0; i < count && !rc; i++) {
		if (rows[i].seq > last[rows[i].stream])
			continue;
		wanted++;
		if (same)
			rc = rejected_known(store, &rows[i], &same, e);
	}
	if (rc || (same && held == wanted))
		return rc;
	rc = sql_run(store, "DELETE FROM rejected", e);
	for (size_t i = 0; i < count && !rc; i++)
		if (rows[i].seq <= last[rows[i].stream])
			rc = put_rejected(store, &rows[i], e);
	return rc;
}

static int put_accounted(struct store *store, enum stream stream, const struct ranges *said, int64_t centre_ms,
                         struct err *e)
{
	struct ranges all = {0}, wanted = {0}, held = {0};
	int rc = given_out(store, stream, &all, e);
	if (!rc)
		rc = ranges_intersect(&wanted, said, &all, e);
	if (!rc)
		rc = store_accounted(store, stream, &held, e);
	if (!rc)
		rc = accounted_replace(store, stream, &held, &wanted, e);
	if (!rc)
		rc = blocks_follow(store, stream, &held, &wanted, centre_ms, e);
	ranges_free(&all);
	ranges_free(&wanted);
	ranges_free(&held);
	return rc;
}

static int put_held_sessions(struct store *store, const struct store_receipt *receipt, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < receipt->session_count && !rc; i++) {
		const struct store_session_held *held = &receipt->sessions[i];
		struct query q;
		query_start(
			&q, store,
			"UPDATE sessions SET held_revision = ?2, told_revision = ?3, lost_references = ?4 WHERE session_id = ?1"
			" AND (held_revision <> ?2 OR told_revision <> ?3 OR lost_references IS NOT ?4)");
		query_text(&q, held->session_id);
		query_int(&q, held->revision);
		query_int(&q, held->seen);
		query_text(&q, held->lost);
		rc = query_run(&q, e);
		if (!rc && held->edits)
			rc = session_apply_edits(store, held->session_id, held->edits, receipt->applied_at_ms, e);
	}
	return rc;
}

static int put_exchange(struct store *store, const struct store_receipt *receipt, struct err *e)
{
	struct query q;
	query_start(
		&q, store,
		"UPDATE centre SET exchange_applied = ?, receipt_at = ?, centre_at = ?, rejected_cut = ?, refusal = NULL,"
		" standing = NULL");
	query_int(&q, receipt->exchange);
	query_int(&q, receipt->applied_at_ms);
	query_int(&q, receipt->centre_ms);
	query_int(&q, receipt->rejected_cut);
	int rc = query_run(&q, e);
	if (rc || !receipt->device_name[0])
		return rc;
	query_start(
		&q, store,
		"UPDATE devices SET name = ?1, updated_at = ?2, color = known.color, is_active = ?4"
		" FROM (SELECT CASE WHEN ?3 IN ('blue', 'green', 'red', 'yellow', 'purple', 'orange', 'pink', 'gray')"
		"  THEN ?3 END AS color) AS known WHERE name IS NOT ?1 OR devices.color IS NOT known.color OR is_active <> ?4");
	query_text(&q, receipt->device_name);
	query_int(&q, receipt->applied_at_ms);
	query_text(&q, receipt->device_color);
	query_int(&q, receipt->device_active);
	return query_run(&q, e);
}

static int apply(struct store *store, const struct store_receipt *receipt, bool *out_applied, struct err *e)
{
	struct store_centre centre;
	bool found = false;
	int rc = store_centre_get(store, &centre, &found, e);
	if (!rc && !found)
		return err_set(e, ERR_STATE, "this unit is not paired, so no receipt is for it");
	*out_applied = !rc && receipt->exchange > centre.exchange_applied;
	if (rc || !*out_applied)
		return rc;
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++)
		rc = put_accounted(store, (enum stream)stream, &receipt->accounted[stream], receipt->centre_ms, e);
	if (!rc)
		rc = replace_rejected(store, receipt->rejected, receipt->rejected_count, e);
	if (!rc)
		rc = drops_follow(store, receipt, e);
	if (!rc)
		rc = put_held_sessions(store, receipt, e);
	if (!rc && receipt->reference)
		rc = reference_replace(store, receipt->reference, receipt->reference_digest, e);
	if (!rc)
		rc = retry_answered(store, receipt->exchange, e);
	return rc ? rc : put_exchange(store, receipt, e);
}

int store_apply_receipt(struct store *store, const struct store_receipt *receipt, bool *out_applied, struct err *e)
{
	bool applied = false;
	int rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, apply(store, receipt, &applied, e), e);
	if (!rc)
		*out_applied = applied;
	return rc;
}

int store_rejected_count(struct store *store, int64_t *out, struct err *e)
{
	struct query q;
	query_start(&q, store, "SELECT (SELECT count(*) FROM rejected) + (SELECT count(*) FROM set_aside)");
	return query_one_int(&q, 0, out, e);
}

int store_rejected_list(struct store *store, size_t limit, struct store_rejected **out, size_t *out_count,
                        struct err *e)
{
	struct store_rejected *rows = NULL;
	size_t count = 0, capacity = 0;
	struct query q;
	bool row = true;
	/* In the order of enum stream, which is not that of the alphabet. */
	query_start(&q, store,
	            "SELECT stream = 'events', seq, code, reason FROM rejected UNION ALL SELECT stream = 'events', seq,"
	            " '" STORE_SET_ASIDE "', reason FROM set_aside ORDER BY 1, 2 LIMIT ?");
	query_limit(&q, limit);
	int rc = 0;
	while (!rc && !(rc = query_next(&q, &row, e)) && row) {
		rc = grow(&rows, count, &capacity, sizeof *rows, e);
		if (rc)
			break;
		struct store_rejected *r = &rows[count++];
		*r = (struct store_rejected){.stream = query_get_int(&q, 0, 0) ? STREAM_EVENTS : STREAM_POINTS,
		                             .seq = query_get_int(&q, 1, 0)};
		query_get_text(&q, 2, r->code, sizeof r->code);
		query_get_text(&q, 3, r->reason, sizeof r->reason);
	}
	query_end(&q);
	if (rc) {
		free(rows);
		return rc;
	}
	*out = rows;
	*out_count = count;
	return 0;
}
