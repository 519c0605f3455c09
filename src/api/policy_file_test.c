// SPDX-License-Identifier: MIT
#include "api/policy_file.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char written[] = "allow-host *.example.com\n"
			      "allow-host db.example.com:5432\n"
			      "allow-private 10.1.2.0/24\n"
			      "allow-host-service db.internal=127.0.0.1:5432\n";

static void check_text(const char *text, const char *want)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	struct buf out AUTO_BUF = BUF_INIT(LIMIT_POLICY_BYTES);
	struct err err = {0};

	if (policy_file_parse(&spec, view_of(text), &err) < 0) {
		CHECK_STR(err.msg, want);
		return;
	}
	CHECK(spec.listed);
	policy_file_write(&spec, &out);
	CHECK_STR(out.ptr, want);
}

static void check_texts(void)
{
	struct policy_spec spec = {0};
	struct err err = {0};

	TEST("a policy, read and written");
	check_text("# what the build needs\n"
		   "allow-host *.Example.com\r\n"
		   "\n"
		   "  allow-host\tdb.example.com:5432   # not only the web\n"
		   "allow-host DB.example.com.:5432\n"
		   "allow-host-service db.internal=127.0.0.1:5432\n"
		   "allow-private 10.1.2.0/24",
		   written);
	check_text(written, written);
	check_text("", "");
	check_text("#nothing", "");

	TEST("errors name the line");
	check_text("allow-host\n", "line 1: 'allow-host' needs a value");
	check_text("\n\nexample.com\n",
		   "line 3: expected allow-host, allow-private, allow-host-service or include, "
		   "and a value, not \"example.com\"");
	check_text("Allow-host a\n",
		   "line 1: expected allow-host, allow-private, allow-host-service or include, "
		   "and a value, not \"Allow-host a\"");
	check_text("allow-host a b\n",
		   "line 1: invalid allow-list host \"a b\": each part of a host name is 1 to 63 "
		   "letters, digits, '-' or '_', with no '-' at its ends");
	check_text("allow-host a#b\n",
		   "line 1: invalid allow-list host \"a#b\": each part of a host name is 1 to 63 "
		   "letters, digits, '-' or '_', with no '-' at its ends");
	check_text("allow-host a\ninclude /etc/passwd\n", "line 2: include is for files");
	CHECK(policy_file_parse(&spec, VIEW_LIT("allow-host a\0b\n"), &err) < 0);
	CHECK_STR(err.msg, "line 1: the line contains a NUL byte");
	policy_spec_done(&spec);
}

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct err err = {0};

	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), 0600, &err) == 0);
}

/* Reads DIR/NAME; `want` is the policy as written, or the error behind DIR/. */
static void check_file(const char *dir, const char *name, const char *want)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	AUTO_FREE char *path = path_join(dir, name);
	struct buf out AUTO_BUF = BUF_INIT(LIMIT_POLICY_BYTES);
	struct err err = {0};

	if (policy_file_read(&spec, path, &err) < 0) {
		CHECK(strstr(err.msg, want) != NULL);
		if (!strstr(err.msg, want))
			printf("# %s\n", err.msg);
		return;
	}
	policy_file_write(&spec, &out);
	CHECK_STR(out.ptr, want);
}

static void check_caps(const char *dir)
{
	AUTO_FREE char *big = xcalloc(LIMIT_POLICY_BYTES + 1, 1);
	char many[64 * LIMIT_POLICY_FILES] = "";

	TEST("includes end: by depth, by number, by size");
	put(dir, "self", "allow-host a\ninclude self\n");
	check_file(dir, "self", "deep: does a file include itself?");
	for (int i = 0; i < LIMIT_POLICY_FILES; i++)
		strcat(many, "include one\n");
	put(dir, "many", many);
	check_file(dir, "many", "more than 64 policy files");
	memset(big, '#', LIMIT_POLICY_BYTES);
	put(dir, "big", big);
	check_file(dir, "big", "");
	put(dir, "bigger", "include big\n");
	check_file(dir, "bigger", "are larger than 1048576 bytes");
	check_file("/dev", "zero", "are larger than 1048576 bytes");
}

int main(void)
{
	AUTO_FREE char *dir = xstrdup("/tmp/policy_file_test.XXXXXX"), *sub = NULL;
	struct err err = {0};

	check_texts();

	TEST("includes stand beside the file that names them");
	CHECK(mkdtemp(dir) != NULL);
	sub = path_join(dir, "sub");
	CHECK(mkdir(sub, 0700) == 0);
	put(dir, "one", "allow-host one\n");
	put(dir, "sub/two", "allow-host two\ninclude ../one\nallow-host three\n");
	put(dir, "top", "include sub/two\n");
	check_file(dir, "top", "allow-host two\nallow-host one\nallow-host three\n");
	put(dir, "bad", "\nallow-host a..b\n");
	put(dir, "over", "include bad # which is bad\n");
	check_file(dir, "over", "/bad:2: invalid allow-list host \"a..b\": ");
	check_file(dir, "over", "/over:1: ");
	put(dir, "lost", "include nowhere\n");
	check_file(dir, "lost", "/nowhere': No such file or directory");
	check_file(dir, "sub", "Is a directory");

	check_caps(dir);
	CHECK(path_remove_tree(dir, &err) == 0);
	return tap_done();
}
