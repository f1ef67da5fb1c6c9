#include "agent/cli/cli.h"

#include "hal/boot.h"
#include "hal/clock.h"
#include "hal/file.h"
#include "hal/json.h"
#include "hal/lock.h"
#include "store/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int settle(struct cli *cli, struct err *e)
{
	char said[ERR_TEXT_MAX];
	bool forked = false;
	int rc = store_settle(cli->store, cli->conf.store_hardware, &forked, e);
	if (!rc && forked)
		fprintf(stderr, "alzy: %s\n", store_settled_text(cli->store, said));
	return rc;
}

int cli_as_owner(const struct cli *cli, int rc, struct err *e)
{
	char owner[FILE_OWNER_TEXT];
	if (rc != -ERR_PERMISSION || !geteuid() || !file_is_for_another(cli->conf.store_path, owner))
		return rc;
	struct err said = *e;
	return err_set(e, ERR_PERMISSION, "%s; it is for user %s: sudo -u %s alzy …", said.text, owner, owner);
}

int cli_open(struct cli *cli, enum store_mode mode, struct err *e)
{
	int rc = conf_load(&conf_unit_table, conf_path(NULL, CONF_UNIT_STANDARD), &cli->conf, e);
	if (rc)
		return rc;
	rc = store_open(&cli->store, cli->conf.store_path, mode, e);
	/* With STORE_CREATE it is the folder that is missing. */
	if (rc == -ERR_NOT_FOUND && mode != STORE_CREATE)
		return err_set(e, ERR_NOT_FOUND,
		               "there is no store at %s yet: alzy-agentd makes it when it starts, and so do alzy pair and alzy "
		               "session start",
		               cli->conf.store_path);
	return rc || mode == STORE_READ ? cli_as_owner(cli, rc, e) : settle(cli, e);
}

void cli_close(struct cli *cli)
{
	store_close(cli->store);
	cli->store = NULL;
}

/* A system clock that NTP has set is learnt here, if the agent has not done so. */
static int learn_ntp(struct cli *cli, const struct era *era, struct cli_time *now, struct err *e)
{
	if (!clock_synchronized() || !era_holds(era, now->now_ms))
		return 0;
	now->basis = TIME_NTP;
	return store_boot_learn(cli->store, boot_id(), TIME_NTP, now->now_ms - now->mono_ms, now->mono_ms, e);
}

int cli_now(struct cli *cli, struct cli_time *out, struct err *e)
{
	struct store_boot boot;
	struct era era;
	int rc = store_boot_get(cli->store, boot_id(), &boot, e);
	*out = (struct cli_time){clock_wall_ms(), clock_mono_ms(), boot.basis};
	conf_unit_era(&cli->conf, &era);
	if (era.none)
		out->basis = TIME_SYSTEM;
	else if (!rc && boot.basis > TIME_ESTIMATED)
		out->now_ms = out->mono_ms + boot.offset_ms;
	else if (!rc)
		rc = learn_ntp(cli, &era, out, e);
	struct store_clock clock = {.known = out->basis > TIME_ESTIMATED,
	                            .boot = boot_id(),
	                            .offset_ms = out->now_ms - out->mono_ms,
	                            .from_mono_ms = out->mono_ms,
	                            .to_mono_ms = out->mono_ms};
	store_set_clock(cli->store, &clock);
	return rc;
}

int cli_centre(const struct cli *cli, struct store_centre *out, struct key_pair *keys, struct err *e)
{
	bool paired;
	int rc = store_centre_get(cli->store, out, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	if (!rc)
		rc = keys_start(e);
	return rc ? rc : cli_as_owner(cli, keys_load_unit(cli->conf.store_path, keys, e), e);
}

int cli_live(struct store *store, struct live_facts *out, bool *out_found, struct err *e)
{
	struct stat info;
	if (stat(store_path(store), &info))
		return err_errno(e, ERR_IO, "can't look at %s", store_path(store));
	return live_read(store_id(store), info.st_uid, out, out_found, e);
}

pid_t cli_mute_agent(const struct store *store)
{
	char path[CONF_TEXT_MAX + 8];
	snprintf(path, sizeof path, "%s.agent", store_path(store));
	return lock_holder(path);
}

int cli_live_sky(struct store *store, struct live_sky *out, bool *out_found, struct err *e)
{
	struct stat info;
	if (stat(store_path(store), &info))
		return err_errno(e, ERR_IO, "can't look at %s", store_path(store));
	return live_read_sky(store_id(store), info.st_uid, out, out_found, e);
}

void cli_print_json(cJSON *value)
{
	char *text = value ? json_print(value) : NULL;
	cJSON_Delete(value);
	puts(text ? text : "null");
	free(text);
}

void cli_add_seq(cJSON *object, const char *name, int64_t seq)
{
	if (seq)
		cJSON_AddNumberToObject(object, name, (double)seq);
	else
		cJSON_AddNullToObject(object, name);
}

cJSON *cli_session_json(const struct session *session)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "session_id", session->session_id);
	cJSON_AddStringToObject(object, "status", session_status_name(session->status));
	json_add_text_or_null(object, "user_id", session->user_id);
	json_add_text_or_null(object, "machine_id", session->machine_id);
	if (session->application_id)
		cJSON_AddNumberToObject(object, "application_id", (double)session->application_id);
	else
		cJSON_AddNullToObject(object, "application_id");
	json_add_time(object, "started_at", session->started_at_ms);
	json_add_time(object, "ended_at", session->status == SESSION_ENDED ? session->ended_at_ms : 0);
	cJSON_AddBoolToObject(object, "time_guessed", session->guessed);
	cJSON_AddNumberToObject(object, "revision", (double)session->revision);
	return object;
}
