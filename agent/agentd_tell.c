#include "agent/agentd_tell.h"

#include "hal/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void tell_session(struct told *told, const struct session *session)
{
	const char *id = session ? session->session_id : "";
	enum session_status status = session ? session->status : SESSION_ENDED;
	if (!strcmp(id, told->session_id) && status == told->session_status)
		return;
	if (session)
		log_notice("session %s is %s", id, session_status_name(status));
	else
		log_notice("session %s has ended", told->session_id);
	strcpy(told->session_id, id);
	told->session_status = status;
}

/* A full disk does not fill the log as well. */
void tell_failing(struct told *told, int rc, bool failing, const struct err *e)
{
	if (rc && !told->failing)
		log_error("can't record: %s. What is read waits in memory, and it is tried again", e->text);
	else if (!failing && told->failing)
		log_notice("recording goes on");
	told->failing = failing;
}

void tell_removed(const char *path, const struct err *why)
{
	log_error(
		"the store %s was removed or replaced: what is recorded goes into the removed file, and is lost when this "
		"process ends. To save it, copy what /proc/%d/fd shows as deleted; then restart alzy-agentd. It could not be "
		"done here: %s",
		path, (int)getpid(), why->text);
}

void tell_silence(struct told *told, enum gnss_silence silence, const struct gnss_report *report)
{
	static const char *const texts[] = {
		[GNSS_SILENT_GPSD] = "gpsd lets itself be connected to, and does not answer",
		[GNSS_SILENT_NONE] = "gpsd has no receiver",
		[GNSS_SILENT_RECEIVER] = "the receiver says nothing",
		[GNSS_SILENT_STUCK] = "the receiver repeats the same time",
		[GNSS_SILENT_NO_TIME] = "the receiver gives positions without a time",
	};
	if (silence == told->silence)
		return;
	told->silence = silence;
	if (silence)
		log_warning("%s", texts[silence]);
	else if (report->kind <= GNSS_SKY)
		log_notice("the receiver goes on");
}

void tell_source(const char *source, const struct gnss_report *report)
{
	if (report->kind == GNSS_GONE)
		log_warning("%s can't be reached; trying again every few seconds", source);
	else if (report->kind == GNSS_BACK)
		log_notice("connected to %s", source);
}

void tell_summary(const char *reason, const struct live_facts *facts)
{
	int64_t refused = 0;
	for (int verdict = VERDICT_THINNED + 1; verdict < VERDICT_REFUSED_NO_SESSION; verdict++)
		refused += facts->verdicts[verdict];
	log_notice("stopped (%s): %" PRId64 " reports, %" PRId64 " fixes, %" PRId64 " kept, %" PRId64
	           " not needed; refused: %" PRId64 " of another receiver, %" PRId64 " outside a session, %" PRId64
	           " not to be believed, %" PRId64 " late, %" PRId64 " without a time, %" PRId64 " unusable; %" PRId64
	           " lost for want of room",
	           reason, facts->reports, facts->epochs, facts->kept, facts->verdicts[VERDICT_THINNED],
	           facts->refused_receiver, facts->verdicts[VERDICT_REFUSED_NO_SESSION], refused, facts->refused_late,
	           facts->refused_no_time, facts->refused_bad, facts->overrun);
}
