/* The state of a unit at a glance, once or every second. */
#include "agent/cli/cli.h"
#include "agent/cli/status.h"
#include "agent/cli/watch.h"
#include "hal/args.h"
#include "hal/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { WATCH_MS = 1000 };

static int show(const struct cli *cli, bool json, struct err *e)
{
	struct status s;
	int rc = status_gather(cli, &s, e);
	if (rc)
		return rc;
	if (json)
		cli_print_json(status_json(cli->store, &s));
	else
		status_print(cli->store, &s);
	return 0;
}

static int show_page(void *user, FILE *out, struct err *e)
{
	const struct cli *cli = user;
	struct status s;
	int rc = status_gather(cli, &s, e);
	if (!rc)
		status_print_page(cli->store, &s, out);
	return rc;
}

/* Until somebody interrupts. On a terminal each picture takes the place of the one before. */
static int watch_status(struct cli *cli, bool json, struct err *e)
{
	if (!json && isatty(STDOUT_FILENO))
		return watch(show_page, cli, e);
	for (;;) {
		int rc = show(cli, json, e);
		if (rc)
			return rc;
		if (!json)
			putchar('\n');
		if (fflush(stdout))
			return err_errno(e, ERR_IO, "can't write the output");
		clock_sleep_ms(WATCH_MS);
	}
}

int cli_status(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	bool json = false, watching = false, help;
	const struct arg args[] = {
		{"--watch", ARG_FLAG, &watching, .help = "again every second, with the sky, until q or ^C"},
		{"--json", ARG_FLAG, &json, .help = "print JSON"},
	};
	int rc = args_read(argc, argv, "alzy status", "Shows the state of this unit.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_READ, e);
	if (!rc)
		rc = watching ? watch_status(&cli, json, e) : show(&cli, json, e);
	cli_close(&cli);
	return rc;
}
