#include "agent/cli/advice.h"

#include "hal/power.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct advice {
	void (*take)(const char *text, void *user);
	void *user;
};

static void on_input(const struct advice *advice, const char *key, const char *spec)
{
	struct power_input *input = NULL;
	struct err e = {0};
	char text[ERR_TEXT_MAX + 32];
	bool on;
	int rc = power_open(&input, spec, &e);
	if (!rc && input)
		rc = power_read(input, &on, &e);
	power_close(input);
	if (!rc || rc == -ERR_BUSY)
		return;
	snprintf(text, sizeof text, "[power] %s: %s", key, e.text);
	advice->take(text, advice->user);
}

static void on_file(const struct advice *advice, const char *key, const char *path)
{
	char text[ERR_TEXT_MAX];
	if (!access(path, R_OK))
		return;
	snprintf(text, sizeof text, "%s: can't read %s: %s", key, path, strerror(errno));
	advice->take(text, advice->user);
}

void advice_on_config(const struct conf_unit *conf, void (*take)(const char *text, void *user), void *user)
{
	const struct advice advice = {take, user};
	on_input(&advice, "ignition", conf->ignition);
	on_input(&advice, "supply", conf->supply);
	if (conf->capture_session == CAPTURE_SESSION_IGNITION && !strcmp(conf->ignition, "none"))
		take("[capture] session: there is no [power] ignition, so journeys go by movement", user);
	if (!strncmp(conf->gnss_source, "replay:", 7))
		on_file(&advice, "[gnss] source", conf->gnss_source + 7);
	if (*conf->sync_ca_file)
		on_file(&advice, "[sync] ca_file", conf->sync_ca_file);
}
