// SPDX-License-Identifier: MIT
/*
 * See layer_tar.h.
 *
 * Happy path: libarchive pulls blocks from the pipe, where they lie, and gives entry after entry;
 * each goes to the EROFS writer.  Behind the end of the archive the rest is read for the digest.
 *
 * libarchive only reads tar here: no filters, no other formats.  In the locale "C", which is ours,
 * names that are not ASCII come as they are in the tar (pax headers too: it warns that it cannot
 * convert them, and that is all).  What it would read into memory (names, attributes, maps of
 * sparse files) is bounded by counting the bytes that it takes for one header.
 *
 * Failure modes: the pipe's (the stream is corrupt or ends early, a cap is reached), libarchive's
 * (the tar is corrupt), the writer's (a path or an attribute that is refused, a full disk).
 */
#include "image/layer_tar.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs.h"
#include "image/layer_path.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct tar {
	const struct layer_tar_spec *spec;
	struct layer_result *result;
	struct archive *archive;
	struct digest *digest;
	struct erofs_writer *writer; /* NULL before the first entry */
	struct buf path, link;	     /* of the entry, cleaned */
	struct buf links;      /* struct layer_link that are unresolved, by two strings each */
	char *name;	       /* of the last entry, as it is in the tar; NULL: none yet */
	bool in_header;	       /* what is handed out belongs to a header */
	uint64_t header_bytes; /* of it */
	struct err source;     /* why the pipe gave no more */
};

static la_ssize_t read_block(struct archive *archive, void *ctx, const void **ret_bytes)
{
	struct tar *tar = ctx;
	struct view bytes = {NULL, 0};
	int result = block_pipe_next(tar->spec->pipe, &bytes, &tar->source);

	tar->header_bytes += tar->in_header ? bytes.len : 0;
	if (result > 0 && tar->header_bytes > LIMIT_LAYER_HEADER) {
		err_set_(&tar->source, ERR_LIMIT, "a header is larger than %d bytes",
			 LIMIT_LAYER_HEADER);
		result = -1;
	}
	if (result < 0) {
		archive_set_error(archive, EIO, "%s", tar->source.msg);
		return -1;
	}
	digest_update(tar->digest, bytes.ptr, bytes.len);
	*ret_bytes = bytes.ptr;
	return (la_ssize_t)bytes.len;
}

static int wrap_entry(const struct tar *tar, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(tar->name);

	return err_wrap(err, "entry %s", quoted);
}

/* What made libarchive fail. */
static int read_error(const struct tar *tar, struct err *err)
{
	const char *text = archive_error_string(tar->archive);

	if (tar->source.code != ERR_NONE) {
		*err = tar->source;
		return -1;
	}
	return err_set(err, ERR_PROTOCOL, "%s", text ? text : "the tar is corrupt");
}

/* 1 with an entry, 0 at the end of the archive. */
static int next_entry(struct tar *tar, struct archive_entry **ret_entry, struct err *err)
{
	const char *name;
	int code;

	tar->header_bytes = 0;
	tar->in_header = true;
	code = archive_read_next_header(tar->archive, ret_entry);
	tar->in_header = false;
	if (code == ARCHIVE_EOF)
		return 0;
	if (code < ARCHIVE_WARN) {
		read_error(tar, err);
		if (!tar->name)
			return err_wrap(err, "the layer's first entry");
		err_wrap_(err, "the header of the next entry");
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
	uint64_t pos = 0;

	for (;;) {
		const void *bytes;
		size_t len;
		la_int64_t offset;
		int code = archive_read_data_block(tar->archive, &bytes, &len, &offset);

		if (code == ARCHIVE_EOF)
			return put_hole(tar, pos, MAX(size, pos), err);
		if (code < ARCHIVE_WARN) {
			read_error(tar, err);
			return wrap_entry(tar, err);
		}
		if (offset < 0 || (uint64_t)offset < pos) {
			err_set_(err, ERR_PROTOCOL, "its map of holes is out of order");
			return wrap_entry(tar, err);
		}
		if (put_hole(tar, pos, (uint64_t)offset, err) < 0 ||
		    erofs_write_data(tar->writer, bytes, len, err) < 0)
			return -1;
		pos = (uint64_t)offset + len;
	}
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
	tar->result->link_count++;
	if (buf_check(&tar->links, "the list of hard links to other layers", err) < 0)
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
					       &(struct erofs_params){.build_time = build_time});
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

/* Data that was not asked for, so that the next header is read alone. */
static int skip_data(struct tar *tar, struct err *err)
{
	if (archive_read_data_skip(tar->archive) >= ARCHIVE_WARN)
		return 0;
	read_error(tar, err);
	return wrap_entry(tar, err);
}

static int put_entries(struct tar *tar, struct err *err)
{
	struct archive_entry *entry;
	int more;

	while ((more = next_entry(tar, &entry, err)) > 0) {
		if (put_entry(tar, entry, err) < 0 || skip_data(tar, err) < 0)
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

/* Hands out the links that are still needed: what else the layer has at a path wins. */
static void give_links(struct tar *tar)
{
	struct layer_result *result = tar->result;
	size_t count = result->link_count;
	const char *path = tar->links.ptr;

	result->links = xcalloc(MAX(count, 1u), sizeof(*result->links));
	result->link_count = 0;
	for (size_t i = 0; i < count; i++) {
		const char *link = path + strlen(path) + 1;

		if (erofs_type_at(tar->writer, path) == 0)
			result->links[result->link_count++] =
				(struct layer_link){xstrdup(path), xstrdup(link)};
		path = link + strlen(link) + 1;
	}
}

static int open_archive(struct tar *tar, struct err *err)
{
	tar->archive = archive_read_new();
	if (!tar->archive)
		return err_set(err, ERR_INTERNAL, "libarchive does not start");
	if (archive_read_support_format_tar(tar->archive) != ARCHIVE_OK ||
	    archive_read_open(tar->archive, tar, NULL, read_block, NULL) != ARCHIVE_OK)
		return read_error(tar, err);
	return 0;
}

static int convert(struct tar *tar, struct err *err)
{
	if (open_archive(tar, err) < 0 || put_entries(tar, err) < 0)
		return -1;
	begin_image(tar, 0);
	give_links(tar);
	if (erofs_finish(tar->writer, err) < 0)
		return -1;
	return read_rest(tar, err);
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
	archive_read_free(tar.archive);
	digest_free(tar.digest);
	buf_done(&tar.path);
	buf_done(&tar.link);
	buf_done(&tar.links);
	free(tar.name);
	return result;
}
