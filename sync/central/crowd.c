#include "sync/central/crowd.h"

#include <string.h>

enum { FOR_EVER = INT32_MAX };

/* How long a phase may take, in ms; that of a body is configured. When there are many: who has nothing to ask makes room for those
 * who have, and who is slow for those who are not. */
static const int64_t least_ms[PEER_PHASES] = {3000, 15000, FOR_EVER, 15000, FOR_EVER};
static const int64_t most_ms[PEER_PHASES] = {30000, 0, FOR_EVER, 60000, FOR_EVER};

static bool same(const uint8_t a[ADDRESS], const uint8_t b[ADDRESS])
{
	/* Whoever has an address of IPv6 has the /64 that it is in. */
	return memcmp(a, b, address_is_v4(a) || address_is_v4(b) ? ADDRESS : ADDRESS / 2) == 0;
}

static bool is_crowded(const struct crowd *crowd)
{
	return crowd->count >= CROWD_MANY || crowd->room > crowd->room_most / 4 * 3;
}

/* Of those from the same address as `peer`, when they are too many, the one that waits for longest. */
static struct peer *one_too_many(const struct crowd *crowd, const struct peer *peer)
{
	struct peer *oldest = NULL;
	size_t count = 0;
	for (struct peer *other = crowd->first; other; other = other->next) {
		if (other->phase == PEER_CLOSED || !same(other->address, peer->address))
			continue;
		count++;
		if (other != peer && other->phase != PEER_WORK && (!oldest || other->since_ms < oldest->since_ms))
			oldest = other;
	}
	return count > CROWD_MAX / CROWD_SHARE ? oldest : NULL;
}

struct peer *crowd_add(struct crowd *crowd, struct peer *peer, int64_t now_ms)
{
	peer->next = crowd->first;
	peer->from = &crowd->first;
	if (peer->next)
		peer->next->from = &peer->next;
	crowd->first = peer;
	crowd->count++;
	crowd_turn_to(crowd, peer, PEER_HEAD, now_ms);
	return peer->proxy ? NULL : one_too_many(crowd, peer);
}

void crowd_remove(struct crowd *crowd, struct peer *peer)
{
	crowd->count -= peer->phase != PEER_CLOSED;
	crowd->room -= peer->room;
	*peer->from = peer->next;
	if (peer->next)
		peer->next->from = peer->from;
}

void crowd_turn_to(struct crowd *crowd, struct peer *peer, enum peer_phase phase, int64_t now_ms)
{
	if (phase == PEER_HEAD) {
		crowd->room -= peer->room;
		peer->room = 0;
	}
	if (peer->phase == PEER_CLOSED)
		return;
	peer->phase = phase;
	peer->since_ms = now_ms;
}

void crowd_close(struct crowd *crowd, struct peer *peer)
{
	crowd->count -= peer->phase != PEER_CLOSED;
	peer->phase = PEER_CLOSED;
}

struct peer *crowd_overdue(struct crowd *crowd, int64_t now_ms)
{
	bool crowded = is_crowded(crowd);
	for (struct peer *peer = crowd->first; peer; peer = peer->next) {
		int64_t most = peer->phase == PEER_BODY ? crowd->body_ms : most_ms[peer->phase];
		if (crowded && least_ms[peer->phase] < most)
			most = least_ms[peer->phase];
		if (peer->phase != PEER_WORK && peer->phase != PEER_CLOSED && now_ms - peer->since_ms > most)
			return peer;
	}
	return NULL;
}

bool crowd_take_room(struct crowd *crowd, struct peer *peer, size_t count)
{
	size_t its = 0;
	for (const struct peer *other = crowd->first; other; other = other->next)
		its += same(other->client, peer->client) ? other->room : 0;
	if (count > crowd->room_most - crowd->room || its + count > crowd->room_most / CROWD_SHARE)
		return false;
	crowd->room += count;
	peer->room += count;
	return true;
}
