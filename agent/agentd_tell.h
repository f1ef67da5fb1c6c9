/* What alzy-agentd writes to its log: each change once. */
#ifndef ALZY_AGENT_AGENTD_TELL_H
#define ALZY_AGENT_AGENTD_TELL_H

#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/live.h"
#include "hal/rows.h"

#include <stdbool.h>

/* What it was told last. */
struct told {
	char session_id[UUID_TEXT];
	enum session_status session_status; /* SESSION_ENDED at first */
	bool failing;
	enum gnss_silence silence;
};

void tell_session(struct told *told, const struct session *session); /* NULL: none is open */
/* A commit was tried and has failed as *e says (rc), or not; whether commits are `failing` still. */
void tell_failing(struct told *told, int rc, bool failing, const struct err *e);
/* The store at this path was removed, and could not be saved: it lives on, without a name, as long as this process. */
void tell_removed(const char *path, const struct err *why);
/* After a report was fed. */
void tell_silence(struct told *told, enum gnss_silence silence, const struct gnss_report *report);
void tell_source(const char *source, const struct gnss_report *report);
void tell_summary(const char *reason, const struct live_facts *facts);

#endif
