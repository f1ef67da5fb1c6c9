-- Rows that were rejected, and that the unit has offered again with success.

-- Lets go of what was kept aside of such rows. Only of rows that are in their table, so that nothing can get lost; hence SECURITY
-- DEFINER: a gateway may not delete what was rejected. What was kept aside of the same seq with other content is a conflict now.
CREATE FUNCTION alzy.settle(stream text, store integer, settled jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH s AS (
		SELECT g.seq, decode(g.digest, 'hex') AS digest FROM jsonb_to_recordset(settled) AS g(seq bigint, digest text)
			WHERE $1 = 'points' AND EXISTS (SELECT FROM alzy.points p WHERE p.id = (store::bigint << 40) + g.seq)
				OR $1 = 'events' AND EXISTS (SELECT FROM public.events v WHERE v.event_id = (store::bigint << 40) + g.seq)
	), gone AS (
		DELETE FROM alzy.rejected r USING s WHERE r.store_number = $2 AND r.stream = $1 AND r.seq = s.seq AND r.digest = s.digest
	)
	UPDATE alzy.rejected r SET code = 'conflict', reason = 'held with other content, which was taken since'
		FROM s WHERE r.store_number = $2 AND r.stream = $1 AND r.seq = s.seq AND r.digest <> s.digest
$$;
REVOKE ALL ON FUNCTION alzy.settle FROM PUBLIC;
