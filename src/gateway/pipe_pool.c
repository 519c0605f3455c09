// SPDX-License-Identifier: MIT
/*
 * The pool of pipes: see pipe_pool.h.  A pipe is made when it is first needed and kept; one that
 * comes back with bytes in it is closed, and made anew.
 */
#include "gateway/pipe_pool.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>

/* Larger ones take less CPU a gigabyte, but a user gets fewer of them, and one connection becomes
 * no faster.  Smaller ones, which a user gets who has too many, are no better than copying. */
enum { PIPE_BYTES = 512 * 1024 };

struct pipe_pool {
	struct pipe_pair pipes[LIMIT_PIPES];
	struct pipe_pair *idle[LIMIT_PIPES]; /* those that are not out, made or not */
	size_t count;
};

struct pipe_pool *pipe_pool_new(void)
{
	struct pipe_pool *pool = xcalloc(1, sizeof(*pool));

	for (; pool->count < LIMIT_PIPES; pool->count++) {
		pool->pipes[pool->count] = (struct pipe_pair){-1, -1};
		pool->idle[pool->count] = &pool->pipes[pool->count];
	}
	return pool;
}

static void pair_close(struct pipe_pair *pipe)
{
	if (pipe->read_fd < 0)
		return;
	close(STEAL_FD(pipe->read_fd));
	close(STEAL_FD(pipe->write_fd));
}

static bool pair_open(struct pipe_pair *pipe)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	*pipe = (struct pipe_pair){fds[0], fds[1]};
	if (fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES)
		return true;
	pair_close(pipe);
	return false;
}

void pipe_pool_free(struct pipe_pool *pool)
{
	if (!pool)
		return;
	assert(pool->count == LIMIT_PIPES);
	for (size_t i = 0; i < LIMIT_PIPES; i++)
		pair_close(&pool->pipes[i]);
	free(pool);
}

struct pipe_pair *pipe_pool_take(struct pipe_pool *pool)
{
	struct pipe_pair *pipe;

	if (pool->count == 0)
		return NULL;
	pipe = pool->idle[pool->count - 1];
	if (pipe->read_fd < 0 && !pair_open(pipe))
		return NULL;
	pool->count--;
	return pipe;
}

void pipe_pool_give(struct pipe_pool *pool, struct pipe_pair *pipe, bool empty)
{
	if (!empty)
		pair_close(pipe);
	pool->idle[pool->count++] = pipe;
}
