/* alzy-central show FILE: any batch, in full, for people. */
#include "sync/central/verbs.h"

#include "hal/args.h"
#include "hal/file.h"
#include "sync/batch.h"
#include "sync/central/central_common.h"
#include "sync/envelope.h"

#include <stdio.h>
#include <stdlib.h>

static int read_batch(const char *path, const struct identity *centre, struct batch *out, struct err *e)
{
	struct buffer envelope = {0}, document = {0};
	struct envelope_head head;
	struct letter letter;
	size_t index;
	int rc = file_read(path, ENVELOPE_MAX, &envelope, e);
	if (!rc)
		rc = envelope_peek(envelope.bytes, envelope.length, &head, e);
	if (!rc && head.kind != ENVELOPE_BATCH)
		rc = err_set(e, ERR_INVALID, "this envelope is no batch: only its recipient can open it");
	if (!rc)
		rc = identity_check(centre, envelope.bytes, envelope.length, &letter, e);
	if (!rc)
		rc = identity_open(centre, &letter, &document, &index, e);
	if (!rc)
		rc = batch_decode(document.bytes, document.length, out, e);
	buffer_free(&envelope);
	buffer_free(&document);
	return rc ? err_wrap(e, "%s", path) : 0;
}

static int print_batch(const struct batch *batch, bool one_line, struct err *e)
{
	char *text = batch_to_json(batch);
	if (text && !one_line) {
		cJSON *value = cJSON_Parse(text);
		free(text);
		text = cJSON_Print(value);
		cJSON_Delete(value);
	}
	if (!text)
		return err_set(e, ERR_MEMORY, "out of memory for the text of a batch");
	int written = puts(text);
	free(text);
	return written < 0 || fflush(stdout) ? err_errno(e, ERR_IO, "can't write to standard output") : 0;
}

int central_show(int argc, char **argv, struct err *e)
{
	const char *path = NULL;
	bool json = false, help = false;
	const struct arg args[] = {
		{"FILE", ARG_TEXT, &path, .help = "the envelope, as a unit has sent or written it", .required = true},
		{"--json", ARG_FLAG, &json, .help = "on one line"},
	};
	struct central central = {0};
	struct batch batch = {0};
	int rc = args_read(argc, argv, "alzy-central show", "Prints a batch in full, as JSON.", args, 2, NULL, &help, e);
	if (rc || help)
		return rc;
	rc = central_open(&central, CENTRAL_KEY, e);
	if (!rc)
		rc = read_batch(path, &central.identity, &batch, e);
	if (!rc)
		rc = print_batch(&batch, json, e);
	batch_free(&batch);
	central_close(&central);
	return rc;
}
