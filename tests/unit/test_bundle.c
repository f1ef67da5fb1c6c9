/* Bundles in a scratch folder, with receipts of the real codecs: honest ones, and such as nobody should believe. The way
 * through a real centre is that of tests/e2e/bundle.t. */
#include "tests/unit/store_rig.h"

#include "hal/file.h"
#include "hal/folder.h"
#include "sync/bundle.h"
#include "sync/envelope.h"
#include "sync/receipt.h"

#include <inttypes.h>
#include <sys/stat.h>

static struct key_pair centre_keys, stranger_keys, unit_keys;

static char stick[96];

static int make_stick(void **state)
{
	if (rig_setup(state))
		return -1;
	struct rig *rig = *state;
	struct store_centre centre = {.url = "http://centre", .device_id = 7, .device_name = "van", .paired_at_ms = 1};
	OK(keys_start(&e));
	keys_generate(&centre_keys);
	keys_generate(&stranger_keys);
	keys_generate(&unit_keys);
	memcpy(centre.public_key, centre_keys.public_key, KEY_PUBLIC);
	OK(store_centre_set(rig->store, &centre, &e));
	snprintf(stick, sizeof stick, "%s/stick", rig->folder);
	return mkdir(stick, 0700);
}

/* ---- receipts ------------------------------------------------------------------------------------------------ */

struct answer {
	const char *name;
	int64_t exchange;
	int64_t first, last;           /* points accounted for */
	const char *store_id;          /* NULL: ours */
	const struct key_pair *signer; /* NULL: the centre */
	const struct key_pair *unit;   /* NULL: ours */
	enum envelope_kind kind;       /* 0: a receipt */
	const char *written_over;      /* instead of an envelope */
};

static void put_answer(const struct rig *rig, const struct answer *a)
{
	struct receipt receipt = {.exchange = a->exchange, .centre_ms = T0, .device_id = 7, .device_active = true};
	struct buffer document = {0}, envelope = {0};
	char path[256];
	snprintf(receipt.store_id, sizeof receipt.store_id, "%s", a->store_id ? a->store_id : store_id(rig->store));
	OK(ranges_add(&receipt.streams[STREAM_POINTS].accounted, a->first, a->last, &e));
	OK(ranges_add(&receipt.streams[STREAM_POINTS].confirmed, a->first, a->last, &e));
	OK(receipt_encode(&receipt, &document, &e));
	OK(envelope_seal(a->kind ? a->kind : ENVELOPE_RECEIPT, a->signer ? a->signer : &centre_keys,
	                 (a->unit ? a->unit : &unit_keys)->public_key, document.bytes, document.length, &envelope, &e));
	OK(folder_path(stick, a->name, path, sizeof path, &e));
	if (a->written_over)
		OK(file_write(path, a->written_over, strlen(a->written_over), 0600, &e));
	else
		OK(file_write(path, envelope.bytes, envelope.length, 0600, &e));
	receipt_free(&receipt);
	buffer_free(&document);
	buffer_free(&envelope);
}

struct log {
	char text[1024];
	enum err_code why;
};

static void log_fate(const char *name, enum bundle_fate fate, const struct err *why, void *user)
{
	struct log *log = user;
	size_t length = strlen(log->text);
	snprintf(log->text + length, sizeof log->text - length, "%s %s;", name, bundle_fate_name(fate));
	log->why = why ? why->code : ERR_NONE;
}

static struct log take(const struct rig *rig)
{
	struct log log = {.text = ""};
	struct bundle_receipts receipts = {.each = log_fate, .user = &log};
	OK(bundle_take(rig->store, &unit_keys, stick, &receipts, &e));
	return log;
}

static int64_t held(const struct rig *rig)
{
	struct ranges accounted = {0};
	OK(store_accounted(rig->store, STREAM_POINTS, &accounted, &e));
	int64_t count = ranges_total(&accounted);
	ranges_free(&accounted);
	return count;
}

static int64_t last_exchange(const struct rig *rig)
{
	struct store_centre centre;
	bool found;
	OK(store_centre_get(rig->store, &centre, &found, &e));
	return centre.exchange_sent;
}

/* As bundle_write does, of a batch whose digest is nothing but NULs: that of answers here. */
static void next_written(const struct rig *rig, int64_t *out_exchange)
{
	static const uint8_t digest[BATCH_DIGEST] = {0};
	OK(store_next_exchange(rig->store, out_exchange, &e));
	OK(store_note_written(rig->store, *out_exchange, digest, &e));
}

static void test_receipts_in_the_order_of_exchanges(void **state)
{
	struct rig *rig = *state;
	int64_t exchange;
	rig_append(rig, 30, 0);
	for (int i = 0; i < 12; i++)
		next_written(rig, &exchange);
	put_answer(rig, &(struct answer){.name = "a.receipt", .exchange = 10, .first = 1, .last = 20});
	put_answer(rig, &(struct answer){.name = "b.receipt", .exchange = 9, .first = 1, .last = 10});
	put_answer(rig, &(struct answer){.name = "c.receipt", .exchange = 10, .first = 1, .last = 30});
	assert_string_equal(take(rig).text, "b.receipt applied;a.receipt applied;c.receipt older;");
	assert_int_equal(held(rig), 20);
	put_answer(rig, &(struct answer){.name = "a.receipt", .exchange = 8, .first = 1, .last = 30});
	assert_string_equal(take(rig).text, "a.receipt older;b.receipt older;c.receipt older;");
	assert_int_equal(held(rig), 20);
}

static void test_receipts_that_nobody_should_believe(void **state)
{
	struct rig *rig = *state;
	static const char other[] = "00000000-0000-4000-8000-000000000000";
	const struct {
		struct answer answer;
		enum err_code why; /* 0: it is another's, not a bad one */
	} cases[] = {
		{{.signer = &stranger_keys}, ERR_FORGED},
		{{.signer = &unit_keys}, ERR_FORGED},
		{{.unit = &stranger_keys}, ERR_FORGED},
		{{.kind = ENVELOPE_BATCH}, ERR_INVALID},
		{{.kind = ENVELOPE_PAIRED}, ERR_INVALID},
		{{.written_over = ""}, ERR_INVALID},
		{{.written_over = "ALZY\x01\x02"}, ERR_INVALID},
		{{.written_over = "ALZY\x02\x02"}, ERR_VERSION},
		{{.exchange = 4}, ERR_STATE},
		{{.exchange = INT64_C(999999999999999)}, ERR_STATE},
		{{.store_id = other}, ERR_NONE},
	};
	rig_append(rig, 30, 0);
	for (int64_t exchange = 0; exchange < 3;)
		next_written(rig, &exchange);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct answer answer = cases[i].answer;
		answer.name = "x.receipt";
		answer.exchange = answer.exchange ? answer.exchange : 3;
		answer.first = 1;
		answer.last = 30;
		put_answer(rig, &answer);
		struct log log = take(rig);
		assert_string_equal(log.text, cases[i].why ? "x.receipt refused;" : "x.receipt others;");
		assert_int_equal(log.why, cases[i].why);
		assert_int_equal(held(rig), 0);
	}
	/* By its name it is another's: it is not even looked at. */
	char name[96];
	snprintf(name, sizeof name, "alzy-%s-00000003.receipt", other);
	put_answer(rig, &(struct answer){.name = name, .exchange = 3, .first = 1, .last = 30});
	put_answer(rig, &(struct answer){.name = "x.receipt", .exchange = 2, .first = 1, .last = 10});
	struct log log = take(rig);
	assert_non_null(strstr(log.text, "00000003.receipt others;x.receipt applied;"));
	assert_int_equal(held(rig), 10);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
	(void)state;
	static const char id[] = "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d";
	static const char *const good[] = {
		"00008123-points-123456-123470-events-77-77.batch",
		"00000001-points-1-1.batch",
		"00000001-events-5~9.batch",
		"00000002-sessions.batch",
		"123456789-points-1~1099511627775-events-1-1099511627775.batch",
	};
	static const char *const bad[] = {
		"",
		"-",
		"00000001.batch",
		"1-points-1-1.batch",
		"00000000-points-1-1.batch",
		"00000001-points-0-1.batch",
		"00000001-points-2-1.batch",
		"00000001-points-01-1.batch",
		"00000001-points-1-1.receipt",
		"00000001-points-1.batch",
		"00000001-points-1-1.batch.batch",
		"00000001-events-1-1-points-1-1.batch",
		"00000001-points-1-1099511627776.batch",
		"00000001-points-1-99999999999999999999999999.batch",
		"99999999999999999999999-points-1-1.batch",
		"00000001-points-1-1 (1).batch",
		"00000001-points-1-1-sessions.batch",
		"-0000001-points-1-1.batch",
	};
	struct bundle_name name;
	char text[256], again[BUNDLE_NAME_TEXT], store[UUID_TEXT];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(text, sizeof text, "alzy-%s-%s", id, good[i]);
		assert_true(bundle_name_parse(text, &name));
		bundle_name_format(&name, again);
		assert_string_equal(text, again);
		assert_string_equal(name.store_id, id);
	}
	assert_int_equal(name.exchange, 123456789);
	assert_false(name.parts[STREAM_POINTS].whole);
	assert_true(name.parts[STREAM_EVENTS].whole);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "alzy-%s-%s", id, bad[i]);
		assert_false(bundle_name_parse(text, &name));
	}
	assert_true(bundle_name_store("alzy-c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d (copy).receipt", store));
	assert_false(bundle_name_store("alzy-c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5", store));
	assert_false(bundle_name_store("c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d", store));
}

static void test_names_on_a_terminal(void **state)
{
	(void)state;
	char shown[16];
	assert_string_equal(folder_shown("Über 1.batch", shown, sizeof shown), "Über 1.batch");
	assert_string_equal(folder_shown("\033[2J\n\177\377\302\233x", shown, sizeof shown), "?[2J????x");
	assert_string_equal(folder_shown("cut \342\202", shown, sizeof shown), "cut ");
	assert_string_equal(folder_shown("12345678901234€", shown, sizeof shown), "12345678901234");
	assert_string_equal(folder_shown("123456789012345678", shown, sizeof shown), "123456789012345");
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static struct bundle_report write_stick(const struct rig *rig, int64_t batch_points)
{
	struct bundle_report report;
	OK(bundle_write(rig->store, &unit_keys, stick, batch_points, NULL, &report, &e));
	return report;
}

static void name_of(const struct rig *rig, int64_t exchange, const char *rest, char out[256])
{
	snprintf(out, 256, "%s/alzy-%s-%08" PRId64 "-%s.batch", stick, store_id(rig->store), exchange, rest);
}

/* Files whose names tell all that is in them are reckoned with; one with gaps is not, so its rows are written again. */
static void test_gaps(void **state)
{
	struct rig *rig = *state;
	char path[256];
	int64_t exchange;
	rig_append(rig, 40, 0);
	next_written(rig, &exchange);
	put_answer(rig, &(struct answer){.name = "x.receipt", .exchange = 1, .first = 11, .last = 15});
	take(rig);
	struct bundle_report report = write_stick(rig, 20);
	assert_int_equal(report.files, 2);
	assert_int_equal(report.points, 35);
	name_of(rig, 2, "points-1~25", path);
	assert_int_equal(access(path, F_OK), 0);
	name_of(rig, 3, "points-26-40", path);
	assert_int_equal(access(path, F_OK), 0);
	report = write_stick(rig, 20);
	assert_int_equal(report.carried_points, 15);
	assert_int_equal(report.carried_files, 1);
	assert_int_equal(report.points, 20);
}

/* What a file carries may be nowhere else: it is never written over, whatever is in it. */
static void test_nothing_is_written_over(void **state)
{
	struct rig *rig = *state;
	struct buffer bytes = {0};
	char path[256];
	rig_append(rig, 5, 0);
	name_of(rig, 1, "points-1-5", path);
	OK(file_write(path, "precious", 8, 0600, &e));
	struct bundle_report report = write_stick(rig, 20);
	assert_int_equal(report.files, 1);
	assert_int_equal(report.carried_files, 0);
	assert_int_equal(last_exchange(rig), 2);
	OK(file_read(path, 100, &bytes, &e));
	assert_memory_equal(bytes.bytes, "precious", 8);
	buffer_free(&bytes);
	name_of(rig, 2, "points-1-5", path);
	assert_int_equal(access(path, F_OK), 0);
}

/* A file of this store under its right name, but for another centre, or of another unit's key, is no use. */
static void test_files_for_another_centre(void **state)
{
	struct rig *rig = *state;
	struct store_centre centre = {.url = "http://other", .device_id = 8, .paired_at_ms = 2};
	rig_append(rig, 5, 0);
	assert_int_equal(write_stick(rig, 20).files, 1);
	assert_int_equal(write_stick(rig, 20).files, 0);
	OK(store_centre_forget(rig->store, &e));
	struct bundle_report report;
	FAILS(ERR_STATE, bundle_write(rig->store, &unit_keys, stick, 20, NULL, &report, &e));
	memcpy(centre.public_key, stranger_keys.public_key, KEY_PUBLIC);
	OK(store_centre_set(rig->store, &centre, &e));
	assert_int_equal(write_stick(rig, 20).files, 1);
	assert_int_equal(write_stick(rig, 20).files, 0);
	keys_generate(&unit_keys);
	assert_int_equal(write_stick(rig, 20).files, 1);
}

static void test_sessions_alone(void **state)
{
	struct rig *rig = *state;
	struct session wanted = {0}, session;
	char path[256];
	int64_t exchange;
	OK(store_session_start(rig->store, &wanted, T0, SESSION_BY_PERSON, &session, &e));
	struct bundle_report report = write_stick(rig, 20);
	assert_int_equal(report.files, 1);
	assert_int_equal(report.events, 1);
	assert_int_equal(report.sessions, 1);
	assert_int_equal(write_stick(rig, 20).files, 0);
	/* Its event is held, and it is not: it goes alone. */
	OK(store_next_exchange(rig->store, &exchange, &e));
	struct ranges all = {0};
	bool applied;
	OK(ranges_add(&all, 1, 1, &e));
	struct store_receipt receipt = {.exchange = exchange,
	                                .accounted = {[STREAM_EVENTS] = all},
	                                .confirmed = {[STREAM_EVENTS] = all},
	                                .applied_at_ms = T0};
	OK(store_apply_receipt(rig->store, &receipt, &applied, &e));
	ranges_free(&all);
	report = write_stick(rig, 20);
	assert_int_equal(report.files, 1);
	assert_int_equal(report.sessions, 1);
	name_of(rig, last_exchange(rig), "sessions", path);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_stopping(void **state)
{
	struct rig *rig = *state;
	struct bundle_report report;
	const volatile bool stop = true;
	rig_append(rig, 50, 0);
	OK(bundle_write(rig->store, &unit_keys, stick, 20, &stop, &report, &e));
	assert_int_equal(report.files, 0);
	assert_int_equal(write_stick(rig, 20).files, 3);
	FAILS(ERR_NOT_FOUND, bundle_write(rig->store, &unit_keys, "/nowhere", 20, NULL, &report, &e));
}

#define STICK_TEST(f) cmocka_unit_test_setup_teardown(f, make_stick, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STICK_TEST(test_receipts_in_the_order_of_exchanges),
		STICK_TEST(test_receipts_that_nobody_should_believe),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_on_a_terminal),
		STICK_TEST(test_gaps),
		STICK_TEST(test_nothing_is_written_over),
		STICK_TEST(test_files_for_another_centre),
		STICK_TEST(test_sessions_alone),
		STICK_TEST(test_stopping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
