#include "store/identity.h"

#include "hal/list.h"
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const causes[FORK_CAUSES] = {"", "hardware", "person", "conflict", "behind"};

const char *fork_cause_name(enum fork_cause cause)
{
	return causes[cause];
}

void identity_free(struct identity *identity)
{
	for (int s = 0; s < STREAM_COUNT; s++)
		free(identity->streams[s].runs);
	*identity = (struct identity){0};
}

void identities_free(struct identity *identities, size_t count)
{
	for (size_t i = 0; i < count; i++)
		identity_free(&identities[i]);
	free(identities);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static int compare_seqs(const void *a, const void *b)
{
	const struct identity_run *x = a, *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* `last` is the highest row: read before the runs, so that a fork that comes between the two cuts off no more than rows
 * that are not looked at here. */
static int read_runs(struct store *store, struct identity *out, enum stream stream, int64_t last, struct err *e)
{
	struct identity_stream *s = &out->streams[stream];
	struct query q;
	size_t capacity = 0;
	bool row = true;
	query_start(&q, store,
	            "SELECT first_row, first_seq, next - first_row FROM (SELECT *, coalesce(lead(first_row) OVER (ORDER BY"
	            " first_row), ?1 + 1) AS next FROM runs WHERE stream = ?2) WHERE identity = ?3 AND first_row <= ?1");
	query_int(&q, last);
	query_text(&q, stream_name(stream));
	query_int(&q, out->number);
	int rc = 0;
	while (!rc && !(rc = query_next(&q, &row, e)) && row) {
		rc = list_grow(&s->runs, s->count, &capacity, sizeof *s->runs, "runs of rows", e);
		if (rc)
			break;
		struct identity_run run = {query_get_int(&q, 0, 0), query_get_int(&q, 1, 0), query_get_int(&q, 2, 0)};
		if (run.count > last - run.row + 1)
			run.count = last - run.row + 1;
		if (run.seq + run.count - 1 > s->last)
			s->last = run.seq + run.count - 1;
		s->runs[s->count++] = run;
	}
	query_end(&q);
	if (s->count)
		qsort(s->runs, s->count, sizeof *s->runs, compare_seqs);
	return rc;
}

#define SELECT_IDENTITY                                                                                          \
	"SELECT i.number, i.store_id, f.store_id, i.because, i.since, i.copied_rows, i.copied_at, i.forks, i.moved," \
	" i.store_id = (SELECT store_id FROM store) AS present, i.checkpoint"                                        \
	" FROM identities AS i LEFT JOIN identities AS f ON f.number = i.forked_from "

static struct identity read_row(const struct query *q)
{
	struct identity identity = {
		.number = query_get_int(q, 0, 0),
		.since_ms = query_get_int(q, 4, 0),
		.copied_rows = query_get_int(q, 5, 0),
		.copied_at_ms = query_get_int(q, 6, 0),
		.forks = query_get_int(q, 7, 0),
		.moved = query_get_int(q, 8, 0),
		.present = query_get_int(q, 9, 0),
		.checkpoint = query_get_int(q, 10, 0),
	};
	char because[16];
	query_get_text(q, 1, identity.store_id, sizeof identity.store_id);
	query_get_text(q, 2, identity.forked_from, sizeof identity.forked_from);
	query_get_text(q, 3, because, sizeof because);
	for (int cause = 0; cause < FORK_CAUSES; cause++)
		if (!strcmp(because, causes[cause]))
			identity.because = (enum fork_cause)cause;
	return identity;
}

static int last_rows(struct store *store, int64_t last[STREAM_COUNT], struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = store_last_seq(store, (enum stream)s, &last[s], e);
	return rc;
}

static int read_all_runs(struct store *store, struct identity *identity, const int64_t last[STREAM_COUNT],
                         struct err *e)
{
	int rc = 0;
	for (int s = 0; s < STREAM_COUNT && !rc; s++)
		rc = read_runs(store, identity, (enum stream)s, last[s], e);
	return rc;
}

int identity_read(struct store *store, const char *store_id, struct identity *out, struct err *e)
{
	struct identity identity = {0};
	int64_t last[STREAM_COUNT];
	struct query q;
	bool row = false;
	int rc = last_rows(store, last, e);
	if (rc)
		return rc;
	query_start(&q, store, SELECT_IDENTITY "WHERE i.store_id = coalesce(?, (SELECT store_id FROM store))");
	query_text(&q, store_id);
	rc = query_next(&q, &row, e);
	if (!rc && row)
		identity = read_row(&q);
	query_end(&q);
	if (!rc && !row)
		rc = err_set(e, ERR_NOT_FOUND, "%s is no store of this file", store_id ? store_id : "what is recorded now");
	if (!rc)
		rc = read_all_runs(store, &identity, last, e);
	if (rc)
		identity_free(&identity);
	else
		*out = identity;
	return rc;
}

static void read_item(const struct query *q, void *item)
{
	*(struct identity *)item = read_row(q);
}

int identities_read(struct store *store, struct identity **out, size_t *out_count, struct err *e)
{
	struct identity *identities;
	size_t count;
	int64_t last[STREAM_COUNT];
	struct query q;
	int rc = last_rows(store, last, e);
	if (rc)
		return rc;
	query_start(&q, store, SELECT_IDENTITY "ORDER BY present, i.number");
	rc = query_all(&q, sizeof *identities, read_item, &identities, &count, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		rc = read_all_runs(store, &identities[i], last, e);
	if (rc) {
		identities_free(identities, count);
		return rc;
	}
	*out = identities;
	*out_count = count;
	return 0;
}

/* ---- from one number to the other ---------------------------------------------------------------------------- */

/* Adds what of `set` lies in from..from+count-1, moved by `by`. */
static int add_moved(const struct ranges *set, int64_t from, int64_t count, int64_t by, struct ranges *out,
                     struct err *e)
{
	int rc = 0;
	for (size_t i = ranges_find(set, from); i < set->count && set->items[i].first < from + count && !rc; i++) {
		int64_t first = set->items[i].first, last = set->items[i].last;
		first = first > from ? first : from;
		last = last < from + count - 1 ? last : from + count - 1;
		rc = ranges_add(out, first + by, last + by, e);
	}
	return rc;
}

static int translate(const struct identity *identity, enum stream stream, const struct ranges *set, bool to_seqs,
                     struct ranges *out, struct err *e)
{
	const struct identity_stream *s = &identity->streams[stream];
	int rc = 0;
	for (size_t i = 0; i < s->count && !rc; i++) {
		const struct identity_run *run = &s->runs[i];
		int64_t from = to_seqs ? run->row : run->seq, to = to_seqs ? run->seq : run->row;
		rc = add_moved(set, from, run->count, to - from, out, e);
	}
	if (rc == -ERR_LIMIT)
		rc = 0;
	if (rc)
		ranges_free(out);
	return rc;
}

int identity_seqs(const struct identity *identity, enum stream stream, const struct ranges *rows, struct ranges *out,
                  struct err *e)
{
	return translate(identity, stream, rows, true, out, e);
}

int identity_rows(const struct identity *identity, enum stream stream, const struct ranges *seqs, struct ranges *out,
                  struct err *e)
{
	return translate(identity, stream, seqs, false, out, e);
}

int identity_all_rows(const struct identity *identity, enum stream stream, struct ranges *out, struct err *e)
{
	struct ranges seqs = {0};
	int64_t last = identity->streams[stream].last;
	int rc = last ? ranges_add(&seqs, 1, last, e) : 0;
	if (!rc)
		rc = identity_rows(identity, stream, &seqs, out, e);
	ranges_free(&seqs);
	return rc;
}

int64_t identity_seq(const struct identity *identity, enum stream stream, int64_t row)
{
	const struct identity_stream *s = &identity->streams[stream];
	for (size_t i = s->count; i-- > 0;)
		if (row >= s->runs[i].row && row < s->runs[i].row + s->runs[i].count)
			return s->runs[i].seq + row - s->runs[i].row;
	return 0;
}

int64_t identity_row(const struct identity *identity, enum stream stream, int64_t seq)
{
	const struct identity_stream *s = &identity->streams[stream];
	for (size_t i = s->count; i-- > 0;)
		if (seq >= s->runs[i].seq && seq < s->runs[i].seq + s->runs[i].count)
			return s->runs[i].row + seq - s->runs[i].seq;
	return 0;
}

int identity_unsent(struct store *store, const struct identity *identity, enum stream stream, struct ranges *out,
                    struct err *e)
{
	struct ranges rows = {0};
	int rc = store_unsent(store, stream, &rows, e);
	if (!rc)
		rc = identity_seqs(identity, stream, &rows, out, e);
	ranges_free(&rows);
	return rc;
}

/* ---- rows by seq ----------------------------------------------------------------------------------------------- */

static int read_part(struct store *store, enum stream stream, struct range rows, void *out, size_t max, size_t *count,
                     struct err *e)
{
	struct ranges one = {0};
	int rc = ranges_add(&one, rows.first, rows.last, e);
	if (!rc && stream == STREAM_POINTS)
		rc = store_read_points(store, &one, out, max, count, e);
	else if (!rc)
		rc = store_read_events(store, &one, out, max, count, e);
	ranges_free(&one);
	return rc;
}

struct reading {
	struct store *store;
	enum stream stream;
	struct point *points;
	struct event *events;
	size_t max, count;
};

/* Of one run: `by` is what makes its rows seqs. */
static int read_piece(struct reading *r, struct range seqs, int64_t by, struct err *e)
{
	size_t count = 0, from = r->count;
	struct range rows = {seqs.first - by, seqs.last - by};
	void *at = r->points ? (void *)(r->points + from) : (void *)(r->events + from);
	int rc = read_part(r->store, r->stream, rows, at, r->max - from, &count, e);
	for (size_t i = from; i < from + count && !rc; i++)
		*(r->points ? &r->points[i].seq : &r->events[i].seq) += by;
	r->count += rc ? 0 : count;
	return rc;
}

static int read_range(struct reading *r, const struct identity *identity, struct range seqs, struct err *e)
{
	const struct identity_stream *s = &identity->streams[r->stream];
	int rc = 0;
	for (size_t i = 0; i < s->count && !rc; i++) {
		const struct identity_run *run = &s->runs[i];
		struct range piece = {seqs.first > run->seq ? seqs.first : run->seq, run->seq + run->count - 1};
		if (piece.last > seqs.last)
			piece.last = seqs.last;
		if (piece.first <= piece.last)
			rc = read_piece(r, piece, run->seq - run->row, e);
	}
	return rc;
}

static int read_seqs(struct reading *r, const struct identity *identity, const struct ranges *seqs, size_t *out_count,
                     struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < seqs->count && !rc; i++)
		rc = read_range(r, identity, seqs->items[i], e);
	if (!rc) {
		*out_count = r->count;
		return 0;
	}
	while (r->events && r->count)
		event_free(&r->events[--r->count]);
	return rc;
}

int identity_read_points(struct store *store, const struct identity *identity, const struct ranges *seqs,
                         struct point *out, size_t max, size_t *out_count, struct err *e)
{
	struct reading r = {.store = store, .stream = STREAM_POINTS, .points = out, .max = max};
	return read_seqs(&r, identity, seqs, out_count, e);
}

int identity_read_events(struct store *store, const struct identity *identity, const struct ranges *seqs,
                         struct event *out, size_t max, size_t *out_count, struct err *e)
{
	struct reading r = {.store = store, .stream = STREAM_EVENTS, .events = out, .max = max};
	return read_seqs(&r, identity, seqs, out_count, e);
}
