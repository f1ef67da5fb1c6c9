#include "sync/verify.h"

#include "hal/list.h"
#include "sync/document.h"

#include <inttypes.h>
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

static bool add_asked(cJSON *root, enum stream stream, const struct question_stream *asked)
{
	cJSON *object = cJSON_AddObjectToObject(root, stream_name(stream));
	bool ok = object && document_add_int(object, "last_seq", asked->last_seq);
	if (ok && asked->mend.count)
		json_add_ranges(object, "mend", &asked->mend);
	cJSON *array = ok && asked->block_count ? cJSON_AddArrayToObject(object, "blocks") : NULL;
	for (size_t i = 0; i < asked->block_count && ok; i++) {
		const struct verify_block *block = &asked->blocks[i];
		cJSON *item = document_add_item(array);
		ok = item && document_add_int(item, "first", block->first) && document_add_int(item, "last", block->last);
		if (ok)
			json_add_hex(item, "digest", block->digest, sizeof block->digest);
		if (ok && block->pruned)
			ok = cJSON_AddTrueToObject(item, "pruned") != NULL;
	}
	return ok;
}

static bool add_proof(cJSON *root, const struct question_proof *proof)
{
	cJSON *object = proof->asked_ms ? cJSON_AddObjectToObject(root, "proof") : NULL;
	return !proof->asked_ms || (object && document_add_int(object, "asked_ms", proof->asked_ms) &&
	                            document_add_text_unless_empty(object, "outcome", proof->outcome) &&
	                            document_add_text_unless_empty(object, "sentence", proof->sentence));
}

int question_encode(const struct question *question, struct buffer *out, struct err *e)
{
	cJSON *root = cJSON_CreateObject();
	json_add_hex(root, "sender", question->sender, sizeof question->sender);
	bool ok = root && document_add_text_unless_empty(root, "store_id", question->store_id);
	for (int s = 0; s < STREAM_COUNT && ok; s++)
		ok = add_asked(root, (enum stream)s, &question->streams[s]);
	ok = ok && add_proof(root, &question->proof);
	int rc = document_write(root, ok, out, e);
	cJSON_Delete(root);
	return rc;
}

static int get_block(const cJSON *item, enum stream stream, int64_t above, struct verify_block *out, struct err *e)
{
	int rc = json_get_int(item, "first", 1, SEQ_MAX, &out->first, e);
	if (!rc)
		rc = json_get_int(item, "last", 1, SEQ_MAX, &out->last, e);
	if (!rc)
		rc = json_get_hex(item, "digest", out->digest, sizeof out->digest, e);
	out->pruned = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "pruned"));
	if (!rc && (out->first <= above || out->last < out->first))
		rc = err_set(e, ERR_INVALID, "the blocks of %s don't rise at %" PRId64, stream_name(stream), out->first);
	if (!rc && out->last - out->first >= stream_block(stream))
		rc = err_set(e, ERR_LIMIT, "a block of %" PRId64 " %s; %" PRId64 " are the most", out->last - out->first + 1,
		             stream_name(stream), stream_block(stream));
	return rc;
}

static int get_blocks(const cJSON *object, enum stream stream, struct question_stream *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int64_t seqs = 0;
	int rc = document_get_items(object, "blocks", VERIFY_BLOCKS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->blocks = calloc(count, sizeof *out->blocks);
	if (!out->blocks)
		return err_set(e, ERR_MEMORY, "out of memory for %zu blocks", count);
	for (; item && !rc; item = item->next) {
		struct verify_block *block = &out->blocks[out->block_count];
		rc = get_block(item, stream, out->block_count ? block[-1].last : 0, block, e);
		out->block_count++;
		seqs += block->last - block->first + 1;
	}
	if (!rc && seqs > verify_question_seqs(stream))
		rc = err_set(e, ERR_LIMIT, "a question about %" PRId64 " %s; %" PRId64 " are the most", seqs,
		             stream_name(stream), verify_question_seqs(stream));
	return rc;
}

static int get_asked(const cJSON *root, enum stream stream, struct question_stream *out, struct err *e)
{
	const cJSON *object;
	int rc = json_get_object(root, stream_name(stream), &object, e);
	if (!rc)
		rc = json_get_int(object, "last_seq", 0, SEQ_MAX, &out->last_seq, e);
	if (!rc)
		rc = document_get_ranges_or_none(object, "mend", &out->mend, e);
	return rc ? rc : get_blocks(object, stream, out, e);
}

static int get_proof(const cJSON *root, struct question_proof *out, struct err *e)
{
	const cJSON *object;
	if (!cJSON_GetObjectItemCaseSensitive(root, "proof"))
		return 0;
	int rc = json_get_object(root, "proof", &object, e);
	if (!rc)
		rc = json_get_int(object, "asked_ms", TIME_MS_MIN, TIME_MS_MAX, &out->asked_ms, e);
	if (!rc)
		rc = json_get_text(object, "outcome", out->outcome, sizeof out->outcome, e);
	if (!rc)
		rc = json_get_text(object, "sentence", out->sentence, sizeof out->sentence, e);
	if (!rc && strcmp(out->outcome, "whole") && strcmp(out->outcome, "unsent") && strcmp(out->outcome, "differs"))
		rc = err_set(e, ERR_INVALID, "\"outcome\": \"%s\" is none", out->outcome);
	return rc;
}

int question_decode(const void *document, size_t length, struct question *out, struct err *e)
{
	struct question question = {0};
	cJSON *root;
	int rc = document_read(document, length, &root, e);
	if (rc)
		return rc;
	rc = json_get_hex(root, "sender", question.sender, sizeof question.sender, e);
	if (!rc)
		rc = document_get_uuid(root, "store_id", question.store_id, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = get_asked(root, (enum stream)s, &question.streams[s], e);
	if (!rc)
		rc = get_proof(root, &question.proof, e);
	cJSON_Delete(root);
	if (rc)
		question_free(&question);
	else
		*out = question;
	return rc;
}

/* ---- the answer ------------------------------------------------------------------------------------------- */

enum { ANSWER_SETS = 7 };
static const struct {
	const char *name;
	size_t at;
} answer_sets[ANSWER_SETS] = {
	{"absent", offsetof(struct answer_stream, absent)},     {"differing", offsetof(struct answer_stream, differing)},
	{"rejected", offsetof(struct answer_stream, rejected)}, {"dropped", offsetof(struct answer_stream, dropped)},
	{"expired", offsetof(struct answer_stream, expired)},   {"beyond", offsetof(struct answer_stream, beyond)},
	{"there", offsetof(struct answer_stream, there)},
};

static struct ranges *answer_set(struct answer_stream *stream, size_t i)
{
	return (struct ranges *)((char *)stream + answer_sets[i].at);
}

void answer_free(struct answer *answer)
{
	if (!answer)
		return;
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < ANSWER_SETS; i++)
			ranges_free(answer_set(&answer->streams[s], i));
	*answer = (struct answer){0};
}

static bool add_standing(cJSON *root, const struct answer *answer)
{
	if (!answer->standing)
		return true;
	cJSON *device = cJSON_AddObjectToObject(root, "device");
	return device && document_add_text_unless_empty(root, "standing", receipt_standing_name(answer->standing)) &&
	       document_add_int(device, "id", answer->device_id) &&
	       document_add_text_unless_empty(device, "name", answer->device_name);
}

int answer_encode(const struct answer *answer, struct buffer *out, struct err *e)
{
	cJSON *root = cJSON_CreateObject();
	json_add_hex(root, "question_digest", answer->question_digest, sizeof answer->question_digest);
	bool ok = root && document_add_text_unless_empty(root, "store_id", answer->store_id) &&
	          document_add_int(root, "centre_ms", answer->centre_ms) && add_standing(root, answer);
	for (int s = 0; s < STREAM_COUNT && ok && !answer->standing; s++) {
		struct answer_stream stream = answer->streams[s]; /* borrowed */
		cJSON *object = cJSON_AddObjectToObject(root, stream_name((enum stream)s));
		ok = object != NULL;
		/* absent and differing are always there: one that got lost must not be taken for "none". */
		for (size_t i = 0; i < ANSWER_SETS && ok; i++)
			if (i < 2 || answer_set(&stream, i)->count)
				json_add_ranges(object, answer_sets[i].name, answer_set(&stream, i));
	}
	int rc = document_write(root, ok, out, e);
	cJSON_Delete(root);
	return rc;
}

static int get_said(const cJSON *root, const char *name, struct answer_stream *out, struct err *e)
{
	const cJSON *object;
	int rc = json_get_object(root, name, &object, e);
	for (size_t i = 0; i < ANSWER_SETS && !rc; i++)
		rc = i < 2 ? json_get_ranges(object, answer_sets[i].name, answer_set(out, i), e)
		           : document_get_ranges_or_none(object, answer_sets[i].name, answer_set(out, i), e);
	return rc;
}

static int get_standing(const cJSON *root, struct answer *out, struct err *e)
{
	const cJSON *device;
	int rc = receipt_standing_get(root, &out->standing, e);
	if (rc || !out->standing)
		return rc;
	rc = json_get_object(root, "device", &device, e);
	if (!rc)
		rc = json_get_int(device, "id", 1, DOCUMENT_INT_MAX, &out->device_id, e);
	return rc ? rc : document_get_text_or_empty(device, "name", out->device_name, sizeof out->device_name, e);
}

int answer_decode(const void *document, size_t length, struct answer *out, struct err *e)
{
	struct answer answer = {0};
	cJSON *root;
	int rc = document_read(document, length, &root, e);
	if (rc)
		return rc;
	rc = json_get_hex(root, "question_digest", answer.question_digest, sizeof answer.question_digest, e);
	if (!rc)
		rc = document_get_uuid(root, "store_id", answer.store_id, e);
	if (!rc)
		rc = json_get_int(root, "centre_ms", TIME_MS_MIN, TIME_MS_MAX, &answer.centre_ms, e);
	if (!rc)
		rc = get_standing(root, &answer, e);
	for (int s = 0; s < STREAM_COUNT && !rc && !answer.standing; s++)
		rc = get_said(root, stream_name((enum stream)s), &answer.streams[s], e);
	cJSON_Delete(root);
	if (rc)
		answer_free(&answer);
	else
		*out = answer;
	return rc;
}

int verify_compare(const struct verify_block *asked, const struct verify_block *found, size_t count,
                   struct answer_stream *out, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++)
		if (found[i].odd || memcmp(asked[i].digest, found[i].digest, ROWS_DIGEST))
			rc = ranges_add(found[i].rows ? &out->differing : &out->absent, asked[i].first, asked[i].last, e);
	return rc;
}
