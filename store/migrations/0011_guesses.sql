-- What the times of a session rest on. They are a guess as long as their boot does not know the time, and the monotonic clock of that
-- boot then says what they were; a session that a stick has carried away before is corrected like any other.
ALTER TABLE sessions ADD COLUMN start_boot TEXT; -- boots.boot_id in which it was started, and …
ALTER TABLE sessions ADD COLUMN start_mono INTEGER; -- … when, by its monotonic clock; NULL: not known
ALTER TABLE sessions ADD COLUMN start_guess INTEGER NOT NULL DEFAULT 0 CHECK (start_guess IN (0, 1)); -- started_at is one
ALTER TABLE sessions ADD COLUMN end_boot TEXT; -- the same of its end, while ended_at is a guess; else NULL
ALTER TABLE sessions ADD COLUMN end_mono INTEGER;

DROP VIEW sessions_readable;
CREATE VIEW sessions_readable AS
SELECT id, session_id, device_id, user_id, machine_id, application_id, status,
	strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') AS ended_at,
	start_guess OR end_boot IS NOT NULL AS time_guessed,
	strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') AS updated_at,
	revision, held_revision, strftime('%Y-%m-%dT%H:%M:%fZ', nullif(centre_revision, 0) / 1000.0, 'unixepoch') AS centre_changed_at,
	lost_references
FROM sessions;
