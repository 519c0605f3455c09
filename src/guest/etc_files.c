// SPDX-License-Identifier: MIT
/*
 * Files of /etc: see etc_files.h.  Each is made under its own name after the old one was removed:
 * a symbolic link of a hostile image then leads nowhere.
 *
 * Failure modes: a directory in the place of a file, a full disk: the set-up fails by the file's
 * name.
 */
#include "guest/etc_files.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "guest/fs.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hostname_text(const struct agent_setup *setup, struct buf *text)
{
	buf_printf(text, "%s\n", setup->hostname);
}

static void hosts_text(const struct agent_setup *setup, struct buf *text)
{
	buf_printf(text, "127.0.0.1 localhost localhost.localdomain %s\n", setup->hostname);
	for (size_t i = 0; setup->hosts && setup->hosts[i]; i++)
		buf_printf(text, "%s\n", setup->hosts[i]);
	buf_puts(text, "::1 localhost ip6-localhost ip6-loopback\n"
		       "ff02::1 ip6-allnodes\n"
		       "ff02::2 ip6-allrouters\n");
}

static void resolv_conf_text(const struct agent_setup *setup, struct buf *text)
{
	for (size_t i = 0; setup->dns && setup->dns[i]; i++)
		buf_printf(text, "nameserver %s\n", setup->dns[i]);
}

static void machine_id_text(const struct agent_setup *setup, struct buf *text)
{
	for (size_t i = 0; i < sizeof(setup->machine_id); i++)
		buf_printf(text, "%02x", setup->machine_id[i]);
	buf_putc(text, '\n');
}

static const struct {
	const char *path;
	void (*text)(const struct agent_setup *setup, struct buf *text);
} files[ETC_FILES] = {
	[ETC_HOSTNAME] = {"/etc/hostname", hostname_text},
	[ETC_HOSTS] = {"/etc/hosts", hosts_text},
	[ETC_RESOLV_CONF] = {"/etc/resolv.conf", resolv_conf_text},
	[ETC_MACHINE_ID] = {"/etc/machine-id", machine_id_text},
};

/* True if the image has decided: a link (to a place of its own) or a file with an id in it. */
static bool has_machine_id(void)
{
	char line[64];
	struct stat st;

	if (lstat("/etc/machine-id", &st) < 0)
		return errno != ENOENT;
	if (!S_ISREG(st.st_mode))
		return true;
	fs_read_line("/etc/machine-id", line, sizeof(line));
	return line[0] != '\0' && strcmp(line, "uninitialized") != 0;
}

static int replace(const struct agent_setup *setup, enum etc_file file, struct err *err)
{
	const char *path = files[file].path;
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);
	AUTO_FD int fd = -1;

	files[file].text(setup, &text);
	if (buf_check(&text, path, err) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s'", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "create '%s'", path);
	return fd_write_all(fd, text.ptr, text.len, path, err);
}

int etc_files_write(const struct agent_setup *setup, unsigned *ret_mask, struct err *err)
{
	*ret_mask = 0;
	if (fs_mkdirs("/etc", 0755, err) < 0)
		return -1;
	for (unsigned i = 0; i < ETC_FILES; i++) {
		if (i == ETC_MACHINE_ID && has_machine_id())
			continue;
		if (replace(setup, i, err) < 0)
			return -1;
		*ret_mask |= BIT(i);
	}
	return 0;
}

int etc_files_open(unsigned mask, int ret_fds[ETC_FILES], struct err *err)
{
	for (unsigned i = 0; i < ETC_FILES; i++) {
		ret_fds[i] = -1;
		if (!(mask & BIT(i)))
			continue;
		ret_fds[i] = open(files[i].path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (ret_fds[i] < 0)
			return err_sys(err, errno, "open '%s'", files[i].path);
	}
	return 0;
}

void etc_files_close(int fds[ETC_FILES])
{
	for (unsigned i = 0; i < ETC_FILES; i++) {
		auto_close_(&fds[i]);
		fds[i] = -1;
	}
}

int etc_files_rewrite(const struct agent_setup *before, const struct agent_setup *setup,
		      const int fds[ETC_FILES], struct err *err)
{
	for (unsigned i = 0; i < ETC_FILES; i++) {
		AUTO_BUF struct buf old = BUF_INIT(LIMIT_CONFIG_FILE);
		AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

		if (fds[i] < 0)
			continue;
		files[i].text(before, &old);
		files[i].text(setup, &text);
		if (buf_check(&text, files[i].path, err) < 0)
			return -1;
		if (view_equals((struct view){old.ptr, old.len}, text.ptr))
			continue;
		if (pwrite(fds[i], text.ptr, text.len, 0) != (ssize_t)text.len ||
		    (text.len < old.len && ftruncate(fds[i], (off_t)text.len) < 0))
			return err_sys(err, errno, "write '%s'", files[i].path);
	}
	return 0;
}
