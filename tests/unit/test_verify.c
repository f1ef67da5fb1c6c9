#include "sync/central/store_rows.h"
#include "sync/verify.h"
#include "tests/unit/random.h"
#include "tests/unit/spoilt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORE_ID "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d"

/* ---- two sides, by rules ------------------------------------------------------------------------------------- */

enum { SEQS_MAX = 20000 };

/* What a side has of each seq: 0 nothing, else its content. */
struct side {
	struct verify_source source; /* first */
	const uint8_t *content;
	int64_t most_read;
};

static int read_side(struct verify_source *source, int64_t first, int64_t last, struct verify_rows *out, struct err *e)
{
	struct side *side = (struct side *)source;
	if (last - first + 1 > side->most_read)
		side->most_read = last - first + 1;
	assert_true(last - first < stream_block(source->stream));
	if (source->stream == STREAM_POINTS)
		out->points = calloc((size_t)(last - first + 1), sizeof *out->points);
	else
		out->events = calloc((size_t)(last - first + 1), sizeof *out->events);
	for (int64_t seq = first; seq <= last && seq <= SEQS_MAX; seq++) {
		if (!side->content[seq])
			continue;
		if (out->points) {
			struct point *point = &out->points[out->count];
			*point = (struct point){.seq = seq, .lat_e7 = side->content[seq]};
			assert_int_equal(verify_rows_session(out, seq % 2 ? STORE_ID : "x", &point->session, e), 0);
		} else {
			out->events[out->count] = (struct event){.seq = seq, .event_at_ms = side->content[seq]};
		}
		out->count++;
	}
	return 0;
}

struct world {
	enum stream stream;
	int64_t last;
	uint8_t unit[SEQS_MAX + 1], centre[SEQS_MAX + 1];
	struct ranges rejected, dropped, expired, unsent;
	bool pruned[SEQS_MAX / 256 + 2]; /* by number of the block: the unit has only its digest */
	int questions;
};

/* The whole way of one question: through both documents. */
static void exchange(const struct world *w, struct verify_block *blocks, size_t count, struct answer *out)
{
	struct err e;
	struct buffer document = {0};
	struct question question = {.store_id = STORE_ID}, asked;
	struct answer answer = {.store_id = STORE_ID};
	struct side unit = {{w->stream, read_side}, w->unit, 0}, centre = {{w->stream, read_side}, w->centre, 0};
	struct question_stream *q = &question.streams[w->stream];
	assert_int_equal(verify_digest_blocks(&unit.source, blocks, count, &e), 0);
	int64_t size = stream_block(w->stream);
	for (size_t i = 0; i < count; i++) {
		blocks[i].pruned = w->pruned[(blocks[i].first - 1) / size];
		assert_true(!blocks[i].pruned ||
		            (blocks[i].first % size == 1 && blocks[i].last % size == 0)); /* never in parts */
	}
	*q = (struct question_stream){.last_seq = w->last, .blocks = blocks, .block_count = count};
	assert_int_equal(question_encode(&question, &document, &e), 0);
	if (question_decode(document.bytes, document.length, &asked, &e))
		fail_msg("%s", e.text);
	assert_int_equal(asked.streams[w->stream].block_count, count);
	struct verify_block *found = calloc(count + 1, sizeof *found);
	for (size_t i = 0; i < count; i++)
		found[i] = asked.streams[w->stream].blocks[i];
	struct answer_stream *a = &answer.streams[w->stream];
	assert_int_equal(verify_digest_blocks(&centre.source, found, count, &e), 0);
	assert_int_equal(verify_compare(asked.streams[w->stream].blocks, found, count, a, &e), 0);
	assert_int_equal(ranges_copy(&a->rejected, &w->rejected, &e), 0);
	assert_int_equal(ranges_copy(&a->dropped, &w->dropped, &e), 0);
	assert_int_equal(ranges_copy(&a->expired, &w->expired, &e), 0);
	for (size_t i = 0; i < count; i++)
		for (int64_t seq = blocks[i].first; seq <= blocks[i].last && blocks[i].pruned; seq++)
			if (w->centre[seq] && ranges_contain(&a->differing, seq))
				assert_int_equal(ranges_add(&a->there, seq, seq, &e), 0);
	for (int64_t seq = w->last + 1; seq <= SEQS_MAX; seq++)
		if (w->centre[seq])
			assert_int_equal(ranges_add(&a->beyond, seq, seq, &e), 0);
	document.length = 0;
	assert_int_equal(answer_encode(&answer, &document, &e), 0);
	if (answer_decode(document.bytes, document.length, out, &e))
		fail_msg("%s", e.text);
	free(found);
	question_free(&asked);
	answer_free(&answer);
	buffer_free(&document);
}

static struct verify_search search_world(struct world *w)
{
	struct err e;
	struct verify_search search;
	struct verify_block *blocks = calloc(VERIFY_BLOCKS_MAX, sizeof *blocks);
	size_t count;
	assert_int_equal(verify_search_begin(&search, w->stream, w->last, NULL, 0, &e), 0);
	w->questions = 0;
	do {
		struct answer answer;
		verify_search_next(&search, blocks, &count);
		exchange(w, blocks, count, &answer);
		if (verify_search_take(&search, blocks, count, &answer.streams[w->stream], &e))
			fail_msg("%s", e.text);
		answer_free(&answer);
		w->questions++;
		assert_true(w->questions < 1000);
	} while (count);
	assert_int_equal(verify_search_end(&search, &w->unsent, &e), 0);
	free(blocks);
	return search;
}

/* The oracle: row by row. */
static enum verify_fate fate_of(const struct world *w, int64_t seq)
{
	bool here = seq <= w->last && w->unit[seq], there = w->centre[seq] != 0;
	if (here && there && w->unit[seq] != w->centre[seq])
		return ranges_contain(&w->unsent, seq) ? VERIFY_UNSENT : VERIFY_DIFFERING;
	if (here && there)
		return ranges_contain(&w->rejected, seq) ? VERIFY_REJECTED : VERIFY_HELD;
	if (there)
		return VERIFY_ADDED;
	if (ranges_contain(&w->dropped, seq))
		return VERIFY_DROPPED;
	if (ranges_contain(&w->expired, seq))
		return VERIFY_EXPIRED;
	if (!here)
		return VERIFY_GONE;
	return ranges_contain(&w->unsent, seq) ? VERIFY_UNSENT : VERIFY_MISSING;
}

static void assert_oracle(const struct world *w, const struct verify_result *result)
{
	for (int64_t seq = 1; seq <= SEQS_MAX; seq++) {
		enum verify_fate wanted = fate_of(w, seq);
		if (seq > w->last && wanted != VERIFY_ADDED)
			wanted = VERIFY_FATES;
		for (int fate = 0; fate < VERIFY_FATES; fate++)
			if (ranges_contain(&result->fates[fate], seq) != (fate == (int)wanted))
				fail_msg("seq %ld of 1..%ld: %s is %s", (long)seq, (long)w->last, verify_fate_name(fate),
				         fate == (int)wanted ? "missing" : "too much");
	}
}

static void free_world(struct world *w)
{
	ranges_free(&w->rejected);
	ranges_free(&w->dropped);
	ranges_free(&w->expired);
	ranges_free(&w->unsent);
	free(w);
}

static struct world *new_world(enum stream stream, int64_t last)
{
	struct world *w = calloc(1, sizeof *w);
	w->stream = stream;
	w->last = last;
	for (int64_t seq = 1; seq <= last; seq++)
		w->unit[seq] = w->centre[seq] = (uint8_t)(1 + seq % 100);
	return w;
}

/* Of one stream, as if there were nothing in the other. */
static const char *outcome_of(const struct verify_result *result)
{
	const struct verify_result results[STREAM_COUNT] = {*result};
	return verify_outcome(results);
}

static void what_is_the_same_takes_one_question(void **state)
{
	(void)state;
	for (int s = 0; s < STREAM_COUNT; s++) {
		struct world *w = new_world((enum stream)s, s == STREAM_POINTS ? SEQS_MAX : 5000);
		struct verify_search search = search_world(w);
		assert_int_equal(w->questions, 2); /* the second one is about nothing */
		assert_string_equal(outcome_of(&search.result), "whole");
		assert_true(ranges_total(&search.result.fates[VERIFY_HELD]) == w->last);
		verify_search_free(&search);
		free_world(w);
	}
}

static void one_row_is_found_in_three_questions(void **state)
{
	(void)state;
	static const int64_t places[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 8192, 10000, SEQS_MAX};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int kind = 0; kind < 2; kind++) {
			struct world *w = new_world(STREAM_POINTS, SEQS_MAX);
			w->centre[places[i]] = kind ? 200 : 0;
			struct verify_search search = search_world(w);
			const struct ranges *found = &search.result.fates[kind ? VERIFY_DIFFERING : VERIFY_MISSING];
			assert_int_equal(w->questions, 4);
			assert_int_equal(found->count, 1);
			assert_true(found->items[0].first == places[i] && found->items[0].last == places[i]);
			assert_oracle(w, &search.result);
			verify_search_free(&search);
			free_world(w);
		}
}

static void change(struct world *w, int64_t first, int64_t last)
{
	static const struct {
		int unit, centre;
		size_t set; /* 0: none; else where the range goes */
	} kinds[] = {
		{1, 1, offsetof(struct world, rejected)},
		{1, 0, offsetof(struct world, unsent)},
		{0, 0, offsetof(struct world, dropped)},
		{1, 0, offsetof(struct world, expired)},
		{1, 0, 0},
		{1, 2, 0},
		{0, 1, 0},
		{0, 0, 0},
		{1, 2, offsetof(struct world, rejected)},
		{0, 1, offsetof(struct world, dropped)},
	};
	size_t kind = (size_t)random_in(0, sizeof kinds / sizeof *kinds - 1);
	for (int64_t seq = first; seq <= last; seq++) {
		uint8_t content = (uint8_t)(1 + seq % 100);
		w->unit[seq] = kinds[kind].unit && seq <= w->last ? content : 0;
		w->centre[seq] = kinds[kind].centre ? (uint8_t)(content + 100 * (kinds[kind].centre - 1)) : 0;
	}
	if (kinds[kind].set)
		assert_int_equal(ranges_add((struct ranges *)((char *)w + kinds[kind].set), first, last, NULL), 0);
}

static void whatever_differs_is_named_row_by_row(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct world *w = new_world(round % 2 ? STREAM_EVENTS : STREAM_POINTS, random_in(0, SEQS_MAX));
		for (int64_t changes = random_in(0, 20); changes; changes--) {
			int64_t first = random_in(1, w->last ? w->last : 1);
			int64_t last = first + random_in(0, random_in(0, 1) ? 3 : 6000);
			change(w, first, last < SEQS_MAX ? last : SEQS_MAX);
		}
		struct verify_search search = search_world(w);
		assert_oracle(w, &search.result);
		verify_search_free(&search);
		free_world(w);
	}
}

/* The oracle for a block of which the unit has only the digest. */
static enum verify_fate fate_of_pruned(const struct world *w, int64_t seq, bool whole, bool same)
{
	if (w->centre[seq])
		return !whole ? VERIFY_UNPROVEN : !same ? VERIFY_DIFFERING : fate_of(w, seq);
	return ranges_contain(&w->dropped, seq)   ? VERIFY_DROPPED
	       : ranges_contain(&w->expired, seq) ? VERIFY_EXPIRED
	                                          : VERIFY_LOST;
}

static void assert_pruned(const struct world *w, int64_t first, const struct verify_result *result)
{
	bool whole = true, same = true;
	int64_t last = first + stream_block(w->stream) - 1;
	for (int64_t seq = first; seq <= last; seq++) {
		whole &= w->centre[seq] != 0;
		same &= w->centre[seq] == w->unit[seq];
	}
	for (int64_t seq = first; seq <= last; seq++)
		if (!ranges_contain(&result->fates[fate_of_pruned(w, seq, whole, same)], seq))
			fail_msg("seq %ld is not %s", (long)seq, verify_fate_name(fate_of_pruned(w, seq, whole, same)));
}

static void pruned_blocks_are_proved_by_their_digests(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct world *w = new_world(round % 2 ? STREAM_EVENTS : STREAM_POINTS, SEQS_MAX - 1);
		int64_t size = stream_block(w->stream);
		for (int64_t block = 0; (block + 1) * size < w->last; block++)
			w->pruned[block] = random_in(0, 1);
		for (int64_t changes = random_in(0, 6); changes; changes--) {
			int64_t first = random_in(1, w->last), last = first + random_in(0, 3000), kind = random_in(0, 3);
			for (int64_t seq = first; seq <= last && seq < w->last; seq++)
				w->centre[seq] = kind == 3 ? 200 : 0;
			last = last < w->last ? last : w->last;
			if (kind == 1 || kind == 2)
				assert_int_equal(ranges_add(kind == 1 ? &w->dropped : &w->expired, first, last, NULL), 0);
		}
		struct verify_search search = search_world(w);
		for (int64_t block = 0; (block + 1) * size < w->last; block++)
			if (w->pruned[block])
				assert_pruned(w, block * size + 1, &search.result);
		int64_t named = 0;
		for (int fate = 0; fate < VERIFY_FATES; fate++)
			named += ranges_total(&search.result.fates[fate]);
		assert_true(named == w->last);
		verify_search_free(&search);
		free_world(w);
	}
}

/* A row was dropped when its block was pruned, and the centre turns out to hold it: the drop is taken back, the digest is of the others. */
static void a_row_more_than_was_digested_makes_no_block_differ(void **state)
{
	(void)state;
	struct world *w = new_world(STREAM_EVENTS, SEQS_MAX - 1);
	int64_t size = stream_block(w->stream);
	w->pruned[0] = true;
	w->unit[7] = 0;
	w->centre[7] = 1;
	struct verify_search search = search_world(w);
	assert_int_equal(ranges_total(&search.result.fates[VERIFY_DIFFERING]), 0);
	assert_int_equal(ranges_total(&search.result.fates[VERIFY_UNPROVEN]), size);
	verify_search_free(&search);
	free_world(w);
}

/* Every other row differs: the answer is coarser, and stays of a size that can be handled. */
static void what_differs_everywhere_is_named_in_blocks(void **state)
{
	(void)state;
	struct world *w = new_world(STREAM_POINTS, SEQS_MAX);
	for (int64_t seq = 1; seq <= SEQS_MAX; seq += 2)
		w->centre[seq] = 200;
	struct verify_search search = search_world(w);
	const struct ranges *fates = search.result.fates;
	assert_true(fates[VERIFY_DIFFERING].count >= VERIFY_NAMED_MAX);
	assert_true(fates[VERIFY_DIFFERING].count <= VERIFY_NAMED_MAX + VERIFY_BLOCKS_MAX);
	assert_true(w->questions < 20);
	for (int64_t seq = 1; seq <= SEQS_MAX; seq += 2)
		assert_true(ranges_contain(&fates[VERIFY_DIFFERING], seq));
	assert_string_equal(outcome_of(&search.result), "differs");
	verify_search_free(&search);
	free_world(w);
}

/* Stretches of the centre are blocks of any length, beside each other or not. */
static void blocks_of_any_length_have_the_digest_of_their_rows(void **state)
{
	(void)state;
	struct err e;
	struct world *w = new_world(STREAM_EVENTS, 5000);
	struct side side = {{STREAM_EVENTS, read_side}, w->unit, 0};
	static const int64_t ends[][2] = {{1, 1}, {2, 700}, {701, 701}, {900, 3000}, {3001, 3001}, {4999, 6000}};
	enum { COUNT = sizeof ends / sizeof *ends };
	struct verify_block blocks[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = (struct verify_block){.first = ends[i][0], .last = ends[i][1]};
	assert_int_equal(verify_digest_blocks(&side.source, blocks, COUNT, &e), 0);
	for (size_t i = 0; i < COUNT; i++) {
		uint8_t digest[ROWS_DIGEST];
		int64_t last = ends[i][1] < 5000 ? ends[i][1] : 5000, count = last - ends[i][0] + 1;
		struct event *events = calloc((size_t)count, sizeof *events);
		for (int64_t k = 0; k < count; k++)
			events[k] = (struct event){.seq = ends[i][0] + k, .event_at_ms = w->unit[ends[i][0] + k]};
		digest_events(events, (size_t)count, digest);
		assert_memory_equal(digest, blocks[i].digest, ROWS_DIGEST);
		assert_true(blocks[i].rows == count);
		free(events);
	}
	free_world(w);
}

/* ---- the sentence ----------------------------------------------------------------------------------------------- */

static struct verify_result result_of(int64_t last, enum verify_fate fate, int64_t from)
{
	struct verify_result result = {.last = last};
	if (last)
		ranges_add(&result.recorded, 1, last, NULL);
	if (from > 1)
		ranges_add(&result.fates[VERIFY_HELD], 1, from - 1, NULL);
	if (from <= last)
		ranges_add(&result.fates[fate], from, last, NULL);
	return result;
}

static void the_sentence_is_true(void **state)
{
	(void)state;
	static const struct {
		int64_t points;
		enum verify_fate fate;
		int64_t from, events;
		const char *sentence;
	} cases[] = {
		{9, VERIFY_HELD, 10, 3, "central holds points 1..9 and events 1..3 of this store"},
		{0, VERIFY_HELD, 1, 3, "central holds events 1..3 of this store, which has no points"},
		{9, VERIFY_HELD, 10, 0, "central holds points 1..9 of this store, which has no events"},
		{0, VERIFY_HELD, 1, 0, "this store has recorded nothing yet"},
		{9, VERIFY_REJECTED, 9, 3, "central accounts for points 1..9 and events 1..3 of this store: rejected points 9"},
		{9, VERIFY_DROPPED, 8, 3, "central accounts for points 1..9 and events 1..3 of this store: dropped points 8-9"},
		{9, VERIFY_UNPROVEN, 8, 3,
	     "central accounts for points 1..9 and events 1..3 of this store: unproven points 8-9"},
		{9, VERIFY_LOST, 2, 3,
	     "central does not hold all of points 1..9 and events 1..3 of this store: lost points 2-9"},
		{9, VERIFY_UNSENT, 1, 3,
	     "central does not hold all of points 1..9 and events 1..3 of this store: unsent points 1-9"},
		{9, VERIFY_DIFFERING, 5, 3,
	     "central does not hold all of points 1..9 and events 1..3 of this store: differing points 5-9"},
		{9, VERIFY_ADDED, 8, 3,
	     "central holds points 1..9 and events 1..3 of this store, and has rows that this store has not: added points "
	     "8-9"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[VERIFY_SENTENCE_TEXT];
		struct verify_result results[STREAM_COUNT] = {result_of(cases[i].points, cases[i].fate, cases[i].from),
		                                              result_of(cases[i].events, VERIFY_HELD, cases[i].events + 1)};
		assert_string_equal(verify_sentence(results, text), cases[i].sentence);
		verify_result_free(&results[0]);
		verify_result_free(&results[1]);
	}
}

static void a_sentence_has_an_end(void **state)
{
	(void)state;
	char text[VERIFY_SENTENCE_TEXT];
	struct verify_result results[STREAM_COUNT] = {{.last = SEQ_MAX}, {.last = SEQ_MAX}};
	for (int s = 0; s < STREAM_COUNT; s++)
		for (int fate = 0; fate < VERIFY_FATES; fate++)
			for (int64_t i = 1; i < 100; i++)
				ranges_add(&results[s].fates[fate], SEQ_MAX - 3 * i, SEQ_MAX - 3 * i, NULL);
	assert_true(strlen(verify_sentence(results, text)) < VERIFY_SENTENCE_TEXT);
	verify_result_free(&results[0]);
	verify_result_free(&results[1]);
}

/* ---- documents ---------------------------------------------------------------------------------------------------- */

#define HEX32 "\"abababababababababababababababababababababababababababababababab\""
static const char good_question[] =
	"{\"sender\":" HEX32 ",\"store_id\":\"" STORE_ID "\",\"points\":{\"last_seq\":9000,\"mend\":[[1,2]],\"blocks\":["
	"{\"first\":1,\"last\":4096,\"digest\":" HEX32 "},{\"first\":4097,\"last\":4097,\"digest\":" HEX32 "}]},"
	"\"events\":{\"last_seq\":0}}";
static const char good_answer[] = "{\"question_digest\":" HEX32 ",\"store_id\":\"" STORE_ID "\",\"centre_ms\":5,"
								  "\"points\":{\"absent\":[[1,4096]],\"differing\":[],\"beyond\":[[9001,9001]]},"
								  "\"events\":{\"absent\":[],\"differing\":[]}}";

static int decode_question(const char *text, size_t length)
{
	struct err e;
	struct question question;
	int rc = question_decode(text, length, &question, &e);
	if (!rc)
		question_free(&question);
	return rc;
}

static int decode_answer(const char *text, size_t length)
{
	struct err e;
	struct answer answer;
	int rc = answer_decode(text, length, &answer, &e);
	if (!rc)
		answer_free(&answer);
	return rc;
}

static const struct spoilt spoilt_questions[] = {
	{"}}", "}}", 0},
	{"}}", "},\"later\":1}", 0},
	{"\"sender\"", "\"s\"", -ERR_INVALID},
	{"c0a8", "C0A8", -ERR_INVALID},
	{"\"events\"", "\"Events\"", -ERR_INVALID},
	{"\"last_seq\":9000", "\"last_seq\":-1", -ERR_INVALID},
	{"[[1,2]]", "[[2,1]]", -ERR_INVALID},
	{"\"first\":1", "\"first\":0", -ERR_INVALID},
	{"\"last\":4096", "\"last\":4097", -ERR_LIMIT},
	{"\"first\":4097,", "\"first\":4096,", -ERR_INVALID},
	{"\"last\":4097", "\"last\":1", -ERR_INVALID},
	{"\"last\":4097", "\"last\":1099511627776", -ERR_INVALID},
	{"abab", "ab", -ERR_INVALID},
	{"\"blocks\":[", "\"blocks\":[7,", -ERR_INVALID},
#define PROOF(asked, outcome) \
	"},\"proof\":{\"asked_ms\":" asked ",\"outcome\":\"" outcome "\",\"sentence\":\"so it is\"}}"
	{"}}", PROOF("5", "whole"), 0},
	{"}}", PROOF("5", "differs"), 0},
	{"}}", PROOF("5", "good"), -ERR_INVALID},
	{"}}", PROOF("\"5\"", "whole"), -ERR_INVALID},
	{"}}", "},\"proof\":{}}", -ERR_INVALID},
#undef PROOF
};

static const struct spoilt spoilt_answers[] = {
	{"}}", "}}", 0},
	{"}}", "},\"later\":1}", 0},
	{"\"question_digest\"", "\"q\"", -ERR_INVALID},
	{"\"centre_ms\":5", "\"centre_ms\":\"5\"", -ERR_INVALID},
	/* What is not said is not "nothing differs". */
	{"\"differing\"", "\"d\"", -ERR_INVALID},
	{"\"absent\"", "\"a\"", -ERR_INVALID},
	{"[[9001,9001]]", "[[9001,0]]", -ERR_INVALID},
	{"\"events\":{", "\"events\":[{", -ERR_INVALID},
};

static void members_are_checked(void **state)
{
	(void)state;
	decode_spoilt(decode_question, good_question, spoilt_questions, sizeof spoilt_questions / sizeof *spoilt_questions);
	decode_spoilt(decode_answer, good_answer, spoilt_answers, sizeof spoilt_answers / sizeof *spoilt_answers);
	decode_twisted(decode_question, good_question);
	decode_twisted(decode_answer, good_answer);
}

static void a_question_is_bounded(void **state)
{
	(void)state;
	struct err e;
	struct buffer document = {0};
	struct question question = {.store_id = STORE_ID};
	struct question_stream *asked = &question.streams[STREAM_POINTS];
	asked->blocks = calloc(VERIFY_BLOCKS_MAX + 1, sizeof *asked->blocks);
	for (int64_t i = 0; i <= VERIFY_BLOCKS_MAX; i++)
		asked->blocks[i] = (struct verify_block){.first = 4096 * i + 1, .last = 4096 * (i + 1)};
	static const struct {
		size_t count;
		int rc;
	} cases[] = {{64, 0}, {65, -ERR_LIMIT}, {VERIFY_BLOCKS_MAX + 1, -ERR_LIMIT}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		document.length = 0;
		asked->block_count = cases[i].count;
		assert_int_equal(question_encode(&question, &document, &e), 0);
		assert_int_equal(decode_question((char *)document.bytes, document.length), cases[i].rc);
	}
	buffer_free(&document);
	question_free(&question);
}

static void changed_documents_are_refused_or_sound(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		const char *good = round % 2 ? good_question : good_answer;
		size_t whole = strlen(good), length = round % 4 < 2 ? whole : (size_t)random_in(0, (int64_t)whole);
		char *copy = malloc(length + 1);
		memcpy(copy, good, length);
		for (int64_t changes = random_in(0, 3); changes && length; changes--)
			copy[random_in(0, (int64_t)length - 1)] = (char)random_64();
		(round % 2 ? decode_question : decode_answer)(copy, length);
		free(copy);
	}
}

/* ---- values of Postgres ------------------------------------------------------------------------------------------- */

static void only_exact_values_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int places;
		int64_t value;
		bool good;
	} cases[] = {
		{"0", 7, 0, true},
		{"52.1234567", 7, 521234567, true},
		{"-52.1234567", 7, -521234567, true},
		{"-0.0000001", 7, -1, true},
		{"52.12345670000", 7, 521234567, true},
		{"52.12345671", 7, 0, false},
		{"90", 7, 900000000, true},
		{"90.0000001", 7, 0, false},
		{"3.5", 1, 35, true},
		{"3.25", 1, 0, false},
		{"3.", 1, 30, true},
		{"", 1, 0, false},
		{"-", 1, 0, false},
		{".5", 1, 0, false},
		{"1e5", 1, 0, false},
		{"NaN", 1, 0, false},
		{"Infinity", 3, 0, false},
		{"3.5 ", 1, 0, false},
		{"99999999999999999999999999", 1, 0, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t value = 0;
		bool good = table_parse_scaled(cases[i].text, cases[i].places, 900000000, &value);
		if (good != cases[i].good || value != cases[i].value)
			fail_msg("\"%s\": %d, %ld", cases[i].text, good, (long)value);
	}
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_same_takes_one_question),
		cmocka_unit_test(one_row_is_found_in_three_questions),
		cmocka_unit_test(whatever_differs_is_named_row_by_row),
		cmocka_unit_test(pruned_blocks_are_proved_by_their_digests),
		cmocka_unit_test(a_row_more_than_was_digested_makes_no_block_differ),
		cmocka_unit_test(what_differs_everywhere_is_named_in_blocks),
		cmocka_unit_test(blocks_of_any_length_have_the_digest_of_their_rows),
		cmocka_unit_test(the_sentence_is_true),
		cmocka_unit_test(a_sentence_has_an_end),
		cmocka_unit_test(members_are_checked),
		cmocka_unit_test(a_question_is_bounded),
		cmocka_unit_test(changed_documents_are_refused_or_sound),
		cmocka_unit_test(only_exact_values_are_read),
	};
	if (keys_start(&e))
		return 1;
	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
