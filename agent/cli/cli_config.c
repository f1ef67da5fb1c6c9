/* The configuration: is it right, can it work here, and what does it say with the defaults. */
#include "agent/cli/advice.h"
#include "agent/cli/cli.h"
#include "hal/args.h"

#include <stdio.h>
#include <string.h>

static int read_config(int argc, char **argv, const char *verb, const char *summary, bool *out_json, bool *out_help,
                       const char **out_path, struct conf_unit *out, struct err *e)
{
	const char *file = NULL;
	const struct arg args[] = {
		{"FILE", ARG_TEXT, &file, .help = "instead of the standard one"},
		{"--json", ARG_FLAG, out_json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, verb, summary, args, 2, NULL, out_help, e);
	if (rc || *out_help)
		return rc;
	*out_path = conf_path(file, CONF_UNIT_STANDARD);
	return conf_load(&conf_unit_table, *out_path, out, e);
}

static void add_warning(const char *text, void *user)
{
	cJSON_AddItemToArray(user, cJSON_CreateString(text));
}

static void print_warning(const char *text, void *user)
{
	(void)user;
	printf("warning: %s\n", text);
}

int cli_config_check(int argc, char **argv, struct err *e)
{
	struct conf_unit conf;
	const char *path = NULL;
	bool json = false, help;
	int rc = read_config(argc, argv, "alzy config check", "Reads the configuration and says whether it is right.",
	                     &json, &help, &path, &conf, e);
	if (rc || help)
		return rc;
	if (json) {
		cJSON *object = cJSON_CreateObject();
		cJSON_AddItemToObject(object, "path", path ? cJSON_CreateString(path) : cJSON_CreateNull());
		cJSON_AddTrueToObject(object, "ok");
		advice_on_config(&conf, add_warning, cJSON_AddArrayToObject(object, "warnings"));
		cli_print_json(object);
		return 0;
	}
	if (path)
		printf("%s is right\n", path);
	else
		printf("there is no %s: the defaults hold\n", CONF_UNIT_STANDARD);
	advice_on_config(&conf, print_warning, NULL);
	return 0;
}

static void show_json(const struct conf_unit *conf)
{
	cJSON *object = cJSON_CreateObject(), *section = NULL;
	for (size_t i = 0; i < conf_unit_table.count; i++) {
		const struct conf_key *key = &conf_unit_table.keys[i];
		char value[CONF_TEXT_MAX];
		if (!section || strcmp(section->string, key->section))
			section = cJSON_AddObjectToObject(object, key->section);
		conf_format(key, conf, value, sizeof value);
		if (key->type == CONF_COUNT && !(key->word && !strcmp(value, key->word)))
			cJSON_AddRawToObject(section, key->name, value);
		else
			cJSON_AddStringToObject(section, key->name, value);
	}
	cli_print_json(object);
}

/* In the form of the file, so that it can be made into one. */
static void show_text(const struct conf_unit *conf)
{
	const char *section = "";
	for (size_t i = 0; i < conf_unit_table.count; i++) {
		const struct conf_key *key = &conf_unit_table.keys[i];
		char value[CONF_TEXT_MAX];
		if (strcmp(section, key->section))
			printf("%s[%s]\n", i ? "\n" : "", key->section);
		section = key->section;
		printf("# %s\n%s = %s\n", key->help, key->name, conf_format(key, conf, value, sizeof value));
	}
}

int cli_config_show(int argc, char **argv, struct err *e)
{
	struct conf_unit conf;
	const char *path = NULL;
	bool json = false, help;
	int rc = read_config(argc, argv, "alzy config show", "Shows every setting, as the file and the defaults have it.",
	                     &json, &help, &path, &conf, e);
	if (rc || help)
		return rc;
	if (json)
		show_json(&conf);
	else
		show_text(&conf);
	return 0;
}
