// SPDX-License-Identifier: MIT
/*
 * Two transparent sockets: they accept what was sent to any address, and answer from that address.
 * This, and ports below 1024, are allowed since the process rules its network namespace; the
 * sockets keep it when they are handed on.
 */
#include "net/listen.h"

#include "base/auto.h"
#include "base/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

static int open_socket(int type, uint16_t port, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (fd < 0)
		return err_sys(err, errno, "socket");
	if (setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &(int){1}, sizeof(int)) < 0)
		return err_sys(err, errno, "make a socket transparent");
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return err_sys(err, errno, "bind port %d", port);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int listen_tcp(int *ret_fd, struct err *err)
{
	AUTO_FD int fd = -1;

	if (open_socket(SOCK_STREAM, LISTEN_TCP_PORT, &fd, err) < 0)
		return -1;
	if (listen(fd, LIMIT_NET_BACKLOG) < 0)
		return err_sys(err, errno, "listen");
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int listen_dns(int *ret_fd, struct err *err)
{
	AUTO_FD int fd = -1;

	if (open_socket(SOCK_DGRAM, LISTEN_DNS_PORT, &fd, err) < 0)
		return -1;
	if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &(int){1}, sizeof(int)) < 0)
		return err_sys(err, errno, "ask for the address of each query");
	*ret_fd = STEAL_FD(fd);
	return 0;
}
