// SPDX-License-Identifier: MIT
/*
 * A tar archive in any order: see archive.h.
 *
 * libarchive reads forwards only, so every member is found by a new pass over the headers; the data
 * in between is skipped by seeking, and an image's archive has few members.
 *
 * Failure modes: ERR_PROTOCOL for what libarchive does not take, with its words.
 */
#include "image/archive.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 128 * 1024, LINKS_MAX = 8, MEMBERS_MAX = 65536 };

struct archive_file {
	int fd; /* seekable, uncompressed */
};

static void free_reader(struct archive **reader)
{
	if (*reader)
		archive_read_free(*reader);
}

static int broken(struct archive *reader, struct err *err)
{
	const char *text = archive_error_string(reader);

	return err_set(err, ERR_PROTOCOL, "archive: %.200s", text ? text : "cannot be read");
}

/* --- the copy --- */

static int open_filters(int fd, struct archive **ret_reader, struct err *err)
{
	AUTO(free_reader) struct archive *reader = archive_read_new();

	archive_read_support_filter_gzip(reader);
	archive_read_support_filter_bzip2(reader);
	archive_read_support_filter_xz(reader);
	archive_read_support_filter_zstd(reader);
	archive_read_support_format_raw(reader);
	archive_read_support_format_empty(reader);
	if (archive_read_open_fd(reader, fd, BLOCK) != ARCHIVE_OK)
		return broken(reader, err);
	*ret_reader = STEAL(reader);
	return 0;
}

static int copy_plain(int fd, uint64_t max_size, int to, struct err *err)
{
	AUTO(free_reader) struct archive *reader = NULL;
	AUTO_FREE char *block = xcalloc(1, BLOCK);
	struct archive_entry *entry;
	uint64_t total = 0;
	ssize_t got;

	if (open_filters(fd, &reader, err) < 0)
		return -1;
	if (archive_read_next_header(reader, &entry) != ARCHIVE_OK)
		return broken(reader, err);
	while ((got = archive_read_data(reader, block, BLOCK)) > 0) {
		total += (uint64_t)got;
		if (total > max_size)
			return err_set(err, ERR_LIMIT, "archive: larger than %llu bytes",
				       (unsigned long long)max_size);
		if (fd_write_all(to, block, (size_t)got, "copy of the archive", err) < 0)
			return -1;
	}
	return got < 0 ? broken(reader, err) : 0;
}

/* A regular file that starts as no compressed one does. */
static bool is_plain_file(int fd)
{
	unsigned char start[512];
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0 &&
	       pread(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
	       memcmp(start + 257, "ustar", 5) == 0;
}

int archive_file_open(int fd, uint64_t max_size, struct blobs *blobs,
		      struct archive_file **ret_file, struct err *err)
{
	AUTO(auto_archive_file) struct archive_file *file = xcalloc(1, sizeof(*file));

	file->fd = -1;
	if (is_plain_file(fd)) {
		file->fd = dup(fd);
		if (file->fd < 0)
			return err_sys(err, errno, "archive");
	} else if (blob_scratch(blobs, &file->fd, err) < 0 ||
		   copy_plain(fd, max_size, file->fd, err) < 0) {
		return -1;
	}
	*ret_file = STEAL(file);
	return 0;
}

void archive_file_free(struct archive_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

/* --- members --- */

/* Without a leading "./" or "/". */
static const char *bare_name(const char *name)
{
	while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
		name += name[0] == '/' ? 1 : 2;
	return name;
}

/* A new pass, up to the member. */
static int find(struct archive_file *file, const char *name, struct archive **ret_reader,
		struct archive_entry **ret_entry, struct err *err)
{
	AUTO(free_reader) struct archive *reader = archive_read_new();
	AUTO_FREE char *quoted = text_quoted(name);
	struct archive_entry *entry;
	int rc = ARCHIVE_OK;

	archive_read_support_format_tar(reader);
	archive_read_support_format_gnutar(reader);
	if (lseek(file->fd, 0, SEEK_SET) < 0 ||
	    archive_read_open_fd(reader, file->fd, BLOCK) != ARCHIVE_OK)
		return broken(reader, err);
	for (int i = 0; i < MEMBERS_MAX && rc == ARCHIVE_OK; i++) {
		const char *path;

		rc = archive_read_next_header(reader, &entry);
		if (rc == ARCHIVE_WARN)
			rc = ARCHIVE_OK;
		path = rc == ARCHIVE_OK ? archive_entry_pathname(entry) : NULL;
		if (!path || strcmp(bare_name(path), bare_name(name)) != 0)
			continue;
		*ret_reader = STEAL(reader);
		*ret_entry = entry;
		return 0;
	}
	if (rc != ARCHIVE_EOF && rc != ARCHIVE_OK)
		return broken(reader, err);
	return err_set(err, ERR_NOT_FOUND, "archive: no member %s", quoted);
}

/* `link`, as seen from the folder of `name`, malloc'ed. */
static char *resolve(const char *name, const char *link)
{
	const char *slash = strrchr(name, '/');
	size_t dir = slash ? (size_t)(slash - name) : 0;

	while (strncmp(link, "../", 3) == 0) {
		link += 3;
		while (dir > 0 && name[--dir] != '/')
			;
	}
	return dir ? xasprintf("%.*s/%s", (int)dir, name, link) : xstrdup(link);
}

static int stream(struct archive *reader, http_sink *sink, void *ctx, struct err *err)
{
	AUTO_FREE char *block = xcalloc(1, BLOCK);
	ssize_t got;

	while ((got = archive_read_data(reader, block, BLOCK)) > 0) {
		if (sink(ctx, block, (size_t)got, err) < 0)
			return -1;
	}
	return got < 0 ? broken(reader, err) : 0;
}

int archive_file_read(struct archive_file *file, const char *name, uint64_t *ret_size,
		      http_sink *sink, void *ctx, struct err *err)
{
	AUTO_FREE char *path = xstrdup(name);

	for (int links = 0; links < LINKS_MAX; links++) {
		AUTO(free_reader) struct archive *reader = NULL;
		struct archive_entry *entry;
		const char *hard, *soft;
		char *next;

		if (find(file, path, &reader, &entry, err) < 0)
			return -1;
		hard = archive_entry_hardlink(entry);
		soft = archive_entry_symlink(entry);
		if (!hard && !soft) {
			if (ret_size)
				*ret_size = (uint64_t)MAX(archive_entry_size(entry), (la_int64_t)0);
			return stream(reader, sink, ctx, err);
		}
		next = hard ? xstrdup(hard) : resolve(bare_name(path), soft);
		free(path);
		path = next;
	}
	return err_set(err, ERR_PROTOCOL, "archive: links in a circle");
}

static int put_in_buf(void *ctx, const void *bytes, size_t len, struct err *err)
{
	buf_put(ctx, bytes, len);
	return buf_check(ctx, "archive: the document", err);
}

int archive_file_document(struct archive_file *file, const char *name, struct buf *ret_bytes,
			  struct err *err)
{
	buf_done(ret_bytes);
	*ret_bytes = (struct buf)BUF_INIT(LIMIT_CONFIG_FILE);
	return archive_file_read(file, name, NULL, put_in_buf, ret_bytes, err);
}
