/* Damage, as of a card that is dying: SQLite's own look at every page. */
#include "store/internal.h"

#include "hal/clock.h"

#include <string.h>

enum { STEPS_BETWEEN_LOOKS = 10000, FINDING_TEXT = 256 };

static int out_of_time(void *until_ms)
{
	return clock_mono_ms() >= *(const int64_t *)until_ms;
}

int store_look_for_damage(struct store *store, int64_t timeout_ms, struct err *e)
{
	int64_t until_ms = clock_mono_ms() + timeout_ms;
	char finding[FINDING_TEXT] = "ok";
	struct err said = {0};
	struct query q;
	bool row = false;
	sqlite3_progress_handler(store->db, STEPS_BETWEEN_LOOKS, out_of_time, &until_ms);
	query_start(&q, store, "PRAGMA quick_check(1)");
	int rc = query_next(&q, &row, &said);
	bool interrupted = rc && sqlite3_errcode(store->db) == SQLITE_INTERRUPT;
	if (!rc && row)
		query_get_text(&q, 0, finding, sizeof finding);
	query_end(&q);
	sqlite3_progress_handler(store->db, 0, NULL, NULL);
	if (interrupted)
		return 0;
	if (rc)
		return err_set(e, said.code, "%s", said.text);
	const char *last = strrchr(finding, '\n'); /* above it stands of which database */
	return strcmp(finding, "ok")
	           ? err_set(e, ERR_STORE, "the store %s: it is damaged (%s)", store->path, last ? last + 1 : finding)
	           : 0;
}
