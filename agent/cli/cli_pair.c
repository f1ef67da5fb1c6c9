/* Makes this unit known to a centre. */
#include "agent/cli/cli.h"
#include "agent/cli/copies.h"
#include "hal/args.h"
#include "hal/file.h"
#include "hal/text.h"
#include "sync/engine.h"
#include "sync/pairing.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 10000 };

/* A link is a secret: from standard input it stands neither in the list of processes nor in the shell's history. */
static int read_link(char out[PAIRING_LINK_TEXT], struct err *e)
{
	size_t length = 0;
	for (;;) {
		ssize_t n = read(STDIN_FILENO, out + length, PAIRING_LINK_TEXT - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_IO, "can't read the link from standard input");
		if (n == 0)
			break;
		length += (size_t)n;
		if (length == PAIRING_LINK_TEXT)
			return err_set(e, ERR_LIMIT, "standard input holds more than a link can be");
	}
	out[length] = '\0';
	return strlen(out) == length ? 0 : err_set(e, ERR_INVALID, "standard input holds no link");
}

/* The unit's key, and the secret from which the one that is to take its place is made: a revoked key opens nothing any more.
 * The secret stays until the centre has answered, and gives each link a key of its own. So trying again after a lost answer
 * uses the same, and with another link it never is one that was revoked in the meantime. */
struct key_files {
	char present[CONF_TEXT_MAX + 8], next[CONF_TEXT_MAX + 16];
	bool use_next;
};

static int find_key_files(struct cli *cli, bool new_key, struct key_files *out, struct err *e)
{
	struct store_centre centre;
	bool paired = false;
	int rc = keys_unit_path(cli->conf.store_path, out->present, sizeof out->present, e);
	if (!rc)
		rc = store_centre_get(cli->store, &centre, &paired, e);
	if (rc)
		return rc;
	snprintf(out->next, sizeof out->next, "%s.next", out->present);
	out->use_next = new_key || !access(out->next, F_OK) || (paired && !strcmp(centre.standing, "revoked"));
	return 0;
}

static int load_key(const struct key_files *files, const struct pairing_link *link, struct key_pair *out, struct err *e)
{
	struct key_pair secret;
	if (!files->use_next)
		return keys_load_or_create(files->present, out, e);
	int rc = keys_load_or_create(files->next, &secret, e);
	if (!rc)
		keys_derive(&secret, link->token, sizeof link->token, out);
	keys_wipe(&secret);
	return rc;
}

static int replace_key(const struct key_files *files, const struct key_pair *keys, struct err *e)
{
	int rc = keys_replace(files->present, keys, e);
	if (!rc && unlink(files->next))
		rc = err_errno(e, ERR_IO, "can't remove %s", files->next);
	return rc;
}

static int exchange_keys(struct cli *cli, const struct pairing_link *link, bool new_key, enum engine_send send,
                         struct store_centre *out, struct err *e)
{
	struct key_files files;
	struct key_pair keys;
	struct carrier *carrier;
	int rc = keys_start(e);
	if (!rc)
		rc = find_key_files(cli, new_key, &files, e);
	if (!rc)
		rc = load_key(&files, link, &keys, e);
	if (rc)
		return rc;
	rc = carrier_https(&carrier, link->url, cli->conf.sync_ca_file, cli->conf.sync_timeout_ms, e);
	if (!rc) {
		signal(SIGPIPE, SIG_IGN);
		rc = engine_pair(&(struct channel){cli->store, &keys, carrier}, link, send, out, e);
		carrier->close(carrier);
	}
	if (!rc && files.use_next)
		rc = replace_key(&files, &keys, e);
	keys_wipe(&keys);
	return rc;
}

/* A key that this user makes is this user's alone: alzy-syncd could not send with it. Root gives away what it makes. */
static int check_user(const struct cli *cli, struct err *e)
{
	char owner[FILE_OWNER_TEXT];
	if (!geteuid() || !file_is_for_another(cli->conf.store_path, owner))
		return 0;
	return err_set(
		e, ERR_PERMISSION,
		"the unit's key is for user %s, who sends with it, and nobody else may read it: sudo -u %s alzy pair …", owner,
		owner);
}

static int read_send(const char *word, enum engine_send *out, struct err *e)
{
	*out = !word                  ? ENGINE_SEND_UNDECIDED
	       : !strcmp(word, "all") ? ENGINE_SEND_ALL
	       : !strcmp(word, "new") ? ENGINE_SEND_NEW
	                              : ENGINE_SEND_UNDECIDED;
	if (word && *out == ENGINE_SEND_UNDECIDED)
		return err_set(e, ERR_USAGE, "--send is all or new, not \"%.40s\"", word);
	return 0;
}

/* As another device than before; 0: this unit was unpaired meanwhile. */
static int print_left(struct store *store, int64_t device_id, struct err *e)
{
	struct copies copies;
	char rows[SHORT_TEXT], whose[SHORT_TEXT];
	int rc = copies_read(store, &copies, e);
	if (rc)
		return rc;
	if (device_id)
		snprintf(whose, sizeof whose, "device %" PRId64, device_id);
	else
		snprintf(whose, sizeof whose, "another device");
	printf("what is recorded from now on belongs to store %s; what was before is %s's\n", store_id(store), whose);
	if (copies.left_unsent)
		printf("%s of before unsent, and kept until this unit is paired as that device again: alzy-central device pair "
		       "--again\n",
		       text_counted(copies.left_unsent, "row", rows));
	return 0;
}

/* `before` is what the store was called. */
static int print_centre(const struct cli *cli, const struct store_centre *centre, const char *before,
                        int64_t device_before, bool json, struct err *e)
{
	if (!json) {
		char shown[SHOWN_TEXT];
		printf("paired with %s as device %" PRId64 " (%s)\n", centre->url, centre->device_id,
		       text_shown(centre->device_name, shown));
		return strcmp(before, store_id(cli->store)) ? print_left(cli->store, device_before, e) : 0;
	}
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "device_id", (double)centre->device_id);
	cJSON_AddStringToObject(object, "store_id", store_id(cli->store));
	cJSON_AddStringToObject(object, "device_name", centre->device_name);
	cJSON_AddStringToObject(object, "centre", centre->url);
	cli_print_json(object);
	return 0;
}

static int pair(struct cli *cli, const struct pairing_link *link, bool new_key, enum engine_send send, bool json,
                struct err *e)
{
	struct store_centre before = {0}, centre;
	struct lock *lock = NULL;
	char name[UUID_TEXT];
	bool paired;
	int rc = engine_lock(&lock, cli->conf.store_path, LOCK_WAIT_MS, e);
	snprintf(name, sizeof name, "%s", store_id(cli->store));
	if (!rc)
		rc = store_centre_get(cli->store, &before, &paired, e);
	if (!rc)
		rc = exchange_keys(cli, link, new_key, send, &centre, e);
	if (!rc)
		rc = print_centre(cli, &centre, name, before.device_id, json, e);
	lock_free(lock);
	return rc;
}

int cli_pair(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct pairing_link link;
	const char *text = NULL, *which = NULL;
	enum engine_send send = ENGINE_SEND_UNDECIDED;
	char typed[PAIRING_LINK_TEXT];
	bool new_key = false, json = false, help;
	const struct arg args[] = {
		{"LINK", ARG_TEXT, &text, .help = "as alzy-central device pair prints it; - reads standard input",
	     .required = true},
		{"--new-key", ARG_FLAG, &new_key, .help = "with a new key in place of the one that this unit has"},
		{"--send", ARG_TEXT, &which, "all|new",
	     "which rows a centre gets when the store was with another one: all that are here, or those from now on", false,
	     NULL},
		{"--json", ARG_FLAG, &json, .help = "print device and centre as JSON"},
	};
	int rc = args_read(argc, argv, "alzy pair", "Pairs this unit with a centre, which it then sends its rows to.", args,
	                   4, NULL, &help, e);
	if (!rc)
		rc = read_send(which, &send, e);
	if (rc || help)
		return rc;
	if (!strcmp(text, "-")) {
		rc = read_link(typed, e);
		text = typed;
	}
	if (!rc)
		rc = pairing_link_parse(text, &link, e);
	if (!rc)
		rc = cli_open(&cli, STORE_CREATE, e);
	if (!rc)
		rc = check_user(&cli, e);
	if (!rc)
		rc = pair(&cli, &link, new_key, send, json, e);
	cli_close(&cli);
	return rc;
}
