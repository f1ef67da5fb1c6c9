-- What the centre calls a store is an identity here. A file begins with one; when it turns out that there is another copy
-- of the file (other hardware, other rows under the same seq), it forks: what is recorded from then on has a new one.

CREATE TABLE identities (
	number      INTEGER PRIMARY KEY, -- 1, 2, …: the highest is that of the row in `store`
	store_id    TEXT    NOT NULL UNIQUE CONSTRAINT "store_id is a UUID" CHECK (length(store_id) = 36),
	since       INTEGER NOT NULL,
	forked_from INTEGER REFERENCES identities (number), -- NULL: made as a new store
	because     TEXT    CHECK (because IN ('hardware', 'person', 'conflict', 'behind')),
	-- What the centre tells of copies: rows that came with other content than it holds, since when, and forks.
	copied_at   INTEGER,
	copied_rows INTEGER NOT NULL DEFAULT 0 CHECK (copied_rows >= 0),
	forks       INTEGER NOT NULL DEFAULT 0 CHECK (forks >= 0),
	CONSTRAINT "a fork has a reason" CHECK ((forked_from IS NULL) = (because IS NULL))
) STRICT;

-- Which rows have which identity, and under which seq the centre knows them: a run goes from first_row (points.seq or
-- events.seq) to the next one's, the last for ever. So no row has two names, and no name two rows.
CREATE TABLE runs (
	stream    TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	first_row INTEGER NOT NULL CHECK (first_row >= 1),
	identity  INTEGER NOT NULL REFERENCES identities (number),
	first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
	PRIMARY KEY (stream, first_row)
) STRICT, WITHOUT ROWID;

INSERT INTO identities (number, store_id, since) SELECT 1, store_id, created_at FROM store;
INSERT INTO runs (stream, first_row, identity, first_seq) SELECT stream, 1, 1, 1 FROM store, (SELECT 'points' AS stream UNION SELECT 'events');
CREATE TRIGGER store_is_an_identity AFTER INSERT ON store
BEGIN
	INSERT INTO identities (number, store_id, since) VALUES (1, NEW.store_id, NEW.created_at);
	INSERT INTO runs (stream, first_row, identity, first_seq) VALUES ('points', 1, 1, 1), ('events', 1, 1, 1);
END;

-- The machine on which the store was last opened to write: hashes of what tells it from others.
CREATE TABLE hardware (
	source TEXT PRIMARY KEY NOT NULL,
	hash   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Batches that were written as files, until a receipt of theirs or a later one is applied: a receipt for another batch
-- under the same exchange is for another copy of this store.
CREATE TABLE written (
	exchange INTEGER PRIMARY KEY,
	digest   BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- Each row as the centre names it.
CREATE VIEW identities_readable AS
SELECT i.number, i.store_id, strftime('%Y-%m-%dT%H:%M:%fZ', i.since / 1000.0, 'unixepoch') AS since, f.store_id AS forked_from,
	i.because, i.number = (SELECT max(number) FROM identities) AS present,
	strftime('%Y-%m-%dT%H:%M:%fZ', i.copied_at / 1000.0, 'unixepoch') AS copied_at, i.copied_rows, i.forks
FROM identities AS i LEFT JOIN identities AS f ON f.number = i.forked_from;

CREATE VIEW points_named AS
SELECT p.seq AS row, i.store_id, r.first_seq + p.seq - r.first_row AS seq
FROM points AS p JOIN runs AS r ON r.stream = 'points'
	AND r.first_row = (SELECT max(first_row) FROM runs WHERE stream = 'points' AND first_row <= p.seq)
	JOIN identities AS i ON i.number = r.identity;

CREATE VIEW events_named AS
SELECT e.seq AS row, i.store_id, r.first_seq + e.seq - r.first_row AS seq
FROM events AS e JOIN runs AS r ON r.stream = 'events'
	AND r.first_row = (SELECT max(first_row) FROM runs WHERE stream = 'events' AND first_row <= e.seq)
	JOIN identities AS i ON i.number = r.identity;
