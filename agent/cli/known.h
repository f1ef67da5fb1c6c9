/* Whether somebody or something that a person names is known here: by the reference data that the centre has sent. */
#ifndef ALZY_AGENT_CLI_KNOWN_H
#define ALZY_AGENT_CLI_KNOWN_H

#include "store/store.h"

/* Names that are not known, while all are: ERR_NOT_FOUND, with names that are like it, and how many are known. While
 * nothing is known, or not everything, every name will do. */
int known_check(struct store *store, enum reference_kind kind, const char *id, struct err *e);

/* The number of an application that is named by its number or its name (upper and lower case are the same). A number is
 * checked as above, unless `force`. */
int known_application(struct store *store, const char *text, bool force, int64_t *out, struct err *e);

/* Whether this person may use this application, as far as the centre has told: ERR_NOT_FOUND when not. */
int known_may_use(struct store *store, const char *user_id, int64_t application_id, struct err *e);

#endif
