/* What points and events have in common: what of a batch is new, what is held, and what Postgres does not take. */
#include "sync/central/ingest_parts.h"

#include "hal/hex.h"
#include "hal/json.h"
#include "hal/utf8.h"
#include "sync/central/seq_ranges.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REJECTS_AT_ONCE = 500 };

int64_t ingest_row_id(const struct ingest *in, int64_t seq)
{
	return in->store_number * (SEQ_MAX + 1) + seq;
}

size_t ingest_find(const struct ingest_rows *rows, const struct batch *batch, int64_t seq)
{
	size_t low = 0, high = rows->count(batch);
	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		if (rows->seq(batch, middle) <= seq)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- rejected rows ------------------------------------------------------------------------------------------ */

int ingest_rejects_flush(struct ingest *in, struct err *e)
{
	if (!cJSON_GetArraySize(in->rejects))
		return 0;
	in->changed = true;
	char number[24], *json = json_print(in->rejects);
	if (!json)
		return err_set(e, ERR_MEMORY, "out of memory for rejected rows");
	snprintf(number, sizeof number, "%" PRId64, in->store_number);
	int rc =
		pg_query(in->pg, NULL, e,
	             "INSERT INTO alzy.rejected (store_number, stream, seq, digest, code, reason, content, rejected_at)"
	             " SELECT $1::int, r.stream, r.seq, decode(r.digest, 'hex'), r.code, r.reason, r.content, now()"
	             " FROM jsonb_to_recordset($2::jsonb) AS r(stream text, seq bigint, digest text, code text,"
	             " reason text, content jsonb) ON CONFLICT (store_number, stream, seq, digest) DO UPDATE"
	             " SET code = excluded.code, reason = excluded.reason, rejected_at = excluded.rejected_at"
	             " WHERE (rejected.code, rejected.reason) IS DISTINCT FROM (excluded.code, excluded.reason)",
	             2, (const char *const[]){number, json});
	free(json);
	cJSON_Delete(in->rejects);
	in->rejects = cJSON_CreateArray();
	return rc;
}

int ingest_reject(struct ingest *in, const struct ingest_rows *rows, size_t row, const char *code, const char *why,
                  struct err *e)
{
	uint8_t digest[ROWS_DIGEST];
	char reason[RECEIPT_REASON_TEXT];
	cJSON *reject = cJSON_CreateObject(), *content = rows->content(in->batch, row);
	if (!reject || !content || !cJSON_AddItemToObject(reject, "content", content)) {
		cJSON_Delete(reject);
		cJSON_Delete(content);
		return err_set(e, ERR_MEMORY, "out of memory for a rejected row");
	}
	utf8_line(why, ' ', reason, sizeof reason);
	rows->digest(in->batch, row, 1, digest);
	cJSON_AddStringToObject(reject, "stream", stream_name(rows->stream));
	cJSON_AddNumberToObject(reject, "seq", (double)rows->seq(in->batch, row));
	json_add_hex(reject, "digest", digest, sizeof digest);
	cJSON_AddStringToObject(reject, "code", code);
	cJSON_AddStringToObject(reject, "reason", reason);
	cJSON_AddItemToArray(in->rejects, reject);
	in->receipt->streams[rows->stream].refused++;
	return cJSON_GetArraySize(in->rejects) < REJECTS_AT_ONCE ? 0 : ingest_rejects_flush(in, e);
}

/* What is there under the row's seq has other content, and stays. The unit keeps the row: when it is news to it, the row
 * goes on in a store of its own. When it asks for a comparison it knows that, and has the row kept here for people. */
static int conflict(struct ingest *in, const struct ingest_rows *rows, size_t row, struct err *e)
{
	int64_t seq = rows->seq(in->batch, row);
	int rc = ranges_add(&in->streams[rows->stream].conflicts, seq, seq, e);
	if (rc || !in->batch->compare)
		return rc;
	return ingest_reject(in, rows, row, "conflict", "held with other content, which was kept", e);
}

int ingest_read_rows(struct ingest *in, const struct ingest_rows *rows, int64_t base, const struct ranges *seqs,
                     struct pg_result **out, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	int rc = seq_ranges_arrays(seqs, base, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(in->pg, out, e, rows->compare_sql, 2,
		              (const char *const[]){(char *)firsts.bytes, (char *)lasts.bytes});
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

/* Reads the rows of `overlap` from the table, and adds those that are there to *out_present; those of other
 * content are conflicts. */
static int compare(struct ingest *in, const struct ingest_rows *rows, const struct ranges *overlap,
                   struct ranges *out_present, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = ingest_read_rows(in, rows, ingest_row_id(in, 0), overlap, &found, e);
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t seq = pg_int(found, i, 0) - ingest_row_id(in, 0);
		size_t row = ingest_find(rows, in->batch, seq);
		rc = ranges_add(out_present, seq, seq, e);
		if (!rc && !rows->same(in, row, found, i))
			rc = conflict(in, rows, row, e);
	}
	pg_result_free(found);
	return rc;
}

/* ---- new rows ----------------------------------------------------------------------------------------------- */

static int add_rows(struct ranges *set, const struct ingest_rows *rows, const struct batch *batch, const size_t *index,
                    size_t count, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		int64_t seq = rows->seq(batch, index[i]);
		rc = ranges_add(set, seq, seq, e);
	}
	return rc;
}

/* How many more ranges there may be, so that each set of them, all together, and the gaps between them can be told. */
static int64_t room_of(const struct ingest_stream *stream)
{
	size_t there = stream->held.count + stream->rejected.count + stream->dropped.count + stream->expired.count;
	return there < RANGES_MAX - 1 ? RANGES_MAX - 1 - (int64_t)there : 0;
}

/* Of the fresh ranges those for which there is room. What closes a gap needs none, so a unit that fills its gaps gets on
 * whatever became of its store; the rest is left to it. */
static int find_room(struct ingest_stream *stream, const struct ranges *fresh, struct ranges *out, struct err *e)
{
	int rc = 0;
	stream->room = room_of(stream);
	for (size_t i = 0; i < fresh->count && !rc; i++) {
		struct range range = fresh->items[i];
		if (stream->room > 0)
			stream->room--;
		else if (!ranges_contain(&stream->held, range.first - 1) && !ranges_contain(&stream->held, range.last + 1)) {
			stream->left += range.last - range.first + 1;
			continue;
		}
		rc = ranges_add(out, range.first, range.last, e);
	}
	return rc;
}

/* Rows of a session that is refused go aside with it: the others are left in index[0..*count). Without room for one more
 * range nothing more is taken, as in alzy.take. */
static int set_aside_sessions(struct ingest *in, const struct ingest_rows *rows, size_t *index, size_t *count,
                              struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	int64_t before = -1;
	size_t good = 0;
	int rc = 0;
	for (size_t i = 0; i < *count && !rc; i++) {
		const struct ingest_session *session = rows->session(in, index[i]);
		int64_t seq = rows->seq(in->batch, index[i]);
		if (!session || session->id) {
			index[good++] = index[i];
			continue;
		}
		if (seq != before + 1)
			stream->room -= 2;
		if (stream->room < 0) {
			stream->left += (int64_t)(*count - i);
			break;
		}
		before = seq;
		rc = ranges_add(&stream->refused, seq, seq, e);
		if (!rc)
			rc = ingest_reject(in, rows, index[i], session->code, session->why, e);
	}
	*count = good;
	return rc;
}

/* Takes the rows all together, as is fastest. 1: Postgres does not take all of them, and none is taken. */
static int take_all(struct ingest *in, const struct ingest_rows *rows, const size_t *index, size_t count, struct err *e)
{
	int rc = rows->copy(in, index, count, e);
	if (!rc)
		return add_rows(&in->streams[rows->stream].taken, rows, in->batch, index, count, e);
	if (rc < 0 && pg_is_outage(pg_sqlstate(in->pg)))
		return rc;
	rc = pg_script(in->pg, "ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows", e);
	return rc ? rc : 1;
}

/* Those that are in the table, although the ranges say nothing of them, since somebody has changed the ranges by hand: they are
 * held again. Leaves the others in index[0..*count). */
static int take_out_present(struct ingest *in, const struct ingest_rows *rows, size_t *index, size_t *count,
                            struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	struct ranges tried = {0};
	size_t left = 0;
	int rc = add_rows(&tried, rows, in->batch, index, *count, e);
	if (!rc)
		rc = compare(in, rows, &tried, &stream->found, e);
	for (size_t i = 0; i < *count && !rc; i++)
		if (!ranges_contain(&stream->found, rows->seq(in->batch, index[i])))
			index[left++] = index[i];
	ranges_free(&tried);
	*count = left;
	in->changed = in->changed || stream->found.count;
	return rc;
}

/* When all together are too many, what is there already is taken out, and the rest judged one by one. */
static int take(struct ingest *in, const struct ingest_rows *rows, size_t *index, size_t count, struct err *e)
{
	size_t left = count;
	int rc = in->careful ? 1 : take_all(in, rows, index, count, e);
	if (rc == 1)
		rc = take_out_present(in, rows, index, &left, e);
	else
		return rc;
	if (rc || !left)
		return rc;
	rc = in->careful || left == count ? 1 : take_all(in, rows, index, left, e);
	return rc == 1 ? ingest_judge(in, rows, index, left, e) : rc;
}

static int take_fresh(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct err *e)
{
	size_t count = 0, *index = calloc((size_t)ranges_total(fresh) + 1, sizeof *index);
	if (!index)
		return err_set(e, ERR_MEMORY, "out of memory for a batch");
	for (size_t i = 0; i < fresh->count; i++) {
		size_t row = ingest_find(rows, in->batch, fresh->items[i].first);
		for (int64_t seq = fresh->items[i].first; seq <= fresh->items[i].last; seq++)
			index[count++] = row++;
	}
	int rc = in->sessions_refused ? set_aside_sessions(in, rows, index, &count, e) : 0;
	if (!rc && count)
		rc = take(in, rows, index, count, e);
	free(index);
	return rc;
}

static int note_stretch(struct ingest *in, const struct ingest_rows *rows, struct range run, bool packed, struct err *e)
{
	uint8_t digest[ROWS_DIGEST];
	rows->digest(in->batch, ingest_find(rows, in->batch, run.first), (size_t)(run.last - run.first + 1), digest);
	cJSON *stretch = cJSON_CreateObject();
	if (!stretch)
		return err_set(e, ERR_MEMORY, "out of memory for a stretch");
	cJSON_AddStringToObject(stretch, "stream", stream_name(rows->stream));
	cJSON_AddNumberToObject(stretch, "first_seq", (double)run.first);
	cJSON_AddNumberToObject(stretch, "last_seq", (double)run.last);
	json_add_hex(stretch, "digest", digest, sizeof digest);
	if (packed)
		json_add_hex(stretch, "packed", in->packed, sizeof in->packed);
	cJSON_AddItemToArray(in->stretches, stretch);
	return 0;
}

/* One row of alzy.stretches for each contiguous run of what was taken, or found to be there though nothing said so: it may have
 * no digest either. */
static int note_stretches(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	const struct ingest_stream *stream = &in->streams[rows->stream];
	const struct ranges *taken = &stream->taken;
	struct ranges same = {0};
	int rc = ranges_subtract(&same, &stream->found, &stream->conflicts, e);
	bool packed =
		rows == &ingest_points && in->batch->packed && taken->count == 1 && ranges_equal(taken, &stream->given);
	for (size_t i = 0; i < taken->count && !rc; i++)
		rc = note_stretch(in, rows, taken->items[i], packed, e);
	for (size_t i = 0; i < same.count && !rc; i++)
		rc = note_stretch(in, rows, same.items[i], false, e);
	ranges_free(&same);
	return rc;
}

/* ---- rows that are held already ----------------------------------------------------------------------------- */

static const char stretches_sql[] =
	"SELECT s.first_seq, s.last_seq, encode(s.digest, 'hex'), encode(s.packed, 'hex') FROM alzy.stores t"
	" CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM alzy.stretches WHERE store_number = t.number AND stream = $2 AND first_seq BETWEEN r.first"
		" AND r.last AND last_seq <= r.last") " s WHERE t.store_id = $1::uuid ORDER BY s.first_seq LIMIT 25000";

static bool has_digest(const struct ingest *in, const struct ingest_rows *rows, int64_t first, int64_t last,
                       const char *hex)
{
	uint8_t digest[ROWS_DIGEST];
	rows->digest(in->batch, ingest_find(rows, in->batch, first), (size_t)(last - first + 1), digest);
	return hex_is(hex, digest, sizeof digest);
}

/* Of the stretches inside the batch's rows, those whose digest is that of the rows: they need no further look. */
static int match_stretches(struct ingest *in, const struct ingest_rows *rows, struct ranges *matched, struct err *e)
{
	const struct pg_result *found = in->streams[rows->stream].stretches_found;
	int rc = 0;
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t first = pg_int(found, i, 0), last = pg_int(found, i, 1);
		if (ranges_cover(&in->streams[rows->stream].given, first, last) &&
		    has_digest(in, rows, first, last, pg_text(found, i, 2)))
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

static const char aside_sql[] =
	"SELECT j.seq, encode(j.digest, 'hex') FROM unnest($3::bigint[], $4::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM alzy.rejected WHERE store_number = $1::int AND stream = $2 AND seq BETWEEN r.first AND r.last"
		" AND code <> 'conflict'") " j";

int ingest_match_aside(struct ingest *in, const struct ingest_rows *rows, int64_t store_number,
                       const struct ranges *seqs, struct ranges *matched, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	struct pg_result *found = NULL;
	char number[24];
	snprintf(number, sizeof number, "%" PRId64, store_number);
	int rc = seq_ranges_arrays(seqs, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(
			in->pg, &found, e, aside_sql, 4,
			(const char *const[]){number, stream_name(rows->stream), (char *)firsts.bytes, (char *)lasts.bytes});
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t seq = pg_int(found, i, 0);
		if (has_digest(in, rows, seq, seq, pg_text(found, i, 1)))
			rc = ranges_add(matched, seq, seq, e);
	}
	pg_result_free(found);
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
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
			rc = conflict(in, rows, ingest_find(rows, in->batch, seq), e);
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
		rc = compare(in, rows, &doubtful, &present, e);
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

/* ---- a whole stream ----------------------------------------------------------------------------------------- */

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
	struct ranges old = {0}, left = {0};
	int rc = 0;
	if (in->erased_ms == TIME_MS_MIN)
		return 0;
	for (size_t i = 0; i < fresh->count && !rc; i++) {
		size_t row = ingest_find(rows, in->batch, fresh->items[i].first);
		for (int64_t seq = fresh->items[i].first; seq <= fresh->items[i].last && !rc; seq++, row++)
			if (rows->time_ms(in->batch, row) < in->erased_ms)
				rc = ranges_add(&old, seq, seq, e);
	}
	if (!rc)
		rc = ranges_add_all(&in->streams[rows->stream].expired, &old, e);
	if (!rc)
		rc = ranges_subtract(&left, fresh, &old, e);
	in->changed = in->changed || old.count;
	ranges_free(&old);
	ranges_free(fresh);
	*fresh = left;
	return rc;
}

int ingest_younger(const struct ingest *in, const struct ingest_rows *rows, const struct ranges *seqs, int64_t than_ms,
                   struct ranges *out, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < seqs->count && !rc; i++) {
		size_t row = ingest_find(rows, in->batch, seqs->items[i].first);
		for (int64_t seq = seqs->items[i].first; seq <= seqs->items[i].last && !rc; seq++, row++)
			if (rows->time_ms(in->batch, row) >= than_ms)
				rc = ranges_add(out, seq, seq, e);
	}
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
	struct ranges fresh = {0}, fitting = {0};
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
		rc = find_room(stream, &fresh, &fitting, e);
	if (!rc)
		rc = take_fresh(in, rows, &fitting, e);
	if (!rc)
		rc = note_stretches(in, rows, e);
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
	ranges_free(&fitting);
	return rc;
}

/* They are still packed: nothing of them is looked at. */
static int pass_over_stream(struct ingest *in, const struct ingest_rows *rows, struct err *e)
{
	struct ingest_stream *stream = &in->streams[rows->stream];
	stream->room = room_of(stream);
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
