/* Mending: what the centre says that it holds becomes what it has. */
#include "sync/central/verify_centre.h"

#include "sync/central/stretches.h"

/* *set = *set without `mend`, and with `real`, which is inside of it. */
static int make_true(struct ranges *set, const struct ranges *mend, const struct ranges *real, struct err *e)
{
	int rc = ranges_remove(set, mend, e);
	return rc ? rc : ranges_add_all(set, real, e);
}

/* The unit has just found the rest of these stretches to be the same, so that it can be told anew what they are. Rows that are
 * not there, or odd, are in none. */
static int note_rest(struct pg *pg, const struct store_sets *sets, enum stream stream, struct stretches *left,
                     struct err *e)
{
	struct table_source table = table_source(pg, sets, stream, false);
	struct stretches good = {0};
	int rc = verify_digest_blocks(&table.source, left->items, left->count, e);
	for (size_t i = 0; i < left->count && !rc; i++)
		if (!left->items[i].odd && left->items[i].rows == left->items[i].last - left->items[i].first + 1)
			rc = stretches_add(&good, &left->items[i], e);
	if (!rc)
		rc = stretches_note(pg, sets->number, stream, &good, e);
	stretches_free(&good);
	return rc;
}

static int mend_stretches(struct pg *pg, const struct store_sets *sets, enum stream stream, const struct ranges *mend,
                          const struct ranges *lost, struct err *e)
{
	struct stretches touched = {0}, left = {0};
	int rc = stretches_touched(pg, sets->number, stream, lost, &touched, e);
	if (!rc)
		rc = stretches_cut(pg, sets->number, stream, lost, e);
	for (size_t i = 0; i < touched.count && !rc; i++)
		rc = stretches_rest(&touched.items[i], mend, &left, e);
	if (!rc && left.count)
		rc = note_rest(pg, sets, stream, &left, e);
	stretches_free(&touched);
	stretches_free(&left);
	return rc;
}

/* ---- a store ---------------------------------------------------------------------------------------------------- */

static int mend_stream(struct pg *pg, struct store_sets *sets, enum stream stream, const struct ranges *mend,
                       struct err *e)
{
	struct store_stream *said = &sets->streams[stream];
	struct ranges present = {0}, lost = {0}, aside = {0};
	int rc = table_present(pg, sets->number, stream, mend, &present, e);
	if (!rc)
		rc = ranges_subtract(&lost, mend, &present, e);
	if (!rc)
		rc = table_aside(pg, sets->number, stream, &lost, &aside, e);
	if (!rc)
		rc = make_true(&said->held, mend, &present, e);
	if (!rc)
		rc = make_true(&said->rejected, mend, &aside, e);
	if (!rc && lost.count)
		rc = mend_stretches(pg, sets, stream, mend, &lost, e);
	ranges_free(&present);
	ranges_free(&lost);
	ranges_free(&aside);
	return rc;
}

int mend_store(struct pg *pg, struct store_sets *sets, const struct question *question, struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		if (question->streams[s].mend.count)
			rc = mend_stream(pg, sets, (enum stream)s, &question->streams[s].mend, e);
	return rc ? rc : store_sets_write(pg, sets, e);
}
