/* What the verbs of `alzy` share. Each verb is a file of its own: cli_NAME.c with `int cli_NAME(argc, argv, e)`. */
#ifndef ALZY_AGENT_CLI_CLI_H
#define ALZY_AGENT_CLI_CLI_H

#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/live.h"
#include "store/store.h"
#include "sync/keys.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

struct cli {
	struct conf_unit conf;
	struct store *store;
};

/* Loads the configuration and opens the store in `mode`. ERR_NOT_FOUND says how a store comes to be. */
int cli_open(struct cli *cli, enum store_mode mode, struct err *e);
void cli_close(struct cli *cli); /* a zeroed one is fine */

/* Returns rc. When it is ERR_PERMISSION, and what is beside the store is for another user, the text says as whom it may be
 * done. */
int cli_as_owner(const struct cli *cli, int rc, struct err *e);

/* What time it is, as well as this boot knows, and what that rests on. The store is told that the times it gets from now on
 * are meant so: events wait when UTC is not known. */
struct cli_time {
	int64_t now_ms, mono_ms;
	enum time_basis basis;
};
int cli_now(struct cli *cli, struct cli_time *out, struct err *e);

/* What every way to the centre begins with: the centre that this unit is paired with, and the unit's key; keys_wipe it.
 * ERR_STATE when not paired. */
int cli_centre(const struct cli *cli, struct store_centre *out, struct key_pair *keys, struct err *e);

/* What the agent of this store knows at the moment; *out_found is false when none is running. */
int cli_live(struct store *store, struct live_facts *out, bool *out_found, struct err *e);

/* The process that is the agent of this store, though cli_live finds none: it is of another version, or another user has started it. 0:
 * there is none. */
pid_t cli_mute_agent(const struct store *store);
#define CLI_MUTE "of another version than this alzy, or of another user: it can't be asked what it does"

/* The satellites that the agent of this store sees; as above. */
int cli_live_sky(struct store *store, struct live_sky *out, bool *out_found, struct err *e);

/* Prints one line of JSON on stdout and frees the tree. */
void cli_print_json(cJSON *value);

/* Adds a seq; null when there is none yet. */
void cli_add_seq(cJSON *object, const char *name, int64_t seq);

/* A session as every verb shows it; the caller frees it. */
cJSON *cli_session_json(const struct session *session);

/* The verbs; table in alzy.c. */
int cli_status(int argc, char **argv, struct err *e);
int cli_doctor(int argc, char **argv, struct err *e);
int cli_session_start(int argc, char **argv, struct err *e);
int cli_session_pause(int argc, char **argv, struct err *e);
int cli_session_resume(int argc, char **argv, struct err *e);
int cli_session_end(int argc, char **argv, struct err *e);
int cli_session_list(int argc, char **argv, struct err *e);
int cli_session_show(int argc, char **argv, struct err *e);
int cli_event(int argc, char **argv, struct err *e);
int cli_mark(int argc, char **argv, struct err *e);
int cli_pair(int argc, char **argv, struct err *e);
int cli_unpair(int argc, char **argv, struct err *e);
int cli_sync(int argc, char **argv, struct err *e);
int cli_queue(int argc, char **argv, struct err *e);
int cli_queue_retry(int argc, char **argv, struct err *e);
int cli_queue_drop(int argc, char **argv, struct err *e);
int cli_store_list(int argc, char **argv, struct err *e);
int cli_store_fork(int argc, char **argv, struct err *e);
int cli_verify(int argc, char **argv, struct err *e);
int cli_gaps(int argc, char **argv, struct err *e);
int cli_export(int argc, char **argv, struct err *e);
int cli_config_check(int argc, char **argv, struct err *e);
int cli_config_show(int argc, char **argv, struct err *e);

#endif
