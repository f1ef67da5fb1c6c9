#include "agent/cli/time_shown.h"

#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/json.h"
#include "hal/text.h"

#include <stdio.h>
#include <stdlib.h>

static int without_agent(const struct cli *cli, struct live_time *out, struct err *e)
{
	struct era era;
	struct store_boot boot;
	int rc = store_boot_get(cli->store, boot_id(), &boot, e);
	conf_unit_era(&cli->conf, &era);
	*out = (struct live_time){boot.basis, boot.offset_ms, boot.since_mono_ms, era.none ? INT64_MIN : era.floor_ms,
	                          0,          false};
	if (rc || boot.basis > TIME_ESTIMATED)
		return rc;
	int64_t mono_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
	out->offset_ms = wall_ms - mono_ms;
	out->since_mono_ms = mono_ms;
	if (era.none)
		out->basis = TIME_SYSTEM;
	else if (clock_synchronized() && era_holds(&era, wall_ms))
		out->basis = TIME_NTP;
	return 0;
}

int time_gather(const struct cli *cli, const struct live_time *live, struct time_shown *out, struct err *e)
{
	int rc = store_waiting_count(cli->store, &out->waiting, e);
	if (!rc && live)
		out->time = *live;
	else if (!rc)
		rc = without_agent(cli, &out->time, e);
	int64_t mono_ms = clock_mono_ms();
	out->now_ms = mono_ms + out->time.offset_ms;
	out->known_for_ms = mono_ms - out->time.since_mono_ms;
	return rc;
}

static bool known(const struct time_shown *shown)
{
	return shown->time.basis > TIME_ESTIMATED;
}

cJSON *time_json(const struct time_shown *shown)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddBoolToObject(object, "known", known(shown));
	cJSON_AddStringToObject(object, "basis", time_basis_name(shown->time.basis));
	json_add_time(object, "now", known(shown) ? shown->now_ms : 0);
	json_add_time(object, "since", known(shown) ? shown->now_ms - shown->known_for_ms : 0);
	json_add_time(object, "floor", shown->time.floor_ms == INT64_MIN ? 0 : shown->time.floor_ms);
	cJSON_AddNumberToObject(object, "repaired_weeks", shown->time.shift * ERA_WEEKS);
	cJSON_AddBoolToObject(object, "doubtful", shown->time.doubtful);
	cJSON_AddNumberToObject(object, "waiting_events", (double)shown->waiting);
	return object;
}

void time_print_waiting(int64_t waiting, const char *indent)
{
	char count[SHORT_TEXT];
	if (waiting)
		printf("%s%s wait%s for the time\n", indent, text_counted(waiting, "event", count), waiting == 1 ? "s" : "");
}

void time_print(const struct time_shown *shown)
{
	static const char *const ways[TIME_BASIS_COUNT] = {[TIME_SYSTEM] = "by the system clock",
	                                                   [TIME_RECEIPT] = "by the centre's answer",
	                                                   [TIME_NTP] = "by the system clock, which is synchronized",
	                                                   [TIME_GNSS] = "by the receiver"};
	char now[SHORT_TEXT], span[SHORT_TEXT];
	if (known(shown))
		printf("Time      %s, %s", text_time(shown->now_ms, now), ways[shown->time.basis]);
	else
		printf("Time      not known yet; the system clock says %s", text_time(clock_wall_ms(), now));
	if (known(shown) && shown->known_for_ms >= 1000)
		printf(", for %s", text_duration(shown->known_for_ms, span));
	putchar('\n');
	if (shown->time.shift)
		printf("          the receiver is %d weeks off: its times are repaired\n", abs(shown->time.shift) * ERA_WEEKS);
	if (shown->time.doubtful)
		printf("          the receiver %s: its times are recorded as it says\n",
		       known(shown) ? "says something else" : "says a time that can't be right");
	time_print_waiting(shown->waiting, "          ");
}
