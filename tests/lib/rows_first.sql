-- Rows of every shape for the tables of the first document.
CREATE FUNCTION pg_temp.odd_text(i integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE i % 12 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN ' ' WHEN 3 THEN 'Zoë 🚚 ' || i WHEN 4 THEN E'two\nlines\t' || i
		WHEN 5 THEN E'"quoted" ''it'' \\' || i WHEN 6 THEN repeat('long ', 2000) || i WHEN 7 THEN 'null' WHEN 8 THEN '{"json": ' || i || '}'
		WHEN 9 THEN E'\u202eright to left' WHEN 10 THEN E'\x01\x7f' ELSE 'plain ' || i END
$$;
CREATE FUNCTION pg_temp.odd_id(i integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE i WHEN 1 THEN '' ELSE i || coalesce(left(pg_temp.odd_text(i), 300), '') END
$$;
INSERT INTO public.organizations SELECT i, pg_temp.odd_text(i) FROM generate_series(1, 60) i;
INSERT INTO public.organizations VALUES (0, 'zero'), (-5, 'below'), (2147483647, 'the last');
INSERT INTO public.applications SELECT i * 10, pg_temp.odd_text(i) FROM generate_series(1, 30) i;
INSERT INTO public.users SELECT pg_temp.odd_id(i), pg_temp.odd_text(i + 1), CASE WHEN i % 7 = 0 THEN 9000 + i ELSE i % 60 + 1 END
	FROM generate_series(1, 900) i;
INSERT INTO public.application_users SELECT i, CASE WHEN i % 11 = 0 THEN 7777 ELSE (i % 30 + 1) * 10 END,
	CASE WHEN i % 13 = 0 THEN 'nobody' ELSE pg_temp.odd_id(i % 900 + 1) END FROM generate_series(1, 1500) i;
INSERT INTO public.machines SELECT pg_temp.odd_id(i), pg_temp.odd_text(i + 2),
	CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 BC' ELSE date '2020-02-29' + i END
	FROM generate_series(1, 400) i;
INSERT INTO public.machines VALUES ('van');
INSERT INTO public.sessions SELECT pg_temp.odd_id(i),
		CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'stranger ' || i ELSE pg_temp.odd_id(i % 900 + 1) END,
		CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'scrapped' ELSE pg_temp.odd_id(i % 400 + 1) END, start_at,
		CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN -1 ELSE (i % 30 + 1) * 10 END,
		CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN start_at - interval '1 hour' ELSE start_at END
	FROM generate_series(1, 3000) i, LATERAL (SELECT CASE i % 17 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity'
		WHEN 3 THEN '0044-03-15 12:00 BC' WHEN 4 THEN '294276-12-31 23:59:59.999999' WHEN 5 THEN '2024-02-29 23:59:59.999999'
		WHEN 6 THEN '4713-01-01 BC' WHEN 7 THEN '0001-01-01' WHEN 8 THEN '9999-12-31' WHEN 9 THEN '2023-03-26 02:30'
		ELSE timestamp '2010-01-01' + i * interval '37 hours 11 minutes 7.000001 seconds' END::timestamp AS start_at) s;
INSERT INTO public.events SELECT CASE WHEN i > 2900 THEN 'of no session ' || i ELSE pg_temp.odd_id(i) END,
		CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '00:00:00+00' WHEN 2 THEN '24:00:00+00' WHEN 3 THEN '00:10:00+15:59:59'
			WHEN 4 THEN '23:50:00-15:59:59' WHEN 5 THEN '23:59:59.999999+05:45' WHEN 6 THEN '00:00:00.000001-03:30'
			ELSE (time '00:00' + i * interval '7 minutes 13.25 seconds')::text || '+02' END::timetz,
		pg_temp.odd_text(i + 3), pg_temp.odd_text(i + 4) FROM generate_series(1, 3100) i;
CREATE SCHEMA IF NOT EXISTS copy;
CREATE TABLE copy.organizations AS TABLE public.organizations;
CREATE TABLE copy.applications AS TABLE public.applications;
CREATE TABLE copy.users AS TABLE public.users;
CREATE TABLE copy.application_users AS TABLE public.application_users;
CREATE TABLE copy.machines AS TABLE public.machines;
CREATE TABLE copy.sessions AS TABLE public.sessions;
CREATE TABLE copy.events AS TABLE public.events;
