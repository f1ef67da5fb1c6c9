/* Offers rows that the centre would not take to it once more. */
#include "agent/cli/cli.h"
#include "agent/cli/seqs.h"
#include "hal/args.h"
#include "hal/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
	int64_t offered;
	int64_t rejected, conflicts; /* of what the centre has named */
};

static int count_rejected(struct store *store, struct outcome *out, struct err *e)
{
	struct store_rejected *rejected = NULL;
	size_t count = 0;
	int rc = store_rejected_list(store, SIZE_MAX, &rejected, &count, e);
	out->rejected = (int64_t)count;
	for (size_t i = 0; i < count; i++)
		out->conflicts += !strcmp(rejected[i].code, "conflict");
	free(rejected);
	return rc;
}

/* Of a conflict, whose row at the centre is another one, nobody judges anew: something must change there first. */
static void report(const struct outcome *outcome, bool all, bool json)
{
	char rows[SHORT_TEXT];
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddNumberToObject(object, "rows", (double)outcome->offered);
		cJSON_AddNumberToObject(object, "conflicts", (double)outcome->conflicts);
		cli_print_json(object);
		return;
	}
	if (outcome->offered)
		printf("%s will be offered to the centre again, with the next batch: alzy sync sends it now\n",
		       text_counted(outcome->offered, "row", rows));
	else if (all && !outcome->rejected)
		puts("no row is rejected: there is none to offer");
	else if (!all || outcome->rejected > outcome->conflicts)
		puts("there is no row to offer that is not offered already");
	if (all && outcome->conflicts)
		printf(
			"%s %s in conflict, and not offered: the centre has another row in the place. Once somebody has put "
			"that right there, alzy verify --repair settles it; alzy queue --rejected shows what was recorded here\n",
			text_counted(outcome->conflicts, "row", rows), outcome->conflicts == 1 ? "is" : "are");
}

int cli_queue_retry(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct ranges wanted[STREAM_COUNT] = {{0}};
	struct args_rest words = {.words = calloc((size_t)argc, sizeof *words.words), .shown = "RANGES…"};
	bool json = false, help;
	struct outcome outcome = {0};
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print JSON"}};
	int rc =
		args_read(argc, argv, "alzy queue retry",
	              "Offers rejected rows to the centre again: all that it has named, but for conflicts; or those of "
	              "RANGES,\nas 77012 or 5-9,12 for points, and events:3-4 for events.",
	              args, 1, &words, &help, e);
	if (!rc && !help)
		rc = seqs_parse(words.words, words.count, wanted, e);
	if (!rc && !help)
		rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc && !help)
		rc = store_retry(cli.store, words.count ? wanted : NULL, &outcome.offered, e);
	if (!rc && !help)
		rc = count_rejected(cli.store, &outcome, e);
	if (!rc && !help)
		report(&outcome, !words.count, json);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&wanted[s]);
	free(words.words);
	cli_close(&cli);
	return rc;
}
