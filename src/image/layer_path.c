// SPDX-License-Identifier: MIT
/* See layer_path.h. */
#include "image/layer_path.h"

#include "base/limits.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

static const char whiteout_prefix[] = ".wh.", meta_prefix[] = ".wh..wh.",
		  opaque_name[] = ".wh..wh..opq";

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

int layer_path_clean(const char *raw, struct buf *ret_path, struct err *err)
{
	buf_clear(ret_path);
	for (size_t len; *raw; raw += len) {
		len = strcspn(raw, "/");
		if (len == 0) {
			len = 1;
			continue;
		}
		if (len == 1 && raw[0] == '.')
			continue;
		if (len == 2 && raw[0] == '.' && raw[1] == '.')
			return err_set(err, ERR_INVALID, "the path has a component '..'");
		if (len > NAME_MAX)
			return err_set(err, ERR_LIMIT, "a name is longer than %d bytes", NAME_MAX);
		if (ret_path->len > 0)
			buf_putc(ret_path, '/');
		buf_put(ret_path, raw, len);
		if (ret_path->len > LIMIT_EROFS_PATH)
			return err_set(err, ERR_LIMIT, "the path is longer than %d bytes",
				       LIMIT_EROFS_PATH);
	}
	if (ret_path->len == 0)
		buf_putc(ret_path, '.');
	return buf_check(ret_path, "the path", err);
}

static bool is_meta(const char *path)
{
	const char *at = path;

	while (at) {
		at += *at == '/';
		if (has_prefix(at, meta_prefix))
			return true;
		at = strchr(at, '/');
	}
	return false;
}

/* Cuts the path to its directory. */
static void cut_to_dir(struct buf *path, size_t dir_len)
{
	path->len = dir_len;
	path->ptr[dir_len] = '\0';
	if (dir_len == 0)
		buf_putc(path, '.');
}

int layer_path_kind(struct buf *path, enum layer_path_kind *ret_kind, struct err *err)
{
	const char *slash = strrchr(path->ptr, '/');
	size_t dir_len = slash ? (size_t)(slash - path->ptr) : 0;
	size_t at = slash ? dir_len + 1 : 0, skip = strlen(whiteout_prefix);
	const char *name = path->ptr + at;

	*ret_kind = LAYER_PATH_ENTRY;
	if (strcmp(name, opaque_name) == 0) {
		*ret_kind = LAYER_PATH_OPAQUE;
		cut_to_dir(path, dir_len);
	} else if (is_meta(path->ptr)) {
		*ret_kind = LAYER_PATH_IGNORED;
	} else if (has_prefix(name, whiteout_prefix)) {
		const char *hidden = name + skip;

		if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
			return err_set(err, ERR_INVALID, "a whiteout of no name");
		*ret_kind = LAYER_PATH_WHITEOUT;
		memmove(path->ptr + at, hidden, path->len - at - skip + 1);
		path->len -= skip;
	}
	return 0;
}
