// SPDX-License-Identifier: MIT
/*
 * The two devices of a sandbox: see devices.h.
 *
 * Each goes to root and its group, mode 0660, as Debian gives them.  What every user may open, as
 * udev's own rule has it for /dev/net/tun, is not narrowed: other programs of other users rely on
 * it.  /dev is made anew at each boot, so the same is written down for udev and for
 * systemd-tmpfiles, whichever the host has, but only for what was changed.
 */
#include "setup/devices.h"

#include "base/buf.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HEAD "# Written by \"matchlock setup linux\": devices of sandboxes.\n"

#define UDEV	 "udevadm"
#define TMPFILES "systemd-tmpfiles"

enum { RULES_MAX = 4096, MISC_MAJOR = 10, DEVICE_MODE = 0660, OPEN_TO_ALL = 0006 };

struct device {
	const char *path, *group;
	const char *udev;     /* the rule's line */
	const char *tmpfiles; /* likewise */
	unsigned minor;	      /* its major is MISC_MAJOR */
	bool is_made;	      /* if it does not exist: the kernel then loads its module */
};

static const struct device devices[] = {
	{
		.path = "/dev/net/tun",
		.group = "netdev",
		.udev = "KERNEL==\"tun\", GROUP=\"netdev\", MODE=\"0660\", "
			"OPTIONS+=\"static_node=net/tun\"\n",
		.tmpfiles = "d /dev/net 0755 root root -\n"
			    "c /dev/net/tun 0660 root netdev - 10:200\n",
		.minor = 200,
		.is_made = true,
	},
	{
		.path = "/dev/kvm",
		.group = "kvm",
		.udev = "KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\", "
			"OPTIONS+=\"static_node=kvm\"\n",
		.tmpfiles = "z /dev/kvm 0660 root kvm -\n",
		.minor = 232,
	},
};

static bool belongs_to(const struct stat *st, const char *group)
{
	const struct group *entry = getgrnam(group);

	return entry && st->st_gid == entry->gr_gid;
}

/* *ret_ours: who may open it is our business, also after the next boot. */
static int open_up(const struct host *host, const struct device *device, bool *ret_ours,
		   struct err *err)
{
	bool exists;
	struct stat st;

	*ret_ours = true;
	if (device->is_made &&
	    host_make_device(host, device->path, makedev(MISC_MAJOR, device->minor), err) < 0)
		return -1;
	exists = stat(device->path, &st) == 0;
	if (exists && (st.st_mode & OPEN_TO_ALL) == OPEN_TO_ALL) {
		*ret_ours = false;
		host_done("%s: every user may open it", device->path);
		return 0;
	}
	if (!exists && !device->is_made) {
		host_warn("there is no %s: sandboxes are emulated in software until hardware "
			  "virtualisation is switched on in the firmware and 'modprobe kvm_intel' "
			  "or 'modprobe kvm_amd' has loaded its module",
			  device->path);
		return 0;
	}
	if (exists && (st.st_mode & 07777) == DEVICE_MODE && belongs_to(&st, device->group)) {
		host_done("%s: the group %s may open it", device->path, device->group);
		return 0;
	}
	return host_own(host, device->path, device->group, DEVICE_MODE, err);
}

/* Writes down what the host's `program` is to do at the next boot.  Where there is nothing to do,
 * only a file of an earlier run is brought up to date. */
static int write_down(const struct host *host, const char *program, const char *path,
		      const struct buf *text, struct err *err)
{
	if (!host_has(program) || (text->len == strlen(HEAD) && access(path, F_OK) < 0))
		return 0;
	return host_write(host, path, text->ptr, err);
}

int devices_open_up(const struct host *host, struct err *err)
{
	AUTO_BUF struct buf udev = BUF_INIT(RULES_MAX);
	AUTO_BUF struct buf tmpfiles = BUF_INIT(RULES_MAX);

	buf_puts(&udev, HEAD);
	buf_puts(&tmpfiles, HEAD);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		bool ours;

		if (open_up(host, &devices[i], &ours, err) < 0)
			return -1;
		buf_puts(&udev, ours ? devices[i].udev : "");
		buf_puts(&tmpfiles, ours ? devices[i].tmpfiles : "");
	}
	if (udev.len > strlen(HEAD) && !host_has(UDEV) && !host_has(TMPFILES))
		host_warn("this host has neither udev nor systemd-tmpfiles: run this again after "
			  "each boot");
	if (write_down(host, UDEV, "/etc/udev/rules.d/99-matchlock.rules", &udev, err) < 0)
		return -1;
	return write_down(host, TMPFILES, "/etc/tmpfiles.d/matchlock.conf", &tmpfiles, err);
}
