/* alzy-syncd: sends by itself what is unsent, soon after a network comes and otherwise every interval. It never writes
 * a point, and it needs nobody: no store, no pairing, no network are states to wait in, not errors to end by. */
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/conf_unit.h"
#include "hal/log.h"
#include "hal/notify.h"
#include "store/identity.h"
#include "store/store.h"
#include "sync/engine.h"
#include "sync/network.h"
#include "sync/prune.h"
#include "sync/schedule.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A unit whose vehicle stands still has nothing to send, but once in so many intervals tells the centre that it is
 * there, and hears what has changed there. An hour of the default interval: seldom enough for a connection that is
 * paid by the byte. */
enum { ASK_EVERY_INTERVALS = 4, PRUNE_AT_ONCE_MS = 1000 };

struct syncd {
	struct conf_unit conf;
	struct store *store; /* NULL while there is none */
	dev_t store_device;  /* which file that is, to see when another one takes its place */
	ino_t store_inode;
	int watch_fd;               /* tells that somebody has closed the store; -1: nobody tells it */
	struct store_centre centre; /* at the last run */
	struct schedule schedule;
	struct network *network; /* NULL when it can't be watched */
	int end_fd, reload_fd;   /* signalfd of SIGTERM and SIGINT, and of SIGHUP */
	int64_t asked_ms;        /* when the centre was last heard */
	bool refused;            /* by the last run: stopped by a receipt, or told so without a signature */
	char state[ERR_TEXT_MAX];
};

/* One line for each change of state, not for each look at it. */
static void say(struct syncd *d, bool bad, const char *text)
{
	char status[ERR_TEXT_MAX + 8];
	if (!strcmp(d->state, text))
		return;
	snprintf(d->state, sizeof d->state, "%s", text);
	snprintf(status, sizeof status, "STATUS=%s", text);
	notify_systemd(status);
	if (bad)
		log_warning("%s", text);
	else
		log_info("%s", text);
}

static uint32_t chance(void)
{
	uint32_t value;
	keys_random(&value, sizeof value);
	return value;
}

/* ---- the store ------------------------------------------------------------------------------------------- */

static void leave_store(struct syncd *d)
{
	store_close(d->store);
	d->store = NULL;
	d->watch_fd = -1;
}

static int settle(struct syncd *d, struct err *e)
{
	char said[ERR_TEXT_MAX];
	bool forked = false;
	int rc = store_settle(d->store, d->conf.store_hardware, &forked, e);
	if (!rc && forked)
		log_warning("%s", store_settled_text(d->store, said));
	if (rc)
		leave_store(d);
	return rc;
}

/* Opens the store when it is there, and again when another file has taken its place. */
static int look_for_store(struct syncd *d, struct err *e)
{
	struct stat info;
	const char *path = d->conf.store_path;
	bool there = !stat(path, &info);
	if (d->store && there && info.st_dev == d->store_device && info.st_ino == d->store_inode)
		return 0;
	leave_store(d);
	if (!there && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "waiting for the store %s", path);
	int rc = store_open(&d->store, path, STORE_WRITE, e);
	if (!rc && stat(path, &info))
		rc = err_errno(e, ERR_IO, "can't look at %s", path);
	if (rc) {
		leave_store(d);
		return rc;
	}
	d->store_device = info.st_dev;
	d->store_inode = info.st_ino;
	rc = settle(d, e);
	if (!rc && store_watch(d->store, &d->watch_fd, NULL))
		log_debug("the store can't be watched: it is looked at every few seconds while this unit may not send");
	return rc;
}

/* ---- a run ----------------------------------------------------------------------------------------------- */

static void tell(const struct engine_report *report)
{
	if (report->forgotten)
		log_warning("the centre went back to an earlier state, as of a dump: what it lacks is sent again");
	if (report->renamed || report->forked)
		log_warning("there is another copy of this store, and the centre has its rows: %" PRId64
		            " rows go on in a store of their own, as does what is recorded from now on (alzy status)",
		            report->renamed);
	if (report->points || report->events || report->sessions || report->rejected)
		log_info("sent %" PRId64 " points, %" PRId64 " events, %" PRId64 " sessions (%" PRId64
		         " rows rejected) in %" PRId64 " batches of %" PRId64
		         " bytes in %.1f s; the centre accounts for %" PRId64 " points and %" PRId64 " events",
		         report->points, report->events, report->sessions, report->rejected, report->batches,
		         report->bytes_sent, (double)report->elapsed_ms / 1000, report->held_points, report->held_events);
	if (report->refused)
		log_warning("%" PRId64
		            " sessions are refused by the database of the centre, and offered again with each run: %s",
		            report->refused, report->refusal);
}

static void tell_proof(const struct engine_report *report)
{
	if (report->proof[0])
		log_info("the centre has asked for a proof: %s", report->proof);
	else if (report->verify_ms)
		log_info("the centre has asked for a proof, and could not be told one now: at the next run");
}

static int use_carrier(struct syncd *d, const struct key_pair *keys, struct engine_report *report, struct err *e)
{
	struct store_backlog backlog;
	/* One that the centre has stopped has nothing to do but to ask. */
	struct engine_options options = {
		.batch_points = d->conf.batch_points,
		.ask = d->centre.standing[0] || clock_mono_ms() - d->asked_ms > ASK_EVERY_INTERVALS * d->conf.sync_interval_ms};
	int64_t waiting = 0;
	int rc = store_backlog(d->store, &backlog, e);
	if (!rc)
		rc = store_waiting_count(d->store, &waiting, e);
	if (rc || (!options.ask && !(backlog.points + backlog.events + backlog.sessions + waiting)))
		return rc;
	struct engine_way way = {d->conf.sync_ca_file, d->conf.sync_timeout_ms, d->end_fd};
	rc = engine_reach(d->store, keys, &way, &options, report, e);
	if (!rc)
		d->asked_ms = clock_mono_ms();
	tell(report);
	tell_proof(report);
	return rc;
}

static bool readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&wait, 1, 0) > 0;
}

/* When all is sent there is time for it. What it does not get to, or can't do now, is left for the next run. */
static int prune(struct syncd *d, struct err *e)
{
	struct prune_report pruned = {0};
	int rc;
	do
		rc = prune_run(d->store, d->conf.keep_ms, PRUNE_AT_ONCE_MS, &pruned, e);
	while (!rc && pruned.more && !readable(d->end_fd));
	if (pruned.rows[STREAM_POINTS] + pruned.rows[STREAM_EVENTS])
		log_info("pruned %" PRId64 " points and %" PRId64 " events, receipted long enough ago",
		         pruned.rows[STREAM_POINTS], pruned.rows[STREAM_EVENTS]);
	return rc == -ERR_BUSY ? 0 : rc ? err_wrap(e, "pruning the store") : 0;
}

static int send_unsent(struct syncd *d, struct engine_report *report, struct err *e)
{
	struct key_pair keys;
	struct lock *lock;
	bool paired;
	int rc = look_for_store(d, e);
	if (!rc)
		rc = store_centre_get(d->store, &d->centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "waiting for this unit to be paired with a centre (alzy pair LINK)");
	if (!rc)
		rc = keys_load_unit(d->conf.store_path, &keys, e);
	if (rc)
		return rc;
	rc = engine_lock(&lock, d->conf.store_path, 0, e);
	if (!rc) {
		rc = use_carrier(d, &keys, report, e);
		if (!rc)
			rc = prune(d, e);
		lock_free(lock);
	}
	keys_wipe(&keys);
	return rc;
}

/* Only a receipt stops this unit. A refusal without a signature may come from anyone on the way: it is a failure like
 * any other. */
static bool is_stopped(const struct syncd *d)
{
	struct store_centre centre;
	bool paired = false;
	return !store_centre_get(d->store, &centre, &paired, NULL) && paired && centre.standing[0];
}

static enum schedule_outcome outcome_of(const struct syncd *d, int rc)
{
	switch (-rc) {
	case ERR_NONE:
		return SCHEDULE_DONE;
	case ERR_REFUSED:
		return is_stopped(d) ? SCHEDULE_STOPPED : SCHEDULE_FAILED;
	case ERR_STATE:
		return d->watch_fd >= 0 ? SCHEDULE_UNPAIRED : SCHEDULE_NOT_READY;
	case ERR_BUSY:
		return SCHEDULE_NOT_READY;
	default:
		return d->store ? SCHEDULE_FAILED : SCHEDULE_NOT_READY;
	}
}

static void run(struct syncd *d)
{
	struct engine_report report = {0};
	struct err e = {0};
	char text[ERR_TEXT_MAX];
	int rc = send_unsent(d, &report, &e);
	if (readable(d->end_fd))
		return; /* given up, and no failure to talk about */
	enum schedule_outcome outcome = outcome_of(d, rc);
	d->refused = rc == -ERR_REFUSED;
	/* When to come again is only believed of a centre that would serve. */
	schedule_ran(&d->schedule, outcome, rc == -ERR_REFUSED ? 0 : report.retry_ms, clock_mono_ms(), chance());
	if (rc == -ERR_BUSY) {
		log_debug("%s", e.text); /* most often `alzy sync`, which does our work */
		return;
	}
	if (!rc)
		snprintf(text, sizeof text, "all is sent to %s as device %" PRId64 " (%.100s)", d->centre.url,
		         d->centre.device_id, d->centre.device_name);
	else
		snprintf(text, sizeof text, "%s", e.text);
	bool waiting =
		outcome == SCHEDULE_UNPAIRED || (outcome == SCHEDULE_NOT_READY && (rc == -ERR_NOT_FOUND || rc == -ERR_STATE));
	say(d, rc && !waiting, text);
	if (rc)
		log_debug("next try in %" PRId64 " ms", schedule_wait(&d->schedule, clock_mono_ms()));
}

/* While this unit is refused, pairing anew or an `alzy sync` that succeeds shows that it does no more. */
static void look_for_pardon(struct syncd *d)
{
	struct store_centre centre;
	bool paired = false;
	if (store_centre_get(d->store, &centre, &paired, NULL) || !paired)
		return;
	if ((centre.standing[0] || centre.refusal[0]) && centre.paired_at_ms == d->centre.paired_at_ms &&
	    !memcmp(centre.public_key, d->centre.public_key, sizeof centre.public_key))
		return;
	d->refused = false;
	schedule_paired(&d->schedule, clock_mono_ms());
}

/* Somebody may have changed it. What is not looked for here need not be known before the next run. */
static void look_at_store(struct syncd *d)
{
	bool changed = false;
	int rc = store_changed(d->store, &changed, NULL); /* which also makes the watch quiet */
	if (d->schedule.last == SCHEDULE_UNPAIRED)
		schedule_paired(&d->schedule, clock_mono_ms());
	else if (d->refused && !rc && changed)
		look_for_pardon(d);
}

/* ---- signals, and the loop ------------------------------------------------------------------------------- */

static void reload(struct syncd *d)
{
	struct signalfd_siginfo info;
	struct conf_unit conf;
	struct err e;
	char line[64];
	while (read(d->reload_fd, &info, sizeof info) == (ssize_t)sizeof info)
		;
	snprintf(line, sizeof line, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ms() * 1000);
	notify_systemd(line);
	if (conf_load(&conf_unit_table, conf_path(NULL, CONF_UNIT_STANDARD), &conf, &e)) {
		log_error("%s; going on with the settings there were", e.text);
	} else {
		char restart[ERR_TEXT_MAX];
		conf_reload(&conf_unit_table, &d->conf, &conf, restart, sizeof restart);
		schedule_interval(&d->schedule, d->conf.sync_interval_ms, clock_mono_ms());
		log_notice("configuration read again%s%s", restart[0] ? "; these need a restart: " : "", restart);
	}
	notify_systemd("READY=1");
}

static int wait_ms(const struct syncd *d)
{
	int64_t wait = schedule_wait(&d->schedule, clock_mono_ms());
	if (d->refused && d->watch_fd < 0 && wait > SCHEDULE_SOON_MS)
		wait = SCHEDULE_SOON_MS;
	return (int)wait;
}

static void loop(struct syncd *d)
{
	struct pollfd fds[] = {
		{.fd = d->end_fd, .events = POLLIN},
		{.fd = d->reload_fd, .events = POLLIN},
		{.fd = d->network ? network_fd(d->network) : -1, .events = POLLIN},
		{.events = POLLIN},
	};
	for (;;) {
		fds[3].fd = d->watch_fd;
		poll(fds, sizeof fds / sizeof *fds, wait_ms(d));
		if (readable(d->end_fd))
			return;
		if (readable(d->reload_fd))
			reload(d);
		if (d->network && readable(network_fd(d->network)) && network_came(d->network)) {
			log_debug("a network came");
			schedule_network(&d->schedule, clock_mono_ms());
		}
		if (d->store && (d->refused || readable(d->watch_fd)))
			look_at_store(d);
		if (!schedule_wait(&d->schedule, clock_mono_ms()))
			run(d);
	}
}

/* Signals come as readable files, so that none is missed between a look and a sleep. */
static int listen_for(int *out_fd, const int *signals, size_t count, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	*out_fd = sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *out_fd < 0 ? err_errno(e, ERR_INTERNAL, "can't listen for signals") : 0;
}

static int start(struct syncd *d, struct err *e)
{
	static const int to_end[] = {SIGTERM, SIGINT}, to_reload[] = {SIGHUP};
	struct err network;
	int rc = conf_load(&conf_unit_table, conf_path(NULL, CONF_UNIT_STANDARD), &d->conf, e);
	if (!rc)
		rc = keys_start(e);
	if (!rc)
		rc = listen_for(&d->end_fd, to_end, 2, e);
	if (!rc)
		rc = listen_for(&d->reload_fd, to_reload, 1, e);
	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN); /* a connection that breaks is an error of write(), not the end */
	if (network_open(&d->network, &network))
		log_warning("%s: only [sync] interval decides when to send", network.text);
	d->asked_ms = clock_mono_ms();
	schedule_start(&d->schedule, d->conf.sync_interval_ms, clock_mono_ms());
	return 0;
}

int main(int argc, char **argv)
{
	struct syncd d = {.end_fd = -1, .reload_fd = -1, .watch_fd = -1};
	struct err e = {0};
	bool verbose = false, help = false;
	const struct arg args[] = {{"--verbose", ARG_FLAG, &verbose, .help = "say more in the log"}};
	int rc = args_read(argc, argv, "alzy-syncd", "Sends what is recorded to the centre, whenever there is a network.",
	                   args, 1, NULL, &help, &e);
	if (!rc && help)
		return 0;
	log_start("alzy-syncd", verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (!rc)
		rc = start(&d, &e);
	if (rc) {
		log_error("%s", e.text);
	} else {
		log_info("alzy-syncd %s started", ALZY_VERSION);
		notify_systemd("READY=1");
		loop(&d);
		notify_systemd("STOPPING=1");
		log_info("alzy-syncd ends");
	}
	leave_store(&d);
	network_close(d.network);
	return -rc;
}
