/* What a proof has found to be wrong is made good. */
#include "sync/asking.h"
#include "sync/engine_verify.h"

#include <stdlib.h>
#include <string.h>

/* Rows of which the centre says too much: what is missing or lost, and what differs, for its stretch is no proof any more. */
static int mend(struct asking *asking, const struct verify_report *found, struct err *e)
{
	static const enum verify_fate wrong[] = {VERIFY_MISSING, VERIFY_LOST, VERIFY_DIFFERING};
	struct answer answer = {0};
	int rc = asking_begin(asking, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		for (size_t i = 0; i < sizeof wrong / sizeof *wrong && !rc; i++)
			rc = ranges_add_all(&asking->question.streams[s].mend, &found->results[s].fates[wrong[i]], e);
	if (!rc)
		rc = asking_ask(asking, &answer, e);
	answer_free(&answer);
	question_free(&asking->question);
	return rc;
}

/* Rows that the centre has named as conflicts: somebody there may have decided since, and then they are none. */
static int add_conflicts(const struct asking *asking, enum stream stream, struct ranges *seqs, struct err *e)
{
	struct store_rejected *rejected = NULL;
	struct ranges rows = {0}, named = {0};
	size_t count = 0;
	int rc = store_rejected_list(asking->channel->store, RANGES_MAX, &rejected, &count, e);
	for (size_t i = 0; i < count && !rc; i++)
		if (rejected[i].stream == stream && !strcmp(rejected[i].code, "conflict"))
			rc = ranges_add(&rows, rejected[i].seq, rejected[i].seq, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &rows, &named, e);
	if (!rc)
		rc = ranges_add_all(seqs, &named, e);
	free(rejected);
	ranges_free(&rows);
	ranges_free(&named);
	return rc;
}

/* What this unit still has of what is missing, differs or was a conflict. */
static int to_send_again(const struct asking *asking, enum stream stream, const struct verify_result *found,
                         struct ranges *out, struct err *e)
{
	struct ranges wrong = {0}, rows = {0}, gone = {0}, pruned = {0};
	int rc = ranges_copy(&wrong, &found->fates[VERIFY_MISSING], e);
	if (!rc)
		rc = ranges_add_all(&wrong, &found->fates[VERIFY_DIFFERING], e);
	if (!rc)
		rc = add_conflicts(asking, stream, &wrong, e);
	if (!rc)
		rc = identity_rows(asking->identity, stream, &wrong, &rows, e);
	if (!rc)
		rc = store_pruned(asking->channel->store, stream, &rows, &gone, e);
	if (!rc)
		rc = identity_seqs(asking->identity, stream, &gone, &pruned, e);
	if (!rc)
		rc = ranges_subtract(out, &wrong, &pruned, e);
	ranges_free(&wrong);
	ranges_free(&rows);
	ranges_free(&gone);
	ranges_free(&pruned);
	return rc;
}

int engine_repair(const struct channel *channel, const struct identity *identity, const struct verify_report *found,
                  const struct engine_options *options, struct engine_report *report, struct err *e)
{
	struct verify_report asked = {0};
	struct asking asking = {.channel = channel, .identity = identity, .report = &asked};
	struct ranges again[STREAM_COUNT] = {{0}};
	struct engine_options resend = *options;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = to_send_again(&asking, (enum stream)s, &found->results[s], &again[s], e);
	if (!rc)
		rc = mend(&asking, found, e);
	resend.again = again;
	resend.store_id = identity->store_id;
	if (!rc)
		rc = engine_run(channel, &resend, report, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&again[s]);
	return rc;
}
