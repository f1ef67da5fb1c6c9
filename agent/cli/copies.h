/* Whether there are other copies of this store, as `alzy status` tells it: by what forks and receipts have left in it. */
#ifndef ALZY_AGENT_CLI_COPIES_H
#define ALZY_AGENT_CLI_COPIES_H

#include "hal/err.h"
#include "store/identity.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct copies {
	int64_t stores;       /* identities of this file */
	int64_t left_unsent;  /* rows of those that are not the present one */
	int64_t forked_at_ms; /* the last fork, and why; FORK_NONE: there was none */
	enum fork_cause because;
	bool copied;            /* there is, or was, another copy */
	int64_t rows, since_ms; /* that came to the centre under the same seqs with other content; 0: none */
	int64_t forks;          /* that others have made */
};
/* Errors of the store. */
int copies_read(struct store *store, struct copies *out, struct err *e);

/* null without a fork or a copy. */
cJSON *copies_json(const struct copies *copies);
/* Lines of `alzy status`; none without a fork or a copy. */
void copies_print(const struct copies *copies, int64_t now_ms);

#endif
