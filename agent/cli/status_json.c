#include "agent/cli/status.h"
#include "agent/sight.h"
#include "hal/json.h"

#include <stdio.h>
#include <string.h>

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
	cJSON_AddBoolToObject(agent, "running", s->running || s->mute_agent);
	add_number_or_null(agent, "pid", s->running ? live->pid : s->mute_agent ? s->mute_agent : -1);
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
	const struct point *p = status_fix(s);
	const struct live_facts *live = &s->live;
	if (!p) {
		cJSON_AddNullToObject(object, "fix");
		return;
	}
	cJSON *fix = cJSON_AddObjectToObject(object, "fix");
	cJSON_AddBoolToObject(fix, "live", status_fix_is_live(s));
	json_add_scaled(fix, "lat", p->lat_e7, 10000000);
	json_add_scaled(fix, "lng", p->lng_e7, 10000000);
	add_number_or_null(fix, "mode", status_fix_is_live(s) ? live->sight.mode : -1);
	cJSON_AddNumberToObject(fix, "age_s", (double)(status_fix_age_ms(s) / 1000));
	json_add_scaled(fix, "accuracy", p->accuracy_dm, 10);
	json_add_scaled(fix, "speed", p->speed_cmps, 100);
	json_add_scaled(fix, "heading", p->heading_ddeg, 10);
	json_add_scaled(fix, "altitude", p->altitude_dm, 10);
	cJSON_AddStringToObject(fix, "source", point_source_name((enum point_source)p->source));
	add_number_or_null(fix, "satellites_used", status_fix_is_live(s) ? live->sight.satellites_used : -1);
	add_number_or_null(fix, "satellites_seen", status_fix_is_live(s) ? live->sight.satellites_seen : -1);
	json_add_scaled(fix, "hdop", status_fix_is_live(s) ? live->sight.hdop_centi : ROW_ABSENT, 100);
	json_add_time(fix, "recorded_at", p->recorded_at_ms + (status_fix_is_live(s) ? s->live.time.shift * ERA_MS : 0));
}

static void add_sky(cJSON *object, struct store *store, const struct status *s)
{
	struct satellite satellites[SKY_SATELLITES_MAX];
	cJSON_AddItemToObject(object, "satellites", sky_json(satellites, status_sky(store, s, satellites)));
}

static void add_session(cJSON *object, const struct status *s)
{
	cJSON *session = s->keeping.open ? cli_session_json(&s->keeping.session) : cJSON_CreateNull();
	bool paused = s->keeping.open && s->keeping.session.status == SESSION_PAUSED;
	if (s->keeping.open)
		json_add_text_or_null(session, "paused_by", !paused ? "" : s->keeping.held ? "person" : "agent");
	cJSON_AddItemToObject(object, "session", session);
}

cJSON *status_json(struct store *store, const struct status *s)
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
