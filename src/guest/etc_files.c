// SPDX-License-Identifier: MIT
/*
 * Files of /etc: see etc_files.h.  Each is made under its own name after the old one was removed:
 * a symbolic link of a hostile image then leads nowhere.  In a clone a file that is still ours and
 * as long as before is overwritten in place, which is much less work for the kernel.
 *
 * Failure modes: a directory in the place of a file, a full disk: the set-up fails by the file's
 * name.
 */
#include "guest/etc_files.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/strv.h"
#include "guest/fs.h"
#include "wire/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool overwrite(const char *path, const struct buf *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       (size_t)st.st_size == text->len &&
	       pwrite(fd, text->ptr, text->len, 0) == (ssize_t)text->len;
}

static int replace(const char *path, const struct buf *text, bool ours, struct err *err)
{
	AUTO_FD int fd = -1;

	if (buf_check(text, path, err) < 0)
		return -1;
	if (ours && overwrite(path, text))
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s'", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "create '%s'", path);
	return fd_write_all(fd, text->ptr, text->len, path, err);
}

static int write_hosts(const struct agent_setup *setup, bool ours, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	buf_printf(&text, "127.0.0.1 localhost localhost.localdomain %s\n", setup->hostname);
	for (size_t i = 0; setup->hosts && setup->hosts[i]; i++)
		buf_printf(&text, "%s\n", setup->hosts[i]);
	buf_puts(&text, "::1 localhost ip6-localhost ip6-loopback\n"
			"ff02::1 ip6-allnodes\n"
			"ff02::2 ip6-allrouters\n");
	return replace("/etc/hosts", &text, ours, err);
}

static int write_resolv_conf(const struct agent_setup *setup, bool ours, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	for (size_t i = 0; setup->dns && setup->dns[i]; i++)
		buf_printf(&text, "nameserver %s\n", setup->dns[i]);
	return replace("/etc/resolv.conf", &text, ours, err);
}

static int write_hostname(const struct agent_setup *setup, bool ours, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	buf_printf(&text, "%s\n", setup->hostname);
	return replace("/etc/hostname", &text, ours, err);
}

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

static int write_machine_id(const struct agent_setup *setup, bool ours, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	for (size_t i = 0; i < sizeof(setup->machine_id); i++)
		buf_printf(&text, "%02x", setup->machine_id[i]);
	buf_putc(&text, '\n');
	return replace("/etc/machine-id", &text, ours, err);
}

int etc_files_write(const struct agent_setup *setup, bool *ret_own_id, struct err *err)
{
	if (fs_mkdirs("/etc", 0755, err) < 0 || write_hostname(setup, false, err) < 0 ||
	    write_hosts(setup, false, err) < 0 || write_resolv_conf(setup, false, err) < 0)
		return -1;
	*ret_own_id = !has_machine_id();
	return *ret_own_id ? write_machine_id(setup, false, err) : 0;
}

int etc_files_rewrite(const struct agent_setup *before, bool own_id,
		      const struct agent_setup *setup, struct err *err)
{
	bool renamed = strcmp(before->hostname, setup->hostname) != 0;

	if (renamed && write_hostname(setup, true, err) < 0)
		return -1;
	if ((renamed || !strv_equals(before->hosts, setup->hosts)) &&
	    write_hosts(setup, true, err) < 0)
		return -1;
	if (!strv_equals(before->dns, setup->dns) && write_resolv_conf(setup, true, err) < 0)
		return -1;
	return own_id ? write_machine_id(setup, true, err) : 0;
}
