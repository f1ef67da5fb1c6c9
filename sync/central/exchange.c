#include "sync/central/exchange.h"

#include "sync/batch.h"
#include "sync/central/ingest.h"
#include "sync/envelope.h"

#include <inttypes.h>
#include <string.h>

int exchange_find_sender(struct pg *pg, const uint8_t sender[KEY_PUBLIC], int64_t *out_device, struct err *e)
{
	char hash[KEY_HASH_TEXT];
	const char *value = hash;
	struct pg_result *found = NULL;
	keys_hash(sender, hash);
	int rc = pg_query(pg, &found, e,
	                  "SELECT d.id, d.name, d.is_active, d.deleted_at IS NOT NULL FROM alzy.devices d WHERE d.id ="
	                  " coalesce((SELECT id FROM alzy.devices WHERE device_key_hash = $1),"
	                  " (SELECT device_id FROM alzy.device_keys WHERE key_hash = $1))",
	                  1, &value);
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_FORGED, "signed by a stranger: no device here has the key %.16s…", hash);
	else if (!rc && !strcmp(pg_text(found, 0, 3), "t"))
		rc = err_set(e, ERR_REFUSED, "device %" PRId64 " (%s) was deleted at the centre", pg_int(found, 0, 0),
		             pg_text(found, 0, 1));
	else if (!rc && strcmp(pg_text(found, 0, 2), "t"))
		rc = err_set(e, ERR_REFUSED, "device %" PRId64 " (%s) was deactivated at the centre", pg_int(found, 0, 0),
		             pg_text(found, 0, 1));
	else if (!rc)
		*out_device = pg_int(found, 0, 0);
	pg_result_free(found);
	return rc;
}

static int open_batch(const struct key_pair *centre, const void *bytes, size_t count, const uint8_t sender[KEY_PUBLIC],
                      struct batch *out, struct err *e)
{
	struct buffer document = {0};
	struct batch batch = {0};
	int rc = envelope_open(bytes, count, ENVELOPE_BATCH, centre, sender, &document, e);
	if (!rc)
		rc = batch_decode(document.bytes, document.length, &batch, e);
	buffer_free(&document);
	if (!rc && memcmp(batch.sender, sender, KEY_PUBLIC)) {
		batch_free(&batch);
		rc = err_set(e, ERR_FORGED, "the envelope is signed by another than the batch inside names as its sender");
	}
	if (!rc)
		*out = batch;
	return rc;
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

int exchange_batch(struct pg *pg, const struct key_pair *centre, const void *bytes, size_t count, struct buffer *out,
                   struct receipt *out_receipt, struct err *e)
{
	struct envelope_head head;
	struct batch batch = {0};
	struct receipt receipt = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	int64_t device_id = 0;
	int rc = envelope_peek(bytes, count, &head, e);
	if (!rc && head.kind != ENVELOPE_BATCH)
		rc = err_set(e, ERR_INVALID, "the envelope is no batch");
	if (!rc)
		rc = exchange_find_sender(pg, head.sender, &device_id, e);
	if (!rc)
		rc = open_batch(centre, bytes, count, head.sender, &batch, e);
	if (rc)
		return rc;
	envelope_digest(bytes, count, digest);
	rc = ingest_batch(pg, device_id, &batch, digest, &receipt, e);
	batch_free(&batch);
	/* Committed: only now is there something to sign. */
	if (!rc)
		rc = seal_receipt(centre, head.sender, &receipt, out, e);
	if (!rc && out_receipt)
		*out_receipt = receipt;
	else
		receipt_free(&receipt);
	return rc;
}
