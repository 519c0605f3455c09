// SPDX-License-Identifier: MIT
/*
 * The store used by many: what is removed, kept and found damaged, and processes that save, remove,
 * collect and look up at once.  Blobs here are no file systems; nothing but `image check` minds.
 */
#include "image/store_gc.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/strv.h"
#include "image/store_check.h"
#include "image/store_internal.h"
#include "image/store_sum.h"
#include "image/worker.h"
#include "state/test_home.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

static char *home;

static struct store *open_store(void)
{
	struct store *store = NULL;
	struct err err;

	if (store_open(home, &store, &err) < 0) {
		printf("# %s\n", err.msg);
		abort();
	}
	return store;
}

static void digest_for(int number, char ret_text[DIGEST_TEXT_SIZE])
{
	snprintf(ret_text, DIGEST_TEXT_SIZE, "sha256:%064d", number);
}

/* A blob as a worker leaves it: a temporary file, then its name. */
static void make_blob(struct store *store, const char *digest)
{
	AUTO_FREE char *path = store_blob_path(store, digest);
	AUTO_FREE char *tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	struct err err;

	if (access(path, F_OK) == 0)
		return;
	if (fd_write_file(AT_FDCWD, tmp, digest, strlen(digest), 0644, &err) < 0 ||
	    rename(tmp, path) < 0)
		abort();
}

/* The image `tag` of the layers `from` to `to`, brought as resolve_image() does it. */
static int bring(struct store *store, const char *tag, int from, int to, struct err *err)
{
	struct pulled_layer layers[8] = {0};
	struct pulled pulled = {.layers = layers, .layer_count = (size_t)(to - from + 1)};
	AUTO_FD int pull = -1;

	if (store_begin_pull(store, &pull, err) < 0)
		return -1;
	digest_for(from * 100 + to, pulled.digest);
	for (int i = from; i <= to; i++) {
		struct pulled_layer *layer = &layers[i - from];

		digest_for(i, layer->blob);
		digest_for(1000 + i, layer->digest);
		make_blob(store, layer->blob);
	}
	return store_save_pulled(store, "registry", tag, "registry", &pulled, err);
}

static void check_bring(struct store *store, const char *tag, int from, int to)
{
	struct err err = {0};

	CHECK(bring(store, tag, from, to, &err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
}

static size_t count_files(struct store *store)
{
	AUTO_FREE char *path = path_join(store->dir, "blobs");
	DIR *dir = opendir(path);
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void check_gc(struct store *store, size_t removed, size_t in_use, bool busy)
{
	struct gc_result result;
	struct err err;

	CHECK(store_gc(store, 0, &result, &err) == 0);
	CHECK(result.removed == removed);
	CHECK(result.in_use == in_use);
	CHECK(result.busy == busy);
}

static void test_gc(struct store *store)
{
	AUTO(auto_image) struct image *image = NULL;
	char digest[DIGEST_TEXT_SIZE];
	AUTO_FREE char *stale = path_join(store->dir, "blobs/sha256_1.erofs.uuid.tmp");
	AUTO_FREE char *merged = NULL;
	struct err err = {0};
	int pull = -1;

	TEST("blobs go with the last image that names them");
	check_bring(store, "one", 1, 3);
	check_bring(store, "two", 3, 4);
	check_gc(store, 0, 0, false);
	CHECK(store_remove(store, "one", &err) == 0);
	check_gc(store, 2, 0, false);
	CHECK(count_files(store) == 2);
	CHECK(store_remove(store, "one", &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK_STR(err.msg, "image not found: \"one\"");

	TEST("while a pull is under way nothing is removed");
	digest_for(77, digest);
	CHECK(fd_write_file(AT_FDCWD, stale, "x", 1, 0644, &err) == 0);
	CHECK(store_begin_pull(store, &pull, &err) == 0);
	CHECK(count_files(store) == 2); /* what a dead one had left is gone */
	make_blob(store, digest);
	CHECK(fd_write_file(AT_FDCWD, stale, "x", 1, 0644, &err) == 0);
	check_gc(store, 0, 0, true);
	CHECK(count_files(store) == 4);
	close(pull);
	check_gc(store, 1, 0, false);
	CHECK(count_files(store) == 2);

	TEST("a blob that somebody has found is kept until he lets it go");
	CHECK(store_find(store, "two", &image, &err) == 0);
	CHECK(store_remove(store, "two", &err) == 0);
	check_gc(store, 0, 2, false);
	image_free(STEAL(image));
	check_gc(store, 2, 0, false);
	CHECK(count_files(store) == 0);

	TEST("a merged blob is kept");
	check_bring(store, "three", 1, 2);
	digest_for(99, digest);
	make_blob(store, digest);
	merged = store_blob_path(store, digest);
	CHECK(db_run(store->db, "UPDATE images SET rootfs_path = ?", DB_VALUES(db_text(merged)),
		     &err) == 0);
	check_gc(store, 0, 0, false);
	CHECK(store_remove(store, "three", &err) == 0);
	check_gc(store, 3, 0, false);
}

static void test_list(struct store *store)
{
	AUTO(auto_image) struct image *image = NULL;
	AUTO(image_rows_done) struct image_rows rows = {0};
	AUTO(auto_strv) char **tags = NULL;
	struct store_usage usage;
	struct err err;

	TEST("local images come first, then the registry's, newest first");
	check_bring(store, "old", 1, 2);
	check_bring(store, "new", 2, 3);
	CHECK(store_find(store, "old", &image, &err) == 0);
	CHECK(store_tag(store, image, "mine", &err) == 0);
	CHECK(store_list(store, &rows, &err) == 0 && rows.count == 3);
	CHECK_STR(rows.rows[0].tag, "mine");
	CHECK_STR(rows.rows[0].source, "tag");
	CHECK_STR(rows.rows[0].digest, image->digest);
	CHECK(rows.rows[0].size == image->size && image->size > 0);
	CHECK_STR(rows.rows[1].tag, "new");
	CHECK_STR(rows.rows[2].tag, "old");
	CHECK_STR(rows.rows[2].source, "registry");

	TEST("a tag can be given again, and lives on alone");
	CHECK(store_tag(store, image, "mine", &err) == 0);
	CHECK(store_remove(store, "old", &err) == 0);
	image_free(STEAL(image));
	CHECK(store_find(store, "mine", &image, &err) == 0 && image->layer_count == 2);
	CHECK(store_tag(store, image, "mine", &err) == 0); /* itself */
	image_free(STEAL(image));
	CHECK(store_find(store, "mine", &image, &err) == 0 && image->layer_count == 2);

	TEST("images in use are counted, and kept when the others go");
	CHECK(store_measure(store, &usage, &err) == 0);
	CHECK(usage.images == 2 && usage.images_in_use == 2); /* they share layer 2 */
	CHECK(usage.blobs == 3 && usage.dangling == 0 && usage.used * 3 == usage.size * 2);
	check_bring(store, "other", 5, 5);
	CHECK(store_forget_unused(store, &tags, &err) == 0);
	CHECK(strv_count(tags) == 1);
	CHECK_STR(tags[0], "other");
	image_free(STEAL(image));
	strv_free(STEAL(tags));
	CHECK(store_forget_unused(store, &tags, &err) == 0 && strv_count(tags) == 2);
	check_gc(store, 4, 0, false);
}

static void damage(struct store *store, int number)
{
	char digest[DIGEST_TEXT_SIZE];
	AUTO_FREE char *path = NULL;
	AUTO_FD int fd = -1;

	digest_for(number, digest);
	path = store_blob_path(store, digest);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(pwrite(fd, "X", 1, 9) == 1);
}

static void test_check(struct store *store)
{
	AUTO(check_report_done) struct check_report report = {0};
	AUTO(image_rows_done) struct image_rows rows = {0};
	char digest[DIGEST_TEXT_SIZE];
	AUTO_FREE char *path = NULL;
	struct err err;

	TEST("sound blobs pass");
	check_bring(store, "a", 1, 2);
	check_bring(store, "b", 2, 3);
	check_bring(store, "c", 4, 4);
	check_bring(store, "d", 5, 6);
	CHECK(store_check(store, &report, &err) == 0 && report.count == 6 && report.bad == 0);
	check_report_done(&report);

	TEST("damaged and missing ones go, with the images that need them, and only these");
	damage(store, 3);
	digest_for(6, digest);
	path = store_blob_path(store, digest);
	CHECK(unlink(path) == 0);
	CHECK(store_check(store, &report, &err) == 0 && report.bad == 2);
	CHECK(report.blobs[2].state == BLOB_DAMAGED && strv_count(report.blobs[2].tags) == 1);
	CHECK_STR(report.blobs[2].tags[0], "b");
	CHECK(report.blobs[5].state == BLOB_MISSING);
	CHECK_STR(report.blobs[5].tags[0], "d");
	CHECK(store_list(store, &rows, &err) == 0 && rows.count == 2);
	check_gc(store, 1, 0, false); /* layer 5 */

	TEST("a new pull mends them");
	check_report_done(&report);
	check_bring(store, "b", 2, 3);
	CHECK(store_check(store, &report, &err) == 0 && report.bad == 0);

	TEST("what was saved without a sum must at least look like an image");
	check_report_done(&report);
	CHECK(db_run(store->db, "DELETE FROM blob_sums", NULL, 0, &err) == 0);
	CHECK(store_check(store, &report, &err) == 0 && report.bad == 3);
	check_gc(store, 1, 0, false); /* 3, which nothing needed once 2 was gone */
	CHECK(count_files(store) == 0);
}

static void test_sum(void)
{
	AUTO_FREE char *path = path_join(home, "sum");
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char sum[CHECKSUM_TEXT_SIZE], other[CHECKSUM_TEXT_SIZE];
	struct err err;

	TEST("a sum knows every piece, and how many there are");
	CHECK(ftruncate(fd, 50 * 1024 * 1024) == 0);
	CHECK(blob_sum(fd, 50 * 1024 * 1024, sum, &err) == 0 && strlen(sum) > 0);
	CHECK(pwrite(fd, "x", 1, 33 * 1024 * 1024) == 1);
	CHECK(blob_sum(fd, 50 * 1024 * 1024, other, &err) == 0 && strcmp(sum, other) != 0);
	CHECK(pwrite(fd, "", 1, 33 * 1024 * 1024) == 1);
	CHECK(blob_sum(fd, 50 * 1024 * 1024, other, &err) == 0 && strcmp(sum, other) == 0);
	CHECK(blob_sum(fd, 42 * 1024 * 1024, other, &err) == 0 && strcmp(sum, other) != 0);
	CHECK(blob_sum(fd, 51 * 1024 * 1024, other, &err) < 0 && err.code == ERR_IO);
	unlink(path);
}

/* --- many at once --- */

enum { CLIENTS = 8, IMAGES = 6, ROUNDS = 30 };

static int pick(int count)
{
	unsigned char byte;

	random_bytes(&byte, 1);
	return byte % count;
}

/* An image that is found keeps its blobs for as long as it is held. */
static void hold(struct store *store, const char *tag)
{
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};

	if (store_find(store, tag, &image, &err) < 0) {
		CHECK(err.code == ERR_NOT_FOUND);
		if (err.code != ERR_NOT_FOUND)
			printf("# %s\n", err.msg);
		return;
	}
	usleep(3000);
	for (size_t i = 0; i < image->layer_count; i++)
		CHECK(access(image->layers[i], F_OK) == 0);
}

/* One thing that users do. */
static void act(struct store *store)
{
	AUTO_FREE char *tag = NULL;
	struct gc_result result;
	struct err err = {0};
	int number = pick(IMAGES), failed = 0;

	tag = xasprintf("image%d", number);
	switch (pick(4)) {
	case 0:
		failed = bring(store, tag, number, number + 2, &err);
		store_gc_quietly(store);
		break;
	case 1:
		failed = store_remove(store, tag, &err) < 0 && err.code != ERR_NOT_FOUND;
		store_gc_quietly(store);
		break;
	case 2:
		failed = store_gc(store, 100, &result, &err);
		break;
	default:
		hold(store, tag);
	}
	CHECK(!failed);
	if (failed)
		printf("# %s\n", err.msg);
}

static void client(void *arg ML_UNUSED)
{
	AUTO(auto_store) struct store *store = open_store();

	for (int i = 0; i < ROUNDS; i++)
		act(store);
}

static void client_for_ever(void *arg ML_UNUSED)
{
	AUTO(auto_store) struct store *store = open_store();

	for (;;)
		act(store);
}

/* Every listed image can be found, every blob is named, nothing else lies there. */
static void check_consistent(void)
{
	AUTO(auto_store) struct store *store = open_store();
	AUTO(image_rows_done) struct image_rows rows = {0};
	AUTO(check_report_done) struct check_report report = {0};
	struct gc_result result;
	struct err err = {0};

	CHECK(store_gc(store, 1000, &result, &err) == 0 && !result.busy && result.in_use == 0);
	CHECK(store_list(store, &rows, &err) == 0);
	for (size_t i = 0; i < rows.count; i++) {
		AUTO(auto_image) struct image *image = NULL;

		CHECK(store_find(store, rows.rows[i].tag, &image, &err) == 0);
		if (!image)
			printf("# %s\n", err.msg);
	}
	CHECK(store_check(store, &report, &err) == 0 && report.bad == 0);
	CHECK(report.count == count_files(store));
}

static void test_many(void)
{
	pid_t pids[CLIENTS];

	TEST("eight processes save, remove, collect and look up at once");
	for (int i = 0; i < CLIENTS; i++)
		pids[i] = test_fork(client, NULL);
	for (int i = 0; i < CLIENTS; i++)
		CHECK(test_wait(pids[i]) == 0);
	check_consistent();
}

static void test_killed(void)
{
	const char *soak = getenv("MATCHLOCK_SOAK");
	int rounds = soak && strcmp(soak, "1") == 0 ? 200 : 20;

	TEST("killed at any moment, they leave a store that is whole");
	for (int i = 0; i < rounds; i++) {
		pid_t pids[3];

		for (int k = 0; k < 3; k++)
			pids[k] = test_fork(client_for_ever, NULL);
		usleep((useconds_t)(10000 + pick(100) * 500));
		for (int k = 0; k < 3; k++)
			kill(pids[k], SIGKILL);
		for (int k = 0; k < 3; k++)
			test_wait(pids[k]);
		check_consistent();
	}
}

int main(void)
{
	struct store *store;

	home = test_home_new();
	store = open_store();
	test_gc(store);
	test_list(store);
	test_check(store);
	store_free(store);
	test_sum();
	test_many();
	test_killed();
	test_home_done(home);
	return tap_done();
}
