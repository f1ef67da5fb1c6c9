-- A store to which rows moved that conflict in the store that it was forked from: each has the seq that it had there. The seqs in
-- between are no rows that are missing.
ALTER TABLE alzy.stores ADD COLUMN moved boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW alzy.store_status AS
	SELECT s.number, s.store_id, s.device_id, d.name AS device, d.last_seen_at, s.last_batch_at,
		points_last, alzy.members(points_held) AS points_held, alzy.members(points_rejected) AS points_rejected,
		CASE WHEN moved THEN 0
			ELSE points_last - alzy.members(points_held + points_rejected + points_dropped + points_expired) END AS points_missing,
		events_last, alzy.members(events_held) AS events_held, alzy.members(events_rejected) AS events_rejected,
		CASE WHEN moved THEN 0
			ELSE events_last - alzy.members(events_held + events_rejected + events_dropped + events_expired) END AS events_missing,
		alzy.members(points_dropped) AS points_dropped, alzy.members(points_expired) AS points_expired,
		alzy.members(events_dropped) AS events_dropped, alzy.members(events_expired) AS events_expired,
		s.verify_asked_at, s.proof_at, s.proof_outcome, s.proof,
		s.copied_at, alzy.members(points_copied) + alzy.members(events_copied) AS copied_rows, s.forked_from, s.forked_because,
		s.moved
	FROM alzy.stores s JOIN alzy.devices d ON d.id = s.device_id;
