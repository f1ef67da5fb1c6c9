/* A batch for people: its JSON with the points as rows, and times as they are written. */
#include "sync/batch_json.h"
#include "sync/document.h"

#include <string.h>

static bool add_point(cJSON *array, const struct batch *batch, const struct point *point)
{
	cJSON *item = document_add_item(array);
	if (!item)
		return false;
	json_add_text_or_null(item, "session_id", point->session ? batch->sessions[point->session - 1].session_id : "");
	cJSON_AddNumberToObject(item, "seq", (double)point->seq);
	json_add_point(item, point);
	return true;
}

/* Takes the place of `item` in `object`, under its name without the last `cut` characters. */
static void replace(cJSON *object, const cJSON *item, cJSON *by, size_t cut)
{
	size_t length = strlen(item->string) - cut;
	if (by && cJSON_ReplaceItemInObjectCaseSensitive(object, item->string, by))
		by->string[length] = '\0';
}

/* Milliseconds in members "…_ms" become a time as people write it, and the text of a payload the JSON that it is. */
static void say_plainly(cJSON *object)
{
	char time[TIME_TEXT];
	for (cJSON *item = object->child, *next; item; item = next) {
		next = item->next;
		size_t length = item->string ? strlen(item->string) : 0;
		if (item->child)
			say_plainly(item);
		else if (length > 3 && strcmp(item->string + length - 3, "_ms") == 0)
			replace(object, item, cJSON_CreateString(time_format((int64_t)item->valuedouble, time)), 3);
		else if (cJSON_IsString(item) && length && strcmp(item->string, "payload") == 0)
			replace(object, item, cJSON_Parse(item->valuestring), 0);
	}
}

char *batch_to_json(const struct batch *batch)
{
	cJSON *root;
	bool ok = batch_json_make(batch, &root);
	cJSON *rows = ok ? cJSON_AddArrayToObject(cJSON_GetObjectItemCaseSensitive(root, "points"), "rows") : NULL;
	for (size_t i = 0; i < batch->point_count && rows; i++)
		if (!add_point(rows, batch, &batch->points[i]))
			rows = NULL;
	if (rows)
		say_plainly(root);
	char *text = rows ? json_print(root) : NULL;
	cJSON_Delete(root);
	return text;
}
