// SPDX-License-Identifier: MIT
/*
 * mkerofs [--owner-root] [--mtime SECONDS] TREE OUT
 *
 * Writes the directory TREE as an EROFS image, for the artefacts of the build and as the test
 * driver of the writer (src/image/erofs.h).  The same tree gives the same bytes: entries go in the
 * order of their names, and the image's build time is SECONDS or else the mtime of TREE.
 *
 *	--owner-root	everything belongs to 0:0
 *	--mtime SECONDS	everything has this mtime
 *
 * Attributes that EROFS cannot hold are left out.  On failure OUT is removed.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { READ_SIZE = 128 * 1024 };

struct link {
	dev_t dev;
	ino_t ino;
	char *path;
};

/* The attributes of one file. */
struct xattrs {
	char names[XATTR_LIST_MAX];
	struct buf values;
	struct erofs_xattr list[LIMIT_EROFS_XATTRS];
	size_t count;
};

struct mkerofs {
	struct erofs_writer *writer;
	bool owner_root;
	bool has_mtime;
	int64_t mtime;
	char *chunk; /* READ_SIZE bytes */
	struct xattrs *xattrs;

	struct link *links; /* the first name of every file with several */
	size_t link_count;
};

static int read_xattrs(const char *path, struct xattrs *xattrs, struct err *err)
{
	ssize_t len = llistxattr(path, xattrs->names, sizeof(xattrs->names));

	xattrs->count = 0;
	buf_clear(&xattrs->values);
	if (len < 0 && errno == ENOTSUP)
		return 0;
	if (len < 0)
		return err_sys(err, errno, "list the extended attributes");
	for (const char *name = xattrs->names; name < xattrs->names + len;
	     name += strlen(name) + 1) {
		char *room = buf_reserve(&xattrs->values, XATTR_SIZE_MAX);
		ssize_t size;

		if (!erofs_xattr_storable(name))
			continue;
		if (!room || xattrs->count == LIMIT_EROFS_XATTRS)
			return err_set(err, ERR_LIMIT, "too many extended attributes");
		size = lgetxattr(path, name, room, XATTR_SIZE_MAX);
		if (size < 0)
			return err_sys(err, errno, "read the attribute '%s'", name);
		xattrs->list[xattrs->count++] =
			(struct erofs_xattr){.name = name, .size = (size_t)size};
		buf_added(&xattrs->values, (size_t)size);
	}
	for (size_t i = 0, at = 0; i < xattrs->count; at += xattrs->list[i++].size)
		xattrs->list[i].value = xattrs->values.ptr + at;
	return 0;
}

/* The first name of the inode, or NULL: this is it. */
static const char *linked_to(struct mkerofs *mk, const struct stat *st, const char *path)
{
	for (size_t i = 0; i < mk->link_count; i++) {
		if (mk->links[i].ino == st->st_ino && mk->links[i].dev == st->st_dev)
			return mk->links[i].path;
	}
	mk->links = xreallocarray(mk->links, mk->link_count + 1, sizeof(*mk->links));
	mk->links[mk->link_count++] = (struct link){st->st_dev, st->st_ino, xstrdup(path)};
	return NULL;
}

static int write_data(struct mkerofs *mk, int fd, off_t at, off_t end, struct err *err)
{
	while (at < end) {
		size_t part = (size_t)MIN((off_t)READ_SIZE, end - at);
		ssize_t got = pread(fd, mk->chunk, part, at);

		if (got < 0)
			return err_sys(err, errno, "read");
		if (got == 0)
			return err_set(err, ERR_IO, "the file became shorter");
		if (erofs_write_data(mk->writer, mk->chunk, (size_t)got, err) < 0)
			return -1;
		at += got;
	}
	return 0;
}

static int write_file(struct mkerofs *mk, const char *path, const struct stat *st, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool sparse = (off_t)st->st_blocks * 512 < st->st_size;
	off_t at = 0;

	if (fd < 0)
		return err_sys(err, errno, "open");
	while (at < st->st_size) {
		off_t data = sparse ? lseek(fd, at, SEEK_DATA) : at;
		off_t hole = st->st_size;

		if (data < 0 && errno != ENXIO)
			return err_sys(err, errno, "seek");
		if (data < 0 || data > st->st_size)
			data = st->st_size;
		if (erofs_write_hole(mk->writer, (uint64_t)(data - at), err) < 0)
			return -1;
		if (sparse && data < st->st_size)
			hole = MIN(lseek(fd, data, SEEK_HOLE), st->st_size);
		if (hole < data)
			return err_sys(err, errno, "seek");
		if (write_data(mk, fd, data, hole, err) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

static int read_target(const char *path, char ret_target[LIMIT_EROFS_PATH], struct err *err)
{
	ssize_t len = readlink(path, ret_target, LIMIT_EROFS_PATH - 1);

	if (len < 0)
		return err_sys(err, errno, "read the symbolic link");
	ret_target[len] = '\0';
	return 0;
}

/* `path` is within the tree, `access_path` is where to open it. */
static int add_entry(struct mkerofs *mk, const char *path, const char *access_path,
		     const struct stat *st, struct err *err)
{
	char target[LIMIT_EROFS_PATH];
	struct erofs_entry entry = {
		.path = path,
		.mode = st->st_mode,
		.uid = mk->owner_root ? 0 : st->st_uid,
		.gid = mk->owner_root ? 0 : st->st_gid,
		.mtime = mk->has_mtime ? mk->mtime : st->st_mtim.tv_sec,
		.mtime_nsec = mk->has_mtime ? 0 : (uint32_t)st->st_mtim.tv_nsec,
		.size = (uint64_t)st->st_size,
		.rdev = st->st_rdev,
	};

	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		entry.link = linked_to(mk, st, path);
	if (entry.link)
		return erofs_add(mk->writer, &entry, err);
	if (read_xattrs(access_path, mk->xattrs, err) < 0)
		return -1;
	entry.xattrs = mk->xattrs->list;
	entry.xattr_count = mk->xattrs->count;
	if (S_ISLNK(st->st_mode)) {
		if (read_target(access_path, target, err) < 0)
			return -1;
		entry.target = target;
	}
	if (erofs_add(mk->writer, &entry, err) < 0)
		return -1;
	return S_ISREG(st->st_mode) ? write_file(mk, access_path, st, err) : 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void auto_fts(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

static int walk(struct mkerofs *mk, const char *tree, struct err *err)
{
	char *roots[] = {(char *)tree, NULL};
	AUTO(auto_fts) FTS *fts = fts_open(roots, FTS_PHYSICAL, by_name);
	size_t prefix = strlen(tree);
	FTSENT *ent;

	if (!fts)
		return err_sys(err, errno, "walk '%s'", tree);
	while ((errno = 0, ent = fts_read(fts))) {
		const char *path = ent->fts_path + prefix + (ent->fts_level > 0);

		if (ent->fts_info == FTS_DP)
			continue;
		if (ent->fts_info == FTS_DNR || ent->fts_info == FTS_ERR || ent->fts_info == FTS_NS)
			return err_sys(err, ent->fts_errno, "read '%s'", ent->fts_path);
		if (add_entry(mk, ent->fts_level > 0 ? path : ".", ent->fts_accpath, ent->fts_statp,
			      err) < 0)
			return err_wrap(err, "'%s'", ent->fts_path);
	}
	return errno ? err_sys(err, errno, "walk '%s'", tree) : 0;
}

static int make_image(struct mkerofs *mk, const char *tree, int fd, struct err *err)
{
	AUTO(auto_erofs_writer) struct erofs_writer *writer = NULL;
	struct erofs_params params = {.build_time = mk->mtime};
	struct stat st;

	if (stat(tree, &st) < 0)
		return err_sys(err, errno, "read '%s'", tree);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is not a directory", tree);
	if (!mk->has_mtime)
		params.build_time = st.st_mtim.tv_sec;
	writer = mk->writer = erofs_writer_new(fd, &params);
	if (walk(mk, tree, err) < 0)
		return -1;
	return erofs_finish(writer, err);
}

static int make_file(struct mkerofs *mk, const char *tree, const char *out, struct err *err)
{
	AUTO_FD int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "create '%s'", out);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is not a regular file", out);
	if (make_image(mk, tree, fd, err) == 0)
		return 0;
	unlink(out);
	return -1;
}

static int parse(struct mkerofs *mk, char **args, char **ret_tree, char **ret_out, struct err *err)
{
	for (; *args && strncmp(*args, "--", 2) == 0; args++) {
		if (strcmp(*args, "--owner-root") == 0) {
			mk->owner_root = true;
		} else if (strcmp(*args, "--mtime") == 0 && args[1]) {
			mk->has_mtime = true;
			if (text_to_int(*++args, &mk->mtime, err) < 0)
				return err_wrap(err, "--mtime '%s'", *args);
		} else {
			return err_set(err, ERR_INVALID, "unknown option '%s'", *args);
		}
	}
	if (!args[0] || !args[1] || args[2])
		return err_set(err, ERR_INVALID,
			       "usage: mkerofs [--owner-root] [--mtime SECONDS] TREE OUT");
	*ret_tree = args[0];
	*ret_out = args[1];
	return 0;
}

int main(int argc, char **argv)
{
	struct xattrs xattrs = {.values = BUF_INIT(LIMIT_EROFS_XATTR_BYTES + XATTR_SIZE_MAX)};
	AUTO_FREE char *chunk = xcalloc(1, READ_SIZE);
	struct mkerofs mk = {.chunk = chunk, .xattrs = &xattrs};
	char *tree = NULL, *out = NULL;
	struct err err;
	int result = parse(&mk, argv + (argc > 0), &tree, &out, &err);

	if (result == 0)
		result = make_file(&mk, tree, out, &err);
	if (result < 0)
		fprintf(stderr, "mkerofs: %s\n", err.msg);
	for (size_t i = 0; i < mk.link_count; i++)
		free(mk.links[i].path);
	free(mk.links);
	buf_done(&xattrs.values);
	return result < 0;
}
