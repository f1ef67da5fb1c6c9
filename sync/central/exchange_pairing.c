/* Pairing. alzy.devices says where a link stands:
 *
 *   pairing_token_hash  pairing_expires_at
 *   NULL                NULL                no link was made
 *   hash                time                the link may be used until then
 *   hash                NULL                it was used, by the key that is device_key_hash now
 *
 * The hash stays after use, so that the same unit asking again (its answer was lost on the way) is answered again,
 * however late, and another one is told that the link was used. */
#include "sync/central/exchange.h"

#include "hal/clock.h"
#include "sync/envelope.h"
#include "sync/pairing.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct candidate {
	int64_t device_id;
	char name[NAME_TEXT];
	bool same_key, used, expired, deleted, active;
	bool key_revoked;
	bool key_taken; /* the key is, or was, that of another device */
};

static int find_candidate(struct pg *pg, const char *token_hash, const char *key_hash, struct candidate *out,
                          struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e,
	                  "SELECT d.id, d.name, d.device_key_hash = $2, d.pairing_expires_at IS NULL,"
	                  " d.pairing_expires_at <= now(), d.deleted_at IS NOT NULL, d.is_active,"
	                  " EXISTS (SELECT FROM alzy.device_keys k WHERE k.key_hash = $2 AND k.revoked_at IS NOT NULL),"
	                  " EXISTS (SELECT FROM alzy.devices o WHERE o.device_key_hash = $2 AND o.id <> d.id) OR"
	                  " EXISTS (SELECT FROM alzy.device_keys k WHERE k.key_hash = $2 AND k.device_id <> d.id)"
	                  " FROM alzy.devices d WHERE d.pairing_token_hash = $1 FOR UPDATE OF d",
	                  2, (const char *const[]){token_hash, key_hash});
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_REFUSED, "this pairing link is not known here, or was replaced by a newer one");
	if (!rc) {
		bool *flags[] = {&out->same_key, &out->used,        &out->expired,  &out->deleted,
		                 &out->active,   &out->key_revoked, &out->key_taken};
		out->device_id = pg_int(found, 0, 0);
		snprintf(out->name, sizeof out->name, "%s", pg_text(found, 0, 1));
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			*flags[i] = pg_bool(found, 0, 2 + i);
	}
	pg_result_free(found);
	return rc;
}

static int check_candidate(const struct candidate *c, struct err *e)
{
	if (c->deleted)
		return err_set(e, ERR_REFUSED, "device %" PRId64 " (%s) was deleted at the centre", c->device_id, c->name);
	if (!c->active)
		return err_set(e, ERR_REFUSED, "device %" PRId64 " (%s) was deactivated at the centre", c->device_id, c->name);
	if (c->used && c->same_key)
		return 0;
	if (c->used)
		return err_set(e, ERR_REFUSED, "this pairing link was used already, by another unit: make a new one");
	if (c->expired)
		return err_set(e, ERR_REFUSED, "this pairing link has expired: make a new one");
	if (c->key_revoked)
		return err_set(e, ERR_REFUSED, "this unit's key was revoked here: alzy pair --new-key LINK makes another");
	if (c->key_taken)
		return err_set(
			e, ERR_REFUSED,
			"this unit's key is that of another device here already: alzy pair --new-key LINK makes another");
	return 0;
}

/* The key that the device had goes to those that still open old sticks; one that comes back leaves them. */
static int take_key(struct pg *pg, const struct candidate *c, const char *key_hash, struct err *e)
{
	char device[24];
	snprintf(device, sizeof device, "%" PRId64, c->device_id);
	const char *const values[] = {device, key_hash};
	int rc = pg_query(pg, NULL, e,
	                  "INSERT INTO alzy.device_keys (key_hash, device_id) SELECT device_key_hash, id FROM alzy.devices"
	                  " WHERE id = $1::int AND device_key_hash <> $2 ON CONFLICT (key_hash) DO NOTHING",
	                  2, values);
	if (!rc)
		rc = pg_query(pg, NULL, e, "DELETE FROM alzy.device_keys WHERE device_id = $1::int AND key_hash = $2", 2,
		              values);
	if (!rc)
		rc = pg_query(pg, NULL, e,
		              "UPDATE alzy.devices SET device_key_hash = $2, paired_at = now(), pairing_expires_at = NULL,"
		              " last_seen_at = now(), updated_at = now() WHERE id = $1::int",
		              2, values);
	return rc;
}

static int pair(struct pg *pg, const struct pairing_request *request, struct candidate *out, struct err *e)
{
	char token_hash[KEY_HASH_TEXT], key_hash[KEY_HASH_TEXT];
	pairing_token_hash(request->token, token_hash);
	keys_hash(request->sender, key_hash);
	int rc = pg_script(pg, "BEGIN; SET LOCAL lock_timeout = '1s'; SET LOCAL synchronous_commit = on", e);
	if (!rc)
		rc = find_candidate(pg, token_hash, key_hash, out, e);
	if (!rc)
		rc = check_candidate(out, e);
	if (!rc && !out->used)
		rc = take_key(pg, out, key_hash, e);
	if (!rc)
		rc = pg_script(pg, "COMMIT", e);
	else
		pg_script(pg, "ROLLBACK", NULL);
	return rc == -ERR_DATA ? err_set(e, ERR_BUSY, "another unit is pairing with the same key: %s", e->text) : rc;
}

static int open_request(const struct identity *centre, const struct letter *letter, struct pairing_request *out,
                        size_t *out_key, struct err *e)
{
	struct buffer document = {0};
	int rc = letter->head.kind == ENVELOPE_PAIRING ? 0 : err_set(e, ERR_INVALID, "the envelope is no request to pair");
	if (!rc)
		rc = identity_open(centre, letter, &document, out_key, e);
	if (!rc)
		rc = pairing_request_decode(document.bytes, document.length, out, e);
	if (!rc && memcmp(out->sender, letter->head.sender, KEY_PUBLIC))
		rc = err_set(e, ERR_FORGED, "the envelope is signed by another than the request inside names as its sender");
	buffer_free(&document);
	return rc;
}

int exchange_pairing(struct pg *pg, const struct identity *centre, const struct letter *letter, struct buffer *out,
                     struct err *e)
{
	struct pairing_request request;
	struct candidate candidate = {0};
	struct buffer document = {0};
	struct err local = {0};
	size_t key = 0;
	int rc = open_request(centre, letter, &request, &key, &local);
	if (!rc)
		rc = pair(pg, &request, &candidate, &local);
	if (!rc) {
		struct pairing_answer answer = {.device_id = candidate.device_id, .centre_ms = clock_wall_ms()};
		memcpy(answer.token, request.token, sizeof answer.token);
		memcpy(answer.device_name, candidate.name, sizeof answer.device_name);
		rc = pairing_answer_encode(&answer, &document, &local);
	}
	if (!rc)
		rc = envelope_seal(ENVELOPE_PAIRED, &centre->keys[key], request.sender, document.bytes, document.length, out,
		                   &local);
	buffer_free(&document);
	if (rc && e)
		*e = local;
	return rc;
}
