// SPDX-License-Identifier: MIT
/*
 * image/erofs_reader.c: the input is an EROFS image, whose checksum is put right first so that the
 * rest of it is looked at too.  Besides not crashing: each short path that a walk tells of is found
 * again, and (where the first byte, which means nothing, is not 0, for it takes time) what is
 * accepted as a whole can be merged with itself into an image that reads as well.
 */
#include "image/erofs_reader.h"

#include "base/attr.h"
#include "fuzz/fuzz.h"
#include "image/erofs_format.h"
#include "image/erofs_meta.h"
#include "image/merge.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	INPUT_MAX = 256 * 1024,
	CONTENT_MAX = 1024 * 1024,
	ENTRIES_MAX = 4096,
	PATH_MAX_LOOKED_UP = 100
};

struct seen {
	struct erofs_reader *reader;
	uint64_t content;
	unsigned entries;
	bool too_much;
};

static int count_data(void *ctx, const void *bytes ML_UNUSED, size_t len, struct err *err)
{
	struct seen *seen = ctx;

	seen->content += len;
	seen->too_much = seen->too_much || seen->content > CONTENT_MAX;
	return seen->too_much ? err_set(err, ERR_LIMIT, "enough") : 0;
}

static int count_hole(void *ctx, uint64_t len, struct err *err)
{
	return count_data(ctx, NULL, (size_t)len, err);
}

static int visit(void *ctx, const struct erofs_entry *entry, uint64_t nid, struct err *err)
{
	struct seen *seen = ctx;
	const struct erofs_sink sink = {count_data, count_hole, seen};
	uint64_t found;

	if (++seen->entries > ENTRIES_MAX) {
		seen->too_much = true;
		return err_set(err, ERR_LIMIT, "enough");
	}
	for (size_t i = 0; i < entry->xattr_count; i++)
		assert(erofs_xattr_storable(entry->xattrs[i].name));
	if (S_ISREG(entry->mode) && erofs_reader_data(seen->reader, nid, &sink, err) < 0)
		return -1;
	if (strlen(entry->path) > PATH_MAX_LOOKED_UP)
		return 0; /* each would take as many steps as it is long */
	return erofs_reader_lookup(seen->reader, entry->path, &found, err);
}

static void merge_twice(int fd)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_FD int out = memfd_create("merged", MFD_CLOEXEC);
	const int layers[] = {fd, fd};
	struct seen seen = {0};
	struct err err = {0};
	int result;

	if (merge_layers(layers, ARRAY_SIZE(layers), out, 0, &err) < 0)
		return;
	result = erofs_reader_open(out, &reader, &err);
	assert(result == 0);
	seen.reader = reader;
	result = erofs_reader_walk(reader, visit, &seen, &err);
	assert(result == 0 || seen.too_much);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	struct seen seen = {0};
	struct err err = {0};
	uint32_t checksum;
	ssize_t put;
	char first[EROFS_BLOCK], *super = first + EROFS_SUPER_OFFSET;

	if (size < sizeof(first) || size > INPUT_MAX)
		return 0;
	memcpy(first, data, sizeof(first));
	memset(super + offsetof(struct erofs_super, checksum), 0, sizeof(checksum));
	checksum = htole32(erofs_checksum(super));
	memcpy(super + offsetof(struct erofs_super, checksum), &checksum, sizeof(checksum));
	put = pwrite(fd, data, size, 0);
	assert(put == (ssize_t)size);
	put = pwrite(fd, first, sizeof(first), 0);
	assert(put == (ssize_t)sizeof(first));

	if (erofs_reader_open(fd, &reader, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	seen.reader = reader;
	if (erofs_reader_walk(reader, visit, &seen, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	if (data[0] != 0)
		merge_twice(fd);
	return 0;
}
