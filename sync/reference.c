#include "sync/reference.h"

#include "hal/json.h"
#include "sync/document.h"
#include "sync/keys.h"

#include <stdlib.h>
#include <string.h>

/* ---- encoding --------------------------------------------------------------------------------------------- */

static cJSON *add_list(cJSON *object, const char *name, size_t count, bool *ok)
{
	cJSON *array = count && *ok ? cJSON_AddArrayToObject(object, name) : NULL;
	*ok = *ok && (array || !count);
	return array;
}

static bool add_people(cJSON *object, const struct reference *r)
{
	bool ok = true;
	cJSON *item, *list = add_list(object, "users", r->user_count, &ok);
	for (size_t i = 0; i < r->user_count && ok; i++)
		ok = (item = document_add_item(list)) && document_add_text_unless_empty(item, "user_id", r->users[i].id) &&
		     document_add_text_unless_empty(item, "full_name", r->users[i].full_name) &&
		     document_add_int(item, "organization_id", r->users[i].organization_id);
	list = add_list(object, "application_users", r->application_user_count, &ok);
	for (size_t i = 0; i < r->application_user_count && ok; i++) {
		const struct reference_application_user *row = &r->application_users[i];
		ok = (item = document_add_item(list)) && document_add_int(item, "application_user_id", row->id) &&
		     document_add_int(item, "application_id", row->application_id) &&
		     document_add_text_unless_empty(item, "user_id", r->users[row->user].id);
	}
	return ok;
}

static bool add_machines(cJSON *object, const struct reference *r)
{
	bool ok = true;
	cJSON *item, *list = add_list(object, "machines", r->machine_count, &ok);
	for (size_t i = 0; i < r->machine_count && ok; i++) {
		const struct reference_machine *row = &r->machines[i];
		ok = (item = document_add_item(list)) && document_add_text_unless_empty(item, "machine_id", row->id) &&
		     document_add_text_unless_empty(item, "serial_no", row->serial_no) &&
		     document_add_text_unless_empty(item, "operation_start_date", row->operation_start_date) &&
		     document_add_int_unless(item, "organization_id", row->organization_id, 0);
	}
	return ok;
}

bool reference_add(cJSON *object, const struct reference *r)
{
	bool ok = !r->cut || cJSON_AddTrueToObject(object, "cut");
	ok = ok && document_add_text_unless_empty(object, "machine_id", r->machine_id);
	cJSON *item, *list = add_list(object, "organizations", r->organization_count, &ok);
	for (size_t i = 0; i < r->organization_count && ok; i++)
		ok = (item = document_add_item(list)) && document_add_int(item, "organization_id", r->organizations[i].id) &&
		     document_add_text_unless_empty(item, "organization_name", r->organizations[i].name);
	list = add_list(object, "applications", r->application_count, &ok);
	for (size_t i = 0; i < r->application_count && ok; i++)
		ok = (item = document_add_item(list)) && document_add_int(item, "application_id", r->applications[i].id) &&
		     document_add_text_unless_empty(item, "name", r->applications[i].name);
	return ok && add_people(object, r) && add_machines(object, r);
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

/* Room for the items of a list; *out_item is the first of them. */
static int get_list(const cJSON *object, const char *name, size_t most, size_t size, const cJSON **out_item, void **out,
                    struct err *e)
{
	size_t count;
	int rc = document_get_items(object, name, most, out_item, &count, e);
	if (rc || !count)
		return rc;
	*out = calloc(count, size);
	return *out ? 0 : err_set(e, ERR_MEMORY, "out of memory for %zu %s", count, name);
}

/* Ids rise, so that each is there once, and can be looked for by halves. */
static int rises(bool ok, const char *what, struct err *e)
{
	return ok ? 0 : err_set(e, ERR_INVALID, "the %s of the reference data don't rise", what);
}

static int by_number(const void *key, const void *row)
{
	int64_t a = *(const int64_t *)key, b = *(const int64_t *)row; /* id is the first member of every such row */
	return (a > b) - (a < b);
}

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct reference_user *)row)->id);
}

static int check_organization(const struct reference *r, int64_t id, struct err *e)
{
	if (r->organization_count &&
	    bsearch(&id, r->organizations, r->organization_count, sizeof *r->organizations, by_number))
		return 0;
	return err_set(e, ERR_INVALID, "the reference data names an organization that is not in it");
}

static int get_organizations(const cJSON *object, struct reference *r, struct err *e)
{
	const cJSON *item = NULL;
	void *rows = NULL;
	int rc = get_list(object, "organizations", REFERENCE_ORGANIZATIONS_MAX, sizeof *r->organizations, &item, &rows, e);
	r->organizations = rows;
	for (; item && !rc; item = item->next) {
		struct reference_organization *row = &r->organizations[r->organization_count++];
		rc = json_get_int(item, "organization_id", INT32_MIN, INT32_MAX, &row->id, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "organization_name", row->name, sizeof row->name, e);
		if (!rc)
			rc = rises(row == r->organizations || row[-1].id < row->id, "organizations", e);
	}
	return rc;
}

static int get_applications(const cJSON *object, struct reference *r, struct err *e)
{
	const cJSON *item = NULL;
	void *rows = NULL;
	int rc = get_list(object, "applications", REFERENCE_APPLICATIONS_MAX, sizeof *r->applications, &item, &rows, e);
	r->applications = rows;
	for (; item && !rc; item = item->next) {
		struct reference_application *row = &r->applications[r->application_count++];
		rc = json_get_int(item, "application_id", 1, INT32_MAX, &row->id, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "name", row->name, sizeof row->name, e);
		if (!rc)
			rc = rises(row == r->applications || row[-1].id < row->id, "applications", e);
	}
	return rc;
}

static int get_users(const cJSON *object, struct reference *r, struct err *e)
{
	const cJSON *item = NULL;
	void *rows = NULL;
	int rc = get_list(object, "users", REFERENCE_USERS_MAX, sizeof *r->users, &item, &rows, e);
	r->users = rows;
	for (; item && !rc; item = item->next) {
		struct reference_user *row = &r->users[r->user_count++];
		rc = json_get_text(item, "user_id", row->id, sizeof row->id, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "full_name", row->full_name, sizeof row->full_name, e);
		if (!rc)
			rc = json_get_int(item, "organization_id", INT32_MIN, INT32_MAX, &row->organization_id, e);
		if (!rc)
			rc = check_organization(r, row->organization_id, e);
		if (!rc)
			rc = rises(row->id[0] && (row == r->users || strcmp(row[-1].id, row->id) < 0), "users", e);
	}
	return rc;
}

static int get_application_user(const cJSON *item, const struct reference *r, struct reference_application_user *row,
                                struct err *e)
{
	char user_id[NAME_TEXT];
	int rc = json_get_int(item, "application_user_id", INT32_MIN, INT32_MAX, &row->id, e);
	if (!rc)
		rc = json_get_int(item, "application_id", 1, INT32_MAX, &row->application_id, e);
	if (!rc)
		rc = json_get_text(item, "user_id", user_id, sizeof user_id, e);
	if (rc)
		return rc;
	const struct reference_user *user =
		r->user_count ? bsearch(user_id, r->users, r->user_count, sizeof *r->users, by_name) : NULL;
	if (!user || !r->application_count ||
	    !bsearch(&row->application_id, r->applications, r->application_count, sizeof *r->applications, by_number))
		return err_set(e, ERR_INVALID, "an application_user of the reference data names somebody who is not in it");
	row->user = (size_t)(user - r->users);
	return 0;
}

static int get_application_users(const cJSON *object, struct reference *r, struct err *e)
{
	const cJSON *item = NULL;
	void *rows = NULL;
	int rc = get_list(object, "application_users", REFERENCE_APPLICATION_USERS_MAX, sizeof *r->application_users, &item,
	                  &rows, e);
	r->application_users = rows;
	for (; item && !rc; item = item->next) {
		struct reference_application_user *row = &r->application_users[r->application_user_count++];
		rc = get_application_user(item, r, row, e);
		if (!rc)
			rc = rises(row == r->application_users || row[-1].id < row->id, "application_users", e);
	}
	return rc;
}

/* "2026-11-21", or nothing. */
static int check_date(const char *text, struct err *e)
{
	int64_t ignored;
	if (!*text || (strlen(text) == DATE_TEXT - 1 && time_parse(text, &ignored)))
		return 0;
	return err_set(e, ERR_INVALID, "\"operation_start_date\" is no date");
}

static int get_machines(const cJSON *object, struct reference *r, struct err *e)
{
	const cJSON *item = NULL;
	void *rows = NULL;
	int rc = get_list(object, "machines", REFERENCE_MACHINES_MAX, sizeof *r->machines, &item, &rows, e);
	r->machines = rows;
	for (; item && !rc; item = item->next) {
		struct reference_machine *row = &r->machines[r->machine_count++];
		rc = json_get_text(item, "machine_id", row->id, sizeof row->id, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "serial_no", row->serial_no, sizeof row->serial_no, e);
		if (!rc)
			rc = document_get_text_or_empty(item, "operation_start_date", row->operation_start_date,
			                                sizeof row->operation_start_date, e);
		if (!rc)
			rc = check_date(row->operation_start_date, e);
		if (!rc)
			rc = document_get_int_or(item, "organization_id", INT32_MIN, INT32_MAX, 0, &row->organization_id, e);
		if (!rc && row->organization_id)
			rc = check_organization(r, row->organization_id, e);
		if (!rc)
			rc = rises(row->id[0] && (row == r->machines || strcmp(row[-1].id, row->id) < 0), "machines", e);
	}
	return rc;
}

int reference_get(const cJSON *object, struct reference *out, struct err *e)
{
	struct reference reference = {.cut = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "cut"))};
	int rc = document_get_text_or_empty(object, "machine_id", reference.machine_id, sizeof reference.machine_id, e);
	if (!rc)
		rc = get_organizations(object, &reference, e);
	if (!rc)
		rc = get_applications(object, &reference, e);
	if (!rc)
		rc = get_users(object, &reference, e);
	if (!rc)
		rc = get_application_users(object, &reference, e);
	if (!rc)
		rc = get_machines(object, &reference, e);
	if (rc)
		reference_free(&reference);
	else
		*out = reference;
	return rc;
}

int reference_read(const char *text, struct reference *out, struct err *e)
{
	cJSON *object;
	int rc = document_read(text, strlen(text), &object, e);
	if (rc)
		return rc;
	rc = reference_get(object, out, e);
	cJSON_Delete(object);
	return rc;
}

/* ---- the digest ------------------------------------------------------------------------------------------- */

enum { CHAIN = 32 };

/* A chain: each value is hashed together with the digest of all before it. */
struct chain {
	uint8_t digest[CHAIN];
};

static void add_bytes(struct chain *chain, const void *bytes, size_t count)
{
	uint8_t link[CHAIN + NAME_TEXT];
	memcpy(link, chain->digest, CHAIN);
	memcpy(link + CHAIN, bytes, count);
	keys_digest(link, CHAIN + count, chain->digest);
}

static void add_text(struct chain *chain, const char *text)
{
	add_bytes(chain, text, strlen(text));
}

static void add_int(struct chain *chain, int64_t value)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
	add_bytes(chain, bytes, sizeof bytes);
}

static void add_rows(struct chain *chain, const struct reference *r)
{
	add_int(chain, (int64_t)r->organization_count);
	for (size_t i = 0; i < r->organization_count; i++) {
		add_int(chain, r->organizations[i].id);
		add_text(chain, r->organizations[i].name);
	}
	add_int(chain, (int64_t)r->application_count);
	for (size_t i = 0; i < r->application_count; i++) {
		add_int(chain, r->applications[i].id);
		add_text(chain, r->applications[i].name);
	}
	add_int(chain, (int64_t)r->user_count);
	for (size_t i = 0; i < r->user_count; i++) {
		add_text(chain, r->users[i].id);
		add_text(chain, r->users[i].full_name);
		add_int(chain, r->users[i].organization_id);
	}
	add_int(chain, (int64_t)r->application_user_count);
	for (size_t i = 0; i < r->application_user_count; i++) {
		add_int(chain, r->application_users[i].id);
		add_int(chain, r->application_users[i].application_id);
		add_text(chain, r->users[r->application_users[i].user].id);
	}
	add_int(chain, (int64_t)r->machine_count);
	for (size_t i = 0; i < r->machine_count; i++) {
		add_text(chain, r->machines[i].id);
		add_text(chain, r->machines[i].serial_no);
		add_text(chain, r->machines[i].operation_start_date);
		add_int(chain, r->machines[i].organization_id);
	}
}

void reference_digest(const struct reference *reference, uint8_t out[REFERENCE_DIGEST])
{
	static const char name[] = "alzy-reference-v1"; /* with its NUL */
	struct chain chain;
	keys_digest(name, sizeof name, chain.digest);
	add_int(&chain, reference->cut);
	add_text(&chain, reference->machine_id);
	add_rows(&chain, reference);
	memcpy(out, chain.digest, REFERENCE_DIGEST);
}
