/* The identities of a store: under which names the centre knows its rows, and a new one by hand. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/table.h"
#include "hal/text.h"
#include "store/identity.h"

#include <stdio.h>

struct counted {
	int64_t rows[STREAM_COUNT], unsent[STREAM_COUNT];
};

static int count(struct store *store, const struct identity *identity, struct counted *out, struct err *e)
{
	int rc = 0;
	*out = (struct counted){0};
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges unsent = {0};
		for (size_t i = 0; i < identity->streams[s].count; i++)
			out->rows[s] += identity->streams[s].runs[i].count;
		rc = identity_unsent(store, identity, (enum stream)s, &unsent, e);
		out->unsent[s] = ranges_total(&unsent);
		ranges_free(&unsent);
	}
	return rc;
}

static cJSON *identity_json(struct store *store, const struct identity *identity)
{
	struct counted counted;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "store_id", identity->store_id);
	cJSON_AddBoolToObject(object, "present", identity->present);
	json_add_time(object, "since", identity->since_ms);
	json_add_text_or_null(object, "forked_from", identity->forked_from);
	json_add_text_or_null(object, "because", fork_cause_name(identity->because));
	cJSON_AddBoolToObject(object, "moved", identity->moved);
	count(store, identity, &counted, NULL);
	for (int s = 0; s < STREAM_COUNT; s++) {
		cJSON *rows = cJSON_AddObjectToObject(object, stream_name((enum stream)s));
		cJSON_AddNumberToObject(rows, "last_seq", (double)identity->streams[s].last);
		cJSON_AddNumberToObject(rows, "rows", (double)counted.rows[s]);
		cJSON_AddNumberToObject(rows, "unsent", (double)counted.unsent[s]);
	}
	cJSON_AddNumberToObject(object, "copied_rows", (double)identity->copied_rows);
	json_add_time(object, "copied_at", identity->copied_at_ms);
	cJSON_AddNumberToObject(object, "forks", (double)identity->forks);
	return object;
}

static int add_line(struct table *table, struct store *store, const struct identity *identity, struct err *e)
{
	char since[TIME_TEXT], cells[2 * STREAM_COUNT][SHORT_TEXT];
	struct counted counted;
	int rc = count(store, identity, &counted, e);
	for (int s = 0; s < STREAM_COUNT; s++) {
		text_decimal(counted.rows[s], 0, cells[s]);
		text_decimal(counted.unsent[s], 0, cells[STREAM_COUNT + s]);
	}
	const char *line[] = {identity->store_id,
	                      time_format(identity->since_ms, since),
	                      identity->moved ? "moved" : fork_cause_name(identity->because),
	                      cells[0],
	                      cells[2],
	                      cells[1],
	                      cells[3]};
	return rc ? rc : table_add(table, line, e);
}

static int print_table(struct store *store, const struct identity *all, size_t count, struct err *e)
{
	static const struct table_column columns[] = {{.name = "STORE", .wide = true},
	                                              {.name = "SINCE"},
	                                              {.name = "FORK"},
	                                              {.name = "POINTS", .right = true},
	                                              {.name = "UNSENT", .right = true},
	                                              {.name = "EVENTS", .right = true},
	                                              {.name = "UNSENT", .right = true}};
	struct table *table;
	int rc = table_new(&table, columns, sizeof columns / sizeof *columns, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_line(table, store, &all[i], e);
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	return rc;
}

static int list(struct store *store, bool json, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(store, &all, &count, e);
	if (rc)
		return rc;
	if (json) {
		cJSON *array = cJSON_CreateArray();
		for (size_t i = 0; i < count; i++)
			cJSON_AddItemToArray(array, identity_json(store, &all[i]));
		cli_print_json(array);
	} else {
		rc = print_table(store, all, count, e);
	}
	identities_free(all, count);
	return rc;
}

int cli_store_list(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print JSON"}};
	int rc =
		args_read(argc, argv, "alzy store list",
	              "Lists the stores, as the centre calls them, to which the rows of this file belong: the one that "
	              "is recorded into is the last.",
	              args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = list(cli.store, json, e);
	cli_close(&cli);
	return rc;
}

static int fork_and_tell(struct store *store, bool json, struct err *e)
{
	struct identity now = {0};
	int rc = store_fork(store, FORK_PERSON, e);
	if (!rc)
		rc = identity_read(store, NULL, &now, e);
	if (rc)
		return rc;
	if (json)
		cli_print_json(identity_json(store, &now));
	else
		printf("what is recorded from now on belongs to store %s\nwhat was recorded before stays part of %s\n",
		       now.store_id, now.forked_from);
	identity_free(&now);
	return 0;
}

int cli_store_fork(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	bool json = false, help;
	const struct arg args[] = {{"--json", ARG_FLAG, &json, .help = "print the new store as JSON"}};
	int rc =
		args_read(argc, argv, "alzy store fork",
	              "Begins a new store in the same file: for a unit whose card was copied. What was recorded before "
	              "is sent as what it was.",
	              args, 1, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc)
		rc = fork_and_tell(cli.store, json, e);
	cli_close(&cli);
	return rc;
}
