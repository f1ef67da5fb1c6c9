/* Receipts that come back as files. */
#include "sync/bundle.h"

#include "hal/file.h"
#include "hal/folder.h"
#include "store/identity.h"
#include "sync/envelope.h"
#include "sync/receive.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FORMER_MAX = 16 };

struct taking {
	struct store *store;
	const struct key_pair *keys;
	const char *folder;
	struct store_centre centre;             /* exchange_applied goes on with each */
	uint8_t former[FORMER_MAX][KEY_PUBLIC]; /* its keys before */
	size_t former_count;
	struct identity *identities;
	size_t identity_count;
	struct bundle_receipts *receipts;
};

/* A receipt of this store, not yet applied. Its content is read again when its turn comes, to keep memory flat. */
struct candidate {
	const char *name;
	int64_t exchange;
};

const char *bundle_fate_name(enum bundle_fate fate)
{
	static const char *const names[] = {"applied", "older", "others", "refused"};
	return names[fate];
}

static void settle(struct taking *t, const char *name, enum bundle_fate fate, const struct err *why)
{
	t->receipts->counts[fate]++;
	if (t->receipts->each)
		t->receipts->each(name, fate, why, t->receipts->user);
}

static int read_receipt(const struct taking *t, const char *name, struct receipt *out, struct err *e)
{
	char path[PATH_MAX];
	struct buffer bytes = {0};
	int rc = folder_path(t->folder, name, path, sizeof path, e);
	if (!rc)
		rc = file_read(path, ENVELOPE_MAX, &bytes, e);
	if (!rc)
		rc = receive_open(bytes.bytes, bytes.length, t->keys, t->centre.public_key, out, e);
	/* It may have been on its way since before the centre had its present key. What it announces is of then. */
	for (size_t i = 0; i < t->former_count && rc == -ERR_FORGED; i++) {
		rc = receive_open(bytes.bytes, bytes.length, t->keys, t->former[i], out, e);
		if (!rc) {
			out->announces_key = false;
			memcpy(out->url, t->centre.next_url, sizeof out->url);
		}
	}
	buffer_free(&bytes);
	return rc;
}

static bool is_mine(const struct taking *t, const char *store_id)
{
	for (size_t i = 0; i < t->identity_count; i++)
		if (!strcmp(t->identities[i].store_id, store_id))
			return true;
	return false;
}

/* Of two copies of one store each makes its own exchange 17, and what the centre says of one means nothing for the
 * other. */
static int check_answers(const struct taking *t, const struct receipt *receipt, struct err *e)
{
	bool written = false;
	if (receipt->exchange <= t->centre.exchange_applied)
		return 0; /* and so it says nothing */
	int rc = store_is_written(t->store, receipt->exchange, receipt->batch_digest, &written, e);
	if (rc || written)
		return rc;
	if (receipt->exchange > t->centre.exchange_sent)
		return err_set(e, ERR_STATE,
		               "it answers exchange %" PRId64 ", and this store has made %" PRId64
		               " so far: the store was copied, or restored from a copy",
		               receipt->exchange, t->centre.exchange_sent);
	return err_set(e, ERR_STATE,
	               "it answers another batch than exchange %" PRId64
	               " of this store: the store was copied, or restored from a copy",
	               receipt->exchange);
}

/* Whether the file holds a receipt that this store may take; settles it when not. Another unit's can't be told from a
 * forged one but by its name, since it is sealed. */
static bool open_receipt(struct taking *t, const char *name, struct receipt *out)
{
	char named[UUID_TEXT];
	struct err why = {0};
	if (bundle_name_store(name, named) && !is_mine(t, named)) {
		settle(t, name, BUNDLE_OTHERS, NULL);
		return false;
	}
	struct receipt receipt = {0};
	int rc = read_receipt(t, name, &receipt, &why);
	bool mine = !rc && is_mine(t, receipt.store_id);
	if (mine)
		rc = check_answers(t, &receipt, &why);
	if (mine && !rc) {
		*out = receipt;
		return true;
	}
	settle(t, name, rc ? BUNDLE_REFUSED : BUNDLE_OTHERS, rc ? &why : NULL);
	receipt_free(&receipt);
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	return x->exchange != y->exchange ? (x->exchange > y->exchange) - (x->exchange < y->exchange)
	                                  : strcmp(x->name, y->name);
}

static size_t find_candidates(struct taking *t, const struct folder *files, struct candidate *out)
{
	size_t count = 0;
	for (size_t i = 0; i < files->count; i++) {
		struct receipt receipt;
		if (!open_receipt(t, files->names[i], &receipt))
			continue;
		out[count++] = (struct candidate){files->names[i], receipt.exchange};
		receipt_free(&receipt);
	}
	return count;
}

static void note_said(struct bundle_receipts *receipts, const struct receipt *receipt)
{
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct receipt_stream *said = &receipt->streams[s];
		receipts->renamed += ranges_total(&said->conflicts);
		for (size_t i = 0; i < said->rejected_count; i++)
			receipts->rejected += ranges_contain(&said->confirmed, said->rejected[i].seq);
	}
	receipts->forgotten = receipts->forgotten || receipt->forgotten;
	receipts->verify_ms = receipt->verify_ms;
	receipts->stopped = (struct err){0};
	if (receipt->standing)
		receipt_standing_explain(receipt->standing, receipt->device_id, receipt->device_name, &receipts->stopped);
}

static int take_one(struct taking *t, const char *name, struct err *e)
{
	struct receipt receipt;
	bool applied = false;
	if (!open_receipt(t, name, &receipt))
		return 0;
	int rc = receive_apply(t->store, &receipt, &applied, e);
	if (!rc)
		settle(t, name, applied ? BUNDLE_APPLIED : BUNDLE_OLDER, NULL);
	if (!rc && applied) {
		t->centre.exchange_applied = receipt.exchange;
		note_said(t->receipts, &receipt);
	}
	receipt_free(&receipt);
	return rc;
}

int bundle_take(struct store *store, const struct key_pair *keys, const char *folder, struct bundle_receipts *receipts,
                struct err *e)
{
	struct taking t = {.store = store, .keys = keys, .folder = folder, .receipts = receipts};
	struct folder files = {0};
	bool paired;
	int rc = store_centre_get(store, &t.centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	if (!rc)
		rc = identities_read(store, &t.identities, &t.identity_count, e);
	if (!rc)
		rc = store_centre_former_keys(store, t.former, FORMER_MAX, &t.former_count, e);
	if (!rc)
		rc = folder_list(&files, folder, BUNDLE_RECEIPT, BUNDLE_FILES_MAX, e);
	struct candidate *candidates = rc ? NULL : calloc(files.count + 1, sizeof *candidates);
	if (!rc && !candidates)
		rc = err_set(e, ERR_MEMORY, "out of memory for receipts");
	size_t count = rc ? 0 : find_candidates(&t, &files, candidates);
	if (count)
		qsort(candidates, count, sizeof *candidates, compare);
	for (size_t i = 0; i < count && !rc; i++)
		rc = take_one(&t, candidates[i].name, e);
	identities_free(t.identities, t.identity_count);
	free(candidates);
	folder_free(&files);
	return rc;
}
