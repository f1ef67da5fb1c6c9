-- What was deleted on purpose was older than this. A row that comes under a seq that has expired, and is not older, is none of
-- those, but another copy's. Of what was deleted before this column was there, nobody knows how old it was.
ALTER TABLE alzy.stores ADD COLUMN expired_before timestamptz;
UPDATE alzy.stores SET expired_before = 'infinity' WHERE NOT isempty(points_expired) OR NOT isempty(events_expired);
