// SPDX-License-Identifier: MIT
/* What tests of connections need: listening sockets, addresses, a count of descriptors. */
#pragma once

#include "base/ip.h"
#include "base/tap.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens at `address`; *port 0 becomes the one that was free.  -1: there is no such address. */
static inline int listen_at(const char *address, uint16_t *port, int queue)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	struct sockaddr *at = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t size = is_v4 ? sizeof(v4) : sizeof(v6);
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!is_v4)
		inet_pton(AF_INET6, address, &v6.sin6_addr);
	if (fd < 0 || bind(fd, at, size) < 0 || listen(fd, queue) < 0 ||
	    getsockname(fd, at, &size) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
	return fd;
}

/* Reads a list that ends with NULL. */
static inline size_t ips_of(const char *const *texts, struct ip *ret_ips)
{
	size_t count = 0;

	for (; texts[count]; count++)
		CHECK(ip_parse(texts[count], &ret_ips[count]));
	return count;
}

static inline size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	CHECK(dir);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}
