-- Rows that somebody has let go of on purpose, on a unit or here; and proofs that the centre asks its units for.

-- What units have told to have let go of, and why. What counts is in alzy.stores: of these ranges what is not held. By
-- the name of the store, which stays the same when its row was forgotten here and made anew.
CREATE TABLE alzy.drops
(
	store_id uuid NOT NULL,
	stream text NOT NULL CHECK (stream IN ('points', 'events')),
	first_seq bigint NOT NULL,
	last_seq bigint NOT NULL,
	reason text NOT NULL,
	dropped_at timestamptz NOT NULL, -- by the unit's clock
	received_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (store_id, stream, first_seq, last_seq),
	CHECK (first_seq BETWEEN 1 AND last_seq AND last_seq < 1099511627776)
);

-- Notes what a unit tells to have let go of, and keeps rejected rows of it aside no longer. SECURITY DEFINER, for a gateway may
-- not delete what was rejected: only here, where a range and a reason are left of it.
CREATE FUNCTION alzy.let_go(store uuid, number integer, told jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH t AS (
		SELECT * FROM jsonb_to_recordset(told)
			AS g(stream text, first_seq bigint, last_seq bigint, reason text, dropped_at timestamptz)
	), noted AS (
		INSERT INTO alzy.drops (store_id, stream, first_seq, last_seq, reason, dropped_at)
			SELECT store, t.stream, t.first_seq, t.last_seq, t.reason, t.dropped_at FROM t ON CONFLICT DO NOTHING
	)
	DELETE FROM alzy.rejected r USING t WHERE r.store_number = $2 AND r.stream = t.stream
		AND r.seq BETWEEN t.first_seq AND t.last_seq
$$;
REVOKE ALL ON FUNCTION alzy.let_go FROM PUBLIC;

-- Devices whose rows were erased. What was recorded before is not taken again, whatever brings it: erased_at of their stores
-- says so where ingest looks, and here it is known for stores that come later.
CREATE TABLE alzy.erasures
(
	device_id integer PRIMARY KEY REFERENCES alzy.devices,
	erased_at timestamptz NOT NULL
);

-- The proof that the unit made when it was asked last: verify_asked_at is open until it is proof_asked_at.
ALTER TABLE alzy.stores
	ADD COLUMN erased_at timestamptz,
	ADD COLUMN verify_asked_at timestamptz,
	ADD COLUMN proof_asked_at timestamptz,
	ADD COLUMN proof_at timestamptz,
	ADD COLUMN proof_outcome text CHECK (proof_outcome IN ('whole', 'unsent', 'differs')),
	ADD COLUMN proof text;

CREATE OR REPLACE VIEW alzy.store_status AS
	SELECT s.number, s.store_id, s.device_id, d.name AS device, d.last_seen_at, s.last_batch_at,
		points_last, alzy.members(points_held) AS points_held, alzy.members(points_rejected) AS points_rejected,
		points_last - alzy.members(points_held + points_rejected + points_dropped + points_expired) AS points_missing,
		events_last, alzy.members(events_held) AS events_held, alzy.members(events_rejected) AS events_rejected,
		events_last - alzy.members(events_held + events_rejected + events_dropped + events_expired) AS events_missing,
		alzy.members(points_dropped) AS points_dropped, alzy.members(points_expired) AS points_expired,
		alzy.members(events_dropped) AS events_dropped, alzy.members(events_expired) AS events_expired,
		s.verify_asked_at, s.proof_at, s.proof_outcome, s.proof
	FROM alzy.stores s JOIN alzy.devices d ON d.id = s.device_id;
