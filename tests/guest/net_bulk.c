// SPDX-License-Identifier: MIT
/*
 * net_bulk ADDRESS PORT send|receive BYTES: one TCP connection, from inside a guest.  Sends so many
 * bytes, or receives until the end and fails if they were others.  Static, with a buffer that no
 * tool of the base image has.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char bytes[256 * 1024];

static long send_bytes(int sock, long wanted)
{
	long sent = 0;

	while (sent < wanted) {
		ssize_t count = write(sock, bytes, sizeof(bytes));

		if (count <= 0)
			break;
		sent += count;
	}
	return sent;
}

static long receive_bytes(int sock)
{
	long got = 0;
	ssize_t count;

	while ((count = read(sock, bytes, sizeof(bytes))) > 0)
		got += count;
	return count < 0 ? -1 : got;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long wanted, moved;

	if (argc != 5)
		return 2;
	to.sin_addr.s_addr = inet_addr(argv[1]);
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	wanted = atol(argv[4]);
	if (connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("connect");
		return 1;
	}
	moved = strcmp(argv[3], "send") == 0 ? send_bytes(sock, wanted) : receive_bytes(sock);
	printf("%ld\n", moved);
	return moved != wanted;
}
