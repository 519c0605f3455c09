// SPDX-License-Identifier: MIT
/*
 * See layer.h.  Two threads: the caller's, which takes the digest of the bytes and inflates them
 * into the blocks of a pipe, and the layer's own, which makes the image of them (layer_tar.c). They
 * share nothing but the pipe (block_pipe.c, the one lock); what the thread leaves in `result` and
 * `err` is looked at when it has been joined.
 *
 * Failure modes: what the caller's thread finds (corrupt bytes, a tar bomb) is sent down the pipe,
 * so that the other one says at which entry; what that one finds closes the pipe, and the caller
 * learns of it with its next bytes.  Either way the error is the thread's.
 */
#include "image/layer.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "image/block_pipe.h"
#include "image/inflate.h"
#include "image/layer_tar.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	RATIO_FROM = 1024 * 1024, /* a smaller layer may be of any ratio */
	STACK_SIZE = 512 * 1024,
};

struct layer {
	struct layer_limits limits;
	struct digest *digest; /* of the compressed bytes */
	struct inflate *inflate;
	struct inflate_io io; /* `out` is the pipe's open block, NULL: none */
	struct block_pipe *pipe;
	struct layer_tar_spec spec;
	struct layer_result result;
	pthread_t thread;
	bool running;	/* not joined yet */
	int failed;	/* of the thread: -1 with `err` */
	struct err err; /* the first failure */
};

static void *run_thread(void *arg)
{
	struct layer *layer = arg;

	layer->failed = layer_tar_convert(&layer->spec, &layer->result, &layer->err);
	block_pipe_close(layer->pipe);
	return NULL;
}

static int start_thread(struct layer *layer, struct err *err)
{
	pthread_attr_t attr;
	int code;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	code = pthread_create(&layer->thread, &attr, run_thread, layer);
	pthread_attr_destroy(&attr);
	if (code != 0)
		return err_sys(err, code, "start a layer's thread");
	layer->running = true;
	return 0;
}

/* Ends the pipe and waits for the thread. */
static void join_thread(struct layer *layer, const struct err *why)
{
	if (!layer->running)
		return;
	block_pipe_end(layer->pipe, why);
	pthread_join(layer->thread, NULL);
	layer->running = false;
}

int layer_open(int fd, const struct layer_limits *limits, const struct layer_place *place,
	       struct layer **ret_layer, struct err *err)
{
	AUTO(auto_layer) struct layer *layer = xcalloc(1, sizeof(*layer));

	assert(limits->max_ratio > 0);
	layer->limits = *limits;
	layer->digest = digest_new();
	layer->inflate = inflate_new(place->order, place->layer);
	layer->pipe = block_pipe_new();
	layer->spec = (struct layer_tar_spec){layer->pipe, fd, limits->max_size, *place};
	if (start_thread(layer, err) < 0)
		return -1;
	*ret_layer = STEAL(layer);
	return 0;
}

void layer_free(struct layer *layer)
{
	static const struct err given_up = {ERR_CANCELLED, 0, "given up"};

	if (!layer)
		return;
	join_thread(layer, &given_up);
	block_pipe_free(layer->pipe);
	inflate_free(layer->inflate);
	digest_free(layer->digest);
	free(layer);
}

/* The thread has failed, or will for `why` (which may be `err`). */
static int fail(struct layer *layer, const struct err *why, struct err *err)
{
	join_thread(layer, why);
	assert(layer->failed < 0);
	*err = layer->err;
	return -1;
}

static int check_caps(const struct layer *layer, struct err *err)
{
	const struct layer_limits *limits = &layer->limits;
	const struct layer_result *result = &layer->result;

	if (result->tar_size > limits->max_size)
		return err_set(err, ERR_LIMIT,
			       "the layer is larger than the limit of %" PRIu64 " bytes",
			       limits->max_size);
	if (result->tar_size > RATIO_FROM &&
	    result->tar_size / limits->max_ratio > result->compressed_size)
		return err_set(err, ERR_LIMIT,
			       "the layer inflates to more than %u times its %" PRIu64 " bytes",
			       limits->max_ratio, result->compressed_size);
	return 0;
}

/* Inflates into the pipe's open block. */
static int inflate_more(struct layer *layer, struct err *err)
{
	size_t before = layer->io.len;

	if (inflate_run(layer->inflate, &layer->io, err) < 0)
		return -1;
	layer->result.tar_size += layer->io.len - before;
	return check_caps(layer, err);
}

/* Moves the bytes of layer->io.in through inflation into the pipe. */
static int pump(struct layer *layer, struct err *err)
{
	struct inflate_io *io = &layer->io;
	bool full = true;

	while (full) {
		int result;

		if (!io->out) {
			io->out = block_pipe_begin(layer->pipe);
			io->size = BLOCK_PIPE_SIZE;
			io->len = 0;
		}
		if (!io->out)
			return fail(layer, NULL, err);
		result = inflate_more(layer, err);
		full = io->len == io->size;
		if (result == 0 && !full && !io->last)
			return 0;
		if (io->len > 0)
			block_pipe_commit(layer->pipe, io->len);
		io->out = NULL;
		if (result < 0)
			return fail(layer, err, err);
	}
	return 0;
}

int layer_write(struct layer *layer, const void *bytes, size_t len, struct err *err)
{
	if (!layer->running)
		return fail(layer, NULL, err);
	digest_update(layer->digest, bytes, len);
	layer->result.compressed_size += len;
	layer->io.in = (struct view){bytes, len};
	return pump(layer, err);
}

int layer_finish(struct layer *layer, struct layer_result *ret_result, struct err *err)
{
	if (!layer->running)
		return fail(layer, NULL, err);
	layer->io.in = (struct view){"", 0};
	layer->io.last = true;
	if (pump(layer, err) < 0)
		return -1;
	inflate_free(STEAL(layer->inflate)); /* the names may need its memory */
	join_thread(layer, NULL);
	if (layer->failed < 0)
		return fail(layer, NULL, err);
	digest_final(layer->digest, layer->result.digest);
	*ret_result = layer->result;
	return 0;
}
