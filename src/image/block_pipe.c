// SPDX-License-Identifier: MIT
/*
 * See block_pipe.h.  A ring of blocks; `lock` guards all but their bytes, which belong to the
 * reader from commit to the next block_pipe_next(), and else to the writer.
 */
#include "image/block_pipe.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct block_pipe {
	pthread_mutex_t lock;
	pthread_cond_t moved; /* a block came or went, or one side has ended */
	char *blocks[BLOCK_PIPE_COUNT];
	size_t lens[BLOCK_PIPE_COUNT];
	size_t first, count; /* committed and not yet given back */
	bool reading;	     /* the reader holds the first one */
	bool ended, closed;
	struct err err; /* of the writer; ERR_NONE: none */
};

struct block_pipe *block_pipe_new(void)
{
	struct block_pipe *pipe = xcalloc(1, sizeof(*pipe));

	pthread_mutex_init(&pipe->lock, NULL);
	pthread_cond_init(&pipe->moved, NULL);
	for (size_t i = 0; i < BLOCK_PIPE_COUNT; i++)
		pipe->blocks[i] = xcalloc(1, BLOCK_PIPE_SIZE);
	return pipe;
}

void block_pipe_free(struct block_pipe *pipe)
{
	if (!pipe)
		return;
	for (size_t i = 0; i < BLOCK_PIPE_COUNT; i++)
		free(pipe->blocks[i]);
	pthread_cond_destroy(&pipe->moved);
	pthread_mutex_destroy(&pipe->lock);
	free(pipe);
}

char *block_pipe_begin(struct block_pipe *pipe)
{
	char *block = NULL;

	pthread_mutex_lock(&pipe->lock);
	while (pipe->count == BLOCK_PIPE_COUNT && !pipe->closed)
		pthread_cond_wait(&pipe->moved, &pipe->lock);
	if (!pipe->closed)
		block = pipe->blocks[(pipe->first + pipe->count) % BLOCK_PIPE_COUNT];
	pthread_mutex_unlock(&pipe->lock);
	return block;
}

void block_pipe_commit(struct block_pipe *pipe, size_t len)
{
	assert(len > 0 && len <= BLOCK_PIPE_SIZE);
	pthread_mutex_lock(&pipe->lock);
	assert(pipe->count < BLOCK_PIPE_COUNT && !pipe->ended);
	pipe->lens[(pipe->first + pipe->count) % BLOCK_PIPE_COUNT] = len;
	pipe->count++;
	pthread_cond_signal(&pipe->moved);
	pthread_mutex_unlock(&pipe->lock);
}

void block_pipe_end(struct block_pipe *pipe, const struct err *err)
{
	pthread_mutex_lock(&pipe->lock);
	pipe->ended = true;
	if (err)
		pipe->err = *err;
	pthread_cond_signal(&pipe->moved);
	pthread_mutex_unlock(&pipe->lock);
}

int block_pipe_next(struct block_pipe *pipe, struct view *ret_bytes, struct err *err)
{
	int result = 0;

	pthread_mutex_lock(&pipe->lock);
	if (pipe->reading) {
		pipe->first = (pipe->first + 1) % BLOCK_PIPE_COUNT;
		pipe->count--;
		pipe->reading = false;
		pthread_cond_signal(&pipe->moved);
	}
	while (pipe->count == 0 && !pipe->ended)
		pthread_cond_wait(&pipe->moved, &pipe->lock);
	if (pipe->count > 0) {
		*ret_bytes = (struct view){pipe->blocks[pipe->first], pipe->lens[pipe->first]};
		pipe->reading = true;
		result = 1;
	} else if (pipe->err.code != ERR_NONE) {
		*err = pipe->err;
		result = -1;
	}
	pthread_mutex_unlock(&pipe->lock);
	return result;
}

void block_pipe_close(struct block_pipe *pipe)
{
	pthread_mutex_lock(&pipe->lock);
	pipe->closed = true;
	pthread_cond_signal(&pipe->moved);
	pthread_mutex_unlock(&pipe->lock);
}
