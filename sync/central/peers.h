/* The connections of the gateway: who is connected by what, and what crowd.h says of them done. The timeout of an HTTP library
 * starts anew with every byte, so one byte every two seconds would hold a connection for ever. Safe from any thread. */
#ifndef ALZY_SYNC_CENTRAL_PEERS_H
#define ALZY_SYNC_CENTRAL_PEERS_H

#include "sync/central/crowd.h"

#include <pthread.h>
#include <sys/socket.h>

struct peers {
	pthread_mutex_t mutex;
	struct crowd crowd;
};

/* Bodies may be on their way for `body_ms`, and have so much memory together. */
void peers_start(struct peers *peers, int64_t body_ms, size_t room);
void peers_free(struct peers *peers); /* when all have ended */

/* A connection from `address` by `fd`, which stays the caller's; another one may be shut down for it. NULL without memory. */
struct peer *peers_began(struct peers *peers, const struct sockaddr *address, int fd, const struct addresses *proxies);
void peers_ended(struct peers *peers, struct peer *peer); /* frees it; NULL is fine */

void peers_turn_to(struct peers *peers, struct peer *peer, enum peer_phase phase);

/* As crowd_take_room. When the request is over, peers_turn_to(PEER_HEAD) lets go of it. */
bool peers_take_room(struct peers *peers, struct peer *peer, size_t count);

/* Shuts down connections that are late: whoever reads from them sees that. To be called every second or so. */
void peers_tick(struct peers *peers);

#endif
