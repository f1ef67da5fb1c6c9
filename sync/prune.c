#include "sync/prune.h"

#include "hal/clock.h"
#include "hal/conf.h"
#include "sync/unit_rows.h"

#include <string.h>

enum { PAUSE_MS = 20 };

static int digest_block(struct store *store, enum stream stream, struct store_block *block, struct err *e)
{
	struct unit_rows rows = unit_rows(store, stream);
	struct verify_block digested = {.first = block->first, .last = block->last};
	/* The centre does not have them. */
	int rc = store_dropped(store, stream, &rows.without, e);
	if (!rc)
		rc = verify_digest_blocks(&rows.source, &digested, 1, e);
	block->rows = digested.rows;
	memcpy(block->digest, digested.digest, sizeof block->digest);
	ranges_free(&rows.without);
	return rc;
}

_Static_assert((int)BLOCK_DIGEST == (int)ROWS_DIGEST, "a block's digest is one of rows");

int prune_run(struct store *store, int64_t keep_ms, int64_t most_ms, struct prune_report *report, struct err *e)
{
	int64_t end_ms = clock_mono_ms() + most_ms;
	bool found = keep_ms != CONF_NEVER;
	int rc = 0;
	report->more = false;
	while (found && !rc && !report->more) {
		struct store_block block;
		enum stream stream;
		rc = store_prunable(store, keep_ms, &stream, &block, &found, e);
		if (rc || !found)
			break;
		/* Rows never change, so the digest is made before the store is locked for others. */
		rc = digest_block(store, stream, &block, e);
		if (!rc)
			rc = store_prune(store, stream, &block, keep_ms, e);
		if (!rc)
			report->rows[stream] += block.rows;
		report->more = !rc && clock_mono_ms() >= end_ms;
		clock_sleep_ms(PAUSE_MS);
	}
	return rc;
}
