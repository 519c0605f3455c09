// SPDX-License-Identifier: MIT
/*
 * Replays a corpus: main.c linked with one target runs every file of the folder that is its
 * argument, and the empty input, as a TAP test.  An input that once crashed a target stays in the
 * corpus for ever.
 */
#include "fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

enum { INPUT_MAX = 1024 * 1024 };

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(int dir, const char *name)
{
	AUTO_BUF struct buf input = BUF_INIT(INPUT_MAX);
	AUTO_FREE uint8_t *exact = NULL;
	struct err err;

	TEST(name);
	if (fd_read_file(dir, name, &input, &err) < 0) {
		printf("# %s\n", err.msg);
		CHECK(false);
		return;
	}
	/* Without a byte behind the end, so that a sanitizer sees a read over it. */
	exact = xmemdup(input.ptr, input.len);
	CHECK(LLVMFuzzerTestOneInput(exact, input.len) == 0);
}

int main(int argc, char **argv)
{
	AUTO_FD int dir = open(argc > 1 ? argv[1] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int count = scandir(argc > 1 ? argv[1] : ".", &entries, is_input, alphasort);

	TEST("the corpus is there, and the empty input is no trouble");
	CHECK(argc == 2 && dir >= 0 && count > 0);
	CHECK(LLVMFuzzerTestOneInput((const uint8_t *)"", 0) == 0);
	for (int i = 0; i < count; i++) {
		replay(dir, entries[i]->d_name);
		tap_close_();
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return tap_done();
}
