-- What syncing needs: which rows of which store are accounted for, and how.

-- A store is one SQLite database on a unit. Idempotence rests on its ranges of seq, which change under the lock of this
-- row, in the transaction that brings the rows. number × 2^40 + seq must fit a bigint.
CREATE TABLE alzy.stores
(
	number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (number BETWEEN 1 AND 8388607),
	store_id uuid NOT NULL UNIQUE,
	device_id integer NOT NULL REFERENCES alzy.devices,
	points_held int8multirange NOT NULL DEFAULT '{}',
	points_rejected int8multirange NOT NULL DEFAULT '{}',
	points_dropped int8multirange NOT NULL DEFAULT '{}',
	points_expired int8multirange NOT NULL DEFAULT '{}',
	points_last bigint NOT NULL DEFAULT 0, -- the highest seq that the unit has told of
	events_held int8multirange NOT NULL DEFAULT '{}',
	events_rejected int8multirange NOT NULL DEFAULT '{}',
	events_dropped int8multirange NOT NULL DEFAULT '{}',
	events_expired int8multirange NOT NULL DEFAULT '{}',
	events_last bigint NOT NULL DEFAULT 0,
	exchange bigint NOT NULL DEFAULT 0, -- the highest that was answered
	unit_state jsonb,
	created_at timestamptz NOT NULL DEFAULT now(),
	last_batch_at timestamptz
);
CREATE INDEX stores_device ON alzy.stores (device_id);

-- One row for each contiguous run of new rows that a batch brought, with the digest of their content: the same run
-- again is known by it without looking at the rows.
CREATE TABLE alzy.stretches
(
	store_number integer NOT NULL REFERENCES alzy.stores,
	stream text NOT NULL CHECK (stream IN ('points', 'events')),
	first_seq bigint NOT NULL,
	last_seq bigint NOT NULL,
	digest bytea NOT NULL,
	received_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (store_number, stream, first_seq, last_seq),
	CHECK (first_seq BETWEEN 1 AND last_seq AND last_seq < 1099511627776)
);

-- Rows that were refused, with the reason and their full content: they block nothing, and are not lost.
CREATE TABLE alzy.rejected
(
	store_number integer NOT NULL REFERENCES alzy.stores,
	stream text NOT NULL CHECK (stream IN ('points', 'events')),
	seq bigint NOT NULL,
	digest bytea NOT NULL,
	code text NOT NULL, -- SQLSTATE, or 'conflict'
	reason text NOT NULL,
	content jsonb NOT NULL,
	rejected_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (store_number, stream, seq, digest)
);

-- Keys that a device had before: they still open old sticks.
CREATE TABLE alzy.device_keys
(
	key_hash text PRIMARY KEY,
	device_id integer NOT NULL REFERENCES alzy.devices,
	replaced_at timestamptz NOT NULL DEFAULT now()
);

-- Kept at ingest, because finding a last position in the partitions reads all of them.
CREATE TABLE alzy.last_positions
(
	device_id integer PRIMARY KEY REFERENCES alzy.devices,
	point_id bigint NOT NULL,
	recorded_at timestamptz NOT NULL,
	lat numeric NOT NULL,
	lng numeric NOT NULL,
	accuracy float8,
	speed float8,
	heading float8,
	altitude float8,
	received_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO alzy.last_positions (device_id, point_id, recorded_at, lat, lng, accuracy, speed, heading, altitude, received_at)
	SELECT DISTINCT ON (device_id) device_id, p.id, recorded_at, lat, lng, accuracy, speed, heading, altitude, received_at
		FROM alzy.points p JOIN alzy.devices d ON d.id = device_id WHERE recorded_at <= now()
		ORDER BY device_id, recorded_at DESC, p.id DESC;
