// SPDX-License-Identifier: MIT
/*
 * The user's files: is there room, can they be read and written.  A database that does not exist
 * yet is made by the first command that needs it, not by a check.
 */
#include "setup/checks_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "image/store.h"
#include "state/state.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SPACE_FAIL_MIB = 256, SPACE_WARN_MIB = 2048 };

/* `path`, or the folder above it that exists; malloc'ed. */
static char *nearest(const char *path)
{
	char *found = xstrdup(path);
	char *slash;

	while (access(found, F_OK) < 0 && (slash = strrchr(found, '/')) && slash > found)
		*slash = '\0';
	return found;
}

void check_disk_space(const struct subject *subject, struct check_result *result)
{
	const char *const homes[] = {subject->cache_home, subject->state_home};
	const char *tightest = homes[0];
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
		AUTO_FREE char *dir = nearest(homes[i]);
		struct statvfs fs;
		uint64_t mib;

		if (statvfs(dir, &fs) < 0)
			continue;
		mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
		if (mib < least) {
			least = mib;
			tightest = homes[i];
		}
	}
	check_set(result,
		  least < SPACE_FAIL_MIB   ? CHECK_FAIL
		  : least < SPACE_WARN_MIB ? CHECK_WARN
					   : CHECK_PASS,
		  least < SPACE_WARN_MIB ? "matchlock image prune --all" : NULL,
		  "%" PRIu64 " MiB are free for %s", least, tightest);
}

/* Whether the database at `path` is there.  If not the check is over: it will be made, unless it
 * cannot be. */
static bool is_there(const char *path, const char *fix, const char *nothing,
		     struct check_result *result)
{
	AUTO_FREE char *above = nearest(path);

	if (strcmp(above, path) == 0)
		return true;
	if (access(above, W_OK) < 0)
		check_set(result, CHECK_FAIL, fix, "'%s' cannot be written", above);
	else
		check_set(result, CHECK_PASS, NULL, "%s", nothing);
	return false;
}

void check_state(const struct subject *subject, struct check_result *result)
{
	AUTO_FREE char *path = path_join(subject->state_home, "state.db");
	AUTO(auto_state) struct state *state = NULL;
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	size_t crashed = 0;
	struct err err;

	if (!is_there(path, "export MATCHLOCK_HOME=<a folder of your own>", "no sandbox yet",
		      result))
		return;
	if (state_open(subject->state_home, &state, &err) < 0 ||
	    state_list(state, &rows, &err) < 0) {
		check_set(result, CHECK_FAIL, "matchlock list", "%s", err.msg);
		return;
	}
	for (size_t i = 0; i < rows.count; i++)
		crashed += rows.rows[i].status == SANDBOX_CRASHED;
	if (crashed > 0)
		check_set(result, CHECK_WARN, "matchlock gc",
			  "sandboxes that have crashed: %zu of %zu", crashed, rows.count);
	else
		check_set(result, CHECK_PASS, NULL, "sandboxes: %zu", rows.count);
}

void check_store(const struct subject *subject, struct check_result *result)
{
	AUTO_FREE char *path = path_join(subject->cache_home, "images/metadata.db");
	AUTO(auto_store) struct store *store = NULL;
	AUTO(image_rows_done) struct image_rows rows = {0};
	size_t broken = 0;
	struct err err;

	if (!is_there(path, "export MATCHLOCK_CACHE=<a folder of your own>", "no image yet",
		      result))
		return;
	if (store_open(subject->cache_home, &store, &err) < 0 ||
	    store_list(store, &rows, &err) < 0) {
		check_set(result, CHECK_FAIL, "matchlock image ls", "%s", err.msg);
		return;
	}
	for (size_t i = 0; i < rows.count; i++) {
		AUTO(auto_image) struct image *image = NULL;

		broken += store_find(store, rows.rows[i].tag, &image, &err) < 0;
	}
	if (broken > 0)
		check_set(result, CHECK_FAIL, "matchlock image check",
			  "images that lack layers: %zu of %zu (%s)", broken, rows.count, err.msg);
	else
		check_set(result, CHECK_PASS, NULL, "images: %zu, all with their layers",
			  rows.count);
}
