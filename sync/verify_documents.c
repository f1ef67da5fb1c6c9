/* The two documents of a proof. */
#include "sync/verify.h"

#include "sync/document.h"
#include "sync/members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the question ----------------------------------------------------------------------------------------- */

void question_free(struct question *question)
{
	if (!question)
		return;
	for (int s = 0; s < STREAM_COUNT; s++) {
		free(question->streams[s].blocks);
		ranges_free(&question->streams[s].mend);
	}
	*question = (struct question){0};
}

static const struct member block_members[] = {
	{INT("first", struct verify_block, first, 1, SEQ_MAX)},
	{INT("last", struct verify_block, last, 1, SEQ_MAX)},
	{BYTES("digest", struct verify_block, digest)},
	{TRUE_OR_NOT("pruned", struct verify_block, pruned)},
	{0},
};

static const struct member asked_members[] = {
	{INT("last_seq", struct question_stream, last_seq, 0, SEQ_MAX)},
	{RANGES_OR_NONE("mend", struct question_stream, mend)},
	{LIST("blocks", struct question_stream, blocks, block_count, block_members, VERIFY_BLOCKS_MAX)},
	{0},
};

static const struct member proof_members[] = {
	{INT("asked_ms", struct question_proof, asked_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{TEXT("outcome", struct question_proof, outcome)},
	{TEXT("sentence", struct question_proof, sentence)},
	{0},
};

static bool has_proof(const void *from)
{
	return ((const struct question *)from)->proof.asked_ms;
}

static const struct member question_members[] = {
	{BYTES("sender", struct question, sender)},
	{UUID("store_id", struct question, store_id)},
	{OBJECT("points", struct question, streams[STREAM_POINTS], asked_members)},
	{OBJECT("events", struct question, streams[STREAM_EVENTS], asked_members)},
	{OBJECT("proof", struct question, proof, proof_members), WHEN(has_proof)},
	{0},
};

int question_encode(const struct question *question, struct buffer *out, struct err *e)
{
	return members_write(question_members, question, out, e);
}

static int check_block(const struct verify_block *block, enum stream stream, int64_t above, struct err *e)
{
	if (block->first <= above || block->last < block->first)
		return err_set(e, ERR_INVALID, "the blocks of %s don't rise at %" PRId64, stream_name(stream), block->first);
	if (block->last - block->first >= stream_block(stream))
		return err_set(e, ERR_LIMIT, "a block of %" PRId64 " %s; %" PRId64 " are the most",
		               block->last - block->first + 1, stream_name(stream), stream_block(stream));
	return 0;
}

static int check_blocks(const struct question_stream *asked, enum stream stream, struct err *e)
{
	int64_t seqs = 0, above = 0;
	int rc = 0;
	for (size_t i = 0; i < asked->block_count && !rc; i++) {
		rc = check_block(&asked->blocks[i], stream, above, e);
		above = asked->blocks[i].last;
		seqs += above - asked->blocks[i].first + 1;
	}
	if (!rc && seqs > verify_question_seqs(stream))
		rc = err_set(e, ERR_LIMIT, "a question about %" PRId64 " %s; %" PRId64 " are the most", seqs,
		             stream_name(stream), verify_question_seqs(stream));
	return rc;
}

static int check_question(const struct question *question, struct err *e)
{
	const char *outcome = question->proof.outcome;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = check_blocks(&question->streams[s], (enum stream)s, e);
	if (!rc && question->proof.asked_ms && strcmp(outcome, "whole") && strcmp(outcome, "unsent") &&
	    strcmp(outcome, "differs"))
		rc = err_set(e, ERR_INVALID, "\"outcome\": \"%s\" is none", outcome);
	return rc;
}

int question_decode(const void *document, size_t length, struct question *out, struct err *e)
{
	struct question question = {0};
	int rc = members_read(document, length, question_members, &question, e);
	if (!rc)
		rc = check_question(&question, e);
	if (rc)
		question_free(&question);
	else
		*out = question;
	return rc;
}

/* ---- the answer ------------------------------------------------------------------------------------------- */

void answer_free(struct answer *answer)
{
	if (!answer)
		return;
	for (int s = 0; s < STREAM_COUNT; s++) {
		struct answer_stream *said = &answer->streams[s];
		ranges_free(&said->absent);
		ranges_free(&said->differing);
		ranges_free(&said->rejected);
		ranges_free(&said->dropped);
		ranges_free(&said->expired);
		ranges_free(&said->beyond);
		ranges_free(&said->there);
	}
	*answer = (struct answer){0};
}

static const struct member said_members[] = {
	/* Both are always there: one that got lost must not be taken for "none". */
	{RANGES("absent", struct answer_stream, absent)},
	{RANGES("differing", struct answer_stream, differing)},
	{RANGES_OR_NONE("rejected", struct answer_stream, rejected)},
	{RANGES_OR_NONE("dropped", struct answer_stream, dropped)},
	{RANGES_OR_NONE("expired", struct answer_stream, expired)},
	{RANGES_OR_NONE("beyond", struct answer_stream, beyond)},
	{RANGES_OR_NONE("there", struct answer_stream, there)},
	{0},
};

static const struct member device_members[] = {
	{INT("id", struct answer, device_id, 1, DOCUMENT_INT_MAX)},
	{TEXT_OR_NONE("name", struct answer, device_name)},
	{0},
};

static const struct member head_members[] = {
	{BYTES("question_digest", struct answer, question_digest)},
	{UUID("store_id", struct answer, store_id)},
	{INT("centre_ms", struct answer, centre_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{"standing", .kind = &receipt_standing_member, .at = offsetof(struct answer, standing), .optional = true},
	{0},
};

/* Behind the head: to a unit that the centre does not serve it says who that is, … */
static const struct member stopped_members[] = {
	{OBJECT_HERE("device", device_members)},
	{0},
};

/* … and to others what it has of their rows. */
static const struct member served_members[] = {
	{OBJECT("points", struct answer, streams[STREAM_POINTS], said_members)},
	{OBJECT("events", struct answer, streams[STREAM_EVENTS], said_members)},
	{0},
};

int answer_encode(const struct answer *answer, struct buffer *out, struct err *e)
{
	cJSON *root = cJSON_CreateObject();
	bool ok = root && members_add(root, head_members, answer) &&
	          members_add(root, answer->standing ? stopped_members : served_members, answer);
	int rc = document_write(root, ok, out, e);
	cJSON_Delete(root);
	return rc;
}

int answer_decode(const void *document, size_t length, struct answer *out, struct err *e)
{
	struct answer answer = {0};
	cJSON *root;
	int rc = document_read(document, length, &root, e);
	if (rc)
		return rc;
	rc = members_get(root, head_members, &answer, e);
	if (!rc)
		rc = members_get(root, answer.standing ? stopped_members : served_members, &answer, e);
	cJSON_Delete(root);
	if (rc)
		answer_free(&answer);
	else
		*out = answer;
	return rc;
}
