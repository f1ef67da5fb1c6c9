/* The unit's side of a proof (verify.h): asks the centre until it is known what becomes of every row. */
#ifndef ALZY_SYNC_ENGINE_VERIFY_H
#define ALZY_SYNC_ENGINE_VERIFY_H

#include "hal/err.h"
#include "store/identity.h"
#include "store/store.h"
#include "sync/carrier.h"
#include "sync/engine.h"
#include "sync/keys.h"
#include "sync/verify.h"

#include <stdint.h>

struct verify_report {
	struct verify_result results[STREAM_COUNT];
	int64_t exchanges, bytes_sent, bytes_received;
	int64_t retry_ms; /* what the centre asked to wait; 0: nothing */
};
void verify_report_free(struct verify_report *report); /* leaves it zeroed */

/* Compares all rows that this identity of the store has with those of the centre. Changes nothing on either side. The caller
 * holds engine_lock, so that nobody sends meanwhile. On failure *report is empty. ERR_STATE when not paired. */
int engine_verify(const struct channel *channel, const struct identity *identity, struct verify_report *report,
                  struct err *e);

/* The centre has asked for a proof (report->verify_ms): proves what it holds of each identity that has rows, and tells it
 * what came of that. What it had once and has lost is sent again before, as by engine_repair; but nothing is that it has
 * with other content. report->proof is the sentence about the present identity, when it got so far; what was sent is added
 * to *report. */
int engine_prove(const struct channel *channel, const struct engine_options *options, struct engine_report *report,
                 struct err *e);

/* Sends again what `found` names as missing or differing, with all that is unsent: first the centre makes its ranges
 * true, then it takes what it does not have. A row that it has with other content stays as it is, and the unit's is
 * kept aside there as a conflict. options->again and store_id are set here. */
int engine_repair(const struct channel *channel, const struct identity *identity, const struct verify_report *found,
                  const struct engine_options *options, struct engine_report *report, struct err *e);

#endif
