// SPDX-License-Identifier: MIT
/* The host's own addresses: see ip_host.h.  The kernel tells of each change by netlink. */
#include "base/ip_host.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void auto_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

int ip_host_list(struct ip **ret_ips, size_t *ret_count, struct err *err)
{
	AUTO(auto_ifaddrs) struct ifaddrs *list = NULL;
	AUTO_FREE struct ip *ips = NULL;
	size_t count = 0;

	if (getifaddrs(&list) < 0)
		return err_sys(err, errno, "list the addresses of this host");
	ips = xcalloc(LIMIT_HOST_ADDRESSES, sizeof(*ips));
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct ip ip;

		if (!entry->ifa_addr || !ip_from_sockaddr(entry->ifa_addr, &ip))
			continue;
		if (count == LIMIT_HOST_ADDRESSES)
			return err_set(err, ERR_LIMIT, "this host has more than %d addresses",
				       LIMIT_HOST_ADDRESSES);
		ips[count++] = ip;
	}
	*ret_ips = STEAL(ips);
	*ret_count = count;
	return 0;
}

int ip_host_watch(int *ret_fd, struct err *err)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
					   .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) < 0)
		return err_sys(err, errno, "watch the addresses of this host");
	*ret_fd = STEAL_FD(fd);
	return 0;
}

/* What was said does not matter: who is told lists them anew.  Nor that some of it was lost. */
void ip_host_seen(int fd)
{
	char message[8192];

	ssize_t len;

	do {
		len = recv(fd, message, sizeof(message), 0);
	} while (len > 0 || (len < 0 && (errno == EINTR || errno == ENOBUFS)));
}
