#include "sync/receive.h"

#include "sync/envelope.h"
#include "sync/reference.h"
#include "sync/unit_rows.h"
#include "sync/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int receive_open(const void *bytes, size_t length, const struct key_pair *unit, const uint8_t centre[KEY_PUBLIC],
                 struct receipt *out, struct err *e)
{
	struct buffer document = {0};
	int rc = envelope_open(bytes, length, ENVELOPE_RECEIPT, unit, centre, &document, e);
	if (!rc)
		rc = receipt_decode(document.bytes, document.length, out, e);
	buffer_free(&document);
	return rc;
}

/* ---- the receipt in the store's own terms ------------------------------------------------------------------ */

static int translate_rejected(const struct receipt *receipt, struct store_rejected **out, size_t *out_count,
                              struct err *e)
{
	size_t count = 0;
	for (int s = 0; s < STREAM_COUNT; s++)
		count += receipt->streams[s].rejected_count;
	struct store_rejected *row = *out = calloc(count + 1, sizeof *row);
	if (!row)
		return err_set(e, ERR_MEMORY, "out of memory for a receipt");
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < receipt->streams[s].rejected_count; i++, row++) {
			const struct receipt_rejected *said = &receipt->streams[s].rejected[i];
			row->stream = (enum stream)s;
			row->seq = said->seq;
			snprintf(row->code, sizeof row->code, "%s", said->code);
			snprintf(row->reason, sizeof row->reason, "%s", said->reason);
		}
	*out_count = count;
	return 0;
}

static int translate_sessions(const struct receipt *receipt, struct store_session_held **out, struct err *e)
{
	struct store_session_held *held = *out = calloc(receipt->session_count + 1, sizeof *held);
	if (!held)
		return err_set(e, ERR_MEMORY, "out of memory for a receipt");
	for (size_t i = 0; i < receipt->session_count; i++) {
		const struct receipt_session *said = &receipt->sessions[i];
		memcpy(held[i].session_id, said->session_id, UUID_TEXT);
		held[i].revision = said->revision;
		held[i].seen = said->seen;
		memcpy(held[i].lost, said->lost, sizeof held[i].lost);
		held[i].edits = said->edits.revision ? &said->edits : NULL;
		held[i].other = said->differs ? &said->edits.values : NULL;
	}
	return 0;
}

/* All lists but that of what is confirmed are borrowed. */
static void translate_rest(const struct receipt *receipt, struct store_receipt *out)
{
	*out = (struct store_receipt){
		.exchange = receipt->exchange, .session_count = receipt->session_count, .centre_ms = receipt->centre_ms};
	memcpy(out->store_id, receipt->store_id, sizeof out->store_id);
	out->checkpoint = receipt->checkpoint;
	out->forgotten = receipt->forgotten;
	out->copied_rows = receipt->copied_rows;
	out->copied_at_ms = receipt->copied_ms;
	out->forks = receipt->forks;
	snprintf(out->device_name, sizeof out->device_name, "%s", receipt->device_name);
	snprintf(out->device_color, sizeof out->device_color, "%s", receipt->device_color);
	out->device_active = receipt->device_active;
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct receipt_stream *said = &receipt->streams[s];
		out->accounted[s] = said->accounted;
		out->conflicts[s] = said->conflicts;
		out->dropped[s] = said->dropped;
		out->rejected_cut |= said->rejected_total > (int64_t)said->rejected_count;
	}
	out->reference = receipt->has_reference ? &receipt->reference : NULL;
	if (out->reference)
		reference_digest(out->reference, out->reference_digest);
}

/* ---- what is sure ------------------------------------------------------------------------------------------ */

/* Adds to what is confirmed what the centre has proved to have as this store has it. */
static int take_proofs(struct store *store, const struct identity *identity, enum stream stream,
                       const struct receipt_stream *said, struct store_receipt *out, struct err *e)
{
	struct unit_rows unit = unit_rows(store, identity, stream);
	struct verify_block *blocks = calloc(said->proof_count + 1, sizeof *blocks);
	if (!blocks)
		return err_set(e, ERR_MEMORY, "out of memory for proofs");
	for (size_t i = 0; i < said->proof_count; i++)
		blocks[i] = (struct verify_block){.first = said->proofs[i].first, .last = said->proofs[i].last};
	int rc = verify_digest_blocks(&unit.source, blocks, said->proof_count, e);
	for (size_t i = 0; i < said->proof_count && !rc; i++)
		if (blocks[i].rows == blocks[i].last - blocks[i].first + 1 && !blocks[i].odd &&
		    !memcmp(blocks[i].digest, said->proofs[i].digest, STRETCH_DIGEST))
			rc = ranges_add(&out->confirmed[stream], blocks[i].first, blocks[i].last, e);
	free(blocks);
	return rc;
}

/* What follows from the name of a store alone: so all copies move the same row to the same place. */
static void name_moved(const char *store_id, char out[UUID_TEXT])
{
	uint8_t d[ENVELOPE_DIGEST];
	envelope_digest(store_id, UUID_TEXT - 1, d);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x80); /* RFC 9562: version 8 */
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	snprintf(out, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2],
	         d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* What is sure: rows of the batch that the receipt confirms, and those that it proves. */
static int find_confirmed(struct store *store, const struct receipt *receipt, struct store_receipt *out, struct err *e)
{
	struct identity identity = {0};
	int rc = identity_read(store, receipt->store_id, &identity, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		const struct receipt_stream *said = &receipt->streams[s];
		rc = ranges_copy(&out->confirmed[s], &said->confirmed, e);
		if (!rc && said->proof_count)
			rc = take_proofs(store, &identity, (enum stream)s, said, out, e);
	}
	name_moved(receipt->store_id, out->moved_id);
	identity_free(&identity);
	return rc;
}

/* ---- and what becomes of it -------------------------------------------------------------------------------- */

static int apply_rows(struct store *store, const struct receipt *receipt, bool *out_applied, struct err *e)
{
	struct store_receipt said;
	struct store_rejected *rejected = NULL;
	struct store_session_held *held = NULL;
	translate_rest(receipt, &said);
	int rc = translate_rejected(receipt, &rejected, &said.rejected_count, e);
	if (!rc)
		rc = translate_sessions(receipt, &held, e);
	said.rejected = rejected;
	said.sessions = held;
	said.applied_at_ms = store_now_ms(store, NULL);
	if (!rc)
		rc = find_confirmed(store, receipt, &said, e);
	if (!rc)
		rc = store_apply_receipt(store, &said, out_applied, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&said.confirmed[s]);
	free(rejected);
	free(held);
	return rc;
}

int receive_apply(struct store *store, const struct receipt *receipt, bool *out_applied, struct err *e)
{
	bool applied = false;
	int rc = receipt->standing ? store_centre_stands(store, receipt->exchange, receipt_standing_name(receipt->standing),
	                                                 store_now_ms(store, NULL), &applied, e)
	                           : apply_rows(store, receipt, &applied, e);
	if (!rc && applied)
		rc = store_centre_announced(store, receipt->announces_key ? receipt->centre_key : NULL, receipt->url, e);
	if (!rc)
		*out_applied = applied;
	return rc;
}

int receive_state(struct store *store, struct receive_state *out, struct err *e)
{
	struct receive_state state = {0};
	struct store_backlog backlog;
	int rc = store_backlog(store, &backlog, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges accounted = {0};
		rc = store_accounted(store, (enum stream)s, &accounted, e);
		state.held[s] = ranges_total(&accounted);
		ranges_free(&accounted);
	}
	if (rc)
		return rc;
	state.remaining = backlog.points + backlog.events + backlog.sessions;
	*out = state;
	return 0;
}
