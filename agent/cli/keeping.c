#include "agent/cli/keeping.h"

int keeping_read(const struct cli *cli, struct keeping *out, struct err *e)
{
	struct session_change last;
	bool found = false;
	*out = (struct keeping){.by_person = cli->conf.capture_session == CAPTURE_SESSION_MANUAL};
	int rc = store_session_open(cli->store, &out->session, &out->open, e);
	if (rc || !out->open || out->session.status != SESSION_PAUSED)
		return rc;
	rc = store_session_last_change(cli->store, &last, &found, e);
	out->held = !found || last.to != SESSION_PAUSED || last.by_person;
	return rc;
}

const char *keeping_why_not(const struct keeping *keeping)
{
	if (keeping->held)
		return "nothing is kept until it is resumed (alzy session resume)";
	return keeping->by_person && !keeping->open ? "nothing is kept without one (alzy session start)" : NULL;
}
