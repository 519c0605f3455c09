// SPDX-License-Identifier: MIT
/*
 * The server of tests/ports.sh, run in a guest: `port_server PORT`.  The first byte of a connection
 * says what becomes of it:
 *
 *	e	every byte comes back, at its end the end
 *	c	all is read to the end, then its sum comes back: the client's half is closed by then
 *	b	BULK bytes come, and the end, while nothing is read; then all is read to its end
 *	r	it is reset
 *	w	nothing is read, ever
 *	n	how many connections there are
 *
 * 127.0.0.1 only, a thread each.  "up" on standard output when it listens.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BULK = 64 * 1024 * 1024, PIECE = 64 * 1024, STACK = 256 * 1024, SUM_STEP = 4096 };

static _Atomic int connections;

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t done = send(fd, bytes, len, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		bytes += done;
		len -= (size_t)done;
	}
}

static void echo(int fd)
{
	char bytes[PIECE];
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		send_all(fd, bytes, (size_t)got);
}

/* The sum is that of a client in Python: zlib.adler32(). */
static void add(uint32_t sums[2], const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sums[0] += (unsigned char)bytes[i];
		sums[1] += sums[0];
	}
	sums[0] %= 65521;
	sums[1] %= 65521;
}

static void count(int fd)
{
	uint32_t sums[2] = {1, 0};
	size_t total = 0;
	char bytes[PIECE], answer[64];
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		total += (size_t)got;
		for (ssize_t i = 0; i < got; i += SUM_STEP)
			add(sums, bytes + i, (size_t)(got - i < SUM_STEP ? got - i : SUM_STEP));
	}
	snprintf(answer, sizeof(answer), "%zu %u", total, sums[1] << 16 | sums[0]);
	send_all(fd, answer, strlen(answer));
}

static void bulk(int fd)
{
	char bytes[PIECE];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	for (size_t sent = 0; sent < BULK; sent += sizeof(bytes))
		send_all(fd, bytes, sizeof(bytes));
	shutdown(fd, SHUT_WR);
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void wait_for_ever(int fd)
{
	(void)fd;
	pause();
}

static void tell_connections(int fd)
{
	char answer[32];

	snprintf(answer, sizeof(answer), "%d", connections - 1);
	send_all(fd, answer, strlen(answer));
}

static const struct {
	char word;
	void (*serve)(int fd);
} modes[] = {
	{'e', echo},  {'c', count},	    {'b', bulk},
	{'r', reset}, {'w', wait_for_ever}, {'n', tell_connections},
};

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char word;

	if (recv(fd, &word, 1, 0) == 1) {
		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
			if (modes[i].word == word)
				modes[i].serve(fd);
		}
	}
	close(fd);
	connections--;
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	pthread_attr_t attr;
	pthread_t thread;

	if (argc != 2)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1024) < 0) {
		perror("port_server");
		return 1;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	puts("up");
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		connections++;
		if (pthread_create(&thread, &attr, serve, (void *)(intptr_t)fd) != 0)
			return 3;
	}
	perror("port_server: accept");
	return 1;
}
