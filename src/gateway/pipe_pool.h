// SPDX-License-Identifier: MIT
/*
 * Pipes for splice(), shared by all tunnels of a process: a few, since the kernel grants a user's
 * pipes only so many pages together, and each is in use only while bytes are in it.
 */
#pragma once

#include <stdbool.h>

struct pipe_pool;

struct pipe_pair {
	int read_fd, write_fd; /* non-blocking */
};

struct pipe_pool *pipe_pool_new(void);
/* All must have been given back. */
void pipe_pool_free(struct pipe_pool *pool);

/* An empty one, to be given back.  NULL when LIMIT_PIPES are out or the system has no more: do
 * without. */
struct pipe_pair *pipe_pool_take(struct pipe_pool *pool);
void pipe_pool_give(struct pipe_pool *pool, struct pipe_pair *pipe, bool empty);
