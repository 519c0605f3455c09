// SPDX-License-Identifier: MIT
/*
 * Writes an EROFS image from a stream of entries, in one pass and in bounded memory: the content of
 * a file goes to the image as it arrives, only the tree (names, directories) is held.
 *
 *	erofs_writer_new(fd, &params, &writer, &err);
 *	erofs_add(writer, &(struct erofs_entry){.path = "etc", .mode = S_IFDIR | 0755, ...}, &err);
 *	erofs_add(writer, &(struct erofs_entry){.path = "etc/motd", .mode = S_IFREG | 0644,
 *						.size = 6, ...}, &err);
 *	erofs_write_data(writer, "hello\n", 6, &err);
 *	erofs_finish(writer, &err);
 *	erofs_writer_free(writer);
 *
 * The same stream gives the same bytes.  Linux 6.1 and later mount it.  After a call has failed
 * only erofs_writer_free() may follow; the file is then no file system, for its superblock is
 * written last.  A writer belongs to one thread at a time.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct erofs_writer;

struct erofs_params {
	int64_t build_time; /* seconds; the mtime of directories that are only implied too.  An
			     * entry of just this mtime takes half the room of others. */

	/* Asked before the tree takes `size` more bytes of memory; -1 with err refuses.  NULL: up
	 * to LIMIT_EROFS_TREE all is allowed. */
	int (*allow)(void *ctx, size_t size, struct err *err);
	void *ctx;
};

struct erofs_xattr {
	const char *name; /* "user.comment" */
	const void *value;
	size_t size;
};

/* Everything is borrowed for the call only. */
struct erofs_entry {
	const char *path;   /* any bytes: "usr/bin/env", also "./usr/bin/" ; "." is the root */
	const char *link;   /* a hard link to this path, which was added before; only `path` and
			     * `link` are looked at.  NULL for everything else. */
	const char *target; /* of a symbolic link */
	mode_t mode;	    /* type and permissions */
	uid_t uid;
	gid_t gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	uint64_t size; /* of a regular file: just so many bytes must follow */
	dev_t rdev;    /* of a device */
	const struct erofs_xattr *xattrs;
	size_t xattr_count;
};

/* `fd` is an empty regular file, open for writing, and stays the caller's. */
struct erofs_writer *erofs_writer_new(int fd, const struct erofs_params *params);
void erofs_writer_free(struct erofs_writer *writer);
DEFINE_AUTO(erofs_writer)

/* Adds one entry.  A path that is there already is replaced, as tar does: a directory by a
 * directory keeps its content, anything else takes the place of the old with all below it.  Parents
 * that are missing are made (root's, 0755): see image/erofs_implied.h.
 *
 * ERR_INVALID: a path that is empty, absolute, has an empty, `.` or `..` component or runs through
 * something that is no directory; an attribute that EROFS cannot hold.  ERR_NOT_FOUND: the target
 * of a hard link.  ERR_LIMIT: see LIMIT_EROFS_* in base/limits.h.  The text names the entry. */
int erofs_add(struct erofs_writer *writer, const struct erofs_entry *entry, struct err *err);

/* The next bytes of the regular file added last.  Large chunks (64 KiB and more) are written
 * without being copied. */
int erofs_write_data(struct erofs_writer *writer, const void *bytes, size_t len, struct err *err);

/* The same for `len` zero bytes.  Runs of zeros, given either way, occupy nothing in the image
 * where they fill a whole chunk (64 KiB in files up to 1 GiB). */
int erofs_write_hole(struct erofs_writer *writer, uint64_t len, struct err *err);

/* Hides `path` of the layers below, as overlayfs does it: a character device 0:0.  What this image
 * itself has at the path, before or after, wins; if that is a directory it becomes opaque. */
int erofs_add_whiteout(struct erofs_writer *writer, const char *path, struct err *err);

/* Hides what the layers below have in the directory `path`: trusted.overlay.opaque=y.  The
 * directory may be added before or after. */
int erofs_set_opaque(struct erofs_writer *writer, const char *path, struct err *err);

/* The type (S_IFDIR ...) of what has been added at `path`, 0 if nothing has. */
mode_t erofs_type_at(struct erofs_writer *writer, const char *path);

/* Writes what is left: directories, shared attributes, superblock.  Nothing is synced. */
int erofs_finish(struct erofs_writer *writer, struct err *err);

/* True if EROFS can hold an attribute of this name: user., trusted., security. and the two of
 * POSIX ACLs. */
bool erofs_xattr_storable(const char *name);
