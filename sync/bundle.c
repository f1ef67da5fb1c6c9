#include "sync/bundle.h"

#include "hal/file.h"
#include "hal/folder.h"
#include "sync/envelope.h"
#include "sync/pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bundling {
	struct store *store;
	const struct key_pair *keys;
	const char *folder;
	const volatile bool *stop;
	struct bundle_report *report;
	struct store_centre centre;
	const struct identity *identity; /* whose rows are being written */
	struct packer packer;
	struct parcel parcel; /* the batch that is being written */
	struct parcel aboard; /* all of the identity that files in the folder carry */
};

/* ---- what a run before this one has left ------------------------------------------------------------------- */

static bool is_identity(const struct identity *all, size_t count, const char *store_id)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(all[i].store_id, store_id))
			return true;
	return false;
}

/* Killed, or its stick pulled out, it leaves a file that it was writing. Those of other units are theirs to remove. What fails here
 * hinders nothing. */
static void tidy_up(const struct bundling *b, const struct identity *all, size_t count)
{
	struct folder files = {0};
	if (folder_list(&files, b->folder, "", BUNDLE_FILES_MAX, NULL))
		return;
	for (size_t i = 0; i < files.count; i++) {
		char text[BUNDLE_NAME_TEXT], path[PATH_MAX];
		struct bundle_name name;
		if (file_part_of(files.names[i], text, sizeof text) && bundle_name_parse(text, &name) &&
		    is_identity(all, count, name.store_id) && !folder_path(b->folder, files.names[i], path, sizeof path, NULL))
			file_remove_part(path);
	}
	folder_free(&files);
}

/* ---- what the folder carries already --------------------------------------------------------------------- */

/* A name alone proves little: the file may be cut off, have suffered on the way, be for another centre, or be that of a
 * copy of this store. */
static bool is_ours(const struct bundling *b, const char *text, int64_t exchange)
{
	char path[PATH_MAX];
	struct buffer bytes = {0};
	uint8_t digest[ENVELOPE_DIGEST];
	bool ours = !folder_path(b->folder, text, path, sizeof path, NULL) && !file_read(path, ENVELOPE_MAX, &bytes, NULL);
	ours = ours &&
	       !envelope_check(bytes.bytes, bytes.length, ENVELOPE_BATCH, b->centre.public_key, b->keys->public_key, NULL);
	if (ours) {
		envelope_digest(bytes.bytes, bytes.length, digest);
		ours = !store_is_written(b->store, exchange, digest, &ours, NULL) && ours;
	}
	buffer_free(&bytes);
	return ours;
}

/* What of `part` is unsent goes into aboard; *out_new is how many rows that are. */
static int add_part(struct bundling *b, enum stream stream, const struct bundle_part *part, const struct ranges *unsent,
                    int64_t *out_new, struct err *e)
{
	struct ranges hull = {0}, common = {0};
	int64_t before = ranges_total(&b->aboard.sent[stream]);
	int rc = part->whole ? ranges_add(&hull, part->hull.first, part->hull.last, e) : 0;
	if (!rc)
		rc = ranges_intersect(&common, &hull, unsent, e);
	if (!rc)
		rc = ranges_add_all(&b->aboard.sent[stream], &common, e);
	*out_new = ranges_total(&b->aboard.sent[stream]) - before;
	ranges_free(&hull);
	ranges_free(&common);
	return rc;
}

static int look_at(struct bundling *b, const char *text, const struct ranges unsent[STREAM_COUNT], struct err *e)
{
	struct bundle_name name;
	int64_t added[STREAM_COUNT];
	if (!bundle_name_parse(text, &name) || strcmp(name.store_id, b->identity->store_id) ||
	    !is_ours(b, text, name.exchange))
		return 0;
	for (int s = 0; s < STREAM_COUNT; s++) {
		int rc = add_part(b, (enum stream)s, &name.parts[s], &unsent[s], &added[s], e);
		if (rc)
			return rc;
	}
	b->report->carried_points += added[STREAM_POINTS];
	b->report->carried_events += added[STREAM_EVENTS];
	b->report->carried_files += added[STREAM_POINTS] || added[STREAM_EVENTS];
	return 0;
}

static int look_around(struct bundling *b, struct err *e)
{
	struct folder files = {0};
	struct ranges unsent[STREAM_COUNT] = {{0}};
	int rc = folder_list(&files, b->folder, BUNDLE_BATCH, BUNDLE_FILES_MAX, e);
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = identity_unsent(b->store, b->identity, (enum stream)s, &unsent[s], e);
	for (size_t i = 0; i < files.count && !rc; i++)
		rc = look_at(b, files.names[i], unsent, e);
	for (int s = 0; s < STREAM_COUNT; s++)
		ranges_free(&unsent[s]);
	folder_free(&files);
	return rc;
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static int path_of_parcel(const struct bundling *b, char out[PATH_MAX], struct err *e)
{
	struct bundle_name name = {.exchange = b->parcel.exchange};
	char text[BUNDLE_NAME_TEXT];
	memcpy(name.store_id, b->parcel.store_id, sizeof name.store_id);
	for (int s = 0; s < STREAM_COUNT; s++) {
		const struct ranges *sent = &b->parcel.sent[s];
		if (sent->count)
			name.parts[s] = (struct bundle_part){{sent->items[0].first, ranges_highest(sent)}, sent->count == 1};
	}
	bundle_name_format(&name, text);
	return folder_path(b->folder, text, out, PATH_MAX, e);
}

/* From now on the parcel's rows and sessions are aboard. */
static int remember(struct bundling *b, struct err *e)
{
	struct parcel *aboard = &b->aboard;
	const struct parcel *parcel = &b->parcel;
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = ranges_add_all(&aboard->sent[s], &parcel->sent[s], e);
	if (rc || !parcel->session_count)
		return rc;
	size_t count = aboard->session_count + parcel->session_count;
	struct parcel_session *sessions = realloc(aboard->sessions, count * sizeof *sessions);
	if (!sessions)
		return err_set(e, ERR_MEMORY, "out of memory for sessions");
	memcpy(sessions + aboard->session_count, parcel->sessions, parcel->session_count * sizeof *sessions);
	aboard->sessions = sessions;
	aboard->session_count = count;
	return 0;
}

static void count_parcel(struct bundling *b)
{
	struct bundle_report *report = b->report;
	report->files++;
	report->points += ranges_total(&b->parcel.sent[STREAM_POINTS]);
	report->events += ranges_total(&b->parcel.sent[STREAM_EVENTS]);
	report->sessions += (int64_t)b->parcel.session_count;
	report->bytes += (int64_t)b->parcel.envelope.length;
}

/* Sessions alone, beside files that carry unsent rows: a session changes together with an event, and goes along with it
 * as it then is. So those files carry it, though their names don't tell. */
static bool is_needless(const struct bundling *b)
{
	return b->report->carried_files && !b->parcel.sent[STREAM_POINTS].count && !b->parcel.sent[STREAM_EVENTS].count;
}

/* What is recorded meanwhile is left to the next time: a batch that took all there was is the last. */
static int write_all(struct bundling *b, struct err *e)
{
	for (;;) {
		char path[PATH_MAX];
		int rc = packer_next(&b->packer, &b->aboard, &b->parcel, e);
		if (rc || !b->parcel.loaded || is_needless(b) || (b->stop && *b->stop))
			return rc;
		rc = path_of_parcel(b, path, e);
		if (rc)
			return rc;
		/* A store that was restored from a copy gives the same number again. What that file carries may be nowhere else:
		 * the next number will do. */
		if (!access(path, F_OK))
			continue;
		rc = store_note_written(b->store, b->parcel.exchange, b->parcel.digest, e);
		if (!rc)
			rc = file_write(path, b->parcel.envelope.bytes, b->parcel.envelope.length, 0644, e);
		if (rc)
			return rc;
		count_parcel(b);
		rc = packer_sent(&b->packer, &b->parcel, e);
		if (!rc)
			rc = remember(b, e);
		if (rc || !b->parcel.full)
			return rc;
	}
}

/* A unit that the centre has stopped writes no rows, but asks: a receipt that comes back may let it in again. */
static int write_question(struct bundling *b, struct err *e)
{
	char path[PATH_MAX];
	int rc = packer_ask(&b->packer, &b->parcel, e);
	if (!rc)
		rc = path_of_parcel(b, path, e);
	if (!rc)
		rc = store_note_written(b->store, b->parcel.exchange, b->parcel.digest, e);
	if (!rc)
		rc = file_write(path, b->parcel.envelope.bytes, b->parcel.envelope.length, 0644, e);
	if (!rc)
		count_parcel(b);
	return rc;
}

static int write_identity(struct bundling *b, const struct identity *identity, struct err *e)
{
	b->identity = identity;
	parcel_empty(&b->aboard);
	packer_turn_to(&b->packer, identity->store_id);
	int rc = look_around(b, e);
	return rc ? rc : write_all(b, e);
}

/* Sessions that have changed go with the rows of the present identity. */
static int write_identities(struct bundling *b, struct err *e)
{
	struct identity *all;
	size_t count;
	int rc = identities_read(b->store, &all, &count, e);
	if (rc)
		return rc;
	tidy_up(b, all, count);
	for (size_t i = 0; i < count && !rc; i++) {
		struct ranges unsent[STREAM_COUNT] = {{0}};
		for (int s = 0; s < STREAM_COUNT && !rc; s++)
			rc = identity_unsent(b->store, &all[i], (enum stream)s, &unsent[s], e);
		if (!rc && (all[i].present || unsent[STREAM_POINTS].count || unsent[STREAM_EVENTS].count))
			rc = write_identity(b, &all[i], e);
		for (int s = 0; s < STREAM_COUNT; s++)
			ranges_free(&unsent[s]);
	}
	identities_free(all, count);
	return rc;
}

int bundle_write(struct store *store, const struct key_pair *keys, const char *folder, int64_t batch_points,
                 const volatile bool *stop, struct bundle_report *report, struct err *e)
{
	struct bundling b = {.store = store, .keys = keys, .folder = folder, .stop = stop, .report = report};
	bool paired;
	*report = (struct bundle_report){0};
	int rc = store_centre_get(store, &b.centre, &paired, e);
	if (!rc && !paired)
		rc = err_set(e, ERR_STATE, "this unit is not paired with a centre: alzy pair LINK");
	if (!rc)
		rc = packer_start(&b.packer, store, keys, b.centre.public_key, batch_points, e);
	if (!rc)
		rc = b.centre.standing[0] ? write_question(&b, e) : write_identities(&b, e);
	packer_end(&b.packer);
	parcel_free(&b.parcel);
	parcel_free(&b.aboard);
	return rc;
}
