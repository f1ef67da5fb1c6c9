/* Proves what the centre holds of this store: both sides compare digests of the rows that they really have. */
#include "agent/cli/cli.h"
#include "hal/args.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/engine_verify.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_WAIT_MS = 10000 };

/* One identity of the store, and what is proved of it. */
struct proof {
	struct identity identity;
	struct verify_report report;
	char refused[ERR_TEXT_MAX]; /* why the centre does not answer about a store that was left; "": it does */
};

struct verifying {
	struct proof *proofs; /* the present identity is the last */
	size_t count;
	struct engine_report sent; /* by a repair */
	bool repaired;
};

static void free_proofs(struct verifying *done)
{
	for (size_t i = 0; i < done->count; i++) {
		identity_free(&done->proofs[i].identity);
		verify_report_free(&done->proofs[i].report);
	}
	free(done->proofs);
	done->proofs = NULL;
	done->count = 0;
}

static int64_t named(const struct verify_report *report, enum verify_fate fate)
{
	int64_t rows = 0;
	for (int s = 0; s < STREAM_COUNT; s++)
		rows += ranges_total(&report->results[s].fates[fate]);
	return rows;
}

static int64_t named_in_all(const struct verifying *done, enum verify_fate fate)
{
	int64_t rows = 0;
	for (size_t i = 0; i < done->count; i++)
		rows += named(&done->proofs[i].report, fate);
	return rows;
}

/* The identities that have rows, and the present one. */
static int list_proofs(struct cli *cli, struct verifying *out, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(cli->store, &all, &count, e);
	if (rc)
		return rc;
	out->proofs = calloc(count, sizeof *out->proofs);
	if (!out->proofs)
		rc = err_set(e, ERR_MEMORY, "out of memory for a proof");
	for (size_t i = 0; i < count && !rc; i++) {
		if (!all[i].present && !all[i].streams[STREAM_POINTS].last && !all[i].streams[STREAM_EVENTS].last)
			continue;
		out->proofs[out->count++].identity = all[i];
		all[i] = (struct identity){0};
	}
	identities_free(all, count);
	return rc;
}

struct at_work {
	struct cli *cli;
	struct channel channel;
	struct verifying *out;
};

/* A store that was left may belong to another device by now. What of it is unsent stays so, and nothing more can be said. */
static int prove(struct at_work *w, struct proof *proof, struct err *e)
{
	struct err why = {0};
	int rc = engine_verify(&w->channel, &proof->identity, &proof->report, &why);
	if (rc != -ERR_REFUSED || proof->identity.present)
		return rc ? err_set(e, why.code, "%s", why.text) : 0;
	memcpy(proof->refused, why.text, sizeof proof->refused);
	rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = identity_unsent(w->cli->store, &proof->identity, (enum stream)s,
		                     &proof->report.results[s].fates[VERIFY_UNSENT], e);
	return rc;
}

static int prove_all(struct at_work *w, struct err *e)
{
	struct verifying *out = w->out;
	int rc = list_proofs(w->cli, out, e);
	for (size_t i = 0; i < out->count && !rc; i++)
		rc = prove(w, &out->proofs[i], e);
	return rc;
}

/* What is unsent goes the usual way: it may be found that rows are another copy's, and have other names then. Also when there is
 * nothing, the centre is asked: it may have gone back to an earlier state. */
static int send_unsent(struct at_work *w, struct err *e)
{
	struct engine_options options = {.batch_points = w->cli->conf.batch_points, .ask = true};
	struct engine_report sent;
	int rc = engine_run(&w->channel, &options, &sent, e);
	engine_report_add(&w->out->sent, &sent);
	return rc;
}

static int repair_all(struct at_work *w, struct err *e)
{
	struct engine_options options = {.batch_points = w->cli->conf.batch_points};
	struct verifying *out = w->out;
	int64_t rejected = 0; /* there may be conflicts that are none any more */
	int rc = store_rejected_count(w->cli->store, &rejected, e);
	for (size_t i = 0; i < out->count && !rc; i++) {
		struct proof *proof = &out->proofs[i];
		struct engine_report sent;
		if (proof->refused[0])
			continue;
		if (!rejected && !(named(&proof->report, VERIFY_MISSING) + named(&proof->report, VERIFY_LOST) +
		                   named(&proof->report, VERIFY_DIFFERING)))
			continue;
		rc = engine_repair(&w->channel, &proof->identity, &proof->report, &options, &sent, e);
		engine_report_add(&out->sent, &sent);
		out->repaired = true;
	}
	return rc;
}

static int by_address(struct cli *cli, const char *url, const struct key_pair *keys, bool repair, struct verifying *out,
                      struct err *e)
{
	struct at_work w = {.cli = cli, .channel = {.store = cli->store, .keys = keys}, .out = out};
	int rc = carrier_https(&w.channel.carrier, url, cli->conf.sync_ca_file, cli->conf.sync_timeout_ms, e);
	if (rc)
		return rc;
	if (repair)
		rc = send_unsent(&w, e);
	if (!rc || rc == -ERR_REFUSED)
		rc = prove_all(&w, e);
	if (!rc && repair)
		rc = repair_all(&w, e);
	if (!rc && out->repaired) {
		free_proofs(out);
		rc = prove_all(&w, e);
	}
	w.channel.carrier->close(w.channel.carrier);
	return rc;
}

/* By the address that the centre has announced last, else by the one that is known, as in engine_reach. */
static int verify_and_repair(struct cli *cli, bool repair, struct verifying *out, struct err *e)
{
	struct key_pair keys;
	struct store_centre centre;
	int rc = cli_centre(cli, &centre, &keys, e);
	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	bool announced = centre.next_url[0];
	rc = announced ? by_address(cli, centre.next_url, &keys, repair, out, e) : 0;
	if (rc) {
		free_proofs(out);
		*out = (struct verifying){0};
	}
	if (!announced || rc)
		rc = by_address(cli, centre.url, &keys, repair, out, e);
	keys_wipe(&keys);
	return rc;
}

/* What the exit status says. */
static int judge(const struct verifying *done, struct err *e)
{
	int64_t unsent = named_in_all(done, VERIFY_UNSENT), others = 0;
	for (int fate = VERIFY_UNSENT + 1; fate < VERIFY_FATES; fate++)
		others += named_in_all(done, (enum verify_fate)fate);
	char a[SHORT_TEXT];
	if (others)
		return err_set(e, ERR_DIFFERS, "%s %s not at the centre as %s recorded", text_counted(others, "row", a),
		               others == 1 ? "is" : "are", others == 1 ? "it was" : "they were");
	return unsent ? err_set(e, ERR_UNSENT, "%s %s still unsent", text_counted(unsent, "row", a),
	                        unsent == 1 ? "is" : "are")
	              : 0;
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
	for (size_t i = 0; i < done->count; i++) {
		const struct proof *proof = &done->proofs[i];
		if (!proof->identity.present)
			printf("store %s, which this unit has left: ", proof->identity.store_id);
		puts(proof->refused[0] ? proof->refused : verify_sentence(proof->report.results, sentence));
	}
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (named_in_all(done, advices[i].fate))
			printf("%-9s %s\n", verify_fate_name(advices[i].fate), advices[i].advice);
}

static void add_stream(cJSON *object, enum stream stream, const struct verify_result *result)
{
	cJSON *one = cJSON_AddObjectToObject(object, stream_name(stream));
	cJSON_AddNumberToObject(one, "last_seq", (double)result->last);
	for (int fate = 0; fate < VERIFY_FATES; fate++)
		json_add_ranges(one, verify_fate_name((enum verify_fate)fate), &result->fates[fate]);
}

static void add_proof(cJSON *object, const struct proof *proof)
{
	char sentence[VERIFY_SENTENCE_TEXT];
	json_add_text_or_null(object, "sentence",
	                      proof->refused[0] ? "" : verify_sentence(proof->report.results, sentence));
	for (int s = 0; s < STREAM_COUNT; s++)
		add_stream(object, (enum stream)s, &proof->report.results[s]);
}

static void print_json(const struct cli *cli, const struct verifying *done, int rc, const struct err *e)
{
	bool known = !rc || e->code == ERR_DIFFERS || e->code == ERR_UNSENT;
	int64_t exchanges = 0, bytes_sent = done->sent.bytes_sent, bytes_received = done->sent.bytes_received;
	cJSON *object = cJSON_CreateObject(), *left = cJSON_CreateArray();
	cJSON_AddStringToObject(object, "store_id", store_id(cli->store));
	cJSON_AddBoolToObject(object, "whole", !rc);
	for (size_t i = 0; i < done->count; i++) {
		const struct proof *proof = &done->proofs[i];
		cJSON *one = object;
		if (known && !proof->identity.present) {
			cJSON_AddItemToArray(left, one = cJSON_CreateObject());
			cJSON_AddStringToObject(one, "store_id", proof->identity.store_id);
			json_add_text_or_null(one, "refused", proof->refused);
		}
		if (known)
			add_proof(one, proof);
		exchanges += proof->report.exchanges;
		bytes_sent += proof->report.bytes_sent;
		bytes_received += proof->report.bytes_received;
	}
	if (!known)
		cJSON_AddNullToObject(object, "sentence");
	cJSON_AddItemToObject(object, "left", left);
	cJSON_AddNumberToObject(object, "sent_again", (double)(done->sent.points + done->sent.events));
	cJSON_AddNumberToObject(object, "exchanges", (double)exchanges);
	cJSON_AddNumberToObject(object, "bytes_sent", (double)bytes_sent);
	cJSON_AddNumberToObject(object, "bytes_received", (double)bytes_received);
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
			rc = judge(&done, e);
		if (json)
			print_json(&cli, &done, rc, e);
		else if (known)
			print_text(&done);
	}
	free_proofs(&done);
	lock_free(lock);
	cli_close(&cli);
	return rc;
}
