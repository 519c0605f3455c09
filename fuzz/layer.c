// SPDX-License-Identifier: MIT
/*
 * image/layer.c: the first byte says in what pieces the rest comes, which is a layer, compressed or
 * not, on top of a small one.  Besides not crashing and not hanging: what was made is read back by
 * erofs_reader.c, and has no path that leads out.
 */
#include "image/layer.h"

#include "base/attr.h"
#include "fuzz/fuzz.h"
#include "image/erofs_reader.h"
#include "image/layer_order.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

/* The layer below: a directory with another, and two names of one file in it. */
static int make_lower(void *ctx ML_UNUSED, size_t layer ML_UNUSED, int *ret_fd, struct err *err)
{
	static const struct erofs_params params;
	static const struct erofs_entry entries[] = {
		{.path = "d", .mode = S_IFDIR | 01777, .uid = 1},
		{.path = "d/f", .mode = S_IFREG | 0600},
		{.path = "d/g", .link = "d/f"},
		{.path = "d/d", .mode = S_IFDIR | 0700, .gid = 2},
	};
	AUTO_FD int fd = memfd_create("lower", MFD_CLOEXEC);
	AUTO(auto_erofs_writer) struct erofs_writer *writer = erofs_writer_new(fd, &params);

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		if (erofs_add(writer, &entries[i], err) < 0)
			return -1;
	}
	if (erofs_finish(writer, err) < 0)
		return -1;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(2);
	const struct layer_place place = {order, 1, make_lower, NULL};
	AUTO(auto_layer) struct layer *layer = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	struct layer_result result;
	struct err err = {0};

	layer_order_finish(order, 0);
	if (fd < 0 || layer_open(fd, &limits, &place, &layer, &err) < 0)
		return 0;
	if (convert(layer, data, size, &result, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	check_image(fd);
	return 0;
}
