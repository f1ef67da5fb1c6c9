/* What points and events have in common: rows of a batch by their seqs, and what Postgres has under these. */
#include "sync/central/ingest_parts.h"

#include "hal/hex.h"
#include "sync/central/seq_ranges.h"
#include "sync/central/store_rows.h"

#include <inttypes.h>
#include <stdio.h>

int64_t ingest_row_id(const struct ingest *in, int64_t seq)
{
	return store_base(in->store_number) + seq;
}

size_t ingest_find(const struct ingest_rows *rows, const struct batch *batch, int64_t seq)
{
	size_t low = 0, high = rows->count(batch);
	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		if (rows->seq(batch, middle) <= seq)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int ingest_younger(const struct ingest *in, const struct ingest_rows *rows, const struct ranges *seqs, int64_t than_ms,
                   struct ranges *out, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; i < seqs->count && !rc; i++) {
		size_t row = ingest_find(rows, in->batch, seqs->items[i].first);
		for (int64_t seq = seqs->items[i].first; seq <= seqs->items[i].last && !rc; seq++, row++)
			if (rows->time_ms(in->batch, row) >= than_ms)
				rc = ranges_add(out, seq, seq, e);
	}
	return rc;
}

bool ingest_has_digest(const struct ingest *in, const struct ingest_rows *rows, int64_t first, int64_t last,
                       const char *hex)
{
	uint8_t digest[ROWS_DIGEST];
	rows->digest(in->batch, ingest_find(rows, in->batch, first), (size_t)(last - first + 1), digest);
	return hex_is(hex, digest, sizeof digest);
}

int ingest_read_rows(struct ingest *in, const struct ingest_rows *rows, int64_t base, const struct ranges *seqs,
                     struct pg_result **out, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	int rc = seq_ranges_arrays(seqs, base, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(in->pg, out, e, rows->compare_sql, 2,
		              (const char *const[]){(char *)firsts.bytes, (char *)lasts.bytes});
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}

int ingest_conflict(struct ingest *in, const struct ingest_rows *rows, size_t row, struct err *e)
{
	int64_t seq = rows->seq(in->batch, row);
	int rc = ranges_add(&in->streams[rows->stream].conflicts, seq, seq, e);
	if (rc || !in->batch->compare)
		return rc;
	return ingest_reject(in, rows, row, "conflict", "held with other content, which was kept", e);
}

int ingest_compare(struct ingest *in, const struct ingest_rows *rows, const struct ranges *seqs,
                   struct ranges *out_present, struct err *e)
{
	struct pg_result *found = NULL;
	int rc = ingest_read_rows(in, rows, ingest_row_id(in, 0), seqs, &found, e);
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t seq = pg_int(found, i, 0) - ingest_row_id(in, 0);
		size_t row = ingest_find(rows, in->batch, seq);
		rc = ranges_add(out_present, seq, seq, e);
		if (!rc && !rows->same(in, row, found, i))
			rc = ingest_conflict(in, rows, row, e);
	}
	pg_result_free(found);
	return rc;
}

static const char aside_sql[] =
	"SELECT j.seq, encode(j.digest, 'hex') FROM unnest($3::bigint[], $4::bigint[]) AS r(first, last)" EACH_RANGE(
		"SELECT * FROM alzy.rejected WHERE store_number = $1::int AND stream = $2 AND seq BETWEEN r.first AND r.last"
		" AND code <> 'conflict'") " j";

int ingest_match_aside(struct ingest *in, const struct ingest_rows *rows, int64_t store_number,
                       const struct ranges *seqs, struct ranges *matched, struct err *e)
{
	struct buffer firsts = {0}, lasts = {0};
	struct pg_result *found = NULL;
	char number[24];
	snprintf(number, sizeof number, "%" PRId64, store_number);
	int rc = seq_ranges_arrays(seqs, 0, &firsts, &lasts, e);
	if (!rc)
		rc = pg_query(
			in->pg, &found, e, aside_sql, 4,
			(const char *const[]){number, stream_name(rows->stream), (char *)firsts.bytes, (char *)lasts.bytes});
	for (size_t i = 0; !rc && i < pg_rows(found); i++) {
		int64_t seq = pg_int(found, i, 0);
		if (ingest_has_digest(in, rows, seq, seq, pg_text(found, i, 1)))
			rc = ranges_add(matched, seq, seq, e);
	}
	pg_result_free(found);
	buffer_free(&firsts);
	buffer_free(&lasts);
	return rc;
}
