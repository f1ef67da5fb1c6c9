-- Departures from the first source document: what must be mended so that its tables can work.

-- What a migration could not carry over as it was is kept here, whole: nothing is thrown away.
CREATE TABLE alzy.kept_aside
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	table_name text NOT NULL,
	content jsonb NOT NULL, -- the row as it was
	reason text NOT NULL,
	kept_at timestamptz NOT NULL DEFAULT now()
);

-- Departure: to know which people and applications concern a unit, its machine must be somebody's.
ALTER TABLE public.machines ADD COLUMN organization_id integer;

-- Departure: a session has many events, so session_id can't be their key. They get one of their own: store number
-- × 2^40 + seq for events of a store; ids below 2^40, from the sequence, for all others.
CREATE SEQUENCE public."Events_EventID_seq" AS bigint MAXVALUE 1099511627775;
ALTER TABLE public.events DROP CONSTRAINT "Events_pkey";
ALTER TABLE public.events ADD COLUMN event_id bigint NOT NULL DEFAULT nextval('"Events_EventID_seq"'::regclass);
ALTER TABLE public.events ADD CONSTRAINT "Events_pkey" PRIMARY KEY (event_id);
ALTER SEQUENCE public."Events_EventID_seq" OWNED BY public.events.event_id;

-- Departure: a unit starts and stops outside any session.
ALTER TABLE public.events ALTER COLUMN session_id DROP NOT NULL;

-- Departure: a time without a date can't be ordered. An event that is there already happened at the first such time
-- of day from its session's start on; without a start its date is not known, and it is put on 1970-01-01.
INSERT INTO alzy.kept_aside (table_name, content, reason)
	SELECT 'public.events', to_jsonb(e), 'event_at was a time without a date' FROM public.events e
		WHERE event_at IS NOT NULL;
CREATE FUNCTION alzy.date_event(id text, at time with time zone) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT coalesce(
		(SELECT on_day + CASE WHEN on_day < start THEN interval '1 day'
				WHEN on_day >= start + interval '1 day' THEN interval '-1 day' ELSE interval '0' END
			FROM public.sessions s,
				LATERAL (SELECT s.start_at AT TIME ZONE 'UTC' AS start, s.start_at::date + at AS on_day) times
			WHERE s.session_id = id AND s.start_at IS NOT NULL),
		date '1970-01-01' + at)
$$;
ALTER TABLE public.events ALTER COLUMN event_at TYPE timestamptz USING alzy.date_event(session_id, event_at);
DROP FUNCTION alzy.date_event;
CREATE INDEX "Events_session_time" ON public.events (session_id, event_at);

-- Departure: rows must mean something, so what refers to a row refers to one that exists. Rows that are there already
-- may break that: then the reference holds for new rows, and is validated when somebody has mended the old ones.
DO $$
DECLARE
	wanted record;
BEGIN
	FOR wanted IN SELECT * FROM (VALUES
		('Users_organization', 'public.users', 'organization_id', 'public.organizations'),
		('ApplicationUsers_application', 'public.application_users', 'application_id', 'public.applications'),
		('ApplicationUsers_user', 'public.application_users', 'user_id', 'public.users'),
		('Machines_organization', 'public.machines', 'organization_id', 'public.organizations'),
		('Sessions_user', 'public.sessions', 'user_id', 'public.users'),
		('Sessions_machine', 'public.sessions', 'machine_id', 'public.machines'),
		('Sessions_application', 'public.sessions', 'application_id', 'public.applications'),
		('Events_session', 'public.events', 'session_id', 'public.sessions')) AS keys (name, child, via, parent)
	LOOP
		EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s NOT VALID',
			wanted.child, wanted.name, wanted.via, wanted.parent);
		BEGIN
			EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', wanted.child, wanted.name);
		EXCEPTION WHEN foreign_key_violation THEN
			RAISE WARNING 'not validated: %', SQLERRM;
		END;
	END LOOP;
END
$$;
