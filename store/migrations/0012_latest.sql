-- The stretch of rows that the centre took last of this unit, with the beginning of its digest. When the centre does not have it any
-- more, it went back to an earlier state, and nothing that was believed of rows holds.
ALTER TABLE centre ADD COLUMN latest_store TEXT;
ALTER TABLE centre ADD COLUMN latest_stream TEXT CHECK (latest_stream IN ('points', 'events'));
ALTER TABLE centre ADD COLUMN latest_first INTEGER;
ALTER TABLE centre ADD COLUMN latest_last INTEGER;
ALTER TABLE centre ADD COLUMN latest_digest BLOB CHECK (length(latest_digest) = 16);
-- The highest exchange that was given out when that turned out last: batches of before, on sticks, say nothing new of it.
ALTER TABLE centre ADD COLUMN went_back_at INTEGER NOT NULL DEFAULT 0;
