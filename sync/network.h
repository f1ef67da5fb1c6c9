/* Tells when a network comes: rtnetlink wakes us, the list of addresses tells what is new. */
#ifndef ALZY_SYNC_NETWORK_H
#define ALZY_SYNC_NETWORK_H

#include "hal/err.h"

#include <stdbool.h>

struct network; /* opaque; network_close */

/* ERR_IO when the kernel does not let us listen. */
int network_open(struct network **out, struct err *e);
void network_close(struct network *network); /* NULL is fine */

/* Becomes readable when something about links, addresses or routes has changed. */
int network_fd(const struct network *network);

/* Takes all that waits at the fd. True when a way out may have come: an address on a running link (other than
 * loopback and link-local ones) that was not there before, or has gone and come again since, or a default route. Never
 * blocks. */
bool network_came(struct network *network);

#endif
