#include "sync/central/peers.h"

#include "hal/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

void peers_start(struct peers *peers, int64_t body_ms, size_t room)
{
	*peers = (struct peers){.crowd = {.body_ms = body_ms, .room_most = room}};
	pthread_mutex_init(&peers->mutex, NULL);
}

void peers_free(struct peers *peers)
{
	pthread_mutex_destroy(&peers->mutex);
}

/* NULL is fine. */
static void shut(struct peers *peers, struct peer *peer)
{
	if (!peer)
		return;
	shutdown(peer->fd, SHUT_RDWR);
	crowd_close(&peers->crowd, peer);
}

struct peer *peers_began(struct peers *peers, const struct sockaddr *address, int fd, const struct addresses *proxies)
{
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char name[ADDRESS_TEXT];
	if (!getnameinfo(address, length, name, sizeof name, NULL, 0, NI_NUMERICHOST))
		address_parse(name, strcspn(name, "%"), peer->address);
	peer->fd = fd;
	peer->proxy = addresses_contain(proxies, peer->address);
	pthread_mutex_lock(&peers->mutex);
	shut(peers, crowd_add(&peers->crowd, peer, clock_mono_ms()));
	pthread_mutex_unlock(&peers->mutex);
	return peer;
}

void peers_ended(struct peers *peers, struct peer *peer)
{
	if (!peer)
		return;
	pthread_mutex_lock(&peers->mutex);
	crowd_remove(&peers->crowd, peer);
	pthread_mutex_unlock(&peers->mutex);
	free(peer);
}

void peers_turn_to(struct peers *peers, struct peer *peer, enum peer_phase phase)
{
	pthread_mutex_lock(&peers->mutex);
	crowd_turn_to(&peers->crowd, peer, phase, clock_mono_ms());
	pthread_mutex_unlock(&peers->mutex);
}

bool peers_take_room(struct peers *peers, struct peer *peer, size_t count)
{
	pthread_mutex_lock(&peers->mutex);
	bool taken = crowd_take_room(&peers->crowd, peer, count);
	pthread_mutex_unlock(&peers->mutex);
	return taken;
}

void peers_tick(struct peers *peers)
{
	pthread_mutex_lock(&peers->mutex);
	for (struct peer *peer; (peer = crowd_overdue(&peers->crowd, clock_mono_ms()));)
		shut(peers, peer);
	pthread_mutex_unlock(&peers->mutex);
}
