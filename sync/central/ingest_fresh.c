/* New rows into their table: all together, or those that Postgres takes one by one. */
#include "sync/central/ingest_parts.h"

#include "hal/json.h"

#include <stdlib.h>

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

int64_t ingest_room(const struct ingest_stream *stream)
{
	size_t there = stream->held.count + stream->rejected.count + stream->dropped.count + stream->expired.count;
	return there < RANGES_MAX - 1 ? RANGES_MAX - 1 - (int64_t)there : 0;
}

/* Of the fresh ranges those for which there is room. What closes a gap needs none, so a unit that fills its gaps gets on
 * whatever became of its store; the rest is left to it. */
static int find_room(struct ingest_stream *stream, const struct ranges *fresh, struct ranges *out, struct err *e)
{
	int rc = 0;
	stream->room = ingest_room(stream);
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
		rc = ingest_compare(in, rows, &tried, &stream->found, e);
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

static int take_fitting(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct err *e)
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

int ingest_take_fresh(struct ingest *in, const struct ingest_rows *rows, const struct ranges *fresh, struct err *e)
{
	struct ranges fitting = {0};
	int rc = find_room(&in->streams[rows->stream], fresh, &fitting, e);
	if (!rc)
		rc = take_fitting(in, rows, &fitting, e);
	if (!rc)
		rc = note_stretches(in, rows, e);
	ranges_free(&fitting);
	return rc;
}
