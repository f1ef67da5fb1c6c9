-- Stores of which there is more than one copy: a card was copied, or a store restored from an older copy of itself.

-- A store that goes on where another one was copied names it.
ALTER TABLE alzy.stores ADD COLUMN forked_from uuid;
ALTER TABLE alzy.stores ADD COLUMN forked_because text; -- hardware, person, conflict or behind
CREATE INDEX stores_forked_from ON alzy.stores (forked_from) WHERE forked_from IS NOT NULL;

-- Seqs under which rows came with other content than is held. Those rows are not here: the unit that has sent them sends
-- them again, in a store of its own.
ALTER TABLE alzy.stores ADD COLUMN points_copied int8multirange NOT NULL DEFAULT '{}';
ALTER TABLE alzy.stores ADD COLUMN events_copied int8multirange NOT NULL DEFAULT '{}';
ALTER TABLE alzy.stores ADD COLUMN copied_at timestamptz; -- when that was first noticed

CREATE OR REPLACE VIEW alzy.store_status AS
	SELECT s.number, s.store_id, s.device_id, d.name AS device, d.last_seen_at, s.last_batch_at,
		points_last, alzy.members(points_held) AS points_held, alzy.members(points_rejected) AS points_rejected,
		points_last - alzy.members(points_held + points_rejected + points_dropped + points_expired) AS points_missing,
		events_last, alzy.members(events_held) AS events_held, alzy.members(events_rejected) AS events_rejected,
		events_last - alzy.members(events_held + events_rejected + events_dropped + events_expired) AS events_missing,
		alzy.members(points_dropped) AS points_dropped, alzy.members(points_expired) AS points_expired,
		alzy.members(events_dropped) AS events_dropped, alzy.members(events_expired) AS events_expired,
		s.verify_asked_at, s.proof_at, s.proof_outcome, s.proof,
		s.copied_at, alzy.members(points_copied) + alzy.members(events_copied) AS copied_rows, s.forked_from, s.forked_because
	FROM alzy.stores s JOIN alzy.devices d ON d.id = s.device_id;
