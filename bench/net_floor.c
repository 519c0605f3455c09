// SPDX-License-Identifier: MIT
/*
 * net_floor: what the sealed network of a VM costs by itself.  How long one takes to make, beside
 * an empty child process; how fast one TCP connection is from a guest's kernel through the TAP to
 * the listener, without VM and gateway, beside one over loopback.  All in turns within one run.
 *
 * The guest is a namespace with a TAP of its own, the VM a process that carries frames between the
 * two TAPs.  Needs a /dev/net/tun that may be opened.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/proc.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	OPENS = 40,
	ROUNDS = 3,
	CHUNK = 256 * 1024,
	FRAME = 70000,
	OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN,
};

static const size_t bulk_bytes = (size_t)1 << 30;

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- how long it takes to make one ---- */

static void do_nothing(void *arg, void *ret_result)
{
	(void)arg;
	*(char *)ret_result = 1;
}

static double open_ms(void)
{
	uint64_t start = clock_monotonic_ns();
	struct net net = NET_INIT;
	struct err err = {0};
	double ms;

	if (net_open(1500, &net, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	ms = (double)(clock_monotonic_ns() - start) / 1e6;
	net_close(&net);
	return ms;
}

static double child_ms(void)
{
	uint64_t start = clock_monotonic_ns();
	struct err err;
	char result;

	must(proc_call(do_nothing, NULL, 10000, &result, 1, &err) == 0, "child");
	return (double)(clock_monotonic_ns() - start) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure_open(void)
{
	double opens[OPENS], children[OPENS];

	open_ms(); /* the first one may load modules */
	for (int i = 0; i < OPENS; i++) {
		opens[i] = open_ms();
		children[i] = child_ms();
	}
	qsort(opens, OPENS, sizeof(*opens), by_value);
	qsort(children, OPENS, sizeof(*children), by_value);
	printf("net_open: median %.2f ms [%.2f to %.2f]; an empty child: %.2f ms [%.2f to %.2f]\n",
	       opens[OPENS / 2], opens[0], opens[OPENS - 1], children[OPENS / 2], children[0],
	       children[OPENS - 1]);
}

/* ---- how fast it is ---- */

static void carry(int from, int to)
{
	static char frame[FRAME];
	ssize_t len = read(from, frame, sizeof(frame));

	if (len > 0)
		(void)!write(to, frame, (size_t)len);
}

static void pump(int box_tap, int guest_tap)
{
	struct pollfd taps[] = {{box_tap, POLLIN, 0}, {guest_tap, POLLIN, 0}};

	for (;;) {
		poll(taps, 2, -1);
		for (int i = 0; i < 32 && (taps[0].revents & POLLIN); i++)
			carry(box_tap, guest_tap);
		for (int i = 0; i < 32 && (taps[1].revents & POLLIN); i++)
			carry(guest_tap, box_tap);
	}
}

/* Moves this process into a guest's place; its TAP. */
static int become_guest(void)
{
	struct ifreq request = {.ifr_name = "eth0",
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct err err;
	int tap;

	must(proc_unshare(CLONE_NEWNET, &err) == 0, "unshare");
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	must(tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0 &&
		     ioctl(tap, TUNSETOFFLOAD, OFFLOADS) == 0,
	     "guest's TAP");
	must(system("PATH=/usr/sbin:/usr/bin:/sbin:/bin; ip link set eth0 address " NET_GUEST_MAC
		    " up && ip addr add " NET_GUEST_ADDRESS "/30 dev eth0 && "
		    "ip route add default via " NET_GATEWAY_ADDRESS) == 0,
	     "guest's network");
	return tap;
}

/* Reads or writes `bulk_bytes`; Gbit/s. */
static double transfer(int fd, bool writes)
{
	static char chunk[CHUNK];
	uint64_t start = clock_monotonic_ns();
	size_t left = bulk_bytes;

	while (left > 0) {
		size_t len = MIN(left, sizeof(chunk));
		ssize_t done = writes ? write(fd, chunk, len) : read(fd, chunk, len);

		must(done > 0, "transfer");
		left -= (size_t)done;
	}
	return (double)bulk_bytes * 8 / (double)(clock_monotonic_ns() - start);
}

/* Connects, and does the other side of what measure_bulk() does. */
static void be_client(const struct sockaddr_in *to, bool writes)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0, "connect");
	transfer(fd, writes);
	close(fd);
	_exit(0);
}

static double measure_bulk(int listener, pid_t peer, bool client_writes)
{
	struct pollfd ready = {listener, POLLIN, 0};
	double gbits;
	int fd;

	must(poll(&ready, 1, 20000) == 1, "client");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(fd >= 0, "accept");
	gbits = transfer(fd, !client_writes);
	close(fd);
	kill(peer, SIGKILL); /* it has read or written all */
	waitpid(peer, NULL, 0);
	return gbits;
}

static double measure_guest(const struct net *net, bool up)
{
	const struct sockaddr_in to = {AF_INET, htons(80), {inet_addr("198.18.0.1")}, {0}};
	pid_t guest = fork();

	if (guest == 0) {
		int tap = become_guest();

		if (fork() == 0)
			be_client(&to, up);
		pump(net->tap_fd, tap);
	}
	return measure_bulk(net->tcp_fd, guest, up);
}

static double measure_loopback(bool up)
{
	struct sockaddr_in to = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
	AUTO_FD int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(to);
	pid_t client;

	must(bind(listener, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(listener, 1) == 0 &&
		     getsockname(listener, (struct sockaddr *)&to, &len) == 0,
	     "listen");
	client = fork();
	if (client == 0)
		be_client(&to, up);
	return measure_bulk(listener, client, up);
}

int main(void)
{
	struct net net = NET_INIT;
	struct err err = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	measure_open();
	must(net_open(1500, &net, &err) == 0, "network");
	must(ioctl(net.tap_fd, TUNSETOFFLOAD, OFFLOADS) == 0, "offloads");
	for (int i = 0; i < ROUNDS; i++) {
		printf("from the guest %.2f Gbit/s, to it %.2f; ", measure_guest(&net, true),
		       measure_guest(&net, false));
		printf("loopback %.2f, %.2f\n", measure_loopback(true), measure_loopback(false));
	}
	net_close(&net);
	return 0;
}
