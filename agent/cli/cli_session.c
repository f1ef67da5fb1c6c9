/* The sessions of a unit: started, paused, resumed and ended by a person. */
#include "agent/cli/cli.h"
#include "agent/cli/distances.h"
#include "agent/cli/known.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/summary_print.h"
#include "hal/table.h"
#include "hal/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 20, LIST_MAX = 100000 };

static int64_t duration_ms(const struct session *session, int64_t now_ms)
{
	int64_t end_ms = session->status == SESSION_ENDED ? session->ended_at_ms : now_ms;
	return end_ms > session->started_at_ms ? end_ms - session->started_at_ms : 0;
}

/* "2038-01-19 03:14:21 UTC ?" while that is a guess. */
static const char *time_text(const struct session *session, int64_t at_ms, char out[SHORT_TEXT])
{
	text_time(at_ms, out);
	if (session->guessed)
		strncat(out, " ?", SHORT_TEXT - strlen(out) - 1);
	return out;
}

static const char *application_text(const struct session *session, char out[SHORT_TEXT])
{
	*out = '\0';
	return session->application_id ? text_decimal(session->application_id, 0, out) : out;
}

/* ---- start ---- */

struct start {
	const char *application;
	bool force, json;
};

static int read_start(int argc, char **argv, struct session *wanted, struct start *out, bool *out_help, struct err *e)
{
	const char *user = NULL, *machine = NULL;
	const struct arg args[] = {
		{"--user", ARG_TEXT, &user, "USER", .help = "who drives or operates: an id of the centre's users"},
		{"--machine", ARG_TEXT, &machine, "MACHINE", .help = "which machine: an id of the centre's machines"},
		{"--application", ARG_TEXT, &out->application, "APPLICATION",
	     .help = "which application: its number at the centre, or its name"},
		{"--force", ARG_FLAG, &out->force, .help = "take who and what also when the centre has not told of them"},
		{"--json", ARG_FLAG, &out->json, .help = "print the session as JSON"},
	};
	int rc = args_read(argc, argv, "alzy session start", "Starts a session. Who and what may be left out.", args,
	                   sizeof args / sizeof *args, NULL, out_help, e);
	if (!rc && user && !(rc = text_check("--user", user, sizeof wanted->user_id, e)))
		snprintf(wanted->user_id, sizeof wanted->user_id, "%s", user);
	if (!rc && machine && !(rc = text_check("--machine", machine, sizeof wanted->machine_id, e)))
		snprintf(wanted->machine_id, sizeof wanted->machine_id, "%s", machine);
	return rc;
}

/* Who and what are checked against what the centre has told, without asking it. */
static int check_start(struct store *store, const struct start *start, struct session *wanted, struct err *e)
{
	int rc = 0;
	if (wanted->user_id[0] && !start->force)
		rc = known_check(store, REFERENCE_USERS, wanted->user_id, e);
	if (!rc && wanted->machine_id[0] && !start->force)
		rc = known_check(store, REFERENCE_MACHINES, wanted->machine_id, e);
	if (!rc && start->application)
		rc = known_application(store, start->application, start->force, &wanted->application_id, e);
	if (!rc && wanted->user_id[0] && wanted->application_id && !start->force)
		rc = known_may_use(store, wanted->user_id, wanted->application_id, e);
	return rc;
}

static void print_session(const struct session *session, bool json, const char *what)
{
	if (json)
		cli_print_json(cli_session_json(session));
	else
		printf("session %s %s\n", session->session_id, what);
}

int cli_session_start(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct session wanted = {0}, session;
	struct start start = {0};
	struct cli_time now = {0};
	bool help;
	int rc = read_start(argc, argv, &wanted, &start, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_CREATE, e);
	if (!rc)
		rc = check_start(cli.store, &start, &wanted, e);
	if (!rc)
		rc = cli_now(&cli, &now, e);
	if (!rc)
		rc = store_session_start(cli.store, &wanted, now.now_ms, SESSION_BY_PERSON, &session, e);
	if (!rc)
		print_session(&session, start.json, "started");
	cli_close(&cli);
	return rc;
}

/* ---- pause, resume, end ---- */

struct change {
	enum session_status status;
	const char *verb, *summary, *done;
};

static int change_session(int argc, char **argv, const struct change *change, struct err *e)
{
	struct cli cli = {0};
	struct session session;
	struct cli_time now = {0};
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print the session as JSON"}};
	int rc = args_read(argc, argv, change->verb, change->summary, args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc)
		rc = cli_now(&cli, &now, e);
	if (!rc)
		rc = store_session_change(cli.store, change->status, now.now_ms, SESSION_BY_PERSON, &session, e);
	if (!rc)
		print_session(&session, json, change->done);
	cli_close(&cli);
	return rc;
}

int cli_session_pause(int argc, char **argv, struct err *e)
{
	static const struct change change = {SESSION_PAUSED, "alzy session pause",
	                                     "Pauses the open session: fixes are counted, not kept, until it is resumed.",
	                                     "paused"};
	return change_session(argc, argv, &change, e);
}

int cli_session_resume(int argc, char **argv, struct err *e)
{
	static const struct change change = {SESSION_ACTIVE, "alzy session resume", "Goes on with the paused session.",
	                                     "resumed"};
	return change_session(argc, argv, &change, e);
}

int cli_session_end(int argc, char **argv, struct err *e)
{
	static const struct change change = {SESSION_ENDED, "alzy session end", "Ends the open session, for good.",
	                                     "ended"};
	return change_session(argc, argv, &change, e);
}

/* ---- list ---- */

static void print_list_json(const struct session *sessions, const double *distances_m, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++) {
		cJSON *object = cli_session_json(&sessions[i]);
		if (distances_m[i] < 0)
			cJSON_AddNullToObject(object, "distance_m");
		else
			cJSON_AddNumberToObject(object, "distance_m", round(distances_m[i] * 100) / 100);
		cJSON_AddItemToArray(array, object);
	}
	cli_print_json(array);
}

static int print_list_table(const struct session *sessions, const double *distances_m, size_t count, int64_t now_ms,
                            struct err *e)
{
	static const struct table_column columns[] = {
		{.name = "SESSION", .wide = true},
		{.name = "STATUS"},
		{.name = "STARTED"},
		{.name = "DURATION", .right = true},
		{.name = "DISTANCE", .right = true},
		{.name = "USER", .wide = true},
		{.name = "MACHINE", .wide = true},
		{.name = "APPLICATION", .right = true},
	};
	struct table *table;
	int rc = table_new(&table, columns, sizeof columns / sizeof *columns, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++) {
		const struct session *s = &sessions[i];
		char started[SHORT_TEXT], duration[SHORT_TEXT], distance[SHORT_TEXT] = "", application[SHORT_TEXT];
		if (distances_m[i] >= 0)
			snprintf(distance, sizeof distance, "%.1f km", distances_m[i] / 1000);
		const char *cells[] = {s->session_id,
		                       session_status_name(s->status),
		                       time_text(s, s->started_at_ms, started),
		                       text_duration(duration_ms(s, now_ms), duration),
		                       distance,
		                       s->user_id,
		                       s->machine_id,
		                       application_text(s, application)};
		rc = table_add(table, cells, e);
	}
	if (!rc)
		rc = table_print(table, e);
	bool guessed = false;
	for (size_t i = 0; i < count; i++)
		guessed |= sessions[i].guessed;
	if (!rc && guessed)
		puts("? is a guess, by a clock that nobody has set: it is corrected once the time is known (alzy status)");
	table_free(table);
	return rc;
}

int cli_session_list(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct session *sessions = NULL;
	double *distances_m = NULL;
	size_t count = 0;
	int64_t limit = LIST_DEFAULT;
	bool json = false, help;
	const struct arg args[] = {
		{"--limit", ARG_COUNT, &limit, "N", .help = "how many, newest first (20)"},
		{"--json", ARG_FLAG, &json, .help = "print an array of JSON"},
	};
	int rc = args_read(argc, argv, "alzy session list", "Lists the newest sessions.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	if (limit < 1 || limit > LIST_MAX)
		return err_set(e, ERR_USAGE, "--limit: 1 to %d", LIST_MAX);
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = store_session_list(cli.store, (size_t)limit, &sessions, &count, e);
	if (!rc)
		rc = distances_read(cli.store, sessions, count, &distances_m, e);
	if (!rc && json)
		print_list_json(sessions, distances_m, count);
	else if (!rc)
		rc = count ? print_list_table(sessions, distances_m, count, store_now_ms(cli.store, NULL), e)
		           : (puts("no sessions yet"), 0);
	free(distances_m);
	free(sessions);
	cli_close(&cli);
	return rc;
}

/* ---- show ---- */

/* The named session, else the open one, else the last one. */
static int find_session(struct store *store, const char *name, struct session *out, struct err *e)
{
	if (name)
		return store_session_by_name(store, name, out, e);
	bool found;
	int rc = store_session_open(store, out, &found, e);
	if (rc || found)
		return rc;
	struct session *last;
	size_t count;
	rc = store_session_list(store, 1, &last, &count, e);
	if (rc)
		return rc;
	if (count)
		*out = last[0];
	free(last);
	return count ? 0 : err_set(e, ERR_NOT_FOUND, "there are no sessions yet");
}

/* What is shown of a session. */
struct shown {
	struct session session;
	struct session_content content;
	struct summary summary;
	char lost[NAME_TEXT];
	int64_t now_ms;
};

static int add_point(const struct point *point, void *user, struct err *e)
{
	(void)e;
	summary_add(user, point);
	return 0;
}

static int read_shown(struct store *store, const char *name, struct shown *out, struct err *e)
{
	out->now_ms = store_now_ms(store, NULL);
	int rc = find_session(store, name, &out->session, e);
	if (!rc)
		rc = store_session_content(store, &out->session, &out->content, e);
	if (!rc)
		rc = store_session_lost(store, out->session.id, out->lost, e);
	struct point_filter filter = {.session = out->session.id};
	return rc ? rc : store_each_point(store, &filter, add_point, &out->summary, e);
}

static void print_show_json(const struct shown *shown)
{
	const struct session *session = &shown->session;
	const struct session_content *content = &shown->content;
	cJSON *object = cli_session_json(session);
	cJSON_AddNumberToObject(object, "duration_s", (double)(duration_ms(session, shown->now_ms) / 1000));
	cJSON_AddNumberToObject(object, "points", (double)content->points);
	cJSON_AddNumberToObject(object, "pruned", (double)content->pruned);
	cJSON_AddNumberToObject(object, "events", (double)content->events);
	json_add_time(object, "first_point_at", content->first_point_ms);
	json_add_time(object, "last_point_at", content->last_point_ms);
	json_add_time(object, "centre_changed_at", session->centre_revision);
	json_add_text_or_null(object, "lost_references", shown->lost);
	cJSON_AddItemToObject(object, "summary", summary_json(&shown->summary));
	cli_print_json(object);
}

static const char *or_none(const char *text)
{
	return *text ? text : "none named";
}

static void print_show_text(const struct shown *shown)
{
	const struct session *s = &shown->session;
	const struct session_content *content = &shown->content;
	char a[SHORT_TEXT], b[SHORT_TEXT], name[SHOWN_TEXT];
	printf("Session      %s\n", s->session_id);
	printf("Status       %s\n", session_status_name(s->status));
	printf("Started      %s, %s\n", time_text(s, s->started_at_ms, a), text_age(s->started_at_ms, shown->now_ms, b));
	if (s->status == SESSION_ENDED)
		printf("Ended        %s, %s\n", time_text(s, s->ended_at_ms, a), text_age(s->ended_at_ms, shown->now_ms, b));
	if (s->guessed)
		puts("             ? is a guess, by a clock that nobody has set: it is corrected once the time is known");
	printf("Duration     %s\n", text_duration(duration_ms(s, shown->now_ms), a));
	printf("User         %s\n", text_shown(or_none(s->user_id), name));
	printf("Machine      %s\n", text_shown(or_none(s->machine_id), name));
	printf("Application  %s\n", or_none(application_text(s, a)));
	printf("Points       %" PRId64 "\n", content->points);
	if (content->points)
		printf("             first %s, last %s\n", text_time(content->first_point_ms, a),
		       text_time(content->last_point_ms, b));
	if (content->pruned)
		printf("             %" PRId64 " more of that time are pruned here: what follows is of those that are left\n",
		       content->pruned);
	summary_print(&shown->summary);
	printf("Events       %" PRId64 "\n", content->events);
	if (s->centre_revision)
		printf("Changed      at the centre, %s\n", text_time(s->centre_revision, a));
	if (shown->lost[0])
		printf("Lost         %s: the centre knows nobody of that name, and holds the session without\n", shown->lost);
}

int cli_session_show(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct shown shown = {0};
	const char *name = NULL;
	bool json = false, help;
	const struct arg args[] = {
		{"SESSION", ARG_TEXT, &name, .help = "its id, or how that begins; the open or last one when left out"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc =
		args_read(argc, argv, "alzy session show", "Shows one session, and what it holds.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = read_shown(cli.store, name, &shown, e);
	if (!rc && json)
		print_show_json(&shown);
	else if (!rc)
		print_show_text(&shown);
	cli_close(&cli);
	return rc;
}
