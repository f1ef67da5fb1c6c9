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

enum { SESSIONS_SHOWN = 1000 };

struct queue {
	struct ranges unsent[STREAM_COUNT];
	int64_t oldest_ms[STREAM_COUNT]; /* the time of the unsent row with the least seq; 0: none */
	struct session *sessions;        /* the oldest of them */
	size_t session_count;
	struct store_backlog backlog;
	int64_t rejected, waiting, now_ms;
};

static void queue_free(struct queue *queue)
{
	for (int stream = 0; stream < STREAM_COUNT; stream++)
		ranges_free(&queue->unsent[stream]);
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
	bool rejected = false, json = false, help;
	const struct arg args[] = {
		{"--rejected", ARG_FLAG, &rejected, .help = "the rows that the centre would not take, in full, and why"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy queue", "Shows what is unsent.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = rejected ? queue_show_rejected(cli.store, json, e) : show_queue(cli.store, json, e);
	cli_close(&cli);
	return rc;
}
