// SPDX-License-Identifier: MIT
#include "sandbox/templates.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char home[] = "/tmp/templates-XXXXXX";

static const char *const keys[] = {
	"00000000000000000000000000000000",
	"11111111111111111111111111111111",
	"22222222222222222222222222222222",
};

static const struct template_about about = {
	.image = (char *)"alpine",
	.accel = (char *)"tcg",
	.cpus = 1,
	.memory_mb = 64,
	.disk_mb = 100,
	.tsc_khz = 2000000,
	.network = true,
};

static void fill(struct template_draft *draft, const char *name, size_t len)
{
	static const char bytes[65536] = {1};
	struct err err;
	int fd;

	CHECK(template_draft_file(draft, name, 1 << 20, &fd, &err) == 0);
	CHECK(pwrite(fd, bytes, len, 0) == (ssize_t)len);
	close(fd);
}

static void make_of(const char *key, bool with_upper)
{
	struct template_draft *draft;
	struct err err;

	CHECK(template_draft_begin(home, key, 0, &draft, &err) == 0 && draft);
	fill(draft, "ram", 65536);
	fill(draft, "state", 4096);
	if (with_upper)
		fill(draft, "upper.ext4", 4096);
	CHECK(template_draft_commit(draft, &about, &err) == 0);
	template_draft_free(draft);
}

static void make(const char *key)
{
	make_of(key, true);
}

static char *path_in(const char *key, const char *name)
{
	return xasprintf("%s/templates/%s/%s", home, key, name);
}

static int try_open(const char *key, unsigned tsc_khz)
{
	struct template_files files = TEMPLATE_FILES_NONE;
	struct err err = {0};
	int status = templates_open(home, key, tsc_khz, &files, &err);

	template_files_close(&files);
	return status == 0 ? ERR_NONE : (int)err.code;
}

static void test_life(void)
{
	struct template_draft *draft, *other;
	struct template_files files = TEMPLATE_FILES_NONE;
	struct err err;

	CHECK(try_open(keys[0], 0) == ERR_NOT_FOUND);
	CHECK(template_draft_begin(home, keys[0], 0, &draft, &err) == 0 && draft);
	CHECK(template_draft_begin(home, keys[0], 0, &other, &err) < 0 && err.code == ERR_TIMEOUT);
	fill(draft, "ram", 65536);
	CHECK(template_draft_open(draft, &files, &err) < 0);
	template_draft_free(draft);
	CHECK(try_open(keys[0], 0) == ERR_NOT_FOUND);
	make(keys[0]);
	CHECK(template_draft_begin(home, keys[0], 0, &draft, &err) == 0 && !draft);
	CHECK(templates_open(home, keys[0], 0, &files, &err) == 0);
	CHECK(files.ram_fd >= 0 && files.state_fd >= 0 && files.upper_fd >= 0);
	CHECK((fcntl(files.ram_fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	CHECK(templates_remove(home, keys[0], &err) == 0);
	CHECK(pwrite(files.ram_fd, "x", 1, 0) < 0);
	template_files_close(&files);
	CHECK(templates_remove(home, keys[0], &err) == 0);
	CHECK(try_open(keys[0], 0) == ERR_NOT_FOUND);
	make_of(keys[0], false);
	CHECK(try_open(keys[0], 0) == ERR_NOT_FOUND);
	CHECK(templates_remove(home, keys[0], &err) == 0);
}

static void test_distrust(void)
{
	char *about_path = path_in(keys[0], "about.json"), *ram = path_in(keys[0], "ram");
	struct err err;

	make(keys[0]);
	CHECK(try_open(keys[0], 2000090) == ERR_NONE);
	CHECK(try_open(keys[0], 2000110) == ERR_INVALID);
	CHECK(chmod(ram, 0422) == 0);
	CHECK(try_open(keys[0], 0) == ERR_NOT_FOUND);
	CHECK(chmod(ram, 0600) == 0 && truncate(ram, 8192) == 0);
	CHECK(try_open(keys[0], 0) == ERR_INVALID);
	CHECK(templates_remove(home, keys[0], &err) == 0);
	make(keys[0]);
	CHECK(truncate(about_path, 5) == 0);
	CHECK(try_open(keys[0], 0) == ERR_INVALID);
	CHECK(unlink(ram) == 0 && symlink("state", ram) == 0);
	CHECK(try_open(keys[0], 0) != ERR_NONE);
	free(about_path);
	free(ram);
}

static void set_used(const char *key, time_t at)
{
	char *path = path_in(key, "about.json");
	struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at}};

	CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
	free(path);
}

static void test_prune(void)
{
	AUTO_FREE char *left = xasprintf("%s/templates/.%s.abcd", home, keys[2]);
	struct template_rows rows;
	struct template_draft *draft;
	uint64_t freed;
	struct err err;

	make(keys[1]); /* keys[0] is damaged by now */
	make(keys[2]);
	set_used(keys[1], 1000);
	set_used(keys[2], 2000);
	CHECK(mkdir(left, 0700) == 0);
	CHECK(templates_list(home, &rows, &err) == 0 && rows.count == 2);
	CHECK_STR(rows.rows[0].key, keys[2]);
	CHECK_STR(rows.rows[1].about.image, "alpine");
	CHECK(rows.rows[1].size >= 65536 && rows.rows[1].size < 1 << 20);
	CHECK(templates_prune(home, rows.rows[0].size, &freed, &err) == 0);
	CHECK(freed == rows.rows[1].size);
	template_rows_done(&rows);
	CHECK(access(left, F_OK) < 0);
	CHECK(try_open(keys[2], 0) == ERR_NONE && try_open(keys[1], 0) == ERR_NOT_FOUND);
	CHECK(template_draft_begin(home, keys[1], 0, &draft, &err) == 0 && draft);
	CHECK(templates_list(home, &rows, &err) == 0 && rows.count == 2);
	CHECK(rows.rows[1].building && !rows.rows[1].complete);
	template_rows_done(&rows);
	CHECK(templates_prune(home, 0, &freed, &err) == 0);
	fill(draft, "ram", 1);
	fill(draft, "state", 1);
	fill(draft, "upper.ext4", 1);
	CHECK(template_draft_commit(draft, &about, &err) == 0);
	template_draft_free(draft);
	CHECK(try_open(keys[1], 0) == ERR_NONE);
}

int main(void)
{
	struct err err;

	if (!mkdtemp(home))
		return 1;
	TEST("a template is there as a whole or not at all, and one process makes it");
	test_life();
	TEST("what others may change, does not fit or is damaged is not used");
	test_distrust();
	TEST("pruning keeps the last used, and leaves alone what is being made");
	test_prune();
	CHECK(path_remove_tree(home, &err) == 0);
	return tap_done();
}
