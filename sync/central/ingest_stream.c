/* All of one stream: what of a batch is new, what is held, what lies elsewhere. */
#include "sync/central/ingest_parts.h"

#include "hal/hex.h"
#include "sync/central/seq_ranges.h"

#include <stdlib.h>
#include <string.h>

static const char stretches_sql[] =
	"SELECT s.first_seq, s.last_seq, encode(s.digest, 'hex'), encode(s.packed, 'hex') FROM alzy.stores t"
	" CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM alzy.stretches WHERE store_number = t.number AND stream = $2 AND first_seq BETWEEN r.first"
		" AND r.last AND last_seq <= r.last") " s WHERE t.store_id = $1::uuid ORDER BY s.first_seq LIMIT 25000";

/* Of the stretches inside the batch's rows, those whose digest is that of the rows: they need no further look. */
static int match_stretches(struct ingest *in, const struct ingest_rows *rows, struct ranges *matched, struct err *e)
{
	const struct pg_result *found = in->streams[rows->stream].stretches_found;
	int rc = 0;
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t first = pg_int(found, i, 0), last = pg_int(found, i, 1);
		if (ranges_cover(&in->streams[rows->stream].given, first, last) &&
		    ingest_has_digest(in, rows, first, last, pg_text(found, i, 2)))
			rc = ranges_add(matched, first, last, e);
	}
	return rc;
}

/* What is held of seqs of which the unit is not sure: by the digests it sees whether these are its rows. */
static int add_proofs(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	const struct ingest_stream *stream = &in->streams[rows->stream];
	const struct pg_result *found = stream->stretches_found;
	struct receipt_stream *out = &in->receipt->streams[rows->stream];
	if (!in->batch->unsure[rows->stream].count || !pg_rows(found))
		return 0;
	out->proofs = calloc(RECEIPT_PROOFS_MAX, sizeof *out->proofs);
	if (!out->proofs)
		return err_set(e, ERR_MEMORY, "out of memory for proofs");
	for (size_t i = 0; i < pg_rows(found) && out->proof_count < RECEIPT_PROOFS_MAX; i++) {
		uint8_t digest[ROWS_DIGEST] = {0};
		struct stretch *proof = &out->proofs[out->proof_count];
		*proof = (struct stretch){.first = pg_int(found, i, 0), .last = pg_int(found, i, 1)};
		int64_t before = out->proof_count ? out->proofs[out->proof_count - 1].last : 0;
		out->proof_count += proof->first > before && !ranges_cover(&stream->given, proof->first, proof->last) &&
		                    ranges_cover(&stream->held, proof->first, proof->last) &&
		                    proof->last - proof->first < BATCH_POINTS_MAX &&
		                    hex_read(pg_text(found, i, 2), digest, sizeof digest);
		memcpy(proof->digest, digest, sizeof proof->digest);
	}
	return 0;
}

/* Rows under whose seqs some were rejected. Rows that are judged again are as good as fresh. */
static int check_aside(struct ingest *in, const struct ingest_rows *rows, struct ranges *fresh, struct err *e)
{
	const struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges overlap = {0}, matched = {0}, others = {0};
	int rc = ranges_intersect(&overlap, &stream->given, &stream->rejected, e);
	if (!rc && overlap.count)
		rc = ingest_match_aside(in, rows, in->store_number, &overlap, &matched, e);
	if (!rc)
		rc = ranges_subtract(&others, &overlap, &matched, e);
	for (size_t i = 0; i < others.count && !rc; i++)
		for (int64_t seq = others.items[i].first; seq <= others.items[i].last && !rc; seq++)
			rc = ingest_conflict(in, rows, ingest_find(rows, in->batch, seq), e);
	if (!rc && in->batch->retry)
		rc = ranges_add_all(fresh, &matched, e);
	ranges_free(&overlap);
	ranges_free(&matched);
	ranges_free(&others);
	return rc;
}

/* Rows under whose seqs some are held. Those that are in no table, since somebody has changed the ranges or the table by hand, are
 * as good as fresh. */
static int check_overlap(struct ingest *in, const struct ingest_rows *rows, struct ranges *fresh, struct err *e)
{
	const struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges overlap = {0}, matched = {0}, doubtful = {0}, present = {0}, absent = {0};
	int rc = ranges_intersect(&overlap, &stream->given, &stream->held, e);
	if (!rc && overlap.count && !in->batch->compare)
		rc = match_stretches(in, rows, &matched, e);
	if (!rc)
		rc = ranges_subtract(&doubtful, &overlap, &matched, e);
	if (!rc && doubtful.count)
		rc = ingest_compare(in, rows, &doubtful, &present, e);
	if (!rc)
		rc = ranges_subtract(&absent, &doubtful, &present, e);
	if (!rc)
		rc = ranges_add_all(fresh, &absent, e);
	ranges_free(&overlap);
	ranges_free(&matched);
	ranges_free(&doubtful);
	ranges_free(&present);
	ranges_free(&absent);
	return rc;
}

static int find_fresh(const struct ingest_stream *stream, struct ranges *out, struct err *e)
{
	struct ranges accounted = {0};
	int rc = ranges_copy(&accounted, &stream->held, e);
	if (!rc)
		rc = ranges_add_all(&accounted, &stream->rejected, e);
	if (!rc)
		rc = ranges_add_all(&accounted, &stream->dropped, e);
	if (!rc)
		rc = ranges_add_all(&accounted, &stream->expired, e);
	if (!rc)
		rc = ranges_subtract(out, &stream->given, &accounted, e);
	ranges_free(&accounted);
	return rc;
}

/* Of a device that was erased: rows that were recorded before, whatever brings them, have expired as they come. */
static int expire_old(struct ingest *in, const struct ingest_rows *rows, struct ranges *fresh, struct err *e)
{
	struct ranges younger = {0};
	if (in->erased_ms == TIME_MS_MIN)
		return 0;
	int rc = ingest_younger(in, rows, fresh, in->erased_ms, &younger, e);
	if (!rc)
		rc = ranges_remove(fresh, &younger, e);
	if (!rc)
		rc = ranges_add_all(&in->streams[rows->stream].expired, fresh, e);
	in->changed = in->changed || fresh->count;
	ranges_free(fresh);
	*fresh = younger;
	return rc;
}

/* A row that is younger than all that has expired has not: under its seq another copy's row was deleted. */
static int check_expired(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges overlap = {0};
	int rc = ranges_intersect(&overlap, &stream->given, &stream->expired, e);
	if (!rc)
		rc = ingest_younger(in, rows, &overlap, in->expired_ms, &stream->conflicts, e);
	ranges_free(&overlap);
	return rc;
}

int ingest_stream_ask(struct ingest *in, const struct ingest_rows *rows, struct pg_call *out, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges about = {0};
	int rc = rows->given(in->batch, &stream->given, e);
	if (!rc)
		rc = ranges_copy(&about, &stream->given, e);
	if (!rc)
		rc = ranges_add_all(&about, &in->batch->unsure[rows->stream], e);
	if (!rc)
		rc = seq_ranges_arrays(&about, 0, &stream->firsts, &stream->lasts, e);
	stream->asked[0] = in->batch->store_id;
	stream->asked[1] = stream_name(rows->stream);
	stream->asked[2] = (const char *)stream->firsts.bytes;
	stream->asked[3] = (const char *)stream->lasts.bytes;
	*out = about.count ? (struct pg_call){.sql = stretches_sql, .count = 4, .values = stream->asked}
	                   : (struct pg_call){.sql = ""};
	ranges_free(&about);
	return rc;
}

/* Whether the seqs from the first to the last are in no other set than `held`. */
static bool is_only_held(const struct ingest_stream *stream, int64_t first, int64_t last)
{
	const struct ranges *others[] = {&stream->rejected, &stream->dropped, &stream->expired};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		size_t at = ranges_find(others[i], first);
		if (at < others[i]->count && others[i]->items[at].first <= last)
			return false;
	}
	return ranges_cover(&stream->held, first, last);
}

bool ingest_points_known(struct ingest *in)
{
	const struct batch *batch = in->batch;
	const struct ingest_stream *stream = &in->streams[STREAM_POINTS];
	const struct pg_result *found = stream->stretches_found;
	if (!batch->packed || !stream->given.count)
		return false;
	digest_packed(batch->packed, batch->packed_length, &stream->given, batch->sessions, batch->session_count,
	              in->packed);
	/* What is to be compared, or judged again, is looked at row by row. */
	if (batch->compare || batch->retry || stream->given.count > 1)
		return false;
	struct range all = stream->given.items[0];
	for (size_t i = 0; i < pg_rows(found); i++)
		if (pg_int(found, i, 0) == all.first && pg_int(found, i, 1) == all.last)
			return hex_is(pg_text(found, i, 3), in->packed, sizeof in->packed) &&
			       is_only_held(stream, all.first, all.last);
	return false;
}

static int take_stream(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges fresh = {0};
	bool undone = false;
	int rc = find_fresh(stream, &fresh, e);
	if (!rc)
		rc = check_aside(in, rows, &fresh, e);
	if (!rc)
		rc = check_expired(in, rows, e);
	if (!rc)
		rc = check_overlap(in, rows, &fresh, e);
	if (!rc)
		rc = expire_old(in, rows, &fresh, e);
	if (!rc)
		rc = add_proofs(in, rows, e);
	if (!rc && fresh.count && (in->batch->moved || in->moved_from))
		rc = ingest_places(in, rows, &fresh, &undone, e);
	if (!rc && !undone)
		rc = ingest_take_fresh(in, rows, &fresh, e);
	if (!rc && in->batch->retry)
		rc = ingest_settle(in, rows, e);
	if (!rc && in->batch->compare)
		rc = ingest_settle_conflicts(in, rows, e);
	if (!rc)
		rc = ranges_add_all(&stream->held, &stream->taken, e);
	if (!rc)
		rc = ranges_add_all(&stream->held, &stream->found, e);
	if (!rc)
		rc = ranges_add_all(&stream->rejected, &stream->refused, e);
	ranges_free(&fresh);
	return rc;
}

/* They are still packed: nothing of them is looked at. */
static int pass_over_stream(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	stream->room = ingest_room(stream);
	return add_proofs(in, rows, e);
}

int ingest_stream(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	bool known = rows->stream == STREAM_POINTS && in->points_known;
	int64_t last = in->batch->last_seq[rows->stream];
	if (ranges_highest(&stream->given) > last)
		last = ranges_highest(&stream->given);
	if (last > stream->last)
		stream->last = last;
	return known ? pass_over_stream(in, rows, e) : take_stream(in, rows, e);
}
