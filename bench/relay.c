// SPDX-License-Identifier: MIT
/*
 * relay: what the gateway's tunnels cost by themselves, without VM, policy and names.  A client in
 * a namespace of its own, a relay that listens in another one (which the two are tied to by a veth
 * pair) and connects over loopback to a server; beside it the same client over loopback directly.
 * The relay moves bytes by pipes, or only copies them.  All in turns within one run; medians.
 */
#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "gateway/dial.h"
#include "gateway/pipe_pool.h"
#include "gateway/tunnel.h"
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum {
	ROUNDS = 5,
	IDLE_CONNS = 10000,
	DESCRIPTORS = 2 * IDLE_CONNS + 100,
	BULK = 1 << 28,
};

static const char box_address[] = "10.9.0.1";

/* A process that ends with this one. */
static pid_t start(void)
{
	pid_t pid = fork();

	traffic_must(pid >= 0, "fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* ---- the client ---- */

static void be_client(int sock)
{
	struct traffic_task task;
	double seconds = 0;

	while (recv(sock, &task, sizeof(task), MSG_WAITALL) == sizeof(task)) {
		seconds = traffic_do(&task);
		traffic_must(write(sock, &seconds, sizeof(seconds)) == sizeof(seconds), "answer");
	}
	_exit(0);
}

/* ---- the relay ---- */

struct relay {
	uv_loop_t loop;
	uv_poll_t poll;
	int listener;
	struct ip server;
	uint16_t port;
	struct pipe_pool *pipes;
	struct counters counters;
};

struct flow {
	struct relay *relay;
	int guest;
	struct tunnel *tunnel;
};

static void on_ended(void *ctx, const struct tunnel_result *result)
{
	struct flow *flow = ctx;

	(void)result;
	tunnel_close(flow->tunnel);
	free(flow);
}

static void on_connected(void *ctx, int fd, const struct ip *ip, const struct err *why)
{
	struct flow *flow = ctx;
	struct relay *relay = flow->relay;
	struct tunnel_owner owner = {NULL, on_ended, flow};
	struct tunnel_spec spec = {.guest_fd = flow->guest,
				   .server_fd = fd,
				   .idle_ms = 600 * 1000,
				   .pipes = relay->pipes,
				   .counters = &relay->counters};
	struct err err;

	(void)ip;
	if (fd < 0)
		fprintf(stderr, "%s\n", why->msg);
	traffic_must(fd >= 0 && tunnel_open(&relay->loop, &spec, &owner, &flow->tunnel, &err) == 0,
		     "relay");
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
	struct relay *relay = poll->data;
	int fd;

	(void)status;
	(void)events;
	while ((fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct flow *flow = xcalloc(1, sizeof(*flow));

		*flow = (struct flow){.relay = relay, .guest = fd};
		dial_start(&relay->loop, &relay->server, 1, relay->port, on_connected, flow);
	}
	traffic_must(errno == EAGAIN, "accept");
}

static void be_relay(int listener, uint16_t server_port, bool pipes)
{
	struct relay relay = {.listener = listener, .port = server_port};
	struct err err;

	ip_parse("127.0.0.1", &relay.server);
	relay.pipes = pipes ? pipe_pool_new() : NULL;
	fd_set_nonblock(listener, true, &err);
	uv_loop_init(&relay.loop);
	uv_poll_init(&relay.loop, &relay.poll, listener);
	relay.poll.data = &relay;
	uv_poll_start(&relay.poll, UV_READABLE, on_accept);
	uv_run(&relay.loop, UV_RUN_DEFAULT);
	_exit(0);
}

/* ---- the namespaces ---- */

static void run_ip(const char *commands)
{
	AUTO_FREE char *line =
		xasprintf("PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; %s", commands);

	traffic_must(system(line) == 0, "ip");
}

/* Waits for the other side to have got as far, having said so. */
static void meet(int sock)
{
	char c = 0;

	traffic_must(write(sock, &c, 1) == 1 && read(sock, &c, 1) == 1, "meet");
}

/* Makes both namespaces, leaves the client in one of them; gives two sockets that listen in the
 * other one. */
static void be_box(int client_sock, int sock)
{
	AUTO_FREE char *commands = NULL;
	int pair[2], listeners[2];
	struct err err;
	pid_t client;

	traffic_must(proc_unshare(CLONE_NEWNET, &err) == 0 && fd_socketpair(pair, &err) == 0,
		     err.msg);
	client = start();
	if (client == 0) {
		traffic_must(unshare(CLONE_NEWNET) == 0, "unshare");
		meet(pair[1]);
		meet(pair[1]); /* there is guest0 now */
		run_ip("ip addr add 10.9.0.2/24 dev guest0 && ip link set guest0 up");
		meet(pair[1]);
		be_client(client_sock);
	}
	meet(pair[0]);
	commands = xasprintf("ip link add box0 type veth peer name guest0 netns %d && "
			     "ip addr add %s/24 dev box0 && ip link set box0 up",
			     client, box_address);
	run_ip(commands);
	meet(pair[0]);
	meet(pair[0]);
	listeners[0] = traffic_listen(box_address, 80, NULL);
	listeners[1] = traffic_listen(box_address, 81, NULL);
	traffic_must(fd_send(sock, "", 1, listeners, 2, &err) == 0, err.msg);
	pause();
}

/* ---- what is measured ---- */

enum { DIRECT, PIPED, COPIED, PATHS };

static const char *const path_names[PATHS] = {"direct", "pipes", "copies"};

static const struct metric {
	const char *name;
	enum traffic_kind kind;
	unsigned conns;
	uint64_t count; /* of all connections together */
	double scale;	/* of count / seconds */
	const char *unit;
} metrics[] = {
	{"down, 1 connection", TRAFFIC_DOWN, 1, BULK, 8e-9, "Gbit/s"},
	{"up, 1 connection", TRAFFIC_UP, 1, BULK, 8e-9, "Gbit/s"},
	{"down, 4 connections", TRAFFIC_DOWN, 4, BULK, 8e-9, "Gbit/s"},
	{"up, 4 connections", TRAFFIC_UP, 4, BULK, 8e-9, "Gbit/s"},
	{"round trips", TRAFFIC_PINGS, 1, 2000, 1, "/s"},
	{"connections, 1 at once", TRAFFIC_CONNECTS, 1, 1000, 1, "/s"},
	{"connections, 4 at once", TRAFFIC_CONNECTS, 4, 2000, 1, "/s"},
};

struct path {
	int client; /* the socket of its client */
	struct sockaddr_in to;
	pid_t relay; /* 0: none */
	double values[ARRAY_SIZE(metrics)][ROUNDS];
	double cpu, gigabytes; /* of the relay, for bulk */
};

static double cpu_seconds(pid_t pid)
{
	struct timespec time = {0};
	clockid_t clock;

	if (pid > 0 && clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double ask_client(const struct path *path, struct traffic_task *task)
{
	double seconds = 0;

	task->to = path->to;
	traffic_must(write(path->client, task, sizeof(*task)) == sizeof(*task) &&
			     read(path->client, &seconds, sizeof(seconds)) == sizeof(seconds),
		     "client");
	return seconds;
}

static double measure(struct path *path, const struct metric *metric)
{
	struct traffic_task task = {
		metric->kind, metric->conns, metric->count / metric->conns, {0}};
	double cpu = cpu_seconds(path->relay);
	double seconds = ask_client(path, &task);

	if (metric->kind == TRAFFIC_DOWN || metric->kind == TRAFFIC_UP) {
		path->cpu += cpu_seconds(path->relay) - cpu;
		path->gigabytes += (double)metric->count / 1e9;
	}
	return (double)metric->count / seconds * metric->scale;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct path *paths)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		double direct = 0;

		printf("%-24s", metrics[i].name);
		for (size_t j = 0; j < PATHS; j++) {
			double *values = paths[j].values[i], median;

			qsort(values, ROUNDS, sizeof(*values), by_value);
			median = values[ROUNDS / 2];
			direct = j == DIRECT ? median : direct;
			printf(" %s %.*f", path_names[j], median < 1000 ? 1 : 0, median);
			if (j != DIRECT)
				printf(" (%.2f)", median / direct);
		}
		printf(" %s\n", metrics[i].unit);
	}
	for (size_t j = PIPED; j < PATHS; j++)
		printf("%s: %.2f CPU seconds a gigabyte\n", path_names[j],
		       paths[j].cpu / paths[j].gigabytes);
}

static long resident_kib(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/statm", pid);
	long all = 0, resident = 0;
	FILE *file = fopen(path, "r");

	traffic_must(file && fscanf(file, "%ld %ld", &all, &resident) == 2, "statm");
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE) / 1024;
}

static void measure_idle(const struct path *path)
{
	struct traffic_task task = {TRAFFIC_IDLE, 1, IDLE_CONNS, {0}};
	long before = resident_kib(path->relay), after;

	ask_client(path, &task);
	after = resident_kib(path->relay);
	printf("%d idle connections: %ld KiB, before %ld KiB: %ld bytes each\n", IDLE_CONNS, after,
	       before, (after - before) * 1024 / IDLE_CONNS);
}

/* ---- all of it ---- */

static void raise_limit(void)
{
	struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, text, &at.sin_addr);
	return at;
}

static void build(struct path *paths)
{
	int direct[2], guest[2], box[2], listeners[2], server;
	struct err err;
	uint16_t port;
	size_t count;
	char c;

	server = traffic_listen("127.0.0.1", 0, &port);
	if (start() == 0)
		traffic_serve(server);
	close(server);
	traffic_must(fd_socketpair(direct, &err) == 0 && fd_socketpair(guest, &err) == 0 &&
			     fd_socketpair(box, &err) == 0,
		     "sockets");
	if (start() == 0)
		be_client(direct[1]);
	if (start() == 0)
		be_box(guest[1], box[1]);
	traffic_must(fd_recv(box[0], &c, 1, listeners, 2, &count, &err) == 1 && count == 2, "box");
	paths[DIRECT] = (struct path){.client = direct[0], .to = address_of("127.0.0.1", port)};
	for (size_t i = 0; i < 2; i++) {
		pid_t relay = start();

		if (relay == 0)
			be_relay(listeners[i], port, i == 0);
		paths[PIPED + i] = (struct path){.client = guest[0],
						 .to = address_of(box_address, (uint16_t)(80 + i)),
						 .relay = relay};
	}
}

int main(void)
{
	static struct path paths[PATHS];

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	build(paths);
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
			for (size_t j = 0; j < PATHS; j++)
				paths[j].values[i][round] = measure(&paths[j], &metrics[i]);
		}
	}
	print(paths);
	measure_idle(&paths[PIPED]);
	return 0;
}
