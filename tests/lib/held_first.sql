-- After rows_first.sql and a migration: one line for each thing that must hold, WHAT|HOW MANY ROWS BREAK IT.
CREATE FUNCTION pg_temp.differ(was text, now text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE %1$s)) d', was, now) INTO result;
	RETURN result;
END
$$;
SELECT 'organizations', pg_temp.differ('copy.organizations', 'TABLE public.organizations');
SELECT 'applications', pg_temp.differ('copy.applications', 'TABLE public.applications');
SELECT 'users', pg_temp.differ('copy.users', 'TABLE public.users');
SELECT 'application_users', pg_temp.differ('copy.application_users', 'TABLE public.application_users');
SELECT 'machines', pg_temp.differ('copy.machines', 'SELECT machine_id, serial_no, operation_start_date FROM public.machines');
SELECT 'public.sessions', pg_temp.differ('copy.sessions', 'TABLE public.sessions');
SELECT 'journeys', count(*) FROM copy.sessions s WHERE NOT EXISTS (SELECT FROM alzy.journeys j WHERE j.session_id = s.session_id
	AND j.started_at IS NOT DISTINCT FROM s.start_at AT TIME ZONE 'UTC');
SELECT 'events but for their time', (SELECT count(*) FROM (SELECT session_id, event_type, payload, event_at IS NULL FROM copy.events
	EXCEPT ALL SELECT session_id, event_type, payload, event_at IS NULL FROM public.events) d)
	+ abs((SELECT count(*) FROM copy.events) - (SELECT count(*) FROM public.events));
CREATE TEMPORARY VIEW dated AS SELECT c.session_id, c.event_at AS was, e.event_at AS now, e.event_id, s.start_at AT TIME ZONE 'UTC' AS start,
		coalesce(s.start_at BETWEEN '0001-01-01' AND '9999-12-31', false) AS known
	FROM copy.events c JOIN public.events e USING (session_id) LEFT JOIN copy.sessions s USING (session_id) WHERE c.event_at IS NOT NULL;
SELECT 'time of day of events', count(*) FROM dated WHERE (extract(hour FROM was) * 3600 + extract(minute FROM was) * 60
	+ extract(second FROM was) - extract(timezone FROM was) - extract(epoch FROM now)) % 86400 <> 0;
SELECT 'day of events', count(*) FROM dated WHERE CASE WHEN known THEN now < start OR now >= start + interval '24 hours'
	ELSE now < '1970-01-01Z' OR now >= '1970-01-02Z' END;
SELECT 'events as they were', count(*) FROM dated d WHERE (SELECT count(*) FROM alzy.kept_aside k WHERE table_name = 'public.events'
	AND row_id = event_id AND content->>'event_at' = was::text AND content->>'session_id' = session_id) <> 1;
SELECT 'ids of events', count(*) FROM public.events WHERE event_id NOT BETWEEN 1 AND 1099511627775;
