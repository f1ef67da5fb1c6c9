/* Reference data of a device: its machine, the organization of that, and what belongs to it. */
#include "sync/central/ingest_parts.h"

#include "sync/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char read_sql[] = "SELECT alzy.reference($1::int, $2::int, $3::int, $4::int, $5::int)";

/* With lists of at most 1/divisor of what is allowed. */
static void ask(struct ingest *in, int divisor, struct pg_call *out)
{
	static const int most[] = {REFERENCE_APPLICATIONS_MAX, REFERENCE_USERS_MAX, REFERENCE_APPLICATION_USERS_MAX,
	                           REFERENCE_MACHINES_MAX};
	for (size_t i = 0; i < REFERENCE_VALUES; i++) {
		snprintf(in->reference_limits[i], sizeof in->reference_limits[i], "%" PRId64,
		         i ? most[i - 1] / divisor : in->device_id);
		in->reference_asked[i] = in->reference_limits[i];
	}
	*out = (struct pg_call){.sql = read_sql, .count = REFERENCE_VALUES, .values = in->reference_asked};
}

void ingest_reference_ask(struct ingest *in, struct pg_call *out)
{
	ask(in, 1, out);
}

/* What there is, in as long lists as find room. */
static int read_reference(struct ingest *in, struct reference *out, struct err *e)
{
	int rc = 0;
	for (int divisor = 2; !rc && strlen(pg_text(in->reference_found, 0, 0)) > REFERENCE_BYTES_MAX; divisor *= 2) {
		struct pg_call call;
		ask(in, divisor, &call);
		pg_result_free(in->reference_found);
		in->reference_found = NULL;
		rc = pg_query(in->pg, &in->reference_found, e, call.sql, call.count, call.values);
	}
	return rc ? rc : reference_read(pg_text(in->reference_found, 0, 0), out, e);
}

int ingest_reference(struct ingest *in, struct err *e)
{
	struct reference reference = {0};
	uint8_t digest[REFERENCE_DIGEST];
	if (!pg_rows(in->reference_found))
		return 0;
	int rc = read_reference(in, &reference, e);
	/* What a unit could not read must not keep its rows from being taken: then it stays with what it has. */
	if (rc == -ERR_INVALID || rc == -ERR_LIMIT)
		return 0;
	if (rc)
		return rc;
	reference_digest(&reference, digest);
	if (in->batch->has_reference && !memcmp(digest, in->batch->reference, sizeof digest)) {
		reference_free(&reference);
		return 0;
	}
	in->receipt->reference = reference;
	in->receipt->has_reference = true;
	return 0;
}
