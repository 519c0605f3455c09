// SPDX-License-Identifier: MIT
/*
 * An EROFS layer as tar: see export_layer.h.
 *
 * Happy path: the image is walked; each entry goes to libarchive's pax writer, whose output goes to
 * the caller's function.  A device 0:0 becomes an empty file `.wh.NAME`, an opaque directory gets
 * a file `.wh..wh..opq`, and overlayfs's own attributes stay away.
 *
 * Failure modes: those of the reader, of the caller's function and of libarchive.
 */
#include "image/export_layer.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs_copy.h"
#include "image/erofs_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct export
{
	struct erofs_reader *reader;
	struct archive *tar;
	struct archive_entry *entry;
	export_put_fn *put;
	void *ctx;
	struct err *err; /* where the reason goes if `put` fails */
	bool put_failed;
	bool discard; /* something failed: what comes goes nowhere */
};

/* A failure is not told to libarchive, which would then leak its buffer: check() sees it. */
static la_ssize_t put_block(struct archive *tar ML_UNUSED, void *ctx, const void *bytes, size_t len)
{
	struct export *export = ctx;

	if (!export->discard && export->put(export->ctx, bytes, len, export->err) < 0)
		export->put_failed = export->discard = true;
	return (la_ssize_t)len;
}

/* Behind each call of libarchive's. */
static int check(const struct export *export, bool ok, struct err *err)
{
	if (export->put_failed)
		return -1; /* which has filled *err */
	return ok ? 0
		  : err_set(err, ERR_INTERNAL, "write the tar: %s",
			    archive_error_string(export->tar));
}

static int put_data(void *ctx, const void *bytes, size_t len, struct err *err)
{
	struct export *export = ctx;

	return check(export, archive_write_data(export->tar, bytes, len) == (la_ssize_t)len, err);
}

static int put_hole(void *ctx, uint64_t len, struct err *err)
{
	static const char zeros[BLOCK_SIZE];

	while (len > 0) {
		size_t part = (size_t)MIN(len, (uint64_t)sizeof(zeros));

		if (put_data(ctx, zeros, part, err) < 0)
			return -1;
		len -= part;
	}
	return 0;
}

static int put_header(struct export *export, struct err *err)
{
	/* a warning says that a name is not ASCII; the bytes are written as they are */
	return check(export, archive_write_header(export->tar, export->entry) >= ARCHIVE_WARN, err);
}

/* The empty file `.wh.NAME` in the directory `dir` (whose `dir_len` bytes end with a slash). */
static int put_marker(struct export *export, struct view dir, const char *name, int64_t mtime,
		      struct err *err)
{
	AUTO_FREE char *path = xasprintf("%.*s.wh.%s", (int)dir.len, dir.ptr, name);
	struct archive_entry *entry = archive_entry_clear(export->entry);

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, S_IFREG | 0644);
	archive_entry_set_size(entry, 0);
	archive_entry_set_mtime(entry, mtime, 0);
	return put_header(export, err);
}

static int put_whiteout(struct export *export, const struct erofs_entry *from, struct err *err)
{
	const char *slash = strrchr(from->path, '/');
	size_t len = slash ? (size_t)(slash + 1 - from->path) : 0;

	return put_marker(export, (struct view){from->path, len}, from->path + len, from->mtime,
			  err);
}

/* `.wh..wh..opq`, in the directory. */
static int put_opaque(struct export *export, const struct erofs_entry *from, struct err *err)
{
	AUTO_FREE char *dir = xasprintf("%s/", from->path);
	struct view view = strcmp(from->path, ".") == 0 ? VIEW_LIT("") : view_of(dir);

	return put_marker(export, view, ".wh..opq", from->mtime, err);
}

static void fill_entry(struct archive_entry *entry, const struct erofs_entry *from)
{
	archive_entry_clear(entry);
	archive_entry_set_pathname(entry, from->path);
	archive_entry_set_mode(entry, from->mode);
	archive_entry_set_uid(entry, from->uid);
	archive_entry_set_gid(entry, from->gid);
	archive_entry_set_mtime(entry, from->mtime, (long)from->mtime_nsec);
	if (from->link) {
		archive_entry_set_hardlink(entry, from->link);
		return;
	}
	archive_entry_set_size(entry, (la_int64_t)from->size);
	if (S_ISLNK(from->mode))
		archive_entry_set_symlink(entry, from->target);
	if (S_ISCHR(from->mode) || S_ISBLK(from->mode))
		archive_entry_set_rdev(entry, from->rdev);
	for (size_t i = 0; i < from->xattr_count; i++) {
		const struct erofs_xattr *xattr = &from->xattrs[i];

		if (!erofs_is_overlay_xattr(xattr->name))
			archive_entry_xattr_add_entry(entry, xattr->name, xattr->value,
						      xattr->size);
	}
}

static int put_entry(struct export *export, const struct erofs_entry *from, uint64_t nid,
		     struct err *err)
{
	const struct erofs_sink sink = {put_data, put_hole, export};

	fill_entry(export->entry, from);
	if (put_header(export, err) < 0)
		return -1;
	if (S_ISREG(from->mode) && !from->link)
		return erofs_reader_data(export->reader, nid, &sink, err);
	return erofs_is_opaque(from) ? put_opaque(export, from, err) : 0;
}

static int visit(void *ctx, const struct erofs_entry *from, uint64_t nid, struct err *err)
{
	struct export *export = ctx;
	int result;

	if (S_ISSOCK(from->mode))
		return 0;
	result = erofs_is_whiteout(from) ? put_whiteout(export, from, err)
					 : put_entry(export, from, nid, err);
	if (result < 0 && !export->put_failed) {
		AUTO_FREE char *quoted = text_quoted(from->path);

		return err_wrap(err, "entry %s", quoted);
	}
	return result;
}

static int write_tar(struct export *export, struct err *err)
{
	struct archive *tar = export->tar;

	/* names are bytes; attributes in the form that other programs read */
	if (archive_write_set_format_pax(tar) != ARCHIVE_OK ||
	    archive_write_set_options(tar, "hdrcharset=BINARY,xattrheader=SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(tar, BLOCK_SIZE) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(tar, 1) != ARCHIVE_OK ||
	    archive_write_open(tar, export, NULL, put_block, NULL) != ARCHIVE_OK)
		return check(export, false, err);
	if (erofs_reader_walk(export->reader, visit, export, err) < 0)
		return -1;
	return check(export, archive_write_close(tar) == ARCHIVE_OK, err);
}

int export_layer(int fd, export_put_fn *put, void *ctx, struct err *err)
{
	AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
	struct export export = {.put = put, .ctx = ctx, .err = err};
	int result;

	if (erofs_reader_open(fd, &reader, err) < 0)
		return -1;
	export.reader = reader;
	export.tar = archive_write_new();
	export.entry = archive_entry_new();
	if (export.tar && export.entry)
		result = write_tar(&export, err);
	else
		result = err_set(err, ERR_INTERNAL, "libarchive gives no tar");
	export.discard = true; /* the end of a tar that failed */
	archive_entry_free(export.entry);
	archive_write_free(export.tar);
	return result;
}
