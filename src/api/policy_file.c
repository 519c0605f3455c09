// SPDX-License-Identifier: MIT
/*
 * Policy files: see policy_file.h.  A file is read as a whole, then line by line through a table of
 * keywords; an include is read where it stands.  All caps are counted over the whole tree of files,
 * so that no shape of it is dear.  The first wrong line ends it.
 */
#include "api/policy_file.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct reader {
	struct policy_spec *spec;
	const char *path; /* of the file that is being read; NULL: text from memory */
	int depth;
	int files;   /* so far */
	size_t room; /* bytes that may still be read */
};

struct keyword {
	const char *name;
	int (*read)(struct reader *reader, const char *value, struct err *err);
	size_t list; /* offset of the spec's list that holds the values; 0 = none */
};

static int read_file(struct reader *reader, const char *path, struct err *err);

static int read_host(struct reader *reader, const char *value, struct err *err)
{
	char *const hosts[] = {(char *)value, NULL};
	AUTO(auto_strv) char **added = NULL;

	return policy_spec_add_hosts(reader->spec, hosts, &added, err);
}

static int read_private(struct reader *reader, const char *value, struct err *err)
{
	return policy_spec_add_private(reader->spec, value, err);
}

static int read_service(struct reader *reader, const char *value, struct err *err)
{
	return policy_spec_add_service(reader->spec, value, err);
}

static int read_include(struct reader *reader, const char *value, struct err *err)
{
	const char *slash = reader->path ? strrchr(reader->path, '/') : NULL;
	AUTO_FREE char *path = NULL;

	if (!reader->path)
		return err_set(err, ERR_INVALID, "include is for files");
	if (value[0] == '/' || !slash)
		path = xstrdup(value);
	else
		path = xasprintf("%.*s%s", (int)(slash - reader->path + 1), reader->path, value);
	return read_file(reader, path, err);
}

static const struct keyword keywords[] = {
	{"allow-host", read_host, offsetof(struct policy_spec, allow_hosts)},
	{"allow-private", read_private, offsetof(struct policy_spec, allow_private)},
	{"allow-host-service", read_service, offsetof(struct policy_spec, host_services)},
	{"include", read_include, 0},
};

/* Cuts the comment, which begins with a `#` after a blank, and the blanks around what is left. */
static char *bare_line(const char *line, size_t len)
{
	size_t start = 0, end = 0;

	while (end < len &&
	       !(line[end] == '#' && (end == 0 || isspace((unsigned char)line[end - 1]))))
		end++;
	while (end > 0 && isspace((unsigned char)line[end - 1]))
		end--;
	while (start < end && isspace((unsigned char)line[start]))
		start++;
	return xstrndup(line + start, end - start);
}

static int read_line(struct reader *reader, const char *line, size_t len, struct err *err)
{
	AUTO_FREE char *text = bare_line(line, len), *shown = NULL;
	size_t word = strcspn(text, " \t");
	const char *value = text + word + strspn(text + word, " \t");

	if (memchr(line, '\0', len))
		return err_set(err, ERR_INVALID, "the line contains a NUL byte");
	if (!*text)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		const struct keyword *keyword = &keywords[i];

		if (strlen(keyword->name) != word || memcmp(keyword->name, text, word) != 0)
			continue;
		if (!*value)
			return err_set(err, ERR_INVALID, "'%s' needs a value", keyword->name);
		return keyword->read(reader, value, err);
	}
	shown = text_quoted(text);
	return err_set(err, ERR_INVALID,
		       "expected allow-host, allow-private, allow-host-service or include, and a "
		       "value, not %s",
		       shown);
}

static int read_text(struct reader *reader, struct view text, struct err *err)
{
	const char *line = text.ptr, *end = text.ptr + text.len;

	reader->spec->listed = true;
	for (size_t number = 1; line < end; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);

		if (read_line(reader, line, len, err) < 0)
			return reader->path ? err_wrap(err, "%.200s:%zu", reader->path, number)
					    : err_wrap(err, "line %zu", number);
		line += len + 1;
	}
	return 0;
}

static int load(const struct reader *reader, const char *path, struct buf *text, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "read policy file '%.200s'", path);
	text->max = reader->room;
	if (fd_read_to_end(fd, text, path, err) == 0)
		return 0;
	if (err->code == ERR_LIMIT)
		return err_set(err, ERR_LIMIT,
			       "policy file '%.200s' and those around it are larger than %d bytes",
			       path, LIMIT_POLICY_BYTES);
	return -1;
}

static int read_file(struct reader *reader, const char *path, struct err *err)
{
	struct buf text AUTO_BUF = BUF_INIT(0);
	struct reader inner = *reader;
	int rc;

	if (reader->depth == LIMIT_POLICY_DEPTH)
		return err_set(err, ERR_LIMIT,
			       "'%.200s' is included more than %d deep: does a file include "
			       "itself?",
			       path, LIMIT_POLICY_DEPTH);
	if (reader->files == LIMIT_POLICY_FILES)
		return err_set(err, ERR_LIMIT, "more than %d policy files", LIMIT_POLICY_FILES);
	if (load(reader, path, &text, err) < 0)
		return -1;
	inner.path = path;
	inner.depth++;
	inner.files++;
	inner.room -= text.len;
	rc = read_text(&inner, (struct view){text.ptr, text.len}, err);
	reader->files = inner.files;
	reader->room = inner.room;
	return rc;
}

int policy_file_read(struct policy_spec *spec, const char *path, struct err *err)
{
	struct reader reader = {.spec = spec, .room = LIMIT_POLICY_BYTES};

	return read_file(&reader, path, err);
}

int policy_file_parse(struct policy_spec *spec, struct view text, struct err *err)
{
	struct reader reader = {.spec = spec};

	return read_text(&reader, text, err);
}

void policy_file_write(const struct policy_spec *spec, struct buf *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		const struct keyword *keyword = &keywords[i];
		char *const *value = NULL;

		if (keyword->list)
			value = *(char **const *)((const char *)spec + keyword->list);
		for (; value && *value; value++)
			buf_printf(text, "%s %s\n", keyword->name, *value);
	}
}
