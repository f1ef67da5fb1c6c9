/* An event is recorded: at once, or when its time is known (waiting.c). */
#include "hal/json.h"
#include "store/event_types.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table refuses the same; here it is said with the place, and by the parser that will read it again. */
static int check_event(const struct event *event, struct err *e)
{
	if (!event_type_valid(event->event_type))
		return err_set(e, ERR_INVALID,
		               "\"%.80s\" is no event type: a-z, 0-9 and _, at most %d characters, the first one a letter",
		               event->event_type, EVENT_TYPE_TEXT - 1);
	if (!event->payload)
		return 0;
	size_t length = strlen(event->payload);
	if (length > EVENT_PAYLOAD_MAX)
		return err_set(e, ERR_INVALID, "the payload of an event has at most %d bytes, this one %zu", EVENT_PAYLOAD_MAX,
		               length);
	cJSON *value;
	int rc = check_utf8("the payload", event->payload, e);
	if (rc)
		return rc;
	rc = json_parse(event->payload, length, &value, e);
	if (rc)
		return err_wrap(e, "the payload of the event");
	cJSON_Delete(value);
	return 0;
}

int event_add(struct store *store, const struct event *event, int64_t *out_seq, struct err *e)
{
	struct event meant = *event;
	struct when when;
	int64_t boot;
	int rc = clock_when(store, event->event_at_ms, event->mono_ms, event->of_fix, &when, e);
	meant.event_at_ms = when.at_ms;
	meant.mono_ms = when.mono_ms;
	if (rc || !when.waits)
		return rc ? rc : event_insert(store, &meant, out_seq, e);
	*out_seq = 0;
	rc = boot_number(store, store->clock.boot, when.mono_ms, &boot, e);
	return rc ? rc : waiting_insert(store, &meant, boot, NULL, e);
}

int store_append_event(struct store *store, struct event *event, struct err *e)
{
	int64_t seq = 0;
	int rc = check_event(event, e);
	if (!rc)
		rc = change_begin(store, e);
	if (rc)
		return rc;
	rc = change_end(store, event_add(store, event, &seq, e), e);
	if (!rc)
		event->seq = seq;
	return rc;
}

static int mark(struct store *store, struct point *point, bool own, struct event *event, struct err *e)
{
	struct when when;
	int64_t boot, seq;
	char member[32];
	int rc = clock_when(store, event->event_at_ms, event->mono_ms, false, &when, e);
	if (!rc && when.waits && !own) {
		event->mono_ms = when.mono_ms;
		rc = boot_number(store, store->clock.boot, when.mono_ms, &boot, e);
		return rc ? rc : waiting_insert(store, event, boot, point, e);
	}
	/* By as much as the event's time was not UTC, the point's was not. */
	if (!own)
		point->recorded_at_ms += when.at_ms - event->event_at_ms;
	if (!rc)
		rc = store_append_points(store, point, 1, e);
	if (rc)
		return rc;
	rc = run_seq(store, STREAM_POINTS, point->seq, &seq, e);
	if (rc)
		return rc;
	snprintf(member, sizeof member, "\"seq\":%" PRId64, seq);
	char *payload = payload_with(event->payload, member);
	if (!payload)
		return err_set(e, ERR_MEMORY, "out of memory for a mark");
	free(event->payload);
	event->payload = payload;
	return event_add(store, event, &event->seq, e);
}

int store_append_mark(struct store *store, struct point *point, bool own, struct event *event, struct err *e)
{
	int rc = check_event(event, e);
	if (!rc)
		rc = change_begin(store, e);
	return rc ? rc : change_end(store, mark(store, point, own, event, e), e);
}
