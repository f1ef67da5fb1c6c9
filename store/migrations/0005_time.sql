-- What was known of UTC in each boot, and the events that wait for it.

-- The monotonic clock (milliseconds since boot, suspend included) is all that a unit without a battery knows at first.
CREATE TABLE boots (
	number         INTEGER PRIMARY KEY, -- in their order
	boot_id        TEXT    NOT NULL UNIQUE CHECK (length(boot_id) = 36),
	first_mono     INTEGER NOT NULL CHECK (first_mono >= 0), -- when it was first and last written here
	last_mono      INTEGER NOT NULL CHECK (last_mono >= first_mono),
	previous_at    INTEGER, -- the latest time of a row when it was first written here
	basis          TEXT    NOT NULL DEFAULT 'none' CHECK (basis IN ('none', 'estimated', 'system', 'receipt', 'ntp', 'gnss')),
	utc_offset     INTEGER, -- UTC less the monotonic clock
	known_mono     INTEGER, -- since when it is known
	receipt_offset INTEGER, -- by the centre's answers, whatever is used
	receipt_mono   INTEGER,
	CHECK ((basis = 'none') = (utc_offset IS NULL))
) STRICT;

-- Durable like events, but without a time, so without a seq, so not sent. A row leaves when it becomes an event.
CREATE TABLE waiting_events (
	number     INTEGER PRIMARY KEY, -- in their order
	boot       INTEGER NOT NULL REFERENCES boots (number),
	mono       INTEGER NOT NULL CHECK (mono >= 0),
	said_at    INTEGER CHECK (said_at BETWEEN -62135596800000 AND 253402300799999), -- what the receiver said then; never relied on
	session_id TEXT    REFERENCES sessions (session_id),
	event_type TEXT    NOT NULL CONSTRAINT "event_type is made of a-z, 0-9 and _, and begins with a letter"
	           CHECK (length(event_type) < 64 AND event_type GLOB '[a-z]*' AND event_type NOT GLOB '*[^a-z0-9_]*'),
	-- Less than an event may have: what is estimated is marked so in its payload.
	payload    TEXT    CONSTRAINT "payload is JSON of at most 16320 bytes while it waits"
	           CHECK (payload IS NULL OR (json_valid(payload) AND length(CAST(payload AS BLOB)) <= 16320)),
	lat        INTEGER CHECK (lat BETWEEN -900000000 AND 900000000), -- of a mark, whose point waits with it
	lng        INTEGER CHECK (lng BETWEEN -1800000000 AND 1800000000),
	CHECK ((lat IS NULL) = (lng IS NULL))
) STRICT;

DROP VIEW events_readable;
CREATE VIEW events_readable AS
SELECT seq, session_id, strftime('%Y-%m-%dT%H:%M:%fZ', event_at / 1000.0, 'unixepoch') AS event_at, event_type, payload
FROM events
UNION ALL
SELECT NULL, session_id, NULL, event_type, payload FROM waiting_events;

CREATE VIEW boots_readable AS
SELECT number, boot_id, basis, strftime('%Y-%m-%dT%H:%M:%fZ', utc_offset / 1000.0, 'unixepoch') AS booted_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', (utc_offset + first_mono) / 1000.0, 'unixepoch') AS first_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', (utc_offset + last_mono) / 1000.0, 'unixepoch') AS last_at,
	(SELECT count(*) FROM waiting_events AS w WHERE w.boot = boots.number) AS waiting_events
FROM boots;
