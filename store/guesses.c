/* The times of sessions that are a guess, because their boot does not know the time yet: what they were, by its monotonic clock. */
#include "store/internal.h"

static int run(struct store *store, const char *sql, const char *boot, int64_t offset_ms, bool final, struct err *e)
{
	struct query q;
	query_start(&q, store, sql);
	query_text(&q, boot);
	query_int(&q, offset_ms);
	query_int(&q, final);
	return query_run(&q, e);
}

/* A revision is one more when something has changed: that it is no guess any more is told, too. */
int guesses_correct(struct store *store, const char *boot, int64_t offset_ms, bool final, struct err *e)
{
	int rc = run(store,
	             "UPDATE sessions SET started_at = start_mono + ?2, ended_at = max(ended_at, start_mono + ?2),"
	             " updated_at = start_mono + ?2, start_guess = NOT ?3, revision = CASE WHEN NOT ?3 AND started_at ="
	             " start_mono + ?2 THEN revision ELSE max(revision, held_revision) + 1 END WHERE start_guess AND "
	             "start_boot = ?1",
	             boot, offset_ms, final, e);
	if (rc)
		return rc;
	return run(
		store,
		"UPDATE sessions SET ended_at = max(started_at, end_mono + ?2), updated_at = max(started_at, end_mono + ?2),"
		" end_boot = CASE WHEN ?3 THEN NULL ELSE end_boot END, end_mono = CASE WHEN ?3 THEN NULL ELSE end_mono END,"
		" revision = CASE WHEN NOT ?3 AND ended_at = max(started_at, end_mono + ?2)"
		" THEN revision ELSE max(revision, held_revision) + 1 END WHERE end_boot = ?1",
		boot, offset_ms, final, e);
}

int guesses_settle(struct store *store, const char *boot, struct err *e)
{
	struct query q;
	query_start(&q, store,
	            "UPDATE sessions SET start_guess = start_guess AND start_boot <> ?1,"
	            " revision = max(revision, held_revision) + 1,"
	            " end_mono = CASE end_boot WHEN ?1 THEN NULL ELSE end_mono END, end_boot = nullif(end_boot, ?1)"
	            " WHERE (start_guess AND start_boot = ?1) OR end_boot = ?1");
	query_text(&q, boot);
	return query_run(&q, e);
}
