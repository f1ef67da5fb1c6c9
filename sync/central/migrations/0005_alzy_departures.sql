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

-- Departure: ties the two systems together. The unit that is built into a machine is known by it.
ALTER TABLE alzy.devices ADD COLUMN machine_id text REFERENCES public.machines;

-- A key or a token names one device.
CREATE UNIQUE INDEX devices_key ON alzy.devices (device_key_hash);
CREATE UNIQUE INDEX devices_token ON alzy.devices (pairing_token_hash);

-- Departure: one journey is one row in each sessions table. revision is that of the unit; lost_references tells which
-- of its user_id, machine_id and application_id named nobody here.
ALTER TABLE alzy.sessions
	ADD COLUMN session_id text UNIQUE REFERENCES public.sessions,
	ADD COLUMN revision bigint NOT NULL DEFAULT 0,
	ADD COLUMN lost_references text;
CREATE INDEX sessions_device ON alzy.sessions (device_id, started_at);
