-- Sessions that are changed at the centre, by alzy or by anybody with SQL: noticed, mirrored, and sent down.

-- Departure: centre_changes tells when (ms since 1970, and always rising) another program last changed a field;
-- centre_revision is the last of these, seen_revision what the unit has told that it has seen. store_id: of which store of
-- its device it is, also when that was forgotten in alzy.stores.
ALTER TABLE alzy.sessions
	ADD COLUMN store_id uuid,
	ADD COLUMN centre_revision bigint NOT NULL DEFAULT 0,
	ADD COLUMN centre_changes jsonb NOT NULL DEFAULT '{}',
	ADD COLUMN seen_revision bigint NOT NULL DEFAULT 0;
CREATE INDEX sessions_unseen ON alzy.sessions (store_id, centre_revision) WHERE centre_revision > seen_revision;

-- A time goes on after the centre was restored from an older dump, so no revision is given twice.
CREATE FUNCTION alzy.next_revision(s alzy.sessions) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
	SELECT greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, s.centre_revision + 1, s.seen_revision + 1)
$$;

-- Ingest says so in its transaction: what it writes is the unit's, and no change by the centre.
CREATE FUNCTION alzy.is_ingest() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(current_setting('alzy.ingest', true), '') = 'on'
$$;

-- What a unit could not hold is refused here, where whoever writes it is told so.
CREATE FUNCTION alzy.sessions_check(s alzy.sessions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF s.started_at IS NULL OR (s.status = 'ended') <> (s.ended_at IS NOT NULL) OR s.status IS NULL THEN
		RAISE EXCEPTION 'session % has a start and a status, and an end when it is ended', s.session_id
			USING ERRCODE = 'check_violation';
	ELSIF s.ended_at < s.started_at THEN
		RAISE EXCEPTION 'session % would end before it starts', s.session_id USING ERRCODE = 'check_violation';
	ELSIF s.started_at NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999+00'
			OR s.ended_at > '9999-12-31 23:59:59.999+00' THEN
		RAISE EXCEPTION 'the times of session % are not within the years 1 to 9999', s.session_id
			USING ERRCODE = 'check_violation';
	END IF;
END
$$;

-- Before a change of alzy.sessions: what it is, and since when.
CREATE FUNCTION alzy.sessions_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	revision bigint := alzy.next_revision(OLD);
BEGIN
	IF alzy.is_ingest() THEN
		RETURN NEW;
	END IF;
	IF OLD.status = 'ended' AND (NEW.status <> 'ended' OR NEW.ended_at IS NULL) THEN
		RAISE EXCEPTION 'session % has ended, and stays so', OLD.session_id USING ERRCODE = 'check_violation';
	END IF;
	IF NEW.status = 'ended' AND NEW.ended_at IS NULL THEN
		NEW.ended_at := greatest(date_trunc('milliseconds', now()), NEW.started_at);
	ELSIF OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL THEN
		NEW.status := 'ended';
	END IF;
	IF NEW.store_id IS NOT NULL THEN
		PERFORM alzy.sessions_check(NEW);
	END IF;
	IF NEW.started_at IS DISTINCT FROM OLD.started_at THEN
		NEW.centre_changes := NEW.centre_changes || jsonb_build_object('started_at', revision);
	END IF;
	IF NEW.status IS DISTINCT FROM OLD.status OR NEW.ended_at IS DISTINCT FROM OLD.ended_at THEN
		NEW.centre_changes := NEW.centre_changes || jsonb_build_object('status', revision);
	END IF;
	NEW.centre_revision := revision;
	NEW.updated_at := now();
	RETURN NEW;
END
$$;
CREATE TRIGGER people_change BEFORE UPDATE ON alzy.sessions FOR EACH ROW
	WHEN (NEW.session_id IS NOT NULL AND (NEW.status IS DISTINCT FROM OLD.status
		OR NEW.started_at IS DISTINCT FROM OLD.started_at OR NEW.ended_at IS DISTINCT FROM OLD.ended_at))
	EXECUTE FUNCTION alzy.sessions_change();

-- … and after it: the same in public.sessions.
CREATE FUNCTION alzy.sessions_mirror() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT alzy.is_ingest() THEN
		UPDATE public.sessions SET start_at = NEW.started_at AT TIME ZONE 'UTC', end_at = NEW.ended_at AT TIME ZONE 'UTC'
			WHERE session_id = NEW.session_id AND (start_at, end_at) IS DISTINCT FROM
				(NEW.started_at AT TIME ZONE 'UTC', NEW.ended_at AT TIME ZONE 'UTC');
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER people_mirror AFTER UPDATE ON alzy.sessions FOR EACH ROW
	WHEN (NEW.session_id IS NOT NULL AND (NEW.started_at IS DISTINCT FROM OLD.started_at
		OR NEW.ended_at IS DISTINCT FROM OLD.ended_at))
	EXECUTE FUNCTION alzy.sessions_mirror();

-- After a change of public.sessions: who and what is noted in alzy.sessions, start and end go there.
CREATE FUNCTION alzy.journeys_mirror() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s alzy.sessions;
	fields text[] := '{}';
BEGIN
	IF alzy.is_ingest() THEN
		RETURN NULL;
	END IF;
	SELECT * INTO s FROM alzy.sessions WHERE session_id = NEW.session_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	IF s.store_id IS NOT NULL AND (octet_length(NEW.user_id) NOT BETWEEN 1 AND 255
			OR octet_length(NEW.machine_id) NOT BETWEEN 1 AND 255 OR NEW.application_id < 1) THEN
		RAISE EXCEPTION 'session % is of a unit, which can hold ids of 1 to 255 bytes, and numbers above 0', NEW.session_id
			USING ERRCODE = 'check_violation';
	END IF;
	IF NEW.user_id IS DISTINCT FROM OLD.user_id THEN
		fields := fields || 'user_id'::text;
	END IF;
	IF NEW.machine_id IS DISTINCT FROM OLD.machine_id THEN
		fields := fields || 'machine_id'::text;
	END IF;
	IF NEW.application_id IS DISTINCT FROM OLD.application_id THEN
		fields := fields || 'application_id'::text;
	END IF;
	IF fields <> '{}' THEN
		s.centre_revision := alzy.next_revision(s);
		UPDATE alzy.sessions SET centre_revision = s.centre_revision, updated_at = now(),
			centre_changes = centre_changes || (SELECT jsonb_object_agg(f, s.centre_revision) FROM unnest(fields) f),
			lost_references = (SELECT string_agg(f, ' ' ORDER BY n) FROM
				unnest(string_to_array(lost_references, ' ')) WITH ORDINALITY AS l(f, n) WHERE f <> ALL (fields))
			WHERE id = s.id;
	END IF;
	UPDATE alzy.sessions SET started_at = NEW.start_at AT TIME ZONE 'UTC', ended_at = NEW.end_at AT TIME ZONE 'UTC'
		WHERE id = s.id AND (NEW.start_at, NEW.end_at) IS DISTINCT FROM (OLD.start_at, OLD.end_at)
			AND (started_at, ended_at) IS DISTINCT FROM
				(NEW.start_at AT TIME ZONE 'UTC', NEW.end_at AT TIME ZONE 'UTC');
	RETURN NULL;
END
$$;
CREATE TRIGGER people_mirror AFTER UPDATE ON public.sessions FOR EACH ROW
	WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION alzy.journeys_mirror();

-- Sessions that were there before: of a device that only ever had one store.
UPDATE alzy.sessions s SET store_id = only_one.store_id
	FROM (SELECT device_id, min(store_id::text)::uuid AS store_id FROM alzy.stores GROUP BY device_id HAVING count(*) = 1) only_one
	WHERE s.device_id = only_one.device_id AND s.session_id IS NOT NULL;

-- What a unit should know: its machine, the organization of that with its people and machines, and all applications. Lists
-- are bounded, in order of their ids. Names that are longer than a unit holds are cut, ids that are longer are left out.
CREATE FUNCTION alzy.short(name text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN octet_length(name) > 255 THEN left(name, 63) ELSE name END
$$;
CREATE FUNCTION alzy.reference(device integer, most_applications integer, most_users integer,
	most_application_users integer, most_machines integer) RETURNS jsonb
LANGUAGE sql STABLE AS $$
	WITH d AS (
		SELECT v.machine_id, nullif(m.organization_id, 0) AS organization_id
			FROM alzy.devices v LEFT JOIN public.machines m USING (machine_id) WHERE v.id = device
	), o AS (
		SELECT g.organization_id, alzy.short(g.organization_name) AS organization_name
			FROM public.organizations g JOIN d USING (organization_id)
	), a AS (
		SELECT application_id, alzy.short(name) AS name FROM public.applications
			WHERE application_id > 0 ORDER BY application_id LIMIT most_applications
	), u AS (
		SELECT g.user_id, alzy.short(g.full_name) AS full_name, g.organization_id
			FROM public.users g JOIN o USING (organization_id) WHERE octet_length(g.user_id) BETWEEN 1 AND 255
			ORDER BY g.user_id COLLATE "C" LIMIT most_users
	), w AS (
		SELECT g.application_user_id, g.application_id, g.user_id
			FROM public.application_users g JOIN a USING (application_id) JOIN u USING (user_id)
			ORDER BY g.application_user_id LIMIT most_application_users
	), m AS (
		SELECT g.machine_id, alzy.short(g.serial_no) AS serial_no, o.organization_id,
				CASE WHEN g.operation_start_date BETWEEN '0001-01-01' AND '9999-12-31'
					THEN to_char(g.operation_start_date, 'YYYY-MM-DD') END AS operation_start_date
			FROM public.machines g JOIN d ON d.machine_id = g.machine_id OR d.organization_id = g.organization_id
				LEFT JOIN o ON o.organization_id = g.organization_id
			WHERE octet_length(g.machine_id) BETWEEN 1 AND 255
			ORDER BY g.machine_id COLLATE "C" LIMIT most_machines
	)
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'cut', CASE WHEN (SELECT count(*) FROM a) >= most_applications OR (SELECT count(*) FROM u) >= most_users
			OR (SELECT count(*) FROM w) >= most_application_users OR (SELECT count(*) FROM m) >= most_machines THEN true END,
		'machine_id', CASE WHEN octet_length(d.machine_id) BETWEEN 1 AND 255 THEN d.machine_id END,
		'organizations', (SELECT jsonb_agg(o) FROM o),
		'applications', (SELECT jsonb_agg(a ORDER BY a.application_id) FROM a),
		'users', (SELECT jsonb_agg(u ORDER BY u.user_id COLLATE "C") FROM u),
		'application_users', (SELECT jsonb_agg(w ORDER BY w.application_user_id) FROM w),
		'machines', (SELECT jsonb_agg(m ORDER BY m.machine_id COLLATE "C") FROM m)))
	FROM d
$$;
