-- A journey that is deleted by hand goes in both tables, or in none: half of one is of no device to its unit, whose further rows
-- were refused as somebody else's. Events of it refuse that by their own key.
CREATE FUNCTION alzy.sessions_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM public.sessions WHERE session_id = OLD.session_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER people_gone AFTER DELETE ON alzy.sessions FOR EACH ROW EXECUTE FUNCTION alzy.sessions_gone();
