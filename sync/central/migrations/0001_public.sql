-- The seven tables of the first source document, exactly as its DDL says. What had to be mended comes later, as
-- changes to them: so a database that already holds these tables with rows takes the same way as an empty one.

-- A table that has one of our names but is not ours is refused here. Tables of both documents are looked at: each must be
-- absent, or have the document's columns, types and primary key. Those of the second may lie in public too, if nothing of
-- the first does, because there can be only one public.users: then they are moved to alzy.
CREATE TEMPORARY TABLE expected ON COMMIT DROP AS
	SELECT home, name, key, columns::text[], to_regclass(home || '.' || name) AS place FROM (VALUES
		('public', 'organizations', 'organization_id', '{organization_id integer,organization_name text}'),
		('public', 'applications', 'application_id', '{application_id integer,name text}'),
		('public', 'users', 'user_id', '{user_id text,full_name text,organization_id integer}'),
		('public', 'application_users', 'application_user_id',
			'{application_user_id integer,application_id integer,user_id text}'),
		('public', 'machines', 'machine_id', '{machine_id text,serial_no text,operation_start_date date}'),
		('public', 'sessions', 'session_id',
			'{session_id text,user_id text,machine_id text,start_at timestamp without time zone,application_id integer,end_at timestamp without time zone}'),
		('public', 'events', 'session_id', '{session_id text,event_at time with time zone,event_type text,payload text}'),
		('alzy', 'users', 'id',
			'{id integer,name character varying,email character varying,role user_role,is_active boolean,providers jsonb,created_at timestamp with time zone,updated_at timestamp with time zone,last_login_at timestamp with time zone}'),
		('alzy', 'devices', 'id',
			'{id integer,user_id integer,name character varying,platform device_platform,device_key_hash character varying,pairing_token_hash character varying,pairing_expires_at timestamp with time zone,paired_at timestamp with time zone,is_active boolean,last_seen_at timestamp with time zone,created_at timestamp with time zone,deleted_at timestamp with time zone,updated_at timestamp with time zone,color device_color}'),
		('alzy', 'sessions', 'id',
			'{id integer,device_id integer,user_id integer,status session_status,started_at timestamp with time zone,ended_at timestamp with time zone,created_at timestamp with time zone,updated_at timestamp with time zone}'),
		('alzy', 'points', 'id',
			'{id bigint,device_id integer,session_id integer,lat numeric,lng numeric,geom geometry,accuracy double precision,speed double precision,heading double precision,altitude double precision,source point_source,recorded_at timestamp with time zone,received_at timestamp with time zone}')
	) AS tables (home, name, key, columns);

-- Which of these columns a table (NULL: none) has not.
CREATE FUNCTION pg_temp.lacks(place regclass, columns text[]) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(wanted, ', ') FROM (SELECT unnest(columns) AS wanted
		EXCEPT SELECT attname || ' ' || regexp_replace(format_type(atttypid, NULL), '^(public|alzy)\.', '') FROM pg_attribute
			WHERE attrelid = place AND attnum > 0 AND NOT attisdropped) missing
$$;

UPDATE expected SET place = to_regclass('public.' || name)
	WHERE home = 'alzy' AND place IS NULL AND (pg_temp.lacks(to_regclass('public.' || name), columns) IS NULL
		OR (SELECT pg_temp.lacks(to_regclass('public.users'), columns) IS NULL FROM expected
			WHERE home = 'alzy' AND name = 'users' AND place IS NULL));
UPDATE expected SET place = NULL WHERE home = 'public' AND place IN (SELECT place FROM expected WHERE home = 'alzy');

DO $$
DECLARE
	in_public text;
	of_first text;
	refusal text;
BEGIN
	SELECT string_agg(name, ', ' ORDER BY name) FILTER (WHERE home = 'alzy'),
			string_agg(name, ', ' ORDER BY name) FILTER (WHERE home = 'public')
		INTO in_public, of_first FROM expected JOIN pg_class c ON c.oid = place WHERE relnamespace = 'public'::regnamespace;
	IF in_public IS NOT NULL AND of_first IS NOT NULL THEN
		RAISE EXCEPTION 'schema public holds tables of both documents: % of the first, and % of the second; two public.users cannot exist at once. Move those of the second: CREATE SCHEMA alzy; ALTER TABLE public.% SET SCHEMA alzy; …',
			of_first, in_public, split_part(in_public, ', ', 1) USING ERRCODE = 'ALZ01';
	END IF;
	SELECT string_agg(relnamespace::regnamespace || '.' || relname || CASE
			WHEN relkind <> 'r' OR related THEN ' is no plain table'
			WHEN lacking IS NOT NULL THEN ' has no column ' || lacking
			ELSE ' has not the primary key (' || key || ')' END, '; ')
		INTO refusal
		FROM expected JOIN pg_class c ON c.oid = place, LATERAL (SELECT pg_temp.lacks(place, columns) AS lacking,
			EXISTS (SELECT FROM pg_inherits WHERE place IN (inhparent, inhrelid)) AS related,
			(SELECT string_agg(a.attname, ',') FROM pg_index i JOIN pg_attribute a
				ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
				WHERE i.indrelid = place AND i.indisprimary) AS present_key) found
		WHERE relkind <> 'r' OR related OR lacking IS NOT NULL OR present_key IS DISTINCT FROM key;
	IF refusal IS NOT NULL THEN
		RAISE EXCEPTION 'tables are in the way that alzy can''t adopt: %. Rename them, or use another database', refusal
			USING ERRCODE = 'ALZ01';
	END IF;
END
$$;

-- Tables go with all that belongs to them; their types lie beside them.
DO $$
DECLARE
	moving text;
BEGIN
	FOR moving IN SELECT DISTINCT format('ALTER TYPE public.%I SET SCHEMA alzy', typname)
			FROM expected JOIN pg_attribute ON attrelid = place JOIN pg_type t ON t.oid = atttypid
			WHERE home = 'alzy' AND typtype = 'e' AND typnamespace = 'public'::regnamespace
		UNION ALL SELECT format('ALTER TABLE public.%I SET SCHEMA alzy', relname)
			FROM expected JOIN pg_class c ON c.oid = place
			WHERE home = 'alzy' AND relnamespace = 'public'::regnamespace LOOP
		EXECUTE moving;
	END LOOP;
END
$$;

CREATE SEQUENCE IF NOT EXISTS public."Organizations_OrganizationID_seq" AS integer;
CREATE TABLE IF NOT EXISTS public.organizations
(
	organization_id integer NOT NULL DEFAULT nextval('"Organizations_OrganizationID_seq"'::regclass),
	organization_name text COLLATE pg_catalog."default",
	CONSTRAINT "Organizations_pkey" PRIMARY KEY (organization_id)
);

CREATE SEQUENCE IF NOT EXISTS public."Applications_ApplicationID_seq" AS integer;
CREATE TABLE IF NOT EXISTS public.applications
(
	application_id integer NOT NULL DEFAULT nextval('"Applications_ApplicationID_seq"'::regclass),
	name text COLLATE pg_catalog."default",
	CONSTRAINT "Applications_pkey" PRIMARY KEY (application_id)
);

CREATE TABLE IF NOT EXISTS public.users
(
	user_id text COLLATE pg_catalog."default" NOT NULL,
	full_name text COLLATE pg_catalog."default",
	organization_id integer NOT NULL,
	CONSTRAINT "Users_pkey" PRIMARY KEY (user_id)
);

CREATE SEQUENCE IF NOT EXISTS public."ApplicationUsers_ApplicationUsersID_seq" AS integer;
CREATE TABLE IF NOT EXISTS public.application_users
(
	application_user_id integer NOT NULL DEFAULT nextval('"ApplicationUsers_ApplicationUsersID_seq"'::regclass),
	application_id integer NOT NULL,
	user_id text COLLATE pg_catalog."default" NOT NULL,
	CONSTRAINT "ApplicationUsers_pkey" PRIMARY KEY (application_user_id)
);

CREATE TABLE IF NOT EXISTS public.machines
(
	machine_id text COLLATE pg_catalog."default" NOT NULL,
	serial_no text COLLATE pg_catalog."default",
	operation_start_date date,
	CONSTRAINT "Machines_pkey" PRIMARY KEY (machine_id)
);

CREATE TABLE IF NOT EXISTS public.sessions
(
	session_id text COLLATE pg_catalog."default" NOT NULL,
	user_id text COLLATE pg_catalog."default",
	machine_id text COLLATE pg_catalog."default",
	start_at timestamp without time zone,
	application_id integer,
	end_at timestamp without time zone,
	CONSTRAINT "Sessions_pkey" PRIMARY KEY (session_id)
);

CREATE TABLE IF NOT EXISTS public.events
(
	session_id text COLLATE pg_catalog."default" NOT NULL,
	event_at time with time zone,
	event_type text COLLATE pg_catalog."default",
	payload text COLLATE pg_catalog."default",
	CONSTRAINT "Events_pkey" PRIMARY KEY (session_id)
);
