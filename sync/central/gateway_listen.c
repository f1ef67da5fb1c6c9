#include "sync/central/gateway_listen.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int resolve(const char *text, struct addrinfo **out, struct err *e)
{
	char host[256];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
	if (!length || length >= sizeof host || !colon[1] || (!bracketed && memchr(text, ':', length)))
		return err_set(e, ERR_CONFIG, "[server] listen: \"%s\" is no address: write HOST:PORT or [::1]:PORT", text);
	snprintf(host, sizeof host, "%.*s", (int)(bracketed ? length - 2 : length), text + bracketed);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	int failed = getaddrinfo(host, colon + 1, &hints, out);
	return failed ? err_set(e, ERR_CONFIG, "[server] listen: \"%s\": %s", text, gai_strerror(failed)) : 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	struct sockaddr_in6 v6;
	memcpy(&v6, address, sizeof v6);
	return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static int open_socket(const struct addrinfo *info, int *out_fd, struct err *e)
{
	int on = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, ERR_IO, "can't make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, SOMAXCONN)) {
		int rc = err_errno(e, ERR_IO, "can't listen");
		close(fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

static void format_address(int fd, char out[GATEWAY_ADDRESS_TEXT])
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof bound;
	char host[64] = "?", port[16] = "?";
	if (!getsockname(fd, (struct sockaddr *)&bound, &length))
		getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
		            NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, GATEWAY_ADDRESS_TEXT, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int gateway_listen(const char *listen, bool loopback_only, int *out_fd, char address[GATEWAY_ADDRESS_TEXT],
                   struct err *e)
{
	struct addrinfo *info;
	int fd = -1, rc = resolve(listen, &info, e);
	if (rc)
		return rc;
	if (loopback_only && !is_loopback(info->ai_addr))
		rc = err_set(
			e, ERR_CONFIG,
			"[server] listen: plain HTTP on %s would be open to others: give tls_certificate and tls_key, listen"
			" on 127.0.0.1, or set plain_http = anywhere when a proxy in front does TLS",
			listen);
	else if ((rc = open_socket(info, &fd, e)))
		err_wrap(e, "[server] listen: %s", listen);
	freeaddrinfo(info);
	if (rc)
		return rc;
	format_address(fd, address);
	*out_fd = fd;
	return 0;
}
