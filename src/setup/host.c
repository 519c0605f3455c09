// SPDX-License-Identifier: MIT
/*
 * Acts on the host: see host.h.  Called by the steps of set-up, as root.
 *
 * Each is tried anew at every run of set-up: what is already as it should be is recognised from the
 * host itself, never from a note of ours.  Programs get the caller's environment, so that package
 * managers find their proxies, and may take up to RUN_MS.
 */
#include "setup/host.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { RUN_MS = 30 * 60 * 1000 }; /* a package over a slow line */

static void say(const char *mark, const char *fmt, va_list args) ML_PRINTF(2, 0);
static void say(const char *mark, const char *fmt, va_list args)
{
	printf("%s ", mark);
	vprintf(fmt, args);
	printf("\n");
	fflush(stdout); /* a step may take minutes */
}

void host_done(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("✓", fmt, args);
	va_end(args);
}

void host_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("⚠", fmt, args);
	va_end(args);
}

/* Tells what is done next.  True if it is to be done. */
static bool announce(const struct host *host, const char *fmt, ...) ML_PRINTF(2, 3);
static bool announce(const struct host *host, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(host->dry_run ? "would" : "→", fmt, args);
	va_end(args);
	return !host->dry_run;
}

bool host_has(const char *program)
{
	AUTO_FREE char *path = NULL;
	struct err err;

	return proc_find(program, &path, &err) == 0;
}

int host_run(const struct host *host, const char *const *argv, struct err *err)
{
	AUTO_BUF struct buf words = BUF_INIT(LIMIT_COMMAND);
	AUTO(auto_strv) char **env = strv_copy(environ);
	AUTO(auto_strv) char **args = strv_copy((char *const *)argv);
	AUTO_FREE char *path = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;

	for (size_t i = 0; argv[i]; i++)
		buf_printf(&words, " %s", argv[i]);
	if (!announce(host, "run%s", words.ptr))
		return 0;
	if (proc_find(argv[0], &path, err) < 0)
		return err_set(err, ERR_UNAVAILABLE, "%s is not installed", argv[0]);
	free(args[0]);
	args[0] = STEAL(path);
	strv_setenv(&env, "DEBIAN_FRONTEND=noninteractive");
	spec.argv = args;
	spec.env = env;
	return proc_run(&spec, RUN_MS, err);
}

static bool holds(const char *path, const char *text)
{
	AUTO_BUF struct buf now = BUF_INIT(LIMIT_CONFIG_FILE);
	struct err err;

	return fd_read_file(AT_FDCWD, path, &now, &err) == 0 && now.len == strlen(text) &&
	       memcmp(now.ptr, text, now.len) == 0;
}

int host_write(const struct host *host, const char *path, const char *text, struct err *err)
{
	AUTO_FREE char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (holds(path, text)) {
		host_done("%s is there", path);
		return 0;
	}
	if (!announce(host, "write %s", path))
		return 0;
	if (path_mkdirs(dir, 0755, err) < 0)
		return -1;
	return fd_write_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int host_make_device(const struct host *host, const char *path, dev_t device, struct err *err)
{
	AUTO_FREE char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISCHR(st.st_mode) && st.st_rdev == device)
			return 0;
		return err_set(err, ERR_CONFLICT, "'%s' is another file: remove it", path);
	}
	if (errno != ENOENT)
		return err_sys(err, errno, "stat '%s'", path);
	if (!announce(host, "make %s", path))
		return 0;
	if (path_mkdirs(dir, 0755, err) < 0)
		return -1;
	if (mknod(path, S_IFCHR | 0600, device) < 0)
		return err_sys(err, errno, "make '%s'", path);
	return 0;
}

int host_own(const struct host *host, const char *path, const char *group, mode_t mode,
	     struct err *err)
{
	const struct group *entry;

	if (!announce(host, "give %s to root:%s, mode %04o", path, group, (unsigned)mode))
		return 0;
	entry = getgrnam(group);
	if (!entry)
		return err_set(err, ERR_NOT_FOUND, "there is no group '%s'", group);
	/* The group first: with the mode first, the group that it had could open it meanwhile. */
	if (chown(path, 0, entry->gr_gid) < 0)
		return err_sys(err, errno, "change the owner of '%s'", path);
	if (chmod(path, mode) < 0)
		return err_sys(err, errno, "change the mode of '%s'", path);
	return 0;
}
