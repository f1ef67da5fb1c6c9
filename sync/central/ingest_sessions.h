/* The sessions of a batch, between ingest_session*.c: what is held of each, what is news of it (ingest_session.c), how all that is
 * news is written (ingest_sessions_write.c), and what the unit is told (ingest_sessions_say.c). */
#ifndef ALZY_SYNC_CENTRAL_INGEST_SESSIONS_H
#define ALZY_SYNC_CENTRAL_INGEST_SESSIONS_H

#include "hal/err.h"
#include "hal/rows.h"
#include "sync/central/ingest_parts.h"
#include "sync/central/pg.h"
#include "sync/receipt.h"

#include <stdbool.h>
#include <stddef.h>

#define INGEST_SESSION_MS(column) \
	"CASE WHEN isfinite(" column ") THEN floor(extract(epoch FROM " column ") * 1000)::bigint END"
#define INGEST_SESSION_COLUMNS                                                                                    \
	" s.revision, s.lost_references, s.seen_revision, s.centre_revision, (s.centre_changes->>'user_id')::bigint," \
	" (s.centre_changes->>'machine_id')::bigint, (s.centre_changes->>'application_id')::bigint,"                  \
	" (s.centre_changes->>'started_at')::bigint, (s.centre_changes->>'status')::bigint, p.user_id, p.machine_id," \
	" p.application_id, s.status, " INGEST_SESSION_MS("s.started_at") ", " INGEST_SESSION_MS("s.ended_at")
/* Reads these columns, of alzy.sessions s and public.sessions p; `column` is the first of them. */
void ingest_session_read(const struct pg_result *found, size_t row, size_t column, struct receipt_session *out);

/* Of a journey that began before its device was erased, nothing is taken but that there was one. */
void ingest_session_forget(const struct ingest *in, struct session *session);

/* What is to be held of the batch's session, and which fields of it are the centre's own. */
unsigned ingest_session_merge(const struct ingest *in, size_t index, struct session *out);

/* Whether the batch has anything to say of it that is not held. */
bool ingest_session_is_news(const struct ingest *in, size_t index);

/* Writes what is news, under locks that the caller has taken: of sessions that are held, or else of those that are not (fresh).
 * Those that Postgres refuses by themselves have a code then. */
int ingest_sessions_write(struct ingest *in, bool fresh, struct err *e);

#endif
