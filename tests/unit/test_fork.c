/* Forks: which rows have which name, what a receipt makes of them, and that no row has two names or none, whatever comes. */
#include "store/identity.h"

#include "tests/unit/store_rig.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

static int64_t exchange;

static int setup(void **state)
{
	struct store_centre centre = {.url = "http://centre", .device_id = 7, .paired_at_ms = 1, .public_key = {1}};
	int rc = rig_setup(state);
	struct rig *rig = *state;
	exchange = 0;
	if (!rc)
		OK(store_centre_set(rig->store, &centre, &e));
	return rc;
}

static void add(struct ranges *set, int64_t first, int64_t last)
{
	if (first)
		OK(ranges_add(set, first, last, &e));
}

/* Some name that follows from another one. */
static void name_moved(const char *store_id, char out[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef0";
	strcpy(out, store_id);
	for (char *at = out;; at++)
		if (*at != '-' && (*at = strchr(digits, *at)[1]) != '0')
			return;
}

static size_t find_number(const struct identity *all, size_t count, int64_t number)
{
	size_t at = 0;
	while (at < count - 1 && all[at].number != number)
		at++;
	return at;
}

/* What a receipt for the identity with this number says of points; {0} says nothing. */
struct says {
	int64_t identity; /* 0: the present one */
	struct range accounted, confirmed, conflicts, dropped;
	bool forgotten;
};

static void apply(struct rig *rig, const struct says *says)
{
	struct store_receipt receipt = {.exchange = ++exchange, .applied_at_ms = T0};
	struct identity *all;
	size_t count;
	bool applied = false;
	OK(identities_read(rig->store, &all, &count, &e));
	strcpy(receipt.store_id, all[find_number(all, count, says->identity)].store_id);
	name_moved(receipt.store_id, receipt.moved_id);
	receipt.forgotten = says->forgotten;
	identities_free(all, count);
	add(&receipt.accounted[STREAM_POINTS], says->accounted.first, says->accounted.last);
	add(&receipt.confirmed[STREAM_POINTS], says->confirmed.first, says->confirmed.last);
	add(&receipt.conflicts[STREAM_POINTS], says->conflicts.first, says->conflicts.last);
	add(&receipt.dropped[STREAM_POINTS], says->dropped.first, says->dropped.last);
	OK(store_apply_receipt(rig->store, &receipt, &applied, &e));
	assert_true(applied);
	ranges_free(&receipt.accounted[STREAM_POINTS]);
	ranges_free(&receipt.confirmed[STREAM_POINTS]);
	ranges_free(&receipt.conflicts[STREAM_POINTS]);
	ranges_free(&receipt.dropped[STREAM_POINTS]);
}

/* "1: 1-10 as 1; 2: 11-15 as 1" of points. */
static const char *names(struct rig *rig)
{
	static char text[1024];
	struct identity *all;
	size_t count, length = 0;
	OK(identities_read(rig->store, &all, &count, &e));
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < all[i].streams[STREAM_POINTS].count; r++) {
			const struct identity_run *run = &all[i].streams[STREAM_POINTS].runs[r];
			if (run->count)
				length += (size_t)snprintf(text + length, sizeof text - length,
				                           "%s%" PRId64 ": %" PRId64 "-%" PRId64 " as %" PRId64, length ? "; " : "",
				                           all[i].number, run->row, run->row + run->count - 1, run->seq);
		}
	identities_free(all, count);
	return text;
}

static void assert_unsent(struct rig *rig, const char *wanted)
{
	struct ranges unsent = {0};
	char text[200];
	OK(store_unsent(rig->store, STREAM_POINTS, &unsent, &e));
	assert_string_equal(ranges_format(&unsent, text, sizeof text), wanted);
	ranges_free(&unsent);
}

static void test_what_is_recorded_later_has_another_name(void **state)
{
	struct rig *rig = *state;
	char first[UUID_TEXT];
	strcpy(first, store_id(rig->store));
	assert_string_equal(names(rig), "");
	rig_append(rig, 10, 0);
	assert_string_equal(names(rig), "1: 1-10 as 1");
	OK(store_fork(rig->store, FORK_PERSON, &e));
	assert_string_not_equal(store_id(rig->store), first);
	assert_string_equal(store_id(rig->store), rig_ask(rig, "SELECT store_id FROM store"));
	assert_string_equal(names(rig), "1: 1-10 as 1");
	rig_append(rig, 5, 0);
	assert_string_equal(names(rig), "1: 1-10 as 1; 2: 11-15 as 1");
	for (int i = 0; i < 3; i++)
		OK(store_fork(rig->store, FORK_PERSON, &e));
	rig_append(rig, 1, 0);
	assert_string_equal(names(rig), "1: 1-10 as 1; 2: 11-15 as 1; 5: 16-16 as 1");
	struct identity identity = {0};
	OK(identity_read(rig->store, first, &identity, &e));
	assert_false(identity.present);
	assert_int_equal(identity.because, FORK_NONE);
	assert_int_equal(identity.streams[STREAM_POINTS].last, 10);
	identity_free(&identity);
	OK(identity_read(rig->store, NULL, &identity, &e));
	assert_true(identity.present);
	assert_int_equal(identity.because, FORK_PERSON);
	assert_int_equal(identity_row(&identity, STREAM_POINTS, 1), 16);
	assert_int_equal(identity_row(&identity, STREAM_POINTS, 2), 0);
	assert_int_equal(identity_seq(&identity, STREAM_POINTS, 15), 0);
	identity_free(&identity);
	FAILS(ERR_NOT_FOUND, identity_read(rig->store, "00000000-0000-4000-8000-000000000000", &identity, &e));
}

/* Another connection goes on as it did, and learns the new name when it looks. */
static void test_a_fork_beside_a_writer(void **state)
{
	struct rig *rig = *state;
	struct store *agent;
	struct point point = rig_point(1);
	bool changed = false;
	OK(store_open(&agent, rig->path, STORE_WRITE, &e));
	OK(store_append_points(agent, &point, 1, &e));
	OK(store_fork(rig->store, FORK_PERSON, &e));
	OK(store_append_points(agent, &point, 1, &e));
	assert_string_not_equal(store_id(agent), store_id(rig->store));
	OK(store_changed(agent, &changed, &e));
	assert_true(changed);
	assert_string_equal(store_id(agent), store_id(rig->store));
	store_close(agent);
	assert_string_equal(names(rig), "1: 1-1 as 1; 2: 2-2 as 1");
}

static void test_only_what_is_confirmed_is_believed(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 20, 0);
	apply(rig, &(struct says){.accounted = {1, 15}});
	assert_unsent(rig, "1-20"); /* the centre has something, but nobody says that it is ours */
	apply(rig, &(struct says){.accounted = {1, 15}, .confirmed = {1, 10}});
	assert_unsent(rig, "11-20");
	apply(rig, &(struct says){.accounted = {1, 15}});
	assert_unsent(rig, "11-20"); /* what was confirmed once stays so as long as it is accounted for … */
	apply(rig, &(struct says){.accounted = {1, 5}, .confirmed = {4, 8}});
	assert_unsent(rig, "6-20"); /* … and no longer */
	assert_string_equal(names(rig), "1: 1-20 as 1");
}

static void test_rows_that_conflict_get_other_names(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 20, 0);
	apply(rig, &(struct says){.accounted = {1, 15}, .confirmed = {1, 10}, .conflicts = {11, 15}});
	assert_string_equal(names(rig), "1: 1-10 as 1; 1: 16-20 as 16; 2: 11-15 as 11");
	assert_string_equal(rig_ask(rig, "SELECT group_concat(because || moved) FROM identities"), "conflict1,conflict0");
	assert_unsent(rig, "11-20"); /* 16-20 may be on their way, under their name */
	rig_append(rig, 3, 0);
	assert_string_equal(names(rig), "1: 1-10 as 1; 1: 16-20 as 16; 2: 11-15 as 11; 3: 21-23 as 1");
	/* What turns out later, of the store that was left, goes to the same one: there is no further fork. */
	apply(rig, &(struct says){.identity = 1, .accounted = {1, 99}, .confirmed = {19, 20}, .conflicts = {16, 18}});
	assert_string_equal(names(rig), "1: 1-10 as 1; 1: 19-20 as 19; 2: 11-18 as 11; 3: 21-23 as 1");
	/* Another copy has moved there before. */
	apply(rig, &(struct says){.identity = 2, .accounted = {11, 14}, .confirmed = {11, 12}, .conflicts = {13, 14}});
	assert_string_equal(names(rig),
	                    "1: 1-10 as 1; 1: 19-20 as 19; 2: 11-12 as 11; 2: 15-18 as 15; 4: 13-14 as 13; 3: 21-23 as 1");
	rig_append(rig, 2, 0);
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || max(number) FROM identities"), "4 4");
	assert_string_equal(names(rig),
	                    "1: 1-10 as 1; 1: 19-20 as 19; 2: 11-12 as 11; 2: 15-18 as 15; 4: 13-14 as 13; 3: 21-25 as 1");
	apply(rig, &(struct says){.identity = 2, .accounted = {11, 18}, .confirmed = {15, 18}});
	apply(rig, &(struct says){.accounted = {1, 5}, .confirmed = {1, 5}});
	assert_unsent(rig, "13-14");
	/* A receipt for one identity says nothing of the other. */
	apply(rig, &(struct says){.identity = 1, .accounted = {1, 5}});
	assert_unsent(rig, "6-10, 13-14, 19-20");
}

/* Two copies, of which each meets conflicts over other rows than the other: rows that both have get the same names. */
static void test_copies_give_the_same_names(void **state)
{
	struct rig copy = {.store = NULL}, *rigs[2] = {*state, &copy};
	static const struct range conflicts[2][3] = {{{2, 3}, {7, 8}, {5, 5}}, {{5, 8}, {2, 2}, {3, 3}}};
	char command[300], moved[2][512];
	rig_append(rigs[0], 10, 0);
	store_close(rigs[0]->store);
	snprintf(rigs[1]->path, sizeof rigs[1]->path, "%s/copy.db", rigs[0]->folder);
	snprintf(command, sizeof command, "cp %s %s", rigs[0]->path, rigs[1]->path);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < 2; i++) {
		exchange = 0;
		OK(store_open(&rigs[i]->store, rigs[i]->path, STORE_WRITE, &e));
		rig_append(rigs[i], (size_t)(3 + i), 0);
		for (int k = 0; k < 3; k++)
			apply(rigs[i], &(struct says){.identity = 1, .accounted = {1, 10}, .conflicts = conflicts[i][k]});
		snprintf(
			moved[i], sizeof moved[i], "%s",
			rig_ask(rigs[i], "SELECT group_concat(store_id || seq) FROM points_named WHERE row IN (2, 3, 5, 7, 8)"));
	}
	store_close(rigs[1]->store);
	assert_string_equal(moved[0], moved[1]);
}

/* Rows that the centre kept aside, until a copy let go of what it had under their seqs. */
static void test_what_a_copy_has_dropped_is_still_here(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 10, 0);
	apply(rig, &(struct says){.accounted = {1, 10}, .confirmed = {1, 10}});
	assert_unsent(rig, "none");
	apply(rig, &(struct says){.accounted = {1, 10}, .dropped = {4, 5}});
	assert_unsent(rig, "4-5");
	apply(rig, &(struct says){.accounted = {1, 10}, .dropped = {4, 5}, .conflicts = {4, 5}});
	assert_string_equal(names(rig), "1: 1-3 as 1; 1: 6-10 as 6; 2: 4-5 as 4");
	apply(rig, &(struct says){.identity = 2, .accounted = {4, 5}, .confirmed = {4, 5}});
	assert_unsent(rig, "none");
}

/* The centre went back to an earlier state: what it has may be of copies, and moved rows look for their places anew. */
static void test_a_centre_that_went_back(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 20, 0);
	apply(rig, &(struct says){.accounted = {1, 15}, .confirmed = {1, 10}, .conflicts = {11, 15}});
	apply(rig, &(struct says){.identity = 2, .accounted = {11, 15}, .confirmed = {11, 12}, .conflicts = {13, 15}});
	rig_append(rig, 3, 0);
	apply(rig, &(struct says){.accounted = {1, 3}, .confirmed = {1, 3}});
	assert_string_equal(names(rig), "1: 1-10 as 1; 1: 16-20 as 16; 2: 11-12 as 11; 4: 13-15 as 13; 3: 21-23 as 1");
	assert_unsent(rig, "13-20");
	apply(rig, &(struct says){
				   .identity = 1, .accounted = {1, 8}, .confirmed = {2, 3}, .conflicts = {5, 6}, .forgotten = true});
	assert_string_equal(names(rig), "1: 1-20 as 1; 3: 21-23 as 1");
	assert_unsent(rig, "1, 4-23");
	rig_append(rig, 1, 0);
	assert_string_equal(names(rig), "1: 1-20 as 1; 3: 21-24 as 1");
	apply(rig, &(struct says){.identity = 1, .accounted = {1, 20}, .confirmed = {4, 10}, .conflicts = {11, 20}});
	assert_string_equal(names(rig), "1: 1-10 as 1; 2: 11-20 as 11; 3: 21-24 as 1");
	assert_unsent(rig, "1, 11-24");
}

static void test_a_believed_row_keeps_its_name(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 10, 0);
	apply(rig, &(struct says){.accounted = {1, 10}, .confirmed = {1, 10}});
	apply(rig, &(struct says){.accounted = {1, 10}, .conflicts = {4, 6}}); /* somebody has altered them there */
	assert_string_equal(names(rig), "1: 1-10 as 1");
	assert_unsent(rig, "none");
}

static void test_a_store_that_is_behind(void **state)
{
	struct rig *rig = *state;
	rig_append(rig, 10, 0);
	apply(rig, &(struct says){.accounted = {1, 30}, .confirmed = {1, 10}});
	rig_append(rig, 5, 0);
	assert_string_equal(names(rig), "1: 1-10 as 1; 2: 11-15 as 1");
	assert_string_equal(rig_ask(rig, "SELECT because FROM identities WHERE number = 2"), "behind");
	apply(rig, &(struct says){.identity = 1, .accounted = {1, 40}}); /* the other copy goes on */
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM identities"), "2");
}

static void test_rows_by_their_seq(void **state)
{
	struct rig *rig = *state;
	struct identity identity = {0};
	struct point points[20];
	struct ranges seqs = {0}, rows = {0};
	size_t count = 0;
	char text[100];
	rig_append(rig, 20, 0);
	apply(rig, &(struct says){.accounted = {1, 3}, .conflicts = {1, 3}});
	rig_append(rig, 4, 0);
	apply(rig, &(struct says){.identity = 1, .accounted = {1, 8}, .conflicts = {7, 8}});
	OK(identity_read(rig->store, rig_ask(rig, "SELECT store_id FROM identities WHERE moved"), &identity, &e));
	add(&seqs, 2, 9);
	OK(identity_read_points(rig->store, &identity, &seqs, points, 20, &count, &e));
	static const int64_t wanted[] = {2, 3, 7, 8};
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(points[i].seq, wanted[i]);
		assert_int_equal(points[i].lat_e7, 525200066 + wanted[i] - 1);
	}
	FAILS(ERR_LIMIT, identity_read_points(rig->store, &identity, &seqs, points, 3, &count, &e));
	OK(identity_rows(&identity, STREAM_POINTS, &seqs, &rows, &e));
	assert_string_equal(ranges_format(&rows, text, sizeof text), "2-3, 7-8");
	ranges_free(&seqs);
	OK(identity_seqs(&identity, STREAM_POINTS, &rows, &seqs, &e));
	assert_string_equal(ranges_format(&seqs, text, sizeof text), "2-3, 7-8");
	ranges_free(&rows);
	identity_free(&identity);
	OK(identity_read(rig->store, NULL, &identity, &e));
	OK(identity_rows(&identity, STREAM_POINTS, &seqs, &rows, &e));
	assert_string_equal(ranges_format(&rows, text, sizeof text), "22-23");
	ranges_free(&seqs);
	ranges_free(&rows);
	identity_free(&identity);
}

static void test_written_batches(void **state)
{
	struct rig *rig = *state;
	uint8_t digest[BATCH_DIGEST] = {1, 2, 3}, other[BATCH_DIGEST] = {1, 2, 4};
	bool written = true;
	OK(store_note_written(rig->store, 5, digest, &e));
	OK(store_is_written(rig->store, 5, other, &written, &e));
	assert_false(written);
	OK(store_is_written(rig->store, 5, digest, &written, &e));
	assert_true(written);
	exchange = 4;
	apply(rig, &(struct says){.accounted = {0}});
	OK(store_is_written(rig->store, 5, digest, &written, &e));
	assert_false(written);
}

/* ---- whatever comes --------------------------------------------------------------------------------------------- */

/* Each row has one name, no two rows have the same; and SQL says the same. */
static void check_names(struct rig *rig)
{
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM points"), rig_ask(rig, "SELECT count(*) FROM points_named"));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM (SELECT 1 FROM points_named GROUP BY store_id, seq HAVING"
	                                 " count(*) > 1)"),
	                    "0");
	struct identity *all;
	size_t count;
	int64_t total = 0, last = rig_last(rig, STREAM_POINTS);
	OK(identities_read(rig->store, &all, &count, &e));
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < all[i].streams[STREAM_POINTS].count; r++)
			total += all[i].streams[STREAM_POINTS].runs[r].count;
	assert_int_equal(total, last);
	assert_string_equal(all[count - 1].store_id, rig_ask(rig, "SELECT store_id FROM store"));
	assert_true(all[count - 1].present);
	identities_free(all, count);
}

static void step(struct rig *rig)
{
	struct identity *all;
	size_t count;
	switch (rand() % 5) {
	case 0:
		OK(store_fork(rig->store, FORK_PERSON, &e));
		return;
	case 1:
	case 2:
		rig_append(rig, (size_t)(rand() % 20), 0);
		return;
	default:
		OK(identities_read(rig->store, &all, &count, &e));
		size_t at = (size_t)rand() % count;
		int64_t last = all[at].streams[STREAM_POINTS].last, first = last ? 1 + rand() % last : 0;
		struct says says = {.identity = (int64_t)at + 1};
		if (last && rand() % 2)
			says.conflicts = (struct range){first, first + rand() % (last - first + 1)};
		else if (last)
			says.confirmed = (struct range){first, first + rand() % (last - first + 1)};
		says.accounted = (struct range){1, last + rand() % 3};
		if (says.accounted.last < 1)
			says.accounted.first = 0;
		identities_free(all, count);
		apply(rig, &says);
	}
}

static void test_no_name_twice_whatever_comes(void **state)
{
	struct rig *rig = *state;
	unsigned seed = (unsigned)getpid();
	print_message("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 150; i++) {
		step(rig);
		if (i % 10 == 0)
			check_names(rig);
	}
	check_names(rig);
}

static void test_kill_9_between_any_two_steps(void **state)
{
	struct rig *rig = *state;
	srand(1);
	for (int round = 0; round < 12; round++) {
		store_close(rig->store);
		rig->store = NULL;
		pid_t child = fork();
		if (!child) {
			OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
			struct store_centre centre;
			bool paired;
			OK(store_centre_get(rig->store, &centre, &paired, &e));
			exchange = centre.exchange_applied;
			srand((unsigned)round);
			for (;;)
				step(rig);
		}
		usleep((useconds_t)(1000 * (5 + rand() % 60)));
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
		check_names(rig);
	}
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
	assert_string_equal(rig_ask(rig, "PRAGMA foreign_key_check"), "(none)");
}

/* ---- hardware ---------------------------------------------------------------------------------------------------- */

static bool settle(struct rig *rig, const char *hardware)
{
	bool forked = true;
	OK(store_settle(rig->store, hardware, &forked, &e));
	return forked;
}

static void test_other_hardware(void **state)
{
	struct rig *rig = *state;
	char message[ERR_TEXT_MAX];
	rig_append(rig, 3, 0);
	assert_false(settle(rig, "none"));
	assert_false(settle(rig, "here")); /* the first time it is known */
	assert_false(settle(rig, "here"));
	assert_false(settle(rig, "none"));
	rig_reopen(rig);
	assert_false(settle(rig, "here"));
	assert_true(settle(rig, "there"));
	assert_false(settle(rig, "there"));
	assert_string_equal(rig_ask(rig, "SELECT because FROM identities WHERE number = 2"), "hardware");
	assert_non_null(strstr(store_settled_text(rig->store, message), store_id(rig->store)));
	assert_true(settle(rig, "here"));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM hardware"), "1");
	/* By another kind of mark nothing can be said; afterwards both are known, and one that is the same is enough. */
	rig_sql(rig, "UPDATE hardware SET source = 'soc'", message, sizeof message);
	assert_false(settle(rig, "elsewhere"));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM hardware"), "2");
	assert_false(settle(rig, "elsewhere"));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM identities"), "3");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_what_is_recorded_later_has_another_name),
		T(test_a_fork_beside_a_writer),
		T(test_only_what_is_confirmed_is_believed),
		T(test_rows_that_conflict_get_other_names),
		T(test_copies_give_the_same_names),
		T(test_what_a_copy_has_dropped_is_still_here),
		T(test_a_centre_that_went_back),
		T(test_a_believed_row_keeps_its_name),
		T(test_a_store_that_is_behind),
		T(test_rows_by_their_seq),
		T(test_written_batches),
		T(test_no_name_twice_whatever_comes),
		T(test_kill_9_between_any_two_steps),
		T(test_other_hardware),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
