#include "sync/prune.h"

#include "hal/clock.h"
#include "hal/conf.h"
#include "sync/unit_rows.h"

#include <string.h>

enum { PAUSE_MS = 20 };

/* Its rows are all of one identity. */
static int digest_as(struct store *store, const struct identity *identity, enum stream stream,
                     struct store_block *block, struct err *e)
{
	struct unit_rows rows = unit_rows(store, identity, stream);
	struct ranges dropped = {0};
	int64_t first = identity_seq(identity, stream, block->first);
	struct verify_block digested = {.first = first, .last = first + block->last - block->first};
	/* The centre does not have them. */
	int rc = store_dropped(store, stream, &dropped, e);
	if (!rc)
		rc = identity_seqs(identity, stream, &dropped, &rows.without, e);
	if (!rc)
		rc = verify_digest_blocks(&rows.source, &digested, 1, e);
	block->rows = digested.rows;
	memcpy(block->digest, digested.digest, sizeof block->digest);
	ranges_free(&dropped);
	ranges_free(&rows.without);
	return rc;
}

static int digest_block(struct store *store, enum stream stream, struct store_block *block, struct err *e)
{
	struct identity *all;
	size_t count, i = 0;
	int rc = identities_read(store, &all, &count, e);
	if (rc)
		return rc;
	while (i + 1 < count && !identity_seq(&all[i], stream, block->first))
		i++;
	rc = digest_as(store, &all[i], stream, block, e);
	identities_free(all, count);
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
