#include "agent/capture.h"

#include "agent/epoch.h"
#include "agent/sight.h"
#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/json.h"
#include "store/event_types.h"

#include <stdlib.h>
#include <string.h>

struct waiting_event {
	enum event_type type;
	int64_t at_ms;
	bool in_session; /* belongs to the session that is open when it is written */
	char *payload;   /* owned */
};

struct capture {
	struct store *store;          /* borrowed */
	const struct conf_unit *conf; /* borrowed */
	struct epoch epoch;
	struct live_facts facts; /* counts, and what the receiver said: its last position is the best clock there is */

	bool fixed; /* the receiver has a fix: its loss is news */
	bool gone;  /* the source is away: its return is news */

	struct session session; /* the open one, as last read; id 0: none */
	bool paused_by_agent;
	int64_t kept_session, kept_ms; /* whose and when the last kept fix was */

	struct point *points; /* waiting; those without a session yet are for the one that the next commit opens */
	size_t point_count, point_room;
	int64_t oldest_ms; /* when the first of them was read, monotonic */
	bool opening;      /* the next commit opens a session, or resumes one that the agent has paused … */
	size_t opening_at; /* … for the points from here */
	struct waiting_event events[CAPTURE_EVENTS_MAX];
	size_t event_count;
	int64_t dropped; /* fixes that found no room, not yet told by an event */
	bool stopping;   /* the next commit ends or pauses the session */
	bool failing;
	int64_t retry_ms;    /* while failing: not before … */
	int64_t patience_ms; /* … and that much later than the last try */
};

/* ---- the clock of events ------------------------------------------------------------------------------------ */

static int64_t now_ms(const struct capture *c, int64_t mono_ms)
{
	const struct live_sight *sight = &c->facts.sight;
	int64_t now = sight->has_fix ? sight->fix.recorded_at_ms + (mono_ms - sight->fix_mono_ms) : clock_wall_ms();
	return now < TIME_MS_MAX ? now : TIME_MS_MAX;
}

/* ---- events --------------------------------------------------------------------------------------------------- */

/* Takes over `payload`, an object. Without memory an event goes without its payload rather than not at all. */
static void add_event(struct capture *c, enum event_type type, int64_t at_ms, bool in_session, cJSON *payload)
{
	if (c->event_count < CAPTURE_EVENTS_MAX)
		c->events[c->event_count++] = (struct waiting_event){type, at_ms, in_session, json_print(payload)};
	cJSON_Delete(payload);
}

static void clear_events(struct capture *c)
{
	for (size_t i = 0; i < c->event_count; i++)
		free(c->events[i].payload);
	c->event_count = 0;
}

static void event_fix_lost(struct capture *c, const struct gnss_report *report)
{
	if (!c->fixed)
		return;
	c->fixed = false;
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "mode", report->mode);
	add_event(c, EVENT_FIX_LOST, now_ms(c, report->mono_ms), true, payload);
}

static void event_fix_regained(struct capture *c, const struct gnss_report *fix)
{
	if (c->fixed)
		return;
	c->fixed = true;
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "mode", fix->mode);
	json_add_text_or_null(payload, "device", fix->device);
	add_event(c, EVENT_FIX_REGAINED, fix->fix.recorded_at_ms, true, payload);
}

static void event_overrun(struct capture *c, int64_t reports)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "reports", (double)reports);
	add_event(c, EVENT_OVERRUN, now_ms(c, clock_mono_ms()), true, payload);
}

void capture_overrun(struct capture *c, int64_t reports)
{
	c->facts.overrun += reports;
	event_overrun(c, reports);
}

/* ---- the session ---------------------------------------------------------------------------------------------- */

/* Reads the events backwards to the last session_pause: who wrote it? */
static int find_who_paused(struct capture *c, struct err *e)
{
	enum { CHUNK = 64 };
	struct event events[CHUNK];
	int64_t last;
	bool found = false;
	int rc = store_last_seq(c->store, STREAM_EVENTS, &last, e);
	c->paused_by_agent = false;
	for (; !rc && !found && last > 0; last -= CHUNK) {
		struct ranges ranges = {0};
		size_t count = 0;
		rc = ranges_add(&ranges, last > CHUNK ? last - CHUNK + 1 : 1, last, e);
		if (!rc)
			rc = store_read_events(c->store, &ranges, events, CHUNK, &count, e);
		ranges_free(&ranges);
		for (size_t i = rc ? 0 : count; i-- > 0;) {
			const struct event *event = &events[i];
			if (!found && !strcmp(event->event_type, event_type_text(EVENT_SESSION_PAUSE))) {
				found = true;
				c->paused_by_agent = event->payload && strstr(event->payload, session_actor_name(SESSION_BY_AGENT));
			}
			event_free(&events[i]);
		}
	}
	return rc;
}

static int read_session(struct capture *c, struct err *e)
{
	struct session session = {0};
	bool found;
	int rc = store_session_open(c->store, &session, &found, e);
	if (rc)
		return rc;
	c->session = found ? session : (struct session){0};
	return found && session.status == SESSION_PAUSED ? find_who_paused(c, e) : 0;
}

void capture_notice(struct capture *c)
{
	bool changed;
	/* When the store can't tell, what is known goes on. */
	if (!store_changed(c->store, &changed, NULL) && changed)
		read_session(c, NULL);
}

static bool session_active(const struct capture *c)
{
	return c->session.id && c->session.status == SESSION_ACTIVE;
}

/* Whether a fix is to be kept, and with it, whether a session must be opened for it. */
static bool wanted(const struct capture *c, bool *out_opens)
{
	bool automatic = c->conf->capture_session == CAPTURE_SESSION_AUTO;
	*out_opens = !session_active(c) && automatic && (!c->session.id || c->paused_by_agent);
	return session_active(c) || *out_opens;
}

/* ---- fixes ---------------------------------------------------------------------------------------------------- */

static bool make_room(struct capture *c)
{
	if (c->point_count < c->point_room)
		return true;
	size_t room = c->point_room ? c->point_room * 2 : 64;
	struct point *points = room <= CAPTURE_WAITING_MAX ? realloc(c->points, room * sizeof *points) : NULL;
	if (!points)
		return false;
	c->points = points;
	c->point_room = room;
	return true;
}

static void keep(struct capture *c, const struct gnss_report *fix, bool opens)
{
	if (!make_room(c)) {
		c->dropped++;
		c->facts.overrun++;
		return;
	}
	if (opens && !c->opening) {
		c->opening = true;
		c->opening_at = c->point_count;
	}
	if (!c->point_count)
		c->oldest_ms = fix->mono_ms;
	struct point *point = &c->points[c->point_count++];
	*point = fix->fix;
	point->session = opens ? 0 : (int32_t)c->session.id;
	c->kept_session = point->session;
	c->kept_ms = point->recorded_at_ms;
	c->facts.kept++;
}

static void take_fix(struct capture *c, const struct gnss_report *fix)
{
	bool opens;
	c->facts.epochs++;
	event_fix_regained(c, fix);
	if (wanted(c, &opens))
		keep(c, fix, opens);
	else
		c->facts.refused_no_session++;
}

/* ---- the commit ----------------------------------------------------------------------------------------------- */

/* Opens the session that the points from opening_at are waiting for; what a person did meanwhile goes first. */
static int write_opening(struct capture *c, struct err *e)
{
	int64_t at_ms = c->points[c->opening_at].recorded_at_ms;
	int rc = read_session(c, e);
	if (!rc && !c->session.id)
		rc = store_session_start(c->store, &(struct session){0}, at_ms, SESSION_BY_AGENT, &c->session, e);
	else if (!rc && c->session.status == SESSION_PAUSED && c->paused_by_agent)
		rc = store_session_change(c->store, SESSION_ACTIVE, at_ms, SESSION_BY_AGENT, &c->session, e);
	for (size_t i = c->opening_at; !rc && i < c->point_count; i++)
		c->points[i].session = (int32_t)c->session.id;
	return rc;
}

/* A session in which nothing was recorded yet was started by a person: it is left to the next start. */
static int write_ending(struct capture *c, struct err *e)
{
	struct session_content content = {0};
	int rc = read_session(c, e);
	if (rc || !session_active(c) || c->conf->capture_session != CAPTURE_SESSION_AUTO)
		return rc;
	rc = store_session_content(c->store, &c->session, &content, e);
	if (rc || !content.points)
		return rc;
	int64_t at_ms = c->kept_session == c->session.id ? c->kept_ms : content.last_point_ms;
	enum session_status status = c->conf->capture_stop == CAPTURE_STOP_PAUSE ? SESSION_PAUSED : SESSION_ENDED;
	rc = store_session_change(c->store, status, at_ms, SESSION_BY_AGENT, &c->session, e);
	if (!rc && status == SESSION_ENDED)
		c->session = (struct session){0};
	return rc;
}

static int write_events(struct capture *c, const char *session_id, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < c->event_count; i++) {
		const struct waiting_event *waiting = &c->events[i];
		struct event event = {.event_at_ms = waiting->at_ms, .payload = waiting->payload};
		strcpy(event.event_type, event_type_text(waiting->type));
		if (waiting->in_session)
			strcpy(event.session_id, session_id);
		rc = store_append_event(c->store, &event, e);
	}
	return rc;
}

static int write_rows(struct capture *c, struct err *e)
{
	int rc = c->opening ? write_opening(c, e) : 0;
	if (!rc && c->opening && c->kept_session == 0)
		c->kept_session = c->session.id;
	if (!rc && c->point_count)
		rc = store_append_points(c->store, c->points, c->point_count, e);
	char session_id[UUID_TEXT];
	strcpy(session_id, c->session.id ? c->session.session_id : "");
	if (!rc && c->stopping)
		rc = write_ending(c, e);
	return rc ? rc : write_events(c, session_id, e);
}

/* After a commit. That fixes had found no room can be told now that there is some. */
static void let_go(struct capture *c)
{
	clear_events(c);
	if (c->dropped)
		event_overrun(c, c->dropped);
	c->dropped = 0;
	c->point_count = 0;
	c->opening = false;
	if (c->point_room > 4096) {
		free(c->points);
		c->points = NULL;
		c->point_room = 0;
	}
}

static int commit(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	struct session before = c->session;
	int64_t kept_session = c->kept_session;
	int rc = store_begin(c->store, e);
	if (!rc) {
		rc = write_rows(c, e);
		if (rc)
			store_rollback(c->store);
		else
			rc = store_commit(c->store, e);
	}
	c->failing = rc != 0;
	if (!rc) {
		c->patience_ms = 0;
		let_go(c);
		return 0;
	}
	c->patience_ms = c->patience_ms * 2 < CAPTURE_RETRY_MOST_MS ? c->patience_ms * 2 : CAPTURE_RETRY_MOST_MS;
	c->patience_ms = c->patience_ms > CAPTURE_RETRY_MS ? c->patience_ms : CAPTURE_RETRY_MS;
	c->retry_ms = now_mono_ms + c->patience_ms;
	/* Nothing of it has happened. */
	c->session = before;
	c->kept_session = kept_session;
	return rc;
}

int64_t capture_deadline(const struct capture *c)
{
	int64_t due_ms = INT64_MAX;
	if (c->event_count || c->opening || (int64_t)c->point_count >= c->conf->commit_points)
		due_ms = INT64_MIN;
	else if (c->point_count)
		due_ms = c->oldest_ms + c->conf->commit_interval_ms;
	return c->failing && due_ms < c->retry_ms ? c->retry_ms : due_ms;
}

static int commit_if_due(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	return now_mono_ms >= capture_deadline(c) ? commit(c, now_mono_ms, e) : 0;
}

/* ---- reports -------------------------------------------------------------------------------------------------- */

static void on_bad(struct capture *c, const struct gnss_report *report)
{
	(void)report;
	c->facts.refused_bad++;
}

static void on_gone(struct capture *c, const struct gnss_report *report)
{
	c->gone = true;
	add_event(c, EVENT_GNSS_GONE, now_ms(c, report->mono_ms), true, NULL);
	event_fix_lost(c, report);
}

static void on_back(struct capture *c, const struct gnss_report *report)
{
	if (c->gone)
		add_event(c, EVENT_GNSS_BACK, now_ms(c, report->mono_ms), true, NULL);
	c->gone = false;
}

static void (*const on_report[])(struct capture *c, const struct gnss_report *report) = {
	[GNSS_NO_FIX] = event_fix_lost, [GNSS_BAD] = on_bad, [GNSS_GONE] = on_gone,
	[GNSS_BACK] = on_back,          [GNSS_END] = NULL,
};

int capture_feed(struct capture *c, const struct gnss_report *report, struct err *e)
{
	struct gnss_report fix;
	if (epoch_feed(&c->epoch, report, &fix))
		take_fix(c, &fix);
	bool news = sight_feed(&c->facts.sight, report);
	if (news && on_report[report->kind])
		on_report[report->kind](c, report);
	c->facts.reports += report->kind <= GNSS_BAD;
	return commit_if_due(c, report->mono_ms, e);
}

int capture_tick(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	struct gnss_report fix;
	if (epoch_tick(&c->epoch, now_mono_ms, &fix))
		take_fix(c, &fix);
	return commit_if_due(c, now_mono_ms, e);
}

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

int capture_open(struct capture **out, struct store *store, const struct conf_unit *conf, bool source_waits,
                 struct err *e)
{
	struct capture *c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ERR_MEMORY, "out of memory for capture");
	c->store = store;
	c->conf = conf;
	c->epoch.silence_ms = source_waits ? 0 : EPOCH_SILENCE_MS;
	sight_clear(&c->facts.sight);
	int rc = read_session(c, e);
	if (rc) {
		capture_free(c);
		return rc;
	}
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "version", ALZY_VERSION);
	cJSON_AddStringToObject(payload, "boot", boot_id());
	add_event(c, EVENT_AGENT_START, clock_wall_ms(), false, payload);
	*out = c;
	return 0;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	clear_events(c);
	free(c->points);
	free(c);
}

static cJSON *stop_payload(const struct capture *c, const char *reason)
{
	struct live_facts facts;
	capture_facts(c, &facts);
	const struct {
		const char *name;
		int64_t count;
	} counts[] = {
		{"reports", facts.reports},
		{"epochs", facts.epochs},
		{"kept", facts.kept},
		{"refused_no_time", facts.refused_no_time},
		{"refused_bad", facts.refused_bad},
		{"refused_no_session", facts.refused_no_session},
		{"refused_late", facts.refused_late},
		{"overrun", facts.overrun},
	};
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "reason", reason);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cJSON_AddNumberToObject(payload, counts[i].name, (double)counts[i].count);
	return payload;
}

int capture_stop(struct capture *c, const char *reason, int64_t now_mono_ms, struct err *e)
{
	struct gnss_report fix;
	if (epoch_close(&c->epoch, &fix))
		take_fix(c, &fix);
	c->stopping = true;
	add_event(c, EVENT_AGENT_STOP, now_ms(c, now_mono_ms), false, stop_payload(c, reason));
	int rc = commit(c, now_mono_ms, e);
	return !rc && c->event_count ? commit(c, now_mono_ms, e) : rc;
}

bool capture_wants_session(const struct capture *c)
{
	bool opens;
	wanted(c, &opens);
	return opens;
}

bool capture_failing(const struct capture *c)
{
	return c->failing;
}

const struct session *capture_session(const struct capture *c)
{
	return c->session.id ? &c->session : NULL;
}

void capture_facts(const struct capture *c, struct live_facts *out)
{
	*out = c->facts;
	out->waiting_points = (int64_t)c->point_count;
	out->refused_no_time = c->epoch.no_time;
	out->refused_late = c->epoch.late;
}
