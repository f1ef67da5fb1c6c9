-- Departures of alzy.points: partitioned by month; geom generated; references checked once a statement.

-- Whoever has said which rows somebody may see must not find that this no longer holds.
DO $$
BEGIN
	IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'alzy.points'::regclass) THEN
		RAISE EXCEPTION 'row security of alzy.points would be lost, for the table is made anew'
			USING ERRCODE = 'feature_not_supported';
	END IF;
END
$$;
ALTER TABLE alzy.points RENAME TO points_before;
DO $$
DECLARE
	old record;
BEGIN
	FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = 'alzy.points_before'::regclass LOOP
		EXECUTE format('ALTER TABLE alzy.points_before DROP CONSTRAINT %I', old.conname);
	END LOOP;
	FOR old IN SELECT indexrelid::regclass AS name FROM pg_index WHERE indrelid = 'alzy.points_before'::regclass LOOP
		EXECUTE format('DROP INDEX %s', old.name);
	END LOOP;
END
$$;

-- Ids from 2^40 up are store number × 2^40 + seq. A row that comes without a store gets one below.
CREATE SEQUENCE alzy.points_below AS bigint MAXVALUE 1099511627775;
CALL alzy.give_free_ids('alzy.points_below', 'alzy.points_before', 'id', 1099511627775);
DROP PROCEDURE alzy.give_free_ids;

-- Departure: range-partitioned by recorded_at, which Postgres therefore wants in the primary key. Departure: geom is
-- generated, so that it can't disagree with lat and lng.
CREATE TABLE alzy.points
(
	id bigint NOT NULL DEFAULT nextval('alzy.points_below'),
	device_id integer NOT NULL,
	session_id integer,
	lat numeric NOT NULL CONSTRAINT points_lat CHECK (lat BETWEEN -90 AND 90),
	lng numeric NOT NULL CONSTRAINT points_lng CHECK (lng BETWEEN -180 AND 180),
	geom geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lng::float8, lat::float8), 4326)) STORED,
	accuracy float8 CONSTRAINT points_accuracy CHECK (accuracy >= 0 AND accuracy < 'Infinity'),
	speed float8 CONSTRAINT points_speed CHECK (speed >= 0 AND speed < 'Infinity'),
	heading float8 CONSTRAINT points_heading CHECK (heading BETWEEN 0 AND 360),
	altitude float8 CONSTRAINT points_altitude CHECK (altitude > '-Infinity' AND altitude < 'Infinity'),
	source alzy.point_source NOT NULL DEFAULT 'gps',
	recorded_at timestamptz NOT NULL CONSTRAINT points_recorded_at CHECK (isfinite(recorded_at)),
	received_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT points_pkey PRIMARY KEY (id, recorded_at)
) PARTITION BY RANGE (recorded_at);
ALTER SEQUENCE alzy.points_below OWNED BY alzy.points.id;
DO $$ -- Who might do something with the table, its owner too, may do it with this one.
DECLARE
	granted record;
BEGIN
	FOR granted IN SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
			FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
			WHERE oid = 'alzy.points_before'::regclass AND grantee <> current_user::regrole LOOP
		EXECUTE format('GRANT %s ON alzy.points TO %s', granted.privilege_type, granted.role);
		IF granted.privilege_type = 'INSERT' THEN
			EXECUTE format('GRANT USAGE ON SEQUENCE alzy.points_below TO %s', granted.role);
		END IF;
	END LOOP;
END
$$;

-- Each index has a question that is really asked: a session's track, a device's time, a month's area. A GiST on geom
-- would cost more than all of these together; a batch is one device's contiguous stretch, which suits BRIN.
CREATE INDEX points_session ON alzy.points (session_id, recorded_at) WHERE session_id IS NOT NULL;
CREATE INDEX points_device ON alzy.points (device_id, recorded_at);
CREATE INDEX points_time ON alzy.points USING brin (recorded_at) WITH (pages_per_range = 32);
CREATE INDEX points_geom ON alzy.points USING brin (geom) WITH (pages_per_range = 32);

-- Catches a time that nobody foresaw.
CREATE TABLE alzy.points_default PARTITION OF alzy.points DEFAULT;

-- Departure: two foreign keys, checked row by row, would halve ingest. The devices and sessions of a whole statement are
-- checked at once, and locked as a foreign key would, so that they can't go away before it commits. A statement fires
-- the triggers of the table that it names, so each partition has them too.
CREATE FUNCTION alzy.points_refer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	used_devices integer[];
	used_sessions integer[];
	missing integer;
BEGIN
	SELECT array_agg(DISTINCT device_id), array_agg(DISTINCT session_id) INTO used_devices, used_sessions
		FROM (SELECT DISTINCT device_id, session_id FROM fresh) f;
	PERFORM FROM alzy.devices WHERE id = ANY (used_devices) FOR KEY SHARE;
	SELECT wanted INTO missing FROM unnest(used_devices) wanted
		WHERE NOT EXISTS (SELECT FROM alzy.devices WHERE id = wanted);
	IF FOUND THEN
		RAISE EXCEPTION 'there is no device %', missing USING ERRCODE = 'foreign_key_violation';
	END IF;
	PERFORM FROM alzy.sessions WHERE id = ANY (used_sessions) FOR KEY SHARE;
	SELECT wanted INTO missing FROM unnest(used_sessions) wanted
		WHERE wanted IS NOT NULL AND NOT EXISTS (SELECT FROM alzy.sessions WHERE id = wanted);
	IF FOUND THEN
		RAISE EXCEPTION 'there is no session %', missing USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN NULL;
END
$$;
CREATE PROCEDURE alzy.points_check(partition regclass)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER refer_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh
		FOR EACH STATEMENT EXECUTE FUNCTION alzy.points_refer()', partition);
	EXECUTE format('CREATE TRIGGER refer_update AFTER UPDATE ON %s REFERENCING NEW TABLE AS fresh
		FOR EACH STATEMENT EXECUTE FUNCTION alzy.points_refer()', partition);
END
$$;
-- Makes the monthly partitions (UTC) from the month of first_at to that of last_at that are not there yet, and says
-- how many it made. A partition is made apart and then attached, because PARTITION OF would lock the parent against
-- readers; rows of its month leave the default partition in the same transaction. The lock on the parent admits readers
-- and writers, but not a second one who makes partitions. Who waits for the default partition makes all who come later
-- wait too, so that is tried for a moment only: a dump may read for hours. Either ends with lock_not_available. Who may do something with points may do it with the new partition. SECURITY DEFINER, so that a
-- gateway need not own the table: hence bounded.
CREATE FUNCTION alzy.ensure_partitions(first_at timestamptz, last_at timestamptz) RETURNS integer
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s'
AS $$
DECLARE
	low timestamptz := date_trunc('month', first_at);
	high timestamptz := date_trunc('month', last_at);
	columns text;
	name text;
	granted record;
	made integer := 0;
BEGIN
	IF NOT (low BETWEEN '1970-01-01' AND high AND high < '2100-01-01' AND high < low + interval '240 months') THEN
		RAISE EXCEPTION 'partitions are made for at most 240 months at once, from 1970 to 2099; not for % to %',
			first_at, last_at USING ERRCODE = 'invalid_parameter_value';
	END IF;
	WHILE low <= high LOOP
		name := 'points_' || to_char(low, 'YYYY_MM');
		IF to_regclass('alzy.' || name) IS NULL THEN
			LOCK TABLE ONLY alzy.points IN SHARE UPDATE EXCLUSIVE MODE;
		END IF;
		IF to_regclass('alzy.' || name) IS NULL THEN
			PERFORM set_config('lock_timeout', '100ms', true);
			LOCK TABLE alzy.points_default IN ACCESS EXCLUSIVE MODE;
			SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
				WHERE attrelid = 'alzy.points'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
			EXECUTE format('CREATE TABLE alzy.%I (LIKE alzy.points INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS,
				CONSTRAINT month CHECK (recorded_at >= %L AND recorded_at < %L))', name, low, low + interval '1 month');
			EXECUTE format('WITH moved AS (DELETE FROM alzy.points_default WHERE recorded_at >= %2$L AND recorded_at < %3$L
				RETURNING %4$s) INSERT INTO alzy.%1$I (%4$s) SELECT * FROM moved', name, low, low + interval '1 month', columns);
			EXECUTE format('ALTER TABLE alzy.points ATTACH PARTITION alzy.%I FOR VALUES FROM (%L) TO (%L)',
				name, low, low + interval '1 month');
			EXECUTE format('ALTER TABLE alzy.%I DROP CONSTRAINT month', name);
			CALL alzy.points_check(format('alzy.%I', name)::regclass);
			FOR granted IN SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
				FROM pg_class, aclexplode(relacl) WHERE oid = 'alzy.points'::regclass LOOP
				EXECUTE format('GRANT %s ON alzy.%I TO %s', granted.privilege_type, name, granted.role);
			END LOOP;
			made := made + 1;
		END IF;
		low := low + interval '1 month';
	END LOOP;
	RETURN made;
END
$$;
REVOKE ALL ON FUNCTION alzy.ensure_partitions FROM PUBLIC;

-- Rows that were there before. One that can't be carried over exactly as it was is kept aside as it was: it gets
-- received_at for a missing recorded_at, the device of its session, its geom for a missing position, NULL for a value that
-- is none, and an id below 2^40 for one above. First the rows in words, geom as text: as JSON it would be rounded.
DO $$
BEGIN
	EXECUTE 'CREATE TEMPORARY VIEW before AS SELECT id AS id_before, to_jsonb(b) AS content FROM (SELECT ' ||
		(SELECT string_agg(CASE WHEN atttypid = 'geometry'::regtype THEN format('%1$I::text AS %1$I', attname)
			ELSE quote_ident(attname) END, ', ') FROM pg_attribute
			WHERE attrelid = 'alzy.points_before'::regclass AND attnum > 0 AND NOT attisdropped) ||
		' FROM alzy.points_before) b';
END
$$;

-- Where a geom is in WGS84; NULL when it is no point, or of no system that PostGIS knows.
CREATE FUNCTION pg_temp.place(geom geometry) RETURNS geometry LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF ST_GeometryType(geom) = 'ST_Point' AND ST_SRID(geom) NOT IN (0, 4326) THEN
		geom := ST_Transform(geom, 4326);
	END IF;
	RETURN CASE WHEN ST_GeometryType(geom) = 'ST_Point' AND ST_X(geom) BETWEEN -180 AND 180 AND ST_Y(geom) BETWEEN -90 AND 90
		THEN geom END;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END
$$;
CREATE TEMPORARY TABLE carried ON COMMIT DROP AS
	SELECT b.id AS id_before, CASE WHEN b.id < 1099511627776 THEN b.id ELSE nextval('alzy.points_below') END AS id,
		coalesce(b.device_id, s.device_id) AS device_id, b.session_id,
		CASE WHEN has_place THEN lat ELSE ST_Y(place)::numeric(10, 7) END AS lat,
		CASE WHEN has_place THEN lng ELSE ST_X(place)::numeric(10, 7) END AS lng,
		CASE WHEN accuracy >= 0 AND accuracy < 'Infinity' THEN accuracy END AS accuracy,
		CASE WHEN speed >= 0 AND speed < 'Infinity' THEN speed END AS speed,
		CASE WHEN heading BETWEEN 0 AND 360 THEN heading END AS heading,
		CASE WHEN altitude > '-Infinity' AND altitude < 'Infinity' THEN altitude END AS altitude,
		coalesce(source, 'gps') AS source,
		CASE WHEN isfinite(recorded_at) THEN recorded_at WHEN isfinite(received_at) THEN received_at END AS recorded_at,
		CASE WHEN isfinite(received_at) THEN received_at WHEN isfinite(recorded_at) THEN recorded_at END AS received_at,
		b.geom
	FROM alzy.points_before b
	CROSS JOIN LATERAL (SELECT coalesce(lat BETWEEN -90 AND 90 AND lng BETWEEN -180 AND 180, false)) h (has_place)
	CROSS JOIN LATERAL (SELECT CASE WHEN NOT has_place THEN pg_temp.place(b.geom) END) p (place)
	LEFT JOIN alzy.sessions s ON s.id = b.session_id AND b.device_id IS NULL;

-- A partition takes locks, and there is a limit to these: only the months with most rows get one now.
SELECT alzy.ensure_partitions(month, month) FROM (SELECT date_trunc('month', recorded_at) AS month FROM carried
	WHERE recorded_at >= '1970-01-01' AND recorded_at < '2100-01-01' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 120) months;

INSERT INTO alzy.points (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at,
		received_at)
	SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at, received_at
		FROM carried WHERE device_id IS NOT NULL AND lat IS NOT NULL AND recorded_at IS NOT NULL;

-- A geom that says no more than lat and lng is none that differs.
WITH compared AS (
	SELECT c.id, content, c.device_id, c.lat, c.recorded_at, to_jsonb(now) || jsonb_build_object('geom', CASE
			WHEN geom IS NULL OR (ST_GeometryType(geom) = 'ST_Point' AND ST_NDims(geom) = 2 AND ST_SRID(geom) IN (0, 4326)
				AND abs(ST_X(geom) - c.lng::float8) <= 1e-7 AND abs(ST_Y(geom) - c.lat::float8) <= 1e-7)
			THEN geom::text ELSE 'of lat and lng' END) AS content_now
		FROM carried c JOIN before USING (id_before), LATERAL (SELECT id, device_id, session_id, lat, lng, accuracy, speed,
			heading, altitude, source, recorded_at, received_at) now
), told AS MATERIALIZED (
	SELECT *, (SELECT string_agg(field, ', ' ORDER BY field) FROM jsonb_object_keys(content) field
			WHERE nullif(content->field, 'null') IS DISTINCT FROM nullif(content_now->field, 'null')) AS others,
		nullif(concat_ws(', ', CASE WHEN device_id IS NULL THEN 'device' END, CASE WHEN lat IS NULL THEN 'place' END,
			CASE WHEN recorded_at IS NULL THEN 'time' END), '') AS lacks
		FROM compared WHERE jsonb_strip_nulls(content) <> jsonb_strip_nulls(content_now)
			OR device_id IS NULL OR lat IS NULL OR recorded_at IS NULL -- most rows are as they were: said in one look
)
INSERT INTO alzy.kept_aside (table_name, row_id, content, reason)
	SELECT 'alzy.points', CASE WHEN lacks IS NULL THEN id END, content,
			coalesce('not carried over, for want of ' || lacks, 'carried over with another ' || others)
		FROM told WHERE lacks IS NOT NULL OR others IS NOT NULL;

DROP VIEW before;
DROP TABLE alzy.points_before;

-- From now on: rows that were there before may refer to devices and sessions that are not.
CALL alzy.points_check('alzy.points');
CALL alzy.points_check('alzy.points_default');

-- … and the other end of it: a device or session that has points stays. AFTER the row is locked, so that a statement
-- that is adding points to it has either committed, and is seen here, or finds the row gone.
CREATE FUNCTION alzy.points_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	used boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM alzy.points WHERE %I = $1)', TG_ARGV[0]) INTO used USING OLD.id;
	IF used THEN
		RAISE EXCEPTION 'there are points of % %', TG_TABLE_NAME, OLD.id USING ERRCODE = 'foreign_key_violation';
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER points_guard_delete AFTER DELETE ON alzy.devices
	FOR EACH ROW EXECUTE FUNCTION alzy.points_guard('device_id');
CREATE TRIGGER points_guard_update AFTER UPDATE OF id ON alzy.devices
	FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION alzy.points_guard('device_id');
CREATE TRIGGER points_guard_delete AFTER DELETE ON alzy.sessions
	FOR EACH ROW EXECUTE FUNCTION alzy.points_guard('session_id');
CREATE TRIGGER points_guard_update AFTER UPDATE OF id ON alzy.sessions
	FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION alzy.points_guard('session_id');
