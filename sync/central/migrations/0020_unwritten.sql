-- A trigger that returns NULL passes over a row without a word: it is refused like one that a trigger raises for. Reasons are
-- cleaned where the gateway reads them.
CREATE OR REPLACE FUNCTION alzy.take(stream text, store integer, device integer, rows jsonb, room integer, careful boolean)
RETURNS TABLE (seq bigint, code text, reason text) LANGUAGE plpgsql AS $$
DECLARE
	parts CONSTANT integer := 10; -- a thousand rows are a power of it
	base bigint := store::bigint << 40;
	points alzy.points[];
	events public.events[];
	firsts integer[] := ARRAY[1]; -- stretches to be tried, the next one on top
	lasts integer[] := ARRAY[jsonb_array_length(rows)];
	top integer := 1;
	low integer;
	high integer;
	step integer;
	before bigint := -1; -- the last that was refused
	message text;
	detail text;
	broken text;
	place text;
	written integer;
BEGIN
	IF stream = 'points' THEN
		points := ARRAY(SELECT jsonb_populate_record(NULL::alzy.points, e.r || jsonb_build_object('id', base + (e.r->>'seq')::bigint,
				'session_id', CASE WHEN e.r->>'session_id' IS NOT NULL THEN coalesce(s.id, 0) END))
			FROM jsonb_array_elements(rows) WITH ORDINALITY AS e(r, n)
			LEFT JOIN alzy.sessions s ON s.session_id = e.r->>'session_id' ORDER BY e.n);
	ELSE
		events := ARRAY(SELECT jsonb_populate_record(NULL::public.events, e.r || jsonb_build_object('event_id',
				base + (e.r->>'seq')::bigint))
			FROM jsonb_array_elements(rows) WITH ORDINALITY AS e(r, n) ORDER BY e.n);
	END IF;
	WHILE top > 0 LOOP
		low := firsts[top];
		high := lasts[top];
		top := top - 1;
		written := high - low + 1;
		BEGIN
			IF stream = 'points' THEN
				INSERT INTO alzy.points (id, device_id, session_id, lat, lng, accuracy, speed, heading, altitude, source,
						recorded_at, received_at)
					SELECT g.id, device, g.session_id, g.lat::numeric(10, 7), g.lng::numeric(10, 7), g.accuracy, g.speed,
						g.heading, g.altitude, g.source, g.recorded_at, date_trunc('milliseconds', now())
					FROM unnest(points[low:high]) g;
			ELSE
				INSERT INTO public.events (event_id, session_id, event_at, event_type, payload)
					SELECT g.event_id, g.session_id, g.event_at, g.event_type, g.payload FROM unnest(events[low:high]) g;
			END IF;
			GET DIAGNOSTICS written = ROW_COUNT;
			IF written <= high - low THEN
				RAISE EXCEPTION 'not written, as a trigger of the database passes over it';
			END IF;
			IF careful THEN
				SET CONSTRAINTS ALL IMMEDIATE;
			END IF;
		EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
				broken = CONSTRAINT_NAME, place = PG_EXCEPTION_CONTEXT;
			IF code ~ '^(08|25|40|53|55|57|58|F0|XX001|XX002)'
					OR code = '23503' AND (broken = 'Events_session' OR place LIKE '%alzy.points_refer()%') THEN
				RAISE;
			ELSIF low = high THEN
				seq := (rows->(low - 1)->>'seq')::bigint;
				IF seq <> before + 1 THEN
					room := room - 2;
				END IF;
				IF room < 0 THEN
					code := NULL;
					reason := NULL;
					RETURN NEXT;
					RETURN;
				END IF;
				before := seq;
				reason := concat_ws('; ', message, nullif(detail, ''));
				IF written = 0 THEN
					code := 'unwritten';
				ELSE
					reason := reason || ' (SQLSTATE ' || code || ')';
				END IF;
				RETURN NEXT;
			ELSE
				step := (high - low + parts) / parts; -- rounded up
				FOR part IN REVERSE (high - low) / step .. 0 LOOP
					top := top + 1;
					firsts[top] := low + part * step;
					lasts[top] := least(low + part * step + step - 1, high);
				END LOOP;
			END IF;
		END;
	END LOOP;
END
$$;
