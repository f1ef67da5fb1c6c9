#include "sync/central/exchange.h"

#include "hal/clock.h"
#include "sync/batch.h"
#include "sync/central/ingest.h"
#include "sync/envelope.h"

#include <stdio.h>
#include <string.h>

/* Nearly always it is the key that a device has now. */
#define SENDER "SELECT d.id, d.name, (d.is_active IS TRUE)::int, (d.deleted_at IS NOT NULL)::int, "
static const char *const sender_sql[] = {
	SENDER "0 FROM alzy.devices d WHERE device_key_hash = $1",
	SENDER "(k.revoked_at IS NOT NULL)::int FROM alzy.device_keys k JOIN alzy.devices d ON d.id = k.device_id"
		   " WHERE k.key_hash = $1",
};

int exchange_find_sender(struct pg *pg, const uint8_t key[KEY_PUBLIC], struct exchange_sender *out, struct err *e)
{
	char hash[KEY_HASH_TEXT];
	const char *value = hash;
	struct pg_result *found = NULL;
	keys_hash(key, hash);
	int rc = pg_query(pg, &found, e, sender_sql[0], 1, &value);
	if (!rc && !pg_rows(found)) {
		pg_result_free(found);
		found = NULL;
		rc = pg_query(pg, &found, e, sender_sql[1], 1, &value);
	}
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_FORGED, "signed by a stranger: no device here has the key %.16s…", hash);
	if (!rc) {
		*out = (struct exchange_sender){.device_id = pg_int(found, 0, 0), .active = pg_int(found, 0, 2)};
		snprintf(out->name, sizeof out->name, "%s", pg_text(found, 0, 1));
		out->standing = pg_int(found, 0, 4)   ? STANDING_REVOKED
		                : pg_int(found, 0, 3) ? STANDING_DELETED
		                : !out->active        ? STANDING_DEACTIVATED
		                                      : STANDING_GOOD;
	}
	pg_result_free(found);
	return rc;
}

/* To one who is not served: nothing of the batch is taken, and nothing is said of rows. */
static void tell_standing(const struct exchange_sender *sender, const struct batch *batch,
                          const uint8_t digest[ENVELOPE_DIGEST], struct receipt *out)
{
	*out = (struct receipt){.exchange = batch->exchange,
	                        .centre_ms = clock_wall_ms(),
	                        .device_id = sender->device_id,
	                        .device_active = sender->active,
	                        .standing = sender->standing};
	memcpy(out->store_id, batch->store_id, sizeof out->store_id);
	memcpy(out->batch_digest, digest, sizeof out->batch_digest);
	memcpy(out->device_name, sender->name, sizeof out->device_name);
}

/* The points stay packed in *document. */
static int open_batch(const struct identity *centre, const struct letter *letter, struct buffer *document,
                      struct batch *out, size_t *out_key, struct err *e)
{
	struct batch batch = {0};
	int rc = identity_open(centre, letter, document, out_key, e);
	if (!rc)
		rc = batch_open(document->bytes, document->length, &batch, e);
	if (!rc && memcmp(batch.sender, letter->head.sender, KEY_PUBLIC)) {
		batch_free(&batch);
		rc = err_set(e, ERR_FORGED, "the envelope is signed by another than the batch inside names as its sender");
	}
	if (!rc)
		*out = batch;
	return rc;
}

/* A unit that knows an older key believes the present one when the older one has signed it. */
static void announce(const struct identity *centre, size_t key, struct receipt *out)
{
	out->announces_key = key != 0;
	if (out->announces_key)
		memcpy(out->centre_key, centre->keys[0].public_key, KEY_PUBLIC);
	memcpy(out->url, centre->url, sizeof out->url);
}

static int seal_receipt(const struct key_pair *centre, const uint8_t recipient[KEY_PUBLIC],
                        const struct receipt *receipt, struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	int rc = receipt_encode(receipt, &document, e);
	if (!rc)
		rc = envelope_seal(ENVELOPE_RECEIPT, centre, recipient, document.bytes, document.length, out, e);
	buffer_free(&document);
	return rc;
}

int exchange_batch(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                   struct receipt *out_receipt, struct err *e)
{
	struct buffer document = {0};
	struct batch batch = {0};
	struct receipt receipt = {0};
	struct ingest_envelope envelope;
	struct exchange_sender sender;
	size_t key = 0;
	int rc = letter->head.kind == ENVELOPE_BATCH ? 0 : err_set(e, ERR_INVALID, "the envelope is no batch");
	if (!rc)
		rc = exchange_find_sender(pg, letter->head.sender, &sender, e);
	if (!rc)
		rc = open_batch(centre, letter, &document, &batch, &key, e);
	if (rc) {
		buffer_free(&document);
		return rc;
	}
	envelope_digest(letter->bytes, letter->length, envelope.digest);
	memcpy(envelope.recipient, letter->recipient, sizeof envelope.recipient);
	if (sender.standing)
		tell_standing(&sender, &batch, envelope.digest, &receipt);
	else
		rc = ingest_batch(pg, sender.device_id, &batch, &envelope, &receipt, e);
	batch_free(&batch);
	buffer_free(&document);
	if (!rc)
		announce(centre, key, &receipt);
	/* Committed: only now is there something to sign. */
	if (!rc)
		rc = seal_receipt(&centre->keys[key], letter->head.sender, &receipt, out, e);
	if (!rc && out_receipt)
		*out_receipt = receipt;
	else
		receipt_free(&receipt);
	return rc;
}
