/* The rows that a unit's store really has as a verify_source (verify.h), by the seqs of one of its identities. */
#ifndef ALZY_SYNC_UNIT_ROWS_H
#define ALZY_SYNC_UNIT_ROWS_H

#include "store/identity.h"
#include "store/store.h"
#include "sync/verify.h"

#include <stdint.h>

struct unit_rows {
	struct verify_source source; /* first: a source is handed on as this */
	struct store *store;         /* borrowed, as is the identity */
	const struct identity *identity;
	int32_t session; /* the store's number of the session that was looked up last */
	char session_id[UUID_TEXT];
	struct ranges without; /* seqs that are passed over; empty unless the caller fills it, who then frees it */
};
/* Borrows both; nothing is read yet. */
struct unit_rows unit_rows(struct store *store, const struct identity *identity, enum stream stream);

#endif
