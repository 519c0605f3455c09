// SPDX-License-Identifier: MIT
/*
 * image/layer.c: the first byte says in what pieces the rest comes, which is a layer, compressed or
 * not.  Besides not crashing and not hanging: what was made is read back by erofs_reader.c, and has
 * no path that leads out.
 */
#include "image/layer.h"

#include "base/attr.h"
#include "fuzz/fuzz.h"
#include "image/erofs_reader.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

static const struct layer_limits limits = {4 * 1024 * 1024, 2000};

static int visit(void *ctx ML_UNUSED, const struct erofs_entry *entry, uint64_t nid ML_UNUSED,
		 struct err *err ML_UNUSED)
{
	assert(entry->path[0] != '/' && strncmp(entry->path, "../", 3) != 0);
	assert(!strstr(entry->path, "/../"));
	return 0;
}

static void check_image(int fd)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	struct err err = {0};
	int result = erofs_reader_open(fd, &reader, &err);

	assert(result == 0);
	result = erofs_reader_walk(reader, visit, NULL, &err);
	assert(result == 0);
}

static int convert(struct layer *layer, const uint8_t *data, size_t size,
		   struct layer_result *ret_result, struct err *err)
{
	size_t piece = size > 0 ? 1 + data[0] * (size_t)97 : 1;

	for (size_t at = 1; at < size; at += piece) {
		if (layer_write(layer, data + at, MIN(piece, size - at), err) < 0)
			return -1;
	}
	return layer_finish(layer, ret_result, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(layer_result_done) struct layer_result result = {0};
	AUTO(auto_layer) struct layer *layer = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	struct err err = {0};

	if (fd < 0 || layer_open(fd, &limits, &layer, &err) < 0)
		return 0;
	if (convert(layer, data, size, &result, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	check_image(fd);
	return 0;
}
