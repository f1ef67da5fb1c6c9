/* Lets go of rows, knowingly: they are not sent, and the centre is told so, with the reason. */
#include "agent/cli/cli.h"
#include "agent/cli/seqs.h"

#include "hal/args.h"
#include "hal/clock.h"
#include "hal/text.h"
#include "sync/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOCK_WAIT_MS = 10000 };

struct dropping {
	struct ranges asked[STREAM_COUNT];
	const char *reason;
	bool yes, json;
};

static int add_rejected(struct store *store, enum stream stream, struct ranges *out, struct err *e)
{
	struct store_rejected *rejected = NULL;
	size_t count = 0;
	int rc = store_rejected_list(store, SIZE_MAX, &rejected, &count, e);
	for (size_t i = 0; i < count && !rc; i++)
		if (rejected[i].stream == stream)
			rc = ranges_add(out, rejected[i].seq, rejected[i].seq, e);
	free(rejected);
	return rc;
}

/* Only what the centre does not have: unsent, rejected, or lost. */
static int check(struct store *store, enum stream stream, const struct ranges *asked, struct err *e)
{
	struct ranges may = {0}, lost = {0}, held = {0};
	char text[96];
	int rc = store_unsent(store, stream, &may, e);
	if (!rc)
		rc = store_lost(store, stream, &lost, e);
	if (!rc)
		rc = ranges_add_all(&may, &lost, e);
	if (!rc)
		rc = add_rejected(store, stream, &may, e);
	if (!rc)
		rc = ranges_subtract(&held, asked, &may, e);
	if (!rc && held.count)
		rc = err_set(e, ERR_STATE, "%s %s are neither unsent nor rejected: nothing is dropped", stream_name(stream),
		             ranges_format(&held, text, sizeof text));
	ranges_free(&may);
	ranges_free(&lost);
	ranges_free(&held);
	return rc;
}

static int drop(struct store *store, const struct dropping *d, struct err *e)
{
	int64_t now_ms = clock_wall_ms();
	int rc = store_begin(store, e);
	if (rc)
		return rc;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = store_drop(store, (enum stream)s, &d->asked[s], d->reason, now_ms, e);
	return store_end(store, rc, e);
}

static void report(const struct dropping *d)
{
	char points[SHORT_TEXT], events[SHORT_TEXT];
	int64_t count[STREAM_COUNT] = {ranges_total(&d->asked[STREAM_POINTS]), ranges_total(&d->asked[STREAM_EVENTS])};
	if (!d->json) {
		printf("dropped %s and %s; the centre hears of it at the next sync\n",
		       text_counted(count[STREAM_POINTS], "point", points),
		       text_counted(count[STREAM_EVENTS], "event", events));
		return;
	}
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "points", (double)count[STREAM_POINTS]);
	cJSON_AddNumberToObject(object, "events", (double)count[STREAM_EVENTS]);
	cJSON_AddStringToObject(object, "reason", d->reason);
	cli_print_json(object);
}

static int run(struct dropping *d, struct err *e)
{
	struct cli cli = {0};
	struct lock *lock = NULL;
	int rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc)
		rc = engine_lock(&lock, cli.conf.store_path, LOCK_WAIT_MS, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = check(cli.store, (enum stream)s, &d->asked[s], e);
	if (!rc && !d->yes)
		rc = err_set(e, ERR_USAGE,
		             "%" PRId64 " points and %" PRId64 " events would never be sent: say --yes when that is meant",
		             ranges_total(&d->asked[STREAM_POINTS]), ranges_total(&d->asked[STREAM_EVENTS]));
	if (!rc)
		rc = drop(cli.store, d, e);
	if (!rc)
		report(d);
	lock_free(lock);
	cli_close(&cli);
	return rc;
}

int cli_queue_drop(int argc, char **argv, struct err *e)
{
	struct dropping d = {0};
	struct args_rest words = {.words = calloc((size_t)argc, sizeof *words.words), .shown = "RANGES…"};
	bool help = false;
	const struct arg args[] = {
		{"--reason", ARG_TEXT, &d.reason, "TEXT", "why; the centre is told", true, NULL},
		{"--yes", ARG_FLAG, &d.yes, NULL, "they will not be sent any more, and that is meant", false, NULL},
		{"--json", ARG_FLAG, &d.json, NULL, "print JSON", false, NULL},
	};
	if (!words.words)
		return err_set(e, ERR_MEMORY, "out of memory for a command line");
	int rc =
		args_read(argc, argv, "alzy queue drop",
	              "Lets go of rows that are unsent, rejected or lost, so that the centre does not wait for them any "
	              "more.\nRANGES are 77012 or 5-9,12 for points, and events:3-4 for events.",
	              args, 3, &words, &help, e);
	if (!rc && !help)
		rc = seqs_parse(words.words, words.count, d.asked, e);
	if (!rc && !help && !words.count)
		rc = err_set(e, ERR_USAGE, "which rows? 5-9,12 for points, events:3-4 for events");
	if (!rc && !help)
		rc = run(&d, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&d.asked[s]);
	free(words.words);
	return rc;
}
