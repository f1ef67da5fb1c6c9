/* What the events of the agent say (docs/capture.md). Each is to be deleted; without memory it says less. */
#ifndef ALZY_AGENT_PAYLOADS_H
#define ALZY_AGENT_PAYLOADS_H

#include "agent/inputs.h"
#include "agent/receivers.h"
#include "agent/sampler.h"
#include "agent/silence.h"
#include "hal/gnss.h"
#include "hal/live.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

cJSON *payload_agent_start(const struct sampling *sampling, int64_t up_ms);
cJSON *payload_agent_reload(const struct sampling *sampling);
cJSON *payload_agent_stop(const struct live_facts *facts, const char *reason);
cJSON *payload_fix_lost(const struct gnss_report *report);
cJSON *payload_fix_regained(const struct gnss_report *fix);
cJSON *payload_overrun(int64_t reports, int64_t for_ms); /* for_ms 0: not known */
cJSON *payload_silence(const struct silence_news *news); /* of fixes_refused and fixes_kept */
cJSON *payload_missing(const char *why, int64_t for_ms);
cJSON *payload_silent(const struct gnss_report *report);
cJSON *payload_receiver_changed(const struct receivers_change *change);
cJSON *payload_input(enum input_kind kind, bool on, const char *problem); /* a problem, or that it is known again */

#endif
