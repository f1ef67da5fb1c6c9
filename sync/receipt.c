#include "sync/receipt.h"

#include "sync/batch.h"
#include "sync/document.h"
#include "sync/pairing.h"
#include "sync/reference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const standings[STANDING_COUNT] = {"", "deactivated", "deleted", "revoked"};

const char *receipt_standing_name(enum receipt_standing standing)
{
	return standings[standing];
}

/* One that is not known is not taken for a good one. */
int receipt_standing_get(const cJSON *root, enum receipt_standing *out, struct err *e)
{
	char name[16];
	int rc = document_get_text_or_empty(root, "standing", name, sizeof name, e);
	for (size_t i = 0; i < STANDING_COUNT && !rc; i++)
		if (!strcmp(name, standings[i])) {
			*out = (enum receipt_standing)i;
			return 0;
		}
	return rc ? rc : err_set(e, ERR_INVALID, "\"standing\": \"%s\" is no standing that this alzy knows", name);
}

int receipt_standing_explain(enum receipt_standing standing, int64_t device_id, const char *device_name, struct err *e)
{
	if (standing == STANDING_REVOKED)
		return err_set(
			e, ERR_REFUSED,
			"the centre has revoked this unit's key: nothing is sent until it is paired anew (alzy pair LINK)");
	return err_set(e, ERR_REFUSED,
	               "device %" PRId64 " (%s) was %s at the centre: nothing is sent until the centre lets it back in",
	               device_id, device_name, receipt_standing_name(standing));
}

void receipt_free(struct receipt *receipt)
{
	if (!receipt)
		return;
	for (int s = 0; s < STREAM_COUNT; s++) {
		ranges_free(&receipt->streams[s].accounted);
		ranges_free(&receipt->streams[s].dropped);
		ranges_free(&receipt->streams[s].confirmed);
		ranges_free(&receipt->streams[s].conflicts);
		ranges_free(&receipt->streams[s].missing);
		free(receipt->streams[s].rejected);
		free(receipt->streams[s].proofs);
	}
	free(receipt->sessions);
	reference_free(&receipt->reference);
	*receipt = (struct receipt){0};
}

/* ---- encoding --------------------------------------------------------------------------------------------- */

static bool add_rejected(cJSON *object, const struct receipt_stream *stream)
{
	if (!stream->rejected_count)
		return true;
	cJSON *array = cJSON_AddArrayToObject(object, "rejected");
	bool ok = array != NULL;
	for (size_t i = 0; i < stream->rejected_count && ok; i++) {
		const struct receipt_rejected *rejected = &stream->rejected[i];
		cJSON *item = document_add_item(array);
		ok = item && document_add_int(item, "seq", rejected->seq) &&
		     document_add_text_unless_empty(item, "code", rejected->code) &&
		     document_add_text_unless_empty(item, "reason", rejected->reason);
	}
	return ok;
}

static bool add_proofs(cJSON *object, const struct receipt_stream *stream)
{
	cJSON *array = stream->proof_count ? cJSON_AddArrayToObject(object, "proofs") : NULL;
	for (size_t i = 0; i < stream->proof_count && array; i++) {
		if (!document_add_stretch(document_add_item(array), &stream->proofs[i]))
			return false;
	}
	return !stream->proof_count || array;
}

static bool add_stream(cJSON *root, const char *name, const struct receipt_stream *stream)
{
	cJSON *object = cJSON_AddObjectToObject(root, name);
	if (!object)
		return false;
	/* A range that gets lost for want of memory is one that the unit sends again: no harm. */
	json_add_ranges(object, "accounted", &stream->accounted);
	if (stream->dropped.count)
		json_add_ranges(object, "dropped", &stream->dropped);
	if (stream->confirmed.count)
		json_add_ranges(object, "confirmed", &stream->confirmed);
	if (stream->conflicts.count)
		json_add_ranges(object, "conflicts", &stream->conflicts);
	if (stream->missing.count)
		json_add_ranges(object, "missing", &stream->missing);
	return add_rejected(object, stream) && add_proofs(object, stream) &&
	       document_add_int_unless(object, "taken_first", stream->taken.first, 0) &&
	       document_add_int_unless(object, "taken_last", stream->taken.last, 0) &&
	       document_add_int_unless(object, "taken_ms", stream->taken_ms, 0) &&
	       document_add_int_unless(object, "rejected_total", stream->rejected_total, 0) &&
	       document_add_int_unless(object, "fresh", stream->fresh, 0) &&
	       document_add_int_unless(object, "known", stream->known, 0) &&
	       document_add_int_unless(object, "left", stream->left, 0);
}

static bool add_value(cJSON *item, const struct session *values, enum session_field field)
{
	switch (field) {
	case SESSION_USER:
		return document_add_text_unless_empty(item, "user_id", values->user_id);
	case SESSION_MACHINE:
		return document_add_text_unless_empty(item, "machine_id", values->machine_id);
	case SESSION_APPLICATION:
		return document_add_int_unless(item, "application_id", values->application_id, 0);
	case SESSION_STARTED:
		return document_add_int(item, "started_at_ms", values->started_at_ms);
	default:
		return document_add_text_unless_empty(item, "status", session_status_name(values->status)) &&
		       (values->status != SESSION_ENDED || document_add_int(item, "ended_at_ms", values->ended_at_ms));
	}
}

/* Only fields that were changed. */
static bool add_edits(cJSON *item, const struct session_edits *edits)
{
	bool ok = document_add_int_unless(item, "centre_revision", edits->revision, 0);
	cJSON *changed = NULL;
	for (int field = 0; field < SESSION_FIELD_COUNT && ok; field++) {
		if (!edits->changed[field])
			continue;
		if (!changed)
			changed = cJSON_AddObjectToObject(item, "changed");
		ok = changed &&
		     document_add_int(changed, session_field_name((enum session_field)field), edits->changed[field]) &&
		     add_value(item, &edits->values, (enum session_field)field);
	}
	return ok;
}

/* What a copy of the unit's store has told, maybe. */
static bool add_held(cJSON *item, const struct receipt_session *session)
{
	cJSON *held = session->differs ? cJSON_AddObjectToObject(item, "held") : NULL;
	return !session->differs || (held && add_value(held, &session->edits.values, SESSION_STARTED) &&
	                             add_value(held, &session->edits.values, SESSION_STATUS));
}

static bool add_sessions(cJSON *root, const struct receipt *receipt)
{
	if (!receipt->session_count)
		return true;
	cJSON *array = cJSON_AddArrayToObject(root, "sessions");
	bool ok = array != NULL;
	for (size_t i = 0; i < receipt->session_count && ok; i++) {
		cJSON *item = document_add_item(array);
		ok = item && document_add_text_unless_empty(item, "session_id", receipt->sessions[i].session_id) &&
		     document_add_int(item, "revision", receipt->sessions[i].revision) &&
		     document_add_text_unless_empty(item, "lost", receipt->sessions[i].lost) &&
		     document_add_int_unless(item, "seen", receipt->sessions[i].seen, 0) &&
		     document_add_text_unless_empty(item, "refused", receipt->sessions[i].refused) &&
		     add_edits(item, &receipt->sessions[i].edits) && add_held(item, &receipt->sessions[i]);
	}
	return ok;
}

static bool add_device(cJSON *root, const struct receipt *receipt)
{
	cJSON *device = cJSON_AddObjectToObject(root, "device");
	return device && document_add_int(device, "id", receipt->device_id) &&
	       document_add_text_unless_empty(device, "name", receipt->device_name) &&
	       document_add_text_unless_empty(device, "color", receipt->device_color) &&
	       cJSON_AddBoolToObject(device, "active", receipt->device_active);
}

static bool add_copied(cJSON *root, const struct receipt *receipt)
{
	if (!receipt->copied_rows && !receipt->forks)
		return true;
	cJSON *object = cJSON_AddObjectToObject(root, "copied");
	return object && document_add_int_unless(object, "rows", receipt->copied_rows, 0) &&
	       document_add_int_unless(object, "since_ms", receipt->copied_ms, 0) &&
	       document_add_int_unless(object, "forks", receipt->forks, 0);
}

static bool add_reference(cJSON *root, const struct receipt *receipt)
{
	cJSON *object = receipt->has_reference ? cJSON_AddObjectToObject(root, "reference") : NULL;
	return !receipt->has_reference || (object && reference_add(object, &receipt->reference));
}

static bool make_json(const struct receipt *receipt, cJSON **out)
{
	cJSON *root = *out = cJSON_CreateObject();
	if (!root)
		return false;
	bool ok = document_add_text_unless_empty(root, "store_id", receipt->store_id) &&
	          document_add_int(root, "exchange", receipt->exchange);
	json_add_hex(root, "batch_digest", receipt->batch_digest, sizeof receipt->batch_digest);
	if (receipt->announces_key)
		json_add_hex(root, "centre_key", receipt->centre_key, sizeof receipt->centre_key);
	ok = ok && document_add_int(root, "centre_ms", receipt->centre_ms) &&
	     document_add_int_unless(root, "verify_ms", receipt->verify_ms, 0);
	for (int s = 0; s < STREAM_COUNT && ok; s++)
		ok = add_stream(root, stream_name((enum stream)s), &receipt->streams[s]);
	return ok && add_sessions(root, receipt) && add_device(root, receipt) && add_reference(root, receipt) &&
	       add_copied(root, receipt) && (!receipt->forgotten || cJSON_AddTrueToObject(root, "forgotten")) &&
	       document_add_text_unless_empty(root, "standing", receipt_standing_name(receipt->standing)) &&
	       document_add_text_unless_empty(root, "url", receipt->url);
}

int receipt_encode(const struct receipt *receipt, struct buffer *out, struct err *e)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		if (receipt->streams[s].rejected_count > RECEIPT_REJECTED_MAX)
			return err_set(e, ERR_LIMIT, "a receipt with more than %d rejected rows", RECEIPT_REJECTED_MAX);
	if (receipt->session_count > RECEIPT_SESSIONS_MAX)
		return err_set(e, ERR_LIMIT, "a receipt with more than %d sessions", RECEIPT_SESSIONS_MAX);
	cJSON *root;
	bool complete = make_json(receipt, &root);
	int rc = document_write(root, complete, out, e);
	cJSON_Delete(root);
	return rc;
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

static int get_rejected(const cJSON *item, struct receipt_rejected *out, struct err *e)
{
	int rc = json_get_int(item, "seq", 1, SEQ_MAX, &out->seq, e);
	if (!rc)
		rc = document_get_text_or_empty(item, "code", out->code, sizeof out->code, e);
	if (!rc)
		rc = document_get_text_or_empty(item, "reason", out->reason, sizeof out->reason, e);
	return rc;
}

static int get_all_rejected(const cJSON *object, struct receipt_stream *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int rc = document_get_items(object, "rejected", RECEIPT_REJECTED_MAX, &item, &count, e);
	if (!rc)
		rc = document_get_int_or(object, "rejected_total", (int64_t)0, SEQ_MAX, 0, &out->rejected_total, e);
	if (rc || !count)
		return rc;
	out->rejected = calloc(count, sizeof *out->rejected);
	if (!out->rejected)
		return err_set(e, ERR_MEMORY, "out of memory for %zu rejected rows", count);
	for (; item && !rc; item = item->next)
		rc = get_rejected(item, &out->rejected[out->rejected_count++], e);
	return rc;
}

/* Rising, and none longer than a batch. */
static int get_proofs(const cJSON *object, struct receipt_stream *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int64_t before = 0;
	int rc = document_get_items(object, "proofs", RECEIPT_PROOFS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->proofs = calloc(count, sizeof *out->proofs);
	if (!out->proofs)
		return err_set(e, ERR_MEMORY, "out of memory for %zu proofs", count);
	for (; item && !rc; item = item->next) {
		rc = document_get_stretch(item, before + 1, BATCH_POINTS_MAX, &out->proofs[out->proof_count++], e);
		before = out->proofs[out->proof_count - 1].last;
	}
	return rc;
}

static int get_stream(const cJSON *root, const char *name, struct receipt_stream *out, struct err *e)
{
	const cJSON *object;
	int rc = json_get_object(root, name, &object, e);
	if (!rc)
		rc = json_get_ranges(object, "accounted", &out->accounted, e);
	if (!rc)
		rc = document_get_ranges_or_none(object, "dropped", &out->dropped, e);
	if (!rc)
		rc = document_get_ranges_or_none(object, "confirmed", &out->confirmed, e);
	if (!rc)
		rc = document_get_ranges_or_none(object, "conflicts", &out->conflicts, e);
	if (!rc)
		rc = document_get_ranges_or_none(object, "missing", &out->missing, e);
	if (!rc)
		rc = get_proofs(object, out, e);
	if (!rc)
		rc = get_all_rejected(object, out, e);
	if (!rc)
		rc = document_get_int_or(object, "fresh", 0, SEQ_MAX, 0, &out->fresh, e);
	if (!rc)
		rc = document_get_int_or(object, "known", 0, SEQ_MAX, 0, &out->known, e);
	if (!rc)
		rc = document_get_int_or(object, "left", 0, SEQ_MAX, 0, &out->left, e);
	if (!rc)
		rc = document_get_int_or(object, "taken_first", 1, SEQ_MAX, 0, &out->taken.first, e);
	if (!rc && out->taken.first)
		rc = json_get_int(object, "taken_last", out->taken.first, out->taken.first + BATCH_POINTS_MAX - 1,
		                  &out->taken.last, e);
	if (!rc && out->taken.first)
		rc = document_get_int_or(object, "taken_ms", 0, TIME_MS_MAX, 0, &out->taken_ms, e);
	return rc;
}

static int get_value(const cJSON *item, enum session_field field, struct session *out, struct err *e)
{
	switch (field) {
	case SESSION_USER:
		return document_get_text_or_empty(item, "user_id", out->user_id, sizeof out->user_id, e);
	case SESSION_MACHINE:
		return document_get_text_or_empty(item, "machine_id", out->machine_id, sizeof out->machine_id, e);
	case SESSION_APPLICATION:
		return document_get_int_or(item, "application_id", 0, INT32_MAX, 0, &out->application_id, e);
	case SESSION_STARTED:
		return json_get_int(item, "started_at_ms", TIME_MS_MIN, TIME_MS_MAX, &out->started_at_ms, e);
	default:
		return document_get_status(item, &out->status, &out->ended_at_ms, e);
	}
}

static int get_edits(const cJSON *item, struct session_edits *out, struct err *e)
{
	const cJSON *changed = NULL;
	int rc = document_get_int_or(item, "centre_revision", 0, DOCUMENT_INT_MAX, 0, &out->revision, e);
	if (!rc && cJSON_GetObjectItemCaseSensitive(item, "changed"))
		rc = json_get_object(item, "changed", &changed, e);
	for (int field = 0; field < SESSION_FIELD_COUNT && changed && !rc; field++) {
		int64_t *at = &out->changed[field];
		rc = document_get_int_or(changed, session_field_name((enum session_field)field), 1, out->revision, 0, at, e);
		if (!rc && *at)
			rc = get_value(item, (enum session_field)field, &out->values, e);
	}
	return rc;
}

static int get_held(const cJSON *item, struct receipt_session *out, struct err *e)
{
	const cJSON *held;
	if (!cJSON_GetObjectItemCaseSensitive(item, "held"))
		return 0;
	out->differs = true;
	int rc = json_get_object(item, "held", &held, e);
	if (!rc)
		rc = get_value(held, SESSION_STARTED, &out->edits.values, e);
	return rc ? rc : get_value(held, SESSION_STATUS, &out->edits.values, e);
}

static int get_sessions(const cJSON *root, struct receipt *out, struct err *e)
{
	const cJSON *item;
	size_t count;
	int rc = document_get_items(root, "sessions", RECEIPT_SESSIONS_MAX, &item, &count, e);
	if (rc || !count)
		return rc;
	out->sessions = calloc(count, sizeof *out->sessions);
	if (!out->sessions)
		return err_set(e, ERR_MEMORY, "out of memory for %zu sessions", count);
	for (; item && !rc; item = item->next) {
		struct receipt_session *session = &out->sessions[out->session_count++];
		rc = document_get_uuid(item, "session_id", session->session_id, e);
		if (!rc)
			rc = json_get_int(item, "revision", 0, DOCUMENT_INT_MAX, &session->revision, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "lost", session->lost, sizeof session->lost, e);
		if (!rc)
			rc = document_get_int_or(item, "seen", 0, DOCUMENT_INT_MAX, 0, &session->seen, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "refused", session->refused, sizeof session->refused, e);
		if (!rc)
			rc = get_edits(item, &session->edits, e);
		if (!rc)
			rc = get_held(item, session, e);
		session->edits.values.revision = session->revision;
	}
	return rc;
}

static int get_device(const cJSON *root, struct receipt *out, struct err *e)
{
	const cJSON *device;
	int rc = json_get_object(root, "device", &device, e);
	if (!rc)
		rc = json_get_int(device, "id", 1, DOCUMENT_INT_MAX, &out->device_id, e);
	if (!rc)
		rc = document_get_text_or_empty(device, "name", out->device_name, sizeof out->device_name, e);
	if (!rc)
		rc = document_get_text_or_empty(device, "color", out->device_color, sizeof out->device_color, e);
	if (rc)
		return rc;
	const cJSON *active = cJSON_GetObjectItemCaseSensitive(device, "active");
	if (!cJSON_IsBool(active))
		return err_set(e, ERR_INVALID, "\"active\" is missing or neither true nor false");
	out->device_active = cJSON_IsTrue(active);
	return 0;
}

static int get_announcements(const cJSON *root, struct receipt *out, struct err *e)
{
	int rc = document_get_text_or_empty(root, "url", out->url, sizeof out->url, e);
	if (!rc && out->url[0])
		rc = pairing_check_url(out->url, e);
	out->announces_key = cJSON_GetObjectItemCaseSensitive(root, "centre_key") != NULL;
	if (!rc && out->announces_key)
		rc = json_get_hex(root, "centre_key", out->centre_key, sizeof out->centre_key, e);
	return rc;
}

static int get_copied(const cJSON *root, struct receipt *out, struct err *e)
{
	const cJSON *object;
	if (!cJSON_GetObjectItemCaseSensitive(root, "copied"))
		return 0;
	int rc = json_get_object(root, "copied", &object, e);
	if (!rc)
		rc = document_get_int_or(object, "rows", 0, DOCUMENT_INT_MAX, 0, &out->copied_rows, e);
	if (!rc)
		rc = document_get_int_or(object, "since_ms", TIME_MS_MIN, TIME_MS_MAX, 0, &out->copied_ms, e);
	if (!rc)
		rc = document_get_int_or(object, "forks", 0, DOCUMENT_INT_MAX, 0, &out->forks, e);
	return rc;
}

static int get_reference(const cJSON *root, struct receipt *out, struct err *e)
{
	const cJSON *object;
	if (!cJSON_GetObjectItemCaseSensitive(root, "reference"))
		return 0;
	int rc = json_get_object(root, "reference", &object, e);
	if (!rc)
		rc = reference_get(object, &out->reference, e);
	out->has_reference = !rc;
	return rc;
}

static int get_all(const cJSON *root, struct receipt *out, struct err *e)
{
	int rc = document_get_uuid(root, "store_id", out->store_id, e);
	if (!rc)
		rc = json_get_int(root, "exchange", 1, DOCUMENT_INT_MAX, &out->exchange, e);
	if (!rc)
		rc = json_get_hex(root, "batch_digest", out->batch_digest, sizeof out->batch_digest, e);
	if (!rc)
		rc = json_get_int(root, "centre_ms", TIME_MS_MIN, TIME_MS_MAX, &out->centre_ms, e);
	if (!rc)
		rc = document_get_int_or(root, "verify_ms", TIME_MS_MIN, TIME_MS_MAX, 0, &out->verify_ms, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = get_stream(root, stream_name((enum stream)s), &out->streams[s], e);
	if (!rc)
		rc = get_sessions(root, out, e);
	if (!rc)
		rc = get_device(root, out, e);
	if (!rc)
		rc = get_reference(root, out, e);
	if (!rc)
		rc = get_copied(root, out, e);
	out->forgotten = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "forgotten"));
	if (!rc)
		rc = receipt_standing_get(root, &out->standing, e);
	if (!rc)
		rc = get_announcements(root, out, e);
	return rc;
}

int receipt_decode(const void *document, size_t length, struct receipt *out, struct err *e)
{
	cJSON *root;
	int rc = document_read(document, length, &root, e);
	if (rc)
		return rc;
	struct receipt receipt = {0};
	rc = get_all(root, &receipt, e);
	cJSON_Delete(root);
	if (rc)
		receipt_free(&receipt);
	else
		*out = receipt;
	return rc;
}
