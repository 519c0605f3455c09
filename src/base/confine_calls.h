// SPDX-License-Identifier: MIT
/*
 * The system calls that no confined process of ours has a use for: other processes, namespaces,
 * mounts, whole subsystems of the kernel, metadata of files, incoming connections, queues.  Asked
 * for with `common_calls` of a confine_spec, whose own table then says only what is different.
 */
#pragma once

#include "base/confine.h"

/* Rows of such tables.  What an honest program or C library may try and do without gets an error;
 * for the rest the process ends. */
#define CALL_KILL(call)                                 \
	{                                               \
		.name = (call), .verdict = CONFINE_KILL \
	}
#define CALL_EPERM(call)                                 \
	{                                                \
		.name = (call), .verdict = CONFINE_EPERM \
	}
#define CALL_ENOSYS(call)                                 \
	{                                                 \
		.name = (call), .verdict = CONFINE_ENOSYS \
	}

/* A row: no socket but of families 0 (a plain error), 2 and 10 (Internet) and 8 (unused).  No Unix
 * socket, whose server would do the work for us; no netlink, packet, vsock. */
#define CALL_INTERNET_SOCKETS                                                  \
	{                                                                      \
		"socket", CONFINE_EPERM, CONFINE_IF_ANY, 0, ~(uint32_t)(2 | 8) \
	}

extern const struct confine_call confine_common_calls[];
extern const size_t confine_common_call_count;
