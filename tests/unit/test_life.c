/* The life of a unit whose power is cut more often than not, and whose clock nobody sets: many boots, each of which learns the time from
 * the receiver only after a while. What is recorded of journeys and of the time in between, against truth. */
#include "agent/capture.h"
#include "hal/boot.h"
#include "hal/gaps.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/world.h"

enum {
	DAYS = 5,
	JOURNEYS_MAX = 64,
	LOOK_MS = 20000, /* the agent looks that seldom into its ring */
	RING = 64,
};
static const int64_t FROM = 1795400000000;

/* ---- the machine's clocks, in place of those of hal ------------------------------------------------------------------ */

static int64_t true_ms, booted_ms, wall_behind_ms;
static char boot_name[UUID_TEXT];

int64_t clock_wall_ms(void)
{
	return true_ms - wall_behind_ms;
}

bool clock_synchronized(void)
{
	return false;
}

int64_t clock_mono_ms(void)
{
	return true_ms - booted_ms;
}

void clock_sleep_ms(int64_t ms)
{
	(void)ms;
}

const char *boot_id(void)
{
	return boot_name;
}

static const char *const basis_names[TIME_BASIS_COUNT] = {"none", "estimated", "system", "receipt", "ntp", "gnss"};

const char *time_basis_name(enum time_basis basis)
{
	return basis_names[basis];
}

enum time_basis time_basis_of(const char *name)
{
	int basis = TIME_BASIS_COUNT - 1;
	while (basis && strcmp(name, basis_names[basis]))
		basis--;
	return (enum time_basis)basis;
}

/* ---- the unit -------------------------------------------------------------------------------------------------------- */

enum wall { WALL_RIGHT, WALL_STOOD_STILL, WALL_1970 };

struct life {
	struct rig *rig;
	struct conf_unit conf;
	enum wall wall;
	struct world world;
	int boots;
	struct capture *capture; /* NULL: no agent is running */
	bool on;
	int64_t began_ms; /* when the first agent has started */
	int64_t agent_from_ms, fix_from_ms, looked_ms;
	struct gnss_report ring[RING];
	int waiting;
	enum gnss_report_kind kind;
	struct {
		int64_t from_ms, to_ms, off_ms; /* it moves, it stands, the power is gone */
	} journeys[JOURNEYS_MAX];
	int journey_count;
};

static void look(struct life *l)
{
	for (int i = 0; i < l->waiting; i++)
		OK(capture_feed(l->capture, &l->ring[i], &e));
	l->waiting = 0;
	l->looked_ms = clock_mono_ms();
	capture_notice(l->capture);
	OK(capture_tick(l->capture, l->looked_ms, &e));
}

static void say(struct life *l, struct gnss_report report)
{
	report.mono_ms = clock_mono_ms();
	strcpy(report.device, "/dev/gnss0");
	l->ring[l->waiting++] = report;
	bool due = report.mono_ms - l->looked_ms >= LOOK_MS || capture_deadline(l->capture) <= report.mono_ms;
	if (report.kind != l->kind || l->waiting == RING || due)
		look(l);
	l->kind = report.kind;
}

static void second(struct world *world, void *user)
{
	struct life *l = user;
	struct point fix;
	true_ms = world->now_ms + 37;
	if (!l->on || true_ms < l->agent_from_ms)
		return;
	if (!l->capture) {
		OK(capture_open(&l->capture, l->rig->store, &l->conf, false, &e));
		l->began_ms = l->began_ms ? l->began_ms : true_ms;
		look(l);
	}
	if (!world_fix(world, &fix) || true_ms < l->fix_from_ms)
		say(l, (struct gnss_report){.kind = GNSS_NO_FIX, .mode = 1});
	else
		say(l, (struct gnss_report){.kind = GNSS_POSITION, .mode = 3, .has_time = true, .fix = fix});
}

static void switch_on(struct life *l)
{
	static int64_t wall_stopped_ms;
	snprintf(boot_name, sizeof boot_name, "%08x-0000-4000-8000-000000000000", ++l->boots);
	wall_stopped_ms = l->boots > 1 ? wall_stopped_ms : true_ms;
	booted_ms = true_ms - random_in(2000, 9000);
	wall_behind_ms = l->wall == WALL_RIGHT ? 0 : l->wall == WALL_1970 ? booted_ms : true_ms - wall_stopped_ms;
	wall_stopped_ms += random_in(0, 3600000);
	l->on = true;
	l->agent_from_ms = true_ms + random_in(5000, 25000);
	l->fix_from_ms = l->agent_from_ms + random_in(2000, 60000);
}

static void switch_off(struct life *l, bool clean)
{
	if (clean && l->capture) {
		look(l);
		OK(capture_stop(l->capture, "SIGTERM", clock_mono_ms(), &e));
	}
	capture_free(l->capture);
	l->capture = NULL;
	l->waiting = 0;
	l->on = false;
	rig_reopen(l->rig);
}

static void journey(struct life *l)
{
	assert_true(l->journey_count < JOURNEYS_MAX);
	switch_on(l);
	world_rest(&l->world, random_in(1, 90), second, l);
	l->journeys[l->journey_count].from_ms = l->world.now_ms;
	world_drive(&l->world, random_in(300, 2400), second, l);
	l->journeys[l->journey_count].to_ms = l->world.now_ms;
	world_rest(&l->world, random_in(0, 3) ? random_in(10, 400) : random_in(0, 9), second, l);
	l->journeys[l->journey_count++].off_ms = l->world.now_ms;
	switch_off(l, random_in(0, 2) == 0);
	world_rest(&l->world, random_in(3600, 30000), second, l);
}

/* ---- what is recorded of it -------------------------------------------------------------------------------------------- */

/* A journey is known from the first fix on, and to where it came to rest, which may be the light before the last few metres. */
static void check_sessions(struct life *l)
{
	struct session *sessions;
	size_t count;
	OK(store_session_list(l->rig->store, JOURNEYS_MAX, &sessions, &count, &e));
	assert_int_equal(count, l->journey_count);
	for (size_t i = 0; i < count; i++) {
		const struct session *s = &sessions[count - 1 - i]; /* the last one first */
		int64_t from_ms = l->journeys[i].from_ms, to_ms = l->journeys[i].to_ms;
		if (s->status != SESSION_ENDED || s->guessed || s->started_at_ms < from_ms - 5000 ||
		    s->started_at_ms > from_ms + 300000 || s->ended_at_ms < to_ms - 150000 || s->ended_at_ms > to_ms + 10000)
			fail_msg("journey %zu from %lld, %lld s: started %+lld s, ended %+lld s", i, (long long)from_ms,
			         (long long)(to_ms - from_ms) / 1000, (long long)(s->started_at_ms - from_ms) / 1000,
			         (long long)(s->ended_at_ms - to_ms) / 1000);
	}
	free(sessions);
}

static int take_event(const struct event *event, void *user, struct err *e)
{
	return evidence_add(user, event, e);
}

static int take_point(const struct point *point, void *user, struct err *e)
{
	return gaps_point(user, point, e);
}

static bool was_off(const struct life *l, int64_t at_ms)
{
	int i = l->journey_count - 1;
	while (i > 0 && l->journeys[i].from_ms - 100000 > at_ms)
		i--;
	return at_ms > l->journeys[i].off_ms;
}

/* Each hour or more without points is one in which the unit was off, and said to be. */
static void check_gaps(struct life *l)
{
	struct evidence evidence = {0};
	struct gaps gaps = {0};
	struct gap_part *parts = NULL;
	size_t count;
	int off = 0;
	OK(store_each_event(l->rig->store, take_event, &evidence, &e));
	OK(gaps_begin(&gaps, 61000, &e));
	OK(store_each_point(l->rig->store, &(struct point_filter){0}, take_point, &gaps, &e));
	gaps_limit(&gaps, l->began_ms, true_ms);
	OK(gaps_explain(&gaps, &evidence, TIME_MS_MIN, TIME_MS_MAX, &parts, &count, &e));
	for (size_t i = 0; i < count; i++) {
		const struct gap_part *p = &parts[i];
		bool said = p->cause == GAP_UNIT_OFF, true_off = was_off(l, (p->from_ms + p->to_ms) / 2);
		off += said;
		if (p->to_ms - p->from_ms > 200000 && said != true_off)
			fail_msg("part %zu from %lld, %lld s: %s, %s", i, (long long)p->from_ms,
			         (long long)(p->to_ms - p->from_ms) / 1000, gap_cause_name(p->cause), p->detail);
		if (p->cause == GAP_UNKNOWN)
			fail_msg("part %zu from %lld, %lld s: unknown", i, (long long)p->from_ms,
			         (long long)(p->to_ms - p->from_ms) / 1000);
	}
	assert_int_equal(off, l->journey_count);
	free(parts);
	gaps_free(&gaps);
	evidence_free(&evidence);
}

static void live(void **state, enum wall wall)
{
	struct life l = {.rig = *state, .wall = wall};
	l.world = (struct world){.now_ms = FROM, .lat = 52.5, .lng = 13.4, .course = 1, .receiver = {.wander_m = 2}};
	true_ms = FROM;
	OK(conf_load(&conf_unit_table, NULL, &l.conf, &e));
	for (int day = 0; day < DAYS; day++)
		for (int64_t times = random_in(1, 4); times > 0; times--)
			journey(&l);
	/* What the last one has left is found by the next boot. */
	switch_on(&l);
	world_rest(&l.world, 1200, second, &l);
	switch_off(&l, true);
	check_sessions(&l);
	check_gaps(&l);
}

static void a_clock_that_is_right(void **state)
{
	live(state, WALL_RIGHT);
}

static void a_clock_that_stands_still_while_the_unit_is_off(void **state)
{
	live(state, WALL_STOOD_STILL);
}

static void a_clock_that_begins_in_1970(void **state)
{
	live(state, WALL_1970);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	random_start();
	const struct CMUnitTest tests[] = {
		TEST(a_clock_that_is_right),
		TEST(a_clock_that_stands_still_while_the_unit_is_off),
		TEST(a_clock_that_begins_in_1970),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
