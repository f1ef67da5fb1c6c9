/* Sends what is unsent, now and in the foreground; works without the daemon. By files: sync_files.h. */
#include "agent/cli/cli.h"
#include "agent/cli/sync_files.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/engine.h"
#include "sync/prune.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 10000, BAR_CELLS = 30, PRUNE_MS = 2000 };

/* The one thing that a signal handler can reach. */
static volatile bool interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = true;
}

/* The first Ctrl-C ends the run after the exchange under way, the second one at once. */
static void listen_for_interrupts(void)
{
	struct sigaction once = {.sa_handler = interrupt, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
	sigaction(SIGINT, &once, NULL);
	sigaction(SIGTERM, &once, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void draw_bar(const struct engine_report *report, int64_t total, void *user)
{
	(void)user;
	char size[SHORT_TEXT];
	int64_t done = report->points + report->events + report->sessions + report->rejected;
	int cells = total > 0 && done < total ? (int)(done * BAR_CELLS / total) : BAR_CELLS;
	fprintf(stderr, "\r[%.*s%*s] %" PRId64 " of %" PRId64 " rows, %s\033[K", cells, "##############################",
	        BAR_CELLS - cells, "", done, done > total ? done : total, text_size(report->bytes_sent, size));
}

static void erase_bar(void)
{
	fprintf(stderr, "\r\033[K");
}

static int run_engine(struct cli *cli, struct engine_report *report, struct err *e)
{
	struct store_centre centre;
	struct key_pair keys;
	bool bar = isatty(STDERR_FILENO);
	int rc = cli_centre(cli, &centre, &keys, e);
	if (rc)
		return rc;
	struct engine_way way = {cli->conf.sync_ca_file, cli->conf.sync_timeout_ms, -1};
	struct engine_options options = {
		.batch_points = cli->conf.batch_points, .ask = true, .progress = bar ? draw_bar : NULL, .stop = &interrupted};
	rc = engine_reach(cli->store, &keys, &way, &options, report, e);
	if (bar)
		erase_bar();
	keys_wipe(&keys);
	return rc;
}

/* What there is no time for, or the agent is in the way of, alzy-syncd or the next run does. */
static int prune(struct cli *cli, struct prune_report *report, struct err *e)
{
	int rc = interrupted ? 0 : prune_run(cli->store, cli->conf.keep_ms, PRUNE_MS, report, e);
	return rc == -ERR_BUSY ? 0 : rc ? err_wrap(e, "pruning the store") : 0;
}

/* For a run that did not get as far as the engine, which counts by itself. */
static void count_unsent(struct store *store, struct engine_report *report)
{
	struct store_backlog backlog;
	if (!store_backlog(store, &backlog, NULL))
		report->remaining = backlog.points + backlog.events + backlog.sessions;
}

static void print_sent(const struct engine_report *r)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], sessions[SHORT_TEXT];
	printf("sent      %s, %s, %s in %" PRId64 " batch%s, %.1f s\n", text_counted(r->points, "point", points),
	       text_counted(r->events, "event", events), text_counted(r->sessions, "session", sessions), r->batches,
	       r->batches == 1 ? "" : "es", (double)r->elapsed_ms / 1000);
	char sent[SHORT_TEXT], received[SHORT_TEXT];
	printf("bytes     %s sent, %s received", text_size(r->bytes_sent, sent), text_size(r->bytes_received, received));
	if (r->points)
		printf(", %.2f sent per point", (double)r->bytes_sent / (double)r->points);
	putchar('\n');
}

static void print_report(const struct engine_report *r, const struct prune_report *pruned)
{
	char points[SHORT_TEXT], events[SHORT_TEXT], rows[SHORT_TEXT];
	if (r->points + r->events + r->sessions + r->rejected || (r->batches && r->remaining))
		print_sent(r);
	else if (!r->remaining)
		puts("nothing is unsent");
	sync_print_said(r->rejected, r->forgotten, r->renamed);
	printf("central   accounts for %s and %s of this store\n", text_counted(r->held_points, "point", points),
	       text_counted(r->held_events, "event", events));
	if (r->remaining)
		printf("unsent    %s\n", text_counted(r->remaining, "row", rows));
	if (r->proof[0])
		printf("proved    to the centre, which has asked: %s\n", r->proof);
	if (pruned->rows[STREAM_POINTS] + pruned->rows[STREAM_EVENTS])
		printf("pruned    %s and %s, receipted long enough ago\n",
		       text_counted(pruned->rows[STREAM_POINTS], "point", points),
		       text_counted(pruned->rows[STREAM_EVENTS], "event", events));
}

static void print_report_json(const struct engine_report *r, const struct prune_report *pruned, int rc,
                              const struct err *e)
{
	const struct {
		const char *name;
		int64_t value;
	} counts[] = {
		{"points", r->points},
		{"events", r->events},
		{"sessions", r->sessions},
		{"batches", r->batches},
		{"bytes_sent", r->bytes_sent},
		{"bytes_received", r->bytes_received},
		{"rejected", r->rejected},
		{"refused_sessions", r->refused},
		{"renamed", r->renamed},
		{"remaining", r->remaining},
		{"held_points", r->held_points},
		{"held_events", r->held_events},
		{"pruned_points", pruned->rows[STREAM_POINTS]},
		{"pruned_events", pruned->rows[STREAM_EVENTS]},
	};
	cJSON *object = cJSON_CreateObject();
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cJSON_AddNumberToObject(object, counts[i].name, (double)counts[i].value);
	cJSON_AddNumberToObject(object, "seconds", (double)r->elapsed_ms / 1000);
	if (r->points)
		cJSON_AddNumberToObject(object, "bytes_per_point", (double)r->bytes_sent / (double)r->points);
	else
		cJSON_AddNullToObject(object, "bytes_per_point");
	cJSON_AddBoolToObject(object, "forgotten", r->forgotten);
	json_add_text_or_null(object, "proof", r->proof);
	json_add_text_or_null(object, "error", rc ? err_name(e->code) : "");
	cli_print_json(object);
}

static int by_network(struct cli *cli, bool json, struct err *e)
{
	struct engine_report report = {0};
	struct prune_report pruned = {0};
	char a[SHORT_TEXT];
	int rc = run_engine(cli, &report, e);
	if (rc && !report.remaining)
		count_unsent(cli->store, &report);
	if (!rc && report.remaining)
		rc = err_set(e, ERR_UNSENT, "%s %s still unsent%s%s", text_counted(report.remaining, "row", a),
		             report.remaining == 1 ? "is" : "are", report.refused ? "; the centre refuses " : "",
		             report.refusal);
	if (!rc)
		rc = prune(cli, &pruned, e);
	if (json)
		print_report_json(&report, &pruned, rc, e);
	else if (!rc || report.batches)
		print_report(&report, &pruned);
	return rc;
}

int cli_sync(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct lock *lock = NULL;
	const char *to = NULL, *from = NULL;
	bool json = false, help;
	const struct arg args[] = {
		{"--to", ARG_TEXT, &to, "DIR", "write what is unsent as files there, for alzy-central import", false, NULL},
		{"--from", ARG_TEXT, &from, "DIR", "take the receipts that alzy-central import has written there", false, NULL},
		{"--json", ARG_FLAG, &json, NULL, "print the summary as JSON", false, NULL},
	};
	int rc = args_read(argc, argv, "alzy sync",
	                   "Sends all that is unsent to the centre, and hears what it has changed, now; or carries it "
	                   "there and back by files.",
	                   args, 3, NULL, &help, e);
	if (!rc && to && from)
		rc = err_set(e, ERR_USAGE, "--to and --from are two errands: one after the other");
	if (rc || help)
		return rc;
	rc = cli_open(&cli, STORE_WRITE, e);
	if (!rc)
		rc = engine_lock(&lock, cli.conf.store_path, LOCK_WAIT_MS, e);
	if (!rc) {
		listen_for_interrupts();
		rc = to     ? sync_files_write(&cli, to, &interrupted, json, e)
		     : from ? sync_files_take(&cli, from, json, e)
		            : by_network(&cli, json, e);
	}
	lock_free(lock);
	cli_close(&cli);
	return rc;
}
