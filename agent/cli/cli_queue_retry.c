/* Offers rows that the centre would not take to it once more. */
#include "agent/cli/cli.h"
#include "agent/cli/seqs.h"
#include "hal/args.h"
#include "hal/text.h"

#include <stdio.h>
#include <stdlib.h>

static void report(int64_t count, bool json)
{
	char rows[SHORT_TEXT];
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddNumberToObject(object, "rows", (double)count);
		cli_print_json(object);
	} else if (count) {
		printf("%s will be offered to the centre again, with the next batch: alzy sync sends it now\n",
		       text_counted(count, "row", rows));
	} else {
		puts("there is no row to offer that is not offered already");
	}
}

int cli_queue_retry(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct ranges wanted[STREAM_COUNT] = {{0}};
	struct args_rest words = {.words = calloc((size_t)argc, sizeof *words.words), .shown = "RANGES…"};
	bool json = false, help;
	int64_t count = 0;
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
		rc = store_retry(cli.store, words.count ? wanted : NULL, &count, e);
	if (!rc && !help)
		report(count, json);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&wanted[s]);
	free(words.words);
	cli_close(&cli);
	return rc;
}
