// SPDX-License-Identifier: MIT
/*
 * layer_tool OUT [PIECE [MAX_SIZE [MAX_RATIO]]] < LAYER: makes an EROFS image of a layer as the
 * image worker does, given in pieces of so many bytes, for layer.sh.  Prints its digest, diff id
 * and number of entries, and a line for each hard link that leads to another layer.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/err.h"
#include "image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
	const char *out;
	size_t piece;
	struct layer_limits limits;
};

static int run(const struct options *options, struct layer_result *ret_result, struct err *err)
{
	AUTO(auto_layer) struct layer *layer = NULL;
	AUTO_FREE char *bytes = xcalloc(1, options->piece);
	AUTO_FD int fd = open(options->out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t len;

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", options->out);
	if (layer_open(fd, &options->limits, &layer, err) < 0)
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
	AUTO(layer_result_done) struct layer_result result = {0};
	struct options options = {
		.out = argc > 1 ? argv[1] : NULL,
		.piece = (size_t)number(argv, 2, argc, 65536),
		.limits = {number(argv, 3, argc, UINT64_C(1) << 37),
			   (unsigned)number(argv, 4, argc, 2000)},
	};
	struct err err;

	if (!options.out || options.piece == 0) {
		fprintf(stderr, "usage: layer_tool OUT [PIECE [MAX_SIZE [MAX_RATIO]]]\n");
		return 1;
	}
	if (run(&options, &result, &err) < 0) {
		fprintf(stderr, "layer_tool: %s\n", err.msg);
		return 1;
	}
	printf("%s %s %" PRIu64 "\n", result.digest, result.diff_id, result.entries);
	for (size_t i = 0; i < result.link_count; i++)
		printf("%s -> %s\n", result.links[i].path, result.links[i].link);
	return 0;
}
