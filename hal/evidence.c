#include "hal/evidence.h"

#include "hal/json.h"
#include "hal/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A unit that was just switched on needs so long until its agent starts. */
enum { BOOT_MS = 120000 };

static const struct {
	const char *name, *text;
} causes[] = {
#define X(name, text, help) {text, help},
	GAP_CAUSE_LIST(X)
#undef X
};

const char *gap_cause_name(enum gap_cause cause)
{
	return causes[cause].name;
}

const char *gap_cause_text(enum gap_cause cause)
{
	return causes[cause].text;
}

enum gap_cause gap_cause_by_name(const char *name)
{
	for (int cause = 0; cause < GAP_CAUSE_COUNT; cause++)
		if (!strcmp(causes[cause].name, name))
			return (enum gap_cause)cause;
	return GAP_UNKNOWN;
}

void evidence_free(struct evidence *ev)
{
	free(ev->entries);
	free(ev->spans);
	*ev = (struct evidence){0};
}

/* ---- the line of time -------------------------------------------------------------------------------------------- */

/* What follows from all that was said last. */
static enum gap_cause judge(const struct evidence *ev, const char **out_detail)
{
	*out_detail = "";
	if (ev->life == LIFE_ENDED) {
		*out_detail = ev->stop_reason;
		return GAP_AGENT_STOPPED;
	}
	if (ev->paused) {
		*out_detail = "by a person";
		return GAP_PAUSED;
	}
	if (ev->source)
		return ev->source;
	if (ev->life == LIFE_UNKNOWN)
		return GAP_UNKNOWN;
	if (ev->no_fix)
		return GAP_NO_FIX;
	if (!strcmp(ev->refused, "no_session"))
		return GAP_NO_SESSION;
	if (!strcmp(ev->refused, "no_time"))
		return GAP_TIME_UNKNOWN;
	*out_detail = ev->refused;
	return ev->refused[0] ? GAP_REFUSED : GAP_RECORDING;
}

static int add_entry(struct evidence *ev, int64_t at_ms, struct err *e)
{
	struct evidence_entry entry = {.at_ms = at_ms, .heartbeat_ms = ev->heartbeat_ms, .interval_ms = ev->interval_ms};
	const char *detail;
	entry.cause = judge(ev, &detail);
	snprintf(entry.detail, sizeof entry.detail, "%s", detail);
	const struct evidence_entry *last = ev->entry_count ? &ev->entries[ev->entry_count - 1] : NULL;
	if (last && last->cause == entry.cause && last->heartbeat_ms == entry.heartbeat_ms &&
	    last->interval_ms == entry.interval_ms && !strcmp(last->detail, entry.detail))
		return 0;
	int rc = list_grow(&ev->entries, ev->entry_count, &ev->entry_capacity, sizeof *ev->entries, "causes of gaps", e);
	if (!rc)
		ev->entries[ev->entry_count++] = entry;
	return rc;
}

static int add_span(struct evidence *ev, const struct evidence_span *span, struct err *e)
{
	if (span->from_ms >= span->to_ms)
		return 0;
	int rc = list_grow(&ev->spans, ev->span_count, &ev->span_capacity, sizeof *ev->spans, "causes of gaps", e);
	if (!rc)
		ev->spans[ev->span_count++] = *span;
	return rc;
}

/* ---- what each type of event says --------------------------------------------------------------------------------- */

static void get_text(const cJSON *payload, const char *name, char *out, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(payload, name));
	snprintf(out, size, "%s", text ? text : "");
}

/* Less than a century: nothing that is asked for here lasts longer. */
static int64_t get_seconds(const cJSON *payload, const char *name, int64_t absent)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(payload, name);
	bool good = cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble < 3.2e9;
	return good ? (int64_t)(value->valuedouble * 1000) : absent;
}

/* What ended the agent before this one, or before now: that it was not stopped, that the unit was off. An agent in the same boot that
 * was stopped has said so itself. */
static int add_absence(struct evidence *ev, int64_t at_ms, const char *boot, int64_t up_ms, struct err *e)
{
	struct evidence_span span = {.from_ms = ev->alive_ms, .to_ms = at_ms, .until_point = true};
	bool stopped = ev->life == LIFE_ENDED, other_boot = *boot && ev->boot[0] && strcmp(boot, ev->boot) != 0;
	if (ev->life == LIFE_UNKNOWN || (stopped && !other_boot))
		return 0;
	span.cause = other_boot ? GAP_UNIT_OFF : GAP_AGENT_KILLED;
	const char *detail = "";
	if (other_boot)
		detail = stopped ? "shut down" : ev->supply_lost ? "the supply failed" : "cut off";
	snprintf(span.detail, sizeof span.detail, "%s", detail);
	int64_t booted_ms = at_ms - up_ms;
	if (!other_boot || up_ms < BOOT_MS || booted_ms <= ev->alive_ms)
		return add_span(ev, &span, e);
	span.to_ms = booted_ms;
	int rc = add_span(ev, &span, e);
	if (rc)
		return rc;
	span = (struct evidence_span){
		.from_ms = booted_ms, .to_ms = at_ms, .cause = GAP_AGENT_STOPPED, .detail = "not started after boot"};
	return add_span(ev, &span, e);
}

static int on_agent_reload(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	(void)at_ms, (void)e;
	ev->heartbeat_ms = get_seconds(payload, "heartbeat_s", -1) + 1;
	ev->interval_ms = get_seconds(payload, "interval_s", -1) + 1;
	return 0;
}

static int on_agent_start(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	char boot[UUID_TEXT];
	get_text(payload, "boot", boot, sizeof boot);
	int rc = add_absence(ev, at_ms, boot, get_seconds(payload, "up_s", 0), e);
	strcpy(ev->boot, boot);
	ev->refused[0] = '\0';
	return rc ? rc : on_agent_reload(ev, at_ms, payload, e);
}

static int on_agent_stop(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	(void)at_ms, (void)e;
	get_text(payload, "reason", ev->stop_reason, sizeof ev->stop_reason);
	return 0;
}

/* What holds now, held already for as long as the event says. */
static int add_span_before(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	struct evidence_span span = {.from_ms = at_ms - get_seconds(payload, "for_s", 0), .to_ms = at_ms};
	const char *detail;
	span.cause = judge(ev, &detail);
	snprintf(span.detail, sizeof span.detail, "%s", detail);
	return add_span(ev, &span, e);
}

static int on_gnss_silent(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	static const struct {
		const char *said;
		enum gap_cause source;
	} silences[] = {{"gpsd", GAP_GPSD_SILENT},
	                {"no_receiver", GAP_NO_RECEIVER},
	                {"stuck", GAP_RECEIVER_STUCK},
	                {"no_time", GAP_TIME_UNKNOWN}};
	char said[16];
	get_text(payload, "cause", said, sizeof said);
	ev->source = GAP_RECEIVER_SILENT;
	for (size_t i = 0; i < sizeof silences / sizeof *silences; i++)
		if (!strcmp(said, silences[i].said))
			ev->source = silences[i].source;
	return add_span_before(ev, at_ms, payload, e);
}

static int on_fixes_refused(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	get_text(payload, "reason", ev->refused, sizeof ev->refused);
	return add_span_before(ev, at_ms, payload, e);
}

static int on_fixes_missing(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	static const char *const details[][2] = {{"recording", "the recording has a hole"},
	                                         {"time", "its time jumped ahead"}};
	struct evidence_span span = {
		.from_ms = at_ms - get_seconds(payload, "for_s", 0), .to_ms = at_ms, .cause = GAP_RECEIVER_SILENT};
	char reason[16];
	get_text(payload, "reason", reason, sizeof reason);
	for (size_t i = 0; i < sizeof details / sizeof *details; i++)
		if (!strcmp(reason, details[i][0]))
			snprintf(span.detail, sizeof span.detail, "%s", details[i][1]);
	return add_span(ev, &span, e);
}

static int on_fixes_kept(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	(void)at_ms, (void)payload, (void)e;
	ev->refused[0] = '\0';
	return 0;
}

static int on_overrun(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	struct evidence_span span = {.from_ms = at_ms - get_seconds(payload, "for_s", 0),
	                             .to_ms = at_ms,
	                             .cause = GAP_DROPPED,
	                             .detail = "the store was too slow"};
	return add_span(ev, &span, e);
}

static bool by_person(const cJSON *payload)
{
	char by[16];
	get_text(payload, "by", by, sizeof by);
	return !strcmp(by, "person");
}

static int on_session_pause(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	(void)at_ms, (void)e;
	/* What the agent has paused still gets its heartbeats. */
	ev->paused = by_person(payload);
	return 0;
}

static int on_session_other(struct evidence *ev, int64_t at_ms, const cJSON *payload, struct err *e)
{
	(void)at_ms, (void)payload, (void)e;
	ev->paused = false;
	if (!strcmp(ev->refused, "no_session"))
		ev->refused[0] = '\0';
	return 0;
}

enum author { AGENT, AGENT_OR_PERSON };
enum change { SAME, NO, YES };
static const struct said {
	const char *type;
	enum author author; /* whether it shows that an agent was running */
	int source;         /* what becomes of the source: GAP_UNKNOWN, it speaks; -1: that stays as it was … */
	enum change no_fix; /* … and of the want of a fix … */
	enum change supply_lost;
	int (*take)(struct evidence *ev, int64_t at_ms, const cJSON *payload,
	            struct err *e); /* more than that; may be NULL */
} table[] = {
	{"agent_start", AGENT, GAP_UNKNOWN, YES, NO, on_agent_start},
	{"agent_stop", AGENT, -1, SAME, SAME, on_agent_stop},
	{"agent_reload", AGENT, -1, SAME, SAME, on_agent_reload},
	{"fix_lost", AGENT, -1, YES, SAME, NULL},
	{"fix_regained", AGENT, GAP_UNKNOWN, NO, SAME, NULL},
	{"gnss_gone", AGENT, GAP_GPSD_GONE, YES, SAME, NULL},
	{"gnss_back", AGENT, GAP_UNKNOWN, SAME, SAME, NULL},
	{"gnss_silent", AGENT, -1, YES, SAME, on_gnss_silent},
	{"gnss_heard", AGENT, GAP_UNKNOWN, SAME, SAME, NULL},
	{"fixes_refused", AGENT, -1, SAME, SAME, on_fixes_refused},
	{"fixes_missing", AGENT, -1, SAME, SAME, on_fixes_missing},
	{"fixes_kept", AGENT, -1, SAME, SAME, on_fixes_kept},
	{"overrun", AGENT, -1, SAME, SAME, on_overrun},
	{"power_lost", AGENT, -1, SAME, YES, NULL},
	{"power_back", AGENT, -1, SAME, NO, NULL},
	{"receiver_changed", AGENT, -1, SAME, SAME, NULL},
	{"ignition_on", AGENT, -1, SAME, SAME, NULL},
	{"ignition_off", AGENT, -1, SAME, SAME, NULL},
	{"input_lost", AGENT, -1, SAME, SAME, NULL},
	{"input_back", AGENT, -1, SAME, SAME, NULL},
	{"session_start", AGENT_OR_PERSON, -1, SAME, SAME, on_session_other},
	{"session_resume", AGENT_OR_PERSON, -1, SAME, SAME, on_session_other},
	{"session_end", AGENT_OR_PERSON, -1, SAME, SAME, on_session_other},
	{"session_pause", AGENT_OR_PERSON, -1, SAME, SAME, on_session_pause},
};

static int take(struct evidence *ev, const struct said *said, const struct event *event, struct err *e)
{
	cJSON *payload = NULL;
	if (event->payload && json_parse(event->payload, strlen(event->payload), &payload, NULL))
		payload = NULL;
	int rc = said->take ? said->take(ev, event->event_at_ms, payload, e) : 0;
	if (said->source >= 0)
		ev->source = (enum gap_cause)said->source;
	if (said->no_fix)
		ev->no_fix = said->no_fix == YES;
	if (said->supply_lost)
		ev->supply_lost = said->supply_lost == YES;
	/* How a session has ended may be found out only when the next agent starts: that is no sign of life from in between. */
	bool alive = said->author == AGENT || (!by_person(payload) && ev->life != LIFE_ENDED);
	if (alive) {
		ev->life = said->take == on_agent_stop ? LIFE_ENDED : LIFE_RUNNING;
		ev->alive_ms = event->event_at_ms;
	}
	cJSON_Delete(payload);
	return rc ? rc : add_entry(ev, event->event_at_ms, e);
}

int evidence_add(struct evidence *ev, const struct event *event, struct err *e)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (!strcmp(event->event_type, table[i].type))
			return take(ev, &table[i], event, e);
	return 0;
}

const char *evidence_types(char *out, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < sizeof table / sizeof *table && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%c%s", i ? ',' : '{', table[i].type);
	if (at < size)
		snprintf(out + at, size - at, "}");
	return out;
}

int evidence_not_running(struct evidence *ev, int64_t now_ms, const char *boot, int64_t up_ms, struct err *e)
{
	return add_absence(ev, now_ms, boot, up_ms, e);
}

int evidence_known(struct evidence *ev, int64_t from_ms, int64_t to_ms, enum gap_cause cause, struct err *e)
{
	struct evidence_span span = {.from_ms = from_ms, .to_ms = to_ms, .cause = cause};
	return add_span(ev, &span, e);
}
