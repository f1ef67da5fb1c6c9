/* The store among other processes, killed ones, and full disks: what it has acknowledged is there, once, in order. */
#include "tests/unit/store_rig.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* These stand before the C library's for SQLite too, so that its syncs can be counted. */
static int syncs;

int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

enum { WRITERS = 4, ROUNDS = 60 };

/* Each point says by whom it was written, and as which of his: lat is the writer, lng the number. */
static void write_rounds(const struct rig *rig, int writer)
{
	struct store *store;
	struct err e = {0};
	int32_t number = 0;
	if (store_open(&store, rig->path, STORE_WRITE, &e))
		_exit(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct point points[5];
		size_t count = 1 + (size_t)(round % 5);
		for (size_t i = 0; i < count; i++)
			points[i] = (struct point){.recorded_at_ms = T0, .lat_e7 = writer, .lng_e7 = number++};
		struct event event = {.event_at_ms = T0, .event_type = "mark"};
		if (store_append_points(store, points, count, &e) || store_append_event(store, &event, &e))
			_exit(2);
		for (size_t i = 1; i < count; i++)
			if (points[i].seq != points[0].seq + (int64_t)i)
				_exit(3);
	}
	store_close(store);
	_exit(0);
}

static void test_processes_that_write_at_once_share_one_count(void **state)
{
	struct rig *rig = *state;
	pid_t children[WRITERS];
	int status;
	store_close(rig->store);
	rig->store = NULL;
	for (int i = 0; i < WRITERS; i++)
		if (!(children[i] = fork()))
			write_rounds(rig, i);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	const int points = WRITERS * ROUNDS * 3; /* 1 to 5 a round */
	char wanted[64];
	snprintf(wanted, sizeof wanted, "%d %d 1", points, points);
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || max(seq) || ' ' || min(seq) FROM points"), wanted);
	assert_string_equal(rig_ask(rig, "SELECT count(DISTINCT lat * 100000 + lng) = count(*) FROM points"), "1");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM (SELECT lng - lag(lng) OVER (PARTITION BY lat ORDER BY seq)"
	                                 " AS step FROM points) WHERE step <> 1"),
	                    "0");
	snprintf(wanted, sizeof wanted, "%d %d", WRITERS * ROUNDS, WRITERS * ROUNDS);
	assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || max(seq) FROM events"), wanted);
	OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
}

static void test_two_connections_of_one_process_share_one_count(void **state)
{
	struct rig *rig = *state;
	struct store *other;
	OK(store_open(&other, rig->path, STORE_WRITE, &e));
	for (int64_t seq = 1; seq < 100; seq += 2) {
		struct point mine = rig_point(seq), theirs = rig_point(seq + 1);
		OK(store_append_points(rig->store, &mine, 1, &e));
		OK(store_append_points(other, &theirs, 1, &e));
		assert_int_equal(mine.seq, seq);
		assert_int_equal(theirs.seq, seq + 1);
	}
	store_close(other);
	rig_append(rig, 1, 0); /* closing one must not have dropped the locks of the other */
	assert_int_equal(rig_last(rig, STREAM_POINTS), 101);
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
}

/* Appends for ever; tells the last seq of each acknowledged call. */
static void write_until_killed(const struct rig *rig, int pipe_end)
{
	struct store *store;
	struct err e = {0};
	int64_t last = 0;
	if (store_open(&store, rig->path, STORE_WRITE, &e) || store_last_seq(store, STREAM_POINTS, &last, &e))
		_exit(1);
	for (size_t count = 1;; count = count % 40 + 1) {
		struct point points[40];
		for (size_t i = 0; i < count; i++)
			points[i] = rig_point(last + 1 + (int64_t)i);
		if (store_append_points(store, points, count, &e))
			_exit(2);
		last = points[count - 1].seq;
		if (write(pipe_end, &last, sizeof last) != sizeof last)
			_exit(3);
	}
}

/* Reads acknowledgements until there are `most`, kills, and reads what was still said. Returns the last. */
static int64_t kill_after(pid_t child, int pipe_end, int most)
{
	int64_t acknowledged = 0, said;
	int count = 0;
	while (read(pipe_end, &said, sizeof said) == sizeof said) {
		acknowledged = said;
		if (++count == most)
			kill(child, SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return acknowledged;
}

static void test_what_was_acknowledged_survives_kill_9(void **state)
{
	struct rig *rig = *state;
	srand((unsigned)getpid());
	for (int round = 0; round < 25; round++) {
		store_close(rig->store);
		rig->store = NULL;
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (!child) {
			close(ends[0]);
			write_until_killed(rig, ends[1]);
		}
		close(ends[1]);
		int64_t acknowledged = kill_after(child, ends[0], 1 + rand() % 150);
		close(ends[0]);
		OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
		int64_t last = rig_last(rig, STREAM_POINTS);
		assert_true(last >= acknowledged && acknowledged > 0);
		assert_true(last - acknowledged <= 40); /* at most the call that was under way */
		char wanted[64];
		snprintf(wanted, sizeof wanted, "%lld 1", (long long)last);
		assert_string_equal(rig_ask(rig, "SELECT count(*) || ' ' || min(seq) FROM points"), wanted);
		/* Each row is still what rig_point made for its seq. */
		assert_string_equal(rig_ask(rig,
		                            "SELECT count(*) FROM points WHERE lat <> 525200066 + seq OR lng <> 134000000 - seq"
		                            " OR recorded_at <> 1700000000123 + seq * 1000"),
		                    "0");
	}
}

/* Appends until the disk is full; what then fails must not have happened. */
static void fill(struct store *store)
{
	struct point points[20];
	struct err e = {0};
	int64_t before, after;
	int rc = 0;
	for (int i = 0; i < 20; i++)
		points[i] = rig_point(i);
	do {
		assert_int_equal(store_last_seq(store, STREAM_POINTS, &before, &e), 0);
		rc = store_append_points(store, points, 20, &e);
	} while (!rc && before < 1000000);
	assert_int_equal(rc, -ERR_IO);
	assert_int_equal(store_last_seq(store, STREAM_POINTS, &after, &e), 0);
	assert_int_equal(after, before);
	struct point one = rig_point(1);
	assert_int_equal(store_begin(store, &e), 0);
	rc = store_end(store, store_append_points(store, &one, 1, &e), &e);
	assert_true(rc == 0 || rc == -ERR_IO); /* the last gap of a page may still take it */
}

/* The file may not grow beyond a limit: a full disk for this process. */
static void test_a_limit_on_files_leaves_the_store_usable(void **state)
{
	struct rig *rig = *state;
	struct rlimit limit, small = {300 * 1024, RLIM_INFINITY};
	rig_append(rig, 1000, 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fill(rig->store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int64_t last = rig_last(rig, STREAM_POINTS);
	rig_append(rig, 100, 0);
	assert_int_equal(rig_last(rig, STREAM_POINTS), last + 100);
	rig_reopen(rig);
	assert_int_equal(rig_last(rig, STREAM_POINTS), last + 100);
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
}

static void test_a_full_disk_leaves_the_store_usable(void **state)
{
	struct rig *rig = *state;
	char filler[160];
	store_close(rig->store);
	rig->store = NULL;
	if (mount("tmpfs", rig->folder, "tmpfs", 0, "size=2m"))
		skip(); /* only root may, and not in every container */
	OK(store_open(&rig->store, rig->path, STORE_CREATE, &e));
	rig_append(rig, 1000, 0);
	snprintf(filler, sizeof filler, "%s/filler", rig->folder);
	FILE *file = fopen(filler, "we");
	while (putc('x', file) != EOF && fflush(file) != EOF)
		;
	fclose(file);
	fill(rig->store);
	struct store *other = NULL;
	struct err e = {0};
	int rc = store_open(&other, rig->path, STORE_READ, &e);
	assert_true(!rc || rc == -ERR_IO);
	store_close(other);
	assert_int_equal(unlink(filler), 0);
	int64_t last = rig_last(rig, STREAM_POINTS);
	rig_append(rig, 100, 0);
	rig_reopen(rig);
	assert_int_equal(rig_last(rig, STREAM_POINTS), last + 100);
	assert_string_equal(rig_ask(rig, "PRAGMA integrity_check"), "ok");
	assert_string_equal(rig_ask(rig, "SELECT count(*) = max(seq) FROM points"), "1");
}

static int unmount_and_teardown(void **state)
{
	struct rig *rig = *state;
	store_close(rig->store);
	rig->store = NULL;
	umount2(rig->folder, MNT_DETACH);
	return rig_teardown(state);
}

/* Recorded means synced: nothing here can cut the power, but this is what a power cut asks for. */
static void test_each_change_is_synced_before_it_returns(void **state)
{
	struct rig *rig = *state;
	struct session session = {0};
	int64_t exchange;
	syncs = 0;
	rig_append(rig, 1, 0);
	assert_true(syncs >= 1);
	for (int i = 0; i < 10; i++) {
		syncs = 0;
		rig_append(rig, 20, 0);
		assert_int_equal(syncs, 1); /* and no more than needed */
	}
	syncs = 0;
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_PERSON, &session, &e));
	assert_int_equal(syncs, 1);
	OK(store_next_exchange(rig->store, &exchange, &e));
	assert_int_equal(syncs, 2);
	syncs = 0;
	OK(store_begin(rig->store, &e));
	rig_append(rig, 20, 0);
	rig_event(rig, "mark", NULL);
	assert_int_equal(syncs, 0);
	OK(store_end(rig->store, 0, &e));
	assert_int_equal(syncs, 1);
}

/* The cost that users pay: docs/store.md promises about 0.55 KB a point at one commit every twenty points. */
static void test_wear(void **state)
{
	struct rig *rig = *state;
	enum { COMMITS = 2500, EACH = 20 };
	struct session session = {0};
	OK(store_session_start(rig->store, &session, T0, SESSION_BY_MOVEMENT, &session, &e));
	long before = rig_written_bytes();
	for (int i = 0; i < COMMITS; i++)
		rig_append(rig, EACH, session.id);
	rig_reopen(rig); /* the last checkpoint counts too */
	double kib = (double)(rig_written_bytes() - before) / 1024 / (COMMITS * EACH);
	if (kib <= 0)
		skip(); /* no disk under /tmp */
	double row = atof(rig_ask(rig, "SELECT pgsize * 1.0 / 50000 FROM (SELECT sum(pgsize) AS pgsize FROM dbstat"
	                               " WHERE name = 'points')"));
	print_message("%.3f KB written per point at %d points a commit; %.1f bytes a row in the file\n", kib, EACH, row);
	assert_true(kib < 0.6);
	assert_true(row < 42);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_processes_that_write_at_once_share_one_count),
		T(test_two_connections_of_one_process_share_one_count),
		T(test_what_was_acknowledged_survives_kill_9),
		T(test_a_limit_on_files_leaves_the_store_usable),
		cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_the_store_usable, rig_setup, unmount_and_teardown),
		T(test_each_change_is_synced_before_it_returns),
		T(test_wear),
	};
	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
