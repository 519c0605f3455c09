// SPDX-License-Identifier: MIT
/* The other end of sandbox/control.h: requests to a sandbox that another process owns. */
#pragma once

#include "api/port_mapping.h"
#include "base/err.h"
#include "wire/agent.h"
#include "wire/allow_list.h"

#include <sys/un.h>

/* The address of the control socket in an open directory: works however long its path is. */
void control_address(int dir_fd, struct sockaddr_un *ret_address);

/* Connects to the supervisor of the sandbox whose directory is `vm_dir`.  ERR_NOT_FOUND: there is
 * no socket; ERR_UNAVAILABLE: nobody listens any more. */
int control_connect(const char *vm_dir, int *ret_sock, struct err *err);

/* Asks for connections into the guest, from listening sockets to its ports; they stay the caller's
 * to close. */
int control_request_forward(int sock, const int *listeners, const struct port_mapping *mappings,
			    size_t count, struct err *err);

/* Asks for a change of the list, or what it is, and waits for the answer. */
int control_request_allow_list(int sock, const struct allow_list_request *request,
			       struct allow_list_answer *ret_answer, struct err *err);

/* Asks for a command on the descriptors `stdio` (input, output, error output), which stay the
 * caller's. */
int control_request_exec(int sock, const struct agent_exec *exec, const int stdio[3],
			 struct err *err);
