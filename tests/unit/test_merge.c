/* Sessions changed on both sides while apart: whatever the order of the exchanges, the same comes of it on both. */
#include "hal/merge.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The least that each side needs to remember, and what it does when it hears the other: as store/sessions.c and
 * sync/central/ingest_sessions.c do. */
struct pair {
	struct session unit;
	struct session_edits centre;
	int64_t clock; /* of the centre's revisions */
};

static void centre_hears(struct pair *p, const struct session *said)
{
	struct session merged;
	if (said->revision < p->centre.values.revision)
		return;
	merge_session(said, &p->centre, &merged);
	p->centre.values = merged;
}

static void unit_hears(struct pair *p, const struct session_edits *said)
{
	if (said->revision <= p->unit.centre_revision)
		return;
	int64_t revision = p->unit.revision;
	p->unit.held_revision = said->values.revision;
	merge_session(&p->unit, said, &p->unit);
	assert_true(p->unit.revision == revision);
	p->unit.centre_revision = said->revision;
}

static void unit_changes(struct pair *p)
{
	if (p->unit.status == SESSION_ENDED)
		return;
	p->unit.status = (enum session_status)random_in(0, SESSION_STATUS_COUNT - 1);
	p->unit.ended_at_ms = p->unit.started_at_ms + random_in(0, 50);
	p->unit.revision++;
}

static void centre_changes(struct pair *p)
{
	struct session *s = &p->centre.values;
	enum session_field field = (enum session_field)random_in(0, SESSION_FIELD_COUNT - 1);
	if ((field == SESSION_STATUS || field == SESSION_STARTED) && s->status == SESSION_ENDED)
		return;
	p->clock += random_in(1, 3);
	p->centre.revision = p->centre.changed[field] = p->clock;
	switch (field) {
	case SESSION_USER:
		s->user_id[0] = (char)random_in('a', 'z');
		break;
	case SESSION_MACHINE:
		s->machine_id[0] = (char)random_in('a', 'z');
		break;
	case SESSION_APPLICATION:
		s->application_id = random_in(0, 99);
		break;
	case SESSION_STARTED:
		s->started_at_ms = random_in(1, 100);
		break;
	default:
		s->status = (enum session_status)random_in(0, SESSION_STATUS_COUNT - 1);
		s->ended_at_ms = s->started_at_ms + random_in(0, 50);
	}
}

static void assert_same(const struct session *a, const struct session *b)
{
	assert_string_equal(a->user_id, b->user_id);
	assert_string_equal(a->machine_id, b->machine_id);
	assert_int_equal(a->application_id, b->application_id);
	assert_int_equal(a->started_at_ms, b->started_at_ms);
	assert_int_equal(a->status, b->status);
	if (a->status == SESSION_ENDED)
		assert_int_equal(a->ended_at_ms, b->ended_at_ms);
}

/* A whole exchange, whose answer arrives or not. */
static void exchange(struct pair *p, bool answered)
{
	centre_hears(p, &p->unit);
	if (answered) {
		struct session_edits said = p->centre;
		struct session merged;
		unit_hears(p, &said);
		if (merge_copy(&p->unit, &said.values, &merged)) /* an end of which the unit did not know */
			p->unit = merged;
	}
}

static struct pair begin(void)
{
	struct pair p = {.unit = {.user_id = "u", .machine_id = "m", .started_at_ms = 50, .revision = 1}, .clock = 1000};
	p.centre.values = p.unit;
	return p;
}

/* One path: the unit speaks first. The other: the centre does (the answer to a batch of before is what the unit hears
 * after its change), then the unit. */
static void the_order_does_not_matter(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct pair one = begin();
		for (int64_t n = random_in(0, 3); n; n--) {
			if (random_in(0, 1))
				unit_changes(&one);
			else
				centre_changes(&one);
			exchange(&one, random_in(0, 2));
		}
		for (int64_t n = random_in(0, 3); n; n--)
			unit_changes(&one);
		for (int64_t n = random_in(0, 3); n; n--)
			centre_changes(&one);
		struct pair other = one;
		exchange(&one, true);
		struct session_edits said = other.centre;
		unit_hears(&other, &said);
		exchange(&other, true);
		assert_same(&one.unit, &one.centre.values);
		assert_same(&other.unit, &other.centre.values);
		assert_same(&one.unit, &other.unit);
	}
}

/* Old batches and old answers, lost and repeated ones: in the end one exchange that arrives makes both the same, and
 * ended never went back. */
static void the_same_comes_of_anything(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct pair p = begin();
		struct session batches[16];
		struct session_edits answers[16];
		size_t batch_count = 0, answer_count = 0;
		bool unit_ended = false, centre_ended = false;
		for (int step = 0; step < 12; step++) {
			switch (random_in(0, 4)) {
			case 0:
				unit_changes(&p);
				break;
			case 1:
				centre_changes(&p);
				break;
			case 2:
				batches[batch_count++] = p.unit;
				answers[answer_count++] = p.centre;
				break;
			case 3: /* a stick from some time ago */
				if (batch_count)
					centre_hears(&p, &batches[random_in(0, (int64_t)batch_count - 1)]);
				break;
			default:
				exchange(&p, random_in(0, 1));
			}
			assert_true(!unit_ended || p.unit.status == SESSION_ENDED);
			assert_true(!centre_ended || p.centre.values.status == SESSION_ENDED);
			unit_ended = p.unit.status == SESSION_ENDED;
			centre_ended = p.centre.values.status == SESSION_ENDED;
		}
		if (answer_count) /* the unit ignores those that are older than what it has seen */
			unit_hears(&p, &answers[answer_count - 1]);
		exchange(&p, true);
		assert_same(&p.unit, &p.centre.values);
	}
}

static void each_field_has_its_owner(void **state)
{
	(void)state;
	struct session unit = {.user_id = "ana", .status = SESSION_PAUSED, .started_at_ms = 10, .revision = 2}, out;
	struct session_edits centre = {.revision = 7,
	                               .changed = {[SESSION_USER] = 7, [SESSION_STATUS] = 7},
	                               .values = {.user_id = "bo", .machine_id = "x", .started_at_ms = 5, .revision = 1}};
	assert_int_equal(merge_session(&unit, &centre, &out), 1 << SESSION_USER); /* paused here, unheard of there */
	assert_string_equal(out.user_id, "bo");
	assert_string_equal(out.machine_id, ""); /* never changed there */
	assert_int_equal(out.status, SESSION_PAUSED);
	unit.centre_revision = 7; /* seen before the unit changed it */
	assert_int_equal(merge_session(&unit, &centre, &out), 0);
	unit.centre_revision = 0;
	centre.values.revision = 2; /* the centre knew of the pause */
	assert_int_equal(merge_session(&unit, &centre, &out), 1 << SESSION_USER | 1 << SESSION_STATUS);
	assert_int_equal(out.status, SESSION_ACTIVE);
	centre.values.status = SESSION_ENDED;
	centre.values.ended_at_ms = 3;
	centre.values.revision = 1;
	merge_session(&unit, &centre, &out);
	assert_int_equal(out.status, SESSION_ENDED);
	assert_int_equal(out.ended_at_ms, 10); /* not before it starts */
	unit.status = SESSION_ENDED;
	unit.ended_at_ms = 99;
	centre.values.status = SESSION_ACTIVE;
	centre.values.revision = 2;
	merge_session(&unit, &centre, &out);
	assert_int_equal(out.status, SESSION_ENDED);
	assert_int_equal(out.ended_at_ms, 99);
}

/* ---- copies of a unit's store ----------------------------------------------------------------------------------- */

/* As the centre answers, and the unit takes it, when somebody else may have said something of the session. */
static void copy_speaks(struct session *copy, struct session_edits *centre)
{
	struct session *held = &centre->values, merged;
	bool news = copy->revision > held->revision;
	if (news) {
		merge_session(copy, centre, &merged);
		*held = merged;
	}
	copy->held_revision = held->revision;
	bool ended = merge_copy(copy, held, &merged);
	if (copy->revision <= held->revision && (ended || !news))
		*copy = merged;
}

/* Until none of them has anything more to say. */
static void copies_speak(struct session *copies, const int *order, struct session_edits *centre)
{
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 2; i++)
			for (int said = 0; said == 0 || copies[order[i]].revision > centre->values.revision; said++) {
				assert_true(said < 3);
				copy_speaks(&copies[order[i]], centre);
			}
}

/* A session that both copies end has the same end, the later one, whoever speaks first; one that either has ended stays so. */
static void copies_agree_on_the_end(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct pair from = begin();
		for (int64_t n = random_in(0, 3); n; n--) {
			unit_changes(&from);
			exchange(&from, random_in(0, 1));
		}
		struct pair a = from, b = from;
		for (int64_t n = random_in(0, 3); n; n--)
			unit_changes(&a);
		for (int64_t n = random_in(0, 3); n; n--)
			unit_changes(&b);
		int64_t end = a.unit.status == SESSION_ENDED ? a.unit.ended_at_ms : -1;
		if (b.unit.status == SESSION_ENDED && b.unit.ended_at_ms > end)
			end = b.unit.ended_at_ms;
		for (int first = 0; first < 2; first++) {
			struct session copies[] = {a.unit, b.unit};
			struct session_edits centre = from.centre;
			copies_speak(copies, (const int[]){first, !first}, &centre);
			for (int c = 0; c < 2 && end >= 0; c++)
				assert_same(&copies[c], &centre.values);
			assert_int_equal(centre.values.status == SESSION_ENDED, end >= 0);
			if (end >= 0)
				assert_int_equal(centre.values.ended_at_ms, end);
		}
	}
}

/* A unit that did not know the time has told a guess by stick, and tells better before it has heard that this has arrived. */
static void corrected_times_go_together(void **state)
{
	(void)state;
	struct session unit = {.status = SESSION_ENDED, .started_at_ms = 1000, .ended_at_ms = 2000, .revision = 5};
	struct session_edits centre = {
		.values = {.status = SESSION_ENDED, .started_at_ms = 9000, .ended_at_ms = 9500, .revision = 3}};
	struct session out;
	assert_int_equal(merge_session(&unit, &centre, &out), 0);
	assert_int_equal(out.started_at_ms, 1000);
	assert_int_equal(out.ended_at_ms, 2000);
	/* With the same start it is another copy that has ended it later. */
	centre.values.started_at_ms = 1000;
	assert_int_equal(merge_session(&unit, &centre, &out), 1U << SESSION_STATUS);
	assert_int_equal(out.ended_at_ms, 9500);
}

int main(void)
{
	random_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corrected_times_go_together), cmocka_unit_test(each_field_has_its_owner),
		cmocka_unit_test(the_order_does_not_matter),   cmocka_unit_test(the_same_comes_of_anything),
		cmocka_unit_test(copies_agree_on_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
