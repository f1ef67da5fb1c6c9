#include "hal/gaps_print.h"

#include "hal/conf.h"
#include "hal/json.h"
#include "hal/table.h"
#include "hal/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { LONGER_MS = 300000, LONGER_LEAST_MS = 1000 };

int gaps_asked_check(struct gaps_asked *asked, struct err *e)
{
	asked->longer_ms = LONGER_MS;
	if (asked->longer && conf_parse_duration(asked->longer, &asked->longer_ms, e)) {
		e->code = ERR_USAGE;
		return err_wrap(e, "--longer");
	}
	if (asked->longer_ms < LONGER_LEAST_MS)
		return err_set(e, ERR_USAGE, "--longer: at least 1s");
	if (!asked->from_given)
		asked->from_ms = TIME_MS_MIN;
	if (!asked->to_given)
		asked->to_ms = TIME_MS_MAX;
	if (asked->from_ms >= asked->to_ms)
		return err_set(e, ERR_USAGE, "--from is not before --to");
	return 0;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static void add_times(cJSON *object, int64_t from_ms, int64_t to_ms)
{
	json_add_time(object, "from", from_ms);
	json_add_time(object, "to", to_ms);
	cJSON_AddNumberToObject(object, "seconds", (double)(to_ms - from_ms) / 1000);
}

/* How many parts from the first one on belong to the same gap. */
static size_t parts_of_gap(const struct gap_part *parts, size_t count)
{
	size_t n = 0;
	while (n < count && parts[n].gap == parts[0].gap)
		n++;
	return n;
}

static cJSON *gap_json(const struct gap_part *parts, size_t count)
{
	cJSON *gap = cJSON_CreateObject();
	add_times(gap, parts[0].from_ms, parts[count - 1].to_ms);
	cJSON *array = cJSON_AddArrayToObject(gap, "parts");
	for (size_t i = 0; i < count; i++) {
		cJSON *part = cJSON_CreateObject();
		add_times(part, parts[i].from_ms, parts[i].to_ms);
		cJSON_AddStringToObject(part, "cause", gap_cause_name(parts[i].cause));
		json_add_text_or_null(part, "detail", parts[i].detail);
		cJSON_AddItemToArray(array, part);
	}
	return gap;
}

struct total {
	int64_t ms;
	int64_t parts;
};

static void sum_up(const struct gap_part *parts, size_t count, struct total totals[GAP_CAUSE_COUNT])
{
	for (int cause = 0; cause < GAP_CAUSE_COUNT; cause++)
		totals[cause] = (struct total){0};
	for (size_t i = 0; i < count; i++) {
		totals[parts[i].cause].ms += parts[i].to_ms - parts[i].from_ms;
		totals[parts[i].cause].parts++;
	}
}

static int print_json(const struct gaps_asked *asked, const struct gap_part *parts, size_t count, struct err *e)
{
	struct total totals[GAP_CAUSE_COUNT];
	cJSON *object = cJSON_CreateObject();
	json_add_time(object, "from", asked->from_given ? asked->from_ms : 0);
	json_add_time(object, "to", asked->to_given ? asked->to_ms : 0);
	cJSON_AddNumberToObject(object, "longer_s", (double)asked->longer_ms / 1000);
	cJSON *gaps = cJSON_AddArrayToObject(object, "gaps");
	for (size_t i = 0, n; i < count; i += n) {
		n = parts_of_gap(parts + i, count - i);
		cJSON_AddItemToArray(gaps, gap_json(parts + i, n));
	}
	sum_up(parts, count, totals);
	cJSON *sums = cJSON_AddObjectToObject(object, "seconds");
	for (int cause = 0; cause < GAP_CAUSE_COUNT; cause++)
		if (totals[cause].parts)
			cJSON_AddNumberToObject(sums, gap_cause_name((enum gap_cause)cause), (double)totals[cause].ms / 1000);
	char *text = json_print(object);
	cJSON_Delete(object);
	if (!text)
		return err_set(e, ERR_MEMORY, "out of memory for the JSON");
	puts(text);
	free(text);
	return 0;
}

/* ---- for people ------------------------------------------------------------------------------------------------------ */

static int add_row(struct table *table, const struct gap_part *part, bool first, struct err *e)
{
	char number[SHORT_TEXT] = "", from[SHORT_TEXT], to[SHORT_TEXT], lasted[SHORT_TEXT];
	char cause[GAP_DETAIL_TEXT + SHORT_TEXT];
	if (first)
		snprintf(number, sizeof number, "%zu", part->gap + 1);
	snprintf(cause, sizeof cause, "%s%s%s", gap_cause_text(part->cause), part->detail[0] ? ": " : "", part->detail);
	const char *cells[] = {number, text_time(part->from_ms, from), text_time(part->to_ms, to),
	                       text_duration(part->to_ms - part->from_ms, lasted), cause};
	return table_add(table, cells, e);
}

static int print_parts(const struct gap_part *parts, size_t count, struct err *e)
{
	static const struct table_column columns[] = {
		{.name = "GAP", .right = true},  {.name = "FROM"}, {.name = "TO"}, {.name = "LASTED", .right = true},
		{.name = "CAUSE", .wide = true},
	};
	struct table *table;
	int rc = table_new(&table, columns, sizeof columns / sizeof *columns, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_row(table, &parts[i], !i || parts[i].gap != parts[i - 1].gap, e);
	if (!rc)
		rc = table_print(table, e);
	table_free(table);
	return rc;
}

static void print_sums(const struct gap_part *parts, size_t count)
{
	struct total totals[GAP_CAUSE_COUNT];
	char number[SHORT_TEXT], lasted[SHORT_TEXT];
	int64_t all_ms = 0;
	sum_up(parts, count, totals);
	for (int cause = 0; cause < GAP_CAUSE_COUNT; cause++)
		all_ms += totals[cause].ms;
	printf("%s, %s\n", text_counted((int64_t)parts[count - 1].gap + 1, "gap", number), text_duration(all_ms, lasted));
	for (int cause = 0; cause < GAP_CAUSE_COUNT; cause++)
		if (totals[cause].parts)
			printf("  %-15s %s, %s\n", gap_cause_name((enum gap_cause)cause), text_duration(totals[cause].ms, lasted),
			       text_counted(totals[cause].parts, "time", number));
}

int gaps_print(const struct gaps_asked *asked, const struct gap_part *parts, size_t count, struct err *e)
{
	char longer[SHORT_TEXT];
	if (asked->json)
		return print_json(asked, parts, count, e);
	if (!count) {
		printf("no gap longer than %s\n", text_duration(asked->longer_ms, longer));
		return 0;
	}
	int rc = print_parts(parts, count, e);
	if (!rc)
		print_sums(parts, count);
	return rc;
}
