#include "agent/capture.h"

#include "agent/epoch.h"
#include "agent/journey.h"
#include "agent/payloads.h"
#include "agent/pending.h"
#include "agent/receivers.h"
#include "agent/sampler.h"
#include "agent/sight.h"
#include "agent/silence.h"
#include "agent/timekeeper.h"
#include "agent/trips.h"
#include "hal/clock.h"
#include "store/event_types.h"

#include <stdlib.h>
#include <string.h>

struct capture {
	struct store *store;          /* borrowed */
	const struct conf_unit *conf; /* borrowed */
	struct receivers receivers;
	struct epoch epoch;
	struct live_facts facts; /* counts, and what the receiver said */
	struct timekeeper time;

	/* Fixes whose time is far from what is known, as long as they may stand alone. */
	struct gnss_report strays[TIMEBASE_STRAYS - 1];
	int stray_count;

	struct sampling told; /* how seldom points are due, by the last event that says so */

	bool fixed;         /* the receiver has a fix: its loss is news */
	bool gone;          /* the source is away: its return is news */
	bool ignition_lost; /* it can't be read */

	struct sampler sampler;
	struct silence silence;
	struct trips trips;
	struct journey journey;
	struct pending pending;
	int32_t session; /* of the points from now on: sessions.id, 0 or PENDING_SESSION */
	int64_t kept_ms; /* when the last of them was recorded; 0: none was */
	bool at_rest;    /* it has just come to rest: what waits is to be committed */
	bool at_end;     /* of a recording */
	bool stopping;   /* the next commit is the last */
	bool failing;
	int64_t retry_ms;    /* while failing: not before … */
	int64_t patience_ms; /* … and that much later than the last try */
};

/* ---- what is kept --------------------------------------------------------------------------------------------- */

/* Parked, too, there is a heartbeat outside any session; but not while a person says that nothing is to be recorded. */
static bool wanted(const struct capture *c)
{
	if (c->conf->capture_session == CAPTURE_SESSION_MANUAL)
		return c->trips.state == TRIPS_ACTIVE;
	return c->trips.state != TRIPS_HELD;
}

static bool keep(struct capture *c, const struct point *fix, int64_t mono_ms)
{
	struct point point = *fix;
	point.session = c->session;
	bool kept = pending_point(&c->pending, &point, mono_ms);
	*(kept ? &c->facts.kept : &c->facts.overrun) += 1;
	if (kept)
		c->kept_ms = point.recorded_at_ms;
	return kept;
}

/* One that was thinned is needed after all. */
static void keep_after_all(struct capture *c, const struct point *fix, enum verdict why, int64_t mono_ms)
{
	c->facts.verdicts[VERDICT_THINNED]--;
	if (keep(c, fix, mono_ms))
		c->facts.verdicts[why]++;
}

/* Nothing follows, for a while or for good. */
static void keep_last(struct capture *c, int64_t mono_ms)
{
	struct point last;
	if (wanted(c) && sampler_last(&c->sampler, &last))
		keep_after_all(c, &last, VERDICT_KEPT_LAST, mono_ms);
}

/* ---- events --------------------------------------------------------------------------------------------------- */

/* Of the open session, if there is one. Takes the payload. */
static void tell(struct capture *c, enum event_type type, int64_t mono_ms, cJSON *payload)
{
	pending_event(&c->pending, type, timekeeper_at(&c->time, mono_ms), true, payload);
}

static void event_fix_lost(struct capture *c, const struct gnss_report *report)
{
	silence_other(&c->silence);
	if (!c->fixed)
		return;
	c->fixed = false;
	keep_last(c, report->mono_ms);
	tell(c, EVENT_FIX_LOST, report->mono_ms, payload_fix_lost(report));
}

static void event_fix_regained(struct capture *c, const struct gnss_report *fix)
{
	if (c->fixed)
		return;
	c->fixed = true;
	pending_event(&c->pending, EVENT_FIX_REGAINED, timekeeper_of_fix(&c->time, fix), true, payload_fix_regained(fix));
}

/* What was lost, was lost since the last fix that was kept. */
static void event_overrun(struct capture *c, int64_t reports)
{
	struct moment at = timekeeper_at(&c->time, clock_mono_ms());
	int64_t for_ms = c->facts.kept && at.at_ms > c->kept_ms ? at.at_ms - c->kept_ms : 0;
	pending_event(&c->pending, EVENT_OVERRUN, at, true, payload_overrun(reports, for_ms));
}

/* What silence has to tell. */
static void event_silence(struct capture *c, struct silence_news news, int64_t mono_ms)
{
	if (!news.refused && !news.kept)
		return;
	tell(c, news.refused ? EVENT_FIXES_REFUSED : EVENT_FIXES_KEPT, mono_ms - (news.kept ? news.for_ms : 0),
	     payload_silence(&news));
}

static void event_missing(struct capture *c, const struct gnss_report *fix)
{
	const char *why;
	int64_t for_ms = silence_fix(&c->silence, fix->fix.recorded_at_ms, fix->mono_ms, !c->epoch.silence_ms, &why);
	if (!for_ms)
		return;
	pending_event(&c->pending, EVENT_FIXES_MISSING, timekeeper_of_fix(&c->time, fix), true,
	              payload_missing(why, for_ms));
}

static void tell_silence(struct capture *c, int reason, int64_t mono_ms)
{
	int64_t at_ms = silence_now(&c->silence, mono_ms, timekeeper_at(&c->time, mono_ms).at_ms);
	if (reason == VERDICT_REFUSED_NO_SESSION && c->trips.state == TRIPS_HELD)
		silence_other(&c->silence); /* paused by a person: that has an event */
	else if (reason > VERDICT_THINNED)
		event_silence(c, silence_refused(&c->silence, reason, at_ms), mono_ms);
	else
		event_silence(c, silence_good(&c->silence, at_ms), mono_ms);
}

void capture_overrun(struct capture *c, int64_t reports)
{
	c->facts.overrun += reports;
	event_overrun(c, reports);
}

/* ---- the session ---------------------------------------------------------------------------------------------- */

static struct trips_rules rules_of(const struct capture *c)
{
	const struct conf_unit *conf = c->conf;
	bool unknown = c->ignition_lost || !strcmp(conf->ignition, "none");
	bool movement = conf->capture_session == CAPTURE_SESSION_IGNITION && unknown;
	return (struct trips_rules){.mode = movement ? CAPTURE_SESSION_AUTO : (enum capture_session)conf->capture_session,
	                            .stop_timeout_ms = conf->stop_timeout_ms,
	                            .end_timeout_ms = conf->end_timeout_ms,
	                            .resumes = conf->capture_resume == CAPTURE_RESUME_MOVEMENT};
}

static void carry_out(struct capture *c, const struct trips_decision *decision)
{
	pending_change(&c->pending, decision, c->session);
	if (decision->to == SESSION_ENDED)
		c->session = 0;
	else if (!c->session)
		c->session = PENDING_SESSION;
}

static void decide(struct capture *c)
{
	struct trips_rules rules = rules_of(c);
	struct trips_decision decision;
	/* At most: paused, ended, and another one started. */
	for (int i = 0; i < 3 && trips_decide(&c->trips, &rules, &decision); i++)
		carry_out(c, &decision);
}

/* After the store was read or written. What a person begins, begins with a fix. */
static void follow_session(struct capture *c)
{
	enum trips_state state = journey_state(&c->journey);
	int32_t id = (int32_t)c->journey.session.id;
	if (state != c->trips.state || (c->session != id && c->session != PENDING_SESSION)) {
		trips_changed(&c->trips, state);
		sampler_begin_anew(&c->sampler);
	}
	c->session = id;
}

void capture_notice(struct capture *c)
{
	bool changed;
	/* When the store can't tell, what is known goes on. */
	if (store_changed(c->store, &changed, NULL) || !changed)
		return;
	timekeeper_notice(&c->time, c->store);
	/* What waits to be changed is compared when it is written. */
	if (!c->pending.change_count && !journey_read(&c->journey, c->store, NULL))
		follow_session(c);
}

/* ---- fixes ---------------------------------------------------------------------------------------------------- */

/* Those that were held back are kept after all, before the one that shows that they are needed. */
static void keep_recalled(struct capture *c, int64_t mono_ms)
{
	for (size_t i = 0; i < c->sampler.recalled_count; i++)
		keep_after_all(c, &c->sampler.held[i], VERDICT_KEPT_DEPARTURE, mono_ms);
}

static void use_fix(struct capture *c, struct gnss_report *fix)
{
	struct sampling sampling = sampling_of(c->conf);
	enum motion_state before = c->sampler.motion.state;
	c->facts.epochs++;
	event_fix_regained(c, fix);
	if (sampler_hole(&c->sampler, &fix->fix))
		keep_last(c, fix->mono_ms);
	enum verdict verdict = sampler_feed(&c->sampler, &sampling, &fix->fix, fix->simulated);
	bool good = verdict <= VERDICT_THINNED;
	if (verdict != VERDICT_REFUSED_REPEATED)
		event_missing(c, fix);
	/* A silence that was too long ended a journey before this fix came. */
	if (good) {
		trips_time(&c->trips, fix->fix.recorded_at_ms);
		decide(c);
	}
	if (wanted(c)) {
		keep_recalled(c, fix->mono_ms);
	} else {
		verdict = VERDICT_REFUSED_NO_SESSION;
		c->sampler.passed_by = false;
	}
	if (!verdict_kept(verdict) || keep(c, &fix->fix, fix->mono_ms))
		c->facts.verdicts[verdict]++;
	tell_silence(c, (int)verdict, fix->mono_ms);
	if (good) {
		trips_fix(&c->trips, &c->sampler.motion, fix->fix.recorded_at_ms, fix->mono_ms);
		decide(c);
	} else if (c->sampler.went) {
		trips_followed(&c->trips, fix->fix.recorded_at_ms, fix->mono_ms);
	}
	c->at_rest = c->at_rest || (before == MOTION_MOVING && c->sampler.motion.state == MOTION_STANDING);
}

static void refuse_strays(struct capture *c)
{
	for (int i = 0; i < c->stray_count; i++) {
		c->facts.epochs++;
		c->facts.verdicts[VERDICT_REFUSED_TIME]++;
		tell_silence(c, VERDICT_REFUSED_TIME, c->strays[i].mono_ms);
	}
	c->stray_count = 0;
}

/* One fix that is days ahead would end a journey, and be the last of its store for days. So those whose time is far from what is
 * known wait for others that go on from them; then they are believed, from the first on. */
static void take_fix(struct capture *c, struct gnss_report *fix)
{
	int strays = 0;
	if (!fix->simulated || sampling_of(c->conf).simulated)
		strays = timekeeper_fix(&c->time, fix, &c->pending);
	if (strays < 2)
		refuse_strays(c);
	if (strays > 0 && strays < TIMEBASE_STRAYS) {
		c->strays[c->stray_count++] = *fix;
		return;
	}
	for (int i = 0; i < c->stray_count; i++)
		use_fix(c, &c->strays[i]);
	c->stray_count = 0;
	use_fix(c, fix);
}

/* ---- the commit ----------------------------------------------------------------------------------------------- */

static int write_rows(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	int rc = timekeeper_write(&c->time, c->store, now_mono_ms, &c->pending, e);
	if (!rc)
		rc = pending_write(&c->pending, &c->journey, c->store, e);
	return rc || !c->stopping ? rc : timekeeper_close(&c->time, c->store, now_mono_ms, e);
}

/* After a commit. That fixes had found no room can be told now that there is some. */
static void let_go(struct capture *c)
{
	int64_t dropped = c->pending.dropped;
	bool changed = c->pending.change_count;
	pending_clear(&c->pending);
	c->time.unwritten = false;
	if (dropped)
		event_overrun(c, dropped);
	c->at_rest = false;
	if (changed)
		follow_session(c);
}

static int commit(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	struct journey before = c->journey;
	int rc = store_begin(c->store, e);
	if (!rc)
		rc = store_end(c->store, write_rows(c, now_mono_ms, e), e);
	c->failing = rc != 0;
	if (!rc) {
		c->patience_ms = 0;
		let_go(c);
		return 0;
	}
	c->patience_ms = c->patience_ms * 2 < CAPTURE_RETRY_MOST_MS ? c->patience_ms * 2 : CAPTURE_RETRY_MOST_MS;
	c->patience_ms = c->patience_ms > CAPTURE_RETRY_MS ? c->patience_ms : CAPTURE_RETRY_MS;
	c->retry_ms = now_mono_ms + c->patience_ms;
	c->journey = before; /* nothing of it has happened */
	return rc;
}

/* What may be the first fixes of a journey is not written before it is known of which. */
static bool undecided(const struct capture *c)
{
	return c->trips.state == TRIPS_NONE && c->sampler.motion.state != MOTION_MOVING && c->sampler.motion.run.count;
}

static int64_t commit_deadline(const struct capture *c)
{
	const struct pending *p = &c->pending;
	int64_t due_ms = p->point_count ? p->oldest_ms + c->conf->commit_interval_ms : INT64_MAX;
	bool urgent = p->event_count || p->change_count || c->time.unwritten || (c->at_rest && p->point_count) ||
	              (int64_t)p->point_count >= c->conf->commit_points;
	if (urgent && !(p->point_count && undecided(c)))
		due_ms = INT64_MIN;
	return c->failing && due_ms < c->retry_ms ? c->retry_ms : due_ms;
}

/* The open epoch waits as the points do, once it is closed; which it is then, by the next or by silence. */
int64_t capture_deadline(const struct capture *c)
{
	int64_t commit_ms = commit_deadline(c), close_ms = epoch_deadline(&c->epoch);
	int64_t epoch_ms = c->epoch.best.mono_ms + c->conf->commit_interval_ms;
	if (close_ms < epoch_ms)
		close_ms = epoch_ms;
	return close_ms < commit_ms ? close_ms : commit_ms;
}

static int commit_if_due(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	return now_mono_ms >= commit_deadline(c) ? commit(c, now_mono_ms, e) : 0;
}

/* ---- reports -------------------------------------------------------------------------------------------------- */

static void on_bad(struct capture *c, const struct gnss_report *report)
{
	c->facts.refused_bad++;
	tell_silence(c, SILENCE_BAD, report->mono_ms);
}

static void on_gone(struct capture *c, const struct gnss_report *report)
{
	c->gone = true;
	tell(c, EVENT_GNSS_GONE, report->mono_ms, NULL);
	event_fix_lost(c, report);
}

static void on_back(struct capture *c, const struct gnss_report *report)
{
	if (c->gone)
		tell(c, EVENT_GNSS_BACK, report->mono_ms, NULL);
	c->gone = false;
}

static void on_silent(struct capture *c, const struct gnss_report *report)
{
	tell(c, EVENT_GNSS_SILENT, report->mono_ms, payload_silent(report));
	event_fix_lost(c, report);
}

/* The receiver that is followed has spoken: whether that ends a silence, or is as good as one. */
static void hear(struct capture *c, const struct gnss_report *report)
{
	enum gnss_silence before = c->facts.sight.silence, stuck = receivers_stuck(&c->receivers);
	struct gnss_report silent = {.kind = GNSS_SILENT, .mono_ms = report->mono_ms, .silence = stuck};
	struct gnss_report fix;
	if (report->kind > GNSS_SKY || stuck == before)
		return;
	if (!stuck) {
		tell(c, EVENT_GNSS_HEARD, report->mono_ms, NULL);
		return;
	}
	if (epoch_close(&c->epoch, &fix))
		take_fix(c, &fix);
	if (before == GNSS_HEARD)
		silent.silent_ms = report->mono_ms - c->receivers.followed->progress_ms;
	on_silent(c, &silent);
}

static void on_end(struct capture *c, const struct gnss_report *report)
{
	(void)report;
	c->at_end = true;
}

static void (*const on_report[])(struct capture *c, const struct gnss_report *report) = {
	[GNSS_NO_FIX] = event_fix_lost,
	[GNSS_BAD] = on_bad,
	[GNSS_UNPLUGGED] = event_fix_lost,
	[GNSS_SILENT] = on_silent,
	[GNSS_GONE] = on_gone,
	[GNSS_BACK] = on_back,
	[GNSS_END] = on_end,
};

/* The epoch of the receiver before is at its end. */
static void change_receiver(struct capture *c, const struct receivers_change *change, int64_t mono_ms)
{
	struct gnss_report fix;
	if (change->why == RECEIVERS_SAME || change->why == RECEIVERS_FIRST)
		return;
	if (epoch_close(&c->epoch, &fix))
		take_fix(c, &fix);
	tell(c, EVENT_RECEIVER_CHANGED, mono_ms, payload_receiver_changed(change));
}

static void feed_followed(struct capture *c, const struct gnss_report *report)
{
	struct gnss_report fix;
	bool stuck = receivers_stuck(&c->receivers) != GNSS_HEARD;
	hear(c, report);
	if (report->kind == GNSS_POSITION && !report->has_time && !stuck)
		tell_silence(c, SILENCE_NO_TIME, report->mono_ms);
	int64_t late = c->epoch.late;
	if (epoch_feed(&c->epoch, report, &fix))
		take_fix(c, &fix);
	if (c->epoch.late > late && !stuck)
		tell_silence(c, VERDICT_REFUSED_REPEATED, report->mono_ms);
	sight_feed(&c->facts.sight, report, receivers_stuck(&c->receivers));
	if (on_report[report->kind])
		on_report[report->kind](c, report);
}

int capture_feed(struct capture *c, const struct gnss_report *report, struct err *e)
{
	struct receivers_change change;
	bool followed = receivers_take(&c->receivers, report, &change);
	change_receiver(c, &change, report->mono_ms);
	if (followed)
		feed_followed(c, report);
	c->facts.reports += report->kind <= GNSS_BAD;
	return commit_if_due(c, report->mono_ms, e);
}

int capture_tick(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	struct gnss_report fix;
	timekeeper_look(&c->time, &c->pending);
	if (epoch_tick(&c->epoch, now_mono_ms, &fix))
		take_fix(c, &fix);
	/* A file has no silence. */
	if (c->epoch.silence_ms) {
		trips_time(&c->trips, trips_now(&c->trips, now_mono_ms));
		decide(c);
	}
	return commit_if_due(c, now_mono_ms, e);
}

/* ---- inputs --------------------------------------------------------------------------------------------------- */

void capture_ignition(struct capture *c, bool on, int64_t now_mono_ms)
{
	tell(c, on ? EVENT_IGNITION_ON : EVENT_IGNITION_OFF, now_mono_ms, NULL);
	trips_ignition(&c->trips, on, now_mono_ms);
	decide(c);
}

void capture_supply(struct capture *c, bool on, int64_t now_mono_ms)
{
	tell(c, on ? EVENT_POWER_BACK : EVENT_POWER_LOST, now_mono_ms, NULL);
}

void capture_input(struct capture *c, enum input_kind kind, bool on, const char *problem, int64_t now_mono_ms)
{
	tell(c, problem ? EVENT_INPUT_LOST : EVENT_INPUT_BACK, now_mono_ms, payload_input(kind, on, problem));
	if (kind != INPUT_IGNITION)
		return;
	c->ignition_lost = problem != NULL;
	if (problem)
		trips_ignition_lost(&c->trips);
	else
		trips_ignition(&c->trips, on, now_mono_ms);
	decide(c);
}

int capture_secure(struct capture *c, int64_t now_mono_ms, struct err *e)
{
	struct gnss_report fix;
	if (epoch_close(&c->epoch, &fix))
		take_fix(c, &fix);
	keep_last(c, now_mono_ms);
	return c->pending.point_count || c->pending.event_count ? commit(c, now_mono_ms, e) : 0;
}

/* ---- how often points are due -------------------------------------------------------------------------------------- */

void capture_reload(struct capture *c, int64_t now_mono_ms)
{
	struct sampling sampling = sampling_of(c->conf);
	if (sampling.heartbeat_ms == c->told.heartbeat_ms && sampling.interval_ms == c->told.interval_ms)
		return;
	c->told = sampling;
	pending_event(&c->pending, EVENT_AGENT_RELOAD, timekeeper_at(&c->time, now_mono_ms), false,
	              payload_agent_reload(&sampling));
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
	c->receivers = (struct receivers){.order = conf->gnss_device, .timeout_ms = conf->fix_timeout_ms};
	sight_clear(&c->facts.sight);
	struct trips_found found;
	int rc = journey_read(&c->journey, c->store, e);
	if (!rc)
		rc = timekeeper_open(&c->time, c->store, conf, e);
	if (!rc)
		rc = journey_found(&c->journey, c->store, &found, e);
	if (rc) {
		capture_free(c);
		return rc;
	}
	trips_open(&c->trips, &found, clock_mono_ms());
	c->session = (int32_t)c->journey.session.id;
	c->told = sampling_of(conf);
	int64_t now_mono_ms = clock_mono_ms();
	pending_event(&c->pending, EVENT_AGENT_START, timekeeper_at(&c->time, now_mono_ms), false,
	              payload_agent_start(&c->told, now_mono_ms));
	*out = c;
	return 0;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	pending_free(&c->pending);
	free(c);
}

int capture_stop(struct capture *c, const char *reason, int64_t now_mono_ms, struct err *e)
{
	struct gnss_report fix;
	if (epoch_close(&c->epoch, &fix))
		take_fix(c, &fix);
	refuse_strays(c);
	keep_last(c, now_mono_ms);
	c->stopping = true;
	struct trips_rules rules = rules_of(c);
	struct trips_decision decision;
	bool ends = c->at_end || c->conf->capture_stop == CAPTURE_STOP_END;
	if (trips_stop(&c->trips, &rules, ends ? SESSION_ENDED : SESSION_PAUSED, &decision))
		carry_out(c, &decision);
	struct live_facts facts;
	capture_facts(c, &facts);
	pending_event(&c->pending, EVENT_AGENT_STOP, timekeeper_at(&c->time, now_mono_ms), false,
	              payload_agent_stop(&facts, reason));
	int rc = commit(c, now_mono_ms, e);
	return !rc && c->pending.event_count ? commit(c, now_mono_ms, e) : rc;
}

enum gnss_silence capture_silence(const struct capture *c)
{
	return c->facts.sight.silence;
}

bool capture_failing(const struct capture *c)
{
	return c->failing;
}

const struct session *capture_session(const struct capture *c)
{
	return c->journey.session.id ? &c->journey.session : NULL;
}

void capture_facts(const struct capture *c, struct live_facts *out)
{
	*out = c->facts;
	timekeeper_facts(&c->time, &out->time);
	out->waiting_points = (int64_t)c->pending.point_count;
	out->refused_receiver = c->receivers.refused;
	out->refused_no_time = c->epoch.no_time;
	out->refused_late = c->epoch.late;
}
