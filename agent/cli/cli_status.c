/* The state of a unit at a glance. */
#include "agent/cli/cli.h"
#include "agent/cli/copies.h"
#include "agent/cli/keeping.h"
#include "agent/cli/sky.h"
#include "agent/cli/time_shown.h"
#include "agent/cli/watch.h"
#include "agent/sight.h"
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/json.h"
#include "hal/text.h"

#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { WATCH_MS = 1000, DAY_MS = 86400000 };

struct status {
	int64_t now_ms, now_mono_ms;
	struct store_centre centre;
	bool paired;
	struct live_facts live;
	bool running; /* `live` is there */
	struct time_shown time;
	struct keeping keeping;
	bool by_ignition;  /* the ignition begins and ends sessions, … */
	bool no_ignition;  /* … of which there is none */
	struct point last; /* recorded */
	int64_t last_seq[STREAM_COUNT];
	struct store_backlog backlog;
	int64_t rejected;
	int64_t lost[STREAM_COUNT];    /* pruned here, and no longer at the centre */
	int64_t dropped[STREAM_COUNT]; /* that this unit has let go of */
	struct copies copies;
	int64_t free_bytes; /* on the disk of the store; -1 unknown */
	int64_t days_left;  /* until it is full at the rate so far; -1 unknown */
};

/* ---- gathering ---- */

static int read_point(struct store *store, int64_t seq, struct point *out, bool *out_found, struct err *e)
{
	struct ranges one = {0};
	size_t count = 0;
	int rc = ranges_add(&one, seq, seq, e);
	if (!rc)
		rc = store_read_points(store, &one, out, 1, &count, e);
	*out_found = !rc && count;
	ranges_free(&one);
	return rc;
}

/* Bytes of the store and of its write-ahead log, which becomes a part of it. */
static int64_t store_bytes(const struct store *store)
{
	char wal[PATH_MAX];
	struct stat info;
	int64_t bytes = stat(store_path(store), &info) ? 0 : info.st_size;
	snprintf(wal, sizeof wal, "%s-wal", store_path(store));
	return bytes + (stat(wal, &info) ? 0 : info.st_size);
}

static int take_first(const struct point *point, void *user, struct err *e)
{
	(void)e;
	*(struct point *)user = *point;
	return 1;
}

/* Free space, and how long it lasts when the store grows as it did between its first and its last point. Less than a
 * day of it says too little. */
static int gather_space(struct store *store, struct status *s, struct err *e)
{
	char folder[PATH_MAX];
	struct statvfs disk;
	s->free_bytes = s->days_left = -1;
	snprintf(folder, sizeof folder, "%s", store_path(store));
	if (statvfs(dirname(folder), &disk))
		return 0;
	s->free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
	const struct point_filter all = {0};
	struct point first = {.recorded_at_ms = s->last.recorded_at_ms};
	int rc = store_each_point(store, &all, take_first, &first, e);
	int64_t span_ms = s->last.recorded_at_ms - first.recorded_at_ms;
	if (!rc && span_ms >= DAY_MS) {
		double a_day = (double)store_bytes(store) * DAY_MS / (double)span_ms;
		s->days_left = (int64_t)((double)s->free_bytes / a_day);
	}
	return rc;
}

static int gather_gone(struct store *store, struct status *s, struct err *e)
{
	int rc = 0;
	for (int stream = 0; !rc && stream < STREAM_COUNT; stream++) {
		struct ranges lost = {0}, dropped = {0};
		rc = store_lost(store, (enum stream)stream, &lost, e);
		if (!rc)
			rc = store_dropped(store, (enum stream)stream, &dropped, e);
		s->lost[stream] = ranges_total(&lost);
		s->dropped[stream] = ranges_total(&dropped);
		ranges_free(&lost);
		ranges_free(&dropped);
	}
	return rc;
}

static int gather(const struct cli *cli, struct status *s, struct err *e)
{
	struct store *store = cli->store;
	bool found = false;
	*s = (struct status){.now_mono_ms = clock_mono_ms()};
	int rc = store_centre_get(store, &s->centre, &s->paired, e);
	if (!rc)
		rc = cli_live(store, &s->live, &s->running, e);
	if (!rc)
		rc = time_gather(cli, s->running ? &s->live.time : NULL, &s->time, e);
	/* A drive that was recorded has no present: without a floor the system clock is what all else is compared with. */
	s->now_ms = s->time.time.floor_ms == INT64_MIN ? clock_wall_ms() : s->time.now_ms;
	if (!rc)
		rc = keeping_read(cli, &s->keeping, e);
	s->by_ignition = cli->conf.capture_session == CAPTURE_SESSION_IGNITION;
	s->no_ignition = !strcmp(cli->conf.ignition, "none");
	for (int stream = 0; !rc && stream < STREAM_COUNT; stream++)
		rc = store_last_seq(store, (enum stream)stream, &s->last_seq[stream], e);
	if (!rc && s->last_seq[STREAM_POINTS])
		rc = read_point(store, s->last_seq[STREAM_POINTS], &s->last, &found, e);
	if (!rc)
		rc = store_backlog(store, &s->backlog, e);
	if (!rc)
		rc = store_rejected_count(store, &s->rejected, e);
	if (!rc)
		rc = gather_gone(store, s, e);
	if (!rc)
		rc = copies_read(store, &s->copies, e);
	if (!rc)
		rc = gather_space(store, s, e);
	return rc;
}

static bool fix_is_live(const struct status *s)
{
	return s->running && s->live.sight.has_fix;
}

static const struct point *fix_of(const struct status *s)
{
	if (fix_is_live(s))
		return &s->live.sight.fix;
	return s->last_seq[STREAM_POINTS] ? &s->last : NULL;
}

/* By the monotonic clock when the agent is there; a recorded point has only the system clock to be compared with. */
static int64_t fix_age_ms(const struct status *s)
{
	return fix_is_live(s) ? s->now_mono_ms - s->live.sight.fix_mono_ms : s->now_ms - s->last.recorded_at_ms;
}

/* ---- as JSON ---- */

static void add_number_or_null(cJSON *object, const char *name, int64_t number)
{
	if (number < 0)
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddNumberToObject(object, name, (double)number);
}

static void add_device_and_centre(cJSON *object, const struct status *s)
{
	if (!s->paired) {
		cJSON_AddNullToObject(object, "device");
		cJSON_AddNullToObject(object, "centre");
		return;
	}
	cJSON *device = cJSON_AddObjectToObject(object, "device");
	cJSON_AddNumberToObject(device, "id", (double)s->centre.device_id);
	json_add_text_or_null(device, "name", s->centre.device_name);
	cJSON *centre = cJSON_AddObjectToObject(object, "centre");
	cJSON_AddStringToObject(centre, "url", s->centre.url);
	json_add_text_or_null(centre, "next_url", s->centre.next_url);
	json_add_hex(centre, "public_key", s->centre.public_key, sizeof s->centre.public_key);
	json_add_time(centre, "paired_at", s->centre.paired_at_ms);
}

/* "ignition": true, "ignition_problem": null */
static void add_input(cJSON *object, const char *name, const struct live_input *input)
{
	char problem[32];
	snprintf(problem, sizeof problem, "%s_problem", name);
	cJSON_AddItemToObject(object, name, input->state < 0 ? cJSON_CreateNull() : cJSON_CreateBool(input->state));
	json_add_text_or_null(object, problem, input->problem);
}

static void add_agent(cJSON *object, const struct status *s)
{
	cJSON *agent = cJSON_AddObjectToObject(object, "agent");
	const struct live_facts *live = &s->live;
	cJSON_AddBoolToObject(agent, "running", s->running);
	add_number_or_null(agent, "pid", s->running ? live->pid : -1);
	if (!s->running)
		return;
	const struct {
		const char *name;
		int64_t value;
	} counts[] = {
		{"idle_s", (s->now_mono_ms - live->looked_mono_ms) / 1000},
		{"uptime_s", (s->now_mono_ms - live->started_mono_ms) / 1000},
		{"waiting_points", live->waiting_points},
		{"reports", live->reports},
		{"epochs", live->epochs},
		{"kept", live->kept},
		{"refused_receiver", live->refused_receiver},
		{"refused_no_time", live->refused_no_time},
		{"refused_bad", live->refused_bad},
		{"refused_late", live->refused_late},
		{"overrun", live->overrun},
	};
	json_add_text_or_null(agent, "store_problem", live->store_problem);
	add_input(agent, "ignition", &live->ignition);
	add_input(agent, "supply", &live->supply);
	cJSON_AddBoolToObject(agent, "gnss_connected", live->sight.gnss_connected);
	cJSON_AddStringToObject(agent, "gnss", sight_state_name(sight_state(&live->sight)));
	json_add_text_or_null(agent, "receiver", live->sight.device);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cJSON_AddNumberToObject(agent, counts[i].name, (double)counts[i].value);
	for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
		cJSON_AddNumberToObject(agent, verdict_name((enum verdict)verdict), (double)live->verdicts[verdict]);
}

static void add_fix(cJSON *object, const struct status *s)
{
	const struct point *p = fix_of(s);
	const struct live_facts *live = &s->live;
	if (!p) {
		cJSON_AddNullToObject(object, "fix");
		return;
	}
	cJSON *fix = cJSON_AddObjectToObject(object, "fix");
	cJSON_AddBoolToObject(fix, "live", fix_is_live(s));
	cli_add_scaled(fix, "lat", p->lat_e7, 10000000);
	cli_add_scaled(fix, "lng", p->lng_e7, 10000000);
	add_number_or_null(fix, "mode", fix_is_live(s) ? live->sight.mode : -1);
	cJSON_AddNumberToObject(fix, "age_s", (double)(fix_age_ms(s) / 1000));
	cli_add_scaled(fix, "accuracy", p->accuracy_dm, 10);
	cli_add_scaled(fix, "speed", p->speed_cmps, 100);
	cli_add_scaled(fix, "heading", p->heading_ddeg, 10);
	cli_add_scaled(fix, "altitude", p->altitude_dm, 10);
	cJSON_AddStringToObject(fix, "source", point_source_name((enum point_source)p->source));
	add_number_or_null(fix, "satellites_used", fix_is_live(s) ? live->sight.satellites_used : -1);
	add_number_or_null(fix, "satellites_seen", fix_is_live(s) ? live->sight.satellites_seen : -1);
	cli_add_scaled(fix, "hdop", fix_is_live(s) ? live->sight.hdop_centi : ROW_ABSENT, 100);
	json_add_time(fix, "recorded_at", p->recorded_at_ms + (fix_is_live(s) ? s->live.time.shift * ERA_MS : 0));
}

/* None when the receiver does not see them now, whatever it saw before. */
static size_t read_sky(struct store *store, const struct status *s, struct satellite out[SKY_SATELLITES_MAX])
{
	static struct live_sky sky;
	bool found = false;
	if (s->running && s->live.sight.satellites_seen > 0 && !cli_live_sky(store, &sky, &found, NULL) && found)
		return sky_read(sky.json, sky.length, out);
	return 0;
}

static void add_sky(cJSON *object, struct store *store, const struct status *s)
{
	struct satellite satellites[SKY_SATELLITES_MAX];
	cJSON_AddItemToObject(object, "satellites", sky_json(satellites, read_sky(store, s, satellites)));
}

static void add_session(cJSON *object, const struct status *s)
{
	cJSON *session = s->keeping.open ? cli_session_json(&s->keeping.session) : cJSON_CreateNull();
	bool paused = s->keeping.open && s->keeping.session.status == SESSION_PAUSED;
	if (s->keeping.open)
		json_add_text_or_null(session, "paused_by", !paused ? "" : s->keeping.held ? "person" : "agent");
	cJSON_AddItemToObject(object, "session", session);
}

static cJSON *status_json(struct store *store, const struct status *s)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "store_id", store_id(store));
	cJSON_AddStringToObject(object, "store_path", store_path(store));
	cJSON_AddBoolToObject(object, "read_only", store_frozen(store));
	add_device_and_centre(object, s);
	add_agent(object, s);
	add_session(object, s);
	add_fix(object, s);
	add_sky(object, store, s);
	cJSON_AddItemToObject(object, "time", time_json(&s->time));
	const int64_t unsent[STREAM_COUNT] = {s->backlog.points, s->backlog.events};
	for (int stream = 0; stream < STREAM_COUNT; stream++) {
		cJSON *rows = cJSON_AddObjectToObject(object, stream_name((enum stream)stream));
		cJSON_AddNumberToObject(rows, "last_seq", (double)s->last_seq[stream]);
		cJSON_AddNumberToObject(rows, "unsent", (double)unsent[stream]);
		cJSON_AddNumberToObject(rows, "dropped", (double)s->dropped[stream]);
		cJSON_AddNumberToObject(rows, "lost", (double)s->lost[stream]);
	}
	cJSON *sessions = cJSON_AddObjectToObject(object, "sessions");
	cJSON_AddNumberToObject(sessions, "unsent", (double)s->backlog.sessions);
	json_add_time(object, "oldest_unsent_at", s->backlog.oldest_ms);
	cJSON_AddNumberToObject(object, "rejected", (double)s->rejected);
	cJSON_AddItemToObject(object, "copies", copies_json(&s->copies));
	add_number_or_null(object, "free_bytes", s->free_bytes);
	add_number_or_null(object, "days_left", s->days_left);
	json_add_time(object, "last_receipt", s->paired ? s->centre.receipt_at_ms : 0);
	json_add_text_or_null(object, "standing", s->paired ? s->centre.standing : "");
	json_add_text_or_null(object, "refusal", s->paired ? s->centre.refusal : "");
	return object;
}

/* ---- as text ---- */

/* What is wrong with the agent itself. */
static void print_agent_trouble(const struct status *s, FILE *out)
{
	char span[SHORT_TEXT];
	int64_t still_ms = s->now_mono_ms - s->live.looked_mono_ms;
	if (s->running && still_ms > LIVE_HANGS_MS)
		fprintf(out, "          it hangs: it has done nothing for %s (alzy doctor)\n", text_duration(still_ms, span));
	if (s->running && *s->live.store_problem)
		fprintf(out, "          can't record: %s\n", s->live.store_problem);
}

/* What is wrong with ignition and supply. */
static void print_inputs(const struct status *s, FILE *out)
{
	const struct live_input *ignition = &s->live.ignition, *supply = &s->live.supply;
	if (!s->running)
		return;
	if (supply->state == 0)
		fprintf(out, "          the supply of this unit has failed\n");
	if (*supply->problem)
		fprintf(out, "          the supply is not known: %s\n", supply->problem);
	if (*ignition->problem)
		fprintf(out, "          the ignition is not known: %s\n", ignition->problem);
	if (s->by_ignition && (*ignition->problem || s->no_ignition))
		fprintf(out, "          journeys go by movement%s\n",
		        s->no_ignition ? ": there is no [power] ignition for session = ignition" : " until it is");
}

static void print_head(struct store *store, const struct status *s)
{
	char age[SHORT_TEXT], shown[SHOWN_TEXT];
	printf("Store     %s\n          %s\n", store_path(store), store_id(store));
	if (store_frozen(store))
		printf("          on a read-only file system: read as it lies\n");
	if (s->paired)
		printf("Device    %" PRId64 " %s, paired with %s\n", s->centre.device_id,
		       text_shown(s->centre.device_name, shown), s->centre.url);
	if (s->paired && *s->centre.next_url)
		printf("          which announces %s\n", s->centre.next_url);
	if (!s->paired)
		printf("Device    not paired with a centre yet (alzy pair)\n");
	if (s->running)
		printf("Agent     running for %s, process %d%s%s\n",
		       text_duration(s->now_mono_ms - s->live.started_mono_ms, age), (int)s->live.pid,
		       *s->live.sight.device ? ", receiver " : "", s->live.sight.device);
	else
		printf("Agent     not running: nothing is being recorded\n");
	print_inputs(s, stdout);
	print_agent_trouble(s, stdout);
	if (s->running && sight_state(&s->live.sight) < SIGHT_NO_FIX)
		printf("          %s\n", sight_state_text(sight_state(&s->live.sight)));
}

/* How old the fix is, and by how many satellites. */
static void print_fix_age(const struct status *s, FILE *out)
{
	const struct live_sight *sight = &s->live.sight;
	char a[SHORT_TEXT];
	fprintf(out, "          %s", text_age(-fix_age_ms(s), 0, a));
	if (!fix_is_live(s))
		fprintf(out, ": the last recorded point");
	else
		fprintf(out, sight_state(sight) >= SIGHT_2D ? ", %s" : ": %s since then", sight_state_text(sight_state(sight)));
	if (fix_is_live(s) && sight->satellites_used >= 0 && sight->satellites_seen >= 0)
		fprintf(out, ", %d of %d satellites", sight->satellites_used, sight->satellites_seen);
	if (fix_is_live(s) && sight->hdop_centi != ROW_ABSENT)
		fprintf(out, ", HDOP %s", text_decimal(sight->hdop_centi, 2, a));
	fputc('\n', out);
}

static void print_fix(const struct status *s, FILE *out)
{
	const struct point *p = fix_of(s);
	char a[SHORT_TEXT], b[SHORT_TEXT];
	if (!p) {
		fprintf(out, "Fix       none%s\n", s->running ? " yet" : "");
		return;
	}
	fprintf(out, "Fix       %s, %s", text_decimal(p->lat_e7, 7, a), text_decimal(p->lng_e7, 7, b));
	if (p->accuracy_dm != ROW_ABSENT)
		fprintf(out, " ± %s m", text_decimal(p->accuracy_dm, 1, a));
	/* cm/s × 3.6 / 100 = km/h */
	if (p->speed_cmps != ROW_ABSENT)
		fprintf(out, ", %s km/h", text_decimal((int64_t)p->speed_cmps * 36 / 100, 1, a));
	if (p->altitude_dm != ROW_ABSENT)
		fprintf(out, ", %s m high", text_decimal(p->altitude_dm, 1, a));
	fputc('\n', out);
	print_fix_age(s, out);
}

static void print_session_line(const struct status *s)
{
	const struct session *session = &s->keeping.session;
	const char *why = keeping_why_not(&s->keeping);
	char age[SHORT_TEXT], shown[SHOWN_TEXT];
	if (!s->keeping.open) {
		printf("Session   none open%s%s\n", why ? "; " : "", why ? why : "");
		return;
	}
	printf("Session   %s, started %s", session_status_name(session->status),
	       text_age(session->started_at_ms, s->now_ms, age));
	if (session->guessed)
		printf(" (a guess, until the time is known)");
	if (*session->user_id)
		printf(", user %s", text_shown(session->user_id, shown));
	if (*session->machine_id)
		printf(", machine %s", text_shown(session->machine_id, shown));
	if (session->application_id)
		printf(", application %" PRId64, session->application_id);
	printf("\n          %s\n", session->session_id);
	if (why)
		printf("          %s\n", why);
}

/* What became of the fixes since the agent has started: "interval 812, heartbeat 3". */
static void print_verdicts(const struct live_facts *live, const char *label, int from, int to)
{
	bool any = false;
	for (int verdict = from; verdict < to; verdict++) {
		const char *name = verdict_name((enum verdict)verdict), *reason = strchr(name, '_');
		if (live->verdicts[verdict])
			printf("%s%s %" PRId64, any ? ", " : label, reason ? reason + 1 : name, live->verdicts[verdict]);
		any = any || live->verdicts[verdict];
	}
	if (any)
		putchar('\n');
}

static void print_tail(const struct status *s)
{
	char a[SHORT_TEXT], b[SHORT_TEXT], c[SHORT_TEXT], shown[SHOWN_TEXT];
	printf("Recorded  %s, %s", text_counted(s->last_seq[STREAM_POINTS], "point", a),
	       text_counted(s->last_seq[STREAM_EVENTS], "event", b));
	if (s->running && s->live.waiting_points)
		printf("; %s still to be committed", text_counted(s->live.waiting_points, "point", a));
	putchar('\n');
	if (s->running) {
		print_verdicts(&s->live, "Kept      ", 0, VERDICT_THINNED);
		print_verdicts(&s->live, "Not kept  ", VERDICT_THINNED, VERDICT_COUNT);
	}
	printf("Unsent    %s, %s, %s", text_counted(s->backlog.points, "point", a),
	       text_counted(s->backlog.events, "event", b), text_counted(s->backlog.sessions, "session", c));
	if (s->backlog.oldest_ms)
		printf("; the oldest from %s", text_age(s->backlog.oldest_ms, s->now_ms, a));
	printf("\nReceipt   %s\n",
	       s->paired && s->centre.receipt_at_ms ? text_age(s->centre.receipt_at_ms, s->now_ms, a) : "none yet");
	if (s->rejected)
		printf("Rejected  %s (alzy queue --rejected)\n", text_counted(s->rejected, "row", a));
	if (s->dropped[STREAM_POINTS] + s->dropped[STREAM_EVENTS])
		printf("Dropped   %s, %s (alzy queue --dropped)\n", text_counted(s->dropped[STREAM_POINTS], "point", a),
		       text_counted(s->dropped[STREAM_EVENTS], "event", b));
	if (s->lost[STREAM_POINTS] + s->lost[STREAM_EVENTS])
		printf("Lost      %s, %s: pruned here, and no longer at the centre\n",
		       text_counted(s->lost[STREAM_POINTS], "point", a), text_counted(s->lost[STREAM_EVENTS], "event", b));
	copies_print(&s->copies, s->now_ms);
	if (s->paired && *s->centre.standing)
		printf(
			"Stopped   this unit is %s at the centre: it records, and sends nothing until the centre lets it back in\n",
			s->centre.standing);
	if (s->paired && *s->centre.refusal)
		printf("Refused   %s\n", text_shown(s->centre.refusal, shown));
	if (s->free_bytes >= 0)
		printf("Space     %s free", text_size(s->free_bytes, a));
	if (s->days_left > 3650)
		printf(", enough for more than ten years");
	else if (s->days_left >= 0)
		printf(", enough for about %s", text_counted(s->days_left, "day", a));
	if (s->free_bytes >= 0)
		putchar('\n');
}

static int show(const struct cli *cli, bool json, struct err *e)
{
	struct status s;
	int rc = gather(cli, &s, e);
	if (rc)
		return rc;
	if (json) {
		cli_print_json(status_json(cli->store, &s));
		return 0;
	}
	print_head(cli->store, &s);
	print_fix(&s, stdout);
	time_print(&s.time);
	print_session_line(&s);
	print_tail(&s);
	return 0;
}

/* ---- again and again ---- */

/* What matters on the way, and the sky: 24 lines of 80 columns. */
static int watch_page_of(void *user, FILE *out, struct err *e)
{
	const struct cli *cli = user;
	struct status s;
	char a[SHORT_TEXT], b[SHORT_TEXT], lines[SKY_ROWS][SKY_LINE];
	struct satellite satellites[SKY_SATELLITES_MAX];
	int rc = gather(cli, &s, e);
	if (rc)
		return rc;
	const struct live_sight *sight = &s.live.sight;
	if (s.running)
		fprintf(out, "Agent     running for %s, %s%s%s\n", text_duration(s.now_mono_ms - s.live.started_mono_ms, a),
		        sight_state_text(sight_state(sight)), *sight->device ? ", " : "", sight->device);
	else
		fprintf(out, "Agent     not running: nothing is being recorded\n");
	print_agent_trouble(&s, out);
	print_inputs(&s, out);
	print_fix(&s, out);
	const char *why = keeping_why_not(&s.keeping);
	fprintf(out, "Session   %s%s%s\n", s.keeping.open ? session_status_name(s.keeping.session.status) : "none open",
	        why ? "; " : "", why ? why : "");
	fprintf(out, "Recorded  %s", text_counted(s.last_seq[STREAM_POINTS], "point", a));
	if (s.running && s.live.waiting_points)
		fprintf(out, ", %" PRId64 " to be committed", s.live.waiting_points);
	fprintf(out, "; unsent %s", text_counted(s.backlog.points, "point", b));
	if (s.backlog.oldest_ms)
		fprintf(out, ", the oldest from %s", text_age(s.backlog.oldest_ms, s.now_ms, a));
	fprintf(out, "\n\n");
	sky_draw(satellites, read_sky(cli->store, &s, satellites), lines);
	for (int row = 0; row < SKY_ROWS; row++)
		fprintf(out, "%s\n", lines[row]);
	fprintf(out, "* and capitals: used for the fix. q ends.\n");
	return 0;
}

/* Until somebody interrupts. On a terminal each picture takes the place of the one before. */
static int watch_status(struct cli *cli, bool json, struct err *e)
{
	if (!json && isatty(STDOUT_FILENO))
		return watch(watch_page_of, cli, e);
	for (;;) {
		int rc = show(cli, json, e);
		if (rc)
			return rc;
		if (!json)
			putchar('\n');
		if (fflush(stdout))
			return err_errno(e, ERR_IO, "can't write the output");
		clock_sleep_ms(WATCH_MS);
	}
}

int cli_status(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	bool json = false, watching = false, help;
	const struct arg args[] = {
		{"--watch", ARG_FLAG, &watching, .help = "again every second, with the sky, until q or ^C"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy status", "Shows the state of this unit.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = watching ? watch_status(&cli, json, e) : show(&cli, json, e);
	cli_close(&cli);
	return rc;
}
