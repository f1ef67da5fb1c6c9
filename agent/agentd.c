/* alzy-agentd: reads a source of fixes, and records them in the store. One thread drains the source into a ring, the
 * other, which owns everything else, empties the ring into the store. */
#include "agent/agentd_tell.h"
#include "agent/capture.h"
#include "agent/command.h"
#include "agent/inputs.h"
#include "agent/page.h"
#include "agent/ring.h"
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/live.h"
#include "hal/lock.h"
#include "hal/log.h"
#include "hal/notify.h"
#include "store/identity.h"
#include "store/store.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
	/* What gpsd can send in two seconds at its fastest (66,000 reports a second): as long may the store stall. */
	RING_REPORTS = 160000,
	TAKE_MOST = 64,
	/* The ring is looked into at least so often; more often with a commit_interval below that. */
	LOOK_MS = LIVE_ROUND_MS,
	/* gps_open may hang in a connect or a name lookup; the agent does not wait for it at its end. */
	JOIN_MS = 300,
	/* How long a commit waits for another process at the store: while running, when it is tried again soon, and at the
	 * end, when it is the last try. Together less than the second in which SIGTERM is obeyed. */
	PATIENCE_MS = 250,
	LAST_PATIENCE_MS = 500,
};

struct agent {
	struct conf_unit conf;
	const char *conf_file; /* NULL: defaults */
	struct lock *lock;
	struct store *store;
	struct page page;
	struct capture *capture;
	struct gnss *gnss;
	struct ring *ring;
	struct inputs inputs;
	struct command command; /* on_power_loss */
	int signal_fd, watch_fd;
	pthread_t reader;
	bool reading; /* the reader thread was started and not yet joined */
	atomic_bool reader_stop;
	const char *stop_reason; /* why the agent ends; NULL while it runs */
	int64_t started_mono_ms;
	struct told told;
	bool removed;           /* the store; see leave_removed */
	bool lost[INPUT_COUNT]; /* as capture was told last */
	char store_problem[LIVE_PROBLEM_TEXT];
};

/* ---- the reader ------------------------------------------------------------------------------------------------ */

static void *read_source(void *user)
{
	struct agent *agent = user;
	bool wait = gnss_can_wait(agent->gnss), ended = false;
	while (!ended && !atomic_load(&agent->reader_stop)) {
		struct gnss_report report;
		struct err e = {0};
		bool got = false;
		if (gnss_read(agent->gnss, -1, &report, &got, &e)) {
			log_error("can't read the source of fixes any more: %s", e.text);
			report = (struct gnss_report){.kind = GNSS_END, .mono_ms = clock_mono_ms()};
			got = true;
		}
		if (got) {
			page_show(&agent->page, &report);
			report.satellites = NULL; /* which are in the reader's memory */
			ring_push(agent->ring, &report, wait);
		}
		ended = got && report.kind == GNSS_END;
	}
	return NULL;
}

static int start_reader(struct agent *agent, struct err *e)
{
	int error = pthread_create(&agent->reader, NULL, read_source, agent);
	if (error)
		return err_set(e, ERR_INTERNAL, "can't start the reader: %s", strerror(error));
	agent->reading = true;
	return 0;
}

static void stop_reader(struct agent *agent)
{
	if (!agent->reading)
		return;
	atomic_store(&agent->reader_stop, true);
	gnss_wake(agent->gnss);
	ring_stop(agent->ring);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += JOIN_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	agent->reading = pthread_timedjoin_np(agent->reader, NULL, &until) != 0;
}

/* ---- what others see ----------------------------------------------------------------------------------------------- */

static void open_page(struct agent *agent)
{
	struct err minor = {0};
	if (page_open(&agent->page, store_id(agent->store), &minor))
		log_warning("alzy status will not show live facts: %s", minor.text);
}

/* A fork by another process: rows go on into the same file, but whoever looks for this agent looks under the new name. */
static void follow_fork(struct agent *agent)
{
	if (!strcmp(agent->page.store_id, store_id(agent->store)))
		return;
	log_warning("the store has forked: what is recorded now belongs to %s, no longer to %s; alzy store list says why",
	            store_id(agent->store), agent->page.store_id);
	open_page(agent);
}

static void publish(struct agent *agent)
{
	struct live_facts facts;
	capture_facts(agent->capture, &facts);
	facts.pid = getpid();
	facts.started_mono_ms = agent->started_mono_ms;
	facts.looked_mono_ms = clock_mono_ms();
	strcpy(facts.store_problem, agent->store_problem);
	facts.ignition = inputs_state(&agent->inputs, INPUT_IGNITION);
	facts.supply = inputs_state(&agent->inputs, INPUT_SUPPLY);
	page_publish(&agent->page, &facts);
}

/* After a commit that was tried, or none. */
static void see_failing(struct agent *agent, int rc, const struct err *e)
{
	bool failing = capture_failing(agent->capture);
	if (rc)
		snprintf(agent->store_problem, sizeof agent->store_problem, "%.*s", LIVE_PROBLEM_TEXT - 1, e->text);
	else if (!failing)
		agent->store_problem[0] = '\0';
	tell_failing(&agent->told, rc, failing, e);
}

/* ---- a store that is removed or replaced ------------------------------------------------------------------------- */

static int save_removed(struct agent *agent, char path[CONF_TEXT_MAX + 32], struct err *e)
{
	snprintf(path, CONF_TEXT_MAX + 32, "%s.removed-%d", agent->conf.store_path, (int)getpid());
	return store_save(agent->store, path, e);
}

/* Once. The file lives on, without a name, as long as this process. When what it has can be saved, this agent ends, and the
 * next one begins with what lies there by then; else a person may still save it. */
static void leave_removed(struct agent *agent)
{
	char path[CONF_TEXT_MAX + 32];
	struct err e = {0};
	if (agent->removed || !store_removed(agent->store))
		return;
	agent->removed = true;
	if (save_removed(agent, path, &e))
		tell_removed(agent->conf.store_path, &e);
	else if (!agent->stop_reason)
		agent->stop_reason = "the store was removed";
}

/* With what came since. */
static int end_removed(struct agent *agent, struct err *e)
{
	char path[CONF_TEXT_MAX + 32];
	struct err why = {0};
	if (save_removed(agent, path, &why))
		return err_set(e, ERR_STORE,
		               "the store %s was removed while it was written: what was recorded since is lost: %s",
		               agent->conf.store_path, why.text);
	return err_set(e, ERR_STORE, "the store %s was removed or replaced: what was recorded until now is in %s",
	               agent->conf.store_path, path);
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static void reload(struct agent *agent)
{
	struct conf_unit loaded;
	struct err e = {0};
	char restart[1024];
	if (conf_load(&conf_unit_table, agent->conf_file, &loaded, &e)) {
		log_error("the configuration stays as it was: %s", e.text);
		return;
	}
	conf_reload(&conf_unit_table, &agent->conf, &loaded, restart, sizeof restart);
	capture_reload(agent->capture, clock_mono_ms());
	if (restart[0])
		log_warning("configuration read again; a restart is needed for: %s", restart);
	else
		log_notice("configuration read again");
}

static void handle_signal(struct agent *agent)
{
	struct signalfd_siginfo info;
	if (read(agent->signal_fd, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGHUP)
		reload(agent);
	else
		agent->stop_reason = info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
}

/* Every thread leaves these to the main one, which reads them from a descriptor. */
static int take_signals(struct agent *agent, struct err *e)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return err_set(e, ERR_INTERNAL, "can't block signals");
	agent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return agent->signal_fd < 0 ? err_errno(e, ERR_INTERNAL, "can't make a signalfd") : 0;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static size_t take_reports(struct agent *agent, size_t most)
{
	struct gnss_report reports[TAKE_MOST];
	size_t count = ring_take(agent->ring, reports, most < TAKE_MOST ? most : TAKE_MOST);
	for (size_t i = 0; i < count; i++) {
		struct err e = {0};
		tell_source(agent->conf.gnss_source, &reports[i]);
		int rc = capture_feed(agent->capture, &reports[i], &e);
		see_failing(agent, rc, &e);
		tell_silence(&agent->told, capture_silence(agent->capture), &reports[i]);
		if (reports[i].kind == GNSS_END && !agent->stop_reason)
			agent->stop_reason = "end of the replay";
	}
	return count;
}

static void take_overrun(struct agent *agent)
{
	int64_t dropped = ring_dropped(agent->ring);
	if (!dropped)
		return;
	log_warning("%" PRId64 " reports were lost: the store was too slow for too long", dropped);
	capture_overrun(agent->capture, dropped);
}

/* Everything that was read before now is fed; then it is seen what a person has done meanwhile, which so counts for what is
 * read from now on. */
static void look(struct agent *agent)
{
	struct err e = {0};
	/* Both before anything is taken: only then is it known that a receiver was silent until then. */
	int64_t now_ms = clock_mono_ms();
	size_t waiting = ring_count(agent->ring);
	while (waiting)
		waiting -= take_reports(agent, waiting);
	take_overrun(agent);
	capture_notice(agent->capture);
	follow_fork(agent);
	int rc = capture_tick(agent->capture, now_ms, &e);
	see_failing(agent, rc, &e);
	leave_removed(agent);
}

/* ---- ignition and supply ----------------------------------------------------------------------------------------- */

static void secure(struct agent *agent, int64_t now_ms)
{
	struct err e = {0};
	int rc = capture_secure(agent->capture, now_ms, &e);
	see_failing(agent, rc, &e);
}

static void on_ignition(struct agent *agent, enum input_news news, bool on, int64_t now_ms)
{
	if (news != INPUT_FIRST && news != INPUT_CHANGED)
		return;
	log_notice("the ignition is %s", on ? "on" : "off");
	capture_ignition(agent->capture, on, now_ms);
}

/* The power may be gone before the loss has lasted: what is there is recorded at once. The command is for a loss that was
 * seen to happen: a unit that is started without its supply is meant to be. */
static void on_supply(struct agent *agent, enum input_news news, bool on, int64_t now_ms)
{
	if (news == INPUT_DOUBTFUL && on)
		secure(agent, now_ms);
	if (news != INPUT_CHANGED && (news != INPUT_FIRST || on))
		return;
	log_notice("the supply %s", on ? "is there again" : "has failed");
	capture_supply(agent->capture, on, now_ms);
	secure(agent, now_ms);
	struct err e = {0};
	if (!on && news == INPUT_CHANGED && *agent->conf.on_power_loss) {
		log_notice("running: %s", agent->conf.on_power_loss);
		if (command_start(&agent->command, agent->conf.on_power_loss, now_ms, &e))
			log_error("can't run it: %s", e.text);
	}
}

static void tell_lost(struct agent *agent, enum input_kind kind, int64_t now_ms)
{
	struct live_input state = inputs_state(&agent->inputs, kind);
	bool lost = inputs_lost(&agent->inputs, kind);
	if (lost == agent->lost[kind])
		return;
	agent->lost[kind] = lost;
	if (lost && kind == INPUT_IGNITION && agent->conf.capture_session == CAPTURE_SESSION_IGNITION)
		log_warning("the ignition was not known for long: journeys go by movement until it is");
	capture_input(agent->capture, kind, state.state > 0, lost ? state.problem : NULL, now_ms);
}

static void look_at_inputs(struct agent *agent)
{
	static void (*const act[])(struct agent * agent, enum input_news news, bool on,
	                           int64_t now_ms) = {[INPUT_IGNITION] = on_ignition, [INPUT_SUPPLY] = on_supply};
	struct err e = {0};
	int64_t now_ms = clock_mono_ms();
	for (int i = 0; i < INPUT_COUNT; i++) {
		bool on = false;
		enum input_news news = inputs_read(&agent->inputs, i, now_ms, agent->conf.debounce_ms, &on, &e);
		if (news == INPUT_FAILED)
			log_warning("the %s is not known: %s", input_name(i), e.text);
		else if (news == INPUT_MENDED)
			log_notice("the %s is known again", input_name(i));
		tell_lost(agent, i, now_ms);
		act[i](agent, news, on, now_ms);
	}
	if (command_look(&agent->command, now_ms, &e))
		log_error("%s: %s", agent->conf.on_power_loss, e.text);
}

/* ---- until it ends ------------------------------------------------------------------------------------------------ */

/* Until capture has something to do, an input is to be read, or the ring is to be looked into. What comes into the ring
 * meanwhile is not to be committed before commit_interval has passed. */
static int poll_timeout(const struct agent *agent)
{
	int64_t look_ms = agent->conf.commit_interval_ms < LOOK_MS ? agent->conf.commit_interval_ms : LOOK_MS;
	int64_t deadline_ms = capture_deadline(agent->capture), now_ms = clock_mono_ms();
	int64_t inputs_ms = inputs_deadline(&agent->inputs, agent->conf.debounce_ms);
	deadline_ms = inputs_ms < deadline_ms ? inputs_ms : deadline_ms;
	if (deadline_ms <= now_ms)
		return 0;
	return (int)(deadline_ms - now_ms < look_ms ? deadline_ms - now_ms : look_ms);
}

static void run(struct agent *agent)
{
	struct pollfd fds[3 + INPUT_COUNT] = {{.fd = agent->signal_fd, .events = POLLIN},
	                                      {.fd = ring_fd(agent->ring), .events = POLLIN},
	                                      {.fd = agent->watch_fd, .events = POLLIN}};
	while (!agent->stop_reason) {
		for (int i = 0; i < INPUT_COUNT; i++)
			fds[3 + i] = (struct pollfd){.fd = inputs_fd(&agent->inputs, i), .events = POLLIN};
		publish(agent);
		tell_session(&agent->told, capture_session(agent->capture));
		if (poll(fds, sizeof fds / sizeof *fds, poll_timeout(agent)) < 0)
			continue;
		if (fds[0].revents)
			handle_signal(agent);
		look(agent);
		look_at_inputs(agent);
	}
}

/* What was read is recorded, and nothing is read any more. */
static int stop(struct agent *agent, struct err *e)
{
	notify_systemd("STOPPING=1");
	stop_reader(agent);
	store_set_patience(agent->store, 0);
	while (take_reports(agent, TAKE_MOST))
		;
	take_overrun(agent);
	store_set_patience(agent->store, LAST_PATIENCE_MS);
	int rc = capture_stop(agent->capture, agent->stop_reason, clock_mono_ms(), e);
	tell_session(&agent->told, capture_session(agent->capture));
	struct live_facts facts;
	capture_facts(agent->capture, &facts);
	tell_summary(agent->stop_reason, &facts);
	leave_removed(agent);
	if (rc)
		return err_wrap(e, "what was waiting in memory is lost");
	return agent->removed ? end_removed(agent, e) : 0;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static int open_store(struct agent *agent, struct err *e)
{
	char path[CONF_TEXT_MAX + 8], said[ERR_TEXT_MAX];
	snprintf(path, sizeof path, "%s.agent", agent->conf.store_path);
	int rc = lock_take(&agent->lock, path, 0, e);
	if (rc)
		return rc == -ERR_BUSY ? err_wrap(e, "one agent at a time") : rc;
	rc = store_open(&agent->store, agent->conf.store_path, STORE_CREATE, e);
	bool forked = false;
	if (!rc)
		rc = store_settle(agent->store, agent->conf.store_hardware, &forked, e);
	if (!rc && forked)
		log_warning("%s", store_settled_text(agent->store, said));
	if (!rc)
		store_set_patience(agent->store, PATIENCE_MS);
	return rc;
}

static int begin(struct agent *agent, struct err *e)
{
	agent->started_mono_ms = clock_mono_ms();
	agent->conf_file = conf_path(NULL, CONF_UNIT_STANDARD);
	int rc = conf_load(&conf_unit_table, agent->conf_file, &agent->conf, e);
	page_init(&agent->page, &agent->conf);
	if (!rc)
		rc = take_signals(agent, e);
	if (!rc)
		rc = open_store(agent, e);
	if (!rc)
		rc = gnss_open(&agent->gnss, agent->conf.gnss_source, agent->conf.fix_timeout_ms, e);
	if (!rc)
		rc = inputs_open(&agent->inputs, &agent->conf, e);
	if (!rc)
		rc = ring_open(&agent->ring, RING_REPORTS, e);
	if (!rc)
		rc = capture_open(&agent->capture, agent->store, &agent->conf, gnss_can_wait(agent->gnss), e);
	struct err minor = {0};
	if (!rc)
		open_page(agent);
	if (!rc && store_watch(agent->store, &agent->watch_fd, &minor))
		log_warning("what a person changes is noticed seconds later: %s", minor.text);
	return rc ? rc : start_reader(agent, e);
}

static void end(struct agent *agent)
{
	capture_free(agent->capture);
	inputs_close(&agent->inputs);
	page_close(&agent->page);
	store_close(agent->store);
	lock_free(agent->lock);
	if (agent->signal_fd >= 0)
		close(agent->signal_fd);
	/* A reader that still hangs in a connect keeps what it uses until the process is gone. */
	if (agent->reading)
		return;
	ring_free(agent->ring);
	gnss_close(agent->gnss);
}

static int work(struct err *e)
{
	/* Static, because a reader that hangs may look at it until the very end. */
	static struct agent agent = {.signal_fd = -1, .watch_fd = -1, .told.session_status = SESSION_ENDED};
	int rc = begin(&agent, e);
	if (!rc) {
		notify_systemd("READY=1");
		log_notice("alzy-agentd %s: %s into %s", ALZY_VERSION, agent.conf.gnss_source, agent.conf.store_path);
		run(&agent);
		rc = stop(&agent, e);
	}
	end(&agent);
	return rc;
}

int main(int argc, char **argv)
{
	bool help = false;
	struct err e = {0};
	log_start("alzy-agentd", LOG_LEVEL_INFO);
	int rc = args_read(argc, argv, "alzy-agentd", "Records fixes, sessions and events of this unit.", NULL, 0, NULL,
	                   &help, &e);
	if (!rc && !help)
		rc = work(&e);
	if (rc)
		log_error("%s", e.text);
	return rc ? (int)e.code : 0;
}
