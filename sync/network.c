#include "sync/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESSES_MAX = 64 };

struct address {
	unsigned link;     /* its index: one that is plugged in again has another */
	uint8_t bytes[16]; /* IPv4 in the first four */
};

struct network {
	int fd;
	size_t count;
	struct address addresses[ADDRESSES_MAX]; /* those of running links when last looked; more are not told apart */
};

static bool read_address(const struct ifaddrs *from, struct address *out)
{
	if (!from->ifa_addr || !(from->ifa_flags & IFF_UP) || !(from->ifa_flags & IFF_RUNNING) ||
	    (from->ifa_flags & IFF_LOOPBACK))
		return false;
	*out = (struct address){.link = if_nametoindex(from->ifa_name)};
	if (from->ifa_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from->ifa_addr;
		memcpy(out->bytes, &in->sin_addr, sizeof in->sin_addr);
		return out->bytes[0] != 169 || out->bytes[1] != 254;
	}
	if (from->ifa_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from->ifa_addr;
		memcpy(out->bytes, &in6->sin6_addr, sizeof out->bytes);
		return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
	}
	return false;
}

static bool known(const struct network *network, const struct address *address)
{
	for (size_t i = 0; i < network->count; i++)
		if (!memcmp(&network->addresses[i], address, sizeof *address))
			return true;
	return false;
}

/* Looks at the addresses there are now. True when one of them is new. */
static bool look(struct network *network)
{
	struct network now = {.count = 0};
	struct ifaddrs *list = NULL;
	bool fresh = false;
	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i && now.count < ADDRESSES_MAX; i = i->ifa_next)
		if (read_address(i, &now.addresses[now.count])) {
			fresh |= !known(network, &now.addresses[now.count]);
			now.count++;
		}
	freeifaddrs(list);
	network->count = now.count;
	memcpy(network->addresses, now.addresses, sizeof now.addresses);
	return fresh;
}

int network_open(struct network **out, struct err *e)
{
	struct sockaddr_nl all = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	struct network *network = calloc(1, sizeof *network);
	if (!network)
		return err_set(e, ERR_MEMORY, "out of memory for watching the network");
	network->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (network->fd < 0 || bind(network->fd, (struct sockaddr *)&all, sizeof all)) {
		int rc = err_errno(e, ERR_IO, "can't watch the network by rtnetlink");
		network_close(network);
		return rc;
	}
	look(network);
	*out = network;
	return 0;
}

void network_close(struct network *network)
{
	if (!network)
		return;
	if (network->fd >= 0)
		close(network->fd);
	free(network);
}

int network_fd(const struct network *network)
{
	return network->fd;
}

/* ---- messages of the kernel ------------------------------------------------------------------------------------- */

static bool is_default_route(const struct nlmsghdr *head)
{
	const struct rtmsg *route = NLMSG_DATA(head);
	return head->nlmsg_type == RTM_NEWROUTE && head->nlmsg_len >= NLMSG_LENGTH(sizeof *route) &&
	       route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST;
}

/* Of a link: one address, or with `bytes` NULL all. */
static void forget(struct network *network, unsigned link, const uint8_t *bytes)
{
	size_t kept = 0;
	for (size_t i = 0; i < network->count; i++) {
		const struct address *address = &network->addresses[i];
		if (address->link != link || (bytes && memcmp(address->bytes, bytes, sizeof address->bytes) != 0))
			network->addresses[kept++] = *address;
	}
	network->count = kept;
}

static void forget_address(struct network *network, const struct nlmsghdr *head)
{
	const struct ifaddrmsg *gone = NLMSG_DATA(head);
	uint8_t bytes[16] = {0};
	if (head->nlmsg_len < NLMSG_LENGTH(sizeof *gone))
		return;
	size_t left = head->nlmsg_len - NLMSG_LENGTH(sizeof *gone);
	bool local = false;
	for (const struct rtattr *part = IFA_RTA(gone); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
		/* Where there is another end, IFA_ADDRESS is that. */
		bool ours = part->rta_type == IFA_LOCAL || (part->rta_type == IFA_ADDRESS && !local);
		if (ours && RTA_PAYLOAD(part) <= sizeof bytes)
			memcpy(bytes, RTA_DATA(part), RTA_PAYLOAD(part));
		local |= part->rta_type == IFA_LOCAL;
	}
	forget(network, gone->ifa_index, bytes);
}

static void forget_link(struct network *network, const struct nlmsghdr *head)
{
	const struct ifinfomsg *link = NLMSG_DATA(head);
	if (head->nlmsg_len >= NLMSG_LENGTH(sizeof *link) && !(link->ifi_flags & IFF_RUNNING))
		forget(network, (unsigned)link->ifi_index, NULL);
}

/* What goes is forgotten at once: it may be there again before anybody looks, as in the middle of a run, and then is one
 * that came. */
static bool take_message(struct network *network, const struct nlmsghdr *head)
{
	if (head->nlmsg_type == RTM_DELADDR)
		forget_address(network, head);
	else if (head->nlmsg_type == RTM_NEWLINK)
		forget_link(network, head);
	return is_default_route(head);
}

bool network_came(struct network *network)
{
	_Alignas(struct nlmsghdr) char bytes[16384];
	bool came = false;
	for (;;) {
		ssize_t length = recv(network->fd, bytes, sizeof bytes, 0);
		if (length < 0 && (errno == EINTR || errno == ENOBUFS)) {
			came |= errno == ENOBUFS; /* messages were lost, of which one may have told it */
			continue;
		}
		if (length <= 0)
			break;
		size_t left = (size_t)length;
		for (const struct nlmsghdr *head = (const void *)bytes; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left))
			came |= take_message(network, head);
	}
	return look(network) || came;
}
