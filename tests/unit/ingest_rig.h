/* Units made of nothing but their keys, against a real centre: what the tests of ingest stand on.
 *
 * ALZY_TEST_DSN names a database that is at this version's schema, ALZY_TEST_GATEWAY the same for a role with the rights of a
 * gateway (else all is done as the first); ALZY_TEST_KEY the centre's key. Without them the
 * tests have nothing to run against, and say so: tests/e2e/ingest.t gives them both. */
#ifndef ALZY_TESTS_UNIT_INGEST_RIG_H
#define ALZY_TESTS_UNIT_INGEST_RIG_H

#include "sync/batch.h"
#include "sync/central/exchange.h"
#include "sync/envelope.h"
#include "sync/pairing.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pg *rig_pg;
static struct pg *rig_gateway;     /* what exchanges go by */
static struct key_pair rig_centre; /* the present one of rig_identity */
static struct identity rig_identity;

/* 2026-11-21T10:00:00Z */
#define RIG_TIME_MS INT64_C(1795255200000)

/* Whether there is a centre to test against. */
static int rig_start(void)
{
	struct err e = {0};
	const char *dsn = getenv("ALZY_TEST_DSN"), *gateway = getenv("ALZY_TEST_GATEWAY"), *key = getenv("ALZY_TEST_KEY");
	if (!dsn || !key)
		return 0;
	if (keys_start(&e) || identity_load(key, &rig_identity, &e) || pg_open(&rig_pg, dsn, &e) ||
	    pg_open(&rig_gateway, gateway ? gateway : dsn, &e)) {
		fprintf(stderr, "# %s\n", e.text);
		exit(1);
	}
	rig_centre = rig_identity.keys[0];
	return 1;
}

/* The first value of the first row; "" when there is none. */
static const char *rig_ask(const char *sql, const char *value)
{
	static char text[4][1024];
	static unsigned at;
	struct pg_result *found = NULL;
	struct err e = {0};
	char *out = text[at++ % 4];
	if (pg_query(rig_pg, &found, &e, sql, value != NULL, &value))
		fail_msg("%s: %s", sql, e.text);
	snprintf(out, sizeof text[0], "%s", pg_rows(found) ? pg_text(found, 0, 0) : "");
	pg_result_free(found);
	return out;
}

static void rig_do(const char *sql)
{
	struct err e = {0};
	if (pg_script(rig_pg, sql, &e))
		fail_msg("%s: %s", sql, e.text);
}

static void rig_uuid(char out[UUID_TEXT])
{
	uint8_t b[16];
	keys_random(b, sizeof b);
	snprintf(out, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	         b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

struct unit {
	struct key_pair keys;
	char device[24]; /* alzy.devices.id */
	char store_id[UUID_TEXT];
	char session_id[UUID_TEXT];
	int64_t exchange;
};

static struct unit rig_unit(void)
{
	struct unit unit = {.exchange = 0};
	char hash[KEY_HASH_TEXT];
	keys_generate(&unit.keys);
	keys_hash(unit.keys.public_key, hash);
	rig_uuid(unit.store_id);
	rig_uuid(unit.session_id);
	snprintf(unit.device, sizeof unit.device, "%s",
	         rig_ask("INSERT INTO alzy.devices (user_id, name, platform, color, device_key_hash) SELECT min(id), 'van',"
	                 " 'linux', 'blue', $1 FROM alzy.users RETURNING id",
	                 hash));
	return unit;
}

/* A batch of `count` points from `first` on, each its own, all of the unit's one session. Free it with batch_free. */
static struct batch rig_batch(struct unit *unit, int64_t first, size_t count)
{
	struct batch batch = {.exchange = ++unit->exchange, .point_count = count, .session_count = 1};
	memcpy(batch.sender, unit->keys.public_key, sizeof batch.sender);
	memcpy(batch.store_id, unit->store_id, sizeof batch.store_id);
	batch.points = calloc(count + 1, sizeof *batch.points);
	batch.sessions = calloc(1, sizeof *batch.sessions);
	for (size_t i = 0; i < count; i++) {
		int64_t seq = first + (int64_t)i;
		batch.points[i] = (struct point){.seq = seq,
		                                 .recorded_at_ms = RIG_TIME_MS + seq * 1000,
		                                 .lat_e7 = 520000000 + (int32_t)(seq % 1000000) * 7,
		                                 .lng_e7 = -130000000 + (int32_t)(seq % 1000000) * 11,
		                                 .accuracy_dm = 35,
		                                 .speed_cmps = (int32_t)(seq % 3000),
		                                 .heading_ddeg = (int32_t)(seq % 3600),
		                                 .altitude_dm = ROW_ABSENT,
		                                 .session = 1};
	}
	if (count)
		ranges_add(&batch.point_ranges, first, first + (int64_t)count - 1, NULL);
	batch.last_seq[STREAM_POINTS] = first + (int64_t)count - 1;
	batch.sessions[0] = (struct session){.status = SESSION_ACTIVE, .started_at_ms = RIG_TIME_MS, .revision = 1};
	memcpy(batch.sessions[0].session_id, unit->session_id, sizeof unit->session_id);
	batch.state = (struct unit_state){.version = "0.0", .free_bytes = -1, .clock_ms = RIG_TIME_MS};
	return batch;
}

static void rig_add_event(struct batch *batch, int64_t seq, const char *type, const char *payload, const char *session)
{
	batch->events = realloc(batch->events, (batch->event_count + 1) * sizeof *batch->events);
	struct event *event = &batch->events[batch->event_count++];
	*event = (struct event){.seq = seq, .event_at_ms = RIG_TIME_MS + seq, .payload = payload ? strdup(payload) : NULL};
	snprintf(event->event_type, sizeof event->event_type, "%s", type);
	snprintf(event->session_id, sizeof event->session_id, "%s", session);
	if (batch->last_seq[STREAM_EVENTS] < seq)
		batch->last_seq[STREAM_EVENTS] = seq;
}

static struct buffer rig_envelope(const struct unit *unit, const struct batch *batch)
{
	struct buffer document = {0}, envelope = {0};
	struct err e = {0};
	if (batch_encode(batch, &document, &e) || envelope_seal(ENVELOPE_BATCH, &unit->keys, rig_centre.public_key,
	                                                        document.bytes, document.length, &envelope, &e))
		fail_msg("%s", e.text);
	buffer_free(&document);
	return envelope;
}

/* As the unit would see the answer. */
static int rig_send(struct pg *pg, const struct unit *unit, const struct buffer *envelope, struct receipt *out,
                    struct err *e)
{
	struct buffer answer = {0}, document = {0};
	struct letter letter;
	int rc = identity_check(&rig_identity, envelope->bytes, envelope->length, &letter, e);
	if (!rc)
		rc = exchange_batch(pg, &rig_identity, &letter, &answer, NULL, e);
	if (!rc) {
		struct err local = {0};
		if (envelope_open(answer.bytes, answer.length, ENVELOPE_RECEIPT, &unit->keys, rig_centre.public_key, &document,
		                  &local) ||
		    receipt_decode(document.bytes, document.length, out, &local))
			fail_msg("the receipt: %s", local.text);
	}
	buffer_free(&answer);
	buffer_free(&document);
	return rc;
}

/* Sends the batch and frees it. */
static int rig_try(const struct unit *unit, struct batch *batch, struct receipt *out, struct err *e)
{
	struct buffer envelope = rig_envelope(unit, batch);
	int rc = rig_send(rig_gateway, unit, &envelope, out, e);
	buffer_free(&envelope);
	batch_free(batch);
	return rc;
}

static struct receipt rig_exchange(const struct unit *unit, struct batch *batch)
{
	struct receipt receipt = {0};
	struct err e = {0};
	if (rig_try(unit, batch, &receipt, &e))
		fail_msg("%s: %s", err_name(e.code), e.text);
	return receipt;
}

static void rig_refused(const struct unit *unit, struct batch *batch, enum err_code code, const char *why)
{
	struct receipt receipt = {0};
	struct err e = {0};
	int rc = rig_try(unit, batch, &receipt, &e);
	if (rc != -(int)code || !strstr(e.text, why))
		fail_msg("wanted %s with \"%s\", got %s: %s", err_name(code), why, rc ? err_name(e.code) : "a receipt", e.text);
}

#define assert_ranges(set, text)                      \
	do {                                              \
		char shown_[256];                             \
		ranges_format(&(set), shown_, sizeof shown_); \
		assert_string_equal(shown_, text);            \
	} while (0)

#endif
