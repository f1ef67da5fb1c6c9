/* A proof for whoever has asked for it at the centre. */
#include "sync/asking.h"
#include "sync/engine_verify.h"

#include <stdio.h>
#include <string.h>

struct proving {
	const struct channel *channel;
	const struct engine_options *options;
	struct engine_report *report;
	bool heals;  /* what the centre has lost is sent again first … */
	bool healed; /* … and was */
};

static int tell(const struct proving *p, const struct identity *identity, const struct verify_report *found,
                struct err *e)
{
	struct verify_report told = {0};
	struct asking asking = {.channel = p->channel, .identity = identity, .report = &told};
	struct question_proof *proof = &asking.question.proof;
	struct answer answer = {0};
	int rc = asking_begin(&asking, e);
	if (!rc) {
		proof->asked_ms = p->report->verify_ms;
		snprintf(proof->outcome, sizeof proof->outcome, "%s", verify_outcome(found->results));
		verify_sentence(found->results, proof->sentence);
		rc = asking_ask(&asking, &answer, e);
	}
	if (!rc && identity->present)
		memcpy(p->report->proof, proof->sentence, sizeof proof->sentence);
	answer_free(&answer);
	question_free(&asking.question);
	return rc;
}

/* Whoever asks for a proof wants the rows, and may be far from this unit. What differs is for people to decide. What can't be done
 * is seen when it is proved anew. */
static bool heal(const struct proving *p, const struct identity *identity, struct verify_report *found)
{
	struct engine_options options = {.batch_points = p->options->batch_points, .stop = p->options->stop};
	struct engine_report sent = {0};
	bool lost = false;
	for (int s = 0; s < STREAM_COUNT; s++)
		lost = lost || found->results[s].fates[VERIFY_MISSING].count || found->results[s].fates[VERIFY_LOST].count;
	if (!lost)
		return false;
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&found->results[s].fates[VERIFY_DIFFERING]);
	engine_repair(p->channel, identity, found, &options, &sent, NULL);
	engine_report_add(p->report, &sent);
	return true;
}

static int prove_identity(struct proving *p, const struct identity *identity, struct err *e)
{
	struct verify_report found = {0};
	int rc = engine_verify(p->channel, identity, &found, e);
	if (!rc && p->heals && heal(p, identity, &found))
		p->healed = true;
	else if (!rc)
		rc = tell(p, identity, &found, e);
	verify_report_free(&found);
	/* A store that was left may belong to another device by now, whose business it is. */
	return rc == -ERR_REFUSED && !identity->present ? 0 : rc;
}

static int prove_all(struct proving *p, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(p->channel->store, &all, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		if (all[i].present || all[i].streams[STREAM_POINTS].last || all[i].streams[STREAM_EVENTS].last)
			rc = prove_identity(p, &all[i], e);
	identities_free(all, count);
	return rc;
}

int engine_prove(const struct channel *channel, const struct engine_options *options, struct engine_report *report,
                 struct err *e)
{
	struct proving p = {.channel = channel, .options = options, .report = report, .heals = true};
	struct engine_options rest = {.batch_points = options->batch_points, .stop = options->stop};
	struct engine_report sent;
	int rc = prove_all(&p, e);
	if (rc || !p.healed)
		return rc;
	/* By what the centre says then, there may be more that it lacks. */
	rc = engine_run(channel, &rest, &sent, e);
	engine_report_add(report, &sent);
	p.heals = false;
	return rc ? rc : prove_all(&p, e);
}
