-- What people ask for, in one place each.

-- How many numbers a set of ranges holds.
CREATE FUNCTION alzy.members(ranges int8multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(ranges) r
$$;

-- Every journey: both sessions tables, with names. One that was there before is in one of them only.
CREATE VIEW alzy.journeys AS
	SELECT s.id, session_id, s.status, t.started_at, t.ended_at,
		CASE WHEN isfinite(t.started_at) AND isfinite(t.ended_at) THEN t.ended_at - t.started_at END AS lasted,
		s.device_id, d.name AS device, p.machine_id, p.user_id, u.full_name AS person, a.name AS application
	FROM alzy.sessions s
	FULL JOIN public.sessions p USING (session_id)
	CROSS JOIN LATERAL (SELECT CASE WHEN s.id IS NULL THEN p.start_at AT TIME ZONE 'UTC' ELSE s.started_at END,
		CASE WHEN s.id IS NULL THEN p.end_at AT TIME ZONE 'UTC' ELSE s.ended_at END) t (started_at, ended_at)
	LEFT JOIN alzy.devices d ON d.id = s.device_id
	LEFT JOIN public.users u ON u.user_id = p.user_id
	LEFT JOIN public.applications a ON a.application_id = p.application_id;

-- Every store, and what of it is where: missing are rows that the unit has told of, but that are not accounted for.
CREATE VIEW alzy.store_status AS
	SELECT s.number, s.store_id, s.device_id, d.name AS device, d.last_seen_at, s.last_batch_at,
		points_last, alzy.members(points_held) AS points_held, alzy.members(points_rejected) AS points_rejected,
		points_last - alzy.members(points_held + points_rejected + points_dropped + points_expired) AS points_missing,
		events_last, alzy.members(events_held) AS events_held, alzy.members(events_rejected) AS events_rejected,
		events_last - alzy.members(events_held + events_rejected + events_dropped + events_expired) AS events_missing
	FROM alzy.stores s JOIN alzy.devices d ON d.id = s.device_id;
