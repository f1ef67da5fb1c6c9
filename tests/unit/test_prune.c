/* Pruning: what may go and what may not, what stays of it, and what it costs the flash. */
#include "hal/conf.h"
#include "sync/digest.h"
#include "sync/prune.h"
#include "tests/unit/store_rig.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { DAY_MS = 86400000, BLOCK = 4096 };

static int64_t exchange, centre_ms = T0;
static struct range dropped; /* what the centre says to have dropped */

static void pair(struct rig *rig)
{
	struct store_centre centre = {
		.url = "https://centre.example", .device_id = 1, .paired_at_ms = T0, .public_key = {1}};
	exchange = 0;
	centre_ms = T0;
	dropped = (struct range){0};
	OK(store_centre_set(rig->store, &centre, &e));
}

/* A receipt that accounts for points first..last (0: of none), `later` ms after the one before. */
static void receipt(struct rig *rig, int64_t first, int64_t last, int64_t later, const struct store_rejected *rejected)
{
	struct store_receipt said = {.exchange = ++exchange, .centre_ms = centre_ms += later, .applied_at_ms = T0};
	bool applied = false;
	if (first)
		OK(ranges_add(&said.accounted[STREAM_POINTS], first, last, &e));
	if (dropped.first)
		OK(ranges_add(&said.dropped[STREAM_POINTS], dropped.first, dropped.last, &e));
	memcpy(said.confirmed, said.accounted, sizeof said.confirmed);
	said.rejected = rejected;
	said.rejected_count = rejected != NULL;
	OK(store_apply_receipt(rig->store, &said, &applied, &e));
	assert_true(applied);
	ranges_free(&said.accounted[STREAM_POINTS]);
	ranges_free(&said.dropped[STREAM_POINTS]);
}

static int64_t prune(struct rig *rig, int64_t keep_ms)
{
	struct prune_report report = {0};
	OK(prune_run(rig->store, keep_ms, 60000, &report, &e));
	assert_false(report.more);
	return report.rows[STREAM_POINTS];
}

static void assert_set(struct rig *rig, int (*get)(struct store *, enum stream, struct ranges *, struct err *),
                       const char *wanted)
{
	struct ranges set = {0};
	char text[200];
	OK(get(rig->store, STREAM_POINTS, &set, &e));
	assert_string_equal(ranges_format(&set, text, sizeof text), wanted);
	ranges_free(&set);
}

static void rows_go_when_two_receipts_are_that_far_apart(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 3 * BLOCK, 0);
	assert_int_equal(prune(rig, 0), 0); /* not paired */
	pair(rig);
	assert_int_equal(prune(rig, 0), 0);
	receipt(rig, 1, 2 * BLOCK - 1, 0, NULL);
	assert_int_equal(prune(rig, CONF_NEVER), 0);
	assert_int_equal(prune(rig, 30 * (int64_t)DAY_MS), 0);
	receipt(rig, 1, 3 * BLOCK, 29 * (int64_t)DAY_MS, NULL);
	assert_int_equal(prune(rig, 30 * (int64_t)DAY_MS), 0);
	receipt(rig, 1, 3 * BLOCK, DAY_MS, NULL);
	assert_int_equal(prune(rig, 30 * (int64_t)DAY_MS), BLOCK); /* the second block became whole later */
	assert_string_equal(rig_ask(rig, "SELECT min(seq) || ' ' || count(*) FROM points"), "4097 8192");
	receipt(rig, 1, 3 * BLOCK, 29 * (int64_t)DAY_MS, NULL);
	assert_int_equal(prune(rig, 30 * (int64_t)DAY_MS), BLOCK);
	/* The third has the highest row. */
	assert_int_equal(prune(rig, 0), 0);
	rig_append(rig, 1, 0);
	assert_int_equal(prune(rig, 0), BLOCK);
	assert_int_equal(rig_last(rig, STREAM_POINTS), 3 * BLOCK + 1);
	assert_set(rig, store_unsent, "12289");
	assert_set(rig, store_lost, "none");
}

static void what_was_in_between_counts_anew(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, BLOCK + 1, 0);
	pair(rig);
	receipt(rig, 1, BLOCK, 0, NULL);
	receipt(rig, 2, BLOCK, DAY_MS, NULL); /* the centre has lost one */
	receipt(rig, 1, BLOCK, DAY_MS, NULL);
	assert_int_equal(prune(rig, 2 * DAY_MS), 0);
	receipt(rig, 1, BLOCK, DAY_MS, NULL);
	assert_int_equal(prune(rig, 2 * DAY_MS), 0);
	receipt(rig, 1, BLOCK, DAY_MS, NULL);
	assert_int_equal(prune(rig, 2 * DAY_MS), BLOCK);
}

static void rejected_rows_stay_and_a_stopped_unit_deletes_nothing(void **state)
{
	struct rig *rig = *state;
	struct store_rejected one = {STREAM_POINTS, BLOCK, "23514", "why"};
	bool applied;
	rig_append(rig, 3 * BLOCK, 0);
	pair(rig);
	receipt(rig, 1, 3 * BLOCK, 0, &one);
	OK(store_centre_stands(rig->store, ++exchange, "deactivated", T0, &applied, &e));
	assert_int_equal(prune(rig, 0), 0);
	receipt(rig, 1, 3 * BLOCK, 0, &one);
	assert_int_equal(prune(rig, 0), BLOCK);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM points WHERE seq <= 4096"), "4096");
	receipt(rig, 1, 3 * BLOCK, 0, NULL);
	assert_int_equal(prune(rig, 0), BLOCK);
}

static void what_is_lost_is_not_asked_for_again(void **state)
{
	struct rig *rig = *state;
	struct ranges some = {0};
	rig_append(rig, 2 * BLOCK + 10, 0);
	pair(rig);
	receipt(rig, 1, 2 * BLOCK, 0, NULL);
	assert_int_equal(prune(rig, 0), 2 * BLOCK);
	receipt(rig, 1, 5000, 0, NULL); /* from last week's dump */
	assert_set(rig, store_lost, "5001-8192");
	assert_set(rig, store_unsent, "8193-8202");
	OK(ranges_add(&some, 5001, 6000, &e));
	OK(store_drop(rig->store, STREAM_POINTS, &some, "gone with the dump", T0, &e));
	ranges_free(&some);
	assert_set(rig, store_lost, "6001-8192");
	assert_set(rig, store_unsent, "8193-8202");
	receipt(rig, 0, 0, 0, NULL); /* forgotten altogether */
	assert_set(rig, store_lost, "1-5000, 6001-8192");
	receipt(rig, 1, 2 * BLOCK + 10, 0, NULL);
	assert_set(rig, store_lost, "none");
	assert_set(rig, store_unsent, "none");
}

/* The digest is that of the rows as both sides compute it, dropped ones not counted. */
static void the_digest_is_that_of_the_rows(void **state)
{
	struct rig *rig = *state;
	struct session session = {0};
	struct ranges some = {0};
	struct store_block kept;
	uint8_t wanted[ROWS_DIGEST];
	bool found = false;
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_PERSON, &session, &e));
	rig_append(rig, BLOCK + 1, session.id);
	pair(rig);
	OK(ranges_add(&some, 7, 9, &e));
	OK(store_drop(rig->store, STREAM_POINTS, &some, "why not", T0, &e));
	ranges_free(&some);
	struct point *points = calloc(BLOCK, sizeof *points);
	size_t count = 0;
	OK(ranges_add(&some, 1, BLOCK, &e));
	OK(store_read_points(rig->store, &some, points, BLOCK, &count, &e));
	ranges_free(&some);
	memmove(points + 6, points + 9, (BLOCK - 9) * sizeof *points);
	digest_points(points, BLOCK - 3, &session, wanted);
	free(points);
	dropped = (struct range){7, 9};
	receipt(rig, 1, BLOCK, 0, NULL);
	assert_int_equal(prune(rig, 0), BLOCK - 3);
	OK(store_pruned_block(rig->store, STREAM_POINTS, 1, &kept, &found, &e));
	assert_true(found && kept.last == BLOCK && kept.rows == BLOCK - 3);
	assert_memory_equal(kept.digest, wanted, sizeof wanted);
	OK(store_pruned_block(rig->store, STREAM_POINTS, BLOCK + 1, &kept, &found, &e));
	assert_false(found);
	char message[200];
	rig_sql(rig, "DELETE FROM blocks", message, sizeof message);
	assert_string_equal(message, "what proves pruned rows stays");
}

static void test_drops(void **state)
{
	struct rig *rig = *state;
	struct ranges some = {0};
	struct drop *drops;
	size_t count;
	char message[200];
	rig_append(rig, 20, 0);
	OK(ranges_add(&some, 3, 5, &e));
	OK(store_drop(rig->store, STREAM_POINTS, &some, "first", T0, &e));
	OK(ranges_add(&some, 4, 9, &e));
	OK(store_drop(rig->store, STREAM_POINTS, &some, "second", T0 + 1, &e));
	assert_set(rig, store_dropped, "3-9");
	assert_set(rig, store_unsent, "1-2, 10-20");
	FAILS(ERR_INVALID, store_drop(rig->store, STREAM_POINTS, &some, "", T0, &e));
	FAILS(ERR_INVALID, store_drop(rig->store, STREAM_POINTS, &some, "\xff", T0, &e));
	FAILS(ERR_INVALID, store_drop(rig->store, STREAM_EVENTS, &some, "none of these", T0, &e));
	ranges_free(&some);
	OK(store_drop_list(rig->store, true, 10, &drops, &count, &e));
	assert_int_equal(count, 2);
	assert_true(drops[0].first == 3 && drops[0].last == 5 && drops[1].first == 6 && drops[1].last == 9);
	assert_string_equal(drops[1].reason, "second");
	free(drops);
	pair(rig);
	dropped = (struct range){3, 9};
	receipt(rig, 1, 5, 0, NULL);
	OK(store_drop_list(rig->store, true, 10, &drops, &count, &e));
	assert_int_equal(count, 1);
	free(drops);
	struct store_rejected one = {STREAM_POINTS, 7, "23514", "why"};
	receipt(rig, 1, 9, 0, &one); /* accounted for, as one that it has rejected */
	OK(store_drop_list(rig->store, true, 10, &drops, &count, &e));
	assert_int_equal(count, 1);
	free(drops);
	receipt(rig, 1, 9, 0, NULL);
	OK(store_drop_list(rig->store, true, 10, &drops, &count, &e));
	assert_int_equal(count, 0);
	free(drops);
	OK(store_drop_list(rig->store, false, 1, &drops, &count, &e));
	assert_int_equal(count, 1);
	free(drops);
	dropped = (struct range){4, 8}; /* it holds the others: they came by another way */
	receipt(rig, 1, 9, 0, NULL);
	assert_set(rig, store_dropped, "4-8");
	OK(store_drop_undo(rig->store, "first", &e));
	assert_set(rig, store_dropped, "6-8");
	rig_sql(rig, "INSERT INTO drops VALUES ('points', 11, 10, 'x', 1)", message, sizeof message);
	assert_non_null(strstr(message, "BETWEEN first_seq"));
}

static void kill_9_leaves_rows_or_their_digest(void **state)
{
	struct rig *rig = *state;
	enum { BLOCKS = 24 };
	rig_append(rig, BLOCKS * BLOCK + 1, 0);
	pair(rig);
	receipt(rig, 1, BLOCKS * BLOCK, 0, NULL);
	int rounds = 0;
	for (int pruned = 0; pruned < BLOCKS; rounds++) {
		store_close(rig->store);
		rig->store = NULL;
		pid_t child = fork();
		if (!child) {
			struct prune_report report = {0};
			struct store *store;
			_exit(store_open(&store, rig->path, STORE_WRITE, NULL) || prune_run(store, 0, 60000, &report, NULL));
		}
		usleep((useconds_t)(1000 * (20 + 13 * rounds)));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		pruned = atoi(rig_ask(rig, "SELECT count(*) FROM blocks WHERE digest IS NOT NULL"));
		assert_string_equal(
			rig_ask(rig, "SELECT count(*) FROM points p JOIN blocks b ON p.seq BETWEEN first_seq AND last_seq"
		                 " WHERE digest IS NOT NULL"),
			"0");
		char wanted[32];
		snprintf(wanted, sizeof wanted, "%d", (BLOCKS - pruned) * BLOCK + 1);
		assert_string_equal(rig_ask(rig, "SELECT count(*) FROM points"), wanted);
		OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
	}
	assert_true(rounds > 1);
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
}

/* docs/store.md says what pruning costs, and that the file does not grow while as much goes as comes. */
static void pruning_is_cheap_and_the_file_stays(void **state)
{
	struct rig *rig = *state;
	enum { BLOCKS = 12 };
	struct stat before, after;
	pair(rig);
	rig_append(rig, BLOCKS * BLOCK, 0);
	rig_reopen(rig);
	assert_int_equal(stat(rig->path, &before), 0);
	receipt(rig, 1, BLOCKS * BLOCK, 0, NULL);
	rig_append(rig, 1, 0);
	long from = rig_written_bytes();
	assert_int_equal(prune(rig, 0), BLOCKS * BLOCK);
	rig_reopen(rig);
	double bytes = (double)(rig_written_bytes() - from) / (BLOCKS * BLOCK);
	rig_append(rig, (BLOCKS - 1) * BLOCK, 0);
	rig_reopen(rig);
	assert_int_equal(stat(rig->path, &after), 0);
	print_message("%.1f bytes written per pruned point; %ld KiB with as many points as before, %ld KiB then\n", bytes,
	              (long)after.st_size / 1024, (long)before.st_size / 1024);
	assert_true(after.st_size <= before.st_size + 4 * 4096);
	if (bytes > 0)
		assert_true(bytes < 110);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(rows_go_when_two_receipts_are_that_far_apart),
		T(what_was_in_between_counts_anew),
		T(rejected_rows_stay_and_a_stopped_unit_deletes_nothing),
		T(what_is_lost_is_not_asked_for_again),
		T(the_digest_is_that_of_the_rows),
		T(test_drops),
		T(kill_9_leaves_rows_or_their_digest),
		T(pruning_is_cheap_and_the_file_stays),
	};
	return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
