-- After rows_second.sql and a migration: one line for each thing that must hold, WHAT|HOW MANY ROWS BREAK IT.
SELECT 'accounts', count(*) FROM ((TABLE copy.accounts EXCEPT ALL SELECT * FROM alzy.users) UNION ALL
	(SELECT * FROM alzy.users EXCEPT ALL TABLE copy.accounts)) d;
CREATE FUNCTION pg_temp.of_document(whole jsonb, was jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_object_agg(key, value) FROM jsonb_each(whole) WHERE was ? key
$$;
SELECT 'sessions', count(*) FROM copy.trips c LEFT JOIN alzy.sessions s USING (id)
	WHERE to_jsonb(c) IS DISTINCT FROM pg_temp.of_document(to_jsonb(s), to_jsonb(c));
SELECT 'no session more', (SELECT count(*) FROM alzy.sessions) - (SELECT count(*) FROM copy.trips);
SELECT 'devices', count(*) FROM copy.devices c LEFT JOIN alzy.devices d USING (id)
	WHERE to_jsonb(c) IS DISTINCT FROM pg_temp.of_document(to_jsonb(d), to_jsonb(c)) AND NOT EXISTS (SELECT FROM alzy.kept_aside k
		WHERE table_name = 'alzy.devices' AND row_id = c.id AND content->'device_key_hash' = to_jsonb(c.device_key_hash))
	AND NOT EXISTS (SELECT FROM alzy.kept_aside k
		WHERE table_name = 'alzy.devices' AND row_id = c.id AND content->'pairing_token_hash' = to_jsonb(c.pairing_token_hash));
SELECT 'devices but for what names them', count(*) FROM copy.devices c LEFT JOIN alzy.devices d USING (id)
	WHERE to_jsonb(c) - ARRAY['device_key_hash', 'pairing_token_hash'] IS DISTINCT FROM
		pg_temp.of_document(to_jsonb(d), to_jsonb(c)) - ARRAY['device_key_hash', 'pairing_token_hash'];
SELECT 'a device in use keeps its key', count(*) FROM copy.devices c LEFT JOIN alzy.devices d USING (id)
	WHERE c.device_key_hash IS DISTINCT FROM d.device_key_hash AND NOT EXISTS (SELECT FROM copy.devices o JOIN alzy.devices n USING (id)
		WHERE n.device_key_hash = c.device_key_hash AND (o.deleted_at IS NULL OR c.deleted_at IS NOT NULL));
SELECT 'a token stays with one device', count(*) FROM copy.devices c WHERE pairing_token_hash IS NOT NULL
	AND (SELECT count(*) FROM alzy.devices d WHERE d.pairing_token_hash = c.pairing_token_hash) <> 1;
-- Points as JSON; geom apart, as text.
CREATE TEMPORARY TABLE was AS SELECT c.id, verdict, c.device_id, c.session_id, geom::text, to_jsonb(p) AS content
	FROM copy.points c, LATERAL (SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at,
		received_at) p;
CREATE TEMPORARY TABLE now AS SELECT c.id, to_jsonb(p) AS content
	FROM alzy.points c, LATERAL (SELECT id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source, recorded_at,
		received_at) p;
CREATE TEMPORARY TABLE kept AS SELECT (content->>'id')::bigint AS id, row_id, content, reason FROM alzy.kept_aside
	WHERE table_name = 'alzy.points';
CREATE INDEX ON was (id);
CREATE INDEX ON now (id);
CREATE INDEX ON kept (id);
ANALYZE was, now, kept;
SELECT 'points that are the same', count(*) FROM was LEFT JOIN now USING (id)
	WHERE verdict = 'same' AND was.content IS DISTINCT FROM now.content;
SELECT 'only others are kept aside', count(*) FROM was FULL JOIN kept USING (id)
	WHERE (verdict = 'same') IS NOT DISTINCT FROM (kept.id IS NOT NULL);
SELECT 'kept aside as they were', count(*) FROM was JOIN kept USING (id)
	WHERE kept.content - 'geom' IS DISTINCT FROM was.content OR kept.content->>'geom' IS DISTINCT FROM geom;
SELECT 'points that have other values', count(*) FROM was LEFT JOIN kept USING (id) LEFT JOIN now ON now.id = row_id
	WHERE verdict = 'kept' AND now.id IS NULL;
SELECT 'the other values are named', count(*) FROM was JOIN kept USING (id) JOIN now ON now.id = row_id, jsonb_object_keys(was.content) field
	WHERE verdict = 'kept' AND was.content->field <> now.content->field AND reason !~ ('\m' || field || '\M');
SELECT 'points for want of something', count(*) FROM was LEFT JOIN kept USING (id)
	WHERE verdict = 'away' AND (row_id IS NOT NULL OR reason !~ 'not carried over');
SELECT 'no point more', (SELECT count(*) FROM was WHERE verdict <> 'away') - (SELECT count(*) FROM now);
SELECT 'ids of points', count(*) FROM now WHERE id >= 1099511627776;
SELECT 'each id once', count(*) - count(DISTINCT id) FROM now;
SELECT 'the device is that of the session', count(*) FROM was JOIN kept USING (id) JOIN now ON now.id = row_id
	JOIN copy.trips t ON t.id = session_id
	WHERE was.device_id IS NULL AND (now.content->>'device_id')::integer IS DISTINCT FROM t.device_id;
SELECT 'a place is that of geom', count(*) FROM copy.points c JOIN kept USING (id) JOIN alzy.points p ON p.id = row_id
	WHERE (c.lat IS NULL OR c.lng IS NULL OR c.lat = 'NaN' OR c.lng = 'Infinity') AND NOT ST_DWithin(p.geom, 
		CASE WHEN ST_SRID(c.geom) IN (0, 4326) THEN ST_SetSRID(c.geom, 4326) ELSE ST_Transform(c.geom, 4326) END, 1e-6);
SELECT 'geom is lat and lng', count(*) FROM alzy.points WHERE ST_X(geom) <> lng::float8 OR ST_Y(geom) <> lat::float8;
SELECT 'last positions', count(*) FROM (SELECT device_id, max(recorded_at) AS last FROM alzy.points JOIN alzy.devices d ON d.id = device_id
	WHERE recorded_at <= now() GROUP BY 1) l FULL JOIN alzy.last_positions p USING (device_id) WHERE recorded_at IS DISTINCT FROM last;
