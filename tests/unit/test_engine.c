/* The engine against a centre in this process: it opens the envelopes, keeps the rows and signs receipts with the real
 * codecs, and misbehaves when told to. What it keeps lies in shared memory, so that it outlives a unit that crashes. */
#include "hal/clock.h"
#include "sync/batch.h"
#include "sync/engine.h"
#include "sync/envelope.h"
#include "sync/pairing.h"
#include "sync/receipt.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS_MAX = 60000, SESSIONS_MAX = 3000 };

enum fault {
	HONEST,
	LOSE_RECEIPT,    /* the rows are taken, the answer gets lost */
	CUT_OFF,         /* the batch does not arrive */
	FORGE,           /* signed by another key */
	OTHER_STORE,     /* a receipt of another store */
	OLDER,           /* the receipt of the exchange before */
	OTHER_DIGEST,    /* a receipt of another batch with this number */
	CLAIM_MORE,      /* of another batch's rows, too */
	ACCOUNT_NOTHING, /* takes the rows, says that it has none */
	TAKE_HALF,       /* accounts for the first half of the points */
	REFUSE,
	CANNOT,
	GARBAGE,
	REJECT, /* rejects every tenth point */
	OTHER_TOKEN,
};

/* What the centre holds. */
struct holdings {
	uint8_t held[STREAM_COUNT][ROWS_MAX + 1]; /* 1: held, 2: rejected */
	struct point points[ROWS_MAX + 1];        /* session: index into sessions */
	struct session sessions[SESSIONS_MAX];
	int session_count;
	int batches, sessions_came, again; /* rows that came although they were held */
	int pairings;
	int crash_at, calls; /* the unit dies at this call of the carrier */
};

static struct holdings *there;
static struct key_pair centre_keys, stranger_keys, unit_keys;

struct centre {
	struct carrier carrier;
	enum fault fault;
	const struct key_pair *announced; /* its next key; NULL: none */
	const char *url;                  /* its next address; NULL: none */
	enum receipt_standing standing;   /* of the unit: while it is not good, rows are not taken */
	int fault_at;                     /* the exchange, counted from 0, from which on it has the fault */
	int exchanges;
	const char *path;
	const uint8_t *bytes;
	size_t count;
	struct receipt receipt; /* the last honest one */
	struct buffer last;     /* … sealed */
	struct store *watched;  /* to see whether the next batch is made while this one is under way */
	int made_ahead;
	int64_t most_points;
};

static void maybe_crash(void)
{
	if (there->crash_at && ++there->calls == there->crash_at)
		_exit(9);
}

static int take_session(const struct session *session)
{
	int i = 0;
	while (i < there->session_count && strcmp(there->sessions[i].session_id, session->session_id))
		i++;
	assert_true(i < SESSIONS_MAX);
	if (i == there->session_count)
		there->session_count++;
	if (session->revision > there->sessions[i].revision)
		there->sessions[i] = *session;
	return i;
}

static void take_rows(struct centre *c, const struct batch *batch)
{
	there->sessions_came += (int)batch->session_count;
	for (size_t i = 0; i < batch->session_count; i++)
		take_session(&batch->sessions[i]);
	for (size_t i = 0; i < batch->point_count; i++) {
		struct point p = batch->points[i];
		bool take = c->fault != TAKE_HALF || i <= batch->point_count / 2;
		assert_in_range(p.seq, 1, ROWS_MAX);
		there->again += there->held[STREAM_POINTS][p.seq] != 0;
		p.session = p.session ? take_session(&batch->sessions[p.session - 1]) : -1;
		there->points[p.seq] = p;
		if (take)
			there->held[STREAM_POINTS][p.seq] = c->fault == REJECT && p.seq % 10 == 0 ? 2 : 1;
	}
	for (size_t i = 0; i < batch->event_count; i++) {
		const struct event *event = &batch->events[i];
		bool known = !event->session_id[0];
		for (int s = 0; s < there->session_count; s++)
			known |= !strcmp(there->sessions[s].session_id, event->session_id);
		assert_true(known);
		there->again += there->held[STREAM_EVENTS][event->seq] != 0;
		there->held[STREAM_EVENTS][event->seq] = 1;
	}
}

static void confirm(struct receipt_stream *out, enum stream stream, int64_t seq)
{
	if (there->held[stream][seq])
		assert_int_equal(ranges_add(&out->confirmed, seq, seq, NULL), 0);
}

static void fill_stream(const struct batch *batch, struct receipt_stream *out, enum stream stream)
{
	for (size_t i = 0; i < batch->point_count && stream == STREAM_POINTS; i++)
		confirm(out, stream, batch->points[i].seq);
	for (size_t i = 0; i < batch->event_count && stream == STREAM_EVENTS; i++)
		confirm(out, stream, batch->events[i].seq);
	out->rejected = calloc(RECEIPT_REJECTED_MAX, sizeof *out->rejected);
	for (int64_t seq = 1; seq <= ROWS_MAX; seq++) {
		if (there->held[stream][seq])
			assert_int_equal(ranges_add(&out->accounted, seq, seq, NULL), 0);
		if (there->held[stream][seq] == 2 && out->rejected_count < RECEIPT_REJECTED_MAX) {
			struct receipt_rejected *r = &out->rejected[out->rejected_count++];
			r->seq = seq;
			strcpy(r->code, "22003");
			strcpy(r->reason, "out of range");
			out->rejected_total++;
		}
	}
}

static void fill_receipt(struct centre *c, const struct batch *batch, struct receipt *out)
{
	snprintf(out->store_id, sizeof out->store_id, "%s", batch->store_id);
	out->exchange = batch->exchange;
	envelope_digest(c->bytes, c->count, out->batch_digest);
	out->centre_ms = clock_wall_ms();
	out->device_id = 7;
	strcpy(out->device_name, "van");
	out->device_active = true;
	out->standing = c->standing;
	snprintf(out->url, sizeof out->url, "%s", c->url ? c->url : "");
	out->announces_key = c->announced != NULL;
	if (c->announced)
		memcpy(out->centre_key, c->announced->public_key, KEY_PUBLIC);
	for (int s = 0; s < STREAM_COUNT && !c->standing; s++)
		fill_stream(batch, &out->streams[s], (enum stream)s);
	out->sessions = calloc(batch->session_count + 1, sizeof *out->sessions);
	for (size_t i = 0; i < batch->session_count && !c->standing; i++) {
		strcpy(out->sessions[i].session_id, batch->sessions[i].session_id);
		out->sessions[i].revision = batch->sessions[i].revision;
	}
	out->session_count = c->standing ? 0 : batch->session_count;
	if (c->fault == OTHER_STORE)
		strcpy(out->store_id, "00000000-0000-4000-8000-000000000000");
	if (c->fault == OTHER_DIGEST)
		out->batch_digest[0] ^= 1;
	if (c->fault == CLAIM_MORE) {
		assert_int_equal(ranges_add(&out->streams[STREAM_POINTS].accounted, 1, 50, NULL), 0);
		assert_int_equal(ranges_add(&out->streams[STREAM_POINTS].confirmed, 1, 50, NULL), 0);
	}
	if (c->fault == ACCOUNT_NOTHING) {
		ranges_free(&out->streams[STREAM_POINTS].accounted);
		ranges_free(&out->streams[STREAM_EVENTS].accounted);
		ranges_free(&out->streams[STREAM_POINTS].confirmed);
		ranges_free(&out->streams[STREAM_EVENTS].confirmed);
		out->session_count = 0;
	}
}

static int answer_batch(struct centre *c, const struct batch *batch, struct buffer *out, struct err *e)
{
	struct receipt receipt = {0};
	struct buffer document = {0};
	fill_receipt(c, batch, &receipt);
	assert_int_equal(receipt_encode(&receipt, &document, e), 0);
	if (c->fault != OLDER)
		c->last.length = 0;
	if (c->fault != OLDER || !c->last.length)
		assert_int_equal(envelope_seal(ENVELOPE_RECEIPT, c->fault == FORGE ? &stranger_keys : &centre_keys,
		                               unit_keys.public_key, document.bytes, document.length, &c->last, e),
		                 0);
	receipt_free(&receipt);
	buffer_free(&document);
	return buffer_append(out, c->last.bytes, c->last.length, e);
}

static int take_batch(struct centre *c, struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	struct batch batch = {0};
	assert_int_equal(
		envelope_open(c->bytes, c->count, ENVELOPE_BATCH, &centre_keys, unit_keys.public_key, &document, e), 0);
	assert_int_equal(batch_decode(document.bytes, document.length, &batch, e), 0);
	assert_memory_equal(batch.sender, unit_keys.public_key, KEY_PUBLIC);
	if ((int64_t)batch.point_count > c->most_points)
		c->most_points = (int64_t)batch.point_count;
	there->batches++;
	if (!c->standing)
		take_rows(c, &batch);
	int rc = answer_batch(c, &batch, out, e);
	if (c->watched) {
		struct store_centre now;
		bool found;
		assert_int_equal(store_centre_get(c->watched, &now, &found, e), 0);
		c->made_ahead += now.exchange_sent > batch.exchange;
	}
	batch_free(&batch);
	buffer_free(&document);
	return rc;
}

static int take_pairing(struct centre *c, struct buffer *out, struct err *e)
{
	struct buffer document = {0};
	struct pairing_request request;
	struct pairing_answer answer = {.device_id = 7, .device_name = "van", .centre_ms = clock_wall_ms()};
	assert_int_equal(
		envelope_open(c->bytes, c->count, ENVELOPE_PAIRING, &centre_keys, unit_keys.public_key, &document, e), 0);
	assert_int_equal(pairing_request_decode(document.bytes, document.length, &request, e), 0);
	memcpy(answer.token, request.token, PAIRING_TOKEN);
	if (c->fault == OTHER_TOKEN)
		answer.token[0] ^= 1;
	there->pairings++;
	document.length = 0;
	assert_int_equal(pairing_answer_encode(&answer, &document, e), 0);
	int rc = envelope_seal(ENVELOPE_PAIRED, c->fault == FORGE ? &stranger_keys : &centre_keys, unit_keys.public_key,
	                       document.bytes, document.length, out, e);
	buffer_free(&document);
	return rc;
}

static int centre_start(struct carrier *carrier, const char *path, const void *bytes, size_t count, struct err *e)
{
	struct centre *c = (struct centre *)carrier;
	(void)e;
	assert_null(c->bytes); /* one exchange at a time */
	c->path = path;
	c->bytes = bytes;
	c->count = count;
	maybe_crash();
	return 0;
}

static int centre_answer(struct centre *c, struct buffer *out, int64_t *out_retry_ms, struct err *e)
{
	switch (c->fault) {
	case CUT_OFF:
		return err_set(e, ERR_NETWORK, "cut off");
	case REFUSE:
		return err_set(e, ERR_REFUSED, "device 7 was revoked");
	case CANNOT:
		*out_retry_ms = 5000;
		return err_set(e, ERR_CENTRE, "Postgres is away");
	case GARBAGE:
		return buffer_append(out, "garbage", 7, e);
	default:
		return strcmp(c->path, "/v1/pair") ? take_batch(c, out, e) : take_pairing(c, out, e);
	}
}

static int centre_finish(struct carrier *carrier, struct buffer *out, int64_t *out_retry_ms, struct err *e)
{
	struct centre *c = (struct centre *)carrier;
	enum fault fault = c->fault;
	*out_retry_ms = 0;
	maybe_crash();
	if (c->exchanges < c->fault_at)
		c->fault = HONEST;
	int rc = centre_answer(c, out, out_retry_ms, e);
	if (!rc && c->fault == LOSE_RECEIPT) {
		out->length = 0;
		rc = err_set(e, ERR_NETWORK, "the answer got lost");
	}
	c->fault = fault;
	c->exchanges++;
	c->bytes = NULL;
	maybe_crash();
	return rc;
}

/* ---- a unit ---------------------------------------------------------------------------------------------- */

struct unit {
	char folder[32], path[64];
	struct store *store;
	struct centre centre;
};

static void open_store(struct unit *u)
{
	struct err e;
	assert_int_equal(store_open(&u->store, u->path, STORE_CREATE, &e), 0);
}

static int make_unit(void **state)
{
	struct unit *u = calloc(1, sizeof *u);
	struct err e;
	strcpy(u->folder, "/tmp/alzy-test-XXXXXX");
	if (!mkdtemp(u->folder) || keys_start(&e))
		return -1;
	snprintf(u->path, sizeof u->path, "%s/store.db", u->folder);
	keys_generate(&centre_keys);
	keys_generate(&stranger_keys);
	keys_generate(&unit_keys);
	u->centre.carrier.start = centre_start;
	u->centre.carrier.finish = centre_finish;
	there = mmap(NULL, sizeof *there, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	open_store(u);
	*state = u;
	return there == MAP_FAILED ? -1 : 0;
}

static int remove_unit(void **state)
{
	struct unit *u = *state;
	char path[80];
	static const char *const ends[] = {"", "-wal", "-shm", ".sync"};
	store_close(u->store);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", u->path, ends[i]);
		unlink(path);
	}
	int rc = rmdir(u->folder);
	buffer_free(&u->centre.last);
	munmap(there, sizeof *there);
	free(u);
	return rc;
}

static void pair(struct unit *u)
{
	struct err e;
	struct store_centre centre = {.url = "http://centre", .device_id = 7, .device_name = "van", .paired_at_ms = 1};
	memcpy(centre.public_key, centre_keys.public_key, KEY_PUBLIC);
	assert_int_equal(store_centre_set(u->store, &centre, &e), 0);
}

static struct point nth_point(int64_t n, int32_t session)
{
	return (struct point){
		.recorded_at_ms = 1700000000000 + n * 1000 + (n % 7 == 0) * 500,
		.lat_e7 = (int32_t)(525000000 + n * 37 % 1000),
		.lng_e7 = (int32_t)(134000000 - n * 91),
		.accuracy_dm = n % 3 ? 25 : ROW_ABSENT,
		.speed_cmps = (int32_t)(n % 2000),
		.heading_ddeg = (int32_t)(n % 3600),
		.altitude_dm = n % 5 ? 340 : ROW_ABSENT,
		.session = session,
		.source = POINT_GPS,
	};
}

static void record(struct unit *u, int64_t count, int32_t session)
{
	struct err e;
	int64_t last;
	struct point *points = calloc((size_t)count, sizeof *points);
	assert_int_equal(store_last_seq(u->store, STREAM_POINTS, &last, &e), 0);
	for (int64_t i = 0; i < count; i++)
		points[i] = nth_point(last + 1 + i, session);
	assert_int_equal(store_append_points(u->store, points, (size_t)count, &e), 0);
	free(points);
}

static struct session start_session(struct unit *u, const char *user)
{
	struct err e;
	struct session wanted = {0}, session;
	snprintf(wanted.user_id, sizeof wanted.user_id, "%s", user);
	assert_int_equal(store_session_start(u->store, &wanted, 1700000000000, SESSION_BY_PERSON, &session, &e), 0);
	return session;
}

static void end_session(struct unit *u)
{
	struct err e;
	struct session session;
	assert_int_equal(store_session_change(u->store, SESSION_ENDED, 1700000100000, SESSION_BY_PERSON, &session, &e), 0);
}

static int run_with(struct unit *u, int64_t batch_points, struct engine_report *report, struct err *e)
{
	struct engine_options options = {.batch_points = batch_points};
	return engine_run(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &options, report, e);
}

static int ask_with(struct unit *u, int64_t batch_points, struct engine_report *report, struct err *e)
{
	struct engine_options options = {.batch_points = batch_points, .ask = true};
	return engine_run(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &options, report, e);
}

/* Everything that the store has is at the centre, equal, once. */
static void expect_complete(struct unit *u)
{
	struct err e;
	struct store_backlog backlog;
	int64_t last;
	assert_int_equal(store_backlog(u->store, &backlog, &e), 0);
	assert_int_equal(backlog.points + backlog.events + backlog.sessions, 0);
	for (int s = 0; s < STREAM_COUNT; s++) {
		assert_int_equal(store_last_seq(u->store, (enum stream)s, &last, &e), 0);
		for (int64_t seq = 1; seq <= last; seq++)
			assert_int_not_equal(there->held[s][seq], 0);
	}
	assert_int_equal(store_last_seq(u->store, STREAM_POINTS, &last, &e), 0);
	for (int64_t seq = 1; seq <= last; seq++) {
		struct point want = nth_point(seq, 0), got = there->points[seq];
		want.seq = seq;
		want.session = got.session = 0;
		assert_memory_equal(&got.recorded_at_ms, &want.recorded_at_ms, sizeof want.recorded_at_ms);
		assert_int_equal(got.lat_e7, want.lat_e7);
		assert_int_equal(got.lng_e7, want.lng_e7);
		assert_int_equal(got.accuracy_dm, want.accuracy_dm);
		assert_int_equal(got.speed_cmps, want.speed_cmps);
		assert_int_equal(got.heading_ddeg, want.heading_ddeg);
		assert_int_equal(got.altitude_dm, want.altitude_dm);
	}
}

static void expect_nothing_believed(struct unit *u, const struct engine_report *report, int64_t remaining)
{
	struct err e;
	struct ranges accounted = {0};
	assert_int_equal(store_accounted(u->store, STREAM_POINTS, &accounted, &e), 0);
	assert_int_equal(accounted.count, 0);
	assert_int_equal(report->remaining, remaining);
	assert_int_equal(report->points, 0);
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

static void test_not_paired(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	record(u, 10, 0);
	assert_int_equal(run_with(u, 100, &report, &e), -ERR_STATE);
	assert_int_equal(report.remaining, 10);
	assert_int_equal(u->centre.exchanges, 0);
}

static void test_all_is_sent_and_nothing_twice(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	struct session session = start_session(u, "anna");
	record(u, 1050, (int32_t)session.id);
	u->centre.watched = u->store;
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_int_equal(report.points, 1050);
	assert_int_equal(report.events, 1);
	assert_int_equal(report.sessions, 1);
	assert_int_equal(report.batches, 11);
	assert_int_equal(report.rejected, 0);
	assert_int_equal(report.remaining, 0);
	assert_int_equal(report.held_points, 1050);
	assert_int_equal(report.held_events, 1);
	assert_true(report.bytes_sent > 1050 && report.bytes_received > 0);
	assert_int_equal(u->centre.most_points, 100);
	assert_int_equal(u->centre.made_ahead, 10); /* all but the last had the next one ready */
	assert_int_equal(there->again, 0);
	assert_int_equal(there->session_count, 1);
	assert_string_equal(there->sessions[0].user_id, "anna");
	assert_int_equal(there->points[1050].session, 0);
	expect_complete(u);
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_int_equal(report.batches + report.points + report.bytes_sent, 0);
	assert_int_equal(report.held_points, 1050);
	assert_int_equal(there->batches, 11);
}

static void test_sessions_go_with_their_rows_and_alone(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	for (int i = 0; i < 5; i++) {
		char user[16];
		snprintf(user, sizeof user, "user%d", i);
		record(u, 7, 0); /* between sessions */
		record(u, 7, (int32_t)start_session(u, user).id);
		end_session(u);
	}
	assert_int_equal(run_with(u, 3, &report, &e), 0);
	assert_int_equal(report.sessions, 5);
	assert_int_equal(report.events, 10);
	expect_complete(u);
	for (int64_t seq = 1; seq <= 70; seq++) {
		int expected = (seq - 1) % 14 < 7 ? -1 : (int)(seq - 1) / 14;
		assert_int_equal(there->points[seq].session, expected);
	}
	struct session open = start_session(u, "eve");
	assert_int_equal(run_with(u, 3, &report, &e), 0);
	end_session(u); /* its event and its revision, without any point */
	assert_int_equal(run_with(u, 3, &report, &e), 0);
	assert_int_equal(report.sessions, 1);
	assert_int_equal(report.events, 1);
	assert_int_equal(report.batches, 1);
	assert_int_equal(there->sessions[5].revision, open.revision + 1);
	assert_int_equal(there->sessions[5].status, SESSION_ENDED);
	/* A point that comes late, of a session that is held already: the session goes along and is not counted. */
	record(u, 1, (int32_t)open.id);
	assert_int_equal(run_with(u, 3, &report, &e), 0);
	assert_int_equal(report.sessions, 0);
	assert_int_equal(report.points, 1);
	assert_int_equal(there->points[71].session, 5);
}

/* More sessions than one batch may have, each with a point. */
static void test_more_sessions_than_a_batch_holds(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	assert_int_equal(store_begin(u->store, &e), 0);
	for (int i = 0; i < 2500; i++) {
		record(u, 1, (int32_t)start_session(u, "u").id);
		end_session(u);
	}
	assert_int_equal(store_end(u->store, 0, &e), 0);
	assert_int_equal(run_with(u, 5000, &report, &e), 0);
	assert_int_equal(report.sessions, 2500);
	assert_in_range(there->sessions_came, 2500, 5000); /* with their points, and again with events that came later */
	assert_int_equal(report.points, 2500);
	assert_int_equal(report.events, 5000);
	expect_complete(u);
	for (int i = 0; i < 2500; i++)
		assert_int_equal(there->points[i + 1].session, i);
}

static void test_large_events(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	static char payload[16001];
	pair(u);
	for (int i = 0; i < 200; i++) {
		struct event event = {.event_at_ms = 1700000000000, .event_type = "note", .payload = payload};
		uint8_t random[7990];
		keys_random(random, sizeof random);
		payload[0] = '"';
		for (size_t k = 0; k < sizeof random; k++)
			snprintf(payload + 1 + 2 * k, 3, "%02x", random[k]);
		strcat(payload, "\"");
		assert_int_equal(store_append_event(u->store, &event, &e), 0);
	}
	assert_int_equal(run_with(u, 5000, &report, &e), 0);
	assert_int_equal(report.events, 200);
	assert_in_range(report.batches, 3, 40);
	expect_complete(u);
}

static void test_a_lost_receipt(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	record(u, 500, 0);
	u->centre.fault = LOSE_RECEIPT;
	u->centre.fault_at = 2;
	assert_int_equal(run_with(u, 100, &report, &e), -ERR_NETWORK);
	assert_int_equal(report.points, 200);
	assert_int_equal(report.remaining, 300); /* the centre has 300, and the unit does not believe it */
	u->centre.fault = HONEST;
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_int_equal(there->again, 100);
	expect_complete(u);
}

static void test_receipts_that_prove_nothing(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	static const struct {
		enum fault fault;
		enum err_code code;
	} cases[] = {
		{FORGE, ERR_FORGED},    {OTHER_STORE, ERR_FORGED}, {OTHER_DIGEST, ERR_FORGED}, {CLAIM_MORE, ERR_FORGED},
		{GARBAGE, ERR_INVALID}, {CUT_OFF, ERR_NETWORK},    {CANNOT, ERR_CENTRE},       {LOSE_RECEIPT, ERR_NETWORK},
	};
	pair(u);
	record(u, 50, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		u->centre.fault = cases[i].fault;
		u->centre.exchanges = 0;
		assert_int_equal(run_with(u, 10, &report, &e), -(int)cases[i].code);
		assert_int_equal(u->centre.exchanges, 1);
		assert_int_equal(report.batches, 0);
		assert_int_equal(report.retry_ms, cases[i].fault == CANNOT ? 5000 : 0);
		expect_nothing_believed(u, &report, 50);
	}
	u->centre.fault = HONEST;
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	expect_complete(u);
}

static void test_an_older_receipt(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	record(u, 30, 0);
	u->centre.fault = OLDER;
	u->centre.fault_at = 1;
	assert_int_equal(run_with(u, 10, &report, &e), -ERR_FORGED);
	assert_int_equal(report.points, 10);
	assert_int_equal(report.remaining, 20);
	assert_int_equal(u->centre.exchanges, 2);
}

static void test_no_progress_ends_the_run(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	start_session(u, "anna");
	record(u, 30, 1);
	u->centre.fault = ACCOUNT_NOTHING;
	assert_int_equal(run_with(u, 10, &report, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "none of the rows"));
	assert_int_equal(u->centre.exchanges, 1);
	assert_int_equal(report.remaining, 32);
}

/* Slow, but it goes on: each exchange brings half of what it carries. */
static void test_half_of_each_batch(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	record(u, 1000, 0);
	u->centre.fault = TAKE_HALF;
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_in_range(report.points, 990, 1000); /* the last few may be left to the next run */
	assert_int_equal(report.points + report.remaining, 1000);
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	expect_complete(u);
}

static void test_a_restored_centre(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	record(u, 1000, 0);
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	memset(there->held[STREAM_POINTS] + 301, 0, 700);
	/* With nothing new to send nobody hears of it, but asking shows it, and what is missing follows … */
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_int_equal(report.batches, 0);
	assert_int_equal(ask_with(u, 100, &report, &e), 0);
	assert_int_equal(report.batches, 8);
	assert_int_equal(report.points, 700);
	expect_complete(u);
	assert_int_equal(ask_with(u, 100, &report, &e), 0);
	assert_int_equal(report.batches, 1);
	assert_int_equal(report.remaining, 0);
	/* … and so does the next row. */
	memset(there->held[STREAM_POINTS] + 1, 0, 500);
	record(u, 1, 0);
	assert_int_equal(run_with(u, 100, &report, &e), 0);
	assert_int_equal(report.points, 501);
	expect_complete(u);
}

static void test_refused(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct store_centre centre;
	struct err e;
	bool found;
	pair(u);
	record(u, 30, 0);
	u->centre.fault = REFUSE;
	assert_int_equal(run_with(u, 10, &report, &e), -ERR_REFUSED);
	assert_int_equal(store_centre_get(u->store, &centre, &found, &e), 0);
	assert_string_equal(centre.refusal, "device 7 was revoked");
	u->centre.fault = HONEST;
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_int_equal(store_centre_get(u->store, &centre, &found, &e), 0);
	assert_string_equal(centre.refusal, "");
	assert_string_equal(centre.device_name, "van");
	expect_complete(u);
}

static struct store_centre centre_of(struct unit *u)
{
	struct err e;
	struct store_centre centre;
	bool found;
	assert_int_equal(store_centre_get(u->store, &centre, &found, &e), 0);
	assert_true(found);
	return centre;
}

/* Stopped by a receipt: what is believed stays, nothing is sent but a question, and it ends by itself. */
static void test_every_standing(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	for (int s = STANDING_DEACTIVATED; s < STANDING_COUNT; s++) {
		u->centre.standing = STANDING_GOOD;
		record(u, 100, 0);
		assert_int_equal(run_with(u, 10, &report, &e), 0);
		expect_complete(u);
		record(u, 50, 0);
		u->centre.standing = (enum receipt_standing)s;
		assert_int_equal(run_with(u, 10, &report, &e), -ERR_REFUSED);
		assert_non_null(strstr(e.text, receipt_standing_name(u->centre.standing)));
		assert_string_equal(centre_of(u).standing, receipt_standing_name(u->centre.standing));
		assert_int_equal(report.remaining, 50);
		assert_int_equal(report.points, 0);
		assert_int_equal(report.held_points, (s - STANDING_DEACTIVATED) * 150 + 100);
		u->centre.most_points = 0;
		int batches = there->batches;
		assert_int_equal(run_with(u, 10, &report, &e), -ERR_REFUSED);
		assert_int_equal(there->batches, batches + 1);
		assert_int_equal(report.batches, 1);
		assert_int_equal(u->centre.most_points, 0);
		assert_true(report.bytes_sent < 400);
	}
	/* No answer, or a refusal without a signature, lets nobody back in. */
	u->centre.fault = REFUSE;
	assert_int_equal(run_with(u, 10, &report, &e), -ERR_REFUSED);
	assert_string_equal(centre_of(u).standing, "revoked");
	u->centre.fault = HONEST;
	u->centre.standing = STANDING_GOOD;
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_string_equal(centre_of(u).standing, "");
	expect_complete(u);
	/* Pairing anew does. */
	u->centre.standing = STANDING_DELETED;
	assert_int_equal(ask_with(u, 100, &report, &e), -ERR_REFUSED);
	assert_string_equal(centre_of(u).standing, "deleted");
	pair(u);
	assert_string_equal(centre_of(u).standing, "");
}

/* What is not signed by the centre, for this batch, stops nobody. */
static void test_standings_that_prove_nothing(void **state)
{
	static const enum fault faults[] = {FORGE, OTHER_STORE, OTHER_DIGEST, OLDER, REFUSE, GARBAGE};
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	/* A receipt that did stop it, to be shown again later. */
	u->centre.standing = STANDING_REVOKED;
	assert_int_equal(ask_with(u, 100, &report, &e), -ERR_REFUSED);
	pair(u);
	record(u, 10, 0);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		u->centre.fault = faults[i];
		assert_int_not_equal(run_with(u, 10, &report, &e), 0);
		assert_string_equal(centre_of(u).standing, "");
		assert_int_equal(report.remaining, 10);
	}
	u->centre.fault = HONEST;
	u->centre.standing = STANDING_GOOD;
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	expect_complete(u);
	/* Nor what is older than the last receipt. */
	bool applied = true;
	int64_t exchange = centre_of(u).exchange_applied;
	assert_int_equal(store_centre_stands(u->store, exchange, "revoked", 1, &applied, &e), 0);
	assert_false(applied);
	assert_string_equal(centre_of(u).standing, "");
}

/* The key that a receipt announces takes the place of the one that has signed it, and of what is believed nothing changes. */
static void test_announcements(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct key_pair next;
	struct err e;
	keys_generate(&next);
	pair(u);
	record(u, 100, 0);
	/* Not when another has signed it. */
	u->centre.announced = &next;
	u->centre.url = "https://next";
	u->centre.fault = FORGE;
	assert_int_equal(run_with(u, 10, &report, &e), -ERR_FORGED);
	assert_memory_equal(centre_of(u).public_key, centre_keys.public_key, KEY_PUBLIC);
	assert_string_equal(centre_of(u).next_url, "");
	/* The batch that is ready by then is still sealed to the old key. */
	u->centre.fault = HONEST;
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_int_equal(report.batches, 10);
	assert_memory_equal(centre_of(u).public_key, next.public_key, KEY_PUBLIC);
	assert_string_equal(centre_of(u).next_url, "https://next");
	assert_string_equal(centre_of(u).url, "http://centre");
	centre_keys = next;
	u->centre.announced = NULL;
	record(u, 50, 0);
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_int_equal(report.points, 50);
	assert_int_equal(there->again, 10); /* what the forger let through */
	expect_complete(u);
	/* The address is the centre's once a receipt has come by it; another than what was announced never is. */
	assert_int_equal(store_centre_moved(u->store, "https://elsewhere", &e), 0);
	assert_string_equal(centre_of(u).url, "http://centre");
	assert_int_equal(store_centre_moved(u->store, "https://next", &e), 0);
	assert_string_equal(centre_of(u).url, "https://next");
	assert_string_equal(centre_of(u).next_url, "");
	record(u, 1, 0);
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_string_equal(centre_of(u).next_url, "");
	/* A device that is stopped learns both, too. */
	keys_generate(&next);
	u->centre.announced = &next;
	u->centre.url = "https://third";
	u->centre.standing = STANDING_REVOKED;
	assert_int_equal(ask_with(u, 100, &report, &e), -ERR_REFUSED);
	assert_memory_equal(centre_of(u).public_key, next.public_key, KEY_PUBLIC);
	assert_string_equal(centre_of(u).next_url, "https://third");
}

static void test_rejected_rows_are_accounted_for(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct store_rejected *rejected;
	size_t count;
	struct err e;
	pair(u);
	record(u, 100, 0);
	u->centre.fault = REJECT;
	assert_int_equal(run_with(u, 30, &report, &e), 0);
	assert_int_equal(report.points, 90);
	assert_int_equal(report.rejected, 10);
	assert_int_equal(report.remaining, 0);
	assert_int_equal(store_rejected_list(u->store, 100, &rejected, &count, &e), 0);
	assert_int_equal(count, 10);
	assert_int_equal(rejected[9].seq, 100);
	assert_string_equal(rejected[9].code, "22003");
	free(rejected);
	record(u, 5, 0);
	assert_int_equal(run_with(u, 30, &report, &e), 0);
	assert_int_equal(report.rejected, 0); /* known ones are not counted again */
	assert_int_equal(report.points, 5);
}

struct watch {
	volatile bool stop;
	int calls;
	int64_t total;
	struct unit *recording;
};

static void stop_at_second(const struct engine_report *report, int64_t total, void *user)
{
	struct watch *w = user;
	(void)report;
	w->total = total;
	w->stop = ++w->calls == 2;
}

static void test_stopping(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct watch w = {0};
	struct engine_options options = {.batch_points = 10, .progress = stop_at_second, .user = &w, .stop = &w.stop};
	struct err e;
	pair(u);
	record(u, 100, 0);
	assert_int_equal(engine_run(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &options, &report, &e), 0);
	assert_int_equal(w.calls, 2);
	assert_int_equal(w.total, 100);
	assert_int_equal(report.points, 20);
	assert_int_equal(report.remaining, 80);
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	expect_complete(u);
}

static void record_one_more(const struct engine_report *report, int64_t total, void *user)
{
	struct watch *w = user;
	(void)report, (void)total;
	w->calls++;
	record(w->recording, 1, 0);
}

/* A unit that records as fast as it sends: the run catches up a little, and then ends all the same. */
static void test_recording_meanwhile(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct watch w = {.recording = u};
	struct engine_options options = {.batch_points = 10, .progress = record_one_more, .user = &w};
	struct err e;
	pair(u);
	record(u, 100, 0);
	assert_int_equal(engine_run(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &options, &report, &e), 0);
	assert_in_range(w.calls, 11, 40);
	assert_true(report.points >= 100);
	assert_in_range(report.remaining, 1, 2);
}

static void test_draining_fifty_thousand(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	int32_t session = (int32_t)start_session(u, "anna").id;
	record(u, 50000, session);
	assert_int_equal(run_with(u, 5000, &report, &e), 0);
	assert_int_equal(report.points, 50000);
	assert_int_equal(report.batches, 10);
	assert_true(report.bytes_sent < 50000 * 4);
	expect_complete(u);
}

/* Dies at every call of the carrier in turn, and each time a new process goes on. */
static void test_crashes(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct err e;
	pair(u);
	record(u, 400, (int32_t)start_session(u, "anna").id);
	store_close(u->store);
	u->store = NULL;
	int deaths = 0;
	for (int at = 1;; at++) {
		pid_t child = fork();
		if (child == 0) {
			there->crash_at = at;
			there->calls = 0;
			open_store(u);
			/* A crash does not get as far as that: */
			_exit(run_with(u, 20, &report, &e) ? 8 : 0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 9);
		deaths++;
	}
	assert_in_range(deaths, 5, 60);
	open_store(u);
	expect_complete(u);
	assert_true(there->again > 0); /* some receipts died with the unit */
}

/* ---- pairing --------------------------------------------------------------------------------------------- */

static struct pairing_link make_link(const struct key_pair *keys)
{
	struct pairing_link link = {.url = "http://centre"};
	memcpy(link.centre_key, keys->public_key, KEY_PUBLIC);
	keys_random(link.token, sizeof link.token);
	return link;
}

static void test_pairing(void **state)
{
	struct unit *u = *state;
	struct store_centre centre;
	struct err e;
	bool found;
	struct pairing_link link = make_link(&centre_keys);
	static const struct {
		enum fault fault;
		enum err_code code;
	} cases[] = {
		{LOSE_RECEIPT, ERR_NETWORK}, {FORGE, ERR_FORGED},  {OTHER_TOKEN, ERR_FORGED},
		{REFUSE, ERR_REFUSED},       {CANNOT, ERR_CENTRE}, {GARBAGE, ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		u->centre.fault = cases[i].fault;
		assert_int_equal(engine_pair(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &link,
		                             ENGINE_SEND_UNDECIDED, &centre, &e),
		                 -(int)cases[i].code);
		assert_int_equal(store_centre_get(u->store, &centre, &found, &e), 0);
		assert_false(found);
	}
	/* The same link again, and everything is well. */
	u->centre.fault = HONEST;
	assert_int_equal(engine_pair(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &link,
	                             ENGINE_SEND_UNDECIDED, &centre, &e),
	                 0);
	assert_int_equal(centre.device_id, 7);
	assert_string_equal(centre.device_name, "van");
	assert_string_equal(centre.url, "http://centre");
	assert_memory_equal(centre.public_key, centre_keys.public_key, KEY_PUBLIC);
}

static void test_pairing_with_another_centre(void **state)
{
	struct unit *u = *state;
	struct engine_report report;
	struct store_centre centre;
	struct err e;
	pair(u);
	record(u, 10, 0);
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	int pairings = there->pairings, exchanges = u->centre.exchanges;
	struct pairing_link other = make_link(&stranger_keys);
	assert_int_equal(engine_pair(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &other,
	                             ENGINE_SEND_UNDECIDED, &centre, &e),
	                 -ERR_STATE);
	assert_int_equal(there->pairings, pairings);
	assert_int_equal(u->centre.exchanges, exchanges); /* the link's token is not used up */
	struct pairing_link same = make_link(&centre_keys);
	assert_int_equal(engine_pair(&(struct channel){u->store, &unit_keys, &u->centre.carrier}, &same,
	                             ENGINE_SEND_UNDECIDED, &centre, &e),
	                 0);
	assert_int_equal(run_with(u, 10, &report, &e), 0);
	assert_int_equal(report.batches, 0); /* what was believed of this centre still is */
}

static void test_one_at_a_time(void **state)
{
	struct unit *u = *state;
	struct lock *lock;
	struct err e;
	assert_int_equal(engine_lock(&lock, u->path, 0, &e), 0);
	pid_t child = fork();
	if (child == 0) {
		struct lock *second;
		_exit(-engine_lock(&second, u->path, 100, &e));
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), ERR_BUSY);
	lock_free(lock);
}

#define UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, make_unit, remove_unit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_not_paired),
		UNIT_TEST(test_all_is_sent_and_nothing_twice),
		UNIT_TEST(test_sessions_go_with_their_rows_and_alone),
		UNIT_TEST(test_more_sessions_than_a_batch_holds),
		UNIT_TEST(test_large_events),
		UNIT_TEST(test_a_lost_receipt),
		UNIT_TEST(test_receipts_that_prove_nothing),
		UNIT_TEST(test_an_older_receipt),
		UNIT_TEST(test_no_progress_ends_the_run),
		UNIT_TEST(test_half_of_each_batch),
		UNIT_TEST(test_a_restored_centre),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_every_standing),
		UNIT_TEST(test_standings_that_prove_nothing),
		UNIT_TEST(test_announcements),
		UNIT_TEST(test_rejected_rows_are_accounted_for),
		UNIT_TEST(test_stopping),
		UNIT_TEST(test_recording_meanwhile),
		UNIT_TEST(test_draining_fifty_thousand),
		UNIT_TEST(test_crashes),
		UNIT_TEST(test_pairing),
		UNIT_TEST(test_pairing_with_another_centre),
		UNIT_TEST(test_one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
