-- alzy.reference is asked with every batch, and planning it takes five times as long as running it: Postgres plans a function in
-- SQL anew for each statement that calls it, and one in PL/pgSQL once in a session. What it says stays the same.
DO $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION alzy.reference(device integer, most_applications integer, most_users integer,
		most_application_users integer, most_machines integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS %L',
		(SELECT 'BEGIN RETURN (' || prosrc || '); END' FROM pg_proc WHERE oid = 'alzy.reference'::regproc));
END
$$;
