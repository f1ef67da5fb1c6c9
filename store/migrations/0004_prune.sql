-- Rows go once the centre has accounted for them for long enough, and what proves them stays.

-- The centre's time in the last receipt: how old a receipt is, its clock alone says.
ALTER TABLE centre ADD COLUMN centre_at INTEGER;
-- 1: the centre keeps more rejected rows aside than its receipt has named.
ALTER TABLE centre ADD COLUMN rejected_cut INTEGER NOT NULL DEFAULT 0 CHECK (rejected_cut IN (0, 1));

-- Blocks of rows (1 to 4096 points, 256 events, and so on) that the centre accounts for as a whole: since which time of
-- the centre; and once the rows are pruned, how many there were, and the digest of their content.
CREATE TABLE blocks (
	stream       TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	first_seq    INTEGER NOT NULL CHECK (first_seq >= 1),
	last_seq     INTEGER NOT NULL CHECK (last_seq BETWEEN first_seq AND 1099511627775),
	receipted_at INTEGER NOT NULL,
	rows         INTEGER CHECK (rows BETWEEN 0 AND last_seq - first_seq + 1),
	digest       BLOB CHECK (length(digest) = 32),
	CHECK ((rows IS NULL) = (digest IS NULL)),
	PRIMARY KEY (stream, first_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_not_pruned ON blocks (stream, first_seq) WHERE digest IS NULL;

CREATE TRIGGER digests_stay BEFORE DELETE ON blocks WHEN OLD.digest IS NOT NULL
BEGIN
	SELECT RAISE(ABORT, 'what proves pruned rows stays');
END;

CREATE TRIGGER digests_never_change BEFORE UPDATE ON blocks WHEN OLD.digest IS NOT NULL
BEGIN
	SELECT RAISE(ABORT, 'what proves pruned rows never changes');
END;

-- What this unit has knowingly let go of: it is not sent, and the centre is told so, with the reason.
CREATE TABLE drops (
	stream     TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	first_seq  INTEGER NOT NULL CHECK (first_seq >= 1),
	last_seq   INTEGER NOT NULL CHECK (last_seq BETWEEN first_seq AND 1099511627775),
	reason     TEXT    NOT NULL CONSTRAINT "a reason has 1 to 255 bytes" CHECK (length(CAST(reason AS BLOB)) BETWEEN 1 AND 255),
	dropped_at INTEGER NOT NULL,
	PRIMARY KEY (stream, first_seq)
) STRICT, WITHOUT ROWID;
