// SPDX-License-Identifier: MIT
/*
 * The functions of image/merge.h by hand, for merge.sh:
 *
 *	erofs_merge merge OUT LAYER...			base first
 *	erofs_merge link OUT LAYER LOWER... < LINKS	lines of PATH TARGET
 */
#include "base/attr.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/limits.h"
#include "image/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { BUILD_TIME = 1000000000, LINKS_MAX = 64, LINE_SIZE = 256 };

static int open_layers(char *const *paths, size_t count, int *ret_fds, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		ret_fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (ret_fds[i] < 0)
			return err_sys(err, errno, "open '%s'", paths[i]);
	}
	return 0;
}

static size_t read_links(char lines[LINKS_MAX][LINE_SIZE], struct merge_link links[LINKS_MAX])
{
	size_t count = 0;

	while (count < LINKS_MAX && fgets(lines[count], LINE_SIZE, stdin)) {
		char *rest = lines[count], *path;

		rest[strcspn(rest, "\n")] = '\0';
		path = strsep(&rest, " ");
		links[count++] = (struct merge_link){path, rest ? rest : ""};
	}
	return count;
}

static int run(const char *verb, const char *out, char *const *layers, size_t count,
	       struct err *err)
{
	AUTO_FD int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct merge_link links[LINKS_MAX];
	char lines[LINKS_MAX][LINE_SIZE];
	int fds[LIMIT_IMAGE_LAYERS];
	struct merge_links_spec spec = {.links = links, .out_fd = fd, .build_time = BUILD_TIME};

	if (fd < 0)
		return err_sys(err, errno, "create '%s'", out);
	if (count > ARRAY_SIZE(fds))
		return err_set(err, ERR_LIMIT, "too many layers");
	if (open_layers(layers, count, fds, err) < 0)
		return -1;
	if (strcmp(verb, "merge") == 0)
		return merge_layers(fds, count, fd, BUILD_TIME, err);
	spec.layer_fd = fds[0];
	spec.lower_fds = fds + 1;
	spec.lower_count = count - 1;
	spec.link_count = read_links(lines, links);
	return merge_links(&spec, err);
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc >= 4 && run(argv[1], argv[2], argv + 3, (size_t)argc - 3, &err) == 0)
		return 0;
	fprintf(stderr, "erofs_merge: %s\n", argc >= 4 ? err.msg : "usage: see its source");
	return 1;
}
