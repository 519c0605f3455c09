// SPDX-License-Identifier: MIT
/*
 * layer_tool OUT [PIECE [MAX_SIZE [MAX_RATIO [LOWER...]]]] < LAYER: makes an EROFS image of a layer
 * as the image worker does, given in pieces of so many bytes, on top of these images, base first;
 * for layer.sh.  Prints its digest, diff id and number of entries, and whether the image depends on
 * those below: "chained" or "alone".
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/err.h"
#include "image/layer.h"
#include "image/layer_order.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
	const char *out;
	size_t piece;
	struct layer_limits limits;
	char **lowers;
	size_t lower_count;
};

static int open_lower(void *ctx, size_t layer, int *ret_fd, struct err *err)
{
	const struct options *options = ctx;

	*ret_fd = open(options->lowers[layer], O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, errno, "open '%s'", options->lowers[layer]) : 0;
}

static int run(struct options *options, struct layer_result *ret_result, struct err *err)
{
	AUTO(auto_layer_order)
	struct layer_order *order = layer_order_new(options->lower_count + 1);
	const struct layer_place place = {order, options->lower_count, open_lower, options};
	AUTO(auto_layer) struct layer *layer = NULL;
	AUTO_FREE char *bytes = xcalloc(1, options->piece);
	AUTO_FD int fd = open(options->out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t len;

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", options->out);
	for (size_t i = 0; i < options->lower_count; i++)
		layer_order_finish(order, i);
	if (layer_open(fd, &options->limits, &place, &layer, err) < 0)
		return -1;
	while ((len = read(STDIN_FILENO, bytes, options->piece)) > 0) {
		if (layer_write(layer, bytes, (size_t)len, err) < 0)
			return -1;
	}
	if (len < 0)
		return err_sys(err, errno, "read the layer");
	return layer_finish(layer, ret_result, err);
}

static uint64_t number(char **argv, int at, int argc, uint64_t otherwise)
{
	return at < argc ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	struct layer_result result;
	struct options options = {
		.out = argc > 1 ? argv[1] : NULL,
		.piece = (size_t)number(argv, 2, argc, 65536),
		.limits = {number(argv, 3, argc, UINT64_C(1) << 37),
			   (unsigned)number(argv, 4, argc, 2000)},
		.lowers = argv + 5,
		.lower_count = argc > 5 ? (size_t)argc - 5 : 0,
	};
	struct err err;

	if (!options.out || options.piece == 0) {
		fprintf(stderr, "usage: see its source\n");
		return 1;
	}
	if (run(&options, &result, &err) < 0) {
		fprintf(stderr, "layer_tool: %s\n", err.msg);
		return 1;
	}
	printf("%s %s %" PRIu64 " %s\n", result.digest, result.diff_id, result.entries,
	       result.chained ? "chained" : "alone");
	return 0;
}
