-- Rejected rows that are offered to the centre once more: they count as unsent until a receipt answers the batch that they went
-- with (exchange; NULL: not packed yet).
CREATE TABLE retry (
	stream   TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	seq      INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 1099511627775),
	exchange INTEGER,
	PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Rows that this unit has set aside by itself, since the centre refuses any batch that has them in it. They are not sent, until
-- a person says so, and not accounted for either.
CREATE TABLE set_aside (
	stream TEXT    NOT NULL CHECK (stream IN ('points', 'events')),
	seq    INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 1099511627775),
	reason TEXT,
	PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
