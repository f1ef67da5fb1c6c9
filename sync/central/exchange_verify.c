/* A question of a unit about what the centre holds, and its answer. */
#include "sync/central/exchange.h"

#include "hal/clock.h"
#include "sync/central/verify_centre.h"
#include "sync/envelope.h"
#include "sync/verify.h"

#include <string.h>

static int open_question(const struct identity *centre, const struct letter *letter, struct question *out,
                         size_t *out_key, struct err *e)
{
	struct buffer document = {0};
	struct question question = {0};
	int rc = identity_open(centre, letter, &document, out_key, e);
	if (!rc)
		rc = question_decode(document.bytes, document.length, &question, e);
	buffer_free(&document);
	if (!rc && memcmp(question.sender, letter->head.sender, KEY_PUBLIC)) {
		question_free(&question);
		rc = err_set(e, ERR_FORGED, "the envelope is signed by another than the question inside names as its sender");
	}
	if (!rc)
		*out = question;
	return rc;
}

static int seal_answer(const struct key_pair *centre, const uint8_t recipient[KEY_PUBLIC], const struct answer *answer,
                       struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	int rc = answer_encode(answer, &document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_ANSWER, centre, recipient, document.bytes, document.length, out, e);
	buffer_free(&document);
	return rc;
}

/* To one who is not served. */
static void tell_standing(const struct exchange_sender *sender, const struct question *question,
                          const uint8_t digest[ENVELOPE_DIGEST], struct answer *out)
{
	*out = (struct answer){.centre_ms = clock_wall_ms(), .standing = sender->standing, .device_id = sender->device_id};
	memcpy(out->store_id, question->store_id, sizeof out->store_id);
	memcpy(out->question_digest, digest, sizeof out->question_digest);
	memcpy(out->device_name, sender->name, sizeof out->device_name);
}

int exchange_question(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                      struct err *e)
{
	struct question question = {0};
	struct answer answer = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	struct exchange_sender from = {0};
	size_t key = 0;
	int rc = letter->head.kind == ENVELOPE_QUESTION ? 0 : err_set(e, ERR_INVALID, "the envelope is no question");
	if (!rc)
		rc = exchange_find_sender(pg, letter->head.sender, &from, e);
	if (!rc)
		rc = open_question(centre, letter, &question, &key, e);
	if (rc)
		return rc;
	envelope_digest(letter->bytes, letter->length, digest);
	if (from.standing)
		tell_standing(&from, &question, digest, &answer);
	else
		rc = verify_centre(pg, from.device_id, &question, digest, &answer, e);
	if (!rc)
		rc = seal_answer(&centre->keys[key], letter->head.sender, &answer, out, e);
	answer_free(&answer);
	question_free(&question);
	return rc;
}
