/* A receipt, applied: what is believed of rows follows from what it says, and from what was believed before. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

/* What a receipt says of an identity, in rows of this file. */
struct applying {
	struct store *store;
	const struct store_receipt *receipt;
	struct identity identity;
	struct ranges mine[STREAM_COUNT]; /* rows of the identity */
	struct ranges said[STREAM_COUNT], dropped[STREAM_COUNT];
	struct ranges let_go[STREAM_COUNT]; /* what this unit has dropped, of all identities */
	struct store_rejected *rejected;
	size_t rejected_count;
	struct ranges held[STREAM_COUNT];  /* believed from now on, of all identities */
	struct ranges moved[STREAM_COUNT]; /* those that take another name */
	bool behind;                       /* the centre knows of more than this file has given out */
};

static int translate_rejected(struct applying *a, struct err *e)
{
	const struct store_receipt *receipt = a->receipt;
	a->rejected = calloc(receipt->rejected_count + 1, sizeof *a->rejected);
	if (!a->rejected)
		return err_set(e, ERR_MEMORY, "out of memory for rejected rows");
	for (size_t i = 0; i < receipt->rejected_count; i++) {
		struct store_rejected *row = &a->rejected[a->rejected_count];
		*row = receipt->rejected[i];
		row->seq = identity_row(&a->identity, row->stream, row->seq);
		a->rejected_count += row->seq > 0;
	}
	return 0;
}

/* Of rows that are not believed to be there, it is another copy's that were rejected. */
static int put_rejected(struct applying *a, enum stream stream, struct err *e)
{
	struct store_rejected *rows = calloc(a->rejected_count + 1, sizeof *rows);
	size_t count = 0;
	if (!rows)
		return err_set(e, ERR_MEMORY, "out of memory for rejected rows");
	for (size_t i = 0; i < a->rejected_count; i++)
		if (a->rejected[i].stream == stream && ranges_contain(&a->held[stream], a->rejected[i].seq))
			rows[count++] = a->rejected[i];
	int rc = rejected_replace(a->store, stream, &a->mine[stream], rows, count, e);
	free(rows);
	return rc;
}

/* Rows about which nothing need be confirmed any more: those that were believed before, pruned ones, for they were once, and
 * dropped ones, of which there is nothing. */
static int add_sure(const struct applying *a, enum stream stream, const struct ranges *believed, struct ranges *sure,
                    struct err *e)
{
	struct ranges pruned = {0};
	int rc = ranges_add_all(sure, believed, e);
	if (!rc)
		rc = store_pruned(a->store, stream, &a->mine[stream], &pruned, e);
	if (!rc)
		rc = ranges_add_all(sure, &pruned, e);
	if (!rc)
		rc = ranges_add_all(sure, &a->let_go[stream], e);
	ranges_free(&pruned);
	return rc;
}

/* Rows that the centre counts as dropped, though nobody has dropped them here: a copy has, and may have meant a row of its own.
 * Here they are unsent, and move when they are sent. */
static int find_dropped_elsewhere(const struct applying *a, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges others = {0}, pruned = {0};
	int rc = ranges_subtract(&others, &a->dropped[stream], &a->let_go[stream], e);
	if (!rc)
		rc = store_pruned(a->store, stream, &others, &pruned, e);
	if (!rc)
		rc = ranges_subtract(out, &others, &pruned, e);
	ranges_free(&others);
	ranges_free(&pruned);
	return rc;
}

/* *out = what is said and sure, and all that is believed of other identities. */
static int find_held(const struct applying *a, enum stream stream, const struct ranges *believed, struct ranges *out,
                     struct err *e)
{
	struct ranges sure = {0}, now = {0}, elsewhere = {0}, others = {0}, all = {0};
	int rc = identity_rows(&a->identity, stream, &a->receipt->confirmed[stream], &sure, e);
	if (!rc)
		rc = add_sure(a, stream, believed, &sure, e);
	if (!rc)
		rc = ranges_intersect(&now, &a->said[stream], &sure, e);
	if (!rc)
		rc = find_dropped_elsewhere(a, stream, &elsewhere, e);
	if (!rc)
		rc = ranges_subtract(&others, believed, &a->mine[stream], e);
	if (!rc)
		rc = ranges_subtract(&all, &now, &elsewhere, e);
	if (!rc)
		rc = ranges_add_all(&all, &others, e);
	struct ranges *sets[] = {&sure, &now, &elsewhere, &others};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		ranges_free(sets[i]);
	*out = all;
	return rc;
}

static int find_moved(const struct applying *a, enum stream stream, const struct ranges *believed, struct ranges *out,
                      struct err *e)
{
	struct ranges conflicts = {0}, settled = {0};
	int rc = identity_rows(&a->identity, stream, &a->receipt->conflicts[stream], &conflicts, e);
	if (!rc)
		rc = ranges_copy(&settled, &a->let_go[stream], e);
	if (!rc)
		rc = ranges_add_all(&settled, believed, e);
	if (!rc)
		rc = ranges_subtract(out, &conflicts, &settled, e);
	ranges_free(&conflicts);
	ranges_free(&settled);
	return rc;
}

static int translate_stream(struct applying *a, enum stream stream, struct err *e)
{
	int64_t last = a->identity.streams[stream].last;
	int rc = identity_all_rows(&a->identity, stream, &a->mine[stream], e);
	if (!rc)
		rc = identity_rows(&a->identity, stream, &a->receipt->accounted[stream], &a->said[stream], e);
	if (!rc)
		rc = identity_rows(&a->identity, stream, &a->receipt->dropped[stream], &a->dropped[stream], e);
	if (!rc)
		rc = store_dropped(a->store, stream, &a->let_go[stream], e);
	a->behind |= a->identity.present && ranges_highest(&a->receipt->accounted[stream]) > last;
	return rc;
}

/* A centre that has forgotten rows may have forgotten sessions as well, also those whose rows are pruned here. */
static int doubt_if_forgotten(struct applying *a, const struct ranges *believed, const struct ranges *held,
                              struct err *e)
{
	struct ranges forgotten = {0};
	int rc = subtract_first(&forgotten, believed, held, e);
	if (!rc && forgotten.count)
		rc = doubt_sessions(a->store, e);
	ranges_free(&forgotten);
	return rc;
}

static int apply_stream(struct applying *a, enum stream stream, struct err *e)
{
	struct ranges believed = {0};
	int rc = translate_stream(a, stream, e);
	if (!rc)
		rc = store_accounted(a->store, stream, &believed, e);
	if (!rc)
		rc = find_held(a, stream, &believed, &a->held[stream], e);
	if (!rc)
		rc = find_moved(a, stream, &believed, &a->moved[stream], e);
	if (!rc)
		rc = doubt_if_forgotten(a, &believed, &a->held[stream], e);
	if (!rc)
		rc = accounted_replace(a->store, stream, &believed, &a->held[stream], e);
	if (!rc)
		rc = blocks_follow(a->store, stream, &believed, &a->held[stream], a->receipt->centre_ms, e);
	if (!rc)
		rc = put_rejected(a, stream, e);
	ranges_free(&believed);
	return rc;
}

/* Whether another copy may have its rows under the seqs of this one's. Forks tell nothing: the centre counts this unit's own, too. */
static int has_copies(const struct applying *a, bool *out, struct err *e)
{
	struct query q;
	int64_t found = 0;
	query_start(&q, a->store, "SELECT 1 FROM identities WHERE because IN ('conflict', 'behind') LIMIT 1");
	int rc = query_one_int(&q, 0, &found, e);
	*out = found || a->behind || a->receipt->copied_rows;
	return rc;
}

/* What the centre holds under the seq of a row that was dropped is that row, unless there are copies. */
static int follow_drops(const struct applying *a, struct err *e)
{
	bool copies = false;
	int rc = has_copies(a, &copies, e);
	return rc || copies ? rc : drops_follow(a->store, a->said, a->dropped, a->rejected, a->rejected_count, e);
}

/* Rows whose names are another copy's get new ones; what is recorded from now on must not meet the same fate. What the copy
 * has said of sessions is heard when they are told. */
static int fork_if_copied(struct applying *a, struct err *e)
{
	bool moved = a->moved[STREAM_POINTS].count || a->moved[STREAM_EVENTS].count;
	bool copied = a->identity.present && (moved || a->behind);
	int rc = copied ? doubt_sessions(a->store, e) : 0;
	if (!rc && moved)
		rc = fork_move(a->store, a->identity.number, a->receipt->moved_id, a->moved, e);
	if (!rc && copied)
		rc = fork_present(a->store, moved ? FORK_CONFLICT : FORK_BEHIND, e);
	return rc;
}

/* What is said of the identity as a whole. */
static int put_identity(struct applying *a, struct err *e)
{
	const struct store_receipt *r = a->receipt;
	int64_t checkpoint = r->checkpoint ? r->checkpoint : a->identity.checkpoint;
	if (r->copied_rows == a->identity.copied_rows && r->forks == a->identity.forks &&
	    checkpoint == a->identity.checkpoint)
		return 0;
	struct query q;
	query_start(&q, a->store,
	            "UPDATE identities SET copied_rows = ?, copied_at = ?, forks = ?, checkpoint = ? WHERE number = ?");
	query_int(&q, r->copied_rows);
	query_int_unless(&q, r->copied_at_ms, 0);
	query_int(&q, r->forks);
	query_int(&q, checkpoint);
	query_int(&q, a->identity.number);
	return query_run(&q, e);
}

/* Whether the batch that is answered was made since the last time that the centre was found to have gone back. */
static int is_news(struct store *store, int64_t exchange, bool *out, struct err *e)
{
	struct query q;
	int64_t news = 0;
	query_start(&q, store, "SELECT ? > went_back_at FROM centre");
	query_int(&q, exchange);
	int rc = query_one_int(&q, 0, &news, e);
	*out = news;
	return rc;
}

static int apply_rows(struct store *store, const struct store_receipt *receipt, struct err *e)
{
	struct applying a = {.store = store, .receipt = receipt};
	bool back = false;
	int rc = receipt->forgotten ? is_news(store, receipt->exchange, &back, e) : 0;
	if (!rc && back)
		rc = doubt_all(store, receipt->centre_ms, e);
	if (!rc)
		rc = identity_read(store, receipt->store_id[0] ? receipt->store_id : NULL, &a.identity, e);
	if (!rc)
		rc = translate_rejected(&a, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = apply_stream(&a, (enum stream)s, e);
	if (!rc)
		rc = follow_drops(&a, e);
	if (!rc)
		rc = put_identity(&a, e);
	if (!rc && !back)
		rc = fork_if_copied(&a, e);
	for (int s = 0; s < STREAM_COUNT; s++) {
		struct ranges *sets[] = {&a.mine[s], &a.said[s], &a.dropped[s], &a.let_go[s], &a.held[s], &a.moved[s]};
		for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
			ranges_free(sets[i]);
	}
	free(a.rejected);
	identity_free(&a.identity);
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
		if (!rc)
			rc = session_apply_copy(store, held, receipt->applied_at_ms, e);
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
	if (rc)
		return rc;
	query_start(&q, store, "DELETE FROM written WHERE exchange <= ?");
	query_int(&q, receipt->exchange);
	rc = query_run(&q, e);
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
	rc = apply_rows(store, receipt, e);
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
	if (!rc && applied)
		rc = store_name_again(store, e);
	if (!rc)
		*out_applied = applied;
	return rc;
}
