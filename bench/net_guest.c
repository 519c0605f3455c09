// SPDX-License-Identifier: MIT
/*
 * net_guest ADDRESS:CONTROL_PORT:PORT: the guest's side of bench/net.  Does over the network what
 * it is told over a connection to the first port, a line "KIND CONNS COUNT" each (traffic.h),
 * against bench/net_server at the second, and answers each with a byte.
 *
 * A command of a sandbox, or the PID 1 of a bare VM, which gets its argument by net_guest=
 * on the kernel's command line and has the address that slirp and passt give.  Ends, or powers off,
 * with the connection.
 */
#include "bare_guest.h"
#include "traffic.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS = 11000 };

static const char own_address[] = "10.0.2.15", gateway_address[] = "10.0.2.2";

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	traffic_must(inet_pton(AF_INET, text, &at.sin_addr) == 1, text);
	return at;
}

static void set_address(int sock, const char *card, unsigned long what, const char *text)
{
	struct sockaddr_in at = address_of(text, 0);
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", card);
	memcpy(&request.ifr_addr, &at, sizeof(at));
	traffic_must(ioctl(sock, what, &request) == 0, text);
}

static void begin_network(void)
{
	struct sockaddr_in gateway = address_of(gateway_address, 0), any = address_of("0.0.0.0", 0);
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_UP};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	set_address(sock, "eth0", SIOCSIFADDR, own_address);
	set_address(sock, "eth0", SIOCSIFNETMASK, "255.255.255.0");
	traffic_must(ioctl(sock, SIOCSIFFLAGS, &request) == 0, "eth0");
	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	traffic_must(ioctl(sock, SIOCADDRT, &route) == 0, "route");
	close(sock);
}

/* Until the connection ends. */
static void obey(FILE *control, struct traffic_task *task)
{
	char kind;

	while (fscanf(control, " %c %u %" SCNu64, &kind, &task->conns, &task->count) == 3) {
		task->kind = (enum traffic_kind)kind;
		traffic_do(task);
		traffic_must(write(fileno(control), "k", 1) == 1, "answer");
	}
}

int main(int argc, char **argv)
{
	const struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
	struct traffic_task task = {0};
	const char *where = getpid() == 1 ? getenv("net_guest") : argc == 2 ? argv[1] : NULL;
	char address[INET_ADDRSTRLEN];
	uint16_t control_port, port;
	struct sockaddr_in to;
	FILE *control;
	int fd;

	if (!where || sscanf(where, "%15[0-9.]:%hu:%hu", address, &control_port, &port) != 3)
		return 2;
	if (getpid() == 1) {
		bare_guest_load_modules();
		begin_network();
	}
	setrlimit(RLIMIT_NOFILE,
		  &limit); /* as many idle connections as it is asked for, if it may */
	to = address_of(address, control_port);
	task.to = address_of(address, port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	traffic_must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "control");
	control = fdopen(fd, "r+");
	traffic_must(control != NULL, "control");
	obey(control, &task);
	if (getpid() == 1)
		bare_guest_power_off(NULL);
	return 0;
}
