-- Departure: a unit that does not know the time yet says so of the times of a session, until it has corrected them.
ALTER TABLE alzy.sessions ADD COLUMN time_guessed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN alzy.sessions.time_guessed IS 'its unit does not know the time yet: start and end are by a clock that nobody has set';

CREATE OR REPLACE VIEW alzy.journeys AS
	SELECT s.id, session_id, s.status, t.started_at, t.ended_at,
		CASE WHEN isfinite(t.started_at) AND isfinite(t.ended_at) THEN t.ended_at - t.started_at END AS lasted,
		s.device_id, d.name AS device, p.machine_id, p.user_id, u.full_name AS person, a.name AS application,
		coalesce(s.time_guessed, false) AS time_guessed
	FROM alzy.sessions s
	FULL JOIN public.sessions p USING (session_id)
	CROSS JOIN LATERAL (SELECT CASE WHEN s.id IS NULL THEN p.start_at AT TIME ZONE 'UTC' ELSE s.started_at END,
		CASE WHEN s.id IS NULL THEN p.end_at AT TIME ZONE 'UTC' ELSE s.ended_at END) t (started_at, ended_at)
	LEFT JOIN alzy.devices d ON d.id = s.device_id
	LEFT JOIN public.users u ON u.user_id = p.user_id
	LEFT JOIN public.applications a ON a.application_id = p.application_id;
