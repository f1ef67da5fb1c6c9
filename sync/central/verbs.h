/* The verbs of alzy-central: each takes its own argv as hal/args.h says. The table of them is in central.c. */
#ifndef ALZY_SYNC_CENTRAL_VERBS_H
#define ALZY_SYNC_CENTRAL_VERBS_H

#include "hal/err.h"

int central_init(int argc, char **argv, struct err *e);
int central_migrate(int argc, char **argv, struct err *e);
int central_key_list(int argc, char **argv, struct err *e);
int central_key_rotate(int argc, char **argv, struct err *e);
int central_serve(int argc, char **argv, struct err *e);
int central_import(int argc, char **argv, struct err *e);
int central_expire(int argc, char **argv, struct err *e);
int central_erase(int argc, char **argv, struct err *e);
int central_show(int argc, char **argv, struct err *e);
int central_status(int argc, char **argv, struct err *e);
int central_check(int argc, char **argv, struct err *e);
int central_verify(int argc, char **argv, struct err *e);
int central_gaps(int argc, char **argv, struct err *e);
int central_session_list(int argc, char **argv, struct err *e);
int central_session_show(int argc, char **argv, struct err *e);
int central_device_pair(int argc, char **argv, struct err *e);
int central_device_activate(int argc, char **argv, struct err *e);
int central_device_deactivate(int argc, char **argv, struct err *e);
int central_device_delete(int argc, char **argv, struct err *e);
int central_device_revoke(int argc, char **argv, struct err *e);

/* What the centre keeps a directory of; each has the verbs "NAME add" and "NAME list" (directory.c). */
#define CENTRAL_ENTITY_LIST(X) X(organization) X(application) X(user) X(machine) X(account) X(device)

#define X(name)                                                     \
	int central_##name##_add(int argc, char **argv, struct err *e); \
	int central_##name##_list(int argc, char **argv, struct err *e);
CENTRAL_ENTITY_LIST(X)
#undef X
int central_application_allow(int argc, char **argv, struct err *e);

#endif
