/* Reference data: whom and what a unit should know, as the centre has it. It comes whole or not at all. */
#ifndef ALZY_HAL_REFERENCE_H
#define ALZY_HAL_REFERENCE_H

#include "hal/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REFERENCE_ORGANIZATIONS_MAX = 100,
	REFERENCE_APPLICATIONS_MAX = 1000,
	REFERENCE_USERS_MAX = 5000,
	REFERENCE_APPLICATION_USERS_MAX = 10000,
	REFERENCE_MACHINES_MAX = 1000,
	REFERENCE_DIGEST = 8,
	DATE_TEXT = 11, /* "2026-11-21" */
};

struct reference_organization {
	int64_t id;
	char name[NAME_TEXT];
};
struct reference_application {
	int64_t id;
	char name[NAME_TEXT];
};
struct reference_user {
	char id[NAME_TEXT], full_name[NAME_TEXT];
	int64_t organization_id;
};
struct reference_application_user {
	int64_t id, application_id;
	size_t user; /* index into users */
};
struct reference_machine {
	char id[NAME_TEXT], serial_no[NAME_TEXT], operation_start_date[DATE_TEXT];
	int64_t organization_id; /* 0: nobody's */
};

/* Each list in order of its ids, texts by their bytes; whatever refers to a row refers to one that is here. */
struct reference {
	bool cut;                   /* not all found room: who is not here may exist all the same */
	char machine_id[NAME_TEXT]; /* the device's; "" none */
	struct reference_organization *organizations;
	struct reference_application *applications;
	struct reference_user *users;
	struct reference_application_user *application_users;
	struct reference_machine *machines;
	size_t organization_count, application_count, user_count, application_user_count, machine_count;
};
void reference_free(
	struct reference *reference); /* frees what it owns, not the struct; leaves it zeroed; NULL is fine */

#endif
