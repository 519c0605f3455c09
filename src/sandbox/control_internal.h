// SPDX-License-Identifier: MIT
/* One client's connection as control.c (socket, connections) and the files of the requests see it.
 */
#pragma once

#include "sandbox/control.h"
#include "wire/control.h"

struct port_group;
struct relay;

struct connection {
	struct control *control;
	struct connection *next;
	int fd; /* -1 once it is closed */
	uv_poll_t poll;
	int fds[CONTROL_FDS_MAX]; /* of the request, ours to close */
	size_t fd_count;
	bool asked;		     /* its request has come */
	struct relay *relay;	     /* of EXEC */
	struct port_group *forwards; /* of FORWARD */
};

const struct control_host *connection_host(const struct connection *connection);

/* The last word: answers, with a descriptor that stays the caller's unless it is -1, and closes. */
void connection_answer(struct connection *connection, const struct control_packet *packet, int fd);

/* Starts the command; its end answers the client. */
int control_exec(struct connection *connection, struct err *err);

/* Changes the list, or shows it, and answers. */
int control_allow_list(struct connection *connection, struct err *err);

/* Begins to forward, with the first listener that comes. */
int control_forward(struct connection *connection, struct err *err);
/* One more listener; `fd` is taken over. */
int control_forward_listen(struct connection *connection, int fd, uint16_t guest_port,
			   struct err *err);
