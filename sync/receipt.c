#include "sync/receipt.h"

#include "sync/batch.h"
#include "sync/document.h"
#include "sync/members.h"
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

static bool add_standing(cJSON *object, const struct member *m, const void *from)
{
	const enum receipt_standing *standing = (const void *)((const char *)from + m->at);
	return !*standing || cJSON_AddStringToObject(object, m->name, receipt_standing_name(*standing));
}

/* One that is not known is not taken for a good one. */
static int get_standing(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	enum receipt_standing *out = (void *)((char *)to + m->at);
	char name[16];
	int rc = json_get_text(object, m->name, name, sizeof name, e);
	for (size_t i = 0; i < STANDING_COUNT && !rc; i++)
		if (!strcmp(name, standings[i])) {
			*out = (enum receipt_standing)i;
			return 0;
		}
	return rc ? rc : err_set(e, ERR_INVALID, "\"standing\": \"%s\" is no standing that this alzy knows", name);
}

const struct member_kind receipt_standing_member = {add_standing, get_standing};

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

/* ---- fields that are neither number nor text --------------------------------------------------------------- */

static bool add_active(cJSON *object, const struct member *m, const void *from)
{
	const struct receipt *receipt = from;
	return cJSON_AddBoolToObject(object, m->name, receipt->device_active);
}

static int get_active(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct receipt *receipt = to;
	const cJSON *active = cJSON_GetObjectItemCaseSensitive(object, m->name);
	if (!cJSON_IsBool(active))
		return err_set(e, ERR_INVALID, "\"active\" is missing or neither true nor false");
	receipt->device_active = cJSON_IsTrue(active);
	return 0;
}

static const struct member_kind active = {add_active, get_active};

static bool add_reference(cJSON *object, const struct member *m, const void *from)
{
	const struct receipt *receipt = from;
	cJSON *reference = cJSON_AddObjectToObject(object, m->name);
	return reference && reference_add(reference, &receipt->reference);
}

static int get_reference(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct receipt *receipt = to;
	const cJSON *reference;
	int rc = json_get_object(object, m->name, &reference, e);
	if (!rc)
		rc = reference_get(reference, &receipt->reference, e);
	receipt->has_reference = !rc;
	return rc;
}

static const struct member_kind reference = {add_reference, get_reference};

/* ---- what the centre has changed in a session --------------------------------------------------------------- */

static const struct member values[SESSION_FIELD_COUNT + 1] = {
	[SESSION_USER] = {TEXT_OR_NONE("user_id", struct session, user_id)},
	[SESSION_MACHINE] = {TEXT_OR_NONE("machine_id", struct session, machine_id)},
	[SESSION_APPLICATION] = {INT_OR("application_id", struct session, application_id, 0, INT32_MAX, 0)},
	[SESSION_STARTED] = {INT("started_at_ms", struct session, started_at_ms, TIME_MS_MIN, TIME_MS_MAX)},
	[SESSION_STATUS] = {"status", .kind = &member_status},
};

static const struct member changed_members[SESSION_FIELD_COUNT + 1] = {
	{INT_OR("user_id", struct session_edits, changed[SESSION_USER], 1, DOCUMENT_INT_MAX, 0)},
	{INT_OR("machine_id", struct session_edits, changed[SESSION_MACHINE], 1, DOCUMENT_INT_MAX, 0)},
	{INT_OR("application_id", struct session_edits, changed[SESSION_APPLICATION], 1, DOCUMENT_INT_MAX, 0)},
	{INT_OR("started_at", struct session_edits, changed[SESSION_STARTED], 1, DOCUMENT_INT_MAX, 0)},
	{INT_OR("status", struct session_edits, changed[SESSION_STATUS], 1, DOCUMENT_INT_MAX, 0)},
	{0},
};

/* Only fields that were changed: the revision of each in "changed", and its value beside that. */
static bool add_changed(cJSON *object, const struct member *m, const void *from)
{
	const struct session_edits *edits = &((const struct receipt_session *)from)->edits;
	cJSON *revisions = NULL;
	bool ok = true;
	for (int field = 0; field < SESSION_FIELD_COUNT && ok; field++)
		if (edits->changed[field]) {
			if (!revisions)
				revisions = cJSON_AddObjectToObject(object, m->name);
			ok = revisions && member_add(revisions, &changed_members[field], edits) &&
			     member_add(object, &values[field], &edits->values);
		}
	return ok;
}

static int get_changed(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct session_edits *edits = &((struct receipt_session *)to)->edits;
	const cJSON *revisions;
	int rc = json_get_object(object, m->name, &revisions, e);
	if (!rc)
		rc = members_get(revisions, changed_members, edits, e);
	for (int field = 0; field < SESSION_FIELD_COUNT && !rc; field++) {
		if (edits->changed[field] > edits->revision)
			return err_set(e, ERR_INVALID, "\"changed\" is above \"centre_revision\"");
		if (edits->changed[field])
			rc = member_get(object, &values[field], &edits->values, e);
	}
	return rc;
}

static const struct member_kind changed = {add_changed, get_changed};

static bool differs(const void *from)
{
	return ((const struct receipt_session *)from)->differs;
}

static void note_differs(void *to, bool there)
{
	((struct receipt_session *)to)->differs = there;
}

/* ---- the document ------------------------------------------------------------------------------------------ */

static const struct member rejected_members[] = {
	{INT("seq", struct receipt_rejected, seq, 1, SEQ_MAX)},
	{TEXT_OR_NONE("code", struct receipt_rejected, code)},
	{TEXT_OR_NONE("reason", struct receipt_rejected, reason)},
	{0},
};

static const struct member proof_members[] = {
	{INT("first", struct stretch, first, 1, SEQ_MAX)},
	{INT("last", struct stretch, last, 1, SEQ_MAX)},
	{BYTES("digest", struct stretch, digest)},
	{0},
};

static const struct member stream_members[] = {
	/* A range that gets lost for want of memory is one that the unit sends again: no harm. */
	{RANGES("accounted", struct receipt_stream, accounted)},
	{RANGES_OR_NONE("dropped", struct receipt_stream, dropped)},
	{RANGES_OR_NONE("confirmed", struct receipt_stream, confirmed)},
	{RANGES_OR_NONE("conflicts", struct receipt_stream, conflicts)},
	{RANGES_OR_NONE("missing", struct receipt_stream, missing)},
	{LIST("rejected", struct receipt_stream, rejected, rejected_count, rejected_members, RECEIPT_REJECTED_MAX)},
	{LIST("proofs", struct receipt_stream, proofs, proof_count, proof_members, RECEIPT_PROOFS_MAX)},
	{INT_OR("rejected_total", struct receipt_stream, rejected_total, 0, SEQ_MAX, 0)},
	{INT_OR("fresh", struct receipt_stream, fresh, 0, SEQ_MAX, 0)},
	{INT_OR("known", struct receipt_stream, known, 0, SEQ_MAX, 0)},
	{INT_OR("left", struct receipt_stream, left, 0, SEQ_MAX, 0)},
	{0},
};

/* What a copy of the unit's store has told, maybe. */
static const struct member held_members[] = {
	{INT("started_at_ms", struct receipt_session, edits.values.started_at_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{"status", .kind = &member_status, .at = offsetof(struct receipt_session, edits.values)},
	{0},
};

static const struct member session_members[] = {
	{UUID("session_id", struct receipt_session, session_id)},
	{INT("revision", struct receipt_session, revision, 0, DOCUMENT_INT_MAX)},
	{TEXT_OR_NONE("lost", struct receipt_session, lost)},
	{INT_OR("seen", struct receipt_session, seen, 0, DOCUMENT_INT_MAX, 0)},
	{TEXT_OR_NONE("refused", struct receipt_session, refused)},
	{INT_OR("centre_revision", struct receipt_session, edits.revision, 0, DOCUMENT_INT_MAX, 0)},
	{"changed", .kind = &changed, .optional = true},
	{OBJECT_HERE("held", held_members), WHEN(differs), .note = note_differs},
	{0},
};

static const struct member device_members[] = {
	{INT("id", struct receipt, device_id, 1, DOCUMENT_INT_MAX)},
	{TEXT_OR_NONE("name", struct receipt, device_name)},
	{TEXT_OR_NONE("color", struct receipt, device_color)},
	{"active", .kind = &active},
	{0},
};

static const struct member copied_members[] = {
	{INT_OR("rows", struct receipt, copied_rows, 0, DOCUMENT_INT_MAX, 0)},
	{INT_OR("since_ms", struct receipt, copied_ms, TIME_MS_MIN, TIME_MS_MAX, 0)},
	{INT_OR("forks", struct receipt, forks, 0, DOCUMENT_INT_MAX, 0)},
	{0},
};

static bool announces_key(const void *from)
{
	return ((const struct receipt *)from)->announces_key;
}

static void note_key(void *to, bool there)
{
	((struct receipt *)to)->announces_key = there;
}

static bool has_reference(const void *from)
{
	return ((const struct receipt *)from)->has_reference;
}

static bool is_copied(const void *from)
{
	const struct receipt *receipt = from;
	return receipt->copied_rows || receipt->forks;
}

static const struct member receipt_members[] = {
	{UUID("store_id", struct receipt, store_id)},
	{INT("exchange", struct receipt, exchange, 1, DOCUMENT_INT_MAX)},
	{BYTES("batch_digest", struct receipt, batch_digest)},
	{BYTES("centre_key", struct receipt, centre_key), WHEN(announces_key), .note = note_key},
	{INT("centre_ms", struct receipt, centre_ms, TIME_MS_MIN, TIME_MS_MAX)},
	{INT_OR("verify_ms", struct receipt, verify_ms, TIME_MS_MIN, TIME_MS_MAX, 0)},
	{OBJECT("points", struct receipt, streams[STREAM_POINTS], stream_members)},
	{OBJECT("events", struct receipt, streams[STREAM_EVENTS], stream_members)},
	{LIST("sessions", struct receipt, sessions, session_count, session_members, RECEIPT_SESSIONS_MAX)},
	{OBJECT_HERE("device", device_members)},
	{"reference", .kind = &reference, WHEN(has_reference)},
	{OBJECT_HERE("copied", copied_members), WHEN(is_copied)},
	{INT_OR("checkpoint", struct receipt, checkpoint, 1, DOCUMENT_INT_MAX, 0)},
	{TRUE_OR_NOT("forgotten", struct receipt, forgotten)},
	{"standing", .kind = &receipt_standing_member, .at = offsetof(struct receipt, standing), .optional = true},
	{TEXT_OR_NONE("url", struct receipt, url)},
	{0},
};

/* ---- what holds of it as a whole ---------------------------------------------------------------------------- */

/* What came in one batch, above `before`. */
static bool is_stretch(int64_t before, int64_t first, int64_t last)
{
	return first > before && last >= first && last - first < BATCH_POINTS_MAX;
}

static int check_stream(const struct receipt_stream *stream, struct err *e)
{
	int64_t before = 0;
	for (size_t i = 0; i < stream->proof_count; before = stream->proofs[i++].last)
		if (!is_stretch(before, stream->proofs[i].first, stream->proofs[i].last))
			return err_set(e, ERR_INVALID, "\"proofs\" don't rise, or have one that is longer than a batch");
	return 0;
}

static int check_receipt(const struct receipt *receipt, struct err *e)
{
	int rc = receipt->url[0] ? pairing_check_url(receipt->url, e) : 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = check_stream(&receipt->streams[s], e);
	return rc;
}

/* ---- both ways ---------------------------------------------------------------------------------------------- */

int receipt_encode(const struct receipt *receipt, struct buffer *out, struct err *e)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		if (receipt->streams[s].rejected_count > RECEIPT_REJECTED_MAX)
			return err_set(e, ERR_LIMIT, "a receipt with more than %d rejected rows", RECEIPT_REJECTED_MAX);
	if (receipt->session_count > RECEIPT_SESSIONS_MAX)
		return err_set(e, ERR_LIMIT, "a receipt with more than %d sessions", RECEIPT_SESSIONS_MAX);
	return members_write(receipt_members, receipt, out, e);
}

int receipt_decode(const void *document, size_t length, struct receipt *out, struct err *e)
{
	struct receipt receipt = {0};
	int rc = members_read(document, length, receipt_members, &receipt, e);
	for (size_t i = 0; i < receipt.session_count; i++)
		receipt.sessions[i].edits.values.revision = receipt.sessions[i].revision;
	if (!rc)
		rc = check_receipt(&receipt, e);
	if (rc)
		receipt_free(&receipt);
	else
		*out = receipt;
	return rc;
}
