/* alzy-central import PATH…: batches that came as files. What the gateway does with a request, this does with a file; one
 * that is refused hinders no other. */
#include "sync/central/verbs.h"

#include "hal/args.h"
#include "hal/file.h"
#include "hal/folder.h"
#include "hal/json.h"
#include "hal/text.h"
#include "sync/central/central_common.h"
#include "sync/central/exchange.h"
#include "sync/envelope.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILES_MAX = 100000, /* in one folder */
	BUSY_TRIES = 20,    /* each has waited for a second already */
};

static const char batch_suffix[] = ".batch", receipt_suffix[] = ".receipt";

struct import {
	struct central central;
	const char *receipts; /* the folder for them; NULL: beside the files */
	cJSON *files;         /* NULL: printed as lines */
	int64_t taken, failed;
	struct err first;  /* why the first that was refused or failed was */
	struct err broken; /* why nothing more can be taken, such as no database */
};

/* ---- one file ------------------------------------------------------------------------------------------------ */

/* "…/NAME.batch" → "…/NAME.receipt", in the folder for receipts when there is one. */
static int receipt_path(const struct import *in, const char *path, char out[PATH_MAX], struct err *e)
{
	char name[PATH_MAX];
	const char *from = in->receipts ? folder_base(path) : path;
	size_t length = strlen(from);
	if (folder_ends_in(from, batch_suffix))
		length -= strlen(batch_suffix);
	if (length + sizeof receipt_suffix > sizeof name)
		return err_set(e, ERR_LIMIT, "the path is too long");
	snprintf(name, sizeof name, "%.*s%s", (int)length, from, receipt_suffix);
	if (in->receipts)
		return folder_path(in->receipts, name, out, PATH_MAX, e);
	memcpy(out, name, sizeof name);
	return 0;
}

/* While the gateway has a batch of the same store under way, its row is locked. */
static int exchange_patiently(struct import *in, const struct buffer *bytes, struct buffer *answer,
                              struct receipt *receipt, struct err *e)
{
	struct letter letter;
	int checked = identity_check(&in->central.identity, bytes->bytes, bytes->length, &letter, e);
	int rc = checked ? checked : -ERR_BUSY;
	for (int i = 0; i < BUSY_TRIES && rc == -ERR_BUSY; i++) {
		answer->length = 0;
		rc = exchange_batch(in->central.pg, &in->central.identity, &letter, answer, receipt, e);
	}
	return rc;
}

static int take_file(struct import *in, const char *path, struct receipt *receipt, char wrote[PATH_MAX], struct err *e)
{
	struct buffer bytes = {0}, answer = {0};
	char to[PATH_MAX];
	int rc = receipt_path(in, path, to, e);
	if (!rc)
		rc = file_read(path, ENVELOPE_MAX, &bytes, e);
	if (!rc)
		rc = exchange_patiently(in, &bytes, &answer, receipt, e);
	if (!rc) {
		rc = file_write(to, answer.bytes, answer.length, 0644, e);
		if (rc)
			rc = err_wrap(e, "its rows are taken; import it again with --receipts DIR");
	}
	if (!rc)
		memcpy(wrote, to, PATH_MAX);
	buffer_free(&bytes);
	buffer_free(&answer);
	return rc;
}

/* ---- what is said of it -------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} counts[] = {
	{"new", offsetof(struct receipt_stream, fresh)},
	{"held", offsetof(struct receipt_stream, known)},
	{"rejected", offsetof(struct receipt_stream, refused)},
};

static int64_t count_of(const struct receipt *receipt, int stream, size_t i)
{
	return *(const int64_t *)((const char *)&receipt->streams[stream] + counts[i].offset);
}

static void add_json(cJSON *files, const char *name, const char *wrote, const struct receipt *receipt,
                     const struct err *why)
{
	cJSON *object = cJSON_CreateObject();
	char shown[SHOWN_TEXT];
	cJSON_AddStringToObject(object, "file", name);
	json_add_text_or_null(object, "store_id", receipt->store_id);
	if (receipt->exchange)
		cJSON_AddNumberToObject(object, "exchange", (double)receipt->exchange);
	else
		cJSON_AddNullToObject(object, "exchange");
	for (int s = 0; s < STREAM_COUNT; s++) {
		cJSON *stream = cJSON_AddObjectToObject(object, stream_name((enum stream)s));
		for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
			cJSON_AddNumberToObject(stream, counts[i].name, (double)count_of(receipt, s, i));
		cJSON_AddNumberToObject(stream, "conflicts", (double)ranges_total(&receipt->streams[s].conflicts));
	}
	json_add_text_or_null(object, "receipt", folder_shown(wrote, shown, sizeof shown));
	json_add_text_or_null(object, "error", why ? err_name(why->code) : "");
	json_add_text_or_null(object, "message", why ? why->text : "");
	cJSON_AddItemToArray(files, object);
}

static void print_counts(const char *before, int64_t points, int64_t events, const char *behind)
{
	char a[SHORT_TEXT], b[SHORT_TEXT];
	printf("%s %s and %s %s", before, text_counted(points, "point", a), text_counted(events, "event", b), behind);
}

/* They stay with the unit, which sends them again in a store of its own. */
static void print_conflicts(const struct receipt *receipt)
{
	int64_t points = ranges_total(&receipt->streams[STREAM_POINTS].conflicts);
	int64_t events = ranges_total(&receipt->streams[STREAM_EVENTS].conflicts);
	if (points || events)
		print_counts(",", points, events, "not taken, for another copy of this store has sent others as these");
}

static void print_line(const char *name, const struct receipt *receipt, const struct err *why)
{
	printf("%s:", name);
	if (receipt->exchange && !receipt->standing)
		for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
			print_counts(i ? "," : "", count_of(receipt, STREAM_POINTS, i), count_of(receipt, STREAM_EVENTS, i),
			             counts[i].name);
	print_conflicts(receipt);
	if (why)
		printf("%s: %s",
		       receipt->standing          ? " refused"
		       : receipt->exchange        ? "; no receipt"
		       : err_retryable(why->code) ? " failed"
		                                  : " refused",
		       why->text);
	putchar('\n');
}

static void import_file(struct import *in, const char *path)
{
	struct receipt receipt = {0};
	struct err why = {0};
	char shown[SHOWN_TEXT], wrote[PATH_MAX] = "";
	int rc = take_file(in, path, &receipt, wrote, &why);
	if (!rc && receipt.standing)
		rc = err_set(&why, ERR_REFUSED, "nothing of it is taken: device %" PRId64 " (%s), or its key, was %s",
		             receipt.device_id, receipt.device_name, receipt_standing_name(receipt.standing));
	if (rc) {
		in->failed++;
		if (!in->first.code)
			in->first = why;
		/* What is wrong with one batch is no matter for the next, but without a database there is no next. */
		if (rc == -ERR_DATABASE && pg_ready(in->central.pg, &why))
			in->broken = why;
	} else {
		in->taken++;
	}
	folder_shown(path, shown, sizeof shown);
	folder_shown(why.text, why.text, sizeof why.text); /* it may have the path in it */
	if (in->files)
		add_json(in->files, shown, wrote, &receipt, rc ? &why : NULL);
	else
		print_line(shown, &receipt, rc ? &why : NULL);
	receipt_free(&receipt);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static int import_folder(struct import *in, const char *path, struct err *e)
{
	struct folder files = {0};
	int rc = folder_list(&files, path, batch_suffix, FILES_MAX, e);
	for (size_t i = 0; i < files.count && !rc && !in->broken.code; i++) {
		char file[PATH_MAX];
		rc = folder_path(path, files.names[i], file, sizeof file, e);
		if (!rc)
			import_file(in, file);
	}
	folder_free(&files);
	return rc;
}

static int import_path(struct import *in, const char *path, struct err *e)
{
	struct stat info;
	if (!stat(path, &info) && S_ISDIR(info.st_mode))
		return import_folder(in, path, e);
	import_file(in, path);
	return 0;
}

static int judge(const struct import *in, struct err *e)
{
	char files[SHORT_TEXT];
	if (in->broken.code)
		return err_set(e, in->broken.code, "%s", in->broken.text);
	if (in->failed)
		return err_set(e, in->first.code, "%" PRId64 " of %s refused or failed", in->failed,
		               text_counted(in->taken + in->failed, "file", files));
	if (!in->taken)
		return err_set(e, ERR_NOT_FOUND, "there is no file *%s in what was named", batch_suffix);
	return 0;
}

static int run(struct import *in, const struct args_rest *paths, struct err *e)
{
	struct stat info;
	if (in->receipts && (stat(in->receipts, &info) || !S_ISDIR(info.st_mode)))
		return err_set(e, ERR_NOT_FOUND, "--receipts %s: there is no such folder", in->receipts);
	int rc = central_open(&in->central, CENTRAL_KEY | CENTRAL_DATABASE, e);
	for (size_t i = 0; i < paths->count && !rc && !in->broken.code; i++)
		rc = import_path(in, paths->words[i], e);
	if (!rc)
		rc = judge(in, e);
	central_close(&in->central);
	return rc;
}

static void report_json(struct import *in, int rc, const struct err *e)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "taken", (double)in->taken);
	cJSON_AddNumberToObject(object, "failed", (double)in->failed);
	cJSON_AddItemToObject(object, "files", in->files);
	json_add_text_or_null(object, "error", rc ? err_name(e->code) : "");
	central_print_json(object);
}

int central_import(int argc, char **argv, struct err *e)
{
	struct import in = {0};
	struct args_rest paths = {.words = calloc((size_t)argc, sizeof *paths.words), .shown = "PATH…"};
	bool json = false, help = false;
	const struct arg args[] = {
		{"--receipts", ARG_TEXT, &in.receipts, "DIR", "write the receipts there, not beside the files", false, NULL},
		{"--json", ARG_FLAG, &json, NULL, "print one JSON object", false, NULL},
	};
	if (!paths.words)
		return err_set(e, ERR_MEMORY, "out of memory for a command line");
	int rc =
		args_read(argc, argv, "alzy-central import",
	              "Takes batches that alzy sync --to has written: files, and folders of *.batch. Beside each file it\n"
	              "writes a receipt, for alzy sync --from. The same file any number of times does no harm.",
	              args, 2, &paths, &help, e);
	if (!rc && !help && !paths.count)
		rc = err_set(e, ERR_USAGE, "which files or folders?");
	if (!rc && !help) {
		in.files = json ? cJSON_CreateArray() : NULL;
		rc = run(&in, &paths, e);
		if (json)
			report_json(&in, rc, e);
	}
	free(paths.words);
	return rc;
}
