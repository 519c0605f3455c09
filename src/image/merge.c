// SPDX-License-Identifier: MIT
/*
 * Layers made one: see merge.h.
 *
 * Happy path: the layers are walked from the top down, so that what is seen first wins and is
 * copied once.  What a lower layer may no longer show is known from two trees: that of the writer,
 * and `closed`, the paths at and below which lower layers show nothing: whiteouts, opaque
 * directories, and directories that lie over something else.
 *
 * Failure modes: those of reader and writer; the result is then no file system.
 */
#include "image/merge.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "image/erofs_copy.h"
#include "image/nid_map.h"
#include "image/path_set.h"

#include <string.h>
#include <sys/stat.h>

struct merge {
	struct erofs_writer *writer;
	struct path_set closed;

	/* of the layer that is being walked */
	struct erofs_reader *reader;
	bool is_top;
	bool skipping; /* the directory `skip` and all below it is hidden */
	struct buf skip;
	struct nid_map
		hidden; /* inodes whose first name is hidden, and the name they got instead */
};

static bool in_skipped(struct merge *merge, const char *path)
{
	size_t len = merge->skip.len;

	if (!merge->skipping)
		return false;
	merge->skipping =
		len == 0 || (strncmp(path, merge->skip.ptr, len) == 0 && path[len] == '/');
	return merge->skipping;
}

/* The entry is not shown, nor is what is in it. */
static int hide(struct merge *merge, const struct erofs_entry *entry, uint64_t nid, struct err *err)
{
	if (!S_ISDIR(entry->mode))
		return entry->link ? 0 : nid_map_set(&merge->hidden, nid, NULL, err);
	merge->skipping = true;
	buf_clear(&merge->skip);
	if (strcmp(entry->path, ".") != 0)
		buf_puts(&merge->skip, entry->path);
	return buf_check(&merge->skip, "a path", err);
}

/* Copies the entry without the attributes that are overlayfs's. */
static int show(struct merge *merge, const struct erofs_entry *entry, uint64_t nid, struct err *err)
{
	struct erofs_xattr xattrs[LIMIT_EROFS_XATTRS];
	struct erofs_entry shown = *entry;
	const char *other = NULL;
	bool first_hidden = entry->link && nid_map_find(&merge->hidden, nid, &other);

	if (first_hidden)
		shown.link = other;
	erofs_drop_overlay(&shown, xattrs);
	if (erofs_copy(merge->reader, nid, &shown, merge->writer, err) < 0)
		return -1;
	if (first_hidden && !other)
		return nid_map_set(&merge->hidden, nid, entry->path, err);
	return 0;
}

static int visit(void *ctx, const struct erofs_entry *entry, uint64_t nid, struct err *err)
{
	struct merge *merge = ctx;
	mode_t above;

	if (in_skipped(merge, entry->path))
		return S_ISDIR(entry->mode) ? 0 : hide(merge, entry, nid, err);
	above = erofs_type_at(merge->writer, entry->path);
	if (merge->is_top && strcmp(entry->path, ".") == 0)
		above = 0; /* a writer has a root from its start */
	if ((above && above != S_IFDIR) || path_set_has(&merge->closed, entry->path))
		return hide(merge, entry, nid, err);
	if (S_ISDIR(entry->mode)) {
		if (!above && show(merge, entry, nid, err) < 0)
			return -1;
		return erofs_is_opaque(entry) ? path_set_add(&merge->closed, entry->path, err) : 0;
	}
	if (!above && !erofs_is_whiteout(entry))
		return show(merge, entry, nid, err);
	if (above && hide(merge, entry, nid, err) < 0)
		return -1;
	return path_set_add(&merge->closed, entry->path, err);
}

static int merge_layer(struct merge *merge, int fd, struct err *err)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	int result;

	if (erofs_reader_open(fd, &reader, err) < 0)
		return -1;
	merge->reader = reader;
	merge->skipping = false;
	result = erofs_reader_walk(reader, visit, merge, err);
	nid_map_done(&merge->hidden);
	return result;
}

int merge_layers(const int *fds, size_t count, int out_fd, int64_t build_time, struct err *err)
{
	AUTO(auto_erofs_writer) struct erofs_writer *writer = NULL;
	struct erofs_params params = {.build_time = build_time};
	struct merge merge = {.skip = BUF_INIT(LIMIT_EROFS_PATH)};
	int result = 0;

	writer = merge.writer = erofs_writer_new(out_fd, &params);
	path_set_init(&merge.closed);
	for (size_t i = count; i > 0 && result == 0; i--) {
		merge.is_top = i == count;
		result = merge_layer(&merge, fds[i - 1], err);
		if (result < 0)
			err_wrap_(err, "layer %zu of %zu", i, count);
	}
	path_set_done(&merge.closed);
	buf_done(&merge.skip);
	return result < 0 ? -1 : erofs_finish(writer, err);
}
