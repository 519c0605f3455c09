// SPDX-License-Identifier: MIT
/*
 * The image store and the image that registers itself.  The program runs as a copy of itself in a
 * fresh directory with artefacts beside it, as an installed one would.
 */
#include "image/store.h"

#include "base/fd.h"
#include "base/strv.h"
#include "image/base_image.h"
#include "image/store_internal.h"
#include "state/test_home.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static const char digest_a[] = "sha256:" HEX("aa"), digest_b[] = "sha256:" HEX("bb");
static const char digest_c[] = "sha256:" HEX("cc");

static char *home; /* lib/matchlock/ with the artefacts, cache/ */

static void put_file(const char *path, const char *text)
{
	struct err err = {0};

	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644, &err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
}

static void put_artefact(const char *erofs, const char *digest, const char *diff_id)
{
	AUTO_FREE char *erofs_path = path_join(home, "lib/matchlock/base.erofs");
	AUTO_FREE char *json_path = path_join(home, "lib/matchlock/base.json");
	AUTO_FREE char *json =
		xasprintf("{\"digest\":\"%s\",\"diff_id\":\"%s\",\"config\":{\"cmd\":[\"sh\"],"
			  "\"env\":{\"PATH\":\"/bin\"}}}",
			  digest, diff_id);

	put_file(erofs_path, erofs);
	put_file(json_path, json);
}

static struct store *open_store(const char *cache)
{
	struct store *store = NULL;
	struct err err = {0};

	CHECK(store_open(cache, &store, &err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
	return store;
}

static void put_blob(struct store *store, const char *digest, const char *text)
{
	AUTO_FREE char *path = store_blob_path(store, digest);

	put_file(path, text);
}

static void remove_blob(struct store *store, const char *digest)
{
	AUTO_FREE char *path = store_blob_path(store, digest);

	CHECK(unlink(path) == 0);
}

static void save(struct store *store, const char *scope, const char *tag, const char *digest)
{
	const char *const layers[] = {digest_a, digest_b};
	struct image_config config = {.user = (char *)"me", .working_dir = (char *)""};
	const struct store_entry entry = {scope, tag, digest, "registry", &config, layers, 2};
	struct err err = {0};

	CHECK(store_save(store, &entry, &err) == 0);
}

static void check_text(struct store *store, const char *sql, const char *want)
{
	AUTO(db_query_done) struct db_query query = {0};
	struct err err = {0};

	CHECK(db_select(store->db, sql, NULL, 0, &query, &err) == 0);
	CHECK(db_next(&query, &err) == 1);
	CHECK_STR(db_column_text(&query, 0), want);
}

/* That `ref` is found with just the blob of `diff_id`. */
static void check_found(struct store *store, const char *ref, const char *digest,
			const char *diff_id)
{
	AUTO_FREE char *path = store_blob_path(store, diff_id);
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};

	CHECK(store_find(store, ref, &image, &err) == 0);
	if (!image) {
		printf("# %s\n", err.msg);
		return;
	}
	CHECK_STR(image->tag, ref);
	CHECK_STR(image->digest, digest);
	CHECK(image->layer_count == 1 && !image->layers[1]);
	CHECK_STR(image->layers[0], path);
}

static void test_schema(struct store *store)
{
	TEST("tables, indexes and migrations have the promised names");
	check_text(store,
		   "SELECT group_concat(t || ':' || c, '; ') FROM (SELECT m.name AS t,"
		   " (SELECT group_concat(name || ' ' || type || \"notnull\" || coalesce(' ' ||"
		   " dflt_value, '') || iif(pk, ' pk' || pk, ''), ', ') FROM"
		   " pragma_table_info(m.name)) AS c FROM sqlite_master m WHERE type = 'table'"
		   " ORDER BY m.name)",
		   "blob_sums:digest TEXT1 pk1, size INTEGER1, mtime_ns INTEGER1, sum TEXT1; "
		   "image_layers:scope TEXT1 pk1, tag TEXT1 pk2, ordinal INTEGER1 pk3, digest "
		   "TEXT1, fs_type TEXT1 'erofs', size INTEGER1 0; "
		   "images:scope TEXT1 pk1, tag TEXT1 pk2, digest TEXT1, size INTEGER1 0, "
		   "created_at TEXT1, source TEXT0, rootfs_path TEXT1, oci_json TEXT0, updated_at "
		   "TEXT1; "
		   "layer_refs:digest TEXT1 pk1, fs_type TEXT1 'erofs' pk2, ref_count INTEGER1 0, "
		   "size INTEGER1 0, updated_at TEXT1; "
		   "schema_migrations:module TEXT1 pk1, version INTEGER1 pk2, name TEXT1, "
		   "applied_at TEXT1");
	check_text(store,
		   "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE"
		   " type = 'index' AND sql IS NOT NULL ORDER BY name)",
		   "idx_image_layers_digest idx_image_layers_digest_fs idx_image_layers_ref "
		   "idx_images_digest idx_images_scope_created "
		   "idx_layer_refs_count");
	check_text(store,
		   "SELECT group_concat(module || version || name, ' ') FROM"
		   " schema_migrations",
		   "image1create_images image2create_image_layers_erofs_schema "
		   "layer_map1create_layer_map layer_map2forget_blob_sums "
		   "layer_map3drop_layer_map");
}

static void test_find(struct store *store)
{
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};
	struct stat st;

	TEST("an image that is nowhere is named, quoted, with the remedy");
	CHECK(store_find(store, "x\ny", &image, &err) < 0 && err.code == ERR_NOT_FOUND);
	CHECK_STR(err.msg, "image \"x\\ny\" is not in the local store: 'matchlock pull' brings it");

	TEST("the registry's entry is found, layers base first, with its configuration");
	put_blob(store, digest_a, "layer a");
	put_blob(store, digest_b, "layer b");
	save(store, "registry", "alpine", digest_c);
	CHECK(store_find(store, "alpine", &image, &err) == 0);
	CHECK_STR(image->digest, digest_c);
	CHECK(image->layer_count == 2 && !image->layers[2]);
	CHECK(strstr(image->layers[0], "/images/blobs/sha256_aa"));
	CHECK(strstr(image->layers[1], "bb.erofs"));
	CHECK_STR(image->config.user, "me");
	CHECK(stat(image->layers[0], &st) == 0 && image->size == (uint64_t)st.st_blocks * 1024);
	image_free(STEAL(image));
	CHECK(store_find(store, "alpine:latest", &image, &err) < 0);

	TEST("a local entry goes before it");
	save(store, "local", "alpine", digest_b);
	CHECK(store_find(store, "alpine", &image, &err) == 0);
	CHECK_STR(image->digest, digest_b);
	image_free(STEAL(image));
	check_text(store,
		   "SELECT group_concat(substr(digest, 1, 9) || fs_type || ref_count, ' ') FROM"
		   " layer_refs",
		   "sha256:aaerofs2 sha256:bberofs2");

	TEST("an image is absent when a blob is missing or empty");
	remove_blob(store, digest_b);
	CHECK(store_find(store, "alpine", &image, &err) < 0 && err.code == ERR_NOT_FOUND);
	put_blob(store, digest_b, "");
	CHECK(store_find(store, "alpine", &image, &err) < 0 && err.code == ERR_NOT_FOUND);
	put_blob(store, digest_b, "layer b");

	TEST("a merged blob serves alone; without it the layers do");
	put_blob(store, digest_c, "merged");
	CHECK(db_run(store->db,
		     "UPDATE images SET rootfs_path = '/elsewhere/sha256_" HEX("cc") ".erofs'",
		     NULL, 0, &err) == 0);
	check_found(store, "alpine", digest_b, digest_c);
	remove_blob(store, digest_c);
	CHECK(store_find(store, "alpine", &image, &err) == 0 && image->layer_count == 2);
	image_free(STEAL(image));

	TEST("what cannot be used is said");
	CHECK(db_run(store->db, "UPDATE images SET oci_json = '{'", NULL, 0, &err) == 0);
	CHECK(store_find(store, "alpine", &image, &err) < 0);
	CHECK_STR(err.msg, "image 'alpine': image config: not an object");
	CHECK(db_run(store->db, "UPDATE images SET oci_json = NULL", NULL, 0, &err) == 0);
	CHECK(db_run(store->db, "UPDATE image_layers SET fs_type = 'ext4'", NULL, 0, &err) == 0);
	CHECK(store_find(store, "alpine", &image, &err) < 0);
	CHECK_STR(err.msg, "image 'alpine': invalid layer filesystem type \"ext4\"");
}

/* That the blobs folder has `want` files, all with names of blobs. */
static void check_blobs(const struct store *store, size_t want)
{
	AUTO_FREE char *path = path_join(store->dir, "blobs");
	DIR *dir = opendir(path);
	size_t count = 0;
	struct dirent *entry;

	if (!dir)
		abort();
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		CHECK(strlen(entry->d_name) == strlen("sha256_.erofs") + 64);
	}
	CHECK(count == want);
	closedir(dir);
}

static void check_content(struct store *store, const char *digest, const char *want)
{
	AUTO_FREE char *path = store_blob_path(store, digest);
	AUTO_BUF struct buf buf = BUF_INIT(4096);
	struct err err;

	CHECK(fd_read_file(AT_FDCWD, path, &buf, &err) == 0);
	CHECK_STR(buf.ptr, want);
}

static ino_t inode_of(struct store *store, const char *digest)
{
	AUTO_FREE char *path = store_blob_path(store, digest);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static void test_base(const char *cache)
{
	AUTO(auto_store) struct store *store = open_store(cache);
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};
	ino_t inode;

	TEST("the base image registers itself");
	put_artefact("first base", digest_a, digest_b);
	check_found(store, "matchlock/base", digest_a, digest_b);
	check_content(store, digest_b, "first base");
	check_text(store,
		   "SELECT scope || ' ' || tag || ' ' || source || ' ' || oci_json || (size > 0)"
		   " FROM images",
		   "local matchlock/base import {\"cmd\":[\"sh\"],\"env\":{\"PATH\":\"/bin\"}}1");
	CHECK(store_find(store, "matchlock/base", &image, &err) == 0);
	CHECK_STR(image->config.cmd[0], "sh");
	CHECK_STR(strv_getenv(image->config.env, "PATH"), "/bin");

	TEST("once is enough, its other name shares the blob");
	inode = inode_of(store, digest_b);
	check_found(store, "matchlock/base", digest_a, digest_b);
	CHECK(inode_of(store, digest_b) == inode);
	check_found(store, "matchlock/base:latest", digest_a, digest_b);
	check_blobs(store, 1);

	TEST("a blob that is missing or of another size is made anew");
	remove_blob(store, digest_b);
	check_found(store, "matchlock/base", digest_a, digest_b);
	put_blob(store, digest_b, "first bases");
	check_found(store, "matchlock/base", digest_a, digest_b);
	check_content(store, digest_b, "first base");

	TEST("so is an entry that cannot be read");
	CHECK(db_run(store->db, "UPDATE images SET oci_json = '{'", NULL, 0, &err) == 0);
	check_found(store, "matchlock/base", digest_a, digest_b);

	TEST("a newer artefact is registered in its place");
	put_artefact("second base", digest_b, digest_c);
	check_found(store, "matchlock/base", digest_b, digest_c);
	check_content(store, digest_c, "second base");
	check_text(store, "SELECT count(*) FROM images", "2");
}

static void test_base_alone(const char *cache)
{
	AUTO_FREE char *erofs = path_join(home, "lib/matchlock/base.erofs");
	AUTO_FREE char *json = path_join(home, "lib/matchlock/base.json");
	AUTO(auto_store) struct store *store = open_store(cache);
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};

	TEST("artefacts that do not read are said to be");
	put_file(json, "{\"digest\":");
	CHECK(store_find(store, "matchlock/base", &image, &err) < 0);
	CHECK(strstr(err.msg, "base.json': ") && strstr(err.msg, ": run 'make' or install"));
	put_file(json, "{\"digest\":\"sha256:1234\"}");
	CHECK(store_find(store, "matchlock/base", &image, &err) < 0);
	CHECK(strstr(err.msg, "base.json': 'digest' is not a sha256 digest"));

	TEST("without the artefacts, what was registered serves, and else the remedy is told");
	CHECK(unlink(erofs) == 0);
	check_found(store, "matchlock/base", digest_b, digest_c);
	remove_blob(store, digest_c);
	CHECK(store_find(store, "matchlock/base", &image, &err) < 0);
	CHECK(err.code == ERR_NOT_FOUND && strstr(err.msg, "'base.erofs' is not installed"));
}

enum { CLIENTS = 20 };

/* In a child. */
static void find_base(void *cache)
{
	AUTO(auto_store) struct store *store = open_store(cache);

	if (store)
		check_found(store, "matchlock/base", digest_a, digest_b);
}

static void test_many(const char *cache)
{
	AUTO(auto_store) struct store *store = NULL;
	pid_t pids[CLIENTS];

	TEST("after a reset, twenty processes at once find it");
	put_artefact("many", digest_a, digest_b);
	for (int i = 0; i < CLIENTS; i++)
		pids[i] = test_fork(find_base, (void *)cache);
	for (int i = 0; i < CLIENTS; i++)
		CHECK(test_wait(pids[i]) == 0);
	store = open_store(cache);
	check_blobs(store, 1);
	check_text(store, "SELECT count(*) FROM images", "1");
	check_text(store, "SELECT group_concat(ref_count) FROM layer_refs", "1");
}

/* In a child with a mount namespace of its own: room for the database, none for the blob. */
static void expect_full(void *arg)
{
	AUTO_FREE char *big = xcalloc(1, 4 << 20);
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	struct err err = {0};

	memset(big, 'b', (4 << 20) - 1);
	put_artefact(big, digest_a, digest_b);
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir(arg, 0700) == 0 && mount("tmpfs", arg, "tmpfs", 0, "size=2m") == 0);
	store = open_store(arg);
	CHECK(store_find(store, "matchlock/base", &image, &err) < 0);
	CHECK(err.code == ERR_UNAVAILABLE && strstr(err.msg, "no space left: free some"));
	check_blobs(store, 0);
	CHECK(mount(NULL, arg, NULL, MS_REMOUNT, "size=16m") == 0);
	check_found(store, "matchlock/base", digest_a, digest_b);
}

static void test_full(const char *cache)
{
	TEST("a full disk leaves nothing half, and space mends it");
	if (geteuid() != 0) {
		SKIP("mounting a small file system needs root");
		return;
	}
	CHECK(test_wait(test_fork(expect_full, (void *)cache)) == 0);
}

/* Copies this program to a new directory and runs it there. */
static void run_copy(void)
{
	AUTO_FREE char *dir = test_home_new();
	AUTO_FREE char *bin = path_join(dir, "bin");
	AUTO_FREE char *lib = path_join(dir, "lib/matchlock");
	AUTO_FREE char *copy = path_join(bin, "store_test");
	AUTO_FD int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -1;
	struct err err;

	if (path_mkdirs(bin, 0755, &err) < 0 || path_mkdirs(lib, 0755, &err) < 0)
		abort();
	to = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (from < 0 || to < 0 || fd_copy_sparse(from, to, "test", &err) < 0)
		abort();
	close(to);
	execl(copy, copy, dir, (char *)NULL);
	abort();
}

int main(int argc, char **argv)
{
	AUTO_FREE char *cache = NULL, *base_cache = NULL, *many_cache = NULL, *full_cache = NULL;
	struct store *store;

	if (argc < 2)
		run_copy();
	home = xstrdup(argv[1]);
	cache = path_join(home, "cache");
	base_cache = path_join(home, "base-cache");
	many_cache = path_join(home, "many-cache");
	full_cache = path_join(home, "full-cache");
	store = open_store(cache);
	test_schema(store);
	test_find(store);
	store_free(store);
	test_base(base_cache);
	test_base_alone(base_cache);
	test_many(many_cache);
	test_full(full_cache);
	test_home_done(home);
	return tap_done();
}
