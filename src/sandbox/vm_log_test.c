// SPDX-License-Identifier: MIT
/* The VM's log: what is kept of one that is too long. */
#include "sandbox/vm_log.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE = 64 };

static struct vm_log *open_new(const char *dir)
{
	struct vm_log *log = NULL;
	struct err err;

	CHECK(vm_log_open(dir, &log, &err) == 0);
	return log;
}

static void read_back(const char *dir, const char *name, struct buf *text)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct err err = {0};

	buf_clear(text);
	CHECK(fd_read_file(AT_FDCWD, path, text, &err) == 0);
}

static void write_lines(struct vm_log *log, unsigned from, unsigned to)
{
	char line[LINE + 1];

	for (unsigned i = from; i < to; i++) {
		snprintf(line, sizeof(line), "%-63u\n", i);
		vm_log_write(log, (struct view){line, LINE});
	}
}

static void test_rotation(const char *dir)
{
	AUTO(auto_vm_log) struct vm_log *log = open_new(dir);
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_VM_LOG + 1);
	AUTO_FREE char *old = path_join(dir, VM_LOG_OLD);
	unsigned full = LIMIT_VM_LOG / LINE;

	TEST("a log that fits is one file");
	write_lines(log, 0, 3);
	read_back(dir, VM_LOG_FILE, &text);
	CHECK(text.len == 3 * LINE && atoi(text.ptr) == 0 && access(old, F_OK) < 0);

	TEST("a longer one is two, each up to the limit, without a gap");
	write_lines(log, 3, full + 2);
	read_back(dir, VM_LOG_OLD, &text);
	CHECK(text.len == LIMIT_VM_LOG && atoi(text.ptr) == 0);
	CHECK(atoi(text.ptr + text.len - LINE) == (int)full - 1);
	read_back(dir, VM_LOG_FILE, &text);
	CHECK(text.len == 2 * LINE && atoi(text.ptr) == (int)full);

	TEST("of the longest the end is kept, also when it comes at once");
	{
		char *much = xcalloc(1, LIMIT_VM_LOG + 5);

		vm_log_write(log, (struct view){much, LIMIT_VM_LOG + 5});
		free(much);
	}
	read_back(dir, VM_LOG_OLD, &text);
	CHECK(text.len == LIMIT_VM_LOG && atoi(text.ptr) == (int)full);
	read_back(dir, VM_LOG_FILE, &text);
	CHECK(text.len == 2 * LINE + 5);
}

static void test_failure(const char *dir)
{
	AUTO(auto_vm_log) struct vm_log *log = open_new(dir);
	AUTO_FREE char *logs = path_join(dir, "logs");
	struct err err;

	TEST("a log that cannot be changed for a new one ends, and nothing else");
	CHECK(path_remove_tree(logs, &err) == 0);
	write_lines(log, 0, LIMIT_VM_LOG / LINE + 10);
	CHECK(access(logs, F_OK) < 0);
}

int main(void)
{
	char dir[] = "/tmp/matchlock-vm-log.XXXXXX";
	struct err err;

	if (!mkdtemp(dir))
		abort();
	test_rotation(dir);
	test_failure(dir);
	if (path_remove_tree(dir, &err) < 0)
		printf("# %s\n", err.msg);
	return tap_done();
}
