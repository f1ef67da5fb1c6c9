/* Batches made by the real codecs, taken by the real ingest, in a real Postgres. */
#include "sync/verify.h"
#include "tests/unit/ingest_rig.h"

#include <pthread.h>
#include <unistd.h>

/* Rows of the unit's store in alzy.points. */
static const char *points_of(const struct unit *unit)
{
	return rig_ask("SELECT count(*) FROM alzy.points p JOIN alzy.stores s ON p.id >> 40 = s.number"
	               " WHERE s.store_id = $1::uuid",
	               unit->store_id);
}

static const char *events_of(const struct unit *unit)
{
	return rig_ask("SELECT count(*) FROM public.events v JOIN alzy.stores s ON v.event_id >> 40 = s.number"
	               " WHERE s.store_id = $1::uuid",
	               unit->store_id);
}

static const char *rejected_of(const struct unit *unit)
{
	return rig_ask(
		"SELECT string_agg(concat_ws(' ', stream, seq, code), ', ' ORDER BY stream, seq) FROM alzy.rejected r"
		" JOIN alzy.stores s ON s.number = r.store_number WHERE s.store_id = $1::uuid",
		unit->store_id);
}

static const char *stretches_of(const struct unit *unit)
{
	return rig_ask("SELECT string_agg(concat_ws(' ', stream, first_seq, last_seq), ', ' ORDER BY stream, first_seq)"
	               " FROM alzy.stretches r JOIN alzy.stores s ON s.number = r.store_number"
	               " WHERE s.store_id = $1::uuid",
	               unit->store_id);
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

static const char one_row[] =
	"SELECT concat_ws(' ', p.id & ((1::bigint << 40) - 1), p.device_id = st.device_id, p.lat, p.lng, "
	"coalesce(accuracy::text,"
	" '-'), coalesce(speed::text, '-'), coalesce(heading::text, '-'), coalesce(altitude::text, '-'), source,"
	" to_char(recorded_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), coalesce(s.session_id = $1, false),"
	" received_at BETWEEN now() - interval '1 minute' AND now() + interval '1 second', ST_X(geom), ST_Y(geom))"
	" FROM alzy.points p JOIN alzy.stores st ON st.number = p.id >> 40 LEFT JOIN alzy.sessions s ON s.id = p.session_id"
	" WHERE st.device_id = (SELECT device_id FROM alzy.sessions WHERE session_id = $1) ORDER BY p.id OFFSET ";

static void rows_arrive_exactly(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 4);
	(void)state;
	batch.points[0] = (struct point){.recorded_at_ms = RIG_TIME_MS + 1,
	                                 .lat_e7 = 521234567,
	                                 .lng_e7 = -1,
	                                 .accuracy_dm = 37,
	                                 .speed_cmps = 1234,
	                                 .heading_ddeg = 3599,
	                                 .altitude_dm = -43,
	                                 .session = 1,
	                                 .source = POINT_FUSED};
	batch.points[1] = (struct point){.recorded_at_ms = RIG_TIME_MS - 1,
	                                 .lat_e7 = -900000000,
	                                 .lng_e7 = 1800000000,
	                                 .accuracy_dm = ROW_ABSENT,
	                                 .speed_cmps = ROW_ABSENT,
	                                 .heading_ddeg = ROW_ABSENT,
	                                 .altitude_dm = ROW_ABSENT,
	                                 .source = POINT_MANUAL};
	batch.points[2] = (struct point){.recorded_at_ms = 0, .source = POINT_NETWORK};
	batch.points[3] =
		(struct point){.recorded_at_ms = TIME_MS_MAX, .lat_e7 = 10000, .lng_e7 = -1799999999, .session = 1};
	for (int i = 0; i < 4; i++)
		batch.points[i].seq = i + 1;
	rig_add_event(&batch, 1, "agent_start", "{\"version\":\"ü \\\\ \\u0000\"}", "");
	rig_add_event(&batch, 2, "session_start", NULL, unit.session_id);
	struct receipt receipt = rig_exchange(&unit, &batch);

	static const char *const wanted[] = {
		"1 t 52.1234567 -0.0000001 3.7 12.34 359.9 -4.3 fused 2026-11-21T10:00:00.001000 t t -1e-07 52.1234567",
		"2 t -90.0000000 180.0000000 - - - - manual 2026-11-21T09:59:59.999000 f t 180 -90",
		"3 t 0.0000000 0.0000000 0 0 0 0 network 1970-01-01T00:00:00.000000 f t 0 0",
		"4 t 0.0010000 -179.9999999 0 0 0 0 gps 9999-12-31T23:59:59.999000 t t -179.9999999 0.001",
	};
	for (int i = 0; i < 4; i++) {
		char sql[2048];
		snprintf(sql, sizeof sql, "%s%d", one_row, i);
		assert_string_equal(rig_ask(sql, unit.session_id), wanted[i]);
	}
	assert_string_equal(
		rig_ask("SELECT string_agg(concat_ws(' ', event_id & ((1::bigint << 40) - 1), event_type,"
	            " coalesce(payload, '-'), coalesce(v.session_id, '-') = $1,"
	            " to_char(event_at, 'HH24:MI:SS.US')), ', ' ORDER BY event_id) FROM public.events v"
	            " JOIN alzy.stores s ON s.number = event_id >> 40 JOIN alzy.sessions a USING (device_id)"
	            " WHERE a.session_id = $1",
	            unit.session_id),
		"1 agent_start {\"version\":\"ü \\\\ \\u0000\"} f 10:00:00.001000, "
		"2 session_start - t 10:00:00.002000");
	assert_string_equal(stretches_of(&unit), "events 1 2, points 1 4");
	assert_string_equal(receipt.store_id, unit.store_id);
	assert_int_equal(receipt.exchange, 1);
	assert_string_equal(receipt.device_name, "van");
	assert_string_equal(receipt.device_color, "blue");
	assert_true(receipt.device_active);
	assert_true(llabs(receipt.centre_ms - clock_wall_ms()) < 60000);
	assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-4");
	assert_ranges(receipt.streams[STREAM_POINTS].missing, "none");
	assert_ranges(receipt.streams[STREAM_EVENTS].accounted, "1-2");
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 4);
	assert_int_equal(receipt.streams[STREAM_POINTS].known, 0);
	receipt_free(&receipt);
}

static void the_same_again_changes_nothing(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 300);
	(void)state;
	rig_add_event(&batch, 1, "agent_start", "{}", "");
	struct buffer envelope = rig_envelope(&unit, &batch);
	batch_free(&batch);
	for (int i = 0; i < 3; i++) {
		struct receipt receipt = {0};
		struct err e = {0};
		assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, i ? 0 : 300);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, i ? 300 : 0);
		assert_int_equal(receipt.streams[STREAM_EVENTS].known, i ? 1 : 0);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-300");
		receipt_free(&receipt);
	}
	assert_string_equal(points_of(&unit), "300");
	assert_string_equal(events_of(&unit), "1");
	assert_string_equal(rejected_of(&unit), "");
	assert_string_equal(stretches_of(&unit), "events 1 1, points 1 300");
	buffer_free(&envelope);
}

/* Sends points 1 to 100 once more, with what `change` makes of them. */
static struct receipt send_again(struct unit *unit, void (*change)(struct batch *batch))
{
	struct batch batch = rig_batch(unit, 1, 100);
	if (change)
		change(&batch);
	return rig_exchange(unit, &batch);
}

static void change_nothing(struct batch *batch)
{
	(void)batch;
}

static void change_a_row(struct batch *batch)
{
	batch->points[41].heading_ddeg ^= 1;
}

static void change_a_session(struct batch *batch)
{
	batch->points[41].session = 0;
}

static void ask_for_comparison(struct batch *batch)
{
	batch->compare = true;
}

static void ask_for_retry(struct batch *batch)
{
	batch->retry = true;
}

static void ask_for_no_reference(struct batch *batch)
{
	batch->has_reference = true;
}

/* What a unit should know of people and machines is looked up with each batch, and not again for points that were answered a moment
 * ago, when it has some of it: then the next batch tells. */
static void what_is_answered_again_at_once_tells_nothing_of_people(void **state)
{
	struct unit unit = rig_unit();
	static const struct {
		void (*change)(struct batch *batch);
		const char *before; /* SQL on the store */
		bool told;
	} tries[] = {
		{ask_for_no_reference, "SELECT $1::uuid", true}, /* these points are new */
		{ask_for_no_reference, "SELECT $1::uuid", false},
		{NULL, "SELECT $1::uuid", true},
		{ask_for_no_reference,
	     "UPDATE alzy.stores SET last_batch_at = now() - interval '2 minutes' WHERE store_id = $1::uuid RETURNING 1",
	     true},
		{ask_for_no_reference,
	     "UPDATE alzy.stores SET last_batch_at = now() + interval '2 minutes' WHERE store_id = $1::uuid RETURNING 1",
	     true},
		{ask_for_no_reference, "SELECT $1::uuid", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		rig_ask(tries[i].before, unit.store_id);
		struct receipt receipt = send_again(&unit, tries[i].change);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, i ? 100 : 0);
		assert_int_equal(receipt.has_reference, tries[i].told);
		receipt_free(&receipt);
	}
	struct batch question = rig_batch(&unit, 101, 0);
	ask_for_no_reference(&question);
	struct receipt receipt = rig_exchange(&unit, &question);
	assert_true(receipt.has_reference);
	receipt_free(&receipt);
}

/* The same points in the same form are known before they are unpacked, by nothing else than what came: with all that the slow way
 * goes by spoilt, only that can know them. Whatever is not just the same goes the slow way. */
static void what_came_just_so_is_not_unpacked(void **state)
{
	static const struct {
		void (*change)(struct batch *batch);
		const char *before; /* SQL on the store */
		const char *conflicts;
	} tries[] = {
		{change_nothing, "", "none"},
		{change_a_row, "", "7, 42"},
		{change_a_session, "", "7, 42"},
		{ask_for_comparison, "", "7"},
		{ask_for_retry, "", "7"},
		{change_nothing,
	     "UPDATE alzy.stretches SET packed = NULL WHERE store_number = (SELECT number FROM alzy.stores WHERE store_id "
	     "= '%s')",
	     "7"},
		{change_nothing,
	     "UPDATE alzy.stretches SET packed = digest WHERE store_number = (SELECT number FROM alzy.stores WHERE "
	     "store_id = '%s')",
	     "7"},
	};
	struct unit unit = rig_unit();
	(void)state;
	struct receipt receipt = send_again(&unit, NULL);
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 100);
	receipt_free(&receipt);
	rig_ask("UPDATE alzy.stretches SET digest = sha256('') WHERE store_number ="
	        " (SELECT number FROM alzy.stores WHERE store_id = $1::uuid) RETURNING 1",
	        unit.store_id);
	rig_ask("UPDATE alzy.points p SET lat = lat + 1 FROM alzy.stores s WHERE p.id = (s.number::bigint << 40) + 7"
	        " AND s.store_id = $1::uuid RETURNING 1",
	        unit.store_id);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		char sql[512];
		snprintf(sql, sizeof sql, tries[i].before, unit.store_id);
		rig_do(sql);
		receipt = send_again(&unit, tries[i].change);
		assert_ranges(receipt.streams[STREAM_POINTS].conflicts, tries[i].conflicts);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 0);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-100");
		receipt_free(&receipt);
	}
	assert_string_equal(points_of(&unit), "100");
}

/* What is said to be held decides, and not what came once. */
static void what_came_just_so_and_is_gone_is_taken_again(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	struct receipt receipt = send_again(&unit, NULL);
	receipt_free(&receipt);
	rig_ask(
		"WITH s AS (UPDATE alzy.stores SET points_held = points_held - '{[20,30)}'::int8multirange,"
		" points_dropped = points_dropped + '{[25,26)}'::int8multirange WHERE store_id = $1::uuid RETURNING number)"
		" DELETE FROM alzy.points p USING s WHERE p.id >= (number::bigint << 40) + 20 AND p.id < (number::bigint << 40)"
		" + 30 RETURNING 1",
		unit.store_id);
	receipt = send_again(&unit, NULL);
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 9);
	assert_ranges(receipt.streams[STREAM_POINTS].conflicts, "25");
	receipt_free(&receipt);
	assert_string_equal(points_of(&unit), "99");
}

/* Rows, and what else must not be lost, are waited for until they are on the disk; a batch of what is held is not. */
static void only_what_is_new_waits_for_the_disk(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	rig_do(
		"CREATE TABLE commits (number serial, how text); CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql"
		" SECURITY DEFINER AS $$ BEGIN INSERT INTO public.commits (how) VALUES (current_setting('synchronous_commit'));"
		" RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER note_commit AFTER UPDATE ON alzy.stores"
		" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()");
	for (int i = 0; i < 6; i++) {
		struct batch batch = rig_batch(&unit, i == 2 ? 11 : 1, 10);
		batch.sessions[0].revision = i < 3 ? 1 : 2;                               /* a newer session at 3 */
		batch.points[0].heading_ddeg = i == 5 ? 7 : batch.points[0].heading_ddeg; /* a conflict at 5 */
		struct receipt receipt = rig_exchange(&unit, &batch);
		receipt_free(&receipt);
	}
	assert_string_equal(rig_ask("SELECT string_agg(how, ' ' ORDER BY number) FROM commits", NULL),
	                    "on off on on off on");
	rig_do("DROP TRIGGER note_commit ON alzy.stores; DROP FUNCTION note_commit; DROP TABLE commits");
}

static void overlaps_bring_only_what_is_new(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	static const struct {
		int64_t first;
		size_t count;
		int64_t last, fresh; /* last: the highest seq that the unit tells of */
		const char *accounted, *missing;
	} steps[] = {
		{101, 100, 200, 100, "101-200", "1-100"},
		{151, 100, 250, 50, "101-250", "1-100"},
		{301, 10, 330, 10, "101-250, 301-310", "1-100, 251-300, 311-330"},
		{1, 320, 330, 160, "1-320", "321-330"},
		{1, 320, 320, 0, "1-320", "321-330"}, /* a store that was put back to an older state */
		{120, 7, 330, 0, "1-320", "321-330"},
	};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct batch batch = rig_batch(&unit, steps[i].first, steps[i].count);
		batch.last_seq[STREAM_POINTS] = steps[i].last;
		struct receipt receipt = rig_exchange(&unit, &batch);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, steps[i].fresh);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, (int64_t)steps[i].count - steps[i].fresh);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, steps[i].accounted);
		assert_ranges(receipt.streams[STREAM_POINTS].missing, steps[i].missing);
		receipt_free(&receipt);
	}
	assert_string_equal(points_of(&unit), "320");
	assert_string_equal(rejected_of(&unit), "");
}

static void other_content_is_a_conflict(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 50);
	(void)state;
	for (int64_t seq = 1; seq <= 3; seq++)
		rig_add_event(&batch, seq, "note", "{\"text\":\"first\"}", unit.session_id);
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);

	/* The third time it is a comparison: then the rows are kept aside as well. */
	for (int again = 0; again < 3; again++) {
		bool compare = again == 2;
		batch = rig_batch(&unit, 1, 60);
		batch.compare = compare;
		batch.points[9].altitude_dm = 5;
		batch.points[19].session = 0;
		batch.points[29].recorded_at_ms += 40 * INT64_C(86400000);
		batch.points[39].lat_e7++;
		for (int64_t seq = 1; seq <= 3; seq++)
			rig_add_event(&batch, seq, "note", seq == 2 ? NULL : "{\"text\":\"first\"}", unit.session_id);
		receipt = rig_exchange(&unit, &batch);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, again ? 0 : 10);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, again ? 56 : 46);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-60");
		assert_ranges(receipt.streams[STREAM_POINTS].confirmed, "1-9, 11-19, 21-29, 31-39, 41-60");
		assert_ranges(receipt.streams[STREAM_POINTS].conflicts, "10, 20, 30, 40");
		assert_ranges(receipt.streams[STREAM_EVENTS].confirmed, "1, 3");
		assert_ranges(receipt.streams[STREAM_EVENTS].conflicts, "2");
		assert_int_equal(receipt.copied_rows, 5);
		assert_true(receipt.copied_ms > 0);
		assert_int_equal(receipt.streams[STREAM_POINTS].rejected_total, compare ? 4 : 0);
		assert_int_equal(receipt.streams[STREAM_EVENTS].rejected_total, compare);
		if (compare)
			assert_string_equal(receipt.streams[STREAM_POINTS].rejected[0].code, "conflict");
		receipt_free(&receipt);
		assert_string_equal(rejected_of(&unit), compare ? "events 2 conflict, points 10 conflict, points 20 conflict,"
		                                                  " points 30 conflict, points 40 conflict"
		                                                : "");
	}
	assert_string_equal(points_of(&unit), "60");
	assert_string_equal(rig_ask("SELECT count(*) FROM alzy.points p JOIN alzy.stores s ON p.id >> 40 = s.number"
	                            " WHERE s.store_id = $1::uuid AND altitude IS NOT NULL",
	                            unit.store_id),
	                    "0");
	assert_string_equal(rig_ask("SELECT content->>'altitude' FROM alzy.rejected r JOIN alzy.stores s"
	                            " ON s.number = r.store_number WHERE s.store_id = $1::uuid AND seq = 10",
	                            unit.store_id),
	                    "0.5");
}

static void refused_rows_block_nothing(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 1000);
	(void)state;
	rig_do("ALTER TABLE alzy.points ADD CONSTRAINT test CHECK (speed < 1000) NOT VALID;"
	       "ALTER TABLE public.events ADD CONSTRAINT test CHECK (event_type <> 'bad') NOT VALID");
	batch.points[0].speed_cmps = batch.points[499].speed_cmps = batch.points[500].speed_cmps = 100000;
	batch.points[999].speed_cmps = 100001;
	rig_add_event(&batch, 1, "bad", "{\"a\":[\"ü\"]}", unit.session_id);
	rig_add_event(&batch, 2, "good", NULL, "");
	struct buffer envelope = rig_envelope(&unit, &batch);
	batch_free(&batch);
	for (int i = 0; i < 2; i++) {
		struct receipt receipt = {0};
		struct err e = {0};
		if (rig_send(rig_gateway, &unit, &envelope, &receipt, &e))
			fail_msg("%s", e.text);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, i ? 0 : 996);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, i ? 1000 : 0); /* nothing is tried again */
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-1000");
		assert_ranges(receipt.streams[STREAM_POINTS].missing, "none");
		assert_int_equal(receipt.streams[STREAM_POINTS].rejected_count, 4);
		assert_int_equal(receipt.streams[STREAM_POINTS].rejected[0].seq, 1000);
		assert_string_equal(receipt.streams[STREAM_POINTS].rejected[0].code, "23514");
		assert_non_null(strstr(receipt.streams[STREAM_POINTS].rejected[0].reason, "check constraint \"test\""));
		assert_int_equal(receipt.streams[STREAM_EVENTS].rejected_count, 1);
		receipt_free(&receipt);
	}
	rig_do("ALTER TABLE alzy.points DROP CONSTRAINT test; ALTER TABLE public.events DROP CONSTRAINT test");
	assert_string_equal(points_of(&unit), "996");
	assert_string_equal(rejected_of(&unit),
	                    "events 1 23514, points 1 23514, points 500 23514, points 501 23514, points 1000 23514");
	assert_string_equal(stretches_of(&unit), "events 2 2, points 2 499, points 502 999");
	assert_string_equal(rig_ask("SELECT points_rejected::text || points_held::text FROM alzy.stores"
	                            " WHERE store_id = $1::uuid",
	                            unit.store_id),
	                    "{[1,2),[500,502),[1000,1001)}{[2,500),[502,1000)}");
	assert_string_equal(rig_ask("SELECT content->>'payload' FROM alzy.rejected r JOIN alzy.stores s"
	                            " ON s.number = r.store_number WHERE s.store_id = $1::uuid AND stream = 'events'",
	                            unit.store_id),
	                    "{\"a\":[\"ü\"]}");
	buffer_free(&envelope);
}

/* What somebody's own rules do against rows or sessions: how they come and go, and the code by which they are known. */
struct refuser {
	const char *make, *unmake, *code;
};

static const struct refuser row_refusers[] = {
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed >= 1000) EXECUTE FUNCTION"
     " refuse('P0001')",
     "DROP TRIGGER test ON alzy.points", "P0001"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed >= 1000) EXECUTE FUNCTION"
     " refuse('MYERR')",
     "DROP TRIGGER test ON alzy.points", "MYERR"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed >= 1000) EXECUTE FUNCTION"
     " refuse('P0004')",
     "DROP TRIGGER test ON alzy.points", "P0004"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed >= 1000) EXECUTE FUNCTION"
     " refuse('42P01')",
     "DROP TRIGGER test ON alzy.points", "42P01"},
	{"CREATE TRIGGER test AFTER INSERT ON alzy.points REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE"
     " FUNCTION refuse_any()",
     "DROP TRIGGER test ON alzy.points", "P0001"},
	{"CREATE TABLE speeds (speed float8 PRIMARY KEY); INSERT INTO speeds SELECT generate_series(0, 3000) / 100.0;"
     "ALTER TABLE alzy.points_2026_11 ADD CONSTRAINT test FOREIGN KEY (speed) REFERENCES speeds NOT VALID",
     "ALTER TABLE alzy.points_2026_11 DROP CONSTRAINT test; DROP TABLE speeds", "23503"},
	{"CREATE CONSTRAINT TRIGGER test AFTER INSERT ON alzy.points_2026_11 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
     " WHEN (NEW.speed >= 1000) EXECUTE FUNCTION refuse('P0001')",
     "DROP TRIGGER test ON alzy.points_2026_11", "P0001"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW WHEN (NEW.speed >= 1000) EXECUTE FUNCTION"
     " pass_over()",
     "DROP TRIGGER test ON alzy.points", "unwritten"},
};

/* Rows 10 and 11 are of another kind than the others; row 500 is too fast. */
static struct batch varied_batch(struct unit *unit, size_t count)
{
	struct batch batch = rig_batch(unit, 1, count);
	batch.points[9].lat_e7 = -521234567;
	batch.points[9].altitude_dm = -43;
	batch.points[10].session = 0;
	batch.points[10].accuracy_dm = ROW_ABSENT;
	batch.points[499].speed_cmps = 100000;
	return batch;
}

/* Whatever of somebody's own refuses a row, and however it does: the others are taken as they came, all columns of them. */
static void whoever_refuses_a_row_blocks_nothing(void **state)
{
	(void)state;
	rig_do("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	       " RAISE EXCEPTION E'too\\r\\n\\x01\\x1b[2J\\u009b\\tfast' USING ERRCODE = TG_ARGV[0], DETAIL = E'\\r' || "
	       "NEW.speed; END $$;"
	       "CREATE FUNCTION refuse_any() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	       " IF EXISTS (SELECT FROM fresh WHERE speed >= 1000) THEN RAISE EXCEPTION 'too fast'; END IF; RETURN NULL; "
	       "END $$;"
	       "CREATE FUNCTION pass_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$");
	for (size_t i = 0; i < sizeof row_refusers / sizeof *row_refusers; i++) {
		struct unit unit = rig_unit();
		struct batch batch = varied_batch(&unit, 1200);
		char wanted[64];
		batch.points[1199].speed_cmps = 100000;
		rig_do(row_refusers[i].make);
		struct receipt receipt = rig_exchange(&unit, &batch);
		rig_do(row_refusers[i].unmake);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-1200");
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 1198);
		assert_int_equal(receipt.streams[STREAM_POINTS].rejected_count, 2);
		const char *reason = receipt.streams[STREAM_POINTS].rejected[0].reason;
		if (row_refusers[i].code[0] == 'u')
			assert_string_equal(reason, "not written, as a trigger of the database passes over it");
		else if (row_refusers[i].code[0] != '2' && strncmp(reason, "too fast", 8) &&
		         strncmp(reason, "too    [2J  fast;  1000 (SQLSTATE", 33))
			fail_msg("%s", reason);
		receipt_free(&receipt);
		snprintf(wanted, sizeof wanted, "points 500 %s, points 1200 %s", row_refusers[i].code, row_refusers[i].code);
		assert_string_equal(rejected_of(&unit), wanted);
		assert_string_equal(stretches_of(&unit), "points 1 499, points 501 1199");
		/* What was taken is what was sent: else it would be a conflict now. */
		batch = varied_batch(&unit, 1199);
		batch.compare = true;
		receipt = rig_exchange(&unit, &batch);
		receipt_free(&receipt);
		assert_string_equal(rejected_of(&unit), wanted);
	}
	rig_do("DROP FUNCTION refuse; DROP FUNCTION refuse_any; DROP FUNCTION pass_over");
}

/* A unit offers again what was rejected: what is good now is held, what is not stays aside with its last verdict. Another copy's row
 * under such a seq is none that is offered again: it must not take a place in which other copies have found this one. */
static void rejected_rows_are_judged_again(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	rig_do("ALTER TABLE alzy.points ADD CONSTRAINT test CHECK (speed < 1000) NOT VALID;"
	       "ALTER TABLE public.events ADD CONSTRAINT test CHECK (event_type <> 'bad') NOT VALID");
	for (int i = 0; i < 5; i++) {
		struct batch batch = rig_batch(&unit, 1, 30);
		for (int k = 9; k < 20; k++)
			batch.points[k].speed_cmps = k == 14 ? 300000 : 100000;
		if (i == 1) { /* a copy of the unit: one row that is held, and one that is not, with other content */
			batch.points[2].lat_e7++;
			batch.points[10].lat_e7++;
		}
		rig_add_event(&batch, 1, "bad", "{}", "");
		batch.retry = i == 1 || i > 2;
		if (i == 2)
			rig_do("ALTER TABLE alzy.points DROP CONSTRAINT test; ALTER TABLE public.events DROP CONSTRAINT test;"
			       "ALTER TABLE alzy.points ADD CONSTRAINT other CHECK (speed < 2000) NOT VALID");
		struct receipt receipt = rig_exchange(&unit, &batch);
		const struct receipt_stream *points = &receipt.streams[STREAM_POINTS];
		assert_int_equal(points->fresh, i == 0 ? 19 : i == 3 ? 10 : 0);
		assert_int_equal(receipt.streams[STREAM_EVENTS].fresh, i == 3);
		assert_ranges(points->accounted, "1-30");
		assert_int_equal(points->rejected_total, i < 3 ? 11 : 1);
		assert_ranges(points->conflicts, i == 1 ? "3, 11" : "none");
		assert_int_equal(receipt.streams[STREAM_EVENTS].rejected_total, i < 3);
		receipt_free(&receipt);
		assert_string_equal(points_of(&unit), i < 3 ? "19" : "29");
	}
	rig_do("ALTER TABLE alzy.points DROP CONSTRAINT other");
	assert_string_equal(rejected_of(&unit), "points 15 23514");
	assert_string_equal(
		rig_ask("SELECT points_rejected::text || points_held::text || events_rejected::text FROM alzy.stores"
	            " WHERE store_id = $1::uuid",
	            unit.store_id),
		"{[15,16)}{[1,15),[16,31)}{}");
	assert_int_equal(rig_ask("SELECT string_agg(r.reason, '') FROM alzy.rejected r JOIN alzy.stores s ON s.number ="
	                         " r.store_number WHERE s.store_id = $1::uuid AND seq = 15 AND reason LIKE '%\"other\"%'",
	                         unit.store_id)[0],
	                 'n');
}

static void set_ids(struct batch *batch, char out[][UUID_TEXT])
{
	for (size_t i = 0; i < batch->session_count; i++)
		memcpy(batch->sessions[i].session_id, out[i], UUID_TEXT);
}

enum { SESSIONS = 5, BAD = 2 };

static const struct refuser session_refusers[] = {
	{"ALTER TABLE public.sessions ADD CONSTRAINT test CHECK (start_at <> '2026-11-21 11:00:00') NOT VALID",
     "ALTER TABLE public.sessions DROP CONSTRAINT test", "23514"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.sessions FOR EACH ROW WHEN (NEW.started_at = '2026-11-21 11:00Z')"
     " EXECUTE FUNCTION refuse('MYERR')",
     "DROP TRIGGER test ON alzy.sessions", "MYERR"},
	{"CREATE CONSTRAINT TRIGGER test AFTER INSERT ON public.sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
     " WHEN (NEW.start_at = '2026-11-21 11:00') EXECUTE FUNCTION refuse('P0001')",
     "DROP TRIGGER test ON public.sessions", "P0001"},
	{"CREATE TRIGGER test BEFORE INSERT ON alzy.sessions FOR EACH ROW WHEN (NEW.started_at = '2026-11-21 11:00Z')"
     " EXECUTE FUNCTION pass_over()",
     "DROP TRIGGER test ON alzy.sessions", "unwritten"},
	{"CREATE TRIGGER test BEFORE INSERT ON public.sessions FOR EACH ROW WHEN (NEW.start_at = '2026-11-21 11:00')"
     " EXECUTE FUNCTION pass_over()",
     "DROP TRIGGER test ON public.sessions", "23503"},
};

/* Points and events of five sessions, of which some are of the one that is refused. */
static struct batch batch_of_sessions(struct unit *unit, char ids[][UUID_TEXT])
{
	struct batch batch = rig_batch(unit, 1, 40);
	batch.sessions = realloc(batch.sessions, SESSIONS * sizeof *batch.sessions);
	batch.session_count = SESSIONS;
	for (int k = 1; k < SESSIONS; k++)
		batch.sessions[k] = batch.sessions[0];
	set_ids(&batch, ids);
	batch.sessions[BAD].started_at_ms += 3600000;
	for (int k = 0; k < 40; k++)
		batch.points[k].session = k < 10 ? 0 : k % 10 < 2 ? BAD + 1 : 1 + k % 2;
	rig_add_event(&batch, 1, "good", NULL, ids[0]);
	rig_add_event(&batch, 2, "bad", "{}", ids[BAD]);
	rig_add_event(&batch, 3, "fine", NULL, "");
	return batch;
}

static void assert_sessions(const struct receipt *receipt, char ids[][UUID_TEXT], bool mended)
{
	char named[80];
	assert_int_equal(receipt->session_count, SESSIONS);
	for (int k = 0; k < SESSIONS; k++) {
		const struct receipt_session *said = &receipt->sessions[k];
		assert_string_equal(said->session_id, ids[k]);
		assert_int_equal(said->revision, k != BAD || mended);
		snprintf(named, sizeof named, "session %.36s: ", ids[k]);
		if (k == BAD && !mended) {
			assert_ptr_equal(strstr(said->refused, named), said->refused);
			assert_null(strpbrk(said->refused, "\r\n\001?")); /* a cut character is a ? */
		} else {
			assert_string_equal(said->refused, "");
		}
	}
}

/* Whatever refuses a session: it takes its rows aside with it, and those of the others are held. */
static void a_refused_session_takes_its_rows_aside(void **state)
{
	(void)state;
	rig_do("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	       " RAISE EXCEPTION E'not\\r\\non a\\x01 Sunday%', repeat('ü', 200) USING ERRCODE = TG_ARGV[0]; END $$;"
	       "CREATE FUNCTION pass_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$");
	for (size_t i = 0; i < sizeof session_refusers / sizeof *session_refusers; i++) {
		struct unit unit = rig_unit();
		char ids[SESSIONS][UUID_TEXT], wanted[512];
		for (int k = 0; k < SESSIONS; k++)
			rig_uuid(ids[k]);
		rig_do(session_refusers[i].make);
		/* New; once more, as after a lost receipt; offered again; the same when nothing refuses it any more. */
		for (int step = 0; step < 4; step++) {
			struct batch batch = batch_of_sessions(&unit, ids);
			bool mended = step == 3;
			batch.retry = step > 1;
			if (mended)
				rig_do(session_refusers[i].unmake);
			struct receipt receipt = rig_exchange(&unit, &batch);
			assert_int_equal(receipt.streams[STREAM_POINTS].fresh, step == 0 ? 34 : mended ? 6 : 0);
			assert_int_equal(receipt.streams[STREAM_EVENTS].fresh, step == 0 ? 2 : mended);
			assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-40");
			assert_ranges(receipt.streams[STREAM_POINTS].conflicts, "none");
			assert_ranges(receipt.streams[STREAM_EVENTS].accounted, "1-3");
			assert_sessions(&receipt, ids, mended);
			if (!mended)
				assert_string_equal(receipt.streams[STREAM_POINTS].rejected[0].reason, receipt.sessions[BAD].refused);
			receipt_free(&receipt);
			const char *code = session_refusers[i].code;
			snprintf(wanted, sizeof wanted,
			         "events 2 %s, points 11 %s, points 12 %s, points 21 %s, points 22 %s, points 31 %s, points 32 %s",
			         code, code, code, code, code, code, code);
			assert_string_equal(rejected_of(&unit), mended ? "" : wanted);
		}
		assert_string_equal(points_of(&unit), "40");
	}
	rig_do("DROP FUNCTION refuse; DROP FUNCTION pass_over");
}

/* A change of a session that is held: its rows are, whatever becomes of the change. Without any row, too. */
static void a_refused_change_leaves_the_session_as_it_is(void **state)
{
	static const struct {
		const char *make, *unmake, *why;
	} refusers[] = {
		{"ALTER TABLE public.sessions ADD CONSTRAINT test CHECK (end_at IS NULL) NOT VALID",
	     "ALTER TABLE public.sessions DROP CONSTRAINT test", "\"test\""},
		{"CREATE TRIGGER test BEFORE UPDATE ON alzy.sessions FOR EACH ROW EXECUTE FUNCTION pass_over()",
	     "DROP TRIGGER test ON alzy.sessions", "passes over it"},
		{"CREATE TRIGGER test BEFORE UPDATE ON public.sessions FOR EACH ROW EXECUTE FUNCTION pass_over()",
	     "DROP TRIGGER test ON public.sessions", "passes over it"},
	};
	(void)state;
	rig_do("CREATE FUNCTION pass_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$");
	for (size_t i = 0; i < sizeof refusers / sizeof *refusers; i++) {
		struct unit unit = rig_unit();
		rig_do(refusers[i].make);
		for (int step = 0; step < 4; step++) {
			struct batch batch = rig_batch(&unit, 1 + step * 10, step < 2 ? 10 : 0);
			if (step) {
				batch.sessions[0].status = SESSION_ENDED;
				batch.sessions[0].ended_at_ms = RIG_TIME_MS + 60000;
				batch.sessions[0].revision = 2;
			}
			if (step == 3)
				rig_do(refusers[i].unmake);
			struct receipt receipt = rig_exchange(&unit, &batch);
			assert_int_equal(receipt.sessions[0].revision, step < 3 ? 1 : 2);
			if (step == 1 || step == 2)
				assert_non_null(strstr(receipt.sessions[0].refused, refusers[i].why));
			else
				assert_string_equal(receipt.sessions[0].refused, "");
			receipt_free(&receipt);
			assert_string_equal(
				rig_ask("SELECT status::text || (end_at IS NULL) FROM alzy.sessions JOIN public.sessions"
			            " USING (session_id) WHERE session_id = $1",
			            unit.session_id),
				step < 3 ? "activetrue" : "endedfalse");
		}
		assert_string_equal(points_of(&unit), "20");
		assert_string_equal(rejected_of(&unit), "");
	}
	rig_do("DROP FUNCTION pass_over");
}

/* As with points. When every event is passed over, too: a trigger that does so means it. */
static void events_that_a_trigger_passes_over_are_refused(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	rig_do("CREATE FUNCTION pass_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
	       "CREATE TRIGGER test BEFORE INSERT ON public.events FOR EACH ROW WHEN (NEW.event_type = 'bad')"
	       " EXECUTE FUNCTION pass_over()");
	for (int step = 0; step < 2; step++) {
		struct batch batch = rig_batch(&unit, 1, 0);
		if (step == 0)
			rig_add_event(&batch, 1, "good", NULL, unit.session_id);
		rig_add_event(&batch, 2 + step, "bad", NULL, "");
		struct receipt receipt = rig_exchange(&unit, &batch);
		assert_ranges(receipt.streams[STREAM_EVENTS].accounted, step ? "1-3" : "1-2");
		assert_int_equal(receipt.streams[STREAM_EVENTS].fresh, !step);
		receipt_free(&receipt);
	}
	rig_do("DROP TRIGGER test ON public.events; DROP FUNCTION pass_over");
	assert_string_equal(rejected_of(&unit), "events 2 unwritten, events 3 unwritten");
	assert_string_equal(events_of(&unit), "1");
}

/* Somebody has changed the ranges by hand, and the rows are there: those that come again as they are are held, one of other
 * content conflicts, and a new one among them is taken. */
static void rows_that_the_ranges_have_forgotten_are_held_again(void **state)
{
	(void)state;
	for (int spoilt = 0; spoilt < 2; spoilt++) {
		struct unit unit = rig_unit();
		struct batch batch = rig_batch(&unit, 1, 30);
		rig_add_event(&batch, 1, "one", NULL, "");
		struct receipt receipt = rig_exchange(&unit, &batch);
		receipt_free(&receipt);
		rig_ask("UPDATE alzy.stores SET points_held = '{[1,11),[21,26)}', events_held = '{}' WHERE store_id = $1::uuid"
		        " RETURNING 1",
		        unit.store_id);
		batch = rig_batch(&unit, 5, 30);
		rig_add_event(&batch, 1, "one", NULL, "");
		if (spoilt)
			batch.points[10].lat_e7++;
		receipt = rig_exchange(&unit, &batch);
		assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-34");
		assert_ranges(receipt.streams[STREAM_POINTS].confirmed, spoilt ? "5-14, 16-34" : "5-34");
		assert_ranges(receipt.streams[STREAM_POINTS].conflicts, spoilt ? "15" : "none");
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 4);
		assert_int_equal(receipt.streams[STREAM_POINTS].known, spoilt ? 25 : 26);
		assert_ranges(receipt.streams[STREAM_EVENTS].confirmed, "1");
		receipt_free(&receipt);
		assert_string_equal(points_of(&unit), "34");
		assert_string_equal(events_of(&unit), "1");
		assert_string_equal(rejected_of(&unit), "");
		assert_string_equal(stretches_of(&unit),
		                    spoilt ? "events 1 1, points 1 30, points 11 14, points 16 20, points 26 30, points 31 34"
		                           : "events 1 1, points 1 30, points 11 20, points 26 30, points 31 34");
	}
}

/* … and what came so, under a digest, comes again: when it is no longer there, and when its digest is gone. */
static void what_is_taken_or_found_again_has_its_digest(void **state)
{
	(void)state;
	static const char *const spoil[] = {
		"WITH p AS (DELETE FROM alzy.points WHERE id BETWEEN (SELECT number::bigint << 40 FROM alzy.stores WHERE"
		" store_id = $1::uuid) AND (SELECT (number::bigint << 40) + 100 FROM alzy.stores WHERE store_id = $1::uuid))"
		" UPDATE alzy.stores SET points_held = '{}' WHERE store_id = $1::uuid RETURNING 1",
		"WITH s AS (DELETE FROM alzy.stretches WHERE stream = 'points' AND store_number = (SELECT number FROM"
		" alzy.stores WHERE store_id = $1::uuid)) UPDATE alzy.stores SET points_held = '{}' WHERE store_id = $1::uuid"
		" RETURNING 1",
	};
	struct unit unit = rig_unit();
	for (size_t i = 0; i <= sizeof spoil / sizeof *spoil; i++) {
		struct batch batch = rig_batch(&unit, 1, 30);
		struct receipt receipt = rig_exchange(&unit, &batch);
		assert_ranges(receipt.streams[STREAM_POINTS].confirmed, "1-30");
		receipt_free(&receipt);
		assert_string_equal(points_of(&unit), "30");
		assert_string_equal(stretches_of(&unit), "points 1 30");
		if (i < sizeof spoil / sizeof *spoil)
			rig_ask(spoil[i], unit.store_id);
	}
}

/* Somebody has lengthened the ranges by hand: what they say to be held, and no table has, is taken when it comes. */
static void rows_that_only_the_ranges_have_are_taken(void **state)
{
	(void)state;
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 30);
	rig_add_event(&batch, 1, "one", NULL, "");
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	rig_ask("UPDATE alzy.stores SET points_held = '{[1,41)}', events_held = '{[1,4)}' WHERE store_id = $1::uuid "
	        "RETURNING 1",
	        unit.store_id);
	batch = rig_batch(&unit, 21, 30);
	rig_add_event(&batch, 2, "two", NULL, "");
	receipt = rig_exchange(&unit, &batch);
	assert_ranges(receipt.streams[STREAM_POINTS].confirmed, "21-50");
	assert_ranges(receipt.streams[STREAM_POINTS].conflicts, "none");
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 20);
	assert_ranges(receipt.streams[STREAM_EVENTS].confirmed, "2");
	receipt_free(&receipt);
	assert_string_equal(points_of(&unit), "50");
	assert_string_equal(events_of(&unit), "2");
	assert_string_equal(stretches_of(&unit), "events 1 1, events 2 2, points 1 30, points 31 50");
}

/* What refuses everything is at fault itself, and no row is. */
static void a_broken_table_rejects_nothing(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	rig_do(
		"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO nowhere VALUES (1); END $$;"
		"CREATE TRIGGER test BEFORE INSERT ON alzy.points FOR EACH ROW EXECUTE FUNCTION broken()");
	struct batch batch = rig_batch(&unit, 1, 50);
	rig_refused(&unit, &batch, ERR_DATABASE, "nowhere");
	rig_do("DROP TRIGGER test ON alzy.points;"
	       "CREATE TRIGGER test AFTER INSERT ON alzy.stretches FOR EACH ROW EXECUTE FUNCTION broken()");
	batch = rig_batch(&unit, 1, 50);
	rig_refused(&unit, &batch, ERR_DATABASE, "nowhere");
	rig_do("DROP TRIGGER test ON alzy.stretches;"
	       "CREATE TRIGGER test BEFORE INSERT ON public.sessions FOR EACH ROW EXECUTE FUNCTION broken()");
	batch = rig_batch(&unit, 1, 50);
	rig_refused(&unit, &batch, ERR_DATABASE, "nowhere");
	rig_do("DROP TRIGGER test ON public.sessions; DROP FUNCTION broken;"
	       "ALTER TABLE alzy.stretches ADD CONSTRAINT test CHECK (last_seq > 100) NOT VALID");
	batch = rig_batch(&unit, 1, 50);
	rig_refused(&unit, &batch, ERR_DATA, "23514");
	rig_do("ALTER TABLE alzy.stretches DROP CONSTRAINT test");
	assert_string_equal(rig_ask("SELECT count(*) FROM alzy.stores WHERE store_id = $1::uuid", unit.store_id), "0");
}

/* So many ranges of a store as there may be: what closes gaps is taken, the rest is left, and nothing is refused. */
static void a_store_in_pieces_gets_on(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 1);
	(void)state;
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	rig_ask("UPDATE alzy.stores SET points_held = points_held + (SELECT range_agg(int8range(n * 10, n * 10 + 1))"
	        " FROM generate_series(1, 9998) n) WHERE store_id = $1::uuid RETURNING 1",
	        unit.store_id);
	static const struct {
		int64_t first, fresh, left, bad; /* bad: a seq that Postgres refuses */
		size_t count;
	} steps[] = {
		{200001, 0, 5, 0, 5}, /* another range */
		{9, 1, 0, 0, 1},      /* follows on one */
		{2, 3, 4, 5, 7},      /* … until a row that is refused */
		{2, 4, 0, 0, 7},      /* closes a gap: 2 to 4 are held */
		{200001, 5, 0, 0, 5}, /* there is room for one more */
		{200007, 0, 5, 0, 5}, /* and that was it */
		{200006, 6, 0, 0, 6}, {99981, 2, 17, 99983, 19},
	};
	rig_do("ALTER TABLE alzy.points ADD CONSTRAINT test CHECK (speed < 1000) NOT VALID");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		batch = rig_batch(&unit, steps[i].first, steps[i].count);
		if (steps[i].bad)
			batch.points[steps[i].bad - steps[i].first].speed_cmps = 100000;
		receipt = rig_exchange(&unit, &batch);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, steps[i].fresh);
		assert_int_equal(receipt.streams[STREAM_POINTS].left, steps[i].left);
		assert_int_equal(receipt.streams[STREAM_POINTS].rejected_total, 0);
		receipt_free(&receipt);
	}
	rig_do("ALTER TABLE alzy.points DROP CONSTRAINT test");
	assert_string_equal(rejected_of(&unit), "");
	assert_string_equal(points_of(&unit), "22");
}

/* Every other seq from 1 on; with `shift_ms` other rows than without. Returns how long the centre took. */
static int64_t send_in_pieces(struct unit *unit, int64_t shift_ms, bool compare, int64_t conflicts)
{
	enum { PIECES = 9000 };
	struct batch batch = rig_batch(unit, 1, PIECES);
	ranges_free(&batch.point_ranges);
	for (int64_t i = 0; i < PIECES; i++) {
		batch.points[i].seq = 2 * i + 1;
		batch.points[i].recorded_at_ms += shift_ms;
		assert_int_equal(ranges_add(&batch.point_ranges, 2 * i + 1, 2 * i + 1, NULL), 0);
	}
	batch.last_seq[STREAM_POINTS] = INT64_C(2) * PIECES;
	batch.compare = compare;
	int64_t began_ms = clock_mono_ms();
	struct receipt receipt = rig_exchange(unit, &batch);
	int64_t took_ms = clock_mono_ms() - began_ms;
	assert_int_equal(receipt.streams[STREAM_POINTS].accounted.count, PIECES);
	assert_int_equal(receipt.streams[STREAM_POINTS].conflicts.count, conflicts);
	receipt_free(&receipt);
	return took_ms;
}

/* Each piece is looked for by itself: were they held against each other, it would take some thirty times as long. */
static void rows_in_pieces_are_found_again_as_quickly_as_they_are_taken(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	int64_t first_ms = send_in_pieces(&unit, 0, false, 0);
	assert_in_range(send_in_pieces(&unit, 0, false, 0), 0, 5 * first_ms);
	assert_in_range(send_in_pieces(&unit, 0, true, 0), 0, 5 * first_ms);
	rig_ask("INSERT INTO alzy.rejected (store_number, stream, seq, digest, code, reason, content) SELECT number, "
	        "'points', 2 * i,"
	        " sha256('x'), '23514', '', '{}' FROM alzy.stores, generate_series(1, 9000) i WHERE store_id = $1::uuid "
	        "RETURNING 1",
	        unit.store_id);
	assert_in_range(send_in_pieces(&unit, 0, true, 0), 0, 5 * first_ms);
	assert_in_range(send_in_pieces(&unit, 1, false, 9000), 0, 5 * first_ms);
}

static void a_month_gets_its_partition(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 4);
	(void)state;
	batch.points[0].recorded_at_ms = INT64_C(1262304000000); /* 2010-01-01 */
	batch.points[1].recorded_at_ms = INT64_C(1264982399999); /* its last ms */
	batch.points[2].recorded_at_ms = -1;
	batch.points[3].recorded_at_ms = INT64_C(4102444800000); /* 2100-01-01 */
	struct receipt receipt = rig_exchange(&unit, &batch);
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 4);
	receipt_free(&receipt);
	assert_string_equal(rig_ask("SELECT string_agg(p.tableoid::regclass::text, ' ' ORDER BY p.id) FROM alzy.points p"
	                            " JOIN alzy.stores s ON p.id >> 40 = s.number WHERE s.store_id = $1::uuid",
	                            unit.store_id),
	                    "alzy.points_2010_01 alzy.points_2010_01 alzy.points_default alzy.points_default");
}

/* Commits once somebody waits for the default partition. */
static void *commit_when_awaited(void *user)
{
	struct pg_result *found = NULL;
	bool awaited = false;
	for (int64_t until = clock_mono_ms() + 20000; !awaited && clock_mono_ms() < until; usleep(5000)) {
		if (pg_query(user, &found, NULL,
		             "SELECT FROM pg_locks WHERE relation = 'alzy.points_default'::regclass AND NOT granted", 0, NULL))
			break;
		awaited = pg_rows(found);
		pg_result_free(found);
	}
	pg_script(user, "COMMIT", NULL);
	return awaited ? user : NULL;
}

static void a_partition_that_comes_meanwhile_rejects_nothing(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 1);
	struct err e = {0};
	struct pg *maker;
	pthread_t thread;
	void *awaited;
	(void)state;
	batch.points[0].recorded_at_ms = INT64_C(1300000000000); /* 2011-03-13 */
	assert_int_equal(pg_open(&maker, getenv("ALZY_TEST_DSN"), &e), 0);
	assert_int_equal(pg_script(maker, "BEGIN; SELECT alzy.ensure_partitions('2011-03-01Z', '2011-03-01Z')", &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, commit_when_awaited, maker), 0);
	struct receipt receipt = rig_exchange(&unit, &batch);
	pthread_join(thread, &awaited);
	pg_close(maker);
	assert_non_null(awaited);
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 1);
	assert_int_equal(receipt.streams[STREAM_POINTS].rejected_total, 0);
	receipt_free(&receipt);
}

static void last_position_is_the_newest_believable(void **state)
{
	struct unit unit = rig_unit();
	const char sql[] = "SELECT (point_id & ((1::bigint << 40) - 1)) || ' ' || lat FROM alzy.last_positions"
					   " WHERE device_id = $1::int";
	int64_t now = clock_wall_ms();
	struct batch batch = rig_batch(&unit, 1, 3);
	(void)state;
	batch.points[0].recorded_at_ms = now - 1000;
	batch.points[0].lat_e7 = 123456789;
	batch.points[1].recorded_at_ms = now + 3 * INT64_C(86400000);
	batch.points[2].recorded_at_ms = now - 2000;
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	assert_string_equal(rig_ask(sql, unit.device), "1 12.3456789");
	batch = rig_batch(&unit, 4, 1);
	batch.points[0].recorded_at_ms = now - 5000;
	receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	assert_string_equal(rig_ask(sql, unit.device), "1 12.3456789");
	assert_string_equal(
		rig_ask("SELECT last_seen_at > now() - interval '1 minute' FROM alzy.devices WHERE id = $1::int", unit.device),
		"t");
}

/* ---- sessions ------------------------------------------------------------------------------------------------ */

static const char *journey_of(const struct unit *unit)
{
	return rig_ask("SELECT concat_ws(' ', s.status, s.revision, coalesce(p.user_id, '-'), coalesce(p.machine_id, '-'),"
	               " coalesce(p.application_id::text, '-'), to_char(p.start_at, 'HH24:MI:SS'),"
	               " coalesce(to_char(p.end_at, 'HH24:MI:SS'), '-'),"
	               " p.end_at IS NOT DISTINCT FROM s.ended_at AT TIME ZONE 'UTC', coalesce(s.lost_references, '-'))"
	               " FROM alzy.sessions s JOIN public.sessions p USING (session_id) WHERE session_id = $1",
	               unit->session_id);
}

static void send_session(struct unit *unit, enum session_status status, int64_t revision, const char *user,
                         const char *machine, int64_t application, const char *lost)
{
	struct batch batch = rig_batch(unit, 1, 0);
	struct session *session = &batch.sessions[0];
	session->status = status;
	session->revision = revision;
	session->application_id = application;
	session->ended_at_ms = status == SESSION_ENDED ? RIG_TIME_MS + 60000 : 0;
	snprintf(session->user_id, sizeof session->user_id, "%s", user);
	snprintf(session->machine_id, sizeof session->machine_id, "%s", machine);
	struct receipt receipt = rig_exchange(unit, &batch);
	assert_int_equal(receipt.session_count, 1);
	assert_string_equal(receipt.sessions[0].session_id, unit->session_id);
	assert_string_equal(receipt.sessions[0].lost, lost);
	assert_true(receipt.sessions[0].revision >= revision);
	receipt_free(&receipt);
}

static void sessions_follow_their_revision(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	rig_do(
		"INSERT INTO public.organizations (organization_id, organization_name) VALUES (77, 'o') ON CONFLICT DO NOTHING;"
		"INSERT INTO public.users (user_id, full_name, organization_id) VALUES ('ann', 'Ann', 77) ON CONFLICT DO "
		"NOTHING;"
		"INSERT INTO public.machines (machine_id) VALUES ('digger') ON CONFLICT DO NOTHING;"
		"INSERT INTO public.applications (application_id, name) VALUES (77, 'a') ON CONFLICT DO NOTHING");
	send_session(&unit, SESSION_ACTIVE, 1, "ann", "digger", 77, "");
	assert_string_equal(journey_of(&unit), "active 1 ann digger 77 10:00:00 - t -");
	send_session(&unit, SESSION_PAUSED, 2, "nobody", "digger", INT64_C(1) << 40, "user_id application_id");
	assert_string_equal(journey_of(&unit), "paused 2 - digger - 10:00:00 - t user_id application_id");
	send_session(&unit, SESSION_ACTIVE, 2, "ann", "nothing", 0, "user_id application_id");
	assert_string_equal(journey_of(&unit), "paused 2 - digger - 10:00:00 - t user_id application_id");
	send_session(&unit, SESSION_ENDED, 5, "ann", "", 0, "");
	assert_string_equal(journey_of(&unit), "ended 5 ann - - 10:00:00 10:01:00 t -");
	send_session(&unit, SESSION_ACTIVE, 3, "", "", 0, "");
	send_session(&unit, SESSION_ACTIVE, 6, "ann", "digger", 0, "");
	assert_string_equal(journey_of(&unit), "ended 6 ann digger - 10:00:00 10:01:00 t -");
	assert_string_equal(
		rig_ask("SELECT s.user_id = d.user_id FROM alzy.sessions s JOIN alzy.devices d ON d.id = device_id"
	            " WHERE session_id = $1",
	            unit.session_id),
		"t");
}

static void what_belongs_to_others_is_refused(void **state)
{
	struct unit owner = rig_unit(), other = rig_unit();
	struct batch batch = rig_batch(&owner, 1, 5);
	(void)state;
	struct receipt receipt = rig_exchange(&owner, &batch);
	receipt_free(&receipt);
	struct unit thief = other;
	memcpy(thief.store_id, owner.store_id, sizeof thief.store_id);
	batch = rig_batch(&thief, 6, 5);
	rig_refused(&thief, &batch, ERR_REFUSED, "belongs to another device");
	thief = other;
	memcpy(thief.session_id, owner.session_id, sizeof thief.session_id);
	batch = rig_batch(&thief, 1, 5);
	batch.sessions[0].revision = 9;
	batch.points[1].session = batch.points[3].session = 0;
	rig_add_event(&batch, 1, "note", NULL, thief.session_id);
	rig_add_event(&batch, 2, "note", NULL, "");
	receipt = rig_exchange(&thief, &batch);
	assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-5");
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 2);
	assert_int_equal(receipt.streams[STREAM_EVENTS].fresh, 1);
	assert_int_equal(receipt.sessions[0].revision, 0);
	assert_non_null(strstr(receipt.sessions[0].refused, "belongs to another device"));
	receipt_free(&receipt);
	assert_string_equal(points_of(&owner), "5");
	assert_string_equal(rejected_of(&thief), "events 1 foreign, points 1 foreign, points 3 foreign, points 5 foreign");
	assert_string_equal(rig_ask("SELECT revision FROM alzy.sessions WHERE session_id = $1", owner.session_id), "1");
	/* A session that the batch does not bring can't be named by an event either. */
	batch = rig_batch(&other, 1, 1);
	rig_add_event(&batch, 1, "note", NULL, owner.session_id);
	rig_refused(&other, &batch, ERR_INVALID, "session");
	/* One that is in public.sessions alone came from elsewhere. */
	rig_ask("INSERT INTO public.sessions (session_id) VALUES ($1)", other.session_id);
	batch = rig_batch(&other, 6, 1);
	receipt = rig_exchange(&other, &batch);
	assert_non_null(strstr(receipt.streams[STREAM_POINTS].rejected[0].reason, "of no device"));
	assert_string_equal(receipt.streams[STREAM_POINTS].rejected[0].code, "foreign");
	receipt_free(&receipt);
}

/* ---- senders ------------------------------------------------------------------------------------------------- */

/* The signed answer says this, and takes and accounts for nothing. */
static void told(const struct unit *unit, const struct buffer *envelope, enum receipt_standing standing)
{
	struct receipt receipt = {0};
	struct err e = {0};
	char before[24];
	snprintf(before, sizeof before, "%s", points_of(unit));
	if (rig_send(rig_gateway, unit, envelope, &receipt, &e))
		fail_msg("%s", e.text);
	assert_int_equal(receipt.standing, standing);
	assert_string_equal(receipt.store_id, unit->store_id);
	for (int s = 0; s < STREAM_COUNT; s++)
		assert_int_equal(receipt.streams[s].accounted.count, 0);
	assert_string_equal(points_of(unit), before);
	receipt_free(&receipt);
}

static void only_known_senders_are_served(void **state)
{
	struct unit unit = rig_unit(), stranger = unit;
	struct batch batch = rig_batch(&unit, 1, 1);
	struct receipt receipt = {0};
	struct err e = {0};
	(void)state;
	keys_generate(&stranger.keys);
	struct batch forged = rig_batch(&stranger, 1, 1);
	rig_refused(&stranger, &forged, ERR_FORGED, "stranger");
	forged = rig_batch(&unit, 1, 1);
	memcpy(forged.sender, stranger.keys.public_key, sizeof forged.sender);
	rig_refused(&unit, &forged, ERR_FORGED, "another");

	struct buffer envelope = rig_envelope(&unit, &batch);
	for (size_t cut = 0; cut < envelope.length; cut += 7) {
		struct buffer less = {envelope.bytes, cut, cut};
		assert_int_not_equal(rig_send(rig_gateway, &unit, &less, &receipt, &e), 0);
	}
	for (size_t at = 0; at < envelope.length; at += 5) {
		envelope.bytes[at] ^= 1;
		assert_int_not_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
		envelope.bytes[at] ^= 1;
	}
	assert_string_equal(points_of(&unit), "0");
	rig_ask("UPDATE alzy.devices SET is_active = false WHERE id = $1::int RETURNING 1", unit.device);
	told(&unit, &envelope, STANDING_DEACTIVATED);
	rig_ask("UPDATE alzy.devices SET is_active = true, deleted_at = now() WHERE id = $1::int RETURNING 1", unit.device);
	told(&unit, &envelope, STANDING_DELETED);
	for (size_t at = 0; at < envelope.length; at += 5) {
		envelope.bytes[at] ^= 1;
		assert_int_not_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
		envelope.bytes[at] ^= 1;
	}
	rig_ask("UPDATE alzy.devices SET deleted_at = NULL WHERE id = $1::int RETURNING 1", unit.device);
	/* A key that was superseded still opens old sticks. */
	rig_ask(
		"WITH d AS (SELECT id, device_key_hash AS hash FROM alzy.devices WHERE id = $1::int), u AS (UPDATE alzy.devices"
		" SET device_key_hash = NULL WHERE id = $1::int) INSERT INTO alzy.device_keys (key_hash, device_id)"
		" SELECT hash, id FROM d RETURNING 1",
		unit.device);
	assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
	receipt_free(&receipt);
	assert_string_equal(points_of(&unit), "1");
	/* One that was revoked does not. */
	rig_ask("UPDATE alzy.device_keys SET revoked_at = now() WHERE device_id = $1::int RETURNING 1", unit.device);
	told(&unit, &envelope, STANDING_REVOKED);
	buffer_free(&envelope);
	batch_free(&batch);
}

static int pair(const struct key_pair *keys, const uint8_t token[PAIRING_TOKEN], struct pairing_answer *out,
                struct err *e)
{
	struct pairing_request request = {.host_name = "pi"};
	struct buffer document = {0}, envelope = {0}, answer = {0}, opened = {0};
	memcpy(request.sender, keys->public_key, sizeof request.sender);
	memcpy(request.token, token, sizeof request.token);
	rig_uuid(request.store_id);
	assert_int_equal(pairing_request_encode(&request, &document, e), 0);
	assert_int_equal(
		envelope_seal(ENVELOPE_PAIRING, keys, rig_centre.public_key, document.bytes, document.length, &envelope, e), 0);
	struct letter letter;
	int rc = identity_check(&rig_identity, envelope.bytes, envelope.length, &letter, e);
	if (!rc)
		rc = exchange_pairing(rig_gateway, &rig_identity, &letter, &answer, e);
	if (!rc) {
		assert_int_equal(
			envelope_open(answer.bytes, answer.length, ENVELOPE_PAIRED, keys, rig_centre.public_key, &opened, e), 0);
		assert_int_equal(pairing_answer_decode(opened.bytes, opened.length, out, e), 0);
		assert_memory_equal(out->token, token, PAIRING_TOKEN);
	}
	buffer_free(&document);
	buffer_free(&envelope);
	buffer_free(&answer);
	buffer_free(&opened);
	return rc;
}

static void refuses_pairing(const struct key_pair *keys, const uint8_t token[PAIRING_TOKEN], const char *why)
{
	struct pairing_answer answer;
	struct err e = {0};
	int rc = pair(keys, token, &answer, &e);
	if (rc != -ERR_REFUSED || !strstr(e.text, why))
		fail_msg("wanted a refusal with \"%s\", got %d %s", why, rc, e.text);
}

static void make_token(const char *device, const char *valid, uint8_t token[PAIRING_TOKEN])
{
	char hash[KEY_HASH_TEXT], sql[256];
	keys_random(token, PAIRING_TOKEN);
	pairing_token_hash(token, hash);
	snprintf(sql, sizeof sql,
	         "UPDATE alzy.devices SET pairing_token_hash = $1, pairing_expires_at = now() + interval '%s' WHERE id = %s"
	         " RETURNING 1",
	         valid, device);
	assert_string_equal(rig_ask(sql, hash), "1");
}

static void pairing_takes_one_key(void **state)
{
	struct unit unit = rig_unit(), elsewhere = rig_unit();
	struct key_pair first, second;
	uint8_t token[PAIRING_TOKEN], old_token[PAIRING_TOKEN];
	struct pairing_answer answer;
	struct err e = {0};
	char hash[KEY_HASH_TEXT];
	(void)state;
	keys_generate(&first);
	keys_generate(&second);
	keys_random(token, sizeof token);
	refuses_pairing(&first, token, "not known");
	make_token(unit.device, "-1 second", token);
	refuses_pairing(&first, token, "expired");
	make_token(unit.device, "1 hour", old_token);
	refuses_pairing(&elsewhere.keys, old_token, "another device");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pair(&first, old_token, &answer, &e), 0);
		assert_int_equal(answer.device_id, atoll(unit.device));
		assert_string_equal(answer.device_name, "van");
		refuses_pairing(&second, old_token, "used already");
	}
	keys_hash(first.public_key, hash);
	assert_string_equal(
		rig_ask("SELECT id FROM alzy.devices WHERE device_key_hash = $1 AND paired_at IS NOT NULL", hash), unit.device);
	make_token(unit.device, "1 hour", token);
	refuses_pairing(&first, old_token, "not known");
	assert_int_equal(pair(&second, token, &answer, &e), 0);
	assert_string_equal(rig_ask("SELECT device_id FROM alzy.device_keys WHERE key_hash = $1", hash), unit.device);
	/* Both keys work now: the one that the device came with is superseded, too. */
	struct batch batch = rig_batch(&unit, 1, 1);
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	make_token(unit.device, "1 hour", token);
	assert_int_equal(pair(&first, token, &answer, &e), 0);
	assert_string_equal(rig_ask("SELECT device_id FROM alzy.device_keys WHERE key_hash = $1", hash), "");
	make_token(unit.device, "1 hour", token);
	rig_ask("UPDATE alzy.devices SET is_active = false WHERE id = $1::int RETURNING 1", unit.device);
	refuses_pairing(&first, token, "deactivated");
}

/* ---- trouble ------------------------------------------------------------------------------------------------- */

static void trouble_changes_nothing(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 100);
	struct receipt receipt = {0};
	struct err e = {0};
	struct pg *other;
	(void)state;
	rig_add_event(&batch, 1, "agent_start", NULL, "");
	struct buffer envelope = rig_envelope(&unit, &batch);
	batch_free(&batch);
	rig_do("ALTER TABLE public.events RENAME TO away");
	assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), -ERR_DATABASE);
	rig_do("ALTER TABLE public.away RENAME TO events");
	assert_string_equal(points_of(&unit), "0");
	assert_string_equal(rig_ask("SELECT count(*) FROM public.sessions WHERE session_id = $1", unit.session_id), "0");
	assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
	receipt_free(&receipt);

	assert_int_equal(pg_open(&other, getenv("ALZY_TEST_DSN"), &e), 0);
	assert_int_equal(pg_script(other, "BEGIN; SELECT 1 FROM alzy.stores FOR UPDATE", &e), 0);
	int64_t began = clock_mono_ms();
	assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), -ERR_BUSY);
	assert_true(clock_mono_ms() - began < 10000);
	assert_int_equal(pg_script(other, "ROLLBACK", &e), 0);
	pg_close(other);
	assert_int_equal(rig_send(rig_gateway, &unit, &envelope, &receipt, &e), 0);
	receipt_free(&receipt);
	assert_string_equal(points_of(&unit), "100");
	buffer_free(&envelope);
}

/* Somebody deletes the session while its points are on their way: that is no fault of the points. */
static void what_goes_away_meanwhile_rejects_nothing(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 10);
	(void)state;
	rig_do("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM "
	       "alzy.sessions s WHERE NOT"
	       " EXISTS (SELECT FROM alzy.points p WHERE p.session_id = s.id); RETURN NULL; END $$;"
	       "CREATE TRIGGER forget BEFORE INSERT ON alzy.points FOR EACH STATEMENT EXECUTE FUNCTION forget()");
	rig_refused(&unit, &batch, ERR_BUSY, "23503");
	rig_do("DROP TRIGGER forget ON alzy.points; DROP FUNCTION forget");
	batch = rig_batch(&unit, 1, 10);
	struct receipt receipt = rig_exchange(&unit, &batch);
	assert_int_equal(receipt.streams[STREAM_POINTS].fresh, 10);
	assert_int_equal(receipt.streams[STREAM_POINTS].rejected_total, 0);
	receipt_free(&receipt);
}

/* ---- connections --------------------------------------------------------------------------------------------- */

static void a_server_that_stands_still_is_given_up(void **state)
{
	struct err e = {0};
	struct pg_result *found = NULL;
	struct pg *pg;
	(void)state;
	assert_int_equal(pg_open(&pg, getenv("ALZY_TEST_DSN"), &e), 0);
	pg_bound(pg, 200);
	for (int i = 0; i < 3; i++) {
		struct pg_call calls[] = {{.sql = "SELECT 1"}, {.sql = "SELECT pg_sleep(600)"}, {.sql = "SELECT 2"}};
		int64_t began = clock_mono_ms();
		int rc = i == 0   ? pg_script(pg, "BEGIN; SELECT pg_sleep(600)", &e)
		         : i == 1 ? pg_query(pg, &found, &e, "SELECT pg_sleep(600)", 0, NULL)
		                  : pg_queries(pg, calls, 3, &e);
		assert_int_equal(rc, -ERR_DATABASE);
		assert_non_null(strstr(e.text, "not answered"));
		assert_int_equal(pg_script(pg, "ROLLBACK", &e), -ERR_DATABASE);
		assert_true(clock_mono_ms() - began < 10000);
		if (i == 2)
			pg_result_free(calls[0].result);
		assert_int_equal(pg_ready(pg, &e), 0);
		assert_int_equal(pg_query(pg, &found, &e, "SELECT 7", 0, NULL), 0);
		assert_int_equal(pg_int(found, 0, 0), 7);
		pg_result_free(found);
	}
	pg_close(pg);
}

static void a_statement_of_another_behind_a_pooler_is_healed(void **state)
{
	struct err e = {0};
	struct pg_result *found = NULL;
	struct pg *pg;
	(void)state;
	assert_int_equal(pg_open(&pg, getenv("ALZY_TEST_DSN"), &e), 0);
	assert_int_equal(pg_script(pg, "PREPARE s0 AS SELECT 1", &e), 0);
	assert_int_equal(pg_query(pg, &found, &e, "SELECT 2", 0, NULL), -ERR_DATABASE);
	assert_string_equal(pg_sqlstate(pg), "42P05");
	assert_int_equal(pg_ready(pg, &e), 0);
	assert_int_equal(pg_query(pg, &found, &e, "SELECT 2", 0, NULL), 0);
	assert_int_equal(pg_int(found, 0, 0), 2);
	pg_result_free(found);
	pg_close(pg);
}

static void statements_together_end_at_the_first_failure(void **state)
{
	struct err e = {0};
	const char *value = "5";
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pg_call calls[] = {{.sql = "CREATE TEMPORARY TABLE together (n integer)"},
		                          {.sql = "SELECT 1 / ($1::int - 5)", .count = 1, .values = &value},
		                          {.sql = "SELECT 3"}};
		assert_int_equal(pg_queries(rig_pg, calls, 3, &e), -ERR_DATA);
		assert_string_equal(pg_sqlstate(rig_pg), "22012");
		assert_int_equal(pg_rows(calls[2].result), 0);
		for (int k = 0; k < 3; k++)
			pg_result_free(calls[k].result);
		assert_string_equal(rig_ask("SELECT to_regclass('together') IS NULL", NULL), "t");
	}
	value = "6";
	struct pg_call calls[] = {{.sql = "SELECT 1 / ($1::int - 5)", .count = 1, .values = &value}, {.sql = "SELECT 3"}};
	assert_int_equal(pg_queries(rig_pg, calls, 2, &e), 0);
	assert_int_equal(pg_int(calls[0].result, 0, 0), 1);
	assert_int_equal(pg_int(calls[1].result, 0, 0), 3);
	pg_result_free(calls[0].result);
	pg_result_free(calls[1].result);
}

struct sender {
	const struct unit *unit;
	const struct buffer *envelopes;
	size_t count;
	unsigned seed;
};

static void *send_all(void *user)
{
	struct sender *sender = user;
	struct err e = {0};
	struct pg *pg;
	if (pg_open(&pg, getenv("ALZY_TEST_DSN"), &e))
		return strdup(e.text);
	char *failed = NULL;
	for (size_t i = 0; i < 3 * sender->count && !failed; i++) {
		struct receipt receipt = {0};
		size_t which = (size_t)rand_r(&sender->seed) % sender->count;
		if (rig_send(pg, sender->unit, &sender->envelopes[which], &receipt, &e) && e.code != ERR_BUSY)
			failed = strdup(e.text);
		receipt_free(&receipt);
	}
	pg_close(pg);
	return failed;
}

/* The same batches, overlapping, in any order, from several gateways at once. */
static void any_order_from_anywhere_is_the_same(void **state)
{
	enum { BATCHES = 20, GATEWAYS = 4 };
	struct unit unit = rig_unit();
	struct buffer envelopes[BATCHES];
	struct sender senders[GATEWAYS];
	pthread_t threads[GATEWAYS];
	(void)state;
	for (int i = 0; i < BATCHES; i++) {
		struct batch batch = rig_batch(&unit, 1 + 40 * i, 100);
		rig_add_event(&batch, 1 + i / 2, "note", NULL, unit.session_id);
		batch.sessions[0].revision = 1 + i;
		envelopes[i] = rig_envelope(&unit, &batch);
		batch_free(&batch);
	}
	for (unsigned i = 0; i < GATEWAYS; i++) {
		senders[i] = (struct sender){&unit, envelopes, BATCHES, i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	for (int i = 0; i < GATEWAYS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		if (failed)
			fail_msg("%s", (char *)failed);
	}
	for (int i = 0; i < BATCHES; i++) {
		struct receipt receipt = {0};
		assert_int_equal(rig_send(rig_gateway, &unit, &envelopes[i], &receipt, NULL), 0);
		if (i == BATCHES - 1) {
			assert_ranges(receipt.streams[STREAM_POINTS].accounted, "1-860");
			assert_ranges(receipt.streams[STREAM_EVENTS].accounted, "1-10");
			assert_int_equal(receipt.sessions[0].revision, BATCHES);
		}
		receipt_free(&receipt);
		buffer_free(&envelopes[i]);
	}
	assert_string_equal(points_of(&unit), "860");
	assert_string_equal(events_of(&unit), "10");
	assert_string_equal(rejected_of(&unit), "");
	assert_string_equal(rig_ask("SELECT sum(last_seq - first_seq + 1) FROM alzy.stretches r JOIN alzy.stores s"
	                            " ON s.number = r.store_number WHERE s.store_id = $1::uuid AND stream = 'points'",
	                            unit.store_id),
	                    "860");
}

/* ---- envelopes for those who try the gateway from outside: tests/e2e/gateway.t ----------------------------------- */

static void write_envelope(const char *name, const struct buffer *envelope)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", getenv("ALZY_TEST_OUT"), name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(envelope->bytes, 1, envelope->length, file), envelope->length);
	assert_int_equal(fclose(file), 0);
}

static void envelopes_to_try(void **state)
{
	struct unit unit = rig_unit(), stranger = unit, inactive = rig_unit(), other = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 2000);
	(void)state;
	struct buffer envelope = rig_envelope(&unit, &batch);
	write_envelope("batch", &envelope);
	write_envelope("truncated", &(struct buffer){envelope.bytes, envelope.length / 2, 0});
	envelope.bytes[4]++;
	write_envelope("newer", &envelope);
	buffer_free(&envelope);
	batch_free(&batch);
	batch = rig_batch(&other, 1, 1);
	envelope = rig_envelope(&other, &batch);
	write_envelope("other", &envelope);
	buffer_free(&envelope);
	batch_free(&batch);
	keys_generate(&stranger.keys);
	batch = rig_batch(&stranger, 1, 1);
	envelope = rig_envelope(&stranger, &batch);
	write_envelope("stranger", &envelope);
	buffer_free(&envelope);
	batch_free(&batch);
	batch = rig_batch(&inactive, 1, 1);
	envelope = rig_envelope(&inactive, &batch);
	write_envelope("inactive", &envelope);
	rig_ask("UPDATE alzy.devices SET is_active = false WHERE id = $1::int RETURNING 1", inactive.device);
	buffer_free(&envelope);
	batch_free(&batch);
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

/* As the unit would see the answer. */
static int ask(const struct unit *unit, const struct question *question, struct answer *out, struct err *e)
{
	struct buffer document = {0}, envelope = {0}, sealed = {0}, opened = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	assert_int_equal(question_encode(question, &document, e), 0);
	assert_int_equal(envelope_seal(ENVELOPE_QUESTION, &unit->keys, rig_centre.public_key, document.bytes,
	                               document.length, &envelope, e),
	                 0);
	struct letter letter;
	int rc = identity_check(&rig_identity, envelope.bytes, envelope.length, &letter, e);
	if (!rc)
		rc = exchange_question(rig_gateway, &rig_identity, &letter, &sealed, e);
	if (!rc) {
		if (envelope_open(sealed.bytes, sealed.length, ENVELOPE_ANSWER, &unit->keys, rig_centre.public_key, &opened,
		                  e) ||
		    answer_decode(opened.bytes, opened.length, out, e))
			fail_msg("the answer: %s", e->text);
		envelope_digest(envelope.bytes, envelope.length, digest);
		assert_memory_equal(out->question_digest, digest, sizeof digest);
	}
	buffer_free(&document);
	buffer_free(&envelope);
	buffer_free(&sealed);
	buffer_free(&opened);
	return rc;
}

/* About every row of the batch, one by one. */
static struct question question_of(const struct unit *unit, const struct batch *batch)
{
	struct question question = {0};
	struct question_stream *points = &question.streams[STREAM_POINTS], *events = &question.streams[STREAM_EVENTS];
	memcpy(question.sender, unit->keys.public_key, KEY_PUBLIC);
	memcpy(question.store_id, unit->store_id, UUID_TEXT);
	points->blocks = calloc(batch->point_count + 1, sizeof *points->blocks);
	events->blocks = calloc(batch->event_count + 1, sizeof *events->blocks);
	for (size_t i = 0; i < batch->point_count; i++) {
		struct verify_block *block = &points->blocks[points->block_count++];
		block->first = block->last = batch->points[i].seq;
		digest_points(&batch->points[i], 1, batch->sessions, block->digest);
	}
	for (size_t i = 0; i < batch->event_count; i++) {
		struct verify_block *block = &events->blocks[events->block_count++];
		block->first = block->last = batch->events[i].seq;
		digest_events(&batch->events[i], 1, block->digest);
	}
	for (int s = 0; s < STREAM_COUNT; s++)
		question.streams[s].last_seq = batch->last_seq[s];
	return question;
}

static int32_t some_measure(int i)
{
	static const int32_t measures[] = {ROW_ABSENT, 0, 1, -1, 9, 10, 99, 12345, 999999999, INT32_MAX, -INT32_MAX};
	return measures[(size_t)i % (sizeof measures / sizeof *measures)];
}

/* Whatever a unit may send is read back as what it was, from the tables and from alzy.rejected alike. */
static void every_value_is_read_back_as_it_came(void **state)
{
	static const int64_t times[] = {TIME_MS_MIN, -1, 0, 1, INT64_C(1795255200001), INT64_C(4102444800000), TIME_MS_MAX};
	static const char *const payloads[] = {NULL, "{}", "{\"a\": \"\\u0001\\\\ \\\"\xc3\xa9\xf0\x9f\x9a\x97\"}", "1e5"};
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 1500);
	struct err e = {0};
	struct answer answer = {0};
	(void)state;
	for (int i = 0; i < 1500; i++) {
		struct point *p = &batch.points[i];
		p->recorded_at_ms = times[i % 7] + (i % 7 == 6 ? 0 : i);
		p->lat_e7 = i % 5 ? (i - 750) * 1200000 - i % 7 : LAT_E7_MAX;
		p->lng_e7 = i % 5 ? (i - 750) * 2400000 + i % 7 : -LNG_E7_MAX;
		p->accuracy_dm = some_measure(i);
		p->speed_cmps = some_measure(i / 3);
		p->heading_ddeg = some_measure(i / 7);
		p->altitude_dm = some_measure(i / 2);
		p->source = (uint8_t)(i % POINT_SOURCE_COUNT);
		p->session = i % 2;
	}
	rig_do("ALTER TABLE public.events ADD CONSTRAINT no_odd_ones CHECK (event_id % 2 = 0) NOT VALID");
	for (int i = 0; i < 40; i++) {
		rig_add_event(&batch, i + 1, i % 3 ? "mark" : "x", payloads[i % 4], i % 5 ? "" : unit.session_id);
		batch.events[i].event_at_ms = times[i % 7];
	}
	struct question question = question_of(&unit, &batch);
	struct receipt receipt = rig_exchange(&unit, &batch);
	rig_do("ALTER TABLE public.events DROP CONSTRAINT no_odd_ones");
	assert_true(receipt.streams[STREAM_POINTS].rejected_total > 100);
	if (ask(&unit, &question, &answer, &e))
		fail_msg("%s", e.text);
	for (int s = 0; s < STREAM_COUNT; s++) {
		assert_ranges(answer.streams[s].absent, "none");
		assert_ranges(answer.streams[s].differing, "none");
		assert_ranges(answer.streams[s].beyond, "none");
	}
	assert_true(ranges_total(&answer.streams[STREAM_POINTS].rejected) == receipt.streams[STREAM_POINTS].rejected_total);
	assert_int_equal(ranges_total(&answer.streams[STREAM_EVENTS].rejected), 20);
	answer_free(&answer);
	question_free(&question);
	receipt_free(&receipt);
}

static void a_question_is_answered_to_its_own_unit_alone(void **state)
{
	struct unit unit = rig_unit(), other = rig_unit(), stranger = other;
	struct batch batch = rig_batch(&unit, 1, 10);
	struct answer answer = {0};
	struct err e = {0};
	(void)state;
	struct question question = question_of(&unit, &batch);
	assert_int_equal(ask(&unit, &question, &answer, &e), 0); /* a store that is not known */
	assert_ranges(answer.streams[STREAM_POINTS].absent, "1-10");
	answer_free(&answer);
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	assert_int_equal(ask(&other, &question, &answer, &e), -ERR_FORGED); /* cut out, and signed by another */
	memcpy(question.sender, other.keys.public_key, KEY_PUBLIC);
	assert_int_equal(ask(&other, &question, &answer, &e), -ERR_REFUSED); /* of another's store */
	keys_generate(&stranger.keys);
	memcpy(question.sender, stranger.keys.public_key, KEY_PUBLIC);
	assert_int_equal(ask(&stranger, &question, &answer, &e), -ERR_FORGED);
	ranges_add(&question.streams[STREAM_POINTS].mend, 1, 10, &e);
	memcpy(question.sender, other.keys.public_key, KEY_PUBLIC);
	assert_int_equal(ask(&other, &question, &answer, &e), -ERR_REFUSED);
	memcpy(question.sender, unit.keys.public_key, KEY_PUBLIC);
	assert_int_equal(ask(&unit, &question, &answer, &e), 0); /* to mend what is whole changes nothing */
	assert_ranges(answer.streams[STREAM_POINTS].absent, "none");
	assert_string_equal(stretches_of(&unit), "points 1 10");
	assert_string_equal(rig_ask("SELECT points_held FROM alzy.stores WHERE store_id = $1::uuid", unit.store_id),
	                    "{[1,11)}");
	answer_free(&answer);
	question_free(&question);
}

/* What was dropped or has expired stays so, whatever a unit would have mended. */
static void mending_tells_the_truth_and_no_more(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 100);
	struct answer answer = {0};
	struct err e = {0};
	(void)state;
	struct question question = question_of(&unit, &batch);
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	rig_ask(
		"DELETE FROM alzy.points USING alzy.stores s WHERE s.store_id = $1::uuid AND id - (s.number::bigint << 40) IN"
		" (1, 20, 21, 50, 100) RETURNING id",
		unit.store_id);
	rig_ask("UPDATE alzy.stores SET points_held = points_held - '{[50,51)}', points_expired = '{[50,51)}'"
	        " WHERE store_id = $1::uuid RETURNING 1",
	        unit.store_id);
	ranges_add(&question.streams[STREAM_POINTS].mend, 1, 60, &e);
	ranges_add(&question.streams[STREAM_POINTS].mend, 99, 100, &e);
	assert_int_equal(ask(&unit, &question, &answer, &e), 0);
	assert_ranges(answer.streams[STREAM_POINTS].absent, "1, 20-21, 50, 100");
	assert_ranges(answer.streams[STREAM_POINTS].expired, "50");
	assert_string_equal(
		rig_ask("SELECT points_held || ' ' || points_expired FROM alzy.stores WHERE store_id = $1::uuid",
	            unit.store_id),
		"{[2,20),[22,50),[51,100)} {[50,51)}");
	assert_string_equal(stretches_of(&unit), "points 61 98");
	answer_free(&answer);
	question_free(&question);
}

/* … also where what can be read of it happens to be what it was. */
static void a_value_that_no_unit_sends_is_another(void **state)
{
	struct unit unit = rig_unit();
	struct batch batch = rig_batch(&unit, 1, 1);
	struct answer answer = {0};
	struct err e = {0};
	(void)state;
	rig_add_event(&batch, 1, "mark", NULL, "");
	batch.points[0].recorded_at_ms = batch.events[0].event_at_ms = 0;
	struct question question = question_of(&unit, &batch);
	struct receipt receipt = rig_exchange(&unit, &batch);
	receipt_free(&receipt);
	rig_ask("UPDATE alzy.points p SET recorded_at = recorded_at + interval '1 us' FROM alzy.stores s"
	        " WHERE s.store_id = $1::uuid AND p.id >> 40 = s.number RETURNING 1",
	        unit.store_id);
	rig_ask("UPDATE public.events v SET event_at = 'infinity' FROM alzy.stores s WHERE s.store_id = $1::uuid"
	        " AND v.event_id >> 40 = s.number RETURNING 1",
	        unit.store_id);
	assert_int_equal(ask(&unit, &question, &answer, &e), 0);
	for (int s = 0; s < STREAM_COUNT; s++)
		assert_ranges(answer.streams[s].differing, "1");
	answer_free(&answer);
	question_free(&question);
}

/* A stretch tells what was received, not what somebody has made of it since. */
static void a_batch_may_ask_to_be_compared_with_the_tables(void **state)
{
	struct unit unit = rig_unit();
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct batch batch = rig_batch(&unit, 1, 1);
		rig_add_event(&batch, 1, "mark", "{}", "");
		batch.compare = i == 2;
		struct receipt receipt = rig_exchange(&unit, &batch);
		assert_int_equal(receipt.streams[STREAM_POINTS].fresh, i == 0);
		receipt_free(&receipt);
		assert_string_equal(rejected_of(&unit), i < 2 ? "" : "events 1 conflict, points 1 conflict");
		rig_ask("UPDATE alzy.points p SET lat = 1 FROM alzy.stores s WHERE s.store_id = $1::uuid"
		        " AND p.id >> 40 = s.number RETURNING 1",
		        unit.store_id);
		rig_ask("UPDATE public.events v SET payload = '{ }' FROM alzy.stores s WHERE s.store_id = $1::uuid"
		        " AND v.event_id >> 40 = s.number RETURNING 1",
		        unit.store_id);
	}
	assert_string_equal(points_of(&unit), "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_arrive_exactly),
		cmocka_unit_test(the_same_again_changes_nothing),
		cmocka_unit_test(what_came_just_so_is_not_unpacked),
		cmocka_unit_test(what_is_answered_again_at_once_tells_nothing_of_people),
		cmocka_unit_test(what_came_just_so_and_is_gone_is_taken_again),
		cmocka_unit_test(only_what_is_new_waits_for_the_disk),
		cmocka_unit_test(overlaps_bring_only_what_is_new),
		cmocka_unit_test(other_content_is_a_conflict),
		cmocka_unit_test(refused_rows_block_nothing),
		cmocka_unit_test(whoever_refuses_a_row_blocks_nothing),
		cmocka_unit_test(rejected_rows_are_judged_again),
		cmocka_unit_test(a_refused_session_takes_its_rows_aside),
		cmocka_unit_test(a_refused_change_leaves_the_session_as_it_is),
		cmocka_unit_test(events_that_a_trigger_passes_over_are_refused),
		cmocka_unit_test(rows_that_the_ranges_have_forgotten_are_held_again),
		cmocka_unit_test(what_is_taken_or_found_again_has_its_digest),
		cmocka_unit_test(rows_that_only_the_ranges_have_are_taken),
		cmocka_unit_test(a_broken_table_rejects_nothing),
		cmocka_unit_test(a_store_in_pieces_gets_on),
		cmocka_unit_test(rows_in_pieces_are_found_again_as_quickly_as_they_are_taken),
		cmocka_unit_test(a_month_gets_its_partition),
		cmocka_unit_test(a_partition_that_comes_meanwhile_rejects_nothing),
		cmocka_unit_test(last_position_is_the_newest_believable),
		cmocka_unit_test(sessions_follow_their_revision),
		cmocka_unit_test(what_belongs_to_others_is_refused),
		cmocka_unit_test(only_known_senders_are_served),
		cmocka_unit_test(pairing_takes_one_key),
		cmocka_unit_test(trouble_changes_nothing),
		cmocka_unit_test(what_goes_away_meanwhile_rejects_nothing),
		cmocka_unit_test(a_server_that_stands_still_is_given_up),
		cmocka_unit_test(a_statement_of_another_behind_a_pooler_is_healed),
		cmocka_unit_test(statements_together_end_at_the_first_failure),
		cmocka_unit_test(any_order_from_anywhere_is_the_same),
		cmocka_unit_test(every_value_is_read_back_as_it_came),
		cmocka_unit_test(a_value_that_no_unit_sends_is_another),
		cmocka_unit_test(a_question_is_answered_to_its_own_unit_alone),
		cmocka_unit_test(mending_tells_the_truth_and_no_more),
		cmocka_unit_test(a_batch_may_ask_to_be_compared_with_the_tables),
	};
	const struct CMUnitTest out[] = {cmocka_unit_test(envelopes_to_try)};
	if (!rig_start()) {
		puts("1..0 # SKIP tests/e2e/ingest.t runs this against a Postgres of its own");
		return 0;
	}
	int failed =
		getenv("ALZY_TEST_OUT") ? cmocka_run_group_tests(out, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
	pg_close(rig_pg);
	return failed;
}
