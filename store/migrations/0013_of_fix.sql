-- What the agent decides about a session is at the time of a fix, and that is as good as the points have it: the event that tells of it waits
-- for its seq, but not for its time.
ALTER TABLE waiting_events ADD COLUMN of_fix INTEGER NOT NULL DEFAULT 0 CHECK (of_fix IN (0, 1)); -- said_at is its time
