/* A mark: "here". A point with source manual, and an event with its note, in one transaction. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/clock.h"
#include "hal/json.h"
#include "hal/live.h"
#include "hal/text.h"
#include "store/event_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIX_AGE_MAX_MS = 60000 };

struct mark {
	struct point point;
	struct event event;
	bool own_time;    /* the point's time is that of a fix */
	const char *note; /* NULL: none */
};

static int place_from_options(struct mark *mark, int32_t lat_e7, int32_t lng_e7, struct err *e)
{
	if (lat_e7 < -LAT_E7_MAX || lat_e7 > LAT_E7_MAX)
		return err_set(e, ERR_INVALID, "--lat: -90 to 90 degrees");
	mark->point = (struct point){.lat_e7 = lat_e7,
	                             .lng_e7 = lng_e7,
	                             .accuracy_dm = ROW_ABSENT,
	                             .speed_cmps = ROW_ABSENT,
	                             .heading_ddeg = ROW_ABSENT,
	                             .altitude_dm = ROW_ABSENT};
	return 0;
}

static int nobody_knows(struct err *e)
{
	return err_set(e, ERR_STATE, "alzy-agentd is not running, so nobody knows where this is: give --lat and --lng");
}

/* The agent's fix carries its own time. Without a floor that is the clock, too. */
static int place_from_fix(struct mark *mark, struct store *store, const struct cli_time *now, struct err *e)
{
	struct live_facts facts;
	bool found;
	int rc = cli_live(store, &facts, &found, e);
	if (rc)
		return rc;
	if (!found)
		return nobody_knows(e);
	int64_t age_ms = clock_mono_ms() - facts.sight.fix_mono_ms;
	if (!facts.sight.has_fix || age_ms > FIX_AGE_MAX_MS)
		return err_set(e, ERR_STATE, "there is no fix from the last %d s: give --lat and --lng", FIX_AGE_MAX_MS / 1000);
	mark->own_time = true;
	mark->point = facts.sight.fix;
	mark->point.recorded_at_ms += facts.time.shift * ERA_MS;
	if (now->basis == TIME_SYSTEM)
		mark->event.event_at_ms = mark->point.recorded_at_ms + age_ms;
	return 0;
}

static int add_note(struct mark *mark, struct err *e)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "note", mark->note);
	mark->event.payload = json_print(object);
	cJSON_Delete(object);
	return mark->event.payload ? 0 : err_set(e, ERR_MEMORY, "out of memory for a mark");
}

static int record(struct store *store, struct mark *mark, struct err *e)
{
	struct session session;
	bool found;
	int rc = store_begin(store, e);
	if (rc)
		return rc;
	rc = store_session_open(store, &session, &found, e);
	if (!rc) {
		mark->point.source = POINT_MANUAL;
		mark->point.session = found ? (int32_t)session.id : 0;
		strcpy(mark->event.session_id, found ? session.session_id : "");
		strcpy(mark->event.event_type, event_type_text(EVENT_MARK));
		rc = store_append_mark(store, &mark->point, mark->own_time, &mark->event, e);
	}
	return store_end(store, rc, e);
}

static void print_mark(const struct mark *mark, bool json)
{
	if (!json) {
		if (mark->point.seq)
			printf("point %" PRId64 " marked\n", mark->point.seq);
		else
			puts("marked; the point gets its number when the time is known");
		return;
	}
	cJSON *object = cJSON_CreateObject();
	cli_add_seq(object, "seq", mark->point.seq);
	cli_add_seq(object, "event_seq", mark->event.seq);
	json_add_text_or_null(object, "session_id", mark->event.session_id);
	json_add_scaled(object, "lat", mark->point.lat_e7, 10000000);
	json_add_scaled(object, "lng", mark->point.lng_e7, 10000000);
	json_add_time(object, "recorded_at", mark->point.seq ? mark->point.recorded_at_ms : 0);
	json_add_text_or_null(object, "note", mark->note);
	cli_print_json(object);
}

int cli_mark(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct mark mark = {0};
	struct cli_time now = {0};
	int32_t lat_e7 = 0, lng_e7 = 0;
	bool has_lat = false, has_lng = false, json = false, help;
	const struct arg args[] = {
		{"--lat", ARG_DEGREES, &lat_e7, "DEGREES", "where; without it, at the agent's fix", .given = &has_lat},
		{"--lng", ARG_DEGREES, &lng_e7, "DEGREES", "west is negative", .given = &has_lng},
		{"NOTE", ARG_TEXT, &mark.note, .help = "what is here"},
		{"--json", ARG_FLAG, &json, .help = "print the mark as JSON"},
	};
	int rc = args_read(argc, argv, "alzy mark", "Marks a place, in the open session if there is one.", args, 4, NULL,
	                   &help, e);
	if (rc || help)
		return rc;
	if (has_lat != has_lng)
		return err_set(e, ERR_USAGE, "--lat and --lng belong together");
	if (mark.note)
		rc = text_check("the note", mark.note, EVENT_PAYLOAD_MAX / 8, e);
	if (!rc && has_lat)
		rc = place_from_options(&mark, lat_e7, lng_e7, e);
	if (!rc)
		rc = cli_open(&cli, has_lat ? STORE_CREATE : STORE_WRITE, e);
	/* No store: then no agent either. */
	if (rc == -ERR_NOT_FOUND && !has_lat && *cli.conf.store_path)
		rc = nobody_knows(e);
	if (!rc)
		rc = cli_now(&cli, &now, e);
	if (!rc)
		mark.event.event_at_ms = mark.point.recorded_at_ms = now.now_ms;
	if (!rc && !has_lat)
		rc = place_from_fix(&mark, cli.store, &now, e);
	if (!rc && mark.note)
		rc = add_note(&mark, e);
	if (!rc)
		rc = record(cli.store, &mark, e);
	if (!rc)
		print_mark(&mark, json);
	event_free(&mark.event);
	cli_close(&cli);
	return rc;
}
