-- alzy.settle of 0013 held all that is kept aside of a store against all rows of a batch, which took seconds where many were. Now
-- what is kept aside under their seqs is looked for, each by itself, and of that alone whether the row is in its table. Nobody
-- else changes it meanwhile: who does has the lock on the store's row.
CREATE OR REPLACE FUNCTION alzy.settle(stream text, store integer, settled jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH aside AS MATERIALIZED (
		SELECT g.seq, r.at, r.digest = decode(g.digest, 'hex') AS same
			FROM jsonb_to_recordset(settled) AS g(seq bigint, digest text)
			CROSS JOIN LATERAL (SELECT j.ctid AS at, j.digest FROM alzy.rejected j
				WHERE j.store_number = $2 AND j.stream = $1 AND j.seq = g.seq OFFSET 0) r
	), there AS MATERIALIZED (
		SELECT a.at, a.same FROM aside a CROSS JOIN LATERAL (
			SELECT FROM alzy.points WHERE $1 = 'points' AND id = (store::bigint << 40) + a.seq
			UNION ALL SELECT FROM public.events WHERE $1 = 'events' AND event_id = (store::bigint << 40) + a.seq
			LIMIT 1) held
	), gone AS (
		DELETE FROM alzy.rejected WHERE ctid = ANY (ARRAY(SELECT at FROM there WHERE same))
	)
	UPDATE alzy.rejected SET code = 'conflict', reason = 'held with other content, which was taken since'
		WHERE ctid = ANY (ARRAY(SELECT at FROM there WHERE NOT same))
$$;
