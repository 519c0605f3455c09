// SPDX-License-Identifier: MIT
/*
 * The value of `--disk`: see disk_mount.h.  Paths with a colon cannot be given, as in the
 * reference.
 */
#include "api/disk_mount.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void disk_mount_done(struct disk_mount *mount)
{
	free(mount->host_path);
	free(mount->guest_mount);
	*mount = (struct disk_mount){0};
}

/* The parts of `text` between its colons. */
static char **split(const char *text)
{
	char **parts = NULL;

	for (;;) {
		size_t len = strcspn(text, ":");

		strv_take(&parts, xstrndup(text, len));
		if (!text[len])
			return parts;
		text += len + 1;
	}
}

static bool characters_ok(const char *path)
{
	for (; *path; path++) {
		if (!isalnum((unsigned char)*path) && !strchr("/_.-", *path))
			return false;
	}
	return true;
}

/* `path` without empty parts, malloc'ed: "" for the root; NULL when it has "." or "..". */
static char *normalise(const char *path)
{
	AUTO_FREE char *clean = xcalloc(strlen(path) + 2, 1);
	size_t at = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if ((len == 1 && path[0] == '.') || (len == 2 && strncmp(path, "..", 2) == 0))
			return NULL;
		if (len > 0) {
			clean[at++] = '/';
			memcpy(clean + at, path, len);
			at += len;
		}
		path += len + (path[len] == '/');
	}
	return STEAL(clean);
}

static int parse_guest(const char *path, char **ret_path, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(path);
	AUTO_FREE char *clean = NULL;

	if (path[0] == '/' && strlen(path) <= LIMIT_GUEST_PATH && characters_ok(path))
		clean = normalise(path);
	if (!clean || !*clean)
		return err_set(err, ERR_INVALID,
			       "invalid guest mount path %s: use an absolute path below /, of at "
			       "most %d letters, digits and \"/_.-\", without \"..\"",
			       shown, LIMIT_GUEST_PATH);
	*ret_path = STEAL(clean);
	return 0;
}

static int parse_option(const char *option, bool *ret_read_only, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(option);

	*ret_read_only = strcasecmp(option, "ro") == 0 || strcasecmp(option, "readonly") == 0;
	if (!*ret_read_only)
		return err_set(err, ERR_INVALID, "unknown disk option %s (use \"ro\")", shown);
	return 0;
}

int disk_mount_parse(const char *text, struct disk_mount *ret_mount, struct err *err)
{
	AUTO(disk_mount_done) struct disk_mount mount = {0};
	AUTO(auto_strv) char **parts = split(text);
	size_t count = strv_count(parts);

	if (count < 2 || count > 3 || !*parts[0])
		return err_set(err, ERR_INVALID,
			       "expected FILE:GUEST or @VOLUME:GUEST, and :ro after it or not");
	if (parse_guest(parts[1], &mount.guest_mount, err) < 0 ||
	    (count == 3 && parse_option(parts[2], &mount.read_only, err) < 0))
		return -1;
	mount.host_path = xstrdup(parts[0]);
	*ret_mount = mount;
	mount = (struct disk_mount){0};
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct disk_mount *)a)->guest_mount,
		      ((const struct disk_mount *)b)->guest_mount);
}

int disk_mounts_order(struct disk_mount *mounts, size_t count, struct err *err)
{
	if (count > 0)
		qsort(mounts, count, sizeof(*mounts), compare);
	for (size_t i = 1; i < count; i++) {
		if (compare(&mounts[i - 1], &mounts[i]) == 0)
			return err_set(err, ERR_INVALID, "two disks are to be mounted at \"%s\"",
				       mounts[i].guest_mount);
	}
	return 0;
}
