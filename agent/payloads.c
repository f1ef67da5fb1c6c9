#include "agent/payloads.h"

#include "hal/boot.h"
#include "hal/json.h"

static void add_seconds(cJSON *payload, const char *name, int64_t ms)
{
	cJSON_AddNumberToObject(payload, name, (double)ms / 1000);
}

/* How often points are due. */
static void add_due(cJSON *payload, const struct sampling *sampling)
{
	add_seconds(payload, "heartbeat_s", sampling->heartbeat_ms);
	add_seconds(payload, "interval_s", sampling->interval_ms);
}

cJSON *payload_agent_start(const struct sampling *sampling, int64_t up_ms)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "version", ALZY_VERSION);
	cJSON_AddStringToObject(payload, "boot", boot_id());
	cJSON_AddNumberToObject(payload, "up_s", (double)(up_ms / 1000));
	add_due(payload, sampling);
	return payload;
}

cJSON *payload_agent_reload(const struct sampling *sampling)
{
	cJSON *payload = cJSON_CreateObject();
	add_due(payload, sampling);
	return payload;
}

cJSON *payload_agent_stop(const struct live_facts *facts, const char *reason)
{
	const struct {
		const char *name;
		int64_t count;
	} counts[] = {
		{"reports", facts->reports},
		{"epochs", facts->epochs},
		{"kept", facts->kept},
		{"refused_receiver", facts->refused_receiver},
		{"refused_no_time", facts->refused_no_time},
		{"refused_bad", facts->refused_bad},
		{"refused_late", facts->refused_late},
		{"overrun", facts->overrun},
	};
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "reason", reason);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cJSON_AddNumberToObject(payload, counts[i].name, (double)counts[i].count);
	for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (facts->verdicts[verdict])
			cJSON_AddNumberToObject(payload, verdict_name((enum verdict)verdict), (double)facts->verdicts[verdict]);
	return payload;
}

cJSON *payload_fix_lost(const struct gnss_report *report)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "mode", report->mode);
	return payload;
}

cJSON *payload_fix_regained(const struct gnss_report *fix)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "mode", fix->mode);
	json_add_text_or_null(payload, "device", fix->device);
	return payload;
}

cJSON *payload_overrun(int64_t reports, int64_t for_ms)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "reports", (double)reports);
	if (for_ms)
		add_seconds(payload, "for_s", for_ms);
	return payload;
}

cJSON *payload_silence(const struct silence_news *news)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "reason", silence_reason_name(news->refused ? news->refused : news->kept));
	cJSON_AddNumberToObject(payload, "count", (double)news->count);
	if (news->refused)
		add_seconds(payload, "for_s", news->for_ms);
	return payload;
}

cJSON *payload_missing(const char *why, int64_t for_ms)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "reason", why);
	add_seconds(payload, "for_s", for_ms);
	return payload;
}

cJSON *payload_silent(const struct gnss_report *report)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "cause", gnss_silence_name(report->silence));
	if (report->silent_ms)
		add_seconds(payload, "for_s", report->silent_ms);
	return payload;
}

cJSON *payload_receiver_changed(const struct receivers_change *change)
{
	cJSON *payload = cJSON_CreateObject();
	json_add_text_or_null(payload, "from", change->from);
	json_add_text_or_null(payload, "to", change->to);
	cJSON_AddStringToObject(payload, "why", receivers_why_name(change->why));
	return payload;
}

cJSON *payload_input(enum input_kind kind, bool on, const char *problem)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "input", input_name(kind));
	if (problem)
		cJSON_AddStringToObject(payload, "problem", problem);
	else
		cJSON_AddBoolToObject(payload, "on", on);
	return payload;
}
