// SPDX-License-Identifier: MIT
#include "gateway/audit_reader.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct audit_reader reader;
static struct err err;

static int new_file(void)
{
	char path[] = "/tmp/audit-reader-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd >= 0);
	unlink(path);
	return fd;
}

/* Appends without moving where the reader stands. */
static void append(int fd, const char *text)
{
	off_t end = lseek(fd, 0, SEEK_CUR);

	CHECK(lseek(fd, 0, SEEK_END) >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(lseek(fd, end, SEEK_SET) == end);
}

/* The number of the next record; 0: there is none. */
static uint64_t next(void)
{
	json_t *record;
	uint64_t seq = 0;
	int got = audit_reader_next(&reader, &record, &err);

	CHECK(got >= 0);
	if (got > 0)
		seq = audit_number(record, "seq");
	json_decref(record);
	return seq;
}

static void test_growing(void)
{
	AUTO_FD int fd = new_file();

	TEST("records, the last once it is whole");
	audit_reader_init(&reader, fd, "vm-1");
	CHECK(next() == 0);
	append(fd, "{\"seq\":1,\"id\":\"vm-1\",\"what\":\"dns\"}\n{\"seq\":2,\"id\":\"vm-1\"");
	CHECK(next() == 1 && next() == 0);
	append(fd, ",\"what\":\"end\"}\n");
	CHECK(next() == 2 && next() == 0);

	TEST("those of others, and what is none, are passed over");
	append(fd, "{\"seq\":1,\"id\":\"vm-2\",\"what\":\"dns\"}\n"
		   "{\"seq\":3,\"id\":\"vm-1\",\"wha{\"seq\":4,\"id\":\"vm-2\",\"what\":\"dns\"}\n"
		   "\n[]\n{}\n{\"seq\":5,\"id\":\"vm-1\",\"what\":\"dns\"}\n");
	CHECK(next() == 5 && next() == 0);
	CHECK(reader.skipped == 4);
	audit_reader_done(&reader);
}

static void test_large(void)
{
	AUTO_FREE char *line = xcalloc(LIMIT_AUDIT_LINE + 128 * 1024, 1);
	AUTO_FD int fd = new_file();
	json_t *record;

	TEST("lines across the pieces that are read");
	for (unsigned i = 1; i <= 100; i++) {
		int len = sprintf(line, "{\"seq\":%u,\"what\":\"dns\",\"host\":\"", i);

		memset(line + len, 'a', 5000 + i);
		strcpy(line + len + 5000 + i, "\"}\n");
		append(fd, line);
	}
	audit_reader_init(&reader, fd, NULL);
	for (unsigned i = 1; i <= 100; i++)
		CHECK(next() == i);
	CHECK(next() == 0);

	TEST("one without an end is refused");
	memset(line, 'a', LIMIT_AUDIT_LINE + 100 * 1024);
	append(fd, line);
	CHECK(audit_reader_next(&reader, &record, &err) < 0 && err.code == ERR_LIMIT);
	audit_reader_done(&reader);
}

int main(void)
{
	test_growing();
	test_large();
	return tap_done();
}
