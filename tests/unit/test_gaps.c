/* Gaps and their causes, as tables: points and events in, parts out. */
#include "hal/gaps.h"
#include "store/event_types.h"
#include "tests/unit/ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000000)
enum { MINUTE = 60000 };

/* A line is one thing that was recorded, at a minute after T0. `what` is a type of event with its payload, "." for a
 * point, "mark" for that of a person, "pruned" for one that is not here any more. */
struct line {
	double minute;
	const char *what, *payload;
	int speed;
	int lat_e7;
};

struct story {
	struct gaps gaps;
	struct evidence evidence;
	int64_t seq;
};

static void tell(struct story *story, const struct line *line)
{
	int64_t at_ms = T0 + (int64_t)(line->minute * MINUTE);
	if (!strcmp(line->what, ".") || !strcmp(line->what, "mark") || !strcmp(line->what, "pruned")) {
		struct point point = {.seq = ++story->seq,
		                      .recorded_at_ms = at_ms,
		                      .lat_e7 = line->lat_e7,
		                      .speed_cmps = line->speed,
		                      .source = strcmp(line->what, "mark") ? POINT_GPS : POINT_MANUAL};
		if (strcmp(line->what, "pruned") != 0)
			OK(gaps_point(&story->gaps, &point, &e));
		return;
	}
	struct event event = {.event_at_ms = at_ms, .payload = (char *)(uintptr_t)line->payload};
	snprintf(event.event_type, sizeof event.event_type, "%s", line->what);
	OK(evidence_add(&story->evidence, &event, &e));
}

/* The parts as "gap:from-to cause(detail)" in minutes, one after the other. */
static char *print(const struct gap_part *parts, size_t count)
{
	static char text[2048];
	size_t at = 0;
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct gap_part *p = &parts[i];
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu:%g-%g %s%s%s%s", i ? " | " : "", p->gap,
		                       (double)(p->from_ms - T0) / MINUTE, (double)(p->to_ms - T0) / MINUTE,
		                       gap_cause_name(p->cause), p->detail[0] ? "(" : "", p->detail, p->detail[0] ? ")" : "");
	}
	return text;
}

struct want {
	const char *name;
	struct line lines[24];
	double now; /* the end of the time that is looked at */
	const char *parts;
};

static void check(const struct want *want)
{
	struct story story = {0};
	struct gap_part *parts = NULL;
	size_t count = 0;
	int64_t first_ms = INT64_MAX, now_ms = T0 + (int64_t)(want->now * MINUTE);
	OK(gaps_begin(&story.gaps, 5 * MINUTE, &e));
	for (const struct line *line = want->lines; line->what; line++) {
		int64_t at_ms = T0 + (int64_t)(line->minute * MINUTE);
		if (strcmp(line->what, ".") != 0 && at_ms < first_ms)
			first_ms = at_ms;
		tell(&story, line);
	}
	gaps_limit(&story.gaps, first_ms, now_ms);
	OK(gaps_explain(&story.gaps, &story.evidence, TIME_MS_MIN, TIME_MS_MAX, &parts, &count, &e));
	if (strcmp(print(parts, count), want->parts) != 0)
		fail_msg("%s:\n got    %s\n wanted %s", want->name, print(parts, count), want->parts);
	for (size_t i = 1; i < count; i++)
		assert_true(parts[i].gap == parts[i - 1].gap ? parts[i].from_ms == parts[i - 1].to_ms
		                                             : parts[i].from_ms >= parts[i - 1].to_ms);
	free(parts);
	gaps_free(&story.gaps);
	evidence_free(&story.evidence);
}

#define SAYS(minute, type, payload) \
	{                               \
		minute, type, payload, 0, 0 \
	}
#define AT(minute)              \
	{                           \
		minute, ".", NULL, 0, 0 \
	}
#define FAST(minute)               \
	{                              \
		minute, ".", NULL, 1000, 0 \
	}
#define FAR(minute)                      \
	{                                    \
		minute, ".", NULL, 1000, 9000000 \
	}
#define NEAR(minute)                \
	{                               \
		minute, ".", NULL, 0, 60000 \
	}
#define AWAY(minute)                  \
	{                                 \
		minute, ".", NULL, 0, 9000000 \
	}
#define START(minute, boot) SAYS(minute, "agent_start", "{\"boot\":\"" boot "\"}")
#define DRIVE               START(0, "b1"), SAYS(0, "fix_regained", "{}"), FAST(0), FAST(4)

static const struct want table[] = {
	{"nothing is missing", {DRIVE, AT(8)}, 8, ""},
	{"the agent was stopped",
     {DRIVE, SAYS(4.1, "agent_stop", "{\"reason\":\"SIGTERM\"}"), START(20, "b1"), SAYS(21, "fix_regained", NULL),
      AT(21)},
     21,
     "0:4-20 agent_stopped(SIGTERM) | 0:20-21 no_fix"},
	{"killed, in the same boot",
     {DRIVE, START(20, "b1"), SAYS(21, "fix_regained", NULL), AT(21)},
     21,
     "0:4-20 agent_killed | 0:20-21 no_fix"},
	{"the power was cut",
     {DRIVE, START(20, "b2"), SAYS(21, "fix_regained", NULL), AT(21)},
     21,
     "0:4-20 unit_off(cut off) | 0:20-21 no_fix"},
	{"… which the supply had announced",
     {DRIVE, SAYS(4.2, "power_lost", NULL), START(20, "b2"), SAYS(21, "fix_regained", NULL), AT(21)},
     21,
     "0:4-20 unit_off(the supply failed) | 0:20-21 no_fix"},
	{"the unit was shut down, and its agent started late",
     {DRIVE, SAYS(4, "agent_stop", "{\"reason\":\"SIGTERM\"}"),
      SAYS(30, "agent_start", "{\"boot\":\"b2\",\"up_s\":600}"), SAYS(31, "fix_regained", NULL), AT(31)},
     31,
     "0:4-20 unit_off(shut down) | 0:20-30 agent_stopped(not started after boot) | 0:30-31 no_fix"},
	{"a gap before the agent was killed is not of that",
     {DRIVE, FAR(30), START(40, "b1"), SAYS(40, "fix_regained", NULL), AT(40)},
     40,
     "0:4-30 unknown | 1:30-40 agent_killed"},
	{"gpsd went and came",
     {DRIVE, SAYS(4, "gnss_gone", NULL), SAYS(4, "fix_lost", NULL), SAYS(14, "gnss_back", NULL),
      SAYS(15, "fix_regained", NULL), AT(15)},
     15,
     "0:4-14 gpsd_gone | 0:14-15 no_fix"},
	{"gpsd hung, then had no receiver, then one that says nothing, then one that is stuck, and one without time",
     {DRIVE, SAYS(4.2, "gnss_silent", "{\"cause\":\"gpsd\"}"), SAYS(10, "gnss_silent", "{\"cause\":\"no_receiver\"}"),
      SAYS(20, "gnss_silent", "{\"cause\":\"receiver\"}"), SAYS(25, "gnss_silent", "{\"cause\":\"stuck\"}"),
      SAYS(28, "gnss_silent", "{\"cause\":\"no_time\"}"), SAYS(30, "gnss_heard", NULL), SAYS(31, "fix_regained", NULL),
      AT(31)},
     31,
     "0:4-10 gpsd_silent | 0:10-20 no_receiver | 0:20-25 receiver_silent | 0:25-28 receiver_stuck | 0:28-30 "
     "time_unknown | 0:30-31 no_fix"},
	{"a tunnel", {DRIVE, SAYS(4.1, "fix_lost", NULL), SAYS(12, "fix_regained", NULL), AT(12)}, 12, "0:4-12 no_fix"},
	{"standing, by seldom heartbeats", {DRIVE, AT(5), AT(35), FAST(65)}, 65, "0:5-35 standing | 1:35-65 standing"},
	{"standing for longer than until a heartbeat is nothing that can be known",
     {SAYS(0, "agent_start", "{\"boot\":\"b1\",\"heartbeat_s\":600}"), SAYS(0, "fix_regained", NULL), AT(0), AT(19),
      AT(40)},
     40,
     "0:0-19 standing | 1:19-40 unknown"},
	{"between two heartbeats it stood, though its place has jumped, or its speeds don't say so",
     {SAYS(0, "agent_start", "{\"boot\":\"b1\",\"heartbeat_s\":600}"), SAYS(0, "fix_regained", NULL), AT(0), NEAR(10),
      AT(20), FAST(30), FAST(40)},
     40,
     "0:0-10 standing | 1:10-20 standing | 2:20-30 standing | 3:30-40 standing"},
	{"… but not when both say that it has gone",
     {SAYS(0, "agent_start", "{\"boot\":\"b1\",\"heartbeat_s\":600}"), SAYS(0, "fix_regained", NULL), AT(0), FAR(10),
      AT(20), AWAY(30)},
     30,
     "0:0-10 unknown | 1:10-20 unknown | 2:20-30 unknown"},
	{"… unless the agent was told other heartbeats meanwhile: the longest counts",
     {SAYS(0, "agent_start", "{\"boot\":\"b1\",\"heartbeat_s\":60}"), SAYS(0, "fix_regained", NULL), AT(0), AT(1),
      SAYS(1.5, "agent_reload", "{\"heartbeat_s\":1200,\"interval_s\":1}"), AT(20),
      SAYS(25, "agent_reload", "{\"heartbeat_s\":60,\"interval_s\":1}"), AT(40), AT(60)},
     60,
     "0:1-20 standing | 1:20-40 standing | 2:40-60 unknown"},
	{"moving, the interval says how seldom",
     {SAYS(0, "agent_start", "{\"boot\":\"b1\",\"heartbeat_s\":60,\"interval_s\":600}"), SAYS(0, "fix_regained", NULL),
      FAST(0), FAST(10), SAYS(16, "fix_lost", NULL), SAYS(24, "fix_regained", NULL), FAST(24), FAR(37)},
     37,
     "0:0-10 not_due | 1:10-16 not_due | 1:16-24 no_fix | 2:24-37 unknown"},
	{"standing until a cause came, and behind it",
     {DRIVE, AT(5), SAYS(5.75, "fix_lost", NULL), SAYS(12, "fix_regained", NULL), SAYS(12.5, "fix_lost", NULL),
      SAYS(20, "fix_regained", NULL), AT(20.9)},
     20.9,
     "0:5-5.75 standing | 0:5.75-12 no_fix | 0:12-12.5 standing | 0:12.5-20 no_fix | 0:20-20.9 standing"},
	{"what moved meanwhile did not stand",
     {DRIVE, AT(5), SAYS(6, "fix_lost", NULL), SAYS(12, "fix_regained", NULL), SAYS(13, "fix_lost", NULL),
      SAYS(20, "fix_regained", NULL), FAR(21)},
     21,
     "0:5-6 standing | 0:6-21 no_fix"},
	{"a silence that is told late has lasted for a while",
     {DRIVE, AT(5), SAYS(6, "gnss_silent", "{\"cause\":\"receiver\",\"for_s\":30}"), SAYS(6, "fix_lost", NULL),
      SAYS(12, "gnss_heard", NULL), SAYS(12, "fix_regained", NULL), AT(12)},
     12,
     "0:5-5.5 standing | 0:5.5-12 receiver_silent"},
	{"… unless a person wanted it",
     {DRIVE, AT(5), SAYS(5, "session_pause", "{\"by\":\"person\"}"),
      SAYS(6, "gnss_silent", "{\"cause\":\"receiver\",\"for_s\":30}"), SAYS(12, "gnss_heard", NULL),
      SAYS(12, "session_resume", "{\"by\":\"person\"}"), AT(12)},
     12,
     "0:5-12 paused(by a person)"},
	{"an instant is no part",
     {DRIVE, SAYS(4.01, "agent_stop", "{\"reason\":\"SIGTERM\"}"), START(20, "b1"), SAYS(20.01, "gnss_gone", NULL),
      SAYS(20.02, "gnss_back", NULL), SAYS(21, "fix_regained", NULL), AT(21)},
     21,
     "0:4-20.02 agent_stopped(SIGTERM) | 0:20.02-21 no_fix"},
	{"of what was running before the first event, no fix need have been lost",
     {SAYS(0, "session_start", "{\"by\":\"agent\"}"), AT(0), AT(9)},
     9,
     "0:0-9 standing"},
	{"nobody knows", {DRIVE, FAR(30)}, 30, "0:4-30 unknown"},
	{"paused by a person, and the agent stopped meanwhile",
     {DRIVE, SAYS(5, "session_pause", "{\"by\":\"person\"}"), SAYS(20, "agent_stop", "{\"reason\":\"SIGTERM\"}"),
      START(30, "b1"), SAYS(31, "fix_regained", NULL), SAYS(40, "session_resume", "{\"by\":\"person\"}"), AT(40)},
     40,
     "0:4-20 paused(by a person) | 0:20-30 agent_stopped(SIGTERM) | 0:30-40 paused(by a person)"},
	{"paused by the agent, heartbeats go on",
     {DRIVE, SAYS(5, "session_pause", "{\"by\":\"agent\"}"), AT(5), AT(35)},
     35,
     "0:5-35 standing"},
	{"no session is open",
     {DRIVE, SAYS(4, "session_end", "{\"by\":\"person\"}"),
      SAYS(5, "fixes_refused", "{\"reason\":\"no_session\",\"for_s\":59}"),
      SAYS(30, "session_start", "{\"by\":\"person\"}"), AT(30)},
     30,
     "0:4-30 no_session"},
	{"refused as bad, which goes on across a fix",
     {DRIVE, SAYS(6, "fixes_refused", "{\"reason\":\"accuracy\",\"for_s\":60}"), AT(20), SAYS(30, "fix_lost", NULL),
      SAYS(40, "fix_regained", NULL), AT(50), SAYS(50, "fixes_kept", NULL), AT(51), AT(71)},
     71,
     "0:4-20 refused(accuracy) | 1:20-30 refused(accuracy) | 1:30-40 no_fix | 1:40-50 refused(accuracy) | 2:51-71 "
     "standing"},
	{"positions without a time",
     {DRIVE, SAYS(6, "fixes_refused", "{\"reason\":\"no_time\",\"for_s\":59}"), AT(20)},
     20,
     "0:4-20 time_unknown"},
	{"points were dropped",
     {DRIVE, SAYS(30, "overrun", "{\"for_s\":1560}"), FAST(31)},
     31,
     "0:4-31 dropped(the store was too slow)"},
	{"no point yet",
     {START(0, "b1"), SAYS(1, "gnss_gone", NULL), SAYS(20, "gnss_back", NULL), SAYS(21, "fix_regained", NULL), AT(21)},
     21,
     "0:0-1 no_fix | 0:1-20 gpsd_gone | 0:20-21 no_fix"},
	{"no point at all, until now", {START(0, "b1")}, 20, "0:0-20 no_fix"},
	{"silence until now", {DRIVE, SAYS(5, "fix_lost", NULL)}, 20, "0:4-20 no_fix"},
	{"events alone are no silence of an agent that never ran",
     {SAYS(0, "session_start", "{\"by\":\"person\"}"), SAYS(10, "session_pause", "{\"by\":\"person\"}")},
     20,
     "0:0-10 unknown | 0:10-20 paused(by a person)"},
	{"points out of order close a gap", {DRIVE, AT(20), AT(8), AT(12), AT(16)}, 20, ""},
	{"… or cut it", {DRIVE, AT(20), AT(12)}, 20, "0:4-12 unknown | 1:12-20 standing"},
	{"points that lie ahead: the silence until now is told, and the holes among them",
     {DRIVE, SAYS(5, "fix_lost", NULL), AT(90), AT(91), AT(99)},
     20,
     "0:4-20 no_fix | 1:91-99 no_fix"},
	{"a recording with a hole",
     {DRIVE, SAYS(30, "fixes_missing", "{\"reason\":\"recording\",\"for_s\":1560}"), FAR(30)},
     30,
     "0:4-30 receiver_silent(the recording has a hole)"},
	{"a session that ended while no agent ran is no sign of life",
     {DRIVE, SAYS(4, "agent_stop", "{\"reason\":\"SIGTERM\"}"), SAYS(7, "session_end", "{\"by\":\"agent\"}"),
      START(30, "b1"), SAYS(30, "fix_regained", NULL), AT(30)},
     30,
     "0:4-30 agent_stopped(SIGTERM)"},
	{"a mark is no point",
     {DRIVE, SAYS(5, "fix_lost", NULL), SAYS(10, "mark", NULL), SAYS(20, "fix_regained", NULL), AT(20)},
     20,
     "0:4-20 no_fix"},
	{"points that were removed",
     {DRIVE, SAYS(10, "pruned", NULL), SAYS(15, "pruned", NULL), AT(20)},
     20,
     "0:4-20 removed"},
	{"payloads that can't be read, and types of others, say nothing",
     {DRIVE, SAYS(5, "agent_stop", "[1]"), SAYS(6, "door_opened", "{}"), AT(20)},
     20,
     "0:4-20 agent_stopped"},
};

static void test_causes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		check(&table[i]);
}

/* Any order of the points gives the same gaps: those between the points in order of time. */
static void test_any_order(void **state)
{
	(void)state;
	enum { POINTS = 300, RUNS = 50 };
	srand(7);
	for (int run = 0; run < RUNS; run++) {
		int64_t minutes[POINTS];
		bool there[2000] = {false};
		struct gaps gaps = {0};
		OK(gaps_begin(&gaps, 5 * MINUTE, &e));
		for (int i = 0; i < POINTS; i++) {
			minutes[i] = rand() % 2000;
			there[minutes[i]] = true;
			struct point point = {.seq = i + 1, .recorded_at_ms = minutes[i] * MINUTE};
			OK(gaps_point(&gaps, &point, &e));
		}
		gaps_limit(&gaps, 0, 2000 * MINUTE);
		size_t found = 0;
		int64_t last = 0;
		for (int64_t minute = 0; minute <= 2000; minute++) {
			if (minute < 2000 && !there[minute])
				continue;
			if (minute - last > 5) {
				assert_true(found < gaps.count);
				assert_int_equal(gaps.items[found].from_ms, last * MINUTE);
				assert_int_equal(gaps.items[found].to_ms, minute * MINUTE);
				assert_int_equal(gaps.items[found].before.there, last > 0 || there[0]);
				assert_int_equal(gaps.items[found].after.there, minute < 2000);
				found++;
			}
			last = minute;
		}
		assert_int_equal(found, gaps.count);
		gaps_free(&gaps);
	}
}

/* A range cuts the parts, not what is known of them. */
static void test_range(void **state)
{
	(void)state;
	struct story story = {0};
	static const struct line lines[] = {DRIVE, SAYS(5, "fix_lost", NULL), SAYS(30, "fix_regained", NULL), AT(30),
	                                    AT(60)};
	struct gap_part *parts = NULL;
	size_t count = 0;
	OK(gaps_begin(&story.gaps, 5 * MINUTE, &e));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		tell(&story, &lines[i]);
	gaps_limit(&story.gaps, T0, T0 + 60 * MINUTE);
	OK(gaps_explain(&story.gaps, &story.evidence, T0 + 10 * MINUTE, T0 + 34 * MINUTE, &parts, &count, &e));
	assert_string_equal(print(parts, count), "0:10-30 no_fix");
	free(parts);
	OK(gaps_explain(&story.gaps, &story.evidence, T0 + 10 * MINUTE, T0 + 36 * MINUTE, &parts, &count, &e));
	assert_string_equal(print(parts, count), "0:10-30 no_fix | 1:30-36 standing");
	free(parts);
	gaps_free(&story.gaps);
	evidence_free(&story.evidence);
}

/* Rows that are missing in the store: dropped on purpose, or pruned. */
static void test_dropped(void **state)
{
	(void)state;
	struct ranges dropped = {0};
	struct gaps gaps = {.dropped = &dropped};
	OK(ranges_add(&dropped, 3, 9, &e));
	OK(gaps_begin(&gaps, 5 * MINUTE, &e));
	static const int64_t seqs[] = {2, 10, 20, 21};
	for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
		struct point point = {.seq = seqs[i], .recorded_at_ms = T0 + seqs[i] * 10 * MINUTE};
		OK(gaps_point(&gaps, &point, &e));
	}
	gaps_limit(&gaps, T0, T0 + 210 * MINUTE);
	static const enum gap_cause wanted[] = {GAP_REMOVED, GAP_DROPPED, GAP_REMOVED, GAP_UNKNOWN};
	assert_int_equal(gaps.count, 4);
	for (size_t i = 0; i < gaps.count; i++)
		assert_int_equal(gaps.items[i].rows, wanted[i]);
	gaps_free(&gaps);
	ranges_free(&dropped);
}

/* What is seen on the unit at this moment. */
static void test_not_running(void **state)
{
	(void)state;
	static const struct {
		bool stopped;
		const char *boot;
		const char *parts;
	} rows[] = {
		{false, "b1", "0:4-60 agent_killed"},
		{false, "b2", "0:4-50 unit_off(cut off) | 0:50-60 agent_stopped(not started after boot)"},
		{true, "b1", "0:4-60 agent_stopped(SIGINT)"},
		{true, "b2", "0:4-50 unit_off(shut down) | 0:50-60 agent_stopped(not started after boot)"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct story story = {0};
		static const struct line lines[] = {DRIVE, SAYS(4, "agent_stop", "{\"reason\":\"SIGINT\"}")};
		struct gap_part *parts = NULL;
		size_t count = 0;
		OK(gaps_begin(&story.gaps, 5 * MINUTE, &e));
		for (size_t l = 0; l < sizeof lines / sizeof *lines - !rows[i].stopped; l++)
			tell(&story, &lines[l]);
		gaps_limit(&story.gaps, T0, T0 + 60 * MINUTE);
		OK(evidence_not_running(&story.evidence, T0 + 60 * MINUTE, rows[i].boot, 10 * MINUTE, &e));
		OK(gaps_explain(&story.gaps, &story.evidence, TIME_MS_MIN, TIME_MS_MAX, &parts, &count, &e));
		assert_string_equal(print(parts, count), rows[i].parts);
		free(parts);
		gaps_free(&story.gaps);
		evidence_free(&story.evidence);
	}
}

/* Evidence knows types by their names alone, and no other than those that alzy writes. */
static void test_types(void **state)
{
	(void)state;
	char types[1024], *rest = NULL;
	evidence_types(types, sizeof types);
	assert_int_equal(types[0], '{');
	assert_int_equal(types[strlen(types) - 1], '}');
	for (char *type = strtok_r(types, "{,}", &rest); type; type = strtok_r(NULL, "{,}", &rest)) {
		int found = 0;
		for (int i = 0; i < EVENT_TYPE_COUNT; i++)
			found += !strcmp(type, event_type_text((enum event_type)i));
		if (!found)
			fail_msg("%s is no event of alzy", type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),  cmocka_unit_test(test_any_order),   cmocka_unit_test(test_range),
		cmocka_unit_test(test_dropped), cmocka_unit_test(test_not_running), cmocka_unit_test(test_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
