/* What the centre really has of a store: its rows, read back from the tables into the form in which they came, and what
 * alzy.stores says of them. For proofs: verify_centre.h, check.c. */
#ifndef ALZY_SYNC_CENTRAL_STORE_ROWS_H
#define ALZY_SYNC_CENTRAL_STORE_ROWS_H

#include "hal/err.h"
#include "hal/ranges.h"
#include "hal/rows.h"
#include "sync/central/pg.h"
#include "sync/verify.h"

#include <stdbool.h>
#include <stdint.h>

/* A row of alzy.stores. Zero-initialised; store_sets_free. */
struct store_sets {
	int64_t number, device_id; /* 0: the centre does not know the store */
	struct store_stream {
		struct ranges held, rejected, dropped, expired;
		int64_t last;
	} streams[STREAM_COUNT];
};
void store_sets_free(struct store_sets *sets);
#define STORE_SETS_COLUMNS                                                              \
	"number, device_id, points_held, points_rejected, points_dropped, points_expired, " \
	"points_last, events_held, events_rejected, events_dropped, events_expired, events_last"
/* Reads row 0 of a query for STORE_SETS_COLUMNS. */
int store_sets_read(const struct pg_result *found, struct store_sets *out, struct err *e);

/* Writes the sets of ranges back, and nothing else. */
int store_sets_write(struct pg *pg, const struct store_sets *sets, struct err *e);

/* number × 2^40: what is added to a seq. */
int64_t store_base(int64_t number);

/* The rows of one stream of a store as a verify_source. A value that no unit can have sent makes a row odd. */
struct table_source {
	struct verify_source source; /* first: a source is handed on as this */
	struct pg *pg;
	int64_t number, device_id;
	bool aside;             /* also rows that are kept aside in alzy.rejected and in no table; not conflicts */
	struct ranges rejected; /* those that were read so; ranges_free */
};
struct table_source table_source(struct pg *pg, const struct store_sets *sets, enum stream stream, bool aside);

/* Which seqs of `within` are in the table; in alzy.rejected, conflicts left out. `out` must be empty. */
int table_present(struct pg *pg, int64_t number, enum stream stream, const struct ranges *within, struct ranges *out,
                  struct err *e);
int table_aside(struct pg *pg, int64_t number, enum stream stream, const struct ranges *within, struct ranges *out,
                struct err *e);

/* "52.1234567" × 10^places, when that is a whole number from -most to most. */
bool table_parse_scaled(const char *text, int places, int64_t most, int64_t *out);

#endif
