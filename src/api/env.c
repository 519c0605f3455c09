// SPDX-License-Identifier: MIT
/*
 * Environment entries: see env.h.  A file is read as a whole, so that line numbers, limits and
 * pipes need no state; nothing is added from a line that fails.
 */
#include "api/env.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct view trimmed(const char *text, size_t len)
{
	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	return (struct view){text, len};
}

int env_add(char ***list, const char *entry, struct err *err)
{
	const char *equals = strchr(entry, '=');
	struct view name = trimmed(entry, equals ? (size_t)(equals - entry) : strlen(entry));
	AUTO_FREE char *key = xstrndup(name.ptr, name.len);
	const char *value = equals ? equals + 1 : getenv(key);
	AUTO_FREE char *shown = text_quoted(key);

	if (!*key)
		return err_set(err, ERR_INVALID, "environment variable name cannot be empty");
	if (!text_is_utf8(key))
		return err_set(err, ERR_INVALID, "the name %s is not valid UTF-8", shown);
	if (!value)
		return err_set(err, ERR_INVALID, "environment variable is not set $%.*s", 200, key);
	if (!text_is_utf8(value))
		return err_set(err, ERR_INVALID, "the value of %s is not valid UTF-8", shown);
	if (strv_count(*list) >= LIMIT_ENV_COUNT)
		return err_set(err, ERR_LIMIT, "more than %d entries", LIMIT_ENV_COUNT);
	if (strlen(key) + 1 + strlen(value) > LIMIT_ENV_ENTRY)
		return err_set(
			err, ERR_LIMIT,
			"%s is %zu bytes long with its value, the limit is %d bytes: pass long "
			"data on standard input (-i) instead",
			shown, strlen(key) + 1 + strlen(value), LIMIT_ENV_ENTRY);
	strv_take(list, xasprintf("%s=%s", key, value));
	return 0;
}

static int add_line(char ***list, const char *line, size_t len, struct err *err)
{
	struct view text = trimmed(line, len);
	AUTO_FREE char *entry = NULL;

	if (text.len == 0 || text.ptr[0] == '#')
		return 0;
	if (len > LIMIT_ENV_FILE_LINE)
		return err_set(err, ERR_LIMIT, "the line is longer than %d bytes",
			       LIMIT_ENV_FILE_LINE);
	if (memchr(text.ptr, '\0', text.len))
		return err_set(err, ERR_INVALID, "the line contains a NUL byte");
	entry = xstrndup(text.ptr, text.len);
	return env_add(list, entry, err);
}

/* Go's words for an errno, which scripts match: strerror's begin with a capital. */
static int file_error(const char *operation, const char *path, int errnum, struct err *err)
{
	const char *reason = strerror(errnum);

	err_sys_(err, errnum, "%s", path); /* for the code */
	return err_set(err, err->code, "read env file: %s %.300s: %c%s", operation, path,
		       tolower((unsigned char)*reason), reason + 1);
}

static int read_file(const char *path, struct buf *text, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return file_error("open", path, errno, err);
	if (fd_read_to_end(fd, text, path, err) < 0) {
		if (err->sys)
			return file_error("read", path, err->sys, err);
		return err_wrap(err, "read env file");
	}
	return 0;
}

int env_add_file(char ***list, const char *path, struct err *err)
{
	struct buf text AUTO_BUF = BUF_INIT(LIMIT_CONFIG_FILE);
	const char *line, *end;
	size_t number = 1;

	if (read_file(path, &text, err) < 0)
		return -1;
	for (line = text.ptr, end = text.ptr + text.len; line < end; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);

		if (add_line(list, line, len, err) < 0)
			return err_wrap(err, "parse env file line %.300s:%zu", path, number);
		line += len + 1;
	}
	return 0;
}

int env_compose(char *const *image, char *const *own, char ***ret_env, struct err *err)
{
	AUTO(auto_strv) char **env = NULL;
	size_t total = 0;

	for (size_t i = 0; image && image[i]; i++) {
		if (strchr(image[i], '='))
			strv_setenv(&env, image[i]);
	}
	for (size_t i = 0; own && own[i]; i++)
		strv_setenv(&env, own[i]);
	for (size_t i = 0; env && env[i]; i++)
		total += strlen(env[i]) + 1;
	if (total > LIMIT_ENV_TOTAL)
		return err_set(
			err, ERR_LIMIT,
			"the environment is %zu bytes large, the limit is %d bytes: pass long "
			"data on standard input (-i) instead",
			total, LIMIT_ENV_TOTAL);
	*ret_env = STEAL(env);
	return 0;
}

json_t *env_to_json(char *const *env)
{
	json_t *object = json_object();

	for (size_t i = 0; env && env[i]; i++) {
		const char *equals = strchr(env[i], '=');
		AUTO_FREE char *name = NULL;

		if (!equals)
			continue;
		name = xstrndup(env[i], (size_t)(equals - env[i]));
		json_object_set_new(object, name, json_string(equals + 1));
	}
	return object;
}
