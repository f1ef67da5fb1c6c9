/* What is wrong with a unit, and what to do: for whoever is called to one that is silent. Looks, and changes nothing. */
#include "agent/cli/advice.h"
#include "agent/cli/cli.h"
#include "agent/cli/keeping.h"
#include "agent/cli/time_shown.h"
#include "agent/sight.h"
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/json.h"
#include "hal/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	SPACE_LITTLE = 100000000, /* bytes: weeks of points, and yet little */
	DAMAGE_MS = 5000,         /* as long as damage is looked for */
	PROBE_MS = 6000,          /* as long as gpsd is listened to when no agent does */
	REFUSED_FEW = 100,        /* fewer refused fixes say little */
	INTERVALS_LATE = 2,       /* of [sync] interval: with a network, it would have been sent by then */
};

enum severity { FINE, WARNING, FAULT };

struct doctor {
	struct cli cli;
	struct live_facts live;
	bool running;
	int counts[FAULT + 1];
	cJSON *findings; /* NULL: printed as lines */
};

static void find(struct doctor *d, enum severity severity, const char *about, const char *remedy, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void find(struct doctor *d, enum severity severity, const char *about, const char *remedy, const char *format,
                 ...)
{
	static const char *const names[] = {"ok", "warning", "fault"};
	char text[ERR_TEXT_MAX];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	d->counts[severity]++;
	if (!d->findings) {
		printf("%-8s  %s: %s\n", names[severity], about, text);
		if (remedy)
			printf("          %s\n", remedy);
		return;
	}
	cJSON *finding = cJSON_CreateObject();
	cJSON_AddStringToObject(finding, "severity", names[severity]);
	cJSON_AddStringToObject(finding, "about", about);
	cJSON_AddStringToObject(finding, "text", text);
	json_add_text_or_null(finding, "remedy", remedy ? remedy : "");
	cJSON_AddItemToArray(d->findings, finding);
}

/* ---- configuration and store ---------------------------------------------------------------------------------------- */

static void take_advice(const char *text, void *user)
{
	find(user, WARNING, "configuration", "mend it, then: systemctl restart alzy-agentd", "%s", text);
}

static bool check_configuration(struct doctor *d)
{
	const char *path = conf_path(NULL, CONF_UNIT_STANDARD);
	struct err e = {0};
	if (conf_load(&conf_unit_table, path, &d->cli.conf, &e)) {
		find(d, FAULT, "configuration", "mend that line: alzy config check", "%s", e.text);
		return false;
	}
	find(d, FINE, "configuration", NULL, "%s", path ? path : "none, the defaults hold");
	advice_on_config(&d->cli.conf, take_advice, d);
	return true;
}

/* The kernel may have stopped writing to a disk with errors, and yet call it writable. What is made here has no name, and is gone
 * at once. */
static bool is_read_only(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EROFS;
}

static void check_space(struct doctor *d)
{
	char folder[PATH_MAX], size[SHORT_TEXT];
	struct statvfs disk;
	snprintf(folder, sizeof folder, "%s", d->cli.conf.store_path);
	if (statvfs(dirname(folder), &disk))
		return;
	int64_t bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
	if (bytes < SPACE_LITTLE)
		find(d, bytes ? WARNING : FAULT, "space",
		     "delete what is not needed; alzy sync sends, and [store] keep says how long what was sent stays",
		     "%s free on the disk of the store", text_size(bytes, size));
	if (disk.f_flag & ST_RDONLY || is_read_only(folder))
		find(d, FAULT, "space", "a card that is dying does that: dmesg tells; copy the store before anything else",
		     "the disk of the store is mounted read-only");
}

#define DYING                                                                                                  \
	"the card may be dying: copy the folder of the store before anything else; then see \"it is damaged\" in " \
	"errors.md"

/* What can't be read of the store is why something is not told below. */
static void find_failure(struct doctor *d, const char *about, int rc, const struct err *e)
{
	find(d, FAULT, about,
	     rc == -ERR_STORE        ? DYING
	     : rc == -ERR_PERMISSION ? NULL
	                             : "errors.md in /usr/share/doc/alzy tells what to do",
	     "%s", e->text);
}

/* Damage is no fault of what can still be read, and so tells nothing by itself. */
static void check_damage(struct doctor *d)
{
	struct err e = {0};
	int rc = store_look_for_damage(d->cli.store, DAMAGE_MS, &e);
	if (rc)
		find_failure(d, "store", rc, &e);
}

static bool check_store(struct doctor *d)
{
	struct err e = {0};
	int64_t points = 0, events = 0;
	char a[SHORT_TEXT], b[SHORT_TEXT];
	int rc = store_open(&d->cli.store, d->cli.conf.store_path, STORE_READ, &e);
	if (!rc)
		rc = store_last_seq(d->cli.store, STREAM_POINTS, &points, &e);
	if (!rc)
		rc = store_last_seq(d->cli.store, STREAM_EVENTS, &events, &e);
	if (rc == -ERR_NOT_FOUND)
		find(d, FAULT, "store", "systemctl start alzy-agentd makes it; is [store] path right?",
		     "there is none at %s yet", d->cli.conf.store_path);
	else if (rc == -ERR_STORE)
		find(d, FAULT, "store", "is [store] path right? If it is, " DYING, "%s", e.text);
	else if (rc)
		find_failure(d, "store", cli_as_owner(&d->cli, rc, &e), &e);
	else
		find(d, FINE, "store", NULL, "%s, %s and %s", d->cli.conf.store_path, text_counted(points, "point", a),
		     text_counted(events, "event", b));
	if (!rc)
		check_damage(d);
	check_space(d);
	return !rc;
}

/* ---- the agent and its receiver --------------------------------------------------------------------------------------- */

static void check_agent(struct doctor *d)
{
	char span[SHORT_TEXT];
	struct err e = {0};
	int64_t now_ms = clock_mono_ms();
	if (cli_live(d->cli.store, &d->live, &d->running, &e)) {
		find(d, WARNING, "agent", NULL, "can't look at it: %s", e.text);
		return;
	}
	pid_t mute = d->running ? 0 : cli_mute_agent(d->cli.store);
	if (mute) {
		find(d, WARNING, "agent", "systemctl restart alzy-agentd", "process %d, " CLI_MUTE, (int)mute);
		return;
	}
	if (!d->running) {
		find(d, FAULT, "agent", "systemctl start alzy-agentd; journalctl -u alzy-agentd -n 50 tells why it ended",
		     "alzy-agentd is not running: nothing is being recorded");
		return;
	}
	if (now_ms - d->live.looked_mono_ms > LIVE_HANGS_MS)
		find(d, FAULT, "agent", "systemctl restart alzy-agentd; when it hangs again, does the card? dmesg tells",
		     "process %d has done nothing for %s", d->live.pid, text_duration(now_ms - d->live.looked_mono_ms, span));
	else if (*d->live.store_problem)
		find(d, FAULT, "agent", "what is read waits in memory, and is lost with the process: mend this first",
		     "can't record: %s", d->live.store_problem);
	else
		find(d, FINE, "agent", NULL, "running for %s, process %d",
		     text_duration(now_ms - d->live.started_mono_ms, span), d->live.pid);
}

static const struct {
	enum severity severity;
	const char *remedy;
} sights[] = {
	[SIGHT_GPSD_GONE] = {FAULT,
                         "is gpsd installed and running? systemctl status gpsd.socket gpsd; is [gnss] source right?"},
	[SIGHT_GPSD_SILENT] = {FAULT, "systemctl restart gpsd"},
	[SIGHT_NO_RECEIVER] =
		{FAULT,
         "is the receiver plugged in (lsusb, ls /dev/ttyACM* /dev/ttyUSB*), and is it in DEVICES of /etc/default/gpsd? "
         "Then: systemctl restart gpsd"},
	[SIGHT_RECEIVER_SILENT] =
		{FAULT,
         "cable, power and baud rate of the receiver: gpsmon shows what comes of it; take its power away for a moment"},
	[SIGHT_RECEIVER_STUCK] = {FAULT, "take the receiver's power away for a moment (unplug it, or gpsctl -c)"},
	[SIGHT_NO_TIME] = {FAULT,
                       "it sends no date: enable RMC or ZDA sentences in the receiver; gpsmon shows what it sends"},
	[SIGHT_WAITING] = {WARNING, "wait some seconds; then gpsmon shows whether anything comes"},
	[SIGHT_NO_FIX] = {WARNING, "is the antenna connected, and under the open sky? A cold start takes minutes; alzy "
                               "status --watch shows the sky"},
	[SIGHT_2D] = {WARNING, "too few satellites for an altitude: is the antenna under the open sky?"},
	[SIGHT_3D] = {FINE, NULL},
};

static void find_sight(struct doctor *d, const struct live_sight *sight)
{
	enum sight_state state = sight_state(sight);
	char age[SHORT_TEXT] = "";
	if (sight->has_fix && state < SIGHT_2D)
		text_duration(clock_mono_ms() - sight->fix_mono_ms, age);
	find(d, sights[state].severity, "receiver", sights[state].remedy, "%s%s%s%s%s", sight_state_text(state),
	     *sight->device ? ", " : "", sight->device, *age ? "; the last fix was before " : "", age);
	if (state == SIGHT_NO_FIX && sight->satellites_seen >= 0)
		find(d, FINE, "receiver", NULL, "it sees %d satellites, and uses %d", sight->satellites_seen,
		     sight->satellites_used < 0 ? 0 : sight->satellites_used);
}

/* No agent says what gpsd does: so it is asked here. */
static void probe(struct doctor *d)
{
	struct live_sight sight;
	struct gnss *gnss;
	struct err e = {0};
	int64_t until_ms = clock_mono_ms() + PROBE_MS;
	sight_clear(&sight);
	if (gnss_open(&gnss, d->cli.conf.gnss_source, PROBE_MS / 3, &e)) {
		find(d, FAULT, "receiver", "[gnss] source", "%s", e.text);
		return;
	}
	for (int64_t now_ms; sight_state(&sight) < SIGHT_2D && (now_ms = clock_mono_ms()) < until_ms;) {
		struct gnss_report report;
		bool got = false;
		if (gnss_read(gnss, until_ms - now_ms, &report, &got, &e))
			break;
		if (got)
			sight_feed(&sight, &report, GNSS_HEARD);
		if (got && report.kind == GNSS_GONE)
			break;
	}
	gnss_close(gnss);
	find_sight(d, &sight);
}

static void check_receiver(struct doctor *d)
{
	if (d->running)
		find_sight(d, &d->live.sight);
	else if (!strncmp(d->cli.conf.gnss_source, "gpsd:", 5))
		probe(d);
}

/* ---- what becomes of fixes ------------------------------------------------------------------------------------------- */

static void check_input(struct doctor *d, const char *name, const struct live_input *input, bool needed)
{
	if (*input->problem)
		find(d, needed ? FAULT : WARNING, name,
		     "mend [power], then: systemctl restart alzy-agentd; for GPIO see agentd-gpio.conf in alzy.conf(5)",
		     "not known%s: %s", needed ? ", and journeys go by movement" : "", input->problem);
	else if (input->state >= 0)
		find(d, FINE, name, NULL, "%s", input->state ? "on" : "off");
}

static void check_inputs(struct doctor *d)
{
	if (!d->running)
		return;
	check_input(d, "ignition", &d->live.ignition, d->cli.conf.capture_session == CAPTURE_SESSION_IGNITION);
	check_input(d, "supply", &d->live.supply, false);
}

static void check_time(struct doctor *d)
{
	struct time_shown shown;
	char now[SHORT_TEXT], events[SHORT_TEXT];
	struct err e = {0};
	int rc = time_gather(&d->cli, d->running ? &d->live.time : NULL, &shown, &e);
	if (rc) {
		find_failure(d, "time", rc, &e);
		return;
	}
	bool known = shown.time.basis > TIME_ESTIMATED;
	text_time(shown.now_ms, now);
	if (shown.time.doubtful)
		find(d, WARNING, "time",
		     "a receiver that is wrong for long needs a reset, or another firmware; a recording needs [clock] floor = "
		     "none",
		     "the receiver %s", known ? "contradicts what is known" : "says a time that can't be right");
	if (!known)
		find(d, WARNING, "time",
		     "a receiver with a fix, NTP or alzy sync tell it; until then times of sessions are guesses",
		     "not known yet; %s waiting for it", text_counted(shown.waiting, "event", events));
	else if (!shown.time.doubtful)
		find(d, FINE, "time", NULL, "%s, by %s", now, time_basis_name(shown.time.basis));
}

static void check_keeping(struct doctor *d)
{
	struct keeping keeping;
	struct err e = {0};
	int rc = keeping_read(&d->cli, &keeping, &e);
	if (rc) {
		find_failure(d, "session", rc, &e);
		return;
	}
	const char *why = keeping_why_not(&keeping);
	if (why)
		find(d, WARNING, "session", NULL, "%s", why);
	else
		find(d, FINE, "session", NULL, "%s", keeping.open ? session_status_name(keeping.session.status) : "none open");
	int64_t good = 0, refused = 0;
	for (int verdict = 0; d->running && verdict < VERDICT_REFUSED_NO_SESSION; verdict++)
		*(verdict <= VERDICT_THINNED ? &good : &refused) += d->live.verdicts[verdict];
	if (refused > REFUSED_FEW && refused > good)
		find(d, WARNING, "fixes", "alzy status counts them by reason (Not kept); docs/capture.md tells what each means",
		     "%" PRId64 " were refused since the agent was started, %" PRId64 " were good", refused, good);
}

/* ---- the centre --------------------------------------------------------------------------------------------------------- */

static void check_sending(struct doctor *d, const struct store_centre *centre)
{
	struct store_backlog backlog;
	int64_t rejected = 0, now_ms = store_now_ms(d->cli.store, NULL);
	char age[SHORT_TEXT], rows[SHORT_TEXT];
	struct err e = {0};
	int rc = store_backlog(d->cli.store, &backlog, &e);
	if (!rc)
		rc = store_rejected_count(d->cli.store, &rejected, &e);
	if (rc) {
		find_failure(d, "centre", rc, &e);
		return;
	}
	int64_t unsent = backlog.points + backlog.events;
	bool late = unsent && now_ms - centre->receipt_at_ms > INTERVALS_LATE * d->cli.conf.sync_interval_ms;
	if (*centre->standing)
		find(d, FAULT, "centre", "ask who runs the centre; what is recorded stays here",
		     "this unit is %s there: nothing is sent", centre->standing);
	else if (*centre->refusal)
		find(d, FAULT, "centre", "errors.md in /usr/share/doc/alzy tells what to do", "%s", centre->refusal);
	else
		find(d, late ? WARNING : FINE, "centre",
		     late ? "where there is no network that is as it should be; else alzy sync tries now, and tells what is "
		            "wrong; "
		            "systemctl status alzy-syncd"
		          : NULL,
		     "%s unsent, the last receipt %s", text_counted(unsent, "row", rows),
		     centre->receipt_at_ms ? text_age(centre->receipt_at_ms, now_ms, age) : "never came");
	if (rejected)
		find(d, WARNING, "centre", "alzy queue --rejected tells why", "%s rejected",
		     text_counted(rejected, "row", rows));
}

/* alzy-syncd signs with it, as the user of the folder; whoever else looks may not read it, and need not. */
static bool check_key(struct doctor *d)
{
	char path[CONF_TEXT_MAX + 8], folder[CONF_TEXT_MAX + 8], remedy[2 * CONF_TEXT_MAX + 64];
	struct stat key, place;
	struct key_pair keys;
	struct err why = {0};
	int rc = keys_start(&why);
	if (!rc)
		rc = keys_load_unit(d->cli.conf.store_path, &keys, &why);
	keys_wipe(&keys);
	snprintf(path, sizeof path, "%s.key", d->cli.conf.store_path);
	snprintf(folder, sizeof folder, "%s", path);
	snprintf(remedy, sizeof remedy, "sudo chown --reference=%s %s", dirname(folder), path);
	bool seen = !stat(path, &key) && !stat(folder, &place);
	bool foreign = seen && place.st_uid && key.st_uid != place.st_uid;
	if (foreign)
		find(d, FAULT, "centre", remedy, "%s belongs to another user than its folder: alzy-syncd can't read it", path);
	else if (rc && !(seen && geteuid() && geteuid() != key.st_uid))
		find_failure(d, "centre", rc, &why);
	else
		return true;
	return false;
}

static void check_centre(struct doctor *d)
{
	struct store_centre centre;
	bool paired = false;
	struct err e = {0};
	int rc = store_centre_get(d->cli.store, &centre, &paired, &e);
	if (rc)
		find_failure(d, "centre", rc, &e);
	else if (!paired)
		find(d, WARNING, "centre", "alzy pair LINK, with the link that alzy-central device pair prints",
		     "not paired: what is recorded stays here");
	else if (check_key(d))
		check_sending(d, &centre);
}

/* ------------------------------------------------------------------------------------------------------------------------- */

static void examine(struct doctor *d)
{
	if (!check_configuration(d))
		return;
	if (!check_store(d)) {
		check_receiver(d);
		return;
	}
	check_agent(d);
	check_receiver(d);
	check_inputs(d);
	check_time(d);
	check_keeping(d);
	check_centre(d);
}

static int conclude(struct doctor *d, struct err *e)
{
	char faults[SHORT_TEXT], warnings[SHORT_TEXT];
	text_counted(d->counts[FAULT], "fault", faults);
	text_counted(d->counts[WARNING], "warning", warnings);
	if (d->findings) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddBoolToObject(object, "ok", !d->counts[FAULT]);
		cJSON_AddItemToObject(object, "findings", d->findings);
		cli_print_json(object);
	}
	return d->counts[FAULT]
	           ? err_set(e, ERR_STATE, "%s, %s; alzy gaps tells since when nothing was recorded", faults, warnings)
	           : 0;
}

int cli_doctor(int argc, char **argv, struct err *e)
{
	struct doctor d = {0};
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print JSON"}};
	int rc = args_read(argc, argv, "alzy doctor", "Looks for what is wrong with this unit, and tells what to do.", args,
	                   1, NULL, &help, e);
	if (rc || help)
		return rc;
	d.findings = json ? cJSON_CreateArray() : NULL;
	examine(&d);
	cli_close(&d.cli);
	return conclude(&d, e);
}
