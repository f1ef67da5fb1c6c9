#include "sync/members.h"

#include "sync/document.h"

#include <stdlib.h>
#include <string.h>

static const void *in(const void *from, size_t at)
{
	return (const char *)from + at;
}

static void *into(void *to, size_t at)
{
	return (char *)to + at;
}

/* ---- one field -------------------------------------------------------------------------------------------- */

static bool add_int(cJSON *object, const struct member *m, const void *from)
{
	const int64_t *value = in(from, m->at);
	return (m->optional && *value == m->absent) || cJSON_AddNumberToObject(object, m->name, (double)*value);
}

static int get_int(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	return json_get_int(object, m->name, m->least, m->most, into(to, m->at), e);
}

/* What must be there and is empty is missed by whoever reads it. */
static bool add_text(cJSON *object, const struct member *m, const void *from)
{
	const char *text = in(from, m->at);
	return !*text || cJSON_AddStringToObject(object, m->name, text);
}

static int get_text(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	return json_get_text(object, m->name, into(to, m->at), m->size, e);
}

static int get_uuid(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	char text[UUID_TEXT];
	int rc = json_get_text(object, m->name, text, sizeof text, e);
	if (!rc && !document_is_uuid(text))
		rc = err_set(e, ERR_INVALID, "\"%s\" is no UUID in lower case", m->name);
	if (!rc)
		memcpy(into(to, m->at), text, sizeof text);
	return rc;
}

static bool add_bytes(cJSON *object, const struct member *m, const void *from)
{
	json_add_hex(object, m->name, in(from, m->at), m->size);
	return true;
}

static int get_bytes(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	return json_get_hex(object, m->name, into(to, m->at), m->size, e);
}

static bool add_ranges(cJSON *object, const struct member *m, const void *from)
{
	const struct ranges *ranges = in(from, m->at);
	if (!m->optional || ranges->count)
		json_add_ranges(object, m->name, ranges);
	return true;
}

static int get_ranges(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	return json_get_ranges(object, m->name, into(to, m->at), e);
}

static bool add_true(cJSON *object, const struct member *m, const void *from)
{
	return !*(const bool *)in(from, m->at) || cJSON_AddTrueToObject(object, m->name);
}

static int get_true(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	(void)e;
	*(bool *)into(to, m->at) = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, m->name));
	return 0;
}

static bool add_status(cJSON *object, const struct member *m, const void *from)
{
	const struct session *session = in(from, m->at);
	return cJSON_AddStringToObject(object, m->name, session_status_name(session->status)) &&
	       (session->status != SESSION_ENDED ||
	        cJSON_AddNumberToObject(object, "ended_at_ms", (double)session->ended_at_ms));
}

static int get_status(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct session *session = into(to, m->at);
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, m->name));
	int status = 0;
	while (text && status < SESSION_STATUS_COUNT && strcmp(text, session_status_name((enum session_status)status)))
		status++;
	if (!text || status == SESSION_STATUS_COUNT)
		return err_set(e, ERR_INVALID, "\"%s\" is none of active, ended, paused", m->name);
	session->status = (enum session_status)status;
	return status == SESSION_ENDED
	           ? json_get_int(object, "ended_at_ms", TIME_MS_MIN, TIME_MS_MAX, &session->ended_at_ms, e)
	           : 0;
}

/* ---- several ---------------------------------------------------------------------------------------------- */

static bool add_object(cJSON *object, const struct member *m, const void *from)
{
	cJSON *inner = cJSON_AddObjectToObject(object, m->name);
	return inner && members_add(inner, m->members, in(from, m->at));
}

static int get_object(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	const cJSON *inner;
	int rc = json_get_object(object, m->name, &inner, e);
	return rc ? rc : members_get(inner, m->members, into(to, m->at), e);
}

const void *members_rows(const struct member *list, const void *from, size_t *out_count)
{
	*out_count = *(const size_t *)in(from, list->count_at);
	return *(const void *const *)in(from, list->at);
}

static bool add_list(cJSON *object, const struct member *m, const void *from)
{
	size_t count;
	const char *row = members_rows(m, from, &count);
	cJSON *item, *array = count ? cJSON_AddArrayToObject(object, m->name) : NULL;
	bool ok = array || !count;
	for (size_t i = 0; i < count && ok; i++)
		ok = (item = document_add_item(array)) && members_add(item, m->members, row + i * m->size);
	return ok;
}

static int get_list(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	size_t *count = into(to, m->count_at);
	const cJSON *item, *array = NULL;
	int rc = json_get_array(object, m->name, &array, e);
	int items = rc ? 0 : cJSON_GetArraySize(array);
	if (rc || !items)
		return rc;
	if (items > m->most)
		return err_set(e, ERR_LIMIT, "\"%s\" has %d items, more than %d", m->name, items, (int)m->most);
	char *rows = calloc((size_t)items, m->size);
	if (!rows)
		return err_set(e, ERR_MEMORY, "out of memory for %d %s", items, m->name);
	*(char **)into(to, m->at) = rows;
	for (item = array->child; item && !rc; item = item->next)
		rc = members_get(item, m->members, rows + (*count)++ * m->size, e);
	return rc;
}

const struct member_kind member_int = {add_int, get_int}, member_text = {add_text, get_text},
						 member_uuid = {add_text, get_uuid}, member_bytes = {add_bytes, get_bytes},
						 member_ranges = {add_ranges, get_ranges}, member_true = {add_true, get_true},
						 member_object = {add_object, get_object}, member_list = {add_list, get_list},
						 member_status = {add_status, get_status};

/* ---- a table ---------------------------------------------------------------------------------------------- */

bool member_add(cJSON *object, const struct member *m, const void *from)
{
	return (m->there && !m->there(from)) || m->kind->add(object, m, from);
}

int member_get(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	bool there = cJSON_GetObjectItemCaseSensitive(object, m->name) != NULL;
	if (m->note)
		m->note(to, there);
	if (there || !m->optional)
		return m->kind->get(object, m, to, e);
	if (m->kind == &member_int)
		*(int64_t *)into(to, m->at) = m->absent;
	return 0;
}

bool members_add(cJSON *object, const struct member *members, const void *from)
{
	bool ok = true;
	for (const struct member *m = members; m->name && ok; m++)
		ok = member_add(object, m, from);
	return ok;
}

int members_get(const cJSON *object, const struct member *members, void *to, struct err *e)
{
	int rc = 0;
	for (const struct member *m = members; m->name && !rc; m++)
		rc = member_get(object, m, to, e);
	return rc;
}

int members_write(const struct member *members, const void *from, struct buffer *out, struct err *e)
{
	cJSON *root = cJSON_CreateObject();
	int rc = document_write(root, root && members_add(root, members, from), out, e);
	cJSON_Delete(root);
	return rc;
}

int members_read(const void *document, size_t length, const struct member *members, void *to, struct err *e)
{
	cJSON *root;
	int rc = document_read(document, length, &root, e);
	if (rc)
		return rc;
	rc = members_get(root, members, to, e);
	cJSON_Delete(root);
	return rc;
}
