// SPDX-License-Identifier: MIT
/* When an image is pulled and what is saved of it, with a worker that only pretends. */
#include "image/resolve.h"

#include "base/fd.h"
#include "image/store_internal.h"
#include "state/test_home.h"

#include <dirent.h>
#include <fcntl.h>

static int pulls;	 /* so far */
static const char *fail; /* what the next one fails with */
static const char *seen_platform;

void pulled_done(struct pulled *pulled)
{
	free(pulled->layers);
	*pulled = (struct pulled){0};
}

/* Leaves a blob of its own, and one that no image will name. */
static int pretend(struct store *store, struct pulled *ret_pulled, struct err *err)
{
	AUTO_FREE char *path = NULL, *orphan = path_join(store->dir, "blobs/sha256_0.erofs");

	if (fd_write_file(AT_FDCWD, orphan, "x", 1, 0644, err) < 0)
		return -1;
	if (fail)
		return err_set(err, ERR_UNAVAILABLE, "%s", fail);
	pulls++;
	*ret_pulled = (struct pulled){.layer_count = 1,
				      .layers = xcalloc(1, sizeof(struct pulled_layer))};
	snprintf(ret_pulled->digest, DIGEST_TEXT_SIZE, "sha256:%064d", pulls);
	snprintf(ret_pulled->layers[0].digest, DIGEST_TEXT_SIZE, "sha256:%064d", 1000 + pulls);
	snprintf(ret_pulled->layers[0].blob, DIGEST_TEXT_SIZE, "sha256:%064d", 2000 + pulls);
	path = store_blob_path(store, ret_pulled->layers[0].blob);
	return fd_write_file(AT_FDCWD, path, "layer", 5, 0644, err);
}

int worker_pull(struct store *store, const struct pull_request *request, struct pulled *ret_pulled,
		struct err *err)
{
	CHECK_STR(request->reference->repository, "library/alpine");
	seen_platform = request->platform;
	if (pretend(store, ret_pulled, err) < 0)
		return err_wrap(err, "pull image");
	return 0;
}

int worker_import(struct store *store, int fd, uint64_t max_size, struct pulled *ret_pulled,
		  struct err *err)
{
	CHECK(fd == 7 && max_size == 99);
	return pretend(store, ret_pulled, err);
}

/* Resolves `ref`: the digest's last digit, or -1 with err; `want_pulled` is checked. */
static int resolve(struct store *store, const char *ref, enum pull_policy policy, bool want_pulled,
		   struct err *err)
{
	const struct resolve_request request = {.ref = ref, .policy = policy};
	AUTO(auto_image) struct image *image = NULL;
	bool pulled;

	*err = (struct err){0};
	if (resolve_image(store, &request, &image, &pulled, err) < 0)
		return -1;
	CHECK(pulled == want_pulled);
	return image->digest[DIGEST_TEXT_SIZE - 2] - '0';
}

static size_t count_blobs(const struct store *store)
{
	AUTO_FREE char *path = path_join(store->dir, "blobs");
	DIR *dir = opendir(path);
	size_t count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void test_policies(struct store *store)
{
	struct err err;

	TEST("missing: pulled once, each spelling for itself");
	CHECK(resolve(store, "alpine", PULL_NEVER, false, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK(resolve(store, "alpine", PULL_MISSING, true, &err) == 1);
	CHECK(resolve(store, "alpine", PULL_MISSING, false, &err) == 1);
	CHECK(resolve(store, "alpine", PULL_NEVER, false, &err) == 1);
	CHECK(resolve(store, "alpine:latest", PULL_MISSING, true, &err) == 2);

	TEST("always: pulled again, and the old blob goes");
	CHECK(count_blobs(store) == 2);
	CHECK(resolve(store, "alpine", PULL_ALWAYS, true, &err) == 3);
	CHECK(resolve(store, "alpine", PULL_MISSING, false, &err) == 3);
	CHECK(count_blobs(store) == 2);
}

static void test_failures(struct store *store)
{
	struct err err;

	TEST("a failure leaves nothing, and what was there stays");
	fail = "HTTP 500";
	CHECK(resolve(store, "alpine", PULL_ALWAYS, true, &err) < 0);
	CHECK_STR(err.msg, "pull image: HTTP 500");
	CHECK(count_blobs(store) == 2);
	CHECK(resolve(store, "alpine", PULL_MISSING, false, &err) == 3);
	fail = NULL;

	TEST("a reference that is none is told before anything is asked");
	CHECK(resolve(store, "Alpine!", PULL_MISSING, true, &err) < 0);
	CHECK(strncmp(err.msg, "parse image reference: ", 23) == 0);
}

static void test_import(struct store *store)
{
	AUTO(auto_image) struct image *image = NULL;
	AUTO(image_rows_done) struct image_rows rows = {0};
	struct err err = {0};

	TEST("an import is local and goes before the registry's");
	CHECK(resolve_import(store, 7, "alpine", 99, &image, &err) == 0);
	CHECK_STR(image->scope, "local");
	CHECK(resolve(store, "alpine", PULL_MISSING, false, &err) == 4);
	CHECK(store_list(store, &rows, &err) == 0 && rows.count == 3);
	CHECK_STR(rows.rows[0].source, "import");

	TEST("another platform is always asked for");
	CHECK(seen_platform == NULL);
	image_free(STEAL(image));
	CHECK(resolve_image(store,
			    &(struct resolve_request){.ref = "alpine", .platform = "linux/s390x"},
			    &image, &(bool){false}, &err) == 0);
	CHECK_STR(seen_platform, "linux/s390x");
	CHECK_STR(image->scope, "registry");
}

int main(void)
{
	char *home = test_home_new();
	struct store *store = NULL;
	struct err err;

	if (store_open(home, &store, &err) < 0)
		abort();
	test_policies(store);
	test_failures(store);
	test_import(store);
	store_free(store);
	test_home_done(home);
	return tap_done();
}
