-- The local mirror: the central schema seen from one unit (docs/store.md). Names and columns are those of the centre
-- wherever both sides have the thing. Times are whole milliseconds since 1970 UTC, positions degrees × 1e7, accuracy
-- and altitude decimetres, speed cm/s, heading tenths of a degree; NULL is what nobody has measured. The views
-- *_readable show the same as people write it.
--
-- Names of constraints are sentences: SQLite quotes them when it refuses a row, so they are error messages.

-- This store itself, in one row.
CREATE TABLE store (
	one           INTEGER PRIMARY KEY CHECK (one = 1),
	store_id      TEXT    NOT NULL CONSTRAINT "store_id is a UUID" CHECK (length(store_id) = 36),
	created_at    INTEGER NOT NULL,
	-- Counts on when the unit is paired anew, so that no number is ever used twice with one centre.
	exchange_sent INTEGER NOT NULL DEFAULT 0 CHECK (exchange_sent >= 0)
) STRICT;

-- Reference data: what the centre tells. Nothing here is written by hand.

CREATE TABLE organizations (
	organization_id   INTEGER PRIMARY KEY,
	organization_name TEXT
) STRICT;

CREATE TABLE applications (
	application_id INTEGER PRIMARY KEY,
	name           TEXT
) STRICT;

-- People who drive or operate. Accounts (alzy.users at the centre) are no business of a unit.
CREATE TABLE users (
	user_id         TEXT    PRIMARY KEY NOT NULL,
	full_name       TEXT,
	organization_id INTEGER NOT NULL REFERENCES organizations (organization_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE application_users (
	application_user_id INTEGER PRIMARY KEY,
	application_id      INTEGER NOT NULL REFERENCES applications (application_id),
	user_id             TEXT    NOT NULL REFERENCES users (user_id)
) STRICT;

CREATE TABLE machines (
	machine_id           TEXT PRIMARY KEY NOT NULL,
	serial_no            TEXT,
	operation_start_date TEXT CONSTRAINT "operation_start_date is a date" CHECK (date(operation_start_date) IS operation_start_date),
	organization_id      INTEGER REFERENCES organizations (organization_id)
) STRICT, WITHOUT ROWID;

-- The unit's own row, once it is paired. Hashes of keys and tokens stay at the centre.
CREATE TABLE devices (
	id         INTEGER PRIMARY KEY,
	user_id    INTEGER, -- the account that owns it
	name       TEXT,
	platform   TEXT    NOT NULL CHECK (platform IN ('android', 'ios', 'web', 'linux')),
	color      TEXT    CHECK (color IN ('blue', 'green', 'red', 'yellow', 'purple', 'orange', 'pink', 'gray')),
	machine_id TEXT,
	is_active  INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
	paired_at  INTEGER,
	updated_at INTEGER
) STRICT;

-- One row is one row of both session tables of the centre. Who and what are not checked against the reference data:
-- a person whom the unit does not know (yet) must not keep a session from being recorded.
CREATE TABLE sessions (
	id             INTEGER PRIMARY KEY,
	session_id     TEXT    NOT NULL UNIQUE CONSTRAINT "session_id is a UUID" CHECK (length(session_id) = 36),
	device_id      INTEGER REFERENCES devices (id) ON UPDATE CASCADE ON DELETE SET NULL, -- NULL before pairing
	account_id     INTEGER, -- alzy.sessions.user_id: the account that owns the device
	user_id        TEXT    CONSTRAINT "user_id has 1 to 255 bytes" CHECK (length(CAST(user_id AS BLOB)) BETWEEN 1 AND 255),
	machine_id     TEXT    CONSTRAINT "machine_id has 1 to 255 bytes" CHECK (length(CAST(machine_id AS BLOB)) BETWEEN 1 AND 255),
	application_id INTEGER CONSTRAINT "application_id is above 0" CHECK (application_id > 0),
	status         TEXT    NOT NULL CHECK (status IN ('active', 'ended', 'paused')),
	started_at     INTEGER NOT NULL CONSTRAINT "started_at is between the years 1 and 9999"
	               CHECK (started_at BETWEEN -62135596800000 AND 253402300799999),
	ended_at       INTEGER CONSTRAINT "ended_at is between the years 1 and 9999"
	               CHECK (ended_at BETWEEN -62135596800000 AND 253402300799999),
	start_at       INTEGER AS (started_at), -- as public.sessions calls them
	end_at         INTEGER AS (ended_at),
	created_at     INTEGER NOT NULL,
	updated_at     INTEGER NOT NULL,
	revision       INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1),
	held_revision  INTEGER NOT NULL DEFAULT 0 CHECK (held_revision >= 0), -- what the centre has receipted
	first_seq      INTEGER NOT NULL CHECK (first_seq >= 1),               -- none of its points has a lesser seq
	CONSTRAINT "an ended session, and only that, has ended_at" CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
	CONSTRAINT "a session ends after it starts" CHECK (ended_at >= started_at)
) STRICT;

CREATE UNIQUE INDEX sessions_at_most_one_open ON sessions ((status = 'ended')) WHERE status <> 'ended';

CREATE TRIGGER sessions_go_forward BEFORE UPDATE ON sessions
WHEN NEW.id <> OLD.id OR NEW.session_id <> OLD.session_id OR NEW.revision < OLD.revision
	OR (OLD.status = 'ended' AND NEW.status <> 'ended')
BEGIN
	SELECT RAISE(ABORT, 'a session keeps its name, its revision never falls, and ended never goes back');
END;

CREATE TRIGGER sessions_stay BEFORE DELETE ON sessions
BEGIN
	SELECT RAISE(ABORT, 'a session is never deleted');
END;

-- Append-only, in order of recording. seq is the rowid, so a point is 41 bytes and there is no index beside it: every
-- index would double what a point costs the flash, and nothing that a unit asks needs one.
CREATE TABLE points (
	seq         INTEGER PRIMARY KEY CONSTRAINT "seq is below 2^40" CHECK (seq BETWEEN 1 AND 1099511627775),
	session_id  INTEGER REFERENCES sessions (id),
	recorded_at INTEGER NOT NULL CONSTRAINT "recorded_at is between the years 1 and 9999"
	            CHECK (recorded_at BETWEEN -62135596800000 AND 253402300799999),
	lat         INTEGER NOT NULL CONSTRAINT "lat is within 90 degrees" CHECK (lat BETWEEN -900000000 AND 900000000),
	lng         INTEGER NOT NULL CONSTRAINT "lng is within 180 degrees" CHECK (lng BETWEEN -1800000000 AND 1800000000),
	accuracy    INTEGER CONSTRAINT "accuracy is not negative" CHECK (accuracy BETWEEN 0 AND 2147483647),
	speed       INTEGER CONSTRAINT "speed is not negative" CHECK (speed BETWEEN 0 AND 2147483647),
	heading     INTEGER CONSTRAINT "heading is within 0 to 360 degrees" CHECK (heading BETWEEN 0 AND 3600),
	altitude    INTEGER CONSTRAINT "altitude has 32 bits" CHECK (altitude BETWEEN -2147483647 AND 2147483647),
	source      INTEGER NOT NULL CONSTRAINT "source is gps, network, fused or manual" CHECK (source BETWEEN 0 AND 3)
) STRICT;

CREATE TABLE events (
	seq        INTEGER PRIMARY KEY CONSTRAINT "seq is below 2^40" CHECK (seq BETWEEN 1 AND 1099511627775),
	session_id TEXT    REFERENCES sessions (session_id),
	event_at   INTEGER NOT NULL CONSTRAINT "event_at is between the years 1 and 9999"
	           CHECK (event_at BETWEEN -62135596800000 AND 253402300799999),
	event_type TEXT    NOT NULL CONSTRAINT "event_type is made of a-z, 0-9 and _, and begins with a letter"
	           CHECK (length(event_type) < 64 AND event_type GLOB '[a-z]*' AND event_type NOT GLOB '*[^a-z0-9_]*'),
	payload    TEXT    CONSTRAINT "payload is JSON of at most 16384 bytes"
	           CHECK (payload IS NULL OR (json_valid(payload) AND length(CAST(payload AS BLOB)) <= 16384))
) STRICT;

-- What the centre accounts for, as ranges of seq (a whole replacement by each receipt), and what it refused.
CREATE TABLE accounted (
	stream    TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
	last_seq  INTEGER NOT NULL CHECK (last_seq BETWEEN first_seq AND 1099511627775),
	PRIMARY KEY (stream, first_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejected (
	stream TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	seq    INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 1099511627775),
	code   TEXT,
	reason TEXT,
	PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- The centre that this unit is paired with, in at most one row.
CREATE TABLE centre (
	one              INTEGER PRIMARY KEY CHECK (one = 1),
	public_key       BLOB    NOT NULL CHECK (length(public_key) = 32),
	url              TEXT    NOT NULL,
	device_id        INTEGER NOT NULL REFERENCES devices (id) ON UPDATE CASCADE,
	exchange_applied INTEGER NOT NULL DEFAULT 0 CHECK (exchange_applied >= 0),
	receipt_at       INTEGER,
	refusal          TEXT
) STRICT;

-- Rows with a seq never change and are never replaced; each takes the next number. A row may only be deleted once the
-- centre accounts for it, and never the highest of its stream: from that one the next number is taken.

CREATE TRIGGER points_are_appended BEFORE INSERT ON points
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM points)
BEGIN
	SELECT RAISE(ABORT, 'a point takes the next seq');
END;

CREATE TRIGGER points_never_change BEFORE UPDATE ON points
BEGIN
	SELECT RAISE(ABORT, 'points never change');
END;

CREATE TRIGGER points_stay_until_accounted_for BEFORE DELETE ON points
WHEN OLD.seq = (SELECT max(seq) FROM points) OR OLD.seq > coalesce((SELECT last_seq FROM accounted
	WHERE stream = 'points' AND first_seq <= OLD.seq ORDER BY first_seq DESC LIMIT 1), 0)
BEGIN
	SELECT RAISE(ABORT, 'a point stays until the centre accounts for it, and the last one always');
END;

CREATE TRIGGER events_are_appended BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN
	SELECT RAISE(ABORT, 'an event takes the next seq');
END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
	SELECT RAISE(ABORT, 'events never change');
END;

CREATE TRIGGER events_stay_until_accounted_for BEFORE DELETE ON events
WHEN OLD.seq = (SELECT max(seq) FROM events) OR OLD.seq > coalesce((SELECT last_seq FROM accounted
	WHERE stream = 'events' AND first_seq <= OLD.seq ORDER BY first_seq DESC LIMIT 1), 0)
BEGIN
	SELECT RAISE(ABORT, 'an event stays until the centre accounts for it, and the last one always');
END;

-- For people with sqlite3 in their hands: RFC 3339, degrees, metres, m/s.

CREATE VIEW points_readable AS
SELECT p.seq, s.session_id, strftime('%Y-%m-%dT%H:%M:%fZ', p.recorded_at / 1000.0, 'unixepoch') AS recorded_at,
	p.lat / 1e7 AS lat, p.lng / 1e7 AS lng, p.accuracy / 10.0 AS accuracy, p.speed / 100.0 AS speed,
	p.heading / 10.0 AS heading, p.altitude / 10.0 AS altitude,
	CASE p.source WHEN 0 THEN 'gps' WHEN 1 THEN 'network' WHEN 2 THEN 'fused' WHEN 3 THEN 'manual' END AS source
FROM points AS p LEFT JOIN sessions AS s ON s.id = p.session_id;

CREATE VIEW events_readable AS
SELECT seq, session_id, strftime('%Y-%m-%dT%H:%M:%fZ', event_at / 1000.0, 'unixepoch') AS event_at, event_type, payload
FROM events;

CREATE VIEW sessions_readable AS
SELECT id, session_id, device_id, user_id, machine_id, application_id, status,
	strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') AS ended_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') AS updated_at,
	revision, held_revision
FROM sessions;

CREATE VIEW centre_readable AS
SELECT c.url, lower(hex(c.public_key)) AS public_key, d.id AS device_id, d.name AS device_name,
	strftime('%Y-%m-%dT%H:%M:%fZ', d.paired_at / 1000.0, 'unixepoch') AS paired_at, c.exchange_applied,
	strftime('%Y-%m-%dT%H:%M:%fZ', c.receipt_at / 1000.0, 'unixepoch') AS receipt_at, c.refusal
FROM centre AS c JOIN devices AS d ON d.id = c.device_id;
