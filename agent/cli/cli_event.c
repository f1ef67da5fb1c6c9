/* An event that a person or a script records. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/text.h"
#include "store/event_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What alzy writes by itself is evidence: nobody else may write it. */
static int check_type(const char *type, struct err *e)
{
	if (!event_type_valid(type))
		return err_set(e, ERR_INVALID, "\"%s\" is no event type: lower-case letters, digits and _, up to %d", type,
		               EVENT_TYPE_TEXT - 1);
	if (!strcmp(type, event_type_text(EVENT_MARK)))
		return err_set(e, ERR_INVALID, "a mark has a place too: use alzy mark");
	for (int i = 0; i < EVENT_TYPE_COUNT; i++)
		if (!strcmp(type, event_type_text((enum event_type)i)))
			return err_set(e, ERR_INVALID, "%s is recorded by alzy itself and by nobody else; choose another type",
			               type);
	return 0;
}

/* JSON is taken as it is, anything else becomes {"text": …}. *out is to free(). */
static int make_payload(const char *text, char **out, struct err *e)
{
	cJSON *value;
	int rc = text_check("the payload", text, EVENT_PAYLOAD_MAX + 1, e);
	if (rc)
		return rc;
	if (json_parse(text, strlen(text), &value, NULL)) {
		value = cJSON_CreateObject();
		cJSON_AddStringToObject(value, "text", text);
		*out = json_print(value);
	} else {
		*out = strdup(text);
	}
	cJSON_Delete(value);
	if (!*out)
		return err_set(e, ERR_MEMORY, "out of memory for the payload");
	return 0;
}

static int append_event(struct store *store, struct event *event, struct err *e)
{
	struct session session;
	bool found;
	int rc = store_begin(store, e);
	if (rc)
		return rc;
	rc = store_session_open(store, &session, &found, e);
	if (!rc && found)
		strcpy(event->session_id, session.session_id);
	if (!rc)
		rc = store_append_event(store, event, e);
	return store_end(store, rc, e);
}

static void print_json(const struct event *event)
{
	cJSON *object = cJSON_CreateObject(), *payload = NULL;
	cli_add_seq(object, "seq", event->seq);
	json_add_time(object, "event_at", event->seq ? event->event_at_ms : 0);
	json_add_text_or_null(object, "session_id", event->session_id);
	cJSON_AddStringToObject(object, "event_type", event->event_type);
	if (event->payload)
		json_parse(event->payload, strlen(event->payload), &payload, NULL);
	cJSON_AddItemToObject(object, "payload", payload ? payload : cJSON_CreateNull());
	cli_print_json(object);
}

static void print_event(const struct event *event, bool json)
{
	if (!json && event->seq)
		printf("event %" PRId64 " recorded\n", event->seq);
	if (!json && !event->seq)
		puts("event recorded; it gets its number when the time is known");
	if (json)
		print_json(event);
}
int cli_event(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct event event = {0};
	struct cli_time now = {0};
	const char *type = NULL, *payload = NULL;
	bool json = false, help;
	const struct arg args[] = {
		{"TYPE", ARG_TEXT, &type, .help = "lower-case letters, digits and _", .required = true},
		{"PAYLOAD", ARG_TEXT, &payload, .help = "JSON; other text is put into {\"text\": …}"},
		{"--json", ARG_FLAG, &json, .help = "print the event as JSON"},
	};
	int rc = args_read(argc, argv, "alzy event", "Records an event, in the open session if there is one.", args, 3,
	                   NULL, &help, e);
	if (rc || help)
		return rc;
	rc = check_type(type, e);
	if (!rc && payload)
		rc = make_payload(payload, &event.payload, e);
	if (!rc)
		rc = cli_open(&cli, STORE_CREATE, e);
	if (!rc) {
		snprintf(event.event_type, sizeof event.event_type, "%s", type);
		rc = cli_now(&cli, &now, e);
		event.event_at_ms = now.now_ms;
	}
	if (!rc)
		rc = append_event(cli.store, &event, e);
	if (!rc)
		print_event(&event, json);
	event_free(&event);
	cli_close(&cli);
	return rc;
}
