// SPDX-License-Identifier: MIT
/*
 * Traffic of the network's benchmarks: see traffic.h.
 *
 * Happy path: each connection says in its first nine bytes what it wants and how much of it; the
 * server has a thread for each, the client one for each of those that work at once.
 * Failure modes: an end or an error where there should be none ends the process.
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, PING = 64, BACKLOG = 4096 };

struct wish {
	char kind;
	uint64_t count;
} __attribute__((packed));

void traffic_must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void read_all(int fd, uint64_t left)
{
	static _Thread_local char chunk[CHUNK];

	while (left > 0) {
		ssize_t n = recv(fd, chunk, left < CHUNK ? left : CHUNK, 0);

		traffic_must(n > 0, "read");
		left -= (uint64_t)n;
	}
}

static void write_all(int fd, uint64_t left)
{
	static _Thread_local char chunk[CHUNK];

	while (left > 0) {
		ssize_t n = send(fd, chunk, left < CHUNK ? left : CHUNK, MSG_NOSIGNAL);

		traffic_must(n > 0, "write");
		left -= (uint64_t)n;
	}
}

static void no_delay(int fd)
{
	const int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

/* ---- the server ---- */

int traffic_listen(const char *address, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(at);

	inet_pton(AF_INET, address, &at.sin_addr);
	traffic_must(bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, BACKLOG) == 0 &&
			     getsockname(fd, (struct sockaddr *)&at, &size) == 0,
		     "listen");
	if (ret_port)
		*ret_port = ntohs(at.sin_port);
	return fd;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char ping[PING];
	struct wish wish;

	no_delay(fd);
	if (recv(fd, &wish, sizeof(wish), MSG_WAITALL) != sizeof(wish))
		wish = (struct wish){TRAFFIC_CONNECTS, 0};
	if (wish.kind == TRAFFIC_DOWN)
		write_all(fd, wish.count);
	if (wish.kind == TRAFFIC_UP) {
		read_all(fd, wish.count);
		write_all(fd, 1);
	}
	while (wish.kind == TRAFFIC_PINGS && recv(fd, ping, PING, MSG_WAITALL) == PING)
		write_all(fd, PING);
	if (wish.kind != TRAFFIC_IDLE)
		close(fd);
	return NULL;
}

void traffic_serve(int listener)
{
	pthread_t thread;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		traffic_must(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0,
			     "thread");
		pthread_detach(thread);
	}
	traffic_must(false, "accept");
	abort();
}

/* ---- the client ---- */

static int ask(const struct traffic_task *task)
{
	struct wish wish = {(char)task->kind, task->count};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	traffic_must(fd >= 0 &&
			     connect(fd, (const struct sockaddr *)&task->to, sizeof(task->to)) == 0,
		     "connect");
	no_delay(fd);
	traffic_must(send(fd, &wish, sizeof(wish), MSG_NOSIGNAL) == sizeof(wish), "ask");
	return fd;
}

static void connect_often(const struct traffic_task *task)
{
	char byte;

	for (uint64_t i = 0; i < task->count; i++) {
		int fd = ask(task);

		if (task->kind == TRAFFIC_IDLE)
			continue;
		traffic_must(recv(fd, &byte, 1, 0) == 0, "end");
		close(fd);
	}
}

static void *do_one(void *arg)
{
	const struct traffic_task *task = arg;
	int fd;

	if (task->kind == TRAFFIC_CONNECTS || task->kind == TRAFFIC_IDLE) {
		connect_often(task);
		return NULL;
	}
	fd = ask(task);
	if (task->kind == TRAFFIC_DOWN)
		read_all(fd, task->count);
	if (task->kind == TRAFFIC_UP) {
		write_all(fd, task->count);
		read_all(fd, 1);
	}
	for (uint64_t i = 0; task->kind == TRAFFIC_PINGS && i < task->count; i++) {
		write_all(fd, PING);
		read_all(fd, PING);
	}
	close(fd);
	return NULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double traffic_do(struct traffic_task *task)
{
	pthread_t threads[TRAFFIC_CONNS_MAX];
	double start = now();

	traffic_must(task->conns <= TRAFFIC_CONNS_MAX, "connections");
	for (unsigned i = 0; i < task->conns; i++)
		traffic_must(pthread_create(&threads[i], NULL, do_one, task) == 0, "thread");
	for (unsigned i = 0; i < task->conns; i++)
		pthread_join(threads[i], NULL);
	return now() - start;
}
