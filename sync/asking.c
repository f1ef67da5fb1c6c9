#include "sync/asking.h"

#include <string.h>

int asking_begin(struct asking *asking, struct err *e)
{
	bool paired;
	int rc = store_centre_get(asking->channel->store, &asking->centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	memcpy(asking->question.sender, asking->channel->keys->public_key, KEY_PUBLIC);
	memcpy(asking->question.store_id, asking->identity->store_id, sizeof asking->question.store_id);
	for (int s = 0; s < STREAM_COUNT; s++)
		asking->question.streams[s].last_seq = asking->identity->streams[s].last;
	return rc;
}

static int seal_question(const struct asking *asking, struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	int rc = question_encode(&asking->question, &document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_QUESTION, asking->channel->keys, asking->centre.public_key, document.bytes,
		                   document.length, out, e);
	buffer_free(&document);
	return rc;
}

static int open_answer(const struct asking *asking, const struct buffer *question, const struct buffer *sealed,
                       struct answer *out, struct err *e)
{
	struct buffer document = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	int rc = envelope_open(sealed->bytes, sealed->length, ENVELOPE_ANSWER, asking->channel->keys,
	                       asking->centre.public_key, &document, e);
	if (!rc)
		rc = answer_decode(document.bytes, document.length, out, e);
	buffer_free(&document);
	if (rc)
		return err_wrap(e, "what %s answered is no answer of this centre", asking->centre.url);
	envelope_digest(question->bytes, question->length, digest);
	if (strcmp(out->store_id, asking->question.store_id) || memcmp(out->question_digest, digest, sizeof digest)) {
		answer_free(out);
		return err_set(e, ERR_FORGED, "the centre's answer is for another question than the one that was asked");
	}
	if (out->standing)
		return receipt_standing_explain(out->standing, out->device_id, out->device_name, e);
	return 0;
}

int asking_ask(struct asking *asking, struct answer *out, struct err *e)
{
	struct buffer question = {0}, sealed = {0};
	int rc = seal_question(asking, &question, e);
	if (!rc)
		rc =
			asking->channel->carrier->start(asking->channel->carrier, "/v1/verify", question.bytes, question.length, e);
	if (!rc)
		rc = asking->channel->carrier->finish(asking->channel->carrier, &sealed, &asking->report->retry_ms, e);
	if (!rc) {
		asking->report->exchanges++;
		asking->report->bytes_sent += (int64_t)question.length;
		asking->report->bytes_received += (int64_t)sealed.length;
		rc = open_answer(asking, &question, &sealed, out, e);
	}
	buffer_free(&question);
	buffer_free(&sealed);
	return rc;
}
