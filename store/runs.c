/* Runs: which rows of the file are of which identity, and under which seqs (identity.h). */
#include "hal/list.h"
#include "store/internal.h"

#include <stdlib.h>

struct run {
	int64_t row, identity, seq; /* it ends where the next one begins */
};

/* All of one stream, in order of row. */
struct runs {
	struct run *items;
	size_t count, capacity;
	int64_t last; /* row; what comes behind it is still to be recorded */
};

static void read_run(const struct query *q, void *item)
{
	*(struct run *)item = (struct run){query_get_int(q, 0, 0), query_get_int(q, 1, 0), query_get_int(q, 2, 0)};
}

static int runs_read(struct store *store, enum stream stream, struct runs *out, struct err *e)
{
	struct query q;
	int rc = store_last_seq(store, stream, &out->last, e);
	if (rc)
		return rc;
	query_start(&q, store, "SELECT first_row, identity, first_seq FROM runs WHERE stream = ? ORDER BY first_row");
	query_text(&q, stream_name(stream));
	rc = query_all(&q, sizeof *out->items, read_run, &out->items, &out->count, e);
	out->capacity = out->count;
	return rc;
}

static int runs_write(struct store *store, enum stream stream, const struct runs *runs, struct err *e)
{
	struct query q;
	query_start(&q, store, "DELETE FROM runs WHERE stream = ?");
	query_text(&q, stream_name(stream));
	int rc = query_run(&q, e);
	for (size_t i = 0; i < runs->count && !rc; i++) {
		query_start(&q, store, "INSERT INTO runs (stream, first_row, identity, first_seq) VALUES (?, ?, ?, ?)");
		query_text(&q, stream_name(stream));
		query_int(&q, runs->items[i].row);
		query_int(&q, runs->items[i].identity);
		query_int(&q, runs->items[i].seq);
		rc = query_run(&q, e);
	}
	return rc;
}

/* Where run i ends. */
static int64_t run_end(const struct runs *runs, size_t i)
{
	return i + 1 < runs->count ? runs->items[i + 1].row - 1 : runs->last;
}

/* Adds one that goes on where the last one ends, unless it is the same. */
static int runs_add(struct runs *runs, struct run run, struct err *e)
{
	const struct run *before = runs->count ? &runs->items[runs->count - 1] : NULL;
	if (before && before->identity == run.identity && run.seq - before->seq == run.row - before->row)
		return 0;
	int rc = list_grow(&runs->items, runs->count, &runs->capacity, sizeof *runs->items, "runs of rows", e);
	if (!rc)
		runs->items[runs->count++] = run;
	return rc;
}

/* One run, of which the rows in `moved` go to `to`, each with the seq that it has. */
static int divide(const struct runs *runs, size_t i, const struct ranges *moved, int64_t to, struct runs *out,
                  struct err *e)
{
	struct run run = runs->items[i];
	int64_t at = run.row, end = run_end(runs, i), by = run.seq - run.row;
	int rc = 0;
	for (size_t m = 0; m < moved->count && !rc; m++) {
		int64_t first = moved->items[m].first > at ? moved->items[m].first : at;
		int64_t last = moved->items[m].last < end ? moved->items[m].last : end;
		if (first > last)
			continue;
		if (first > at)
			rc = runs_add(out, (struct run){at, run.identity, at + by}, e);
		if (!rc)
			rc = runs_add(out, (struct run){first, to, first + by}, e);
		at = last + 1;
	}
	return rc || at > end ? rc : runs_add(out, (struct run){at, run.identity, at + by}, e);
}

int runs_give(struct store *store, enum stream stream, const struct ranges *moved, int64_t to, int64_t next,
              struct err *e)
{
	struct runs before = {0}, after = {0};
	int rc = runs_read(store, stream, &before, e);
	for (size_t i = 0; i < before.count && !rc; i++)
		rc = divide(&before, i, moved, to, &after, e);
	struct run tail = {before.last + 1, next, 1};
	if (!rc && !next) {
		const struct run *last = &before.items[before.count - 1];
		tail.identity = last->identity;
		tail.seq = last->seq + tail.row - last->row;
	}
	if (!rc)
		rc = runs_add(&after, tail, e);
	if (!rc)
		rc = runs_write(store, stream, &after, e);
	free(before.items);
	free(after.items);
	return rc;
}

int run_seq(struct store *store, enum stream stream, int64_t row, int64_t *out, struct err *e)
{
	struct query q;
	query_start(
		&q, store,
		"SELECT first_seq + ?2 - first_row FROM runs WHERE stream = ?1 AND first_row <= ?2 ORDER BY first_row DESC"
		" LIMIT 1");
	query_text(&q, stream_name(stream));
	query_int(&q, row);
	return query_one_int(&q, row, out, e);
}
