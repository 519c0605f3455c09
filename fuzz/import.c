// SPDX-License-Identifier: MIT
/*
 * image/import.c and image/archive.c.  An input that starts with 'r' is the archive itself, of any
 * compression.  Of another, the members of a tar: each a byte for its kind (file, hard link,
 * symbolic link), one for its name (of `names`, or "blobs/sha256/" and the digest of its content),
 * two for its length and its bytes, in which "@N" becomes the digest of the member N before it; so
 * a mutation of a document does not end at its digest.
 *
 * Besides not crashing: what is imported has its blobs, which erofs_reader.c reads.
 */
#include "image/import.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/fd.h"
#include "fuzz/fuzz.h"
#include "image/blobs.h"
#include "image/erofs_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMBERS_MAX = 10, MEMBER_HEAD = 4, MAX_SIZE = 1024 * 1024 };

static const char *const names[] = {"index.json", "manifest.json", "config.json",
				    "layer.tar",  "id/layer.tar",  "./a/b"};

struct members {
	char digests[MEMBERS_MAX][DIGEST_TEXT_SIZE];
	size_t count;
};

/* The bytes with every "@N" filled in. */
static void expand(const struct members *members, struct view bytes, struct buf *ret_content)
{
	for (size_t i = 0; i < bytes.len; i++) {
		size_t number = i + 1 < bytes.len ? (size_t)(bytes.ptr[i + 1] - '0') : MEMBERS_MAX;

		if (bytes.ptr[i] != '@' || number >= members->count) {
			buf_putc(ret_content, bytes.ptr[i]);
			continue;
		}
		buf_puts(ret_content, members->digests[number]);
		i++;
	}
}

static void put_member(struct archive *tar, struct members *members, const uint8_t *head,
		       struct view bytes)
{
	AUTO_BUF struct buf content = BUF_INIT(MAX_SIZE);
	struct archive_entry *entry = archive_entry_new();
	char name[128], *digest = members->digests[members->count];

	expand(members, bytes, &content);
	buf_putc(&content, '\0'); /* a link's target ends */
	content.len--;
	digest_of(content.ptr, content.len, digest);
	members->count++;
	snprintf(name, sizeof(name), "blobs/sha256/%s", strchr(digest, ':') + 1);
	archive_entry_set_pathname(entry, head[1] < ARRAY_SIZE(names) ? names[head[1]] : name);
	archive_entry_set_mode(entry, (head[0] % 3 == 2 ? S_IFLNK : S_IFREG) | 0644);
	if (head[0] % 3 == 0)
		archive_entry_set_size(entry, (la_int64_t)content.len);
	if (head[0] % 3 == 1)
		archive_entry_set_hardlink(entry, content.ptr);
	if (head[0] % 3 == 2)
		archive_entry_set_symlink(entry, content.ptr);
	if (archive_write_header(tar, entry) == ARCHIVE_OK && head[0] % 3 == 0)
		archive_write_data(tar, content.ptr, content.len);
	archive_entry_free(entry);
}

static void put_tar(int fd, const uint8_t *data, size_t size)
{
	struct archive *tar = archive_write_new();
	struct members members = {0};

	archive_write_set_format_ustar(tar);
	archive_write_open_fd(tar, fd);
	while (size >= MEMBER_HEAD && members.count < MEMBERS_MAX) {
		size_t len = MIN((size_t)(data[2] << 8 | data[3]), size - MEMBER_HEAD);

		put_member(tar, &members, data,
			   (struct view){(const char *)data + MEMBER_HEAD, len});
		data += MEMBER_HEAD + len;
		size -= MEMBER_HEAD + len;
	}
	archive_write_free(tar);
}

static int ignore(void *ctx ML_UNUSED, const struct pull_progress *progress ML_UNUSED,
		  struct err *err ML_UNUSED)
{
	return 0;
}

static void check(struct blobs *blobs, const struct pulled *pulled)
{
	for (size_t i = 0; i < pulled->layer_count; i++) {
		AUTO(auto_erofs_reader) struct erofs_reader *reader = NULL;
		AUTO_FD int fd = -1;
		struct err err;
		int result = blob_open(blobs, pulled->layers[i].blob, &fd, &err);

		assert(result == 0);
		result = erofs_reader_open(fd, &reader, &err);
		assert(result == 0);
	}
}

static void empty_folder(int dir_fd)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;

	assert(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == 's') /* "sha256_..." */
			unlinkat(dir_fd, entry->d_name, 0);
		else
			assert(entry->d_name[0] == '.');
	}
	closedir(dir);
}

static char folder[] = "/dev/shm/fuzz-import-XXXXXX";

static void remove_folder(void)
{
	rmdir(folder);
}

static int make_folder(void)
{
	char *made = mkdtemp(folder);
	int fd;

	assert(made);
	atexit(remove_folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct worker_job job = {
		.import = true,
		.max_size = MAX_SIZE,
		.platform = {(char *)"linux", (char *)"amd64", (char *)""}};
	static struct blobs *blobs;
	static int folder_fd;
	AUTO(pulled_done) struct pulled pulled = {0};
	AUTO_FD int fd = memfd_create("archive", MFD_CLOEXEC);
	struct pull_sink sink = {.report = ignore};
	struct err err = {0};

	if (!blobs) {
		folder_fd = make_folder();
		blobs = blobs_new(folder_fd);
	}
	sink.blobs = blobs;
	if (size > 0 && data[0] == 'r')
		(void)fd_write_all(fd, data + 1, size - 1, "archive", &err);
	else
		put_tar(fd, data, size);
	lseek(fd, 0, SEEK_SET);
	if (import_run(&job, fd, &sink, &pulled, &err) == 0)
		check(blobs, &pulled);
	else
		assert(err.code != ERR_NONE && err.msg[0]);
	empty_folder(folder_fd);
	return 0;
}
