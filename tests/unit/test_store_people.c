/* Who and what in the store: what the centre changes in sessions, and the reference data that it sends. */
#include "store/migrations.h"
#include "tests/unit/store_rig.h"

static void pair(struct rig *rig)
{
	struct store_centre centre = {.url = "https://centre.example", .device_id = 12, .paired_at_ms = T0};
	memset(centre.public_key, 1, sizeof centre.public_key);
	OK(store_centre_set(rig->store, &centre, &e));
}

static void apply(struct rig *rig, struct store_receipt *receipt)
{
	bool applied = false;
	receipt->exchange++;
	receipt->applied_at_ms = T0;
	OK(store_apply_receipt(rig->store, receipt, &applied, &e));
	assert_true(applied);
}

static int64_t unsent(struct rig *rig)
{
	struct store_backlog backlog;
	OK(store_backlog(rig->store, &backlog, &e));
	return backlog.sessions;
}

static struct session started(struct rig *rig)
{
	struct session s = {.user_id = "ana", .machine_id = "van"};
	OK(store_session_start(rig->store, &s, T0, SESSION_BY_PERSON, &s, &e));
	return s;
}

static void test_changes_of_the_centre_are_taken_and_acknowledged(void **state)
{
	struct rig *rig = *state;
	pair(rig);
	struct session s = started(rig), now;
	struct session_edits edits = {
		.revision = 77,
		.changed = {[SESSION_USER] = 77, [SESSION_STATUS] = 70},
		.values = {.user_id = "bo", .machine_id = "no change", .status = SESSION_PAUSED, .revision = 1}};
	struct store_session_held held = {.revision = 1, .lost = "machine_id", .edits = &edits};
	struct store_receipt receipt = {.sessions = &held, .session_count = 1};
	strcpy(held.session_id, s.session_id);
	apply(rig, &receipt);
	OK(store_session_by_id(rig->store, s.id, &now, &e));
	assert_string_equal(now.user_id, "bo");
	assert_string_equal(now.machine_id, "van");
	assert_int_equal(now.status, SESSION_PAUSED);
	assert_int_equal(now.revision, 1); /* no change by the unit */
	assert_int_equal(now.centre_revision, 77);
	char lost[NAME_TEXT];
	OK(store_session_lost(rig->store, s.id, lost, &e));
	assert_string_equal(lost, "machine_id");
	assert_int_equal(unsent(rig), 1); /* the centre is to be told that it was seen */
	assert_string_equal(rig_ask(rig, "SELECT event_type || ' ' || payload FROM events ORDER BY seq DESC LIMIT 1"),
	                    "session_changed {\"by\":\"centre\",\"fields\":\"user_id status\"}");
	edits.values.user_id[0] = 'c'; /* repeated, for whatever reason: nothing new */
	apply(rig, &receipt);
	OK(store_session_by_id(rig->store, s.id, &now, &e));
	assert_string_equal(now.user_id, "bo");
	held = (struct store_session_held){.revision = 1, .seen = 77};
	strcpy(held.session_id, s.session_id);
	apply(rig, &receipt);
	assert_int_equal(unsent(rig), 0);
	OK(store_session_lost(rig->store, s.id, lost, &e));
	assert_string_equal(lost, "");
	held.seen = 5; /* the centre went back in time: it is told again */
	apply(rig, &receipt);
	assert_int_equal(unsent(rig), 1);
	OK(store_centre_forget(rig->store, &e));
	OK(store_session_by_id(rig->store, s.id, &now, &e));
	assert_int_equal(now.centre_revision, 0);
	assert_int_equal(now.revision, 2); /* what the centre had changed is now the unit's own word */
}

static void test_a_session_of_another_store_is_passed_over(void **state)
{
	struct rig *rig = *state;
	pair(rig);
	struct session_edits edits = {.revision = 7, .changed = {[SESSION_USER] = 7}, .values = {.user_id = "bo"}};
	struct store_session_held held = {
		.session_id = "c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d", .revision = 1, .edits = &edits};
	struct store_receipt receipt = {.sessions = &held, .session_count = 1};
	apply(rig, &receipt);
	assert_int_equal(unsent(rig), 0);
}

static void test_reference_data_is_replaced_whole(void **state)
{
	struct rig *rig = *state;
	struct reference_organization organizations[] = {{.id = 7, .name = "Fleet"}};
	struct reference_application applications[] = {{.id = 3, .name = "Harvest"}};
	struct reference_user users[] = {{.id = "ana", .full_name = "Ana", .organization_id = 7},
	                                 {.id = "bo", .organization_id = 7}};
	struct reference_application_user application_users[] = {{.id = 1, .application_id = 3, .user = 1}};
	struct reference_machine machines[] = {{.id = "van", .operation_start_date = "2020-02-29", .organization_id = 7}};
	struct reference reference = {.machine_id = "van",
	                              .organizations = organizations,
	                              .organization_count = 1,
	                              .applications = applications,
	                              .application_count = 1,
	                              .users = users,
	                              .user_count = 2,
	                              .application_users = application_users,
	                              .application_user_count = 1,
	                              .machines = machines,
	                              .machine_count = 1};
	struct store_receipt receipt = {.device_name = "n",
	                                .device_color = "red",
	                                .device_active = true,
	                                .reference = &reference,
	                                .reference_digest = {9}};
	struct reference_name *names;
	size_t count;
	bool complete, found;
	uint8_t digest[REFERENCE_DIGEST];
	OK(store_reference_names(rig->store, REFERENCE_USERS, &names, &count, &complete, &e));
	assert_true(!count && !complete);
	free(names);
	pair(rig);
	OK(store_reference_digest(rig->store, digest, &found, &e));
	assert_false(found);
	apply(rig, &receipt);
	assert_string_equal(rig_ask(rig, "SELECT user_id || application_id FROM application_users"), "bo3");
	assert_string_equal(rig_ask(rig, "SELECT name || color || machine_id || is_active FROM devices"), "nredvan1");
	OK(store_reference_digest(rig->store, digest, &found, &e));
	assert_true(found && digest[0] == 9);
	OK(store_reference_names(rig->store, REFERENCE_USERS, &names, &count, &complete, &e));
	assert_int_equal(count, 2);
	assert_true(complete);
	assert_string_equal(names[0].id, "ana");
	assert_string_equal(names[0].name, "Ana");
	free(names);
	reference = (struct reference){.applications = applications, .application_count = 1, .cut = true};
	apply(rig, &receipt);
	assert_string_equal(rig_ask(rig, "SELECT (SELECT count(*) FROM users) || (SELECT count(*) FROM organizations) ||"
	                                 " (SELECT count(*) FROM machines) || (SELECT count(*) FROM applications)"),
	                    "0001");
	OK(store_reference_names(rig->store, REFERENCE_APPLICATIONS, &names, &count, &complete, &e));
	assert_true(count == 1 && !complete);
	free(names);
	receipt.reference = NULL; /* the same as before */
	apply(rig, &receipt);
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM applications"), "1");
	OK(store_centre_forget(rig->store, &e));
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM applications"), "0");
}

/* A store of before sessions could be changed by the centre, with rows in it. */
static void test_a_store_of_version_1_goes_on(void **state)
{
	struct rig *rig = *state;
	char message[256];
	store_close(rig->store);
	rig->store = NULL;
	assert_int_equal(unlink(rig->path), 0);
	rig_sql(rig, store_migrations[0], message, sizeof message);
	assert_string_equal(message, "");
	rig_sql(rig,
	        "INSERT INTO store (one, store_id, created_at) VALUES (1, 'c0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d', 1);"
	        "INSERT INTO sessions (session_id, status, started_at, created_at, updated_at, first_seq, held_revision)"
	        " VALUES ('d0a8e1d2-7b34-4f19-8e65-0d1f2a3b4c5d', 'active', 1, 1, 1, 1, 1);"
	        "PRAGMA application_id = 1634499193; PRAGMA user_version = 1; PRAGMA journal_mode = wal",
	        message, sizeof message);
	assert_string_equal(message, "");
	OK(store_open(&rig->store, rig->path, STORE_WRITE, &e));
	assert_int_equal(atoi(rig_ask(rig, "PRAGMA user_version")), STORE_VERSION);
	assert_int_equal(unsent(rig), 0);
	assert_string_equal(rig_ask(rig, "SELECT status || centre_revision FROM sessions"), "active0");
	assert_string_equal(rig_ask(rig, "SELECT count(*) FROM sessions_readable WHERE centre_changed_at IS NULL"), "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changes_of_the_centre_are_taken_and_acknowledged),
		TEST(test_a_session_of_another_store_is_passed_over),
		TEST(test_reference_data_is_replaced_whole),
		TEST(test_a_store_of_version_1_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
