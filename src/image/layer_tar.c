// SPDX-License-Identifier: MIT
/*
 * See layer_tar.h.
 *
 * Happy path: the reader pulls blocks from the pipe, where they lie, and gives entry after entry;
 * each goes to the EROFS writer.  Behind the end of the archive the rest is read for the digest;
 * then, if they are needed, the layers below give what belongs to them, and the image is finished.
 *
 * Failure modes: the pipe's (the stream is corrupt or ends early, a cap is reached), the reader's
 * (the tar is corrupt), the writer's (a path or an attribute that is refused, a full disk).
 */
#include "image/layer_tar.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs.h"
#include "image/erofs_implied.h"
#include "image/layer_below.h"
#include "image/layer_order.h"
#include "image/layer_path.h"
#include "image/tar_reader.h"

#include <archive.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	LINK_MEMORY = 128,   /* of a link, besides its names: in the list, and once it is made */
	HEADER_MEMORY = 20,  /* of a byte of an entry's header: a map of holes "1,1,1,..." */
	HEADER_PART = 32768, /* a header is as large as that before it is counted */
};

struct tar {
	const struct layer_tar_spec *spec;
	struct layer_result *result;
	struct tar_reader *reader;
	struct digest *digest;
	struct erofs_writer *writer; /* NULL before the first entry */
	struct buf path, link;	     /* of the entry, cleaned */
	struct buf links; /* hard links whose targets were not there, by two strings each */
	size_t link_count;
	size_t header_memory; /* that the entry's header has taken */
	char *name;	      /* of the last entry, as it is in the tar; NULL: none yet */
};

static int take_memory(void *ctx, size_t size, struct err *err)
{
	const struct tar *tar = ctx;

	return layer_order_take(tar->spec->place.order, tar->spec->place.layer, size, err);
}

static int take_block(void *ctx, struct view *ret_bytes, struct err *err)
{
	struct tar *tar = ctx;
	int result = block_pipe_next(tar->spec->pipe, ret_bytes, err);

	if (result <= 0)
		return result;
	digest_update(tar->digest, ret_bytes->ptr, ret_bytes->len);
	if (tar->reader && tar_reader_header_bytes(tar->reader) > HEADER_PART) {
		if (take_memory(tar, HEADER_MEMORY * ret_bytes->len, err) < 0)
			return -1;
		tar->header_memory += HEADER_MEMORY * ret_bytes->len;
	}
	return 1;
}

static int wrap_entry(const struct tar *tar, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(tar->name);

	return err_wrap(err, "entry %s", quoted);
}

/* 1 with an entry, 0 at the end of the archive. */
static int next_entry(struct tar *tar, struct archive_entry **ret_entry, struct err *err)
{
	const char *name;
	int more;

	layer_order_give(tar->spec->place.order, tar->spec->place.layer, tar->header_memory);
	tar->header_memory = 0;
	more = tar_reader_next(tar->reader, ret_entry, err);
	if (more == 0)
		return 0;
	if (more < 0 && !tar->name)
		return err_wrap(err, "the layer's first entry");
	if (more < 0) {
		err_wrap_(err, "what follows it");
		return wrap_entry(tar, err);
	}
	name = archive_entry_pathname(*ret_entry);
	free(tar->name);
	tar->name = xstrdup(name ? name : "");
	if (!name || *name == '\0')
		return err_set(err, ERR_PROTOCOL, "entry %" PRIu64 " has no name",
			       tar->result->entries + 1);
	if (++tar->result->entries > LIMIT_EROFS_ENTRIES) {
		err_set_(err, ERR_LIMIT, "the layer has more than %d entries", LIMIT_EROFS_ENTRIES);
		return wrap_entry(tar, err);
	}
	return 1;
}

/* A file of holes becomes larger than its tar, since the writer leaves out only whole chunks. */
static int check_image_size(const struct tar *tar, struct err *err)
{
	struct stat st;

	if (fstat(tar->spec->fd, &st) < 0)
		return err_sys(err, errno, "the size of the image");
	if ((uint64_t)st.st_size > tar->spec->max_size)
		return err_set(err, ERR_LIMIT, "with its holes the layer is over %" PRIu64 " bytes",
			       tar->spec->max_size);
	return 0;
}

/* Holes up to `offset`. */
static int put_hole(struct tar *tar, uint64_t pos, uint64_t offset, struct err *err)
{
	if (offset == pos)
		return 0;
	if (check_image_size(tar, err) < 0)
		return wrap_entry(tar, err);
	return erofs_write_hole(tar->writer, offset - pos, err);
}

static int put_data(struct tar *tar, uint64_t size, struct err *err)
{
	uint64_t pos = 0, offset;
	struct view bytes;
	int more;

	while ((more = tar_reader_data(tar->reader, &bytes, &offset, err)) > 0) {
		if (offset < pos) {
			err_set_(err, ERR_PROTOCOL, "the map of its holes is out of order");
			return wrap_entry(tar, err);
		}
		if (put_hole(tar, pos, offset, err) < 0 ||
		    erofs_write_data(tar->writer, bytes.ptr, bytes.len, err) < 0)
			return -1;
		pos = offset + bytes.len;
	}
	if (more < 0)
		return wrap_entry(tar, err);
	return put_hole(tar, pos, MAX(size, pos), err);
}

/* The attributes to keep; of two with one name the later. */
static int collect_xattrs(struct archive_entry *entry, struct erofs_xattr *list, size_t *ret_count,
			  struct err *err)
{
	struct erofs_xattr xattr;
	size_t count = 0, at;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &xattr.name, &xattr.value, &xattr.size) ==
	       ARCHIVE_OK) {
		if (!erofs_xattr_storable(xattr.name) ||
		    strncmp(xattr.name, "trusted.overlay.", strlen("trusted.overlay.")) == 0)
			continue;
		for (at = 0; at < count && strcmp(list[at].name, xattr.name) != 0; at++)
			;
		if (at == LIMIT_EROFS_XATTRS)
			return err_set(err, ERR_LIMIT, "more than %d extended attributes",
				       LIMIT_EROFS_XATTRS);
		list[at] = xattr;
		count = MAX(count, at + 1);
	}
	*ret_count = count;
	return 0;
}

/* What an entry says of itself, but for path and attributes. */
static int describe(struct archive_entry *entry, struct erofs_entry *ret_out, struct err *err)
{
	la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	la_int64_t size = archive_entry_size(entry);
	long nsec = archive_entry_mtime_nsec(entry);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, ERR_INVALID, "there is no owner %lld:%lld", (long long)uid,
			       (long long)gid);
	if (size < 0)
		return err_set(err, ERR_INVALID, "its size is negative");
	*ret_out = (struct erofs_entry){
		.mode = archive_entry_mode(entry),
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.mtime = archive_entry_mtime(entry),
		.mtime_nsec = nsec > 0 && nsec < 1000000000 ? (uint32_t)nsec : 0,
		.target = archive_entry_symlink(entry),
	};
	if (S_ISREG(ret_out->mode))
		ret_out->size = (uint64_t)size;
	if (S_ISCHR(ret_out->mode) || S_ISBLK(ret_out->mode))
		ret_out->rdev = makedev((unsigned)archive_entry_rdevmajor(entry),
					(unsigned)archive_entry_rdevminor(entry));
	return 0;
}

static int put_link(struct tar *tar, const char *target, struct err *err)
{
	struct erofs_entry out = {.path = tar->path.ptr, .link = tar->link.ptr};

	if (layer_path_clean(target, &tar->link, err) < 0) {
		err_wrap_(err, "the target of the hard link");
		return wrap_entry(tar, err);
	}
	out.link = tar->link.ptr;
	if (erofs_type_at(tar->writer, out.link) != 0)
		return erofs_add(tar->writer, &out, err);
	buf_put(&tar->links, tar->path.ptr, tar->path.len + 1);
	buf_put(&tar->links, tar->link.ptr, tar->link.len + 1);
	tar->link_count++;
	if (buf_check(&tar->links, "the list of hard links to other layers", err) < 0 ||
	    take_memory(tar, LINK_MEMORY + 2 * (tar->path.len + tar->link.len), err) < 0)
		return wrap_entry(tar, err);
	return 0;
}

static int put_file(struct tar *tar, struct archive_entry *entry, struct err *err)
{
	struct erofs_xattr xattrs[LIMIT_EROFS_XATTRS];
	struct erofs_entry out;

	if (describe(entry, &out, err) < 0 ||
	    collect_xattrs(entry, xattrs, &out.xattr_count, err) < 0)
		return wrap_entry(tar, err);
	out.path = tar->path.ptr;
	out.xattrs = xattrs;
	if (erofs_add(tar->writer, &out, err) < 0)
		return -1;
	return S_ISREG(out.mode) ? put_data(tar, out.size, err) : 0;
}

/* The mtime of the first entry is that of all where images are made reproducibly, and takes half
 * the room. */
static void begin_image(struct tar *tar, int64_t build_time)
{
	if (!tar->writer)
		tar->writer = erofs_writer_new(tar->spec->fd,
					       &(struct erofs_params){.build_time = build_time,
								      .allow = take_memory,
								      .ctx = tar});
}

static int put_entry(struct tar *tar, struct archive_entry *entry, struct err *err)
{
	const char *target = archive_entry_hardlink(entry);
	enum layer_path_kind kind;

	if (layer_path_clean(tar->name, &tar->path, err) < 0 ||
	    layer_path_kind(&tar->path, &kind, err) < 0)
		return wrap_entry(tar, err);
	begin_image(tar, archive_entry_mtime(entry));
	switch (kind) {
	case LAYER_PATH_IGNORED:
		return 0;
	case LAYER_PATH_WHITEOUT:
		return erofs_add_whiteout(tar->writer, tar->path.ptr, err);
	case LAYER_PATH_OPAQUE:
		return erofs_set_opaque(tar->writer, tar->path.ptr, err);
	case LAYER_PATH_ENTRY:
		break;
	}
	return target ? put_link(tar, target, err) : put_file(tar, entry, err);
}

static int put_entries(struct tar *tar, struct err *err)
{
	struct archive_entry *entry;
	int more;

	while ((more = next_entry(tar, &entry, err)) > 0) {
		if (put_entry(tar, entry, err) < 0)
			return -1;
	}
	return more;
}

/* What the archive's end is padded with belongs to the digest too. */
static int read_rest(struct tar *tar, struct err *err)
{
	struct view bytes;
	int more;

	while ((more = block_pipe_next(tar->spec->pipe, &bytes, err)) > 0)
		digest_update(tar->digest, bytes.ptr, bytes.len);
	if (more < 0)
		return err_wrap(err, "behind the layer's last entry");
	digest_final(tar->digest, tar->result->diff_id);
	return 0;
}

/* The links as a list, into tar->links: in `links`, which has room for them. */
static void list_links(const struct tar *tar, struct layer_link *links)
{
	const char *at = tar->links.ptr;

	for (size_t i = 0; i < tar->link_count; i++) {
		links[i].path = at;
		links[i].link = at + strlen(at) + 1;
		at = links[i].link + strlen(links[i].link) + 1;
	}
}

static int open_below(const struct layer_place *place, struct layer_stack *stack, struct err *err)
{
	if (layer_order_wait(place->order, place->layer, err) < 0)
		return -1;
	for (size_t i = 0; i < place->layer; i++) {
		int fd;

		if (place->open(place->ctx, i, &fd, err) < 0 || layer_stack_add(stack, fd, err) < 0)
			return -1;
	}
	return 0;
}

static int add_below(const struct tar *tar, struct err *err)
{
	AUTO_FREE struct layer_link *links = xcalloc(tar->link_count + 1, sizeof(*links));
	AUTO(auto_layer_stack) struct layer_stack *stack = layer_stack_new();

	if (open_below(&tar->spec->place, stack, err) < 0)
		return -1;
	list_links(tar, links);
	return layer_below_add(stack, links, tar->link_count, tar->writer, err);
}

static int convert(struct tar *tar, struct err *err)
{
	if (tar_reader_open(take_block, tar, &tar->reader, err) < 0)
		return err_wrap(err, "the layer's first entry");
	if (put_entries(tar, err) < 0 || read_rest(tar, err) < 0)
		return -1;
	begin_image(tar, 0);
	tar->result->chained = tar->link_count > 0 || erofs_has_implied(tar->writer);
	if (tar->result->chained && add_below(tar, err) < 0)
		return -1;
	return erofs_finish(tar->writer, err);
}

int layer_tar_convert(const struct layer_tar_spec *spec, struct layer_result *ret_result,
		      struct err *err)
{
	struct tar tar = {
		.spec = spec,
		.result = ret_result,
		.digest = digest_new(),
		.path = BUF_INIT(LIMIT_EROFS_PATH + NAME_MAX + 2),
		.link = BUF_INIT(LIMIT_EROFS_PATH + NAME_MAX + 2),
		.links = BUF_INIT(LIMIT_LAYER_LINKS),
	};
	int result = convert(&tar, err);

	erofs_writer_free(tar.writer);
	tar_reader_free(tar.reader);
	digest_free(tar.digest);
	buf_done(&tar.path);
	buf_done(&tar.link);
	buf_done(&tar.links);
	free(tar.name);
	return result;
}
