/* The rows of a unit's store as a verify_source (verify.h). */
#ifndef ALZY_SYNC_UNIT_ROWS_H
#define ALZY_SYNC_UNIT_ROWS_H

#include "store/store.h"
#include "sync/verify.h"

#include <stdint.h>

struct unit_rows {
	struct verify_source source; /* first: a source is handed on as this */
	struct store *store;
	int32_t session; /* the store's number of the session that was looked up last */
	char session_id[UUID_TEXT];
	struct ranges without; /* rows that are passed over; empty unless the caller fills it, who then frees it */
};
struct unit_rows unit_rows(struct store *store, enum stream stream);

#endif
