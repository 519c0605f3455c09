// SPDX-License-Identifier: MIT
/* The host's own addresses: see ip_host.h. */
#include "base/ip_host.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <errno.h>
#include <ifaddrs.h>

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
