/* Who is connected to the gateway: how long each may take over what it is at, and how much of the gateway one may have. Pure: time
 * comes in, whom to close goes out.
 *
 *   head ──> body ──> work ──> answer ──> head …      each with a time of its own, which starts anew with none of its bytes
 *
 * Nobody who is slow, silent or many must keep others away. When there is little room left, connections that are not at work
 * have less time; and a client never has more than a share of connections and memory: of its connections, the one that waits for
 * longest makes room for a new one. */
#ifndef ALZY_SYNC_CENTRAL_CROWD_H
#define ALZY_SYNC_CENTRAL_CROWD_H

#include "sync/central/addresses.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CROWD_MAX = 512,
	CROWD_MANY = CROWD_MAX / 4 * 3,
	CROWD_SHARE = 4, /* a quarter of connections and memory for one client, at most */
};

enum peer_phase { PEER_HEAD, PEER_BODY, PEER_WORK, PEER_ANSWER, PEER_CLOSED, PEER_PHASES };

struct peer {
	struct peer *next, **from; /* from: what points to this one */
	int fd;
	enum peer_phase phase;
	int64_t since_ms;         /* on the monotonic clock: when the phase began */
	uint8_t address[ADDRESS]; /* at the other end of the connection */
	bool proxy;               /* a trusted one, behind which are many */
	uint8_t client[ADDRESS];  /* who asks at present, as the proxy says */
	size_t room;              /* bytes of a body in memory */
};

struct crowd {
	struct peer *first;
	size_t count;           /* but for PEER_CLOSED */
	int64_t body_ms;        /* how long a body may be on its way */
	size_t room, room_most; /* of all bodies, in memory: what was announced costs nothing until it comes */
};

/* *peer, with its fd and address, has connected. Returns one that has to be closed for that, by crowd_close; or NULL. */
struct peer *crowd_add(struct crowd *crowd, struct peer *peer, int64_t now_ms);
void crowd_remove(struct crowd *crowd, struct peer *peer);

/* Waiting for a head, it has no body any more. */
void crowd_turn_to(struct crowd *crowd, struct peer *peer, enum peer_phase phase, int64_t now_ms);

/* Makes it one that has been closed: it has no time to keep any more. */
void crowd_close(struct crowd *crowd, struct peer *peer);

/* One whose time is over, to be shut down; NULL: none is. */
struct peer *crowd_overdue(struct crowd *crowd, int64_t now_ms);

/* Room for so many bytes more of the body. False: there is none, or the client has its share; nothing was counted. */
bool crowd_take_room(struct crowd *crowd, struct peer *peer, size_t count);

#endif
