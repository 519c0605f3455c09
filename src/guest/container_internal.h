// SPDX-License-Identifier: MIT
/* What agent and container's init say to each other.  Both are one program: no versions. */
#pragma once

#include "base/attr.h"

#include <stdint.h>

struct agent_setup;

enum container_order { CONTAINER_EXEC = 1, CONTAINER_SIGNAL, CONTAINER_STOP, CONTAINER_OPEN_ETC };

/* Agent to init, over the socket; CONTAINER_EXEC is followed by `payload_len` bytes (the request)
 * and carries the descriptors of `fd_mask` (bits of enum container_fd), in order. */
struct container_message {
	uint32_t order;
	uint32_t id;
	int32_t signal;
	int32_t pty;
	uint32_t fd_mask;
	uint32_t payload_len;
};

/* Init to agent, over the socket, for CONTAINER_OPEN_ETC, with the descriptors of `fd_mask`. */
struct container_answer {
	uint32_t fd_mask;
	char failure[504]; /* "" = none */
};

/* Init to agent, over the pipe; whole, since it is shorter than PIPE_BUF. */
struct container_report {
	uint32_t id;
	int32_t wait_status;
};

struct container_init_fds {
	int orders; /* socket */
	int reports;
	int ready; /* one byte CONTAINER_READY, or a text that says what failed */
};

/* Runs the init, in the new process.  Does not return. */
ML_NORETURN void container_init(const struct agent_setup *setup, struct container_init_fds fds);
