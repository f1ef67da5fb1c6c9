-- What the centre changes in sessions by itself, and how old the reference data is.

ALTER TABLE sessions ADD COLUMN centre_revision INTEGER NOT NULL DEFAULT 0 CHECK (centre_revision >= 0); -- the last that was seen
ALTER TABLE sessions ADD COLUMN told_revision INTEGER NOT NULL DEFAULT 0 CHECK (told_revision >= 0);     -- … and that the centre knows of
ALTER TABLE sessions ADD COLUMN lost_references TEXT; -- which of user_id, machine_id, application_id the centre does not know

ALTER TABLE centre ADD COLUMN reference_digest BLOB CHECK (reference_digest IS NULL OR length(reference_digest) = 8);
ALTER TABLE centre ADD COLUMN reference_cut INTEGER NOT NULL DEFAULT 0 CHECK (reference_cut IN (0, 1)); -- 1: there are more of them

DROP VIEW sessions_readable;
CREATE VIEW sessions_readable AS
SELECT id, session_id, device_id, user_id, machine_id, application_id, status,
	strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') AS ended_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') AS updated_at,
	revision, held_revision, strftime('%Y-%m-%dT%H:%M:%fZ', nullif(centre_revision, 0) / 1000.0, 'unixepoch') AS centre_changed_at,
	lost_references
FROM sessions;
