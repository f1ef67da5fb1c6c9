-- How far, how long, how fast: the same numbers as `alzy session show` says on the unit, by the same rules (hal/summary.h).
-- For one session it is a scan of the index points_session, and a sort of its points; nothing is kept.
--
-- Within a session, points are in order of their id: of their store, and there of their recording. Longitudes are added up
-- segment by segment, each the shorter way around, so that a box may go across the antimeridian.
CREATE VIEW alzy.session_summaries AS
	SELECT s.id, s.session_id, s.device_id, n.points, n.marks, t.first_at, t.last_at,
		t.distance_m, t.bridged_m, t.moving_s, t.still_s, t.silent_s, t.stops, t.max_speed,
		t.distance_m / nullif(extract(epoch FROM t.last_at - t.first_at), 0)::float8 AS mean_speed,
		(t.distance_m - t.bridged_m) / nullif(t.moving_s, 0) AS moving_speed,
		t.south, t.north, b.west, b.east
	FROM alzy.sessions s
	CROSS JOIN LATERAL (SELECT count(*) AS points, count(*) FILTER (WHERE source = 'manual') AS marks
		FROM alzy.points WHERE session_id = s.id) n
	CROSS JOIN LATERAL (
		SELECT min(first_at) AS first_at, max(last_at) AS last_at, sum(moved_m) AS distance_m, sum(bridged_m) AS bridged_m,
			sum(moving_s) AS moving_s, sum(still_s) AS still_s, sum(silent_s) AS silent_s,
			count(*) FILTER (WHERE still_s >= 120) AS stops, max(max_speed) AS max_speed,
			min(south) AS south, max(north) AS north, min(least) AS least, max(greatest) AS greatest
		FROM (
			-- One row for each run of segments that stand, with the one that ended it.
			SELECT min(recorded_at) AS first_at, max(recorded_at) AS last_at,
				coalesce(sum(m) FILTER (WHERE moves), 0) AS moved_m,
				coalesce(sum(m) FILTER (WHERE moves AND silent), 0) AS bridged_m,
				coalesce(sum(s) FILTER (WHERE moves AND NOT silent AND s > 0), 0) AS moving_s,
				coalesce(sum(s) FILTER (WHERE NOT moves AND NOT silent AND s > 0), 0) AS still_s,
				coalesce(sum(s) FILTER (WHERE silent), 0) AS silent_s,
				max(speed) AS max_speed, min(lat) AS south, max(lat) AS north, min(way) AS least, max(way) AS greatest
			FROM (
				SELECT *, sum(CASE WHEN moves OR silent THEN 1 ELSE 0 END) OVER w AS run,
					sum(coalesce(mod(lng - lng_before + 540, 360) - 180, lng)) OVER w AS way
				FROM (
					SELECT *, s > 300 AS silent,
						CASE WHEN speed_before IS NULL THEN m > 0 AND m >= 0.5 * s ELSE speed_before >= 0.5 END
						OR CASE WHEN speed IS NULL THEN m > 0 AND m >= 0.5 * s ELSE speed >= 0.5 END AS moves
					FROM (
						SELECT id + 0 AS place, recorded_at, lat, lng, speed, lag(speed) OVER o AS speed_before, lag(lng) OVER o AS lng_before,
							extract(epoch FROM recorded_at - lag(recorded_at) OVER o)::float8 AS s,
							ST_Distance(geom::geography, (lag(geom) OVER o)::geography) AS m
						FROM alzy.points WHERE session_id = s.id AND source <> 'manual'
						WINDOW o AS (ORDER BY id + 0) -- not in the order of the primary key, which has all sessions
					) segments
				) judged
				WINDOW w AS (ORDER BY place)
			) runs
			GROUP BY run
		) counted
	) t
	CROSS JOIN LATERAL (SELECT
		CASE WHEN greatest - least >= 360 THEN -180 ELSE mod(least + 540 + 360 * ceil(abs(least) / 360), 360) - 180 END AS west,
		CASE WHEN greatest - least >= 360 THEN 180 ELSE mod(greatest + 540 + 360 * ceil(abs(greatest) / 360), 360) - 180 END AS east
	) b;
