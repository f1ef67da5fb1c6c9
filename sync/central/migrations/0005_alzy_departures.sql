-- Departures from the second source document, points apart.

-- Defaults, which the document leaves open: a row made by hand is a usable one.
ALTER TABLE alzy.users
	ALTER COLUMN role SET DEFAULT 'user',
	ALTER COLUMN is_active SET DEFAULT true,
	ALTER COLUMN providers SET DEFAULT '{}',
	ALTER COLUMN created_at SET DEFAULT now(),
	ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE alzy.devices
	ALTER COLUMN is_active SET DEFAULT true,
	ALTER COLUMN created_at SET DEFAULT now(),
	ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE alzy.sessions
	ALTER COLUMN status SET DEFAULT 'active',
	ALTER COLUMN created_at SET DEFAULT now(),
	ALTER COLUMN updated_at SET DEFAULT now();

-- Tables that were there before may lack what the document says of ids and references.
CALL alzy.number_rows('alzy.users', 'id');
CALL alzy.number_rows('alzy.devices', 'id');
CALL alzy.number_rows('alzy.sessions', 'id');
DROP PROCEDURE alzy.number_rows;
DO $$
DECLARE
	wanted record;
BEGIN
	FOR wanted IN SELECT * FROM (VALUES
		('devices_user_id_fkey', 'alzy.devices'::regclass, 'user_id', 'alzy.users'::regclass),
		('sessions_device_id_fkey', 'alzy.sessions', 'device_id', 'alzy.devices'),
		('sessions_user_id_fkey', 'alzy.sessions', 'user_id', 'alzy.users')) AS keys (name, child, via, parent)
	LOOP
		IF NOT EXISTS (SELECT FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND ARRAY[attnum] = conkey
				WHERE contype = 'f' AND conrelid = wanted.child AND confrelid = wanted.parent AND attname = wanted.via) THEN
			CALL alzy.add_reference(wanted.name, wanted.child, wanted.via, wanted.parent);
		END IF;
	END LOOP;
END
$$;
DROP PROCEDURE alzy.add_reference;

-- Departure: ties the two systems together. The unit that is built into a machine is known by it.
ALTER TABLE alzy.devices ADD COLUMN machine_id text REFERENCES public.machines;

-- Without a limit on their length. A view that reads a column stands in the way of that, so it is done where it is needed.
DO $$
DECLARE
	hash name;
BEGIN
	FOR hash IN SELECT attname FROM pg_attribute WHERE attrelid = 'alzy.devices'::regclass AND atttypmod <> -1
			AND attname IN ('device_key_hash', 'pairing_token_hash') LOOP
		EXECUTE format('ALTER TABLE alzy.devices ALTER COLUMN %I TYPE varchar', hash);
	END LOOP;
END
$$;

-- A key or a token names one device: of several that were there before, the one in use that was paired last.
DO $$
DECLARE
	secret text;
BEGIN
	FOREACH secret IN ARRAY ARRAY['device_key_hash', 'pairing_token_hash'] LOOP
		EXECUTE format('WITH doubles AS (SELECT id, to_jsonb(d) AS content, row_number() OVER (PARTITION BY %1$I ORDER BY
				deleted_at IS NOT NULL, is_active IS NOT TRUE, paired_at DESC NULLS LAST, id DESC) AS place
				FROM alzy.devices d WHERE %1$I IS NOT NULL),
			forgotten AS (UPDATE alzy.devices d SET %1$I = NULL FROM doubles o WHERE o.id = d.id AND place > 1)
			INSERT INTO alzy.kept_aside (table_name, row_id, content, reason)
				SELECT ''alzy.devices'', id, content, ''another device has the same %1$s'' FROM doubles WHERE place > 1', secret);
	END LOOP;
END
$$;
CREATE UNIQUE INDEX devices_key ON alzy.devices (device_key_hash);
CREATE UNIQUE INDEX devices_token ON alzy.devices (pairing_token_hash);

-- Departure: one journey is one row in each sessions table. revision is that of the unit; lost_references tells which
-- of its user_id, machine_id and application_id named nobody here.
ALTER TABLE alzy.sessions
	ADD COLUMN session_id text UNIQUE REFERENCES public.sessions,
	ADD COLUMN revision bigint NOT NULL DEFAULT 0,
	ADD COLUMN lost_references text;
CREATE INDEX sessions_device ON alzy.sessions (device_id, started_at);
