// SPDX-License-Identifier: MIT
/*
 * erofs_bench TREE OUT: reads the directory TREE into memory, then writes it as an EROFS image, as
 * a layer's stream would (64 KiB at a time), and prints the seconds that the writing took: wall
 * clock and processor.
 */
#include "image/erofs.h"
#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { STEP = 64 * 1024 };

struct item {
	struct erofs_entry entry;
	char *path, *data; /* never freed: the program ends with them */
};

struct tree {
	struct item *items;
	size_t count, max;
};

static int load_item(struct tree *tree, const FTSENT *ent, const char *path, struct err *err)
{
	const struct stat *st = ent->fts_statp;
	char target[LIMIT_EROFS_PATH] = "";
	struct item *item;

	if (tree->count == tree->max) {
		tree->max = MAX(tree->max * 2, (size_t)1024);
		tree->items = xreallocarray(tree->items, tree->max, sizeof(*tree->items));
	}
	item = &tree->items[tree->count++];
	*item = (struct item){.path = xstrdup(path)};
	item->entry = (struct erofs_entry){.path = item->path,
					   .mode = st->st_mode,
					   .uid = st->st_uid,
					   .gid = st->st_gid,
					   .mtime = st->st_mtim.tv_sec,
					   .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec};
	if (S_ISLNK(st->st_mode)) {
		if (readlink(ent->fts_accpath, target, sizeof(target) - 1) < 0)
			return err_sys(err, errno, "read the link '%s'", path);
		item->entry.target = item->data = xstrdup(target);
	} else if (S_ISREG(st->st_mode)) {
		AUTO_FD int fd = open(ent->fts_accpath, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return err_sys(err, errno, "open '%s'", path);
		item->entry.size = (uint64_t)st->st_size;
		item->data = xcalloc(1, (size_t)st->st_size);
		return fd_read_exact(fd, item->data, (size_t)st->st_size, path, err);
	}
	return 0;
}

static int load(struct tree *tree, const char *root, struct err *err)
{
	char *roots[] = {(char *)root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL, NULL);
	FTSENT *ent;
	int result = 0;

	if (!fts)
		return err_sys(err, errno, "walk '%s'", root);
	while (result == 0 && (ent = fts_read(fts))) {
		const char *path = ent->fts_level ? ent->fts_path + strlen(root) + 1 : ".";

		if (ent->fts_info != FTS_DP)
			result = load_item(tree, ent, path, err);
	}
	fts_close(fts);
	return result;
}

static int write_tree(const struct tree *tree, int fd, struct err *err)
{
	struct erofs_params params = {.build_time = 0};
	AUTO(auto_erofs_writer) struct erofs_writer *writer = erofs_writer_new(fd, &params);

	for (size_t i = 0; i < tree->count; i++) {
		const struct item *item = &tree->items[i];

		if (erofs_add(writer, &item->entry, err) < 0)
			return -1;
		for (size_t at = 0; at < item->entry.size; at += STEP) {
			size_t part = MIN((size_t)item->entry.size - at, (size_t)STEP);

			if (erofs_write_data(writer, item->data + at, part, err) < 0)
				return -1;
		}
	}
	return erofs_finish(writer, err);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int run(const char *root, const char *out, struct err *err)
{
	struct tree tree = {0};
	AUTO_FD int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint64_t start;
	double cpu;

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", out);
	if (load(&tree, root, err) < 0)
		return -1;
	start = clock_monotonic_ns();
	cpu = cpu_seconds();
	if (write_tree(&tree, fd, err) < 0)
		return -1;
	printf("%.3f %.3f\n", (double)(clock_monotonic_ns() - start) / 1e9, cpu_seconds() - cpu);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc == 3 && run(argv[1], argv[2], &err) == 0)
		return 0;
	fprintf(stderr, "erofs_bench: %s\n", argc == 3 ? err.msg : "usage: erofs_bench TREE OUT");
	return 1;
}
