#include "sync/central/peers.h"

#include "hal/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
	MANY = PEERS_MAX / 4 * 3,
	HEAD_MS = 30000,
	HEAD_CROWDED_MS = 3000,
};

void peers_start(struct peers *peers)
{
	*peers = (struct peers){0};
	pthread_mutex_init(&peers->mutex, NULL);
}

void peers_free(struct peers *peers)
{
	pthread_mutex_destroy(&peers->mutex);
}

struct peer *peers_began(struct peers *peers, const struct sockaddr *address, int fd)
{
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char name[ADDRESS_TEXT];
	if (!getnameinfo(address, length, name, sizeof name, NULL, 0, NI_NUMERICHOST))
		address_parse(name, strcspn(name, "%"), peer->address);
	peer->fd = fd;
	peer->deadline_ms = clock_mono_ms() + HEAD_MS;
	pthread_mutex_lock(&peers->mutex);
	peer->next = peers->first;
	peer->from = &peers->first;
	if (peer->next)
		peer->next->from = &peer->next;
	peers->first = peer;
	peers->count++;
	pthread_mutex_unlock(&peers->mutex);
	return peer;
}

void peers_ended(struct peers *peers, struct peer *peer)
{
	if (!peer)
		return;
	pthread_mutex_lock(&peers->mutex);
	*peer->from = peer->next;
	if (peer->next)
		peer->next->from = peer->from;
	peers->count--;
	pthread_mutex_unlock(&peers->mutex);
	free(peer);
}

static void set_deadline(struct peers *peers, struct peer *peer, bool asking, int64_t in_ms)
{
	pthread_mutex_lock(&peers->mutex);
	peer->asking = asking;
	peer->deadline_ms = in_ms == INT64_MAX ? INT64_MAX : clock_mono_ms() + in_ms;
	pthread_mutex_unlock(&peers->mutex);
}

void peers_waits(struct peers *peers, struct peer *peer)
{
	set_deadline(peers, peer, false, HEAD_MS);
}

void peers_asks(struct peers *peers, struct peer *peer, int64_t in_ms)
{
	set_deadline(peers, peer, true, in_ms);
}

void peers_tick(struct peers *peers)
{
	int64_t now = clock_mono_ms();
	pthread_mutex_lock(&peers->mutex);
	int64_t sooner = peers->count < MANY ? 0 : HEAD_MS - HEAD_CROWDED_MS;
	for (struct peer *peer = peers->first; peer; peer = peer->next)
		if (peer->deadline_ms - (peer->asking ? 0 : sooner) < now) {
			shutdown(peer->fd, SHUT_RDWR);
			peer->deadline_ms = INT64_MAX;
		}
	pthread_mutex_unlock(&peers->mutex);
}
