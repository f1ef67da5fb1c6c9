/* One question to the centre (verify.h), and its answer. */
#ifndef ALZY_SYNC_ASKING_H
#define ALZY_SYNC_ASKING_H

#include "hal/err.h"
#include "store/identity.h"
#include "store/store.h"
#include "sync/engine.h"
#include "sync/engine_verify.h"
#include "sync/verify.h"

struct asking {
	const struct channel *channel; /* borrowed, as all that is pointed to */
	const struct identity *identity;
	struct verify_report *report;
	struct store_centre centre;
	struct question question; /* question_free it */
};

/* Says in the question who asks. ERR_STATE when not paired. */
int asking_begin(struct asking *asking, struct err *e);

/* Asks asking->question, and counts that in the report. answer_free *out also after a failure. ERR_FORGED: what came is not of this
 * centre, or answers another question; ERR_REFUSED: the centre does not serve this unit; else the carrier's errors. */
int asking_ask(struct asking *asking, struct answer *out, struct err *e);

#endif
