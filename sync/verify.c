#include "sync/verify.h"

#include "hal/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t verify_question_seqs(enum stream stream)
{
	return stream_block(stream) * 64;
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static void rows_free(struct verify_rows *rows)
{
	for (size_t i = 0; rows->events && i < rows->count; i++)
		event_free(&rows->events[i]);
	free(rows->events);
	free(rows->points);
	free(rows->sessions);
	ranges_free(&rows->odd);
	*rows = (struct verify_rows){0};
}

int verify_rows_session(struct verify_rows *rows, const char *session_id, int32_t *out, struct err *e)
{
	size_t i = rows->session_count;
	while (i && strcmp(rows->sessions[i - 1].session_id, session_id))
		i--;
	if (!i) {
		int rc = list_grow(&rows->sessions, rows->session_count, &rows->session_capacity, sizeof *rows->sessions,
		                   "sessions", e);
		if (rc)
			return rc;
		struct session *session = &rows->sessions[rows->session_count++];
		*session = (struct session){0};
		snprintf(session->session_id, sizeof session->session_id, "%s", session_id);
		i = rows->session_count;
	}
	*out = (int32_t)i;
	return 0;
}

static int64_t seq_at(const struct verify_rows *rows, size_t i)
{
	return rows->points ? rows->points[i].seq : rows->events[i].seq;
}

/* The first row with at least this seq. */
static size_t find(const struct verify_rows *rows, int64_t seq)
{
	size_t low = 0, high = rows->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (seq_at(rows, middle) < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds the rows from first to last to what the block has. */
static void add_rows(struct verify_block *block, struct digest *digest, const struct verify_rows *rows, int64_t first,
                     int64_t last)
{
	size_t from = find(rows, first), to = find(rows, last + 1);
	if (rows->points)
		digest_more_points(digest, rows->points + from, to - from, rows->sessions);
	else if (rows->events)
		digest_more_events(digest, rows->events + from, to - from);
	block->rows += (int64_t)(to - from);
	for (size_t i = 0; i < rows->odd.count; i++)
		block->odd |= rows->odd.items[i].first <= last && rows->odd.items[i].last >= first;
}

/* How far one read may go that begins at `from` in blocks[0]: through blocks that adjoin each other. */
static int64_t read_end(const struct verify_block *blocks, size_t count, int64_t from, int64_t most)
{
	size_t i = 0;
	while (i + 1 < count && blocks[i + 1].first == blocks[i].last + 1 && blocks[i].last < from + most - 1)
		i++;
	return blocks[i].last < from + most - 1 ? blocks[i].last : from + most - 1;
}

int verify_digest_blocks(struct verify_source *source, struct verify_block *blocks, size_t count, struct err *e)
{
	struct verify_rows rows = {0};
	struct digest digest;
	int64_t read_to = 0;
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		struct verify_block *block = &blocks[i];
		block->rows = 0;
		block->odd = false;
		digest_begin(&digest, source->stream);
		for (int64_t at = block->first, end; at <= block->last && !rc; at = end + 1) {
			if (at > read_to) {
				rows_free(&rows);
				read_to = read_end(block, count - i, at, stream_block(source->stream));
				rc = source->read(source, at, read_to, &rows, e);
			}
			end = block->last < read_to ? block->last : read_to;
			if (!rc)
				add_rows(block, &digest, &rows, at, end);
		}
		digest_end(&digest, block->digest);
	}
	rows_free(&rows);
	return rc;
}

/* ---- the comparison ---------------------------------------------------------------------------------------- */

int verify_compare(const struct verify_block *asked, const struct verify_block *found, size_t count,
                   struct answer_stream *out, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		if (found[i].odd || memcmp(asked[i].digest, found[i].digest, ROWS_DIGEST))
			rc = ranges_add(found[i].rows ? &out->differing : &out->absent, asked[i].first, asked[i].last, e);
	return rc;
}
