#include "agent/timekeeper.h"

#include "hal/boot.h"
#include "hal/json.h"

/* Two clocks can't be read at once: a look that took longer says nothing. */
enum { LOOK_MOST_MS = 100 };

/* Both clocks; false when this process was held up in between. */
static bool read_clocks(int64_t *out_mono_ms, int64_t *out_wall_ms)
{
	*out_mono_ms = clock_mono_ms();
	*out_wall_ms = clock_wall_ms();
	return clock_mono_ms() - *out_mono_ms <= LOOK_MOST_MS;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

static void tell_repaired(const struct timekeeper *k, const struct gnss_report *fix, struct pending *pending)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "weeks", k->base.shift * ERA_WEEKS);
	pending_event(pending, EVENT_TIME_REPAIRED, timekeeper_of_fix(k, fix), true, payload);
}

static void tell_doubtful(const struct timekeeper *k, const struct gnss_report *fix, struct pending *pending)
{
	cJSON *payload = cJSON_CreateObject();
	json_add_time(payload, "said", fix->fix.recorded_at_ms);
	cJSON_AddStringToObject(payload, "basis", time_basis_name(k->base.basis));
	pending_event(pending, EVENT_TIME_DOUBTFUL, timekeeper_at(k, fix->mono_ms), true, payload);
}

static void tell_step(const struct timekeeper *k, int64_t mono_ms, const struct timebase_news *news,
                      struct pending *pending)
{
	cJSON *payload = cJSON_CreateObject();
	json_add_time(payload, "from", news->step_from_ms);
	json_add_time(payload, "to", news->step_to_ms);
	if (news->steps > 1)
		cJSON_AddNumberToObject(payload, "count", news->steps);
	pending_event(pending, EVENT_CLOCK_STEP, timekeeper_at(k, mono_ms), true, payload);
}

/* ---- learning ------------------------------------------------------------------------------------------------------ */

void timekeeper_look(struct timekeeper *k, struct pending *pending)
{
	struct timebase_news news = {0};
	int64_t mono_ms, wall_ms;
	if (!read_clocks(&mono_ms, &wall_ms))
		return;
	timebase_look(&k->base, mono_ms, wall_ms, clock_synchronized(), &news);
	k->unwritten |= news.changed;
	if (news.steps)
		tell_step(k, mono_ms, &news, pending);
}

int timekeeper_fix(struct timekeeper *k, struct gnss_report *fix, struct pending *pending)
{
	struct timebase_news news = {0};
	timebase_fix(&k->base, fix->mono_ms, &fix->fix.recorded_at_ms, &news);
	k->unwritten |= news.changed;
	if (news.repaired)
		tell_repaired(k, fix, pending);
	if (news.doubted)
		tell_doubtful(k, fix, pending);
	return news.strays;
}

static void take_boot(struct timekeeper *k, const struct store_boot *boot)
{
	struct timebase_news news = {0};
	const struct timebase_way *known = &k->base.receipt;
	if (!boot->has_receipt || (known->there && known->mono_ms == boot->receipt_mono_ms))
		return;
	timebase_receipt(&k->base, boot->receipt_offset_ms, boot->receipt_mono_ms, &news);
	k->unwritten |= news.changed;
}

void timekeeper_notice(struct timekeeper *k, struct store *store)
{
	struct store_boot boot;
	if (!k->base.era.none && !store_boot_get(store, boot_id(), &boot, NULL))
		take_boot(k, &boot);
}

int timekeeper_open(struct timekeeper *k, struct store *store, const struct conf_unit *conf, struct err *e)
{
	struct era era;
	struct store_boot boot;
	int64_t wall_ms, waiting = 0;
	conf_unit_era(conf, &era);
	int rc = store_era_learn(store, &era, e);
	if (!rc)
		rc = store_boot_get(store, boot_id(), &boot, e);
	if (!rc)
		rc = store_waiting_count(store, &waiting, e);
	if (rc)
		return rc;
	read_clocks(&k->from_mono_ms, &wall_ms);
	timebase_start(&k->base, &era, k->from_mono_ms, wall_ms);
	timebase_resume(&k->base, boot.basis, boot.offset_ms, boot.since_mono_ms);
	timekeeper_notice(k, store);
	/* Without a floor the system clock is believed: what waits since there was one, too. */
	k->unwritten |= era.none && waiting;
	return 0;
}

/* ---- use ------------------------------------------------------------------------------------------------------------ */

struct moment timekeeper_at(const struct timekeeper *k, int64_t mono_ms)
{
	return (struct moment){timebase_at(&k->base, mono_ms), mono_ms, timebase_known(&k->base)};
}

struct moment timekeeper_of_fix(const struct timekeeper *k, const struct gnss_report *fix)
{
	if (timebase_strange(&k->base, fix->mono_ms, fix->fix.recorded_at_ms))
		return timekeeper_at(k, fix->mono_ms);
	return (struct moment){fix->fix.recorded_at_ms, fix->mono_ms, timebase_known(&k->base)};
}

int timekeeper_write(struct timekeeper *k, struct store *store, int64_t now_mono_ms, struct pending *pending,
                     struct err *e)
{
	const struct timebase *base = &k->base;
	struct store_clock clock = {
		.known = timebase_known(base),
		.boot = boot_id(),
		.offset_ms = base->offset_ms,
		.from_mono_ms = k->from_mono_ms,
		.to_mono_ms = now_mono_ms,
		.said = base->seen > 0,
	};
	if (clock.known)
		pending_know(pending, base->offset_ms);
	store_set_clock(store, &clock);
	return k->unwritten ? store_boot_learn(store, clock.boot, base->basis, base->offset_ms, now_mono_ms, e) : 0;
}

int timekeeper_close(struct timekeeper *k, struct store *store, int64_t now_mono_ms, struct err *e)
{
	if (timebase_hopeless(&k->base))
		return store_boot_as_said(store, boot_id(), e);
	return k->base.era.none ? 0 : store_boot_seen(store, boot_id(), now_mono_ms, e);
}

void timekeeper_facts(const struct timekeeper *k, struct live_time *out)
{
	*out = (struct live_time){
		.basis = k->base.basis,
		.offset_ms = k->base.offset_ms,
		.since_mono_ms = k->base.since_mono_ms,
		.floor_ms = k->base.era.none ? INT64_MIN : k->base.era.floor_ms,
		.shift = k->base.shift,
		.doubtful = k->base.doubtful,
	};
}
