#include "agent/cli/rejected.h"

#include "agent/cli/cli.h"
#include "hal/json.h"
#include "hal/table.h"
#include "hal/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { REJECTED_SHOWN = 2000 }; /* as many as a receipt can name */

/* ---- the row itself, under the names that it has at the centre ------------------------------------------------ */

static int point_json(struct store *store, const struct point *point, cJSON *out, struct err *e)
{
	struct session session = {0};
	int rc = point->session ? store_session_by_id(store, point->session, &session, e) : 0;
	if (rc)
		return rc;
	json_add_point(out, point);
	json_add_text_or_null(out, "session_id", session.session_id);
	return 0;
}

static void event_json(const struct event *event, cJSON *out)
{
	json_add_time(out, "event_at", event->event_at_ms);
	cJSON_AddStringToObject(out, "event_type", event->event_type);
	cJSON_AddItemToObject(out, "payload", event->payload ? cJSON_Parse(event->payload) : cJSON_CreateNull());
	json_add_text_or_null(out, "session_id", event->session_id);
}

/* *out is NULL for a row that is no longer in the store. */
static int read_content(struct store *store, const struct store_rejected *rejected, cJSON **out, struct err *e)
{
	struct ranges one = {0};
	struct point point;
	struct event event = {0};
	size_t count = 0;
	int rc = ranges_add(&one, rejected->seq, rejected->seq, e);
	if (!rc && rejected->stream == STREAM_POINTS)
		rc = store_read_points(store, &one, &point, 1, &count, e);
	else if (!rc)
		rc = store_read_events(store, &one, &event, 1, &count, e);
	cJSON *content = !rc && count ? cJSON_CreateObject() : NULL;
	if (content && rejected->stream == STREAM_POINTS)
		rc = point_json(store, &point, content, e);
	else if (content)
		event_json(&event, content);
	event_free(&event);
	ranges_free(&one);
	if (rc)
		cJSON_Delete(content);
	else
		*out = content;
	return rc;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int print_json(struct store *store, const struct store_rejected *rejected, size_t count, struct err *e)
{
	cJSON *array = cJSON_CreateArray();
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		cJSON *object = cJSON_CreateObject(), *content = NULL;
		cJSON_AddItemToArray(array, object);
		cJSON_AddStringToObject(object, "stream", stream_name(rejected[i].stream));
		cJSON_AddNumberToObject(object, "seq", (double)rejected[i].seq);
		cJSON_AddStringToObject(object, "code", rejected[i].code);
		cJSON_AddStringToObject(object, "reason", rejected[i].reason);
		rc = read_content(store, &rejected[i], &content, e);
		if (!rc)
			cJSON_AddItemToObject(object, "content", content ? content : cJSON_CreateNull());
	}
	if (rc)
		cJSON_Delete(array);
	else
		cli_print_json(array);
	return rc;
}

static int add_line(struct store *store, const struct store_rejected *rejected, struct table *table, struct err *e)
{
	char seq[SHORT_TEXT];
	cJSON *content = NULL;
	int rc = read_content(store, rejected, &content, e);
	char *text = content ? json_print(content) : NULL;
	const char *cells[] = {stream_name(rejected->stream), text_decimal(rejected->seq, 0, seq), rejected->code,
	                       rejected->reason, text ? text : "no longer in this store"};
	if (!rc)
		rc = table_add(table, cells, e);
	free(text);
	cJSON_Delete(content);
	return rc;
}

static int print_text(struct store *store, const struct store_rejected *rejected, size_t count, struct err *e)
{
	static const struct table_column columns[] = {{.name = "STREAM"},
	                                              {.name = "SEQ", .right = true},
	                                              {.name = "CODE"},
	                                              {.name = "REASON", .wide = true},
	                                              {.name = "CONTENT", .wide = true}};
	struct table *table;
	if (!count) {
		puts("the centre has rejected nothing");
		return 0;
	}
	int rc = table_new(&table, columns, 5, e);
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_line(store, &rejected[i], table, e);
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	return rc;
}

int queue_show_rejected(struct store *store, bool json, struct err *e)
{
	struct store_rejected *rejected = NULL;
	size_t count = 0;
	int rc = store_rejected_list(store, REJECTED_SHOWN, &rejected, &count, e);
	if (!rc)
		rc = json ? print_json(store, rejected, count, e) : print_text(store, rejected, count, e);
	free(rejected);
	return rc;
}
