/* The search for what differs, and how it is told. */
#include "sync/verify.h"

#include "hal/list.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *verify_fate_name(enum verify_fate fate)
{
	static const char *const names[VERIFY_FATES] = {"held",    "rejected", "dropped",   "expired", "unproven", "unsent",
	                                                "missing", "lost",     "differing", "added",   "gone"};
	return names[fate];
}

void verify_result_free(struct verify_result *result)
{
	for (int i = 0; i < VERIFY_FATES; i++)
		ranges_free(&result->fates[i]);
	ranges_free(&result->recorded);
	*result = (struct verify_result){0};
}

int verify_search_begin(struct verify_search *search, enum stream stream, int64_t last,
                        const struct verify_piece *pieces, size_t count, struct err *e)
{
	const struct verify_piece all = {1, last, 0};
	if (!pieces) {
		pieces = &all;
		count = last > 0;
	}
	*search = (struct verify_search){.next = 1, .stream = stream, .result.last = last, .piece_count = count};
	search->pieces = calloc(count + 1, sizeof *search->pieces);
	if (!search->pieces)
		return err_set(e, ERR_MEMORY, "out of memory for a proof");
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		search->pieces[i] = pieces[i];
		rc = ranges_add(&search->result.recorded, pieces[i].first, pieces[i].last, e);
	}
	return rc;
}

void verify_search_free(struct verify_search *search)
{
	free(search->todo);
	free(search->pieces);
	ranges_free(&search->dropped);
	verify_result_free(&search->result);
	*search = (struct verify_search){0};
}

/* The next block that nobody has looked at; its first is behind its last when there is none. */
static struct range next_block(const struct verify_search *search)
{
	int64_t size = stream_block(search->stream);
	for (size_t i = 0; i < search->piece_count; i++) {
		const struct verify_piece *piece = &search->pieces[i];
		int64_t first = piece->first > search->next ? piece->first : search->next;
		int64_t last = first + size - 1 - (first + piece->shift - 1) % size;
		if (first <= piece->last)
			return (struct range){first, last < piece->last ? last : piece->last};
	}
	return (struct range){1, 0};
}

/* Pieces come before blocks that nobody has looked at, so that what waits stays little. */
void verify_search_next(struct verify_search *search, struct verify_block blocks[VERIFY_BLOCKS_MAX], size_t *out_count)
{
	int64_t room = verify_question_seqs(search->stream);
	size_t count = 0;
	while (count < VERIFY_BLOCKS_MAX) {
		struct range block;
		if (search->todo_count)
			block = search->todo[search->todo_count - 1];
		else
			block = next_block(search);
		if (block.first > block.last || block.last - block.first + 1 > room)
			break;
		room -= block.last - block.first + 1;
		blocks[count++] = (struct verify_block){.first = block.first, .last = block.last};
		if (search->todo_count)
			search->todo_count--;
		else
			search->next = block.last + 1;
	}
	*out_count = count;
}

static int push(struct verify_search *search, int64_t first, int64_t last, struct err *e)
{
	int rc = list_grow(&search->todo, search->todo_count, &search->todo_capacity, sizeof *search->todo, "blocks", e);
	if (!rc)
		search->todo[search->todo_count++] = (struct range){first, last};
	return rc;
}

/* The piece that is to be asked about first is pushed last. */
static int split(struct verify_search *search, const struct verify_block *block, struct err *e)
{
	int64_t size = (block->last - block->first + VERIFY_PARTS) / VERIFY_PARTS;
	int64_t first = block->first + (block->last - block->first) / size * size;
	int rc = 0;
	for (; first >= block->first && !rc; first -= size)
		rc = push(search, first, first + size - 1 < block->last ? first + size - 1 : block->last, e);
	return rc;
}

/* A list of every other row helps nobody, and must end somewhere. */
static bool named_enough(const struct verify_search *search)
{
	const struct ranges *fates = search->result.fates;
	return fates[VERIFY_DIFFERING].count + fates[VERIFY_MISSING].count + fates[VERIFY_ADDED].count >= VERIFY_NAMED_MAX;
}

/* A block of which the unit has only the digest, and which is not the same at the centre. Where that has other rows than
 * those that were digested, it is known which are lost, and of the others no more than that they are there. */
static int judge_pruned(struct verify_search *search, const struct verify_block *block,
                        const struct answer_stream *said, struct err *e)
{
	struct ranges *fates = search->result.fates, whole = {0}, digested = {0}, there = {0}, lost = {0};
	int rc = ranges_add(&whole, block->first, block->last, e);
	if (!rc)
		rc = ranges_subtract(&digested, &whole, &search->dropped, e);
	if (!rc)
		rc = ranges_intersect(&there, &said->there, &whole, e);
	if (!rc)
		rc = ranges_subtract(&lost, &whole, &there, e);
	bool absent = !ranges_contain(&said->differing, block->first);
	/* A drop that was taken back since leaves no trace here but that fewer rows were digested. */
	bool same_rows = ranges_equal(&there, &digested) && ranges_total(&there) == block->rows;
	bool altered = !absent && (!there.count || same_rows);
	if (!rc && altered)
		rc = ranges_add(&fates[VERIFY_DIFFERING], block->first, block->last, e);
	if (!rc && !altered)
		rc = ranges_add_all(&fates[VERIFY_LOST], &lost, e);
	if (!rc && !altered)
		rc = ranges_add_all(&fates[VERIFY_UNPROVEN], &there, e);
	ranges_free(&whole);
	ranges_free(&digested);
	ranges_free(&there);
	ranges_free(&lost);
	return rc;
}

/* The rows that were dropped before the others of their block were pruned. */
static int name_undigested(struct verify_search *search, const struct verify_block *block, struct err *e)
{
	struct ranges whole = {0}, gone = {0};
	int rc = ranges_add(&whole, block->first, block->last, e);
	if (!rc)
		rc = ranges_intersect(&gone, &whole, &search->dropped, e);
	if (!rc)
		rc = ranges_add_all(&search->result.fates[VERIFY_GONE], &gone, e);
	ranges_free(&whole);
	ranges_free(&gone);
	return rc;
}

/* What becomes of a block. *out_same: of both sides the same rows, and all of them. */
static int judge(struct verify_search *search, const struct verify_block *block, const struct answer_stream *said,
                 bool *out_same, struct err *e)
{
	struct ranges *fates = search->result.fates;
	int64_t seqs = block->last - block->first + 1;
	bool differing = ranges_contain(&said->differing, block->first);
	bool absent = !differing && ranges_contain(&said->absent, block->first);
	*out_same = !differing && !absent && (block->pruned || block->rows == seqs);
	if (block->pruned)
		return *out_same ? name_undigested(search, block, e) : judge_pruned(search, block, said, e);
	if (*out_same)
		return 0;
	if (!differing && !block->rows)
		return ranges_add(&fates[VERIFY_GONE], block->first, block->last, e);
	if (absent && block->rows == seqs)
		return ranges_add(&fates[VERIFY_MISSING], block->first, block->last, e);
	if (seqs > 1 && !named_enough(search))
		return split(search, block, e);
	return ranges_add(&fates[block->rows ? VERIFY_DIFFERING : VERIFY_ADDED], block->first, block->last, e);
}

/* Pieces that still wait are of blocks that are known to differ: they are named as they are. */
static int name_the_rest(struct verify_search *search, struct err *e)
{
	int rc = 0;
	for (; search->todo_count && !rc; search->todo_count--) {
		struct range piece = search->todo[search->todo_count - 1];
		rc = ranges_add(&search->result.fates[VERIFY_DIFFERING], piece.first, piece.last, e);
	}
	return rc;
}

/* *set becomes its part inside (or outside) of `other`. */
static int keep(struct ranges *set, const struct ranges *other, bool inside, struct err *e)
{
	struct ranges kept = {0};
	int rc = inside ? ranges_intersect(&kept, set, other, e) : ranges_subtract(&kept, set, other, e);
	ranges_free(set);
	*set = kept;
	return rc;
}

static int take_beyond(struct verify_search *search, const struct ranges *beyond, struct err *e)
{
	struct ranges behind = {0}, added = {0};
	int rc = search->result.last < SEQ_MAX ? ranges_add(&behind, search->result.last + 1, SEQ_MAX, e) : 0;
	if (!rc)
		rc = ranges_intersect(&added, beyond, &behind, e);
	if (!rc)
		rc = ranges_add_all(&search->result.fates[VERIFY_ADDED], &added, e);
	ranges_free(&behind);
	ranges_free(&added);
	return rc;
}

int verify_search_take(struct verify_search *search, const struct verify_block *blocks, size_t count,
                       const struct answer_stream *said, struct err *e)
{
	struct ranges *fates = search->result.fates, same = {0}, rejected = {0};
	int rc = 0;
	for (size_t i = count; i-- > 0 && !rc;) {
		bool is_same;
		rc = judge(search, &blocks[i], said, &is_same, e);
		if (!rc && is_same)
			rc = ranges_add(&same, blocks[i].first, blocks[i].last, e);
	}
	if (!rc && named_enough(search))
		rc = name_the_rest(search, e);
	if (!rc)
		rc = ranges_intersect(&rejected, &said->rejected, &same, e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_REJECTED], &rejected, e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_DROPPED], &said->dropped, e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_EXPIRED], &said->expired, e);
	if (!rc)
		rc = take_beyond(search, &said->beyond, e);
	ranges_free(&same);
	ranges_free(&rejected);
	return rc;
}

/* Rows that the centre has not, or that neither side has, may have been let go of on purpose. */
static int name_lost(struct ranges fates[VERIFY_FATES], struct err *e)
{
	static const enum verify_fate nowhere[] = {VERIFY_MISSING, VERIFY_LOST, VERIFY_GONE};
	enum { NOWHERE = sizeof nowhere / sizeof *nowhere };
	struct ranges lost = {0};
	int rc = 0;
	for (size_t i = 0; i < NOWHERE && !rc; i++)
		rc = ranges_add_all(&lost, &fates[nowhere[i]], e);
	for (int why = VERIFY_DROPPED; why <= VERIFY_EXPIRED && !rc; why++) {
		rc = keep(&fates[why], &lost, true, e);
		if (!rc)
			rc = keep(&lost, &fates[why], false, e);
		for (size_t i = 0; i < NOWHERE && !rc; i++)
			rc = keep(&fates[nowhere[i]], &fates[why], false, e);
	}
	ranges_free(&lost);
	return rc;
}

/* What the centre has under the seq of a row that it was not told of is another copy's. */
static int name_unsent(struct ranges fates[VERIFY_FATES], const struct ranges *unsent, struct err *e)
{
	int rc = ranges_add_all(&fates[VERIFY_UNSENT], &fates[VERIFY_MISSING], e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_UNSENT], &fates[VERIFY_DIFFERING], e);
	if (!rc)
		rc = keep(&fates[VERIFY_UNSENT], unsent, true, e);
	if (!rc)
		rc = keep(&fates[VERIFY_MISSING], unsent, false, e);
	return rc ? rc : keep(&fates[VERIFY_DIFFERING], unsent, false, e);
}

/* What the centre has under the seq of a row that was dropped here, and is not that row, is another copy's. */
static int name_dropped(struct ranges fates[VERIFY_FATES], const struct ranges *dropped, struct err *e)
{
	struct ranges others = {0};
	int rc = ranges_intersect(&others, &fates[VERIFY_DIFFERING], dropped, e);
	if (!rc)
		rc = keep(&fates[VERIFY_DIFFERING], dropped, false, e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_DROPPED], &others, e);
	ranges_free(&others);
	return rc;
}

int verify_search_end(struct verify_search *search, const struct ranges *unsent, struct err *e)
{
	struct ranges *fates = search->result.fates;
	int rc = ranges_add_all(&fates[VERIFY_DROPPED], &search->dropped, e);
	if (!rc)
		rc = name_lost(fates, e);
	if (!rc)
		rc = name_dropped(fates, &search->dropped, e);
	if (!rc)
		rc = name_unsent(fates, unsent, e);
	if (!rc)
		rc = ranges_add_all(&fates[VERIFY_HELD], &search->result.recorded, e);
	for (int other = VERIFY_HELD + 1; other < VERIFY_FATES && !rc; other++)
		rc = keep(&fates[VERIFY_HELD], &fates[other], false, e);
	return rc;
}

const char *verify_outcome(const struct verify_result results[STREAM_COUNT])
{
	bool unsent = false;
	for (int s = 0; s < STREAM_COUNT; s++)
		for (int fate = VERIFY_UNPROVEN + 1; fate < VERIFY_FATES; fate++) {
			if (fate != VERIFY_UNSENT && results[s].fates[fate].count)
				return "differs";
			unsent |= results[s].fates[fate].count > 0;
		}
	return unsent ? "unsent" : "whole";
}

/* ---- in words --------------------------------------------------------------------------------------------- */

struct text {
	char *out;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *text, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text->out + text->used, text->size - text->used, fmt, args);
	va_end(args);
	text->used += n > 0 ? (size_t)n : 0;
	if (text->used >= text->size)
		text->used = text->size - 1;
}

static void say_recorded(struct text *text, const struct verify_result results[STREAM_COUNT])
{
	const char *between = "";
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct ranges *recorded = &results[s].recorded;
		char ranges[96];
		if (recorded->count == 1 && recorded->items[0].first == 1)
			say(text, "%s%s 1..%" PRId64, between, stream_name((enum stream)s), results[s].last);
		else if (recorded->count)
			say(text, "%s%s %s", between, stream_name((enum stream)s), ranges_format(recorded, ranges, sizeof ranges));
		if (recorded->count)
			between = " and ";
	}
	say(text, " of this store");
	for (int s = 0; s < STREAM_COUNT; s++)
		if (!results[s].recorded.count)
			say(text, ", which has no %s", stream_name((enum stream)s));
}

/* ": rejected points 5; missing points 7-9" */
static void say_fates(struct text *text, const struct verify_result results[STREAM_COUNT])
{
	const char *between = ": ";
	for (int fate = VERIFY_HELD + 1; fate < VERIFY_FATES; fate++)
		for (int s = 0; s < STREAM_COUNT; s++) {
			char ranges[96];
			if (!results[s].fates[fate].count)
				continue;
			say(text, "%s%s %s %s", between, verify_fate_name((enum verify_fate)fate), stream_name((enum stream)s),
			    ranges_format(&results[s].fates[fate], ranges, sizeof ranges));
			between = "; ";
		}
}

/* Whether there are rows of one of the fates from `first` on; those that were added are no row that was recorded. */
static bool any_from(const struct verify_result results[STREAM_COUNT], enum verify_fate first)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		for (int fate = (int)first; fate < VERIFY_FATES; fate++)
			if (fate != VERIFY_ADDED && results[s].fates[fate].count)
				return true;
	return false;
}

const char *verify_sentence(const struct verify_result results[STREAM_COUNT], char out[VERIFY_SENTENCE_TEXT])
{
	struct text text = {out, VERIFY_SENTENCE_TEXT, 0};
	bool added = false, lacks = any_from(results, VERIFY_UNSENT);
	int64_t recorded = 0;
	for (int s = 0; s < STREAM_COUNT; s++) {
		added |= results[s].fates[VERIFY_ADDED].count != 0;
		recorded += ranges_total(&results[s].recorded);
	}
	out[0] = '\0';
	if (recorded) {
		say(&text, lacks                                ? "central does not hold all of "
		           : any_from(results, VERIFY_HELD + 1) ? "central accounts for "
		                                                : "central holds ");
		say_recorded(&text, results);
	} else {
		say(&text, "this store has recorded nothing yet");
	}
	if (added && !lacks)
		say(&text, recorded ? ", and has rows that this store has not" : ", and central has rows of it");
	say_fates(&text, results);
	return out;
}
