/* alzy-central expire and erase: what is deleted on purpose, and said in counts. */
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/rows.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/erase.h"
#include "sync/central/expire.h"
#include "sync/central/verbs.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMBER_TEXT = 24 };

static void print_counts(const char *did, const struct expire_report *r)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], rejected[SHORT_TEXT], positions[SHORT_TEXT];
	printf("%s %s, %s, %s, %s", did, text_counted(r->rows[STREAM_POINTS], "point", points),
	       text_counted(r->rows[STREAM_EVENTS], "event", events), text_counted(r->rejected, "rejected row", rejected),
	       text_counted(r->positions, "last position", positions));
}

static void print_partitions(const struct expire_report *r)
{
	char count[SHORT_TEXT];
	if (r->partitions)
		printf("dropped %s of months of which nothing is left\n", text_counted(r->partitions, "partition", count));
	if (r->partitions_busy)
		printf("%s %s in use, and will be dropped the next time\n",
		       text_counted(r->partitions_busy, "empty partition", count), r->partitions_busy == 1 ? "is" : "are");
}

static void print_json(const struct expire_report *r, const char *before, int64_t device, bool dry_run)
{
	cJSON *object = cJSON_CreateObject();
	if (before)
		cJSON_AddStringToObject(object, "before", before);
	if (device)
		cJSON_AddNumberToObject(object, "device_id", (double)device);
	cJSON_AddNumberToObject(object, "points", (double)r->rows[STREAM_POINTS]);
	cJSON_AddNumberToObject(object, "events", (double)r->rows[STREAM_EVENTS]);
	cJSON_AddNumberToObject(object, "rejected", (double)r->rejected);
	cJSON_AddNumberToObject(object, "positions", (double)r->positions);
	if (!before)
		cJSON_AddNumberToObject(object, "sessions", (double)r->sessions);
	cJSON_AddNumberToObject(object, "partitions", (double)r->partitions);
	cJSON_AddBoolToObject(object, "dry_run", dry_run);
	central_print_json(object);
}

static int check_device(struct pg *pg, const char *device, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = pg_query(pg, &found, e, "SELECT 1 FROM alzy.devices WHERE id = $1::bigint", 1, &device);
	if (!rc && !pg_rows(found))
		rc = err_set(e, ERR_NOT_FOUND, "there is no device %s; alzy-central device list shows them", device);
	pg_result_free(found);
	return rc;
}

int central_expire(int argc, char **argv, struct err *e)
{
	int64_t before_ms = 0, device = 0;
	bool has_device = false, dry_run = false, json = false, help = false;
	const struct arg args[] = {
		{"--before", ARG_TIME, &before_ms, "TIME", "what is older goes", .required = true},
		{"--device", ARG_COUNT, &device, "NUMBER", "of this device only", .given = &has_device},
		{"--dry-run", ARG_FLAG, &dry_run, .help = "only say how much there is"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy-central expire",
	                   "Deletes points and events that are older than a time, and sees to it that nothing brings them "
	                   "back.\nJourneys stay.",
	                   args, 4, NULL, &help, e);
	if (!rc && !help && before_ms > clock_wall_ms())
		rc = err_set(e, ERR_INVALID, "--before is in the future: what is recorded meanwhile would go as well");
	if (rc || help)
		return rc;
	struct central central = {0};
	struct expire_report report = {0};
	char before[TIME_TEXT], number[NUMBER_TEXT];
	time_format(before_ms, before);
	snprintf(number, sizeof number, "%" PRId64, device);
	const char *of = has_device ? number : NULL;
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc && of)
		rc = check_device(central.pg, of, e);
	if (!rc)
		rc = dry_run ? expire_count(central.pg, before, of, &report, e)
		             : expire_before(central.pg, before, of, &report, e);
	if (!rc && json)
		print_json(&report, before, device, dry_run);
	if (!rc && !json) {
		print_counts(dry_run ? "would delete" : "deleted", &report);
		printf(" from before %s\n", before);
		print_partitions(&report);
	}
	central_close(&central);
	return rc;
}

static int erase(struct pg *pg, const char *device, bool yes, struct expire_report *report, struct err *e)
{
	int rc = check_device(pg, device, e);
	if (rc || yes)
		return rc ? rc : erase_device(pg, device, report, e);
	rc = expire_count(pg, NULL, device, report, e);
	return rc ? rc
	          : err_set(e, ERR_USAGE,
	                    "%" PRId64 " points, %" PRId64 " events, %" PRId64
	                    " rejected rows, and who, what and when of %" PRId64
	                    " journeys of device %s would be gone for ever: say --yes when that is meant",
	                    report->rows[STREAM_POINTS], report->rows[STREAM_EVENTS], report->rejected, report->sessions,
	                    device);
}

int central_erase(int argc, char **argv, struct err *e)
{
	int64_t device = 0;
	bool yes = false, json = false, help = false;
	const struct arg args[] = {
		{"--device", ARG_COUNT, &device, "NUMBER", "whose rows", .required = true},
		{"--yes", ARG_FLAG, &yes, .help = "they will be gone, and that is meant"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(
		argc, argv, "alzy-central erase",
		"Deletes all that a device has recorded until now, takes from its journeys who, what and when, and "
		"sees to it\nthat nothing brings it back. The device stays, and what it records from now on is taken.",
		args, 3, NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct expire_report report = {0};
	char number[NUMBER_TEXT];
	snprintf(number, sizeof number, "%" PRId64, device);
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = erase(central.pg, number, yes, &report, e);
	if (!rc && json)
		print_json(&report, NULL, device, false);
	if (!rc && !json) {
		print_counts("deleted", &report);
		char journeys[SHORT_TEXT];
		printf(" of device %" PRId64 "; of %s nothing is known but that there was one\n", device,
		       text_counted(report.sessions, "journey", journeys));
		print_partitions(&report);
	}
	central_close(&central);
	return rc;
}
