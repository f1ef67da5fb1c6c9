/* What is still to be sent, and what the centre would not take. */
#include "agent/cli/cli.h"
#include "agent/cli/rejected.h"
#include "agent/cli/time_shown.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/table.h"
#include "hal/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SESSIONS_SHOWN = 1000, DROPS_SHOWN = 1000 };

struct queue {
	struct ranges unsent[STREAM_COUNT], lost[STREAM_COUNT], dropped[STREAM_COUNT];
	int64_t oldest_ms[STREAM_COUNT]; /* the time of the unsent row with the least seq; 0: none */
	struct session *sessions;        /* the oldest of them */
	size_t session_count;
	struct store_backlog backlog;
	int64_t rejected, waiting, now_ms;
};

static void queue_free(struct queue *queue)
{
	for (int stream = 0; stream < STREAM_COUNT; stream++) {
		ranges_free(&queue->unsent[stream]);
		ranges_free(&queue->lost[stream]);
		ranges_free(&queue->dropped[stream]);
	}
	free(queue->sessions);
}

static int oldest(struct store *store, enum stream stream, const struct ranges *unsent, int64_t *out_ms, struct err *e)
{
	struct ranges first = {0};
	struct point point = {0};
	struct event event = {0};
	size_t count;
	int rc = ranges_take(&first, unsent, 1, e);
	if (!rc && first.count && stream == STREAM_POINTS)
		rc = store_read_points(store, &first, &point, 1, &count, e);
	else if (!rc && first.count)
		rc = store_read_events(store, &first, &event, 1, &count, e);
	*out_ms = stream == STREAM_POINTS ? point.recorded_at_ms : event.event_at_ms;
	event_free(&event);
	ranges_free(&first);
	return rc;
}

static int read_queue(struct store *store, struct queue *queue, struct err *e)
{
	int rc = 0;
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++) {
		rc = store_unsent(store, (enum stream)stream, &queue->unsent[stream], e);
		if (!rc)
			rc = oldest(store, (enum stream)stream, &queue->unsent[stream], &queue->oldest_ms[stream], e);
		if (!rc)
			rc = store_lost(store, (enum stream)stream, &queue->lost[stream], e);
		if (!rc)
			rc = store_dropped(store, (enum stream)stream, &queue->dropped[stream], e);
	}
	if (!rc)
		rc = store_sessions_unsent(store, SESSIONS_SHOWN, &queue->sessions, &queue->session_count, e);
	if (!rc)
		rc = store_backlog(store, &queue->backlog, e);
	if (!rc)
		rc = store_rejected_count(store, &queue->rejected, e);
	if (!rc)
		rc = store_waiting_count(store, &queue->waiting, e);
	queue->now_ms = store_now_ms(store, NULL);
	return rc;
}

static void print_queue_json(const struct queue *queue)
{
	cJSON *object = cJSON_CreateObject();
	for (int stream = 0; stream < STREAM_COUNT; stream++) {
		cJSON *one = cJSON_AddObjectToObject(object, stream_name((enum stream)stream));
		cJSON_AddNumberToObject(one, "unsent", (double)ranges_total(&queue->unsent[stream]));
		json_add_ranges(one, "ranges", &queue->unsent[stream]);
		json_add_time(one, "oldest_at", queue->oldest_ms[stream]);
		json_add_ranges(one, "dropped", &queue->dropped[stream]);
		json_add_ranges(one, "lost", &queue->lost[stream]);
	}
	cJSON *sessions = cJSON_AddObjectToObject(object, "sessions");
	cJSON_AddNumberToObject(sessions, "unsent", (double)queue->backlog.sessions);
	cJSON *list = cJSON_AddArrayToObject(sessions, "session_ids");
	for (size_t i = 0; i < queue->session_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(queue->sessions[i].session_id));
	cJSON_AddNumberToObject(object, "rejected", (double)queue->rejected);
	cJSON_AddNumberToObject(object, "waiting_events", (double)queue->waiting);
	cli_print_json(object);
}

static void print_gone(const struct queue *queue)
{
	char ranges[256];
	for (int stream = 0; stream < STREAM_COUNT; stream++) {
		if (queue->dropped[stream].count)
			printf("dropped here: %s %s (alzy queue --dropped says why)\n", stream_name((enum stream)stream),
			       ranges_format(&queue->dropped[stream], ranges, sizeof ranges));
		if (queue->lost[stream].count)
			printf("lost: %s %s are pruned here, and no longer at the centre; alzy queue drop settles it\n",
			       stream_name((enum stream)stream), ranges_format(&queue->lost[stream], ranges, sizeof ranges));
	}
}

static int print_queue_text(const struct queue *queue, struct err *e)
{
	static const struct table_column columns[] = {{.name = "STREAM"},
	                                              {.name = "UNSENT", .right = true},
	                                              {.name = "OLDEST"},
	                                              {.name = "RANGES OF SEQ", .wide = true}};
	struct table *table;
	int rc = table_new(&table, columns, 4, e);
	if (rc)
		return rc;
	for (int stream = 0; stream < STREAM_COUNT && !rc; stream++) {
		char count[SHORT_TEXT], age[SHORT_TEXT] = "", ranges[256];
		if (queue->oldest_ms[stream])
			text_age(queue->oldest_ms[stream], queue->now_ms, age);
		const char *cells[] = {stream_name((enum stream)stream),
		                       text_decimal(ranges_total(&queue->unsent[stream]), 0, count), age,
		                       ranges_format(&queue->unsent[stream], ranges, sizeof ranges)};
		rc = table_add(table, cells, e);
	}
	char count[SHORT_TEXT], age[SHORT_TEXT] = "";
	if (queue->session_count)
		text_age(queue->sessions[0].started_at_ms, queue->now_ms, age);
	const char *cells[] = {"sessions", text_decimal(queue->backlog.sessions, 0, count), age, ""};
	if (!rc)
		rc = table_add(table, cells, e);
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	if (!rc)
		time_print_waiting(queue->waiting, "");
	if (!rc && queue->rejected)
		printf("%" PRId64 " rejected by the centre: alzy queue --rejected says why\n", queue->rejected);
	if (!rc)
		print_gone(queue);
	return rc;
}

static void print_dropped_json(const struct drop *drops, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddStringToObject(object, "stream", stream_name(drops[i].stream));
		cJSON_AddNumberToObject(object, "first", (double)drops[i].first);
		cJSON_AddNumberToObject(object, "last", (double)drops[i].last);
		cJSON_AddStringToObject(object, "reason", drops[i].reason);
		json_add_time(object, "dropped_at", drops[i].dropped_at_ms);
		cJSON_AddItemToArray(array, object);
	}
	cli_print_json(array);
}

static int print_dropped_text(const struct drop *drops, size_t count, struct err *e)
{
	static const struct table_column columns[] = {{.name = "STREAM"},
	                                              {.name = "FIRST", .right = true},
	                                              {.name = "LAST", .right = true},
	                                              {.name = "DROPPED"},
	                                              {.name = "REASON", .wide = true}};
	struct table *table;
	if (!count) {
		puts("this unit has dropped nothing");
		return 0;
	}
	int rc = table_new(&table, columns, 5, e);
	for (size_t i = 0; i < count && !rc; i++) {
		char first[SHORT_TEXT], last[SHORT_TEXT], age[SHORT_TEXT];
		const char *cells[] = {stream_name(drops[i].stream), text_decimal(drops[i].first, 0, first),
		                       text_decimal(drops[i].last, 0, last),
		                       text_age(drops[i].dropped_at_ms, clock_wall_ms(), age), drops[i].reason};
		rc = table_add(table, cells, e);
	}
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	return rc;
}

static int show_dropped(struct store *store, bool json, struct err *e)
{
	struct drop *drops = NULL;
	size_t count = 0;
	int rc = store_drop_list(store, false, DROPS_SHOWN, &drops, &count, e);
	if (!rc && json)
		print_dropped_json(drops, count);
	else if (!rc)
		rc = print_dropped_text(drops, count, e);
	free(drops);
	return rc;
}

static int show_queue(struct store *store, bool json, struct err *e)
{
	struct queue queue = {0};
	int rc = read_queue(store, &queue, e);
	if (!rc && json)
		print_queue_json(&queue);
	else if (!rc)
		rc = print_queue_text(&queue, e);
	queue_free(&queue);
	return rc;
}

int cli_queue(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	bool rejected = false, dropped = false, json = false, help;
	const struct arg args[] = {
		{"--rejected", ARG_FLAG, &rejected, .help = "the rows that the centre would not take, in full, and why"},
		{"--dropped", ARG_FLAG, &dropped, .help = "what this unit has let go of, with its reasons"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy queue", "Shows what is unsent.", args, 3, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = rejected  ? queue_show_rejected(cli.store, json, e)
		     : dropped ? show_dropped(cli.store, json, e)
		               : show_queue(cli.store, json, e);
	cli_close(&cli);
	return rc;
}
