// SPDX-License-Identifier: MIT
/* The addresses of a host that gets and loses some: a network namespace of this test's. */
#include "base/ip_host.h"

#include "base/auto.h"
#include "base/tap.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static bool has(const char *text)
{
	AUTO_FREE struct ip *ips = NULL;
	struct err err;
	size_t count = 0;
	struct ip ip;

	CHECK(ip_parse(text, &ip) && ip_host_list(&ips, &count, &err) == 0);
	for (size_t i = 0; i < count; i++) {
		if (ip_equals(&ips[i], &ip))
			return true;
	}
	return false;
}

static bool is_told(int fd, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, ms) > 0;
}

int main(int argc, char **argv)
{
	AUTO_FD int fd = -1;
	struct err err;

	TEST("an address that comes or goes is told, and listed");
	if (argc == 1 && system("unshare -Urn true") != 0) {
		SKIP("no namespace can be made here");
		return tap_done();
	}
	if (argc == 1) {
		execlp("unshare", "unshare", "-Urn", argv[0], "inside", NULL);
		return 1;
	}
	CHECK(ip_host_watch(&fd, &err) == 0);
	CHECK(!is_told(fd, 0));
	CHECK(system("ip link set lo up && ip addr add 93.184.216.34/32 dev lo && "
		     "ip addr add 2606:4700::1/128 dev lo nodad") == 0);
	CHECK(is_told(fd, WAIT_MS));
	CHECK(has("93.184.216.34") && has("2606:4700::1") && has("127.0.0.1"));
	ip_host_seen(fd);
	CHECK(!is_told(fd, 0));
	CHECK(system("ip addr del 93.184.216.34/32 dev lo") == 0);
	CHECK(is_told(fd, WAIT_MS));
	CHECK(!has("93.184.216.34"));
	return tap_done();
}
