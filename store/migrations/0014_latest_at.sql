-- When the centre took that stretch, by its own clock: what a receipt tells of may have come before.
ALTER TABLE centre ADD COLUMN latest_at INTEGER NOT NULL DEFAULT 0;
UPDATE centre SET latest_at = coalesce(centre_at, 0);
