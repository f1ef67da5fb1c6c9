/* Connections of clients, and by when each has to be done with what it is at. The timeout of an HTTP library starts anew with
 * every byte, so one byte every two seconds would hold a connection for ever. Safe from any thread. */
#ifndef ALZY_SYNC_CENTRAL_PEERS_H
#define ALZY_SYNC_CENTRAL_PEERS_H

#include "sync/central/addresses.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { PEERS_MAX = 512 }; /* connections at a time */

struct peer {
	struct peer *next, **from; /* from: what points to this one */
	int fd;
	bool asking;         /* not waiting for the head of a request */
	int64_t deadline_ms; /* on the monotonic clock; INT64_MAX: none */
	uint8_t address[ADDRESS];
};

struct peers {
	pthread_mutex_t mutex;
	struct peer *first;
	size_t count;
};

void peers_start(struct peers *peers);
void peers_free(struct peers *peers); /* when all have ended */

/* A connection from `address` by `fd`, which stays the caller's. NULL without memory. */
struct peer *peers_began(struct peers *peers, const struct sockaddr *address, int fd);
void peers_ended(struct peers *peers, struct peer *peer); /* frees it; NULL is fine */

/* It is to ask its next request by and by, and has a bounded time for the head of it: less of it while there are many, since who
 * has nothing to ask makes room for those who have. */
void peers_waits(struct peers *peers, struct peer *peer);
/* It has a request under way, and this step of it may last for so long; INT64_MAX: as long as it takes. */
void peers_asks(struct peers *peers, struct peer *peer, int64_t in_ms);

/* Shuts down connections that are late: whoever reads from them sees that. To be called every second or so. */
void peers_tick(struct peers *peers);

#endif
