// SPDX-License-Identifier: MIT
/*
 * erofs_stream OUT < SCRIPT: feeds the EROFS writer what no directory tree can hold, for erofs.sh.
 * One entry a line, words separated by blanks:
 *
 *	dir PATH		mode 0700, owner 1:1, user.kind=dir
 *	file PATH TEXT		mode 0600
 *	sparse PATH SIZE OFFSET	zeros but for a line of text at OFFSET
 *	attributed PATH SIZE	two attributes of SIZE bytes, trusted.x and trusted.y, all `v`
 *	symlink PATH TARGET
 *	link PATH TARGET
 *	whiteout PATH
 *	opaque PATH
 */
#include "base/attr.h"
#include "base/auto.h"
#include "base/err.h"
#include "image/erofs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BUILD_TIME = 1000000000 };

static const char sparse_text[] = "here\n";

static int add_file(struct erofs_writer *writer, struct erofs_entry *entry, const char *text,
		    struct err *err)
{
	entry->mode = S_IFREG | 0600;
	entry->size = strlen(text);
	if (erofs_add(writer, entry, err) < 0)
		return -1;
	return erofs_write_data(writer, text, strlen(text), err);
}

static int add_sparse(struct erofs_writer *writer, struct erofs_entry *entry, const char *args,
		      struct err *err)
{
	unsigned long long size, offset;

	if (sscanf(args, "%llu %llu", &size, &offset) != 2)
		return err_set(err, ERR_INVALID, "sparse wants a size and an offset");
	entry->mode = S_IFREG | 0600;
	entry->size = size;
	if (erofs_add(writer, entry, err) < 0 || erofs_write_hole(writer, offset, err) < 0 ||
	    erofs_write_data(writer, sparse_text, strlen(sparse_text), err) < 0)
		return -1;
	return erofs_write_hole(writer, size - offset - strlen(sparse_text), err);
}

static int add_attributed(struct erofs_writer *writer, struct erofs_entry *entry, const char *arg,
			  struct err *err)
{
	char value[UINT16_MAX];
	size_t size = MIN((size_t)strtoul(arg, NULL, 10), sizeof(value));
	struct erofs_xattr list[] = {{"trusted.y", value, size}, {"trusted.x", value, size}};

	memset(value, 'v', sizeof(value));
	entry->xattrs = list;
	entry->xattr_count = ARRAY_SIZE(list);
	return add_file(writer, entry, "text", err);
}

static int add_line(struct erofs_writer *writer, const char *verb, const char *path,
		    const char *arg, struct err *err)
{
	static const struct erofs_xattr kind = {"user.kind", "dir", 3};
	struct erofs_entry entry = {.path = path, .mtime = BUILD_TIME};

	if (strcmp(verb, "dir") == 0) {
		entry.mode = S_IFDIR | 0700;
		entry.uid = entry.gid = 1;
		entry.xattrs = &kind;
		entry.xattr_count = 1;
		return erofs_add(writer, &entry, err);
	}
	if (strcmp(verb, "file") == 0)
		return add_file(writer, &entry, arg, err);
	if (strcmp(verb, "sparse") == 0)
		return add_sparse(writer, &entry, arg, err);
	if (strcmp(verb, "attributed") == 0)
		return add_attributed(writer, &entry, arg, err);
	if (strcmp(verb, "symlink") == 0) {
		entry.mode = S_IFLNK | 0777;
		entry.target = arg;
		return erofs_add(writer, &entry, err);
	}
	if (strcmp(verb, "link") == 0) {
		entry.link = arg;
		return erofs_add(writer, &entry, err);
	}
	if (strcmp(verb, "whiteout") == 0)
		return erofs_add_whiteout(writer, path, err);
	if (strcmp(verb, "opaque") == 0)
		return erofs_set_opaque(writer, path, err);
	return err_set(err, ERR_INVALID, "unknown line '%s'", verb);
}

static int run(const char *out, struct err *err)
{
	AUTO(auto_erofs_writer) struct erofs_writer *writer = NULL;
	AUTO_FD int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct erofs_params params = {.build_time = BUILD_TIME};
	char line[1024];

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", out);
	writer = erofs_writer_new(fd, &params);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line, *verb, *path;

		rest[strcspn(rest, "\n")] = '\0';
		verb = strsep(&rest, " ");
		path = strsep(&rest, " ");
		if (path && add_line(writer, verb, path, rest ? rest : "", err) < 0)
			return -1;
	}
	return erofs_finish(writer, err);
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc == 2 && run(argv[1], &err) == 0)
		return 0;
	fprintf(stderr, "erofs_stream: %s\n", argc == 2 ? err.msg : "usage: erofs_stream OUT");
	return 1;
}
