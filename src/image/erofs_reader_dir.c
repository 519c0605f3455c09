// SPDX-License-Identifier: MIT
/*
 * Directories, for the reader: a walk over all of them, and one path looked up.
 *
 * The walk holds one small frame for each directory on the way down and reads the block of names
 * anew (from the cache) for every name.  A tree that leads back into itself ends at
 * LIMIT_EROFS_PATH or LIMIT_EROFS_ENTRIES.
 *
 * Failure modes: ERR_PROTOCOL for names that are not in byte order, lie outside or could not be
 * written: an empty one, one with a slash or a NUL.
 */
#include "base/alloc.h"
#include "base/text.h"
#include "image/erofs_reader_internal.h"
#include "image/nid_map.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One block of a directory. */
struct names {
	const char *ptr;
	size_t len;
	uint32_t count;
};

struct name {
	struct view text;
	uint64_t nid;
};

struct frame {
	struct erofs_stat dir;
	uint32_t block, entry; /* where the next name is */
	size_t path_len;       /* of the directory's path */
};

struct walk {
	struct erofs_reader *reader;
	struct frame *frames;
	size_t depth, room;
	struct buf path;
	struct nid_map linked; /* the first names of inodes that have several */
	uint32_t entries;
};

static uint32_t block_count(const struct erofs_stat *dir)
{
	return (uint32_t)((dir->size + EROFS_BLOCK - 1) / EROFS_BLOCK);
}

/* The names of block number `index`; valid until the next block is read. */
static int read_names(struct erofs_reader *reader, const struct erofs_stat *dir, uint32_t index,
		      struct names *ret_names, struct err *err)
{
	uint64_t offset = ((uint64_t)dir->place + index) * EROFS_BLOCK;
	uint64_t left = dir->size - (uint64_t)index * EROFS_BLOCK;
	struct erofs_dirent first;
	const char *block;

	if (dir->layout == EROFS_FLAT_INLINE && left < EROFS_BLOCK)
		offset = dir->body;
	block = erofs_reader_block(reader, offset / EROFS_BLOCK, err);
	if (!block)
		return -1;
	ret_names->ptr = block + offset % EROFS_BLOCK;
	ret_names->len = (size_t)MIN(left, (uint64_t)EROFS_BLOCK);
	if (ret_names->len < sizeof(first))
		return erofs_damaged(err, "a directory's block is too short");
	memcpy(&first, ret_names->ptr, sizeof(first));
	ret_names->count = le16toh(first.name_offset) / sizeof(first);
	if (ret_names->count == 0 || le16toh(first.name_offset) % sizeof(first) != 0 ||
	    le16toh(first.name_offset) >= ret_names->len)
		return erofs_damaged(err, "a directory's block does not say where its names are");
	return 0;
}

static int get_name(const struct names *names, uint32_t index, struct name *ret_name,
		    struct err *err)
{
	struct erofs_dirent entry, next;
	size_t at, end = names->len;

	memcpy(&entry, names->ptr + index * sizeof(entry), sizeof(entry));
	at = le16toh(entry.name_offset);
	if (index + 1 < names->count) {
		memcpy(&next, names->ptr + (index + 1) * sizeof(next), sizeof(next));
		end = le16toh(next.name_offset);
	}
	if (at < names->count * sizeof(entry) || at >= end || end > names->len)
		return erofs_damaged(err, "a name lies outside its directory's block");
	/* the last one may be followed by zeros */
	ret_name->text = (struct view){names->ptr + at, strnlen(names->ptr + at, end - at)};
	ret_name->nid = le64toh(entry.nid);
	if (ret_name->text.len == 0 || ret_name->text.len > EROFS_NAME_MAX ||
	    (ret_name->text.len < end - at && index + 1 < names->count) ||
	    memchr(ret_name->text.ptr, '/', ret_name->text.len))
		return erofs_damaged(err, "a directory holds an impossible name");
	return 0;
}

static int compare(struct view a, struct view b)
{
	int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool is_dots(struct view name)
{
	return view_equals(name, ".") || view_equals(name, "..");
}

static int push(struct walk *walk, const struct erofs_stat *dir, struct err *err)
{
	/* a component takes two bytes at least, so that the path limits the depth */
	if (walk->depth == walk->room) {
		walk->room = MAX(walk->room * 2, (size_t)16);
		walk->frames = xreallocarray(walk->frames, walk->room, sizeof(*walk->frames));
	}
	walk->frames[walk->depth++] = (struct frame){.dir = *dir, .path_len = walk->path.len};
	return buf_check(&walk->path, "a path of the EROFS image", err);
}

/* Puts `name` behind the directory's path, which holds the name before it until then: names must
 * ascend. */
static int put_path(struct walk *walk, const struct frame *frame, struct view name, struct err *err)
{
	struct buf *path = &walk->path;
	size_t start = frame->path_len + (frame->path_len > 0);

	if (path->len > start &&
	    compare((struct view){path->ptr + start, strcspn(path->ptr + start, "/")}, name) >= 0)
		return erofs_damaged(err, "the names of a directory are not in order");
	path->len = frame->path_len;
	if (path->len > 0)
		buf_putc(path, '/');
	buf_put(path, name.ptr, name.len);
	return buf_check(path, "a path of the EROFS image", err);
}

/* What is at walk->path. */
static int visit_name(struct walk *walk, uint64_t nid, erofs_visit_fn *visit, void *ctx,
		      struct err *err)
{
	struct erofs_entry entry = {0};
	struct erofs_stat stat;

	if (++walk->entries > LIMIT_EROFS_ENTRIES)
		return err_set(err, ERR_LIMIT, "the EROFS image has more than %d entries",
			       LIMIT_EROFS_ENTRIES);
	if (erofs_reader_stat(walk->reader, nid, &stat, err) < 0 ||
	    erofs_reader_describe(walk->reader, &stat, &entry, err) < 0)
		return -1;
	entry.path = walk->path.len > 0 ? walk->path.ptr : ".";
	if (!S_ISDIR(stat.mode) && stat.nlink > 1 &&
	    !nid_map_find(&walk->linked, nid, &entry.link) &&
	    nid_map_set(&walk->linked, nid, entry.path, err) < 0)
		return -1;
	if (visit(ctx, &entry, nid, err) < 0)
		return -1;
	return S_ISDIR(stat.mode) ? push(walk, &stat, err) : 0;
}

/* The next name of the deepest directory, or its end. */
static int walk_step(struct walk *walk, erofs_visit_fn *visit, void *ctx, struct err *err)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	struct names names;
	struct name name;

	if (frame->block == block_count(&frame->dir)) {
		walk->depth--;
		return 0;
	}
	if (read_names(walk->reader, &frame->dir, frame->block, &names, err) < 0 ||
	    get_name(&names, frame->entry, &name, err) < 0)
		return -1;
	if (++frame->entry == names.count) {
		frame->block++;
		frame->entry = 0;
	}
	if (is_dots(name.text))
		return 0;
	if (put_path(walk, frame, name.text, err) < 0)
		return -1;
	if (visit_name(walk, name.nid, visit, ctx, err) < 0) {
		if (err->code == ERR_PROTOCOL) {
			AUTO_FREE char *quoted = text_quoted(walk->path.ptr);

			err_wrap_(err, "entry %s", quoted);
		}
		return -1;
	}
	return 0;
}

int erofs_reader_walk(struct erofs_reader *reader, erofs_visit_fn *visit, void *ctx,
		      struct err *err)
{
	struct walk walk = {.reader = reader, .path = BUF_INIT(LIMIT_EROFS_PATH)};
	int result = visit_name(&walk, reader->root_nid, visit, ctx, err);

	while (result == 0 && walk.depth > 0)
		result = walk_step(&walk, visit, ctx, err);
	nid_map_done(&walk.linked);
	buf_done(&walk.path);
	free(walk.frames);
	return result;
}

/* The block that holds the name if any does: the last that begins with it or one before it. */
static int find_block(struct erofs_reader *reader, const struct erofs_stat *dir, struct view name,
		      uint32_t *ret_block, struct err *err)
{
	uint32_t low = 0, high = block_count(dir); /* what is sought is in [low, high) */

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		struct names names;
		struct name first;

		if (read_names(reader, dir, middle, &names, err) < 0 ||
		    get_name(&names, 0, &first, err) < 0)
			return -1;
		if (compare(first.text, name) <= 0)
			low = middle;
		else
			high = middle;
	}
	*ret_block = low;
	return 0;
}

/* 1 with the nid, 0 if the directory has no such name, -1. */
static int find_name(struct erofs_reader *reader, const struct erofs_stat *dir, struct view wanted,
		     uint64_t *ret_nid, struct err *err)
{
	struct names names;
	struct name name;
	uint32_t block;

	if (find_block(reader, dir, wanted, &block, err) < 0 ||
	    read_names(reader, dir, block, &names, err) < 0)
		return -1;
	for (uint32_t i = 0; i < names.count; i++) {
		if (get_name(&names, i, &name, err) < 0)
			return -1;
		if (compare(name.text, wanted) == 0) {
			*ret_nid = name.nid;
			return 1;
		}
	}
	return 0;
}

int erofs_reader_find(struct erofs_reader *reader, uint64_t dir_nid, struct view name,
		      uint64_t *ret_nid, struct err *err)
{
	struct erofs_stat dir;

	if (erofs_reader_stat(reader, dir_nid, &dir, err) < 0)
		return -1;
	return S_ISDIR(dir.mode) ? find_name(reader, &dir, name, ret_nid, err) : 0;
}

int erofs_reader_lookup(struct erofs_reader *reader, const char *path, uint64_t *ret_nid,
			struct err *err)
{
	uint64_t nid = reader->root_nid;

	while (*path) {
		struct view name = {path, strcspn(path, "/")};
		int found;

		path += name.len + (path[name.len] == '/');
		if (name.len == 0 || view_equals(name, "."))
			continue;
		found = erofs_reader_find(reader, nid, name, &nid, err);
		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "it is not in the EROFS image");
	}
	*ret_nid = nid;
	return 0;
}
