#include "sync/engine_verify.h"

#include "sync/asking.h"
#include "sync/unit_rows.h"

#include <stdlib.h>
#include <string.h>

void verify_report_free(struct verify_report *report)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		verify_result_free(&report->results[s]);
	*report = (struct verify_report){0};
}

/* The block with this first seq, when its rows are pruned: with the digest that was kept. */
static int find_pruned(const struct asking *asking, enum stream stream, struct verify_block *block, struct err *e)
{
	struct store_block kept;
	int64_t row = identity_row(asking->identity, stream, block->first);
	bool pruned = false;
	int rc = row ? store_pruned_block(asking->channel->store, stream, row, &kept, &pruned, e) : 0;
	if (rc || !pruned)
		return rc;
	*block = (struct verify_block){
		.first = block->first, .last = block->first + kept.last - kept.first, .rows = kept.rows, .pruned = true};
	memcpy(block->digest, kept.digest, sizeof kept.digest);
	return 0;
}

/* Of a block whose rows are pruned, the digest that was kept; of all others, that of the rows. */
static int digest_blocks(const struct asking *asking, enum stream stream, struct verify_block *blocks, size_t count,
                         struct err *e)
{
	struct unit_rows rows = unit_rows(asking->channel->store, asking->identity, stream);
	int rc = 0;
	for (size_t from = 0, i = 0; i < count && !rc; i++) {
		rc = find_pruned(asking, stream, &blocks[i], e);
		bool pruned = blocks[i].pruned;
		if (!rc && (pruned || i + 1 == count))
			rc = verify_digest_blocks(&rows.source, blocks + from, i + !pruned - from, e);
		if (pruned)
			from = i + 1;
	}
	return rc;
}

static int digest_next(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct question_stream *asked = &asking->question.streams[search->stream];
	if (!asked->blocks)
		asked->blocks = calloc(VERIFY_BLOCKS_MAX, sizeof *asked->blocks);
	if (!asked->blocks)
		return err_set(e, ERR_MEMORY, "out of memory for a question");
	verify_search_next(search, asked->blocks, &asked->block_count);
	return digest_blocks(asking, search->stream, asked->blocks, asked->block_count, e);
}

/* One question about both streams, and its answer. *out_more says whether there was still something to ask. */
static int round_trip(struct asking *asking, struct verify_search searches[STREAM_COUNT], bool *out_more, struct err *e)
{
	struct answer answer = {0};
	size_t blocks = 0;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		rc = digest_next(asking, &searches[s], e);
		blocks += asking->question.streams[s].block_count;
	}
	/* Also a store without rows asks once: whether the centre has any of it. */
	*out_more = blocks || !asking->report->exchanges;
	if (rc || !*out_more)
		return rc;
	rc = asking_ask(asking, &answer, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		/* What others have added to a store that this unit has left is no business of its. */
		if (!asking->identity->present)
			ranges_free(&answer.streams[s].beyond);
		rc = verify_search_take(&searches[s], asking->question.streams[s].blocks,
		                        asking->question.streams[s].block_count, &answer.streams[s], e);
	}
	answer_free(&answer);
	return rc;
}

static int finish(struct asking *asking, struct verify_search *search, struct err *e)
{
	struct ranges unsent = {0};
	struct ranges rows = {0}, aside = {0};
	int rc = identity_unsent(asking->channel->store, asking->identity, search->stream, &unsent, e);
	if (!rc)
		rc = store_aside(asking->channel->store, search->stream, &rows, e);
	if (!rc)
		rc = identity_seqs(asking->identity, search->stream, &rows, &aside, e);
	if (!rc)
		rc = ranges_add_all(&unsent, &aside, e);
	ranges_free(&rows);
	ranges_free(&aside);
	if (!rc)
		rc = verify_search_end(search, &unsent, e);
	ranges_free(&unsent);
	if (!rc) {
		asking->report->results[search->stream] = search->result;
		search->result = (struct verify_result){0};
	}
	return rc;
}

/* What was dropped, by the seqs of the identity. */
static int find_dropped(const struct asking *asking, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges rows = {0};
	int rc = store_dropped(asking->channel->store, stream, &rows, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &rows, out, e);
	ranges_free(&rows);
	return rc;
}

/* All seqs that rows of the identity have: what was renamed leaves holes. */
static int begin_search(const struct asking *asking, enum stream stream, struct verify_search *search, struct err *e)
{
	const struct identity_stream *rows = &asking->identity->streams[stream];
	struct verify_piece *pieces = calloc(rows->count + 1, sizeof *pieces);
	size_t count = 0;
	if (!pieces)
		return err_set(e, ERR_MEMORY, "out of memory for a proof");
	for (size_t i = 0; i < rows->count; i++) {
		const struct identity_run *run = &rows->runs[i];
		if (run->count)
			pieces[count++] = (struct verify_piece){run->seq, run->seq + run->count - 1, run->row - run->seq};
	}
	int rc = verify_search_begin(search, stream, rows->last, pieces, count, e);
	free(pieces);
	return rc ? rc : find_dropped(asking, stream, &search->dropped, e);
}

int engine_verify(const struct channel *channel, const struct identity *identity, struct verify_report *report,
                  struct err *e)
{
	struct asking asking = {.channel = channel, .identity = identity, .report = report};
	struct verify_search searches[STREAM_COUNT] = {0};
	bool more = true;
	*report = (struct verify_report){0};
	int rc = asking_begin(&asking, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = begin_search(&asking, (enum stream)s, &searches[s], e);
	while (!rc && more)
		rc = round_trip(&asking, searches, &more, e);
	for (int s = 0; s < STREAM_COUNT; s++) {
		if (!rc)
			rc = finish(&asking, &searches[s], e);
		verify_search_free(&searches[s]);
	}
	question_free(&asking.question);
	if (rc)
		verify_report_free(report);
	return rc;
}
