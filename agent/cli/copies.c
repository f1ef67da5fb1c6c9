#include "agent/cli/copies.h"

#include "hal/json.h"
#include "hal/text.h"

#include <stdio.h>
#include <string.h>

static const char *const reasons[FORK_CAUSES] = {
	[FORK_NONE] = "",
	[FORK_HARDWARE] = "it was opened on other hardware",
	[FORK_PERSON] = "a person said so",
	[FORK_CONFLICT] = "the centre holds rows of another copy under its numbers",
	[FORK_BEHIND] = "the centre knows rows of it that are not here: it was restored from an older copy, or copied",
};

static int count_unsent(struct store *store, const struct identity *identity, int64_t *sum, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++) {
		struct ranges unsent = {0};
		rc = identity_unsent(store, identity, (enum stream)s, &unsent, e);
		*sum += ranges_total(&unsent);
		ranges_free(&unsent);
	}
	return rc;
}

static int64_t own_forks(const struct identity *all, size_t count, const struct identity *of)
{
	int64_t forks = 0;
	for (size_t i = 0; i < count; i++)
		forks += !all[i].moved && !strcmp(all[i].forked_from, of->store_id);
	return forks;
}

static void add_identity(struct copies *out, const struct identity *all, size_t count, const struct identity *one)
{
	int64_t others = one->forks - own_forks(all, count, one);
	out->stores++;
	out->rows += one->copied_rows;
	out->forks += others > 0 ? others : 0;
	if (one->copied_at_ms && (!out->since_ms || one->copied_at_ms < out->since_ms))
		out->since_ms = one->copied_at_ms;
	out->copied |= one->copied_rows || others > 0 || (one->because != FORK_NONE && one->because != FORK_PERSON);
	if (one->because == FORK_NONE)
		return;
	out->because = one->because;
	out->forked_at_ms = one->since_ms;
}

int copies_read(struct store *store, struct copies *out, struct err *e)
{
	struct identity *all;
	size_t count;
	struct copies copies = {0};
	int rc = identities_read(store, &all, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++) {
		add_identity(&copies, all, count, &all[i]);
		if (!all[i].present)
			rc = count_unsent(store, &all[i], &copies.left_unsent, e);
	}
	identities_free(all, count);
	if (!rc)
		*out = copies;
	return rc;
}

cJSON *copies_json(const struct copies *copies)
{
	if (!copies->copied && copies->stores == 1)
		return cJSON_CreateNull();
	cJSON *object = cJSON_CreateObject();
	cJSON_AddBoolToObject(object, "copied", copies->copied);
	cJSON_AddNumberToObject(object, "stores", (double)copies->stores);
	cJSON_AddNumberToObject(object, "left_unsent", (double)copies->left_unsent);
	json_add_time(object, "forked_at", copies->forked_at_ms);
	json_add_text_or_null(object, "because", fork_cause_name(copies->because));
	cJSON_AddNumberToObject(object, "rows", (double)copies->rows);
	json_add_time(object, "since", copies->since_ms);
	cJSON_AddNumberToObject(object, "forks", (double)copies->forks);
	return object;
}

static void print_forks(const struct copies *copies, int64_t now_ms)
{
	char a[SHORT_TEXT];
	printf("Forked    %s, since %s (alzy store list)\n", text_age(copies->forked_at_ms, now_ms, a),
	       reasons[copies->because]);
	if (copies->left_unsent)
		printf("          %s of before %s still unsent, and sent as what they are\n",
		       text_counted(copies->left_unsent, "row", a), copies->left_unsent == 1 ? "is" : "are");
}

void copies_print(const struct copies *copies, int64_t now_ms)
{
	char a[SHORT_TEXT], b[SHORT_TEXT];
	if (copies->stores > 1)
		print_forks(copies, now_ms);
	if (!copies->copied)
		return;
	bool perhaps = !copies->rows && !copies->forks && copies->because == FORK_HARDWARE;
	printf("Copied    %s", perhaps ? "this store was moved here from another machine, or copied"
	                               : "there is, or was, another copy of this store");
	if (copies->rows)
		printf(": since %s the centre got %s under numbers that it had other rows of",
		       text_age(copies->since_ms, now_ms, b), text_counted(copies->rows, "row", a));
	printf("\n          No row is lost by that: each copy goes on in a store of its own. If two units run from one "
	       "card, make\n"
	       "          this one a device of its own: alzy sync, then alzy pair --new-key LINK\n");
}
