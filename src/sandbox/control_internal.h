// SPDX-License-Identifier: MIT
/* One client's connection as control.c (socket, connections) and control_exec.c (a request) see it.
 */
#pragma once

#include "sandbox/control.h"
#include "wire/control.h"

struct relay;

struct connection {
	struct control *control;
	struct connection *next;
	int fd; /* -1 once it is closed */
	uv_poll_t poll;
	int fds[CONTROL_FDS_MAX]; /* of the request, ours to close */
	size_t fd_count;
	struct relay *relay; /* of EXEC */
};

const struct control_host *connection_host(const struct connection *connection);

/* The last word: answers and closes. */
void connection_answer(struct connection *connection, const struct control_packet *packet);

/* Starts the command; its end answers the client. */
int control_exec(struct connection *connection, struct err *err);
