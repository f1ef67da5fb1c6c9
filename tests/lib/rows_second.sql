-- Rows of every shape for the tables of the second document, which search_path finds. Variable loose: whether
-- references may lead nowhere. Column verdict of copy.points: what becomes of a row: it is there as it was (same), it is
-- there with some other values and kept aside (kept), or it is kept aside only (away).
SET search_path = :schema, public;
INSERT INTO users OVERRIDING SYSTEM VALUE SELECT i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'Zoë 🚚' ELSE E'a\n''b"' || i END, i || '@example.org',
		CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'admin'::user_role ELSE 'user' END, nullif(i % 3, 0) = 1,
		CASE i % 3 WHEN 0 THEN NULL ELSE jsonb_build_object('google', i, 'nothing', null, 'e', 'é') END,
		CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' ELSE timestamptz '2020-01-01Z' + i * interval '1 hour' END
	FROM generate_series(1, 200) i;
INSERT INTO users OVERRIDING SYSTEM VALUE VALUES (2147483647, 'the last');
INSERT INTO devices (id, user_id, name, platform, device_key_hash, pairing_token_hash, is_active, paired_at, deleted_at, color)
	OVERRIDING SYSTEM VALUE SELECT i, CASE WHEN i % 5 = 0 THEN NULL WHEN i % 7 = 0 AND :loose THEN 5000 ELSE i % 200 + 1 END, 'phone ' || i,
		CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'android'::device_platform WHEN 2 THEN 'ios' ELSE 'web' END,
		CASE WHEN i % 6 = 0 THEN NULL WHEN i % 50 IN (1, 2) THEN 'shared ' || i / 50 ELSE md5(i::text) END,
		CASE WHEN i % 40 = 1 THEN '' WHEN i % 3 = 0 THEN 'token ' || i END, CASE i % 4 WHEN 3 THEN NULL ELSE i % 4 <> 0 END,
		CASE WHEN i % 2 = 0 THEN timestamptz '2020-01-01Z' + i * interval '1 day' END,
		CASE WHEN i % 9 = 0 THEN timestamptz '2021-01-01Z' END,
		CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'gray'::device_color ELSE 'pink' END
	FROM generate_series(1, 300) i;
INSERT INTO sessions OVERRIDING SYSTEM VALUE SELECT i, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 10 = 1 AND :loose THEN 6000 ELSE i % 300 + 1 END,
		CASE i % 3 WHEN 0 THEN NULL ELSE i % 200 + 1 END,
		CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'active'::session_status WHEN 2 THEN 'ended' ELSE 'paused' END,
		CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '-infinity' ELSE timestamptz '2008-01-01Z' + i * interval '5 days' END,
		CASE i % 5 WHEN 2 THEN timestamptz '2000-01-01Z' END FROM generate_series(1, 1200) i;
CREATE SCHEMA IF NOT EXISTS copy;
CREATE TABLE copy.points AS
	WITH base AS (SELECT i, i % 28 AS k, (i * 37 % 17999) / 100.0 - 90 AS y, (i * 53 % 35999) / 100.0 - 180 AS x,
		timestamptz '2008-01-01Z' + i * interval '1 day 1 minute 0.001 second' AS t FROM generate_series(1, 5600) i)
	SELECT CASE k WHEN 20 THEN 1099511627775 - i / 28 WHEN 21 THEN 1099511627776 + i / 28 WHEN 22 THEN 9223372036854775807 - i / 28
			WHEN 23 THEN -i / 28 ELSE i END::bigint AS id,
		CASE WHEN k IN (15, 16) THEN NULL WHEN k = 24 AND :loose THEN 7000 ELSE i % 300 + 1 END AS device_id,
		CASE WHEN k = 16 THEN 2 + i % 100 * 10 WHEN k IN (2, 15) THEN NULL WHEN k = 25 AND :loose THEN 7000 ELSE i % 1200 + 1 END AS session_id,
		CASE WHEN k IN (7, 8, 9, 10, 26) THEN NULL WHEN k = 17 THEN 90.5 WHEN k = 19 THEN 'NaN' WHEN k = 1 THEN y + 0.123456789012 ELSE y END::numeric AS lat,
		CASE WHEN k IN (7, 8, 9, 10) THEN NULL WHEN k = 27 THEN 'Infinity' ELSE x END::numeric AS lng,
		CASE WHEN k IN (1, 2, 17) THEN NULL
			WHEN k = 8 THEN ST_Transform(ST_SetSRID(ST_MakePoint(x, y * 0.9), 4326), 3857)
			WHEN k = 9 THEN ST_SetSRID(ST_MakePoint(x, y), 910001)
			WHEN k = 10 THEN ST_SetSRID(ST_MakeLine(ST_MakePoint(x, y), ST_MakePoint(0, 0)), 4326)
			WHEN k = 11 THEN ST_SetSRID(ST_MakePoint(x + 1e-5, y), 4326)
			WHEN k = 12 THEN ST_GeomFromText('CIRCULARSTRING(0 0, 1 1, 2 0)', 910001)
			WHEN k = 13 THEN ST_GeomFromText('POINT EMPTY', 4326)
			WHEN k = 14 THEN ST_SetSRID(ST_MakePoint(x, y, i), 4326)
			WHEN k = 27 THEN ST_SetSRID(ST_MakePoint(500000, 4649776 + i), 32633)
			WHEN k % 3 = 0 THEN ST_MakePoint(x, y)
			ELSE ST_SetSRID(ST_MakePoint(x, y), 4326) END::geometry AS geom,
		CASE k WHEN 2 THEN NULL WHEN 18 THEN -1 ELSE i % 100 / 3.0 END::float8 AS accuracy,
		CASE k WHEN 2 THEN NULL WHEN 18 THEN 'NaN' ELSE i % 50 / 4.0 END::float8 AS speed,
		CASE k WHEN 2 THEN NULL WHEN 18 THEN 400 ELSE i % 361 END::float8 AS heading,
		CASE k WHEN 2 THEN NULL WHEN 18 THEN '-Infinity' ELSE -i / 7.0 END::float8 AS altitude,
		CASE k WHEN 3 THEN NULL ELSE (ARRAY['gps', 'network', 'fused', 'manual'])[i % 4 + 1] END::point_source AS source,
		CASE k WHEN 4 THEN NULL WHEN 5 THEN NULL WHEN 6 THEN 'infinity' WHEN 23 THEN t + (i / 28 - 100) * interval '30 years' ELSE t END AS recorded_at,
		CASE k WHEN 5 THEN NULL WHEN 0 THEN t - interval '1 day' ELSE t + interval '2 seconds' END AS received_at,
		CASE WHEN k IN (5, 9, 10, 15, 17) THEN 'away'
			WHEN k IN (3, 4, 6, 7, 8, 11, 12, 13, 14, 16, 18, 19, 21, 22, 26, 27) THEN 'kept' ELSE 'same' END AS verdict
	FROM base;
INSERT INTO points OVERRIDING SYSTEM VALUE SELECT id, device_id, session_id, lat, lng, geom, accuracy, speed, heading, altitude, source,
	recorded_at, received_at FROM copy.points;
CREATE TABLE copy.accounts AS TABLE users;
CREATE TABLE copy.devices AS TABLE devices;
CREATE TABLE copy.trips AS TABLE sessions;
