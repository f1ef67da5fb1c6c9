#include "sync/reference.h"

#include "hal/json.h"
#include "sync/document.h"
#include "sync/keys.h"
#include "sync/members.h"

#include <stdlib.h>
#include <string.h>

/* ---- the object -------------------------------------------------------------------------------------------- */

static const struct member organization_members[] = {
	{INT("organization_id", struct reference_organization, id, INT32_MIN, INT32_MAX)},
	{TEXT_OR_NONE("organization_name", struct reference_organization, name)},
	{0},
};

static const struct member application_members[] = {
	{INT("application_id", struct reference_application, id, 1, INT32_MAX)},
	{TEXT_OR_NONE("name", struct reference_application, name)},
	{0},
};

static const struct member user_members[] = {
	{TEXT("user_id", struct reference_user, id)},
	{TEXT_OR_NONE("full_name", struct reference_user, full_name)},
	{INT("organization_id", struct reference_user, organization_id, INT32_MIN, INT32_MAX)},
	{0},
};

/* The user is there by name; see add_users_of and get_users_of. */
static const struct member application_user_members[] = {
	{INT("application_user_id", struct reference_application_user, id, INT32_MIN, INT32_MAX)},
	{INT("application_id", struct reference_application_user, application_id, 1, INT32_MAX)},
	{0},
};

static const struct member machine_members[] = {
	{TEXT("machine_id", struct reference_machine, id)},
	{TEXT_OR_NONE("serial_no", struct reference_machine, serial_no)},
	{TEXT_OR_NONE("operation_start_date", struct reference_machine, operation_start_date)},
	{INT_OR("organization_id", struct reference_machine, organization_id, INT32_MIN, INT32_MAX, 0)},
	{0},
};

static const struct member_kind users_of_applications;

/* The first field of every row is its id. */
static const struct member reference_members[] = {
	{TRUE_OR_NOT("cut", struct reference, cut)},
	{TEXT_OR_NONE("machine_id", struct reference, machine_id)},
	{LIST("organizations", struct reference, organizations, organization_count, organization_members,
          REFERENCE_ORGANIZATIONS_MAX)},
	{LIST("applications", struct reference, applications, application_count, application_members,
          REFERENCE_APPLICATIONS_MAX)},
	{LIST("users", struct reference, users, user_count, user_members, REFERENCE_USERS_MAX)},
	{LIST_OF("application_users", &users_of_applications, struct reference, application_users, application_user_count,
             application_user_members, REFERENCE_APPLICATION_USERS_MAX)},
	{LIST("machines", struct reference, machines, machine_count, machine_members, REFERENCE_MACHINES_MAX)},
	{0},
};

static int by_number(const void *key, const void *row)
{
	int64_t a = *(const int64_t *)key, b = *(const int64_t *)row;
	return (a > b) - (a < b);
}

static int by_name(const void *key, const void *row)
{
	return strcmp(key, row);
}

static bool add_users_of(cJSON *object, const struct member *m, const void *from)
{
	const struct reference *r = from;
	bool ok = member_list.add(object, m, from);
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, m->name);
	cJSON *item = ok && array ? array->child : NULL;
	for (size_t i = 0; item && ok; item = item->next, i++)
		ok = cJSON_AddStringToObject(item, "user_id", r->users[r->application_users[i].user].id);
	return ok;
}

static int get_users_of(const cJSON *object, const struct member *m, void *to, struct err *e)
{
	struct reference *r = to;
	char user_id[NAME_TEXT];
	int rc = member_list.get(object, m, to, e);
	const cJSON *item = rc ? NULL : cJSON_GetObjectItemCaseSensitive(object, m->name)->child;
	for (size_t i = 0; item && !rc; item = item->next, i++) {
		rc = json_get_text(item, "user_id", user_id, sizeof user_id, e);
		const struct reference_user *user =
			rc || !r->user_count ? NULL : bsearch(user_id, r->users, r->user_count, sizeof *r->users, by_name);
		if (user)
			r->application_users[i].user = (size_t)(user - r->users);
		else if (!rc)
			rc = err_set(e, ERR_INVALID, "an application_user of the reference data names a user who is not in it");
	}
	return rc;
}

static const struct member_kind users_of_applications = {add_users_of, get_users_of};

bool reference_add(cJSON *object, const struct reference *reference)
{
	return members_add(object, reference_members, reference);
}

/* ---- what holds of it as a whole --------------------------------------------------------------------------- */

/* Ids rise, so that each is there once, and can be looked for by halves. */
static int check_order(const struct member *list, const struct reference *r, struct err *e)
{
	bool named = list->members[0].kind == &member_text;
	size_t count;
	const char *row = members_rows(list, r, &count);
	for (size_t i = 0; i < count; i++, row += list->size)
		if (named ? !*row || (i && strcmp(row - list->size, row) >= 0) : i && by_number(row - list->size, row) >= 0)
			return err_set(e, ERR_INVALID, "the %s of the reference data don't rise", list->name);
	return 0;
}

static bool has_organization(const struct reference *r, int64_t id)
{
	return r->organization_count &&
	       bsearch(&id, r->organizations, r->organization_count, sizeof *r->organizations, by_number);
}

static bool has_application(const struct reference *r, int64_t id)
{
	return r->application_count &&
	       bsearch(&id, r->applications, r->application_count, sizeof *r->applications, by_number);
}

/* "2026-11-21", or nothing. */
static bool is_date(const char *text)
{
	int64_t ignored;
	return !*text || (strlen(text) == DATE_TEXT - 1 && time_parse(text, &ignored));
}

/* Whatever refers to a row refers to one that is there. */
static int check_rows(const struct reference *r, struct err *e)
{
	bool organized = true, applied = true, dated = true;
	for (size_t i = 0; i < r->user_count; i++)
		organized = organized && has_organization(r, r->users[i].organization_id);
	for (size_t i = 0; i < r->application_user_count; i++)
		applied = applied && has_application(r, r->application_users[i].application_id);
	for (size_t i = 0; i < r->machine_count; i++) {
		int64_t id = r->machines[i].organization_id;
		organized = organized && (!id || has_organization(r, id));
		dated = dated && is_date(r->machines[i].operation_start_date);
	}
	if (!organized)
		return err_set(e, ERR_INVALID, "the reference data names an organization that is not in it");
	if (!applied)
		return err_set(e, ERR_INVALID,
		               "an application_user of the reference data names an application that is not in it");
	return dated ? 0 : err_set(e, ERR_INVALID, "\"operation_start_date\" is no date");
}

int reference_get(const cJSON *object, struct reference *out, struct err *e)
{
	struct reference reference = {0};
	int rc = members_get(object, reference_members, &reference, e);
	for (const struct member *m = reference_members; m->name && !rc; m++)
		rc = m->members ? check_order(m, &reference, e) : 0;
	if (!rc)
		rc = check_rows(&reference, e);
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

static void add_row(struct chain *chain, const struct member *members, const char *row)
{
	for (const struct member *m = members; m->name; m++)
		if (m->kind == &member_int)
			add_int(chain, *(const int64_t *)(const void *)(row + m->at));
		else
			add_text(chain, row + m->at);
}

static void add_list(struct chain *chain, const struct member *list, const struct reference *r)
{
	size_t count;
	const char *row = members_rows(list, r, &count);
	add_int(chain, (int64_t)count);
	for (size_t i = 0; i < count; i++, row += list->size) {
		add_row(chain, list->members, row);
		if (list->kind == &users_of_applications)
			add_text(chain, r->users[r->application_users[i].user].id);
	}
}

/* All that the object has, in the order of its tables. */
void reference_digest(const struct reference *reference, uint8_t out[REFERENCE_DIGEST])
{
	static const char name[] = "alzy-reference-v1"; /* with its NUL */
	struct chain chain;
	keys_digest(name, sizeof name, chain.digest);
	add_int(&chain, reference->cut);
	add_text(&chain, reference->machine_id);
	for (const struct member *m = reference_members; m->name; m++)
		if (m->members)
			add_list(&chain, m, reference);
	memcpy(out, chain.digest, REFERENCE_DIGEST);
}
