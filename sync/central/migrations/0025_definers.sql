-- What triggers do with their owner's rights, others could have done for them, by a trigger on a table of their own. To make one
-- takes EXECUTE, which everybody has by default; to be a row that fires it takes nothing.
REVOKE EXECUTE ON FUNCTION alzy.points_refer, alzy.points_guard, alzy.sessions_change, alzy.sessions_mirror,
	alzy.sessions_gone, alzy.journeys_mirror FROM PUBLIC;
