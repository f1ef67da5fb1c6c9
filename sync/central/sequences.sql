-- Run with every migrate. Rows that came by a part of a dump, or by COPY, bring no sequence along: the next ids would be those of rows that
-- are there, and what is new would be refused for that. The numbers of stores are in the ids of their rows, too. Ids beyond the bounds of a
-- sequence never were its own, and sequences of others are theirs.
DO $$
DECLARE
	ids record;
	highest bigint;
BEGIN
	FOR ids IN
		SELECT s.*, q.seqmin, least(q.seqmax, (1::bigint << 40) - 1) AS seqmax FROM (
			SELECT c.oid::regclass AS of_table, a.attname, pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) AS sequence
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
				AND (n.nspname = 'alzy' OR n.nspname = 'public' AND c.relname IN ('applications', 'application_users', 'events', 'organizations'))
		) s JOIN pg_sequence q ON q.seqrelid = s.sequence::regclass
		WHERE has_sequence_privilege(sequence, 'SELECT') AND has_sequence_privilege(sequence, 'UPDATE')
	LOOP
		EXECUTE format('SELECT max(%I) FROM %s WHERE %1$I BETWEEN $1 AND $2', ids.attname, ids.of_table) INTO highest USING ids.seqmin, ids.seqmax;
		IF ids.of_table = 'alzy.stores'::regclass THEN
			highest := greatest(highest, (SELECT max(id) >> 40 FROM alzy.points), (SELECT max(event_id) >> 40 FROM public.events));
		END IF;
		EXECUTE format('SELECT setval(%L, $1) FROM %s WHERE last_value + is_called::integer <= $1 AND $1 < $2', ids.sequence, ids.sequence)
			USING highest, ids.seqmax;
	END LOOP;
END $$;
