/* The live page between the agent and the command line, in real shared memory. */
#include "hal/live.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char name[40]; /* of a store that nobody else has */

static bool found(struct live_facts *facts)
{
	struct err e;
	bool is_there = false;
	assert_int_equal(live_read(name, geteuid(), facts, &is_there, &e), 0);
	return is_there;
}

static void facts_are_read_as_they_were_published(void **state)
{
	(void)state;
	struct live *live;
	struct err e;
	struct live_facts facts;
	assert_false(found(&facts));
	assert_int_equal(live_open(&live, name, &e), 0);
	assert_false(found(&facts)); /* nothing published yet */
	live_publish(live, &(struct live_facts){.pid = 7, .kept = 41, .sight.device = "/dev/ttyACM0"});
	live_publish(live, &(struct live_facts){.pid = 7, .kept = 42, .sight.device = "/dev/ttyACM0"});
	assert_true(found(&facts));
	assert_int_equal(facts.kept, 42);
	assert_string_equal(facts.sight.device, "/dev/ttyACM0");
	live_publish_sight(live, &(struct live_sight){.mode = 3, .device = "/dev/ttyACM1"});
	assert_true(found(&facts));
	assert_int_equal(facts.kept, 42);
	assert_string_equal(facts.sight.device, "/dev/ttyACM1");
	live_close(live);
	assert_false(found(&facts));
	live_close(NULL);
}

static void a_strangers_page_is_not_believed(void **state)
{
	(void)state;
	struct live *live;
	struct err e;
	struct live_facts facts;
	bool is_there = true;
	char path[64];
	assert_int_equal(live_open(&live, name, &e), 0);
	live_publish(live, &(struct live_facts){.pid = 7});
	snprintf(path, sizeof path, "/dev/shm/alzy-%s", name);
	/* As root the page is given away; else it is ours, and the store is another's. */
	uint32_t owner = geteuid() ? geteuid() + 1 : 0;
	if (!geteuid())
		assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(live_read(name, owner, &facts, &is_there, &e), 0);
	assert_false(is_there);
	live_close(live);
}

static pid_t start_agent(void (*act)(struct live *live))
{
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (!pid) {
		struct live *live;
		struct err e;
		if (live_open(&live, name, &e))
			_exit(1);
		live_publish(live, &(struct live_facts){.reports = 1, .overrun = 1});
		(void)!write(ready[1], "!", 1);
		act(live);
		_exit(0);
	}
	char mark;
	close(ready[1]);
	assert_int_equal(read(ready[0], &mark, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_agent(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void just_live(struct live *live)
{
	(void)live;
	pause();
}

static void publish_for_ever(struct live *live)
{
	for (int64_t i = 2;; i++)
		live_publish(live, &(struct live_facts){.reports = i, .overrun = i});
}

static void the_page_of_a_dead_agent_is_none(void **state)
{
	(void)state;
	struct live_facts facts;
	pid_t pid = start_agent(just_live);
	assert_true(found(&facts));
	end_agent(pid);
	assert_false(found(&facts));
	/* The next agent takes its place. */
	pid = start_agent(just_live);
	assert_true(found(&facts));
	end_agent(pid);
}

static void facts_are_read_whole(void **state)
{
	(void)state;
	struct live_facts facts;
	pid_t pid = start_agent(publish_for_ever);
	int seen = 0;
	for (int i = 0; i < 20000; i++)
		if (found(&facts)) {
			assert_int_equal(facts.reports, facts.overrun); /* first and last of what is written */
			seen++;
		}
	assert_true(seen > 0);
	end_agent(pid);
}

static void a_page_of_another_shape_is_none(void **state)
{
	(void)state;
	char path[64];
	struct live_facts facts;
	snprintf(path, sizeof path, "/alzy-%s", name);
	shm_unlink(path);
	int fd = shm_open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_false(found(&facts));
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_false(found(&facts));
	close(fd);
	shm_unlink(path);
}

int main(void)
{
	snprintf(name, sizeof name, "00000000-0000-4000-8000-%012ld", (long)getpid());
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_read_as_they_were_published), cmocka_unit_test(a_strangers_page_is_not_believed),
		cmocka_unit_test(the_page_of_a_dead_agent_is_none),      cmocka_unit_test(facts_are_read_whole),
		cmocka_unit_test(a_page_of_another_shape_is_none),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char path[64];
	snprintf(path, sizeof path, "/alzy-%s", name);
	shm_unlink(path);
	return failed;
}
