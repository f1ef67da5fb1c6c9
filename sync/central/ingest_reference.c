/* Reference data of a device: its machine, the organization of that, and what belongs to it. */
#include "sync/central/ingest_parts.h"

#include "sync/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char read_sql[] = "SELECT alzy.reference($1::int, $2::int, $3::int, $4::int, $5::int)";

/* With lists of at most 1/divisor of what is allowed. */
static int read_cut(struct ingest *in, int divisor, struct pg_result **out, struct err *e)
{
	static const int most[] = {REFERENCE_APPLICATIONS_MAX, REFERENCE_USERS_MAX, REFERENCE_APPLICATION_USERS_MAX,
	                           REFERENCE_MACHINES_MAX};
	char device[24], limits[4][16];
	snprintf(device, sizeof device, "%" PRId64, in->device_id);
	for (size_t i = 0; i < 4; i++)
		snprintf(limits[i], sizeof limits[i], "%d", most[i] / divisor);
	return pg_query(in->pg, out, e, read_sql, 5,
	                (const char *const[]){device, limits[0], limits[1], limits[2], limits[3]});
}

int ingest_reference(struct ingest *in, struct err *e)
{
	struct pg_result *found = NULL;
	struct reference reference = {0};
	uint8_t digest[REFERENCE_DIGEST];
	int divisor = 1;
	int rc = read_cut(in, divisor, &found, e);
	while (!rc && pg_rows(found) && strlen(pg_text(found, 0, 0)) > REFERENCE_BYTES_MAX) {
		pg_result_free(found);
		found = NULL;
		rc = read_cut(in, divisor *= 2, &found, e);
	}
	if (!rc && pg_rows(found))
		rc = reference_read(pg_text(found, 0, 0), &reference, e);
	pg_result_free(found);
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
