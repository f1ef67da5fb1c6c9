/* Sessions as the centre has them, and what their points say: how far, how long, how fast. */
#include "hal/args.h"
#include "hal/json.h"
#include "hal/summary_print.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/json_table.h"
#include "sync/central/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 20, LIST_MAX = 100000, NUMBER_TEXT = 24 };

/* Times leave Postgres as milliseconds since 1970. */
#define JOURNEY_COLUMNS                                                                                           \
	" j.id, j.session_id, j.status, (extract(epoch FROM j.started_at) * 1000)::bigint,"                           \
	" (extract(epoch FROM j.ended_at) * 1000)::bigint, j.device_id, j.device, j.user_id, j.person, j.machine_id," \
	" j.application, j.time_guessed"
enum {
	J_ID,
	J_SESSION,
	J_STATUS,
	J_STARTED,
	J_ENDED,
	J_DEVICE_ID,
	J_DEVICE,
	J_USER,
	J_PERSON,
	J_MACHINE,
	J_APPLICATION,
	J_GUESSED,
	J_COUNT
};

static void add_text(cJSON *object, const char *name, const struct pg_result *rows, size_t row, size_t column)
{
	json_add_text_or_null(object, name, pg_text(rows, row, column));
}

/* Its unit does not know the time yet. */
static bool is_guessed(const struct pg_result *rows, size_t row)
{
	return pg_bool(rows, row, J_GUESSED);
}

/* "" when there is none. */
static const char *time_text(const struct pg_result *rows, size_t row, size_t column, char out[SHORT_TEXT])
{
	out[0] = '\0';
	if (!pg_is_null(rows, row, column))
		text_time(pg_int(rows, row, column), out);
	if (*out && is_guessed(rows, row))
		strcat(out, " ?");
	return out;
}

/* What the list has in JSON, and the beginning of what is shown of one. */
static cJSON *journey_json(const struct pg_result *rows, size_t row)
{
	cJSON *object = cJSON_CreateObject();
	add_text(object, "session_id", rows, row, J_SESSION);
	add_text(object, "device", rows, row, J_DEVICE);
	add_text(object, "status", rows, row, J_STATUS);
	json_add_time(object, "started_at", pg_int(rows, row, J_STARTED));
	json_add_time(object, "ended_at", pg_int(rows, row, J_ENDED));
	cJSON_AddBoolToObject(object, "time_guessed", is_guessed(rows, row));
	add_text(object, "user_id", rows, row, J_USER);
	add_text(object, "machine_id", rows, row, J_MACHINE);
	return object;
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static const char list_sql[] =
	"SELECT" JOURNEY_COLUMNS ", s.points, round(s.distance_m::numeric / 1000, 2)"
	" FROM (SELECT * FROM alzy.journeys WHERE $1::bigint IS NULL OR device_id = $1::bigint"
	" ORDER BY started_at DESC NULLS LAST, session_id LIMIT $2::bigint) j"
	" LEFT JOIN alzy.session_summaries s ON s.id = j.id ORDER BY j.started_at DESC NULLS LAST, j.session_id";

/* Kilometres, or null. */
static void add_distance(cJSON *object, const char *name, const struct pg_result *rows, size_t row)
{
	if (pg_is_null(rows, row, J_COUNT + 1))
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddNumberToObject(object, name, strtod(pg_text(rows, row, J_COUNT + 1), NULL));
}

static cJSON *line_json(const struct pg_result *rows, size_t row)
{
	cJSON *object = journey_json(rows, row);
	cJSON_AddNumberToObject(object, "points", (double)pg_int(rows, row, J_COUNT));
	add_distance(object, "distance_km", rows, row);
	return object;
}

/* What a terminal has room for. How a session_id begins is enough to ask for it. */
static cJSON *line_shown(const struct pg_result *rows, size_t row)
{
	char session[9], time[SHORT_TEXT], lasted[SHORT_TEXT] = "";
	cJSON *object = cJSON_CreateObject();
	snprintf(session, sizeof session, "%s", pg_text(rows, row, J_SESSION));
	time_text(rows, row, J_STARTED, time);
	if (*time && !pg_is_null(rows, row, J_ENDED))
		text_duration(pg_int(rows, row, J_ENDED) - pg_int(rows, row, J_STARTED), lasted);
	cJSON_AddStringToObject(object, "session", session);
	add_text(object, "device", rows, row, J_DEVICE);
	add_text(object, "user", rows, row, J_USER);
	add_text(object, "status", rows, row, J_STATUS);
	cJSON_AddStringToObject(object, "started", time);
	cJSON_AddStringToObject(object, "lasted", lasted);
	cJSON_AddNumberToObject(object, "points", (double)pg_int(rows, row, J_COUNT));
	add_distance(object, "km", rows, row);
	return object;
}

static int print_list(const struct pg_result *rows, bool json, struct err *e)
{
	cJSON *array = cJSON_CreateArray();
	int rc = 0;
	for (size_t i = 0; i < pg_rows(rows); i++)
		cJSON_AddItemToArray(array, json ? line_json(rows, i) : line_shown(rows, i));
	if (json) {
		central_print_json(array);
		return 0;
	}
	if (!pg_rows(rows))
		puts("no sessions yet");
	else
		rc = json_table_print(array, e);
	cJSON_Delete(array);
	return rc;
}

int central_session_list(int argc, char **argv, struct err *e)
{
	int64_t device = 0, limit = LIST_DEFAULT;
	bool json = false, help, one_device = false;
	const struct arg args[] = {
		{"--device", ARG_COUNT, &device, "ID", .help = "of this device alone", .given = &one_device},
		{"--limit", ARG_COUNT, &limit, "N", .help = "how many, newest first (20)"},
		{"--json", ARG_FLAG, &json, .help = "print one JSON array"},
	};
	int rc = args_read(argc, argv, "alzy-central session list", "Lists the newest sessions, and how far they went.",
	                   args, sizeof args / sizeof *args, NULL, &help, e);
	if (rc || help)
		return rc;
	if (limit < 1 || limit > LIST_MAX)
		return err_set(e, ERR_USAGE, "--limit: 1 to %d", LIST_MAX);
	char device_text[NUMBER_TEXT], limit_text[NUMBER_TEXT];
	snprintf(device_text, sizeof device_text, "%" PRId64, device);
	snprintf(limit_text, sizeof limit_text, "%" PRId64, limit);
	struct central central = {0};
	struct pg_result *rows = NULL;
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = pg_query(central.pg, &rows, e, list_sql, 2,
		              (const char *const[]){one_device ? device_text : NULL, limit_text});
	central_close(&central);
	if (!rc)
		rc = print_list(rows, json, e);
	pg_result_free(rows);
	return rc;
}

/* ---- show ------------------------------------------------------------------------------------------------------- */

static int find_session(struct pg *pg, const char *name, struct pg_result **out, struct err *e)
{
	int rc = pg_query(pg, out, e,
	                  "SELECT" JOURNEY_COLUMNS " FROM alzy.journeys j WHERE starts_with(session_id, $1)"
	                  " ORDER BY session_id <> $1, session_id LIMIT 2",
	                  1, &name);
	if (rc)
		return rc;
	if (!pg_rows(*out))
		return err_set(e, ERR_NOT_FOUND, "there is no session %s; alzy-central session list shows them", name);
	if (pg_rows(*out) > 1 && strcmp(pg_text(*out, 0, J_SESSION), name) != 0)
		return err_set(e, ERR_INVALID, "more than one session begins with %s", name);
	return 0;
}

static const char summary_sql[] =
	"SELECT points, marks, (extract(epoch FROM first_at) * 1000)::bigint, (extract(epoch FROM last_at) * 1000)::bigint,"
	" distance_m, bridged_m, (moving_s * 1000)::bigint, (still_s * 1000)::bigint, (silent_s * 1000)::bigint, stops,"
	" (max_speed * 100)::bigint, (south * 10000000)::bigint, (north * 10000000)::bigint, (west * 10000000)::bigint,"
	" (east * 10000000)::bigint FROM alzy.session_summaries WHERE id = $1::bigint";

static int read_summary(struct pg *pg, const char *id, struct summary *out, struct err *e)
{
	struct pg_result *rows = NULL;
	int rc = pg_query(pg, &rows, e, summary_sql, 1, &id);
	if (!rc && pg_rows(rows))
		*out = (struct summary){
			.points = pg_int(rows, 0, 0),
			.marks = pg_int(rows, 0, 1),
			.first_ms = pg_int(rows, 0, 2),
			.last_ms = pg_int(rows, 0, 3),
			.distance_m = strtod(pg_text(rows, 0, 4), NULL),
			.bridged_m = strtod(pg_text(rows, 0, 5), NULL),
			.moving_ms = pg_int(rows, 0, 6),
			.still_ms = pg_int(rows, 0, 7),
			.silent_ms = pg_int(rows, 0, 8),
			.stops = pg_int(rows, 0, 9),
			.max_speed_cmps = pg_is_null(rows, 0, 10) ? ROW_ABSENT : (int32_t)pg_int(rows, 0, 10),
			.south_e7 = (int32_t)pg_int(rows, 0, 11),
			.north_e7 = (int32_t)pg_int(rows, 0, 12),
			.west_e7 = (int32_t)pg_int(rows, 0, 13),
			.east_e7 = (int32_t)pg_int(rows, 0, 14),
		};
	pg_result_free(rows);
	return rc;
}

static void print_json(const struct pg_result *journey, const struct summary *summary)
{
	cJSON *object = journey_json(journey, 0);
	if (pg_is_null(journey, 0, J_DEVICE_ID))
		cJSON_AddNullToObject(object, "device_id");
	else
		cJSON_AddNumberToObject(object, "device_id", (double)pg_int(journey, 0, J_DEVICE_ID));
	add_text(object, "person", journey, 0, J_PERSON);
	add_text(object, "application", journey, 0, J_APPLICATION);
	cJSON_AddItemToObject(object, "summary", summary_json(summary));
	central_print_json(object);
}

static void print_line(const char *word, const char *text)
{
	char shown[SHOWN_TEXT];
	printf("%-12s %s\n", word, *text ? text_shown(text, shown) : "none named");
}

static void print_text(const struct pg_result *journey, const struct summary *summary)
{
	char a[SHORT_TEXT];
	print_line("Session", pg_text(journey, 0, J_SESSION));
	print_line("Status", pg_text(journey, 0, J_STATUS));
	print_line("Device", pg_text(journey, 0, J_DEVICE));
	print_line("User", pg_text(journey, 0, J_USER));
	print_line("Machine", pg_text(journey, 0, J_MACHINE));
	print_line("Application", pg_text(journey, 0, J_APPLICATION));
	if (*time_text(journey, 0, J_STARTED, a))
		print_line("Started", a);
	if (*time_text(journey, 0, J_ENDED, a))
		print_line("Ended", a);
	printf("Points       %" PRId64 "\n", summary->points);
	summary_print(summary);
}

int central_session_show(int argc, char **argv, struct err *e)
{
	const char *name = NULL;
	bool json = false, help;
	const struct arg args[] = {
		{"SESSION", ARG_TEXT, &name, .help = "its id, or how that begins", .required = true},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy-central session show", "Shows one session, and what its points say.", args, 2,
	                   NULL, &help, e);
	if (rc || help)
		return rc;
	struct central central = {0};
	struct pg_result *journey = NULL;
	struct summary summary = {0};
	rc = central_open(&central, CENTRAL_DATABASE, e);
	if (!rc)
		rc = find_session(central.pg, name, &journey, e);
	if (!rc)
		rc = read_summary(central.pg, pg_is_null(journey, 0, J_ID) ? NULL : pg_text(journey, 0, J_ID), &summary, e);
	central_close(&central);
	if (!rc && json)
		print_json(journey, &summary);
	else if (!rc)
		print_text(journey, &summary);
	pg_result_free(journey);
	return rc;
}
