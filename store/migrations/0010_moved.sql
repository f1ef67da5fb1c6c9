-- Rows whose seq the centre holds with other content move to an identity of their own, each under the seq that it had; `moved` is 1
-- of such a one. It never is the present one, whatever its number.
ALTER TABLE identities ADD COLUMN moved INTEGER NOT NULL DEFAULT 0 CHECK (moved IN (0, 1));

DROP VIEW identities_readable;
CREATE VIEW identities_readable AS
SELECT i.number, i.store_id, strftime('%Y-%m-%dT%H:%M:%fZ', i.since / 1000.0, 'unixepoch') AS since, f.store_id AS forked_from,
	i.because, i.moved, i.store_id = (SELECT store_id FROM store) AS present,
	strftime('%Y-%m-%dT%H:%M:%fZ', i.copied_at / 1000.0, 'unixepoch') AS copied_at, i.copied_rows, i.forks
FROM identities AS i LEFT JOIN identities AS f ON f.number = i.forked_from;
