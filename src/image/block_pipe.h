// SPDX-License-Identifier: MIT
/*
 * A bounded pipe between two threads, in blocks that are filled and read where they lie.  One
 * thread writes, one reads.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum {
	BLOCK_PIPE_SIZE = 128 * 1024, /* of a block: a multiple of tar's 512, so that no header
				       * lies in two */
	BLOCK_PIPE_COUNT = 4,
};

struct block_pipe;

struct block_pipe *block_pipe_new(void);
void block_pipe_free(struct block_pipe *pipe); /* both threads are done with it */
DEFINE_AUTO(block_pipe)

/* --- the writer --- */

/* The next empty block of BLOCK_PIPE_SIZE bytes; waits for one.  NULL once the reader has gone. */
char *block_pipe_begin(struct block_pipe *pipe);
/* Hands over the block with its first `len` bytes. */
void block_pipe_commit(struct block_pipe *pipe, size_t len);
/* No block follows.  `err`: why that is too early; NULL: the stream is complete. */
void block_pipe_end(struct block_pipe *pipe, const struct err *err);

/* --- the reader --- */

/* Gives the last block back and waits for the next one: 1; 0 at the end; -1 with the writer's
 * error, after all that came before it. */
int block_pipe_next(struct block_pipe *pipe, struct view *ret_bytes, struct err *err);
/* Nothing more is wanted. */
void block_pipe_close(struct block_pipe *pipe);
