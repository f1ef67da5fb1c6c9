/* Proves what the centre holds of this store: both sides compare digests of the rows that they really have. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/engine_verify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { LOCK_WAIT_MS = 10000 };

struct verifying {
	struct verify_report report;
	struct engine_report sent; /* by a repair */
	bool repaired;
};

static int64_t named(const struct verify_report *report, enum verify_fate fate)
{
	int64_t rows = 0;
	for (int s = 0; s < STREAM_COUNT; s++)
		rows += ranges_total(&report->results[s].fates[fate]);
	return rows;
}

static int verify_and_repair(struct cli *cli, bool repair, struct verifying *out, struct err *e)
{
	struct engine_options options = {.batch_points = cli->conf.batch_points};
	struct verify_report *report = &out->report;
	struct key_pair keys;
	struct carrier *carrier;
	struct store_centre centre;
	int rc = cli_centre(cli, &centre, &keys, e);
	if (rc)
		return rc;
	rc = carrier_https(&carrier, centre.url, cli->conf.sync_ca_file, cli->conf.sync_timeout_ms, e);
	if (rc) {
		keys_wipe(&keys);
		return rc;
	}
	signal(SIGPIPE, SIG_IGN);
	rc = engine_verify(cli->store, &keys, carrier, report, e);
	if (!rc && repair && named(report, VERIFY_MISSING) + named(report, VERIFY_LOST) + named(report, VERIFY_DIFFERING)) {
		rc = engine_repair(cli->store, &keys, carrier, report, &options, &out->sent, e);
		verify_report_free(report);
		out->repaired = !rc;
		if (!rc)
			rc = engine_verify(cli->store, &keys, carrier, report, e);
	}
	carrier->close(carrier);
	keys_wipe(&keys);
	return rc;
}

/* What the exit status says. */
static int judge(const struct verify_report *report, struct err *e)
{
	int64_t unsent = named(report, VERIFY_UNSENT), others = 0;
	for (int fate = VERIFY_UNSENT + 1; fate < VERIFY_FATES; fate++)
		others += named(report, (enum verify_fate)fate);
	if (others)
		return err_set(e, ERR_DIFFERS, "%" PRId64 " rows are not at the centre as they were recorded", others);
	return unsent ? err_set(e, ERR_UNSENT, "%" PRId64 " rows are still unsent", unsent) : 0;
}

static void print_text(const struct verifying *done)
{
	static const struct {
		enum verify_fate fate;
		const char *advice;
	} advices[] = {
		{VERIFY_REJECTED, "alzy queue --rejected says why the centre keeps them aside"},
		{VERIFY_UNSENT, "alzy sync sends them"},
		{VERIFY_MISSING, "the centre had them once: alzy verify --repair sends them again"},
		{VERIFY_UNPROVEN,
	     "the centre has rows there; here only the digest of a block is left, of which a part is gone"},
		{VERIFY_LOST, "the centre had them once, and here they are pruned: nobody has them any more (alzy queue drop "
	                  "settles it)"},
		{VERIFY_DIFFERING, "the centre has them with other content, which nobody overwrites: alzy verify --repair puts "
	                       "those of this unit beside them, as conflicts"},
		{VERIFY_ADDED, "somebody else has written them, or this store is an older copy of itself"},
		{VERIFY_GONE, "they are no longer in this store, and the centre has never had them"},
	};
	char sentence[VERIFY_SENTENCE_TEXT], points[SHORT_TEXT], events[SHORT_TEXT];
	if (done->repaired)
		printf("sent %s and %s again\n", text_counted(done->sent.points, "point", points),
		       text_counted(done->sent.events, "event", events));
	puts(verify_sentence(done->report.results, sentence));
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (named(&done->report, advices[i].fate))
			printf("%-9s %s\n", verify_fate_name(advices[i].fate), advices[i].advice);
}

static void add_stream(cJSON *object, enum stream stream, const struct verify_result *result)
{
	cJSON *one = cJSON_AddObjectToObject(object, stream_name(stream));
	cJSON_AddNumberToObject(one, "last_seq", (double)result->last);
	for (int fate = 0; fate < VERIFY_FATES; fate++)
		json_add_ranges(one, verify_fate_name((enum verify_fate)fate), &result->fates[fate]);
}

static void print_json(const struct cli *cli, const struct verifying *done, int rc, const struct err *e)
{
	char sentence[VERIFY_SENTENCE_TEXT];
	bool known = !rc || e->code == ERR_DIFFERS || e->code == ERR_UNSENT;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "store_id", store_id(cli->store));
	cJSON_AddBoolToObject(object, "whole", !rc);
	json_add_text_or_null(object, "sentence", known ? verify_sentence(done->report.results, sentence) : "");
	for (int s = 0; s < STREAM_COUNT && known; s++)
		add_stream(object, (enum stream)s, &done->report.results[s]);
	cJSON_AddNumberToObject(object, "sent_again", (double)(done->sent.points + done->sent.events));
	cJSON_AddNumberToObject(object, "exchanges", (double)done->report.exchanges);
	cJSON_AddNumberToObject(object, "bytes_sent", (double)(done->report.bytes_sent + done->sent.bytes_sent));
	cJSON_AddNumberToObject(object, "bytes_received",
	                        (double)(done->report.bytes_received + done->sent.bytes_received));
	json_add_text_or_null(object, "error", rc ? err_name(e->code) : "");
	cli_print_json(object);
}

int cli_verify(int argc, char **argv, struct err *e)
{
	struct cli cli = {0};
	struct verifying done = {0};
	struct lock *lock = NULL;
	bool repair = false, json = false, help;
	const struct arg args[] = {
		{"--repair", ARG_FLAG, &repair, .help = "send again what the centre lacks, or holds with other content"},
		{"--json", ARG_FLAG, &json, .help = "print JSON, with every range"},
	};
	int rc = args_read(argc, argv, "alzy verify",
	                   "Proves what the centre holds of this store: both sides compare digests of the rows that they "
	                   "really have.",
	                   args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = cli_open(&cli, repair ? STORE_WRITE : STORE_READ, e);
	if (!rc)
		rc = engine_lock(&lock, cli.conf.store_path, LOCK_WAIT_MS, e);
	if (!rc) {
		rc = verify_and_repair(&cli, repair, &done, e);
		bool known = !rc;
		if (known)
			rc = judge(&done.report, e);
		if (json)
			print_json(&cli, &done, rc, e);
		else if (known)
			print_text(&done);
	}
	verify_report_free(&done.report);
	lock_free(lock);
	cli_close(&cli);
	return rc;
}
