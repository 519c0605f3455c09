// SPDX-License-Identifier: MIT
/*
 * Modules: see module.h.  The index files are depmod's text ones, read whole: a request is rare and
 * the files are small.  A line of modules.dep names all that a module needs, nearest first, so it
 * is loaded from its end.
 *
 * Failure modes: no modules mounted, no such module, a module that the kernel refuses: the request
 * fails and the kernel tells its caller (ENODEV, EPROTONOSUPPORT ...).
 */
#include "guest/module.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "guest/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { NAME_SIZE = 256 };

int module_load(const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return err_sys(err, errno, "load module '%s'", path);
	return 0;
}

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

/* `-` becomes `_`, but not in a [bracket], where it is a range. */
static bool normalise(const char *text, char ret_text[NAME_SIZE])
{
	size_t len = strlen(text);
	bool bracket = false;

	if (len >= NAME_SIZE)
		return false;
	for (size_t i = 0; i <= len; i++) {
		bracket = text[i] == '[' || (bracket && text[i] != ']');
		ret_text[i] = bracket ? text[i] : fold(text[i]);
	}
	return true;
}

bool module_matches(const char *pattern, const char *name)
{
	char folded_pattern[NAME_SIZE], folded_name[NAME_SIZE];

	/* Most lines differ from the name before their first wildcard. */
	for (size_t i = 0; !strchr("*?[", pattern[i]); i++) {
		if (fold(pattern[i]) != fold(name[i]))
			return false;
	}
	return normalise(pattern, folded_pattern) && normalise(name, folded_name) &&
	       fnmatch(folded_pattern, folded_name, 0) == 0;
}

/* Cuts the first line off `text`. */
static struct view next_line(struct view *text)
{
	const char *end = memchr(text->ptr, '\n', text->len);
	struct view line = {text->ptr, end ? (size_t)(end - text->ptr) : text->len};
	size_t used = line.len + (end ? 1 : 0);

	text->ptr += used;
	text->len -= used;
	return line;
}

/* Cuts the next blank-ended word off `line` into a string.  False at the end, or when too long. */
static bool next_word(struct view *line, char *ret_word, size_t size)
{
	size_t len = 0;

	while (line->len > 0 && *line->ptr == ' ') {
		line->ptr++;
		line->len--;
	}
	while (len < line->len && line->ptr[len] != ' ')
		len++;
	if (len == 0 || len >= size)
		return false;
	memcpy(ret_word, line->ptr, len);
	ret_word[len] = '\0';
	line->ptr += len;
	line->len -= len;
	return true;
}

void module_aliases(struct view alias_text, const char *name,
		    void (*found)(void *ctx, const char *module), void *ctx)
{
	char word[NAME_SIZE], pattern[NAME_SIZE], module[NAME_SIZE];

	while (alias_text.len > 0) {
		struct view line = next_line(&alias_text);

		if (next_word(&line, word, sizeof(word)) && strcmp(word, "alias") == 0 &&
		    next_word(&line, pattern, sizeof(pattern)) &&
		    next_word(&line, module, sizeof(module)) && module_matches(pattern, name))
			found(ctx, module);
	}
}

/* True if the file name of the path `path` is `name` and ".ko". */
static bool path_is_module(struct view path, const char *name)
{
	const char *slash = memrchr(path.ptr, '/', path.len);
	size_t start = slash ? (size_t)(slash + 1 - path.ptr) : 0;
	size_t len = strlen(name);

	if (path.len - start != len + 3 || memcmp(path.ptr + path.len - 3, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (fold(path.ptr[start + i]) != fold(name[i]))
			return false;
	}
	return true;
}

struct view module_dep_line(struct view dep_text, const char *name)
{
	while (dep_text.len > 0) {
		struct view line = next_line(&dep_text);
		const char *colon = memchr(line.ptr, ':', line.len);

		if (colon &&
		    path_is_module((struct view){line.ptr, (size_t)(colon - line.ptr)}, name))
			return line;
	}
	return (struct view){"", 0};
}

struct request {
	const char *dir;
	struct view dep;
	bool any; /* something was loaded */
	struct err *err;
	bool failed;
};

/* Loads the paths of `line` from its end to its beginning. */
static int load_line(const char *dir, struct view line, struct err *err)
{
	while (line.len > 0) {
		size_t start = line.len;
		size_t len;

		while (start > 0 && line.ptr[start - 1] != ' ')
			start--;
		len = line.len - start;
		if (len > 0 && line.ptr[start + len - 1] == ':')
			len--;
		if (len > 0) {
			AUTO_FREE char *path =
				xasprintf("%s/%.*s", dir, (int)len, line.ptr + start);

			if (module_load(path, err) < 0)
				return -1;
		}
		line.len = start > 0 ? start - 1 : 0;
	}
	return 0;
}

static void load_module(void *ctx, const char *module)
{
	struct request *request = ctx;
	struct view line = module_dep_line(request->dep, module);

	if (line.len == 0)
		return;
	if (load_line(request->dir, line, request->err) < 0)
		request->failed = true;
	else
		request->any = true;
}

int module_request(const char *name, struct err *err)
{
	AUTO_BUF struct buf alias = BUF_INIT(LIMIT_CONFIG_FILE), dep = BUF_INIT(LIMIT_CONFIG_FILE);
	AUTO_FREE char *dir = NULL, *alias_path = NULL, *dep_path = NULL;
	struct request request = {.err = err};
	struct utsname host;

	uname(&host);
	dir = xasprintf("%s/%s", GUEST_MODULES, host.release);
	alias_path = xasprintf("%s/modules.alias", dir);
	dep_path = xasprintf("%s/modules.dep", dir);
	if (fd_read_file(AT_FDCWD, dep_path, &dep, err) < 0 ||
	    fd_read_file(AT_FDCWD, alias_path, &alias, err) < 0)
		return -1;
	request.dir = dir;
	request.dep = (struct view){dep.ptr, dep.len};
	load_module(&request, name);
	if (!request.any && !request.failed)
		module_aliases((struct view){alias.ptr, alias.len}, name, load_module, &request);
	if (request.any)
		return 0;
	if (request.failed)
		return -1;
	return err_set(err, ERR_NOT_FOUND, "no module '%s' for kernel %s", name, host.release);
}
